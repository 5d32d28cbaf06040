"""The scorecard as a whole."""

import numpy as np
import pytest

from recolab_assets.experiments.scorecard import experiment_sizes, method_scorecard
from recolab_assets.tables import TABLES

AB = ("ab_delta", "ab_mann_whitney")


def _scorecard(shop, lists=None, **changed):
    arguments = {
        "control": "popularity",
        "alpha": 0.05,
        "length": 6,
        "replicates": 400,
        "seed": 1,
    }
    lists = lists or shop.lists
    return method_scorecard(shop.users, lists, shop.shoppers, **arguments | changed)


@pytest.fixture(scope="module")
def rows(shop):
    rng = np.random.default_rng(0)
    offline = {"offline_ndcg_global": rng.random((700, 4)) + np.array([0.0, 0.1, 0.4, 0.2])}
    table = _scorecard(shop, offline=offline)
    assert table.schema == TABLES["method_scorecard"].arrow_schema
    return {(r["method"], r["measure"], r["setting"]): r for r in table.to_pylist()}


@pytest.mark.parametrize(
    ("n_users", "largest", "expected"),
    [
        (58_000, None, [200, 1_000, 5_000, 20_000, 58_000]),
        (58_000, 5_000, [200, 1_000, 5_000]),
        (200, None, [200]),
        (30, 5_000, [30]),
    ],
)
def test_sizes_end_with_everyone(n_users, largest, expected) -> None:
    assert experiment_sizes(n_users, largest) == expected


def test_every_method_is_judged_at_every_size(rows) -> None:
    for method in (*AB, "multileaving_win_rate", "interleaving_pairs"):
        for size in (200, 1_000, 3_000):
            for measure in ("best_pick_rate", "regret", "kendall_tau"):
                assert (method, measure, f"n_users={size}") in rows
    assert ("offline_ndcg_global", "regret", "n_users=700") in rows


def test_larger_experiments_find_the_best_model_more_often(rows) -> None:
    for method in (*AB, "interleaving_pairs"):
        small = rows[method, "best_pick_rate", "n_users=200"]
        large = rows[method, "best_pick_rate", "n_users=3000"]
        assert large["value"] > small["value"] + 2 * small["standard_error"]
        assert (
            rows[method, "regret", "n_users=3000"]["value"]
            < rows[method, "regret", "n_users=200"]["value"]
        )
        assert large["value"] > 0.9


def test_values_are_possible(rows) -> None:
    for (_, measure, _), row in rows.items():
        assert (-1 if measure == "kendall_tau" else 0) <= row["value"] <= 1
        assert row["standard_error"] >= 0


@pytest.mark.parametrize("method", AB)
def test_identical_arms_are_called_different_no_more_often_than_promised(rows, method) -> None:
    for size in (200, 1_000, 3_000):
        setting = f"n_users={size}, identical arms"
        alarm = rows[method, "false_alarm_rate", setting]
        assert alarm["value"] == pytest.approx(0.05, abs=4 * alarm["standard_error"])
        family = rows[method, "family_wise_error", setting]
        assert family["value"] <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)


def test_offline_metric_of_everyone_is_exact(rows) -> None:
    row = rows["offline_ndcg_global", "best_pick_rate", "n_users=700"]
    assert row["value"] == 1 and row["standard_error"] == 0


def test_same_seed_same_scorecard(shop) -> None:
    few = {"replicates": 5}
    assert _scorecard(shop, **few).equals(_scorecard(shop, **few))
    assert not _scorecard(shop, **few).equals(_scorecard(shop, seed=2, **few))


def test_large_populations_are_sampled_once(shop, monkeypatch) -> None:
    monkeypatch.setattr("recolab_assets.experiments.scorecard.MAX_POPULATION", 500)
    settings = set(_scorecard(shop, replicates=2)["setting"].to_pylist())
    assert {setting for setting in settings if "identical" not in setting} == {
        "n_users=200",
        "n_users=500",
    }


def test_one_replicate_has_no_standard_error(shop) -> None:
    table = _scorecard(shop, replicates=1)
    assert table["standard_error"].null_count == table.num_rows


def test_impossible_scorecards_are_refused(shop) -> None:
    with pytest.raises(ValueError, match="'als' is none of the models"):
        _scorecard(shop, control="als")
    with pytest.raises(ValueError, match="at least two models"):
        _scorecard(shop, {"popularity": shop.lists["popularity"]})
