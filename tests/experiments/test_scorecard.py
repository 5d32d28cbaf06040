"""The scorecard as a whole."""

import numpy as np
import pytest

from recolab_assets.experiments.scorecard import OfflineValues, method_scorecard
from recolab_assets.experiments.scorecard_logs import Logging
from recolab_assets.tables import TABLES

AB = ("ab_delta", "ab_welch", "ab_mann_whitney", "ab_cuped", "ab_sequential")
LOGS = ("replay", "ips", "snips", "doubly_robust", "position_based_ips")
DRAFTS = ("multileaving_preference", "interleaving_pairs", "pairwise_multileaving")
FIXED = ("ab_delta", "ab_welch", "ab_mann_whitney", "ab_cuped")  # looked at once


def _scorecard(shop, lists=None, **changed):
    arguments = {
        "control": "popularity",
        "alpha": 0.05,
        "length": 6,
        "replicates": 400,
        "seed": 1,
    }
    lists = lists or shop.lists
    return method_scorecard(shop.users, lists, shop.shoppers, **arguments | changed).table


def measured(users, lists):
    """Metrics of 700 users that favour the third of four lists."""
    rng = np.random.default_rng(0)
    better = np.resize([0.0, 0.1, 0.4, 0.2], lists.shape[1])
    return rng.random((700, 1, lists.shape[1])) + better


@pytest.fixture(scope="module")
def rows(shop):
    known = shop.shoppers.click_probability(
        shop.shoppers.attraction(shop.users, shop.lists["popularity"])
    ).sum(axis=1, keepdims=True)
    offline = [
        OfflineValues(["offline_ndcg_global"], measured(None, np.empty((0, 4, 6))), measured),
        OfflineValues(["offline_ndcg_per_user"], np.empty((0, 1, 4))),
    ]
    ranks = np.empty(60, np.int64)
    ranks[np.argsort(-shop.demand.sum(axis=0))] = np.arange(1, 61)
    table = _scorecard(
        shop,
        offline=offline,
        covariates=known,
        arrivals=np.arange(100, 3_001, 100).tolist(),
        logging=Logging(ranks=ranks, popular="popularity", kind="epsilon_popularity", epsilon=0.5),
    )
    assert table.schema == TABLES["method_scorecard"].arrow_schema
    return {(r["method"], r["measure"], r["setting"]): r for r in table.to_pylist()}


def test_every_method_is_judged_at_every_size(rows) -> None:
    multileaving = (f"multileaving_{reading}" for reading in ("win_rate", "credit", "preference"))
    for method in (*AB, *multileaving, *DRAFTS, *LOGS):
        if method not in LOGS:
            assert (method, "best_pick_rate", "n_users=1000, best arm cloned") in rows
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
        if measure not in {"users_for_80_power", "ratio_to_ab", "exaggeration"}:
            assert (-1 if measure == "kendall_tau" else 0) <= row["value"] <= 1
        assert row["value"] >= 0 or measure == "kendall_tau"
        assert row["standard_error"] is None or row["standard_error"] >= 0


def _within(row, promised, errors=4):
    """Whether a rate is what was promised but for Monte-Carlo noise."""
    return row["value"] <= promised + errors * max(row["standard_error"], 0.005)


@pytest.mark.parametrize("method", FIXED)
@pytest.mark.parametrize("arms", ["identical arms", "different lists of equal truth"])
def test_equal_arms_are_called_different_no_more_often_than_promised(rows, method, arms) -> None:
    """Where only means are equal, ranks may differ: that is what Mann–Whitney tests."""
    for size in (200, 1_000, 3_000):
        alarm = rows[method, "false_alarm_rate", f"n_users={size}, {arms}"]
        if method == "ab_mann_whitney" and arms != "identical arms":
            continue
        assert alarm["value"] == pytest.approx(0.05, abs=4 * alarm["standard_error"])
        raw = rows[method, "family_wise_error", f"n_users={size}, {arms}"]
        corrected = rows[method, "family_wise_error_holm", f"n_users={size}, {arms}"]
        assert _within(corrected, 0.05) and corrected["value"] < raw["value"]
        assert raw["value"] > 0.08  # three comparisons


def test_asking_users_more_often_misleads_ranks_but_no_mean(rows) -> None:
    setting = "n_users=3000, identical lists, half of the users asked twice"
    assert rows["ab_mann_whitney", "false_alarm_rate", setting]["value"] > 0.3
    for method in ("ab_delta", "ab_welch", "ab_cuped"):
        assert _within(rows[method, "false_alarm_rate", setting], 0.05)


def test_looking_every_day_needs_an_interval_made_for_it(rows) -> None:
    setting = "n_users=3000, 30 looks, identical arms"
    for method in FIXED:
        assert rows[method, "daily_false_alarm_rate", setting]["value"] > 0.15
    assert _within(rows["ab_sequential", "daily_false_alarm_rate", setting], 0.05)


@pytest.mark.parametrize("method", ["ab_delta", "ab_welch", "ab_cuped", *DRAFTS, *LOGS])
def test_intervals_cover_what_they_promise(rows, method) -> None:
    for size in (1_000, 3_000):
        row = rows[method, "interval_coverage", f"n_users={size}"]
        # Normal intervals of skewed weights cover a little less.
        assert row["value"] > 0.95 - 4 * row["standard_error"] - 0.02 * (method in LOGS)
        # Clopper–Pearson intervals cover more often than they promise, as do those of logs of
        # everyone, which take the users for a sample.
        if method in AB:
            assert row["value"] < 0.95 + 4 * row["standard_error"]


def test_covariates_that_tell_save_users(rows) -> None:
    setting = "strong vs popularity"
    assert rows["ab_cuped", "ratio_to_ab", setting]["value"] > 1
    assert rows["ab_welch", "ratio_to_ab", setting]["value"] == 1
    assert rows["ab_sequential", "ratio_to_ab", setting]["value"] < 0.7


def test_identical_lists_credit_nobody(rows) -> None:
    for method in DRAFTS:
        assert rows[method, "false_alarm_rate", "n_users=200, identical arms"]["value"] == 0


def test_lists_of_equal_truth_are_drafted_and_measured_too(rows) -> None:
    for method in (*DRAFTS, *LOGS, "offline_ndcg_global"):
        size = 700 if method.startswith("offline") else 3_000
        setting = f"n_users={size}, different lists of equal truth"
        assert 0 <= rows[method, "false_alarm_rate", setting]["value"] <= 1


def test_a_test_loses_the_clicks_of_its_worse_lists(shop, rows) -> None:
    expected = np.array(
        [
            shop.shoppers.click_probability(shop.shoppers.attraction(shop.users, lists)).sum()
            for lists in shop.lists.values()
        ]
    )
    lost = rows["ab_delta", "clicks_lost", "all sizes"]["value"]
    assert lost == pytest.approx(1 - expected.mean() / expected.max())
    assert rows["offline_ndcg_global", "clicks_lost", "all sizes"]["value"] == 0
    for method in (*DRAFTS, *LOGS):
        assert 0 < rows[method, "clicks_lost", "all sizes"]["value"] < 1


def test_offline_metric_of_everyone_is_exact(rows) -> None:
    row = rows["offline_ndcg_global", "best_pick_rate", "n_users=700"]
    assert row["value"] == 1 and row["standard_error"] == 0


def test_same_seed_same_scorecard(shop) -> None:
    few = {"replicates": 5}
    assert _scorecard(shop, **few).equals(_scorecard(shop, **few))
    assert not _scorecard(shop, **few).equals(_scorecard(shop, seed=2, **few))


def test_power_grows_and_signs_come_right(rows) -> None:
    for method in (*AB, *DRAFTS):
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
