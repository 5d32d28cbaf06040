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
    multileaving = (f"multileaving_{reading}" for reading in ("win_rate", "credit", "preference"))
    for method in (*AB, *multileaving, "interleaving_pairs"):
        assert (method, "best_pick_rate", "n_users=3000, best arm cloned") in rows
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
        if measure not in {"users_for_80_power", "ratio_to_ab"}:
            assert (-1 if measure == "kendall_tau" else 0) <= row["value"] <= 1
        assert row["value"] >= 0 or measure == "kendall_tau"
        assert row["standard_error"] is None or row["standard_error"] >= 0


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
    settings = _scorecard(shop, replicates=2)["setting"].to_pylist()
    assert {setting.split(",")[0] for setting in settings if setting.startswith("n_users")} == {
        "n_users=200",
        "n_users=500",
    }


def test_one_replicate_has_no_standard_error(shop) -> None:
    rows = _scorecard(shop, replicates=1).to_pylist()
    assert not any(row["standard_error"] for row in rows if row["setting"].startswith("n_users"))


def test_impossible_scorecards_are_refused(shop) -> None:
    with pytest.raises(ValueError, match="'als' is none of the models"):
        _scorecard(shop, control="als")
    with pytest.raises(ValueError, match="at least two models"):
        _scorecard(shop, {"popularity": shop.lists["popularity"]})


def test_power_grows_and_signs_come_right(rows) -> None:
    for method in (*AB, "multileaving_preference", "interleaving_pairs"):
        small, large = (
            rows[method, "power", f"n_users={size}, strong vs popularity"] for size in (200, 3_000)
        )
        assert small["value"] < large["value"]
        wrong = rows[method, "wrong_sign_rate", "n_users=3000, strong vs popularity"]
        assert large["value"] + wrong["value"] <= 1 and wrong["value"] < 0.05


def test_users_needed_go_with_the_power_that_was_measured(rows) -> None:
    """All arms share the users, so a comparison has two arms' worth of them."""
    for name in ("weak", "strong", "good"):
        needed = rows["ab_delta", "users_for_80_power", f"{name} vs popularity"]
        assert needed["standard_error"] is None
        for size in (200, 1_000, 3_000):
            power = rows["ab_delta", "power", f"n_users={size}, {name} vs popularity"]["value"]
            if size * 2 / 4 > 1.3 * needed["value"]:
                assert power > 0.8
            elif size * 2 / 4 < needed["value"] / 1.3:
                assert power < 0.8


def test_ratio_is_that_of_the_users(rows) -> None:
    setting = "strong vs popularity"
    reference = rows["ab_delta", "users_for_80_power", setting]["value"]
    for method in ("ab_mann_whitney", "multileaving_preference", "interleaving_pairs"):
        users = rows[method, "users_for_80_power", setting]["value"]
        assert rows[method, "ratio_to_ab", setting]["value"] == pytest.approx(reference / users)
    assert rows["interleaving_pairs", "ratio_to_ab", setting]["value"] > 1


def test_inverted_preferences_have_no_number_of_users(rows) -> None:
    for method in ("multileaving_preference", "interleaving_pairs"):
        for name in ("weak", "strong", "good"):
            setting = f"{name} vs popularity"
            points_right = rows[method, "preference_for_better", setting]["value"] > 0.5
            assert ((method, "users_for_80_power", setting) in rows) == points_right


def test_models_with_equal_truth_are_not_compared(shop) -> None:
    lists = shop.lists | {"copy": shop.lists["popularity"]}
    settings = _scorecard(shop, lists, replicates=3)["setting"].to_pylist()
    assert not any("copy vs popularity" in setting for setting in settings)


def test_a_clone_of_the_best_turns_credits_around_and_leaves_pairs(shop) -> None:
    """Lists of nearly equal worth, drafted by two copies of the better and one of the other."""
    rng = np.random.default_rng(5)
    demand = np.log(shop.demand[shop.users] + 1e-4)

    def ranked(noise: float):
        noisy = demand + noise * rng.normal(size=demand.shape)
        return np.argsort(-noisy, axis=1)[:, :6].astype(np.int32)

    table = _scorecard(
        shop, {"better": ranked(2.0), "worse": ranked(2.15)}, control="worse", replicates=60
    )
    picked = {
        row["method"]: row["value"]
        for row in table.to_pylist()
        if row["measure"] == "best_pick_rate" and row["setting"].endswith("best arm cloned")
    }
    assert picked["multileaving_credit"] < picked["interleaving_pairs"] - 0.1
