"""Checks that stop or warn, asked of files where what they look for is there."""

from pathlib import Path

import pytest
import yaml

from recolab_assets.checks import SAMPLE_RATIO_THRESHOLD, ranks_agree_with_means, sample_ratio
from recolab_assets.experiments.statistics import sample_ratio_p
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource


@pytest.fixture
def empty(tmp_path: Path) -> LabResource:
    config = tmp_path / "lab.yaml"
    config.write_text(yaml.safe_dump({"storage": {"database": str(tmp_path / "lab.duckdb")}}))
    return LabResource(config=str(config))


def _write(empty: LabResource, name: str, select: str) -> None:
    with empty.database.write() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS experiments")
        connection.execute(f"CREATE OR REPLACE TABLE experiments.{name} AS {select}")


def _expose(empty: LabResource, counts: list[int]) -> None:
    """Write a log in which each arm has its number of users, two rows each."""
    arms = " UNION ALL ".join(
        f"SELECT '{model}' AS arm, range + {number * 10**6} AS user_id FROM range({count})"
        for number, (model, count) in enumerate(zip(MODELS, counts, strict=True))
    )
    _write(empty, "ab_exposures", f"SELECT * FROM ({arms}), range(2)")


def test_two_arms_at_50_5_to_49_5_are_found_out_from_108_276_users_on() -> None:
    """χ² = N (2 × 0.005)², and its 99.9% point at one degree of freedom is 10.8276."""
    assert sample_ratio_p([54_680, 53_596]) < SAMPLE_RATIO_THRESHOLD
    assert sample_ratio_p([54_540, 53_460]) > SAMPLE_RATIO_THRESHOLD
    assert sample_ratio_p([5_050, 4_950]) > 0.3


def test_the_report_is_stopped_by_a_small_imbalance_of_many_users(empty) -> None:
    """The control misses 1 in 50 users of 20% each: the 50.5 : 49.5 of one arm with another."""
    assert all(spec.blocking for spec in sample_ratio.check_specs)
    _expose(empty, [29_400, 30_000, 30_000, 30_000, 30_000])
    assert sample_ratio(empty).passed  # χ² = 9.6 on 4 degrees: p = .047
    _expose(empty, [58_800, 60_000, 60_000, 60_000, 60_000])
    result = sample_ratio(empty)
    assert not result.passed  # twice the users, twice the χ²
    assert result.metadata["p_value"].value < SAMPLE_RATIO_THRESHOLD


def test_ranks_against_the_mean_are_warned_of_by_name(empty) -> None:
    row = "SELECT 'ctr' AS metric, 'als' AS arm, 0.002 AS difference, 0.48 AS superiority"
    _write(empty, "ab_comparisons", f"{row}, false AS ranks_disagree")
    assert ranks_agree_with_means(empty).passed
    _write(empty, "ab_comparisons", f"{row}, true AS ranks_disagree")
    result = ranks_agree_with_means(empty)
    assert not result.passed and result.severity.value == "WARN"
    assert "superiority 0.48" in result.metadata["ctr of als"].value
