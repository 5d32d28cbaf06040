"""The interleaving test from users to reports."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from recolab_assets.experiments.draft import team_draft
from recolab_assets.experiments.interleaving import (
    Multileaving,
    interleaving_pairs,
    interleaving_preferences,
    interleaving_report,
    multileave,
)
from recolab_assets.experiments.response import HoldoutReplay, SimulatedShoppers
from recolab_assets.tables import TABLES

CREDITED = np.array([[2, 1, 0], [1, 1, 0], [0, 0, 0], [0, 1, 3], [0, 2, 0], [3, 0, 1], [1, 0, 0]])
MODELS = ["als", "item_cf", "popularity"]


def _multileave(shop, lists=None, **changed):
    arguments = {"length": 6, "n_users": 3_000, "seed": 1} | changed
    return multileave(shop.users, lists or shop.lists, shop.shoppers, **arguments)


def _credits(shop, lists=None, **changed):
    return _multileave(shop, lists, **changed).credited


def _seen(credited) -> Multileaving:
    """A test with these credits, in which every model drafted two slots."""
    n_users, n_models = np.shape(credited)
    owners = np.tile(np.repeat(np.arange(n_models), 2), (n_users, 1))
    rankings = np.tile(np.arange(4), (n_users, n_models, 1))
    return Multileaving(rankings, owners, np.asarray(credited))


def _report(models, test: Multileaving):
    return interleaving_report(models, test, bootstrap_samples=400, seed=1)


def _preferences(models, test: Multileaving, alpha: float = 0.05):
    return interleaving_preferences(models, test, alpha=alpha, bootstrap_samples=400, seed=1)


def test_report_counts_wins_and_credits() -> None:
    report = _report(MODELS, _seen(CREDITED))
    assert report.schema == TABLES["interleaving_report"].arrow_schema
    rows = report.to_pylist()
    assert [row["n_users"] for row in rows] == [7, 7, 7]
    assert [row["win_rate"] for row in rows] == pytest.approx([3 / 7, 1 / 7, 1 / 7])
    assert [row["avg_credits"] for row in rows] == pytest.approx([7 / 7, 5 / 7, 4 / 7])
    assert [row["is_winner"] for row in rows] == [True, False, False]


def test_tied_wins_go_by_credits_then_by_name() -> None:
    by_credits = _report(["a", "b"], _seen([[1, 0], [0, 2]]))
    assert by_credits["is_winner"].to_pylist() == [False, True]
    by_name = _report(["b", "a"], _seen([[1, 0], [0, 1]]))
    assert by_name["is_winner"].to_pylist() == [False, True]


def test_without_credits_nobody_wins_and_without_users_nothing_is_known() -> None:
    silent = _report(MODELS, _seen(np.zeros((4, 3), int)))
    assert not any(silent["is_winner"].to_pylist())
    nobody = _report(MODELS, _seen(np.zeros((0, 3), int)))
    assert nobody["win_rate"].null_count == 3 and nobody["n_users"].to_pylist() == [0, 0, 0]


def test_preferences_are_sign_tests_of_deciding_users() -> None:
    table = _preferences(MODELS, _seen(CREDITED), alpha=0.1)
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
    row = _preferences(["a", "b"], _seen(credited)).to_pylist()[0]
    assert (row["p_value"] < 0.05) == (not row["ci_low"] <= 0.5 <= row["ci_high"])


def test_a_pair_that_nobody_decides_is_open() -> None:
    row = _preferences(["a", "b"], _seen(np.ones((3, 2), int))).to_pylist()[0]
    assert row["n_users"] == 0 and row["p_value"] == row["p_adjusted"] == 1
    assert row["preference"] is None and row["ci_low"] is None
    assert _preferences(["a"], _seen(np.ones((3, 1), int))).num_rows == 0


def test_two_models_are_ranked_by_their_truth(shop) -> None:
    for better, worse in (("strong", "weak"), ("good", "weak")):
        lists = {name: shop.lists[name] for name in (worse, better)}
        row = _preferences(list(lists), _multileave(shop, lists)).to_pylist()[0]
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
    test = multileave(shop.users, shop.lists, replay, length=6, n_users=10**6, seed=1)
    credited = test.credited
    assert credited.sum(axis=1).max() <= 2 and credited.sum() > 0


def test_identical_lists_credit_nobody(shop) -> None:
    lists = dict.fromkeys("abc", shop.lists["strong"])
    assert not _credits(shop, lists).any()
    assert not _credits(shop, {"a": shop.lists["strong"]}).any()


def test_chance_level_is_what_shuffled_owners_win() -> None:
    """Shuffling each user's credits among the models keeps the ties and is fair."""
    rng = np.random.default_rng(3)
    shuffled = rng.permuted(np.repeat(CREDITED, 5_000, axis=0), axis=1)
    chance = _report(MODELS, _seen(CREDITED))["chance_win_rate"].to_pylist()
    assert chance == pytest.approx([5 / 7 / 3] * 3)
    assert _report(MODELS, _seen(shuffled))["win_rate"].to_pylist() == pytest.approx(
        chance, abs=0.01
    )


def test_copeland_winner_beats_every_rival_even_without_the_most_wins() -> None:
    """Nobody's favourite, but more users prefer it to each of the others."""
    credited = [[3, 2, 0]] * 40 + [[0, 2, 3]] * 42 + [[0, 1, 0]] * 18
    rows = _report(MODELS, _seen(credited)).to_pylist()
    assert [row["copeland_score"] for row in rows] == [0, 2, 1]
    assert [row["is_copeland_winner"] for row in rows] == [False, True, False]
    assert [row["is_winner"] for row in rows] == [False, False, True]
    assert sum(row["copeland_confidence"] for row in rows) == pytest.approx(1)


def test_copeland_confidence_grows_with_the_evidence() -> None:
    few, many = ([[1, 0, 0]] * 6 * n + [[0, 1, 0]] * 4 * n for n in (1, 100))
    weak, strong = (
        _report(MODELS, _seen(c))["copeland_confidence"][0].as_py() for c in (few, many)
    )
    assert 0.5 < weak < 0.9 < 0.999 < strong
    assert not any(_report(MODELS, _seen([[1, 1, 1]]))["is_copeland_winner"].to_pylist())


def test_report_says_that_the_draft_is_balanced(shop) -> None:
    rows = _report(list(shop.lists), _multileave(shop)).to_pylist()
    assert sum(row["slot_share"] for row in rows) == pytest.approx(1)
    for row in rows:
        assert row["slot_share"] == pytest.approx(0.25, abs=0.01)
        assert row["balance_p"] * 4 > 0.001


def test_bootstrap_interval_agrees_with_the_exact_one_when_many_decide() -> None:
    credited = np.repeat([[1, 0], [0, 1], [0, 0]], [600, 400, 3_000], axis=0)
    [row] = _preferences(["a", "b"], _seen(credited)).to_pylist()
    assert row["bootstrap_low"] == pytest.approx(row["ci_low"], abs=0.006)
    assert row["bootstrap_high"] == pytest.approx(row["ci_high"], abs=0.006)


def test_overlap_tells_copies_from_strangers(shop) -> None:
    lists = {"a": shop.lists["strong"], "copy": shop.lists["strong"], "b": shop.lists["weak"]}
    overlap = _preferences(list(lists), _multileave(shop, lists))["overlap"].to_pylist()
    assert overlap[0] == 1 and overlap[1] == overlap[2] < 0.5


def test_pairs_rank_models_by_their_truth(shop) -> None:
    table = interleaving_pairs(
        shop.users, shop.lists, shop.shoppers, length=6, n_users=None, alpha=0.05, seed=1
    )
    assert table.schema == TABLES["interleaving_pairs"].arrow_schema
    rows = {(row["model_a"], row["model_b"]): row for row in table.to_pylist()}
    assert rows["weak", "strong"]["ci_high"] < 0.5 < rows["strong", "good"]["preference"]
    assert sum(row["n_users"] for row in rows.values()) == 3_000
    for row in rows.values():
        assert row["n_users"] == 500 == row["wins_a"] + row["wins_b"] + row["ties"]
        assert row["preference"] == row["wins_a"] / (row["wins_a"] + row["wins_b"])
        assert row["p_value"] == pytest.approx(
            stats.binomtest(row["wins_a"], row["wins_a"] + row["wins_b"]).pvalue
        )
    expected = multipletests([row["p_value"] for row in rows.values()], method="holm")[1]
    assert [row["p_adjusted"] for row in rows.values()] == pytest.approx(expected)


def test_pairs_share_out_the_users_asked_for(shop) -> None:
    for n_users, dealt in ((20, {3, 4}), (3, {0, 1}), (10**6, {500})):
        table = interleaving_pairs(
            shop.users, shop.lists, shop.shoppers, length=6, n_users=n_users, alpha=0.05, seed=1
        )
        assert sum(table["n_users"].to_pylist()) == min(n_users, 3_000)
        assert set(table["n_users"].to_pylist()) == dealt


def test_copies_turn_multileaving_around_but_not_pairs() -> None:
    """Two copies of the better ranker draft it twice as fast and so share its clicks."""
    rng = np.random.default_rng(0)
    users = np.arange(20_000)
    demand = rng.gamma(0.3, size=(users.size, 200))
    demand /= demand.sum(axis=1, keepdims=True)
    shoppers = SimulatedShoppers(
        probability=lambda u, i: np.where(i >= 0, demand[u[:, None], i], 0.0),
        demand_draws=15.0,
        purchase_share=0.2,
        examination_decay=0.85,
    )

    def ranked(noise: float):
        scores = np.log(demand + 1e-4) + noise * rng.normal(size=demand.shape)
        return np.argsort(-scores, axis=1)[:, :10].astype(np.int32)

    def clicks(shown):
        return shoppers.click_probability(shoppers.attraction(users, shown))

    def expected_credits(*rankings):
        draft = team_draft(np.stack(rankings, axis=1), 10, np.random.default_rng(1))
        expected = clicks(draft.products)
        return [
            (expected * (draft.owners == model)).sum(axis=1).mean()
            for model in range(len(rankings))
        ]

    better, worse = ranked(2.0), ranked(2.1)
    assert clicks(better).sum() > 1.01 * clicks(worse).sum()
    first, copy, inverted = expected_credits(better, better, worse)
    assert inverted > 1.01 * max(first, copy)
    ahead, behind = expected_credits(better, worse)
    assert ahead > 1.01 * behind


def test_pairs_of_copies_tie(shop) -> None:
    lists = {"a": shop.lists["strong"], "copy": shop.lists["strong"], "weak": shop.lists["weak"]}
    copies, *others = interleaving_pairs(
        shop.users, lists, shop.shoppers, length=6, n_users=None, alpha=0.05, seed=1
    ).to_pylist()
    assert copies["preference"] is None and copies["ties"] == copies["n_users"] == 1_000
    assert all(row["ci_low"] > 0.5 for row in others)
