"""Replicates of interleaving tests against the tests themselves."""

import numpy as np
from scipy import stats

from recolab_assets.experiments.draft import strict_wins
from recolab_assets.experiments.drafted_replicates import (
    mean_preferences,
    multileaving_tests,
    pair_tests,
)
from recolab_assets.experiments.interleaving import multileave
from recolab_assets.experiments.preferences import Wins, count_wins


def _stacked(shop):
    rankings = np.stack(list(shop.lists.values()), axis=1)
    attraction = np.stack(
        [shop.shoppers.attraction(shop.users, lists) for lists in shop.lists.values()], axis=1
    )
    return rankings, attraction


def test_multileaving_agrees_with_the_experiment_itself(shop) -> None:
    rankings, attraction = _stacked(shop)
    tests = multileaving_tests(
        rankings, attraction, shop.shoppers, [300, 3_000], length=6, replicates=60, seed=1
    )
    scores = tests.scores["multileaving_win_rate"]
    assert scores.shape == (60, 2, 4)
    experiments = []
    for seed in range(60):
        test = multileave(shop.users, shop.lists, shop.shoppers, length=6, n_users=3_000, seed=seed)
        experiments.append(strict_wins(test.credited).mean(axis=0))
    error = np.hypot(stats.sem(scores[:, 1]), stats.sem(experiments))
    assert (np.abs(scores[:, 1].mean(axis=0) - np.mean(experiments, axis=0)) < 4 * error).all()
    assert (scores[:, 0].std(axis=0) > 2 * scores[:, 1].std(axis=0)).all()


def test_pairs_tell_the_best_and_the_worst_and_balance(shop) -> None:
    rankings, attraction = _stacked(shop)
    tests = pair_tests(
        rankings, attraction, shop.shoppers, [4, 100, 3_000], length=6, replicates=40, seed=1
    )
    scores = tests.scores["interleaving_pairs"]
    assert scores.shape == (40, 3, 4)
    np.testing.assert_allclose(scores.mean(axis=2), 0.5)
    truth = shop.shoppers.click_probability(attraction.reshape(-1, 6)).reshape(-1, 4, 6)
    expected = truth.sum(axis=2).mean(axis=0)
    # Between the two in the middle, 6% apart, even the expected preference is the wrong way round:
    # a draft credits products at the slots they got, not at those of the models' own lists.
    found = scores[:, 2].mean(axis=0)
    assert found.argmax() == expected.argmax() and found.argmin() == expected.argmin()


def test_every_reading_is_of_the_same_users(shop) -> None:
    rankings, attraction = _stacked(shop)
    tests = multileaving_tests(
        rankings, attraction, shop.shoppers, [50, 500], length=6, replicates=30, seed=1
    )
    assert tests.users.tolist() == [[50] * 6, [500] * 6]
    for counts in tests.wins:
        assert counts.shape == (30, 2, 6) and (counts[:, 0] <= counts[:, 1]).all()
    assert (sum(tests.wins) <= tests.users).all()
    experiments = [
        multileave(shop.users, shop.lists, shop.shoppers, length=6, n_users=500, seed=seed)
        for seed in range(60)
    ]
    for ours, theirs in (
        (tests.scores["multileaving_credit"], [t.credited.mean(axis=0) for t in experiments]),
        (tests.wins.a, [count_wins(t.credited).a for t in experiments]),
        (tests.wins.b, [count_wins(t.credited).b for t in experiments]),
    ):
        error = np.hypot(stats.sem(ours[:, 1]), stats.sem(theirs))
        assert (np.abs(ours[:, 1].mean(axis=0) - np.mean(theirs, axis=0)) < 4 * error).all()


def test_users_of_pairs_are_those_dealt(shop) -> None:
    rankings, attraction = _stacked(shop)
    tests = pair_tests(
        rankings, attraction, shop.shoppers, [4, 3_000], length=6, replicates=3, seed=1
    )
    assert tests.users.tolist() == [[1, 1, 1, 1, 0, 0], [500] * 6]
    assert (sum(tests.wins) <= tests.users).all()


def test_mean_preference_counts_the_undecided_half() -> None:
    wins = Wins(np.array([3, 0, 1]), np.array([1, 0, 0]))
    # Of three models: 0 over 1 at 3/4, 0 and 2 undecided, 1 over 2 at 1.
    np.testing.assert_allclose(
        mean_preferences(wins, 3), [(0.75 + 0.5) / 2, (0.25 + 1) / 2, (0.5 + 0) / 2]
    )


def test_pairs_that_nobody_decides_stay_at_one_half(shop) -> None:
    rankings, attraction = _stacked(shop)
    same, same_attraction = rankings[:, [0, 0, 0]], attraction[:, [0, 0, 0]]
    tests = pair_tests(
        same, same_attraction, shop.shoppers, [3_000], length=6, replicates=2, seed=1
    )
    np.testing.assert_array_equal(tests.scores["interleaving_pairs"], np.full((2, 1, 3), 0.5))
