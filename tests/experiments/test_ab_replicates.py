"""Simulated A/B tests: who is counted where, and whether clicks follow the click model."""

import numpy as np
import pytest
from scipy import stats

from recolab_assets.experiments.ab_replicates import Outcomes, _tally, ab_totals

SIZES = [200, 1_001, 3_000]


@pytest.fixture(scope="module")
def counts(shop):
    """(n, 4, 7) distribution of the clicks of every user on every list."""
    return np.stack(
        [
            shop.shoppers.click_counts(shop.shoppers.attraction(shop.users, lists))
            for lists in shop.lists.values()
        ],
        axis=1,
    )


@pytest.fixture(scope="module")
def outcomes(counts):
    return Outcomes.of(counts, slots=6)


@pytest.fixture(scope="module")
def covariates(counts):
    rng = np.random.default_rng(3)
    return np.column_stack([rng.random(len(counts)), rng.integers(0, 5, len(counts))])


def _totals(outcomes, **changed):
    arguments = {"arms": range(4), "sizes": SIZES, "replicates": 200, "seed": 1}
    return ab_totals(outcomes, **arguments | {"purpose": "test"} | changed)


def test_every_user_is_counted_in_arms_of_equal_size(outcomes) -> None:
    totals = _totals(outcomes, replicates=5)
    assert totals.histograms.shape == (5, 3, 4, 7)
    for number, size in enumerate(SIZES):
        arms = totals.users[:, number]
        assert (arms.sum(axis=1) == size).all() and (np.ptp(arms, axis=1) <= 1).all()
    assert (np.diff(totals.histograms, axis=1) >= 0).all()  # a larger test holds the smaller


def test_clicks_have_their_expected_number(shop, counts, outcomes) -> None:
    totals = _totals(outcomes)
    rates = totals.histograms[:, -1] @ totals.clicks / totals.users[:, -1]
    expected = (counts @ np.arange(7)).mean(axis=0)
    for mean, found in zip(expected, rates.T, strict=True):
        assert found.mean() == pytest.approx(mean, abs=4 * stats.sem(found))


def test_covariates_of_everyone_add_up(outcomes, covariates) -> None:
    totals = _totals(outcomes, covariates=covariates, replicates=3)
    assert totals.moments.shape == (3, 3, 4, 2, 5)
    everyone = totals.moments[:, -1].sum(axis=1)
    np.testing.assert_allclose(everyone[..., 0], np.tile(covariates.sum(axis=0), (3, 1)))
    np.testing.assert_allclose(everyone[..., 2], 6 * everyone[..., 0])  # six slots each
    np.testing.assert_allclose(everyone[0, :, 3:], covariates.T @ covariates)


def test_a_second_visit_adds_impressions_and_leaves_the_click_rate(counts, outcomes) -> None:
    again = outcomes.and_again([1], 0.5)
    chances = np.moveaxis(np.diff(again.cumulative, axis=0, prepend=0.0), 0, 2)
    np.testing.assert_allclose(again.cumulative[-1], 1.0)
    clicks, slots = chances @ again.clicks, chances @ again.slots
    np.testing.assert_allclose(slots[:, 0], 6)
    np.testing.assert_allclose(slots[:, 1], 9)
    np.testing.assert_allclose(clicks / slots, counts @ np.arange(7) / 6)
    # Twice one click out of two visits is one click in each, or two in one of them.
    twice = chances[0, 1, 7:]
    once = counts[0, 1]
    assert twice[2] == pytest.approx(0.5 * (once[1] ** 2 + 2 * once[0] * once[2]))


def test_replicates_do_not_depend_on_their_number_or_on_threads(outcomes, monkeypatch) -> None:
    few = _totals(outcomes, replicates=3).histograms
    monkeypatch.setattr("recolab_assets.parallel.MAX_THREADS", 1)
    np.testing.assert_array_equal(_totals(outcomes, replicates=6).histograms[:3], few)
    assert not np.array_equal(few[0], few[1])
    assert not np.array_equal(_totals(outcomes, replicates=3, seed=2).histograms, few)


def test_interpreted_kernel_equals_the_compiled_one(outcomes, covariates) -> None:
    rng = np.random.default_rng(0)
    places, uniforms = rng.permutation(3_000), rng.random(50)
    weights = np.stack([outcomes.clicks, outcomes.slots])
    filled = []
    for kernel in (_tally, _tally.py_func):
        histograms, moments = np.zeros((2, 4, 7), np.int64), np.zeros((2, 4, 2, 5))
        kernel(
            outcomes.cumulative,
            np.arange(4),
            places,
            uniforms,
            np.array([20, 50]),
            weights,
            covariates,
            histograms,
            moments,
        )
        filled.append((histograms, moments))
    np.testing.assert_array_equal(filled[0][0], filled[1][0])
    np.testing.assert_allclose(filled[0][1], filled[1][1])
    assert filled[1][0].sum() == 50
