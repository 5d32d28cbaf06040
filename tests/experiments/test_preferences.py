"""Pairwise preferences: counts by hand, bootstrap and Copeland against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recolab_assets.experiments import preferences
from recolab_assets.experiments.preferences import (
    Wins,
    bootstrap_interval,
    bootstrap_wins,
    copeland_confidence,
    copeland_scores,
    count_wins,
    pairs_of,
)

CREDITED = np.array([[2, 1, 0], [1, 1, 0], [0, 0, 0], [0, 1, 3], [0, 2, 0], [3, 0, 1], [1, 0, 0]])


def test_users_are_counted_for_the_model_with_more_credits() -> None:
    wins = count_wins(CREDITED)
    assert wins.a.tolist() == [3, 4, 3]  # 0 over 1, 0 over 2, 1 over 2
    assert wins.b.tolist() == [2, 1, 2]
    np.testing.assert_allclose(wins.preference, [3 / 5, 4 / 5, 3 / 5])


@pytest.mark.parametrize("held", [2_000_000, 7])
def test_bootstrap_is_that_of_users_drawn_one_by_one(monkeypatch, held: int) -> None:
    monkeypatch.setattr(preferences, "_DRAWN_AT_A_TIME", held)
    samples = 4_000
    resampled = bootstrap_wins(CREDITED, samples, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    drawn = [count_wins(CREDITED[rng.integers(7, size=7)]) for _ in range(samples)]
    one_by_one = Wins(np.array([d.a for d in drawn]), np.array([d.b for d in drawn]))
    for ours, theirs in zip(resampled, one_by_one, strict=True):
        error = np.sqrt(2 * theirs.var(axis=0) / samples)
        assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) < 4 * error).all()
        # Pairs are counted on the same users, so they go together.
        np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.15)


def test_interval_holds_the_middle_of_the_samples_in_which_anybody_decides() -> None:
    a = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0], [0, 0]])
    b = np.array([[0, 0], [3, 0], [2, 0], [1, 0], [0, 0], [4, 0]])
    low, high = bootstrap_interval(Wins(a, b), 0.5)
    assert (low[0], high[0]) == (0.25, 0.75)
    assert np.isnan(low[1]) and np.isnan(high[1])


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_copeland_counts_beaten_rivals(credited: list[list[int]]) -> None:
    credited = np.array(credited)
    scores = copeland_scores(count_wins(credited), 4)
    for model in range(4):
        margins = [
            int(np.sign(credited[:, model] - credited[:, rival]).sum())
            for rival in range(4)
            if rival != model
        ]
        expected = sum(1.0 if m > 0 else 0.5 if m == 0 else 0.0 for m in margins)
        assert scores[model] == expected
    assert scores.sum() == len(pairs_of(4))


def test_confidence_shares_out_ties() -> None:
    # Three models; in the first sample 0 wins, in the second all beat each other in a ring.
    wins = Wins(np.array([[5, 5, 5], [5, 0, 5]]), np.array([[0, 0, 0], [0, 5, 0]]))
    np.testing.assert_allclose(copeland_confidence(wins, 3), [0.5 + 1 / 6, 1 / 6, 1 / 6])
