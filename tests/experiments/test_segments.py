"""The A/B test by segment: what is said of each, and what is not."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from recolab_assets.evaluation.segmentation import Segmentation, user_segmentations
from recolab_assets.experiments.ab_test import ShownAndClicked
from recolab_assets.experiments.segments import MIN_CLICKS, MIN_USERS, ab_segments
from recolab_assets.tables import TABLES


def _outcomes(arm, clicks) -> ShownAndClicked:
    n = len(arm)
    return ShownAndClicked(
        np.arange(n),
        np.asarray(arm),
        np.full(n, 10.0),
        np.asarray(clicks, float),
        np.zeros(n),
        np.full(n, "2024-12-01", "datetime64[D]"),
    )


def _segments(outcomes, segmentations, arms=("a", "b", "c")):
    table = ab_segments(outcomes, list(arms), segmentations, control="a", alpha=0.05)
    assert table.schema == TABLES["ab_segments"].arrow_schema
    return table.to_pylist()


def test_each_segment_is_tested_by_itself_and_corrected_with_the_others() -> None:
    rng = np.random.default_rng(1)
    n = 6_000
    arm, segment = rng.integers(0, 3, n), rng.integers(0, 2, n)
    clicks = rng.poisson(0.3 + 0.15 * ((arm == 1) & (segment == 1)))
    rows = _segments(_outcomes(arm, clicks), {"history": Segmentation(["new", "old"], segment)})
    assert [(row["segment"], row["arm"]) for row in rows] == [
        ("new", "b"),
        ("new", "c"),
        ("old", "b"),
        ("old", "c"),
    ]
    for row, number, which in zip(rows, (0, 0, 1, 1), (1, 2, 1, 2), strict=True):
        treated, control = (clicks[(segment == number) & (arm == a)] / 10 for a in (which, 0))
        welch = stats.ttest_ind(treated, control, equal_var=False)
        interval = welch.confidence_interval(0.95)
        assert row["p_value"] == pytest.approx(welch.pvalue)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))
        assert row["difference"] == pytest.approx(treated.mean() - control.mean())
        assert (row["n_users"], row["n_control_users"]) == (treated.size, control.size)
    adjusted = multipletests([row["p_value"] for row in rows], method="holm")[1]
    assert [row["p_adjusted"] for row in rows] == pytest.approx(adjusted.tolist())
    assert rows[2]["p_adjusted"] < 1e-3


def test_segments_that_are_too_small_say_nothing_and_cost_no_correction() -> None:
    few, enough = MIN_USERS - 1, 4 * MIN_USERS
    arm = np.repeat([0, 1, 0, 1, 0, 1], [enough, enough, enough, few, enough, enough])
    segment = np.repeat([0, 1, 2], [2 * enough, enough + few, 2 * enough])
    clicks = np.arange(arm.size) % 2
    clicks[segment == 2] = 0
    clicks[np.flatnonzero(segment == 2)[: MIN_CLICKS - 1]] = 1
    parts = {"category": Segmentation(["large", "few users", "few clicks"], segment)}
    large, *small = _segments(_outcomes(arm, clicks), parts, arms=("a", "b"))
    assert large["difference"] is not None and large["p_adjusted"] == large["p_value"]
    for row in small:
        assert row["ctr"] is not None and row["n_users"] > 0
        tested = ("difference", "ci_low", "ci_high", "p_value", "p_adjusted")
        assert all(row[column] is None for column in tested)


def test_a_segment_without_users_is_there_and_empty() -> None:
    parts = {"history": Segmentation(["new", "returning"], np.ones(4, int))}
    rows = _segments(_outcomes([0, 0, 1, 1], [1, 0, 1, 0]), parts, arms=("a", "b"))
    assert [(row["n_users"], row["ctr"] is None) for row in rows] == [(0, True), (2, False)]


def test_an_empty_log_has_segments_without_users() -> None:
    features = pa.table(
        {
            "user_id": pa.array([], pa.int32()),
            "n_events": pa.array([], pa.int64()),
            "top_category": pa.array([], pa.string()),
        }
    )
    parts = user_segmentations(features, np.empty(0, int))
    rows = _segments(_outcomes(np.empty(0, int), np.empty(0)), parts, arms=("a", "b"))
    assert [row["segment"] for row in rows] == ["low", "middle", "high", "new", "returning"]
    assert {row["n_users"] for row in rows} == {0}


def test_no_segment_stands_out_by_chance_more_often_than_promised() -> None:
    rng = np.random.default_rng(2)
    replicates, n, alarms = 1_000, 2_000, 0
    raw = []
    for _ in range(replicates):
        arm, segment = rng.integers(0, 3, n), rng.integers(0, 4, n)
        outcomes = _outcomes(arm, rng.poisson(0.5 * rng.gamma(2, 0.5, n)))
        rows = _segments(outcomes, {"category": Segmentation(list("wxyz"), segment)})
        raw.append([row["p_value"] < 0.05 for row in rows])
        alarms += min(row["p_adjusted"] for row in rows) < 0.05
    error = 3 * np.sqrt(0.05 * 0.95 / replicates)
    np.testing.assert_allclose(np.mean(raw, axis=0), 0.05, atol=1.1 * error)
    assert alarms / replicates <= 0.05 + error
    assert np.any(raw, axis=1).mean() > 0.2  # what the correction is for
