"""The interleaving test from users to reports."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from recolab_assets.experiments.interleaving import (
    interleaving_credits,
    interleaving_preferences,
    interleaving_report,
)
from recolab_assets.experiments.response import HoldoutReplay
from recolab_assets.tables import TABLES

CREDITED = np.array([[2, 1, 0], [1, 1, 0], [0, 0, 0], [0, 1, 3], [0, 2, 0], [3, 0, 1], [1, 0, 0]])
MODELS = ["als", "item_cf", "popularity"]


def _credits(shop, lists=None, **changed):
    arguments = {"length": 6, "n_users": 3_000, "seed": 1} | changed
    return interleaving_credits(shop.users, lists or shop.lists, shop.shoppers, **arguments)


def test_report_counts_wins_and_credits() -> None:
    report = interleaving_report(MODELS, CREDITED)
    assert report.schema == TABLES["interleaving_report"].arrow_schema
    rows = report.to_pylist()
    assert [row["n_users"] for row in rows] == [7, 7, 7]
    assert [row["win_rate"] for row in rows] == pytest.approx([3 / 7, 1 / 7, 1 / 7])
    assert [row["avg_credits"] for row in rows] == pytest.approx([7 / 7, 5 / 7, 4 / 7])
    assert [row["is_winner"] for row in rows] == [True, False, False]


def test_tied_wins_go_by_credits_then_by_name() -> None:
    by_credits = interleaving_report(["a", "b"], np.array([[1, 0], [0, 2]]))
    assert by_credits["is_winner"].to_pylist() == [False, True]
    by_name = interleaving_report(["b", "a"], np.array([[1, 0], [0, 1]]))
    assert by_name["is_winner"].to_pylist() == [False, True]


def test_without_credits_nobody_wins_and_without_users_nothing_is_known() -> None:
    silent = interleaving_report(MODELS, np.zeros((4, 3), int))
    assert not any(silent["is_winner"].to_pylist())
    nobody = interleaving_report(MODELS, np.zeros((0, 3), int))
    assert nobody["win_rate"].null_count == 3 and nobody["n_users"].to_pylist() == [0, 0, 0]


def test_preferences_are_sign_tests_of_deciding_users() -> None:
    table = interleaving_preferences(MODELS, CREDITED, alpha=0.1)
    assert table.schema == TABLES["interleaving_preferences"].arrow_schema
    rows = table.to_pylist()
    counts = [(3, 5), (4, 5), (3, 5)]
    for row, (for_a, deciding) in zip(rows, counts, strict=True):
        assert row["n_users"] == deciding
        assert row["preference"] == for_a / deciding
        assert row["p_value"] == pytest.approx(stats.binomtest(for_a, deciding).pvalue)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(
            proportion_confint(for_a, deciding, 0.1, method="beta")
        )
    expected = multipletests([row["p_value"] for row in rows], method="holm")[1]
    assert [row["p_adjusted"] for row in rows] == pytest.approx(expected)


@pytest.mark.parametrize("for_a", range(0, 41, 4))
def test_interval_leaves_out_one_half_exactly_when_significant(for_a: int) -> None:
    credited = np.repeat([[1, 0], [0, 1]], [for_a, 40 - for_a], axis=0)
    row = interleaving_preferences(["a", "b"], credited, alpha=0.05).to_pylist()[0]
    assert (row["p_value"] < 0.05) == (not row["ci_low"] <= 0.5 <= row["ci_high"])


def test_a_pair_that_nobody_decides_is_open() -> None:
    row = interleaving_preferences(["a", "b"], np.ones((3, 2), int), alpha=0.05).to_pylist()[0]
    assert row["n_users"] == 0 and row["p_value"] == row["p_adjusted"] == 1
    assert row["preference"] is None and row["ci_low"] is None
    assert interleaving_preferences(["a"], np.ones((3, 1), int), alpha=0.05).num_rows == 0


def test_two_models_are_ranked_by_their_truth(shop) -> None:
    for better, worse in (("strong", "weak"), ("good", "weak")):
        lists = {name: shop.lists[name] for name in (worse, better)}
        row = interleaving_preferences(list(lists), _credits(shop, lists), alpha=0.05).to_pylist()[
            0
        ]
        assert row["ci_high"] < 0.5


def test_sample_is_without_replacement_and_stops_at_the_population(shop) -> None:
    assert _credits(shop, n_users=200).shape == (200, 4)
    assert _credits(shop, n_users=10**6).shape == (3_000, 4)
    np.testing.assert_array_equal(_credits(shop, n_users=200), _credits(shop, n_users=200))
    assert not np.array_equal(_credits(shop, n_users=200), _credits(shop, n_users=200, seed=2))


def test_credit_never_exceeds_clicks(shop) -> None:
    """On replay clicks are known: no user has more credits than relevant products shown."""
    users = np.repeat(shop.users, 2)
    products = np.tile([0, 1], shop.users.size)
    replay = HoldoutReplay.from_events(users, products, np.zeros(users.size, bool))
    credited = interleaving_credits(shop.users, shop.lists, replay, length=6, n_users=10**6, seed=1)
    assert credited.sum(axis=1).max() <= 2 and credited.sum() > 0


def test_identical_lists_credit_nobody(shop) -> None:
    lists = dict.fromkeys("abc", shop.lists["strong"])
    assert not _credits(shop, lists).any()
    assert not _credits(shop, {"a": shop.lists["strong"]}).any()
