"""Units of the long study, and how they are pooled."""

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.config import LabConfig, StudyConfig
from recolab_assets.experiments.study import Unit, pool_units, unit_rows, units_of
from recolab_assets.tables import TABLES

CONFIG = LabConfig()


def test_sources_of_noise_come_in_turn() -> None:
    study = StudyConfig(click_seeds=1, training_seeds=2, shop_seeds=3)
    assert [(unit.noise, unit.number) for unit in units_of(study)] == [
        ("clicks", 1),
        ("training", 1),
        ("shop", 1),
        ("training", 2),
        ("shop", 2),
        ("shop", 3),
    ]
    assert units_of(StudyConfig(click_seeds=0, training_seeds=0, shop_seeds=0)) == []


@pytest.mark.parametrize("noise", ["clicks", "training", "shop"])
def test_a_unit_draws_one_source_anew_and_nothing_else(noise) -> None:
    one, two = (Unit(noise, number).configured(CONFIG) for number in (1, 2))
    drawn = {
        "clicks": one.experiment_seed,
        "training": one.training_seed,
        "shop": one.data.random_seed,
    }
    changed = {name for name, seed in drawn.items() if seed != CONFIG.data.random_seed}
    # Another shop is met by other users and learnt from by other models.
    assert changed == ({"clicks", "training", "shop"} if noise == "shop" else {noise})
    assert (
        drawn[noise]
        != {
            "clicks": two.experiment_seed,
            "training": two.training_seed,
            "shop": two.data.random_seed,
        }[noise]
    )
    replicates = one.experiment.scorecard_replicates
    assert replicates == (
        CONFIG.experiment.scorecard_replicates if noise == "clicks" else CONFIG.study.replicates
    )
    assert one.shop == CONFIG.shop and one.split == CONFIG.split


def _scorecard(value, error, n_users=200):
    row = {
        "method": "ab_delta",
        "measure": "best_pick_rate",
        "setting": f"n_users={n_users}",
        "arms": "models",
        "model": None,
        "n_users": n_users,
        "value": value,
        "standard_error": error,
    }
    return pa.Table.from_pylist([row], schema=TABLES["method_scorecard"].arrow_schema)


TRUTH = pa.Table.from_pylist(
    [
        {"model": "als", "metric": "ctr", "value": 0.02},
        {"model": "als", "metric": "session_depth", "value": 8.0},
    ],
    schema=TABLES["truth"].arrow_schema,
)


def _unit(noise, number, value, error=0.1, **scorecard):
    unit, table = Unit(noise, number), _scorecard(value, error, **scorecard)
    return unit_rows(unit, "abc", table, TRUTH, {"offline": 2.0 + number})


def test_rows_of_a_unit_are_the_scorecard_the_truth_and_the_times() -> None:
    rows = {(r["method"], r["measure"], r["setting"]): r for r in _unit("shop", 3, 0.5).to_pylist()}
    assert set(rows) == {
        ("ab_delta", "best_pick_rate", "n_users=200"),
        ("truth", "ctr", "als"),
        ("scorecard", "seconds", "offline"),
    }
    assert rows["truth", "ctr", "als"]["model"] == "als"
    assert all((r["noise"], r["unit"], r["settings"]) == ("shop", 3, "abc") for r in rows.values())


def test_whole_populations_are_pooled_whatever_their_size() -> None:
    units = pa.concat_tables(
        [_unit("shop", 1, 0.2, n_users=50_061), _unit("shop", 2, 0.4, n_users=49_877)]
    )
    [row] = [r for r in pool_units(units).to_pylist() if r["method"] == "ab_delta"]
    assert (row["setting"], row["n_users"], row["n_units"]) == ("everyone", None, 2)


def test_noise_is_pooled_by_source() -> None:
    units = pa.concat_tables(
        [
            _unit("clicks", 1, 0.4, 0.03),
            _unit("shop", 1, 0.2),
            _unit("clicks", 2, 0.6, 0.04),
            _unit("shop", 2, 0.5),
            _unit("shop", 3, 0.8),
            _unit("training", 1, 0.9),
        ]
    )
    pooled = {(r["noise"], r["method"]): r for r in pool_units(units).to_pylist()}
    clicks, shop = pooled["clicks", "ab_delta"], pooled["shop", "ab_delta"]
    assert (clicks["n_units"], clicks["value"]) == (2, pytest.approx(0.5))
    # The error of a mean of two repetitions, each with its own Monte-Carlo error.
    assert clicks["standard_error"] == pytest.approx(0.05 / 2)
    assert (shop["n_units"], shop["value"]) == (3, pytest.approx(0.5))
    assert shop["standard_error"] == pytest.approx(np.std([0.2, 0.5, 0.8], ddof=1) / np.sqrt(3))
    assert pooled["training", "ab_delta"]["standard_error"] is None
    assert pooled["clicks", "truth"]["standard_error"] == 0
    assert pooled["shop", "truth"]["standard_error"] == pytest.approx(0)
