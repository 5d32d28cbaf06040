"""Bootstrap intervals: do they cover, what do they agree with, and what they leave empty."""

import doctest

import numpy as np
import pytest
from scipy import stats

from recolab_assets.evaluation import intervals
from recolab_assets.evaluation.intervals import bootstrap_means, mean_intervals


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_intervals_cover_the_true_mean_as_often_as_they_say() -> None:
    # 500 columns are 500 samples of 200 users: sparse hits and a skewed positive quantity. They
    # share their resamples, which leaves each column's own interval as it would be.
    sparse = rng(1).random((200, 500)) < 0.1
    skewed = rng(2).exponential(1.0, (200, 500))
    found = mean_intervals(
        np.hstack([sparse, skewed]), samples=1000, confidence=0.9, generator=rng(3)
    )
    true = np.repeat([0.1, 1.0], 500)
    covered = ((found.low <= true) & (true <= found.high)).reshape(2, 500).mean(axis=1)
    # Three standard errors of 500 draws at 0.9 are 0.04.
    assert covered == pytest.approx([0.9, 0.9], abs=0.04)


def test_interval_agrees_with_scipy() -> None:
    values = rng(4).beta(0.3, 2.0, 300)
    found = mean_intervals(values[:, None], samples=5000, confidence=0.95, generator=rng(5))
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=5000, method="percentile", rng=rng(6)
    )
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found.mean[0] == pytest.approx(values.mean())
    assert found.low[0] == pytest.approx(expected.confidence_interval.low, abs=0.05 * width)
    assert found.high[0] == pytest.approx(expected.confidence_interval.high, abs=0.05 * width)


def test_spread_of_replicates_is_the_standard_error() -> None:
    values = rng(7).normal(3.0, 2.0, (400, 1))
    replicates = bootstrap_means(values, 4000, rng(8))
    assert replicates.mean() == pytest.approx(values.mean(), abs=0.01)
    assert replicates.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_columns_share_their_resamples() -> None:
    values = rng(9).random((50, 1))
    replicates = bootstrap_means(np.hstack([values, 2 * values]), 100, rng(10))
    np.testing.assert_allclose(replicates[:, 1], 2 * replicates[:, 0])


def test_absent_values_take_no_part() -> None:
    values = rng(11).random((300, 1))
    holed = np.vstack([values, np.full((300, 1), np.nan)])
    found = mean_intervals(holed, samples=4000, confidence=0.95, generator=rng(12))
    alone = mean_intervals(values, samples=4000, confidence=0.95, generator=rng(13))
    assert (found.n[0], found.mean[0]) == (300, pytest.approx(alone.mean[0]))
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.06)


def test_resampling_by_shards_is_not_stratified(monkeypatch: pytest.MonkeyPatch) -> None:
    # Values that differ between shards only: drawing a fixed number from each would lose the
    # whole spread.
    monkeypatch.setattr(intervals, "_SHARD_USERS", 30)
    monkeypatch.setattr(intervals, "_BLOCK_SAMPLES", 7)
    values = np.repeat(np.arange(5.0), 30)[:140, None]
    replicates = bootstrap_means(values, 4000, rng(14))
    assert replicates.std() == pytest.approx(values.std() / np.sqrt(140), rel=0.05)
    assert replicates.mean() == pytest.approx(values.mean(), abs=0.02)


def test_every_resample_has_as_many_users_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_SHARD_USERS", 9)
    one_has_it = np.zeros((40, 41))
    np.fill_diagonal(one_has_it, 1.0)
    one_has_it[:, 40] = 1.0
    replicates = bootstrap_means(one_has_it, 100, rng(15))
    np.testing.assert_allclose(replicates[:, :40].sum(axis=1), 1.0)
    times = 40 * replicates[:, :40]
    np.testing.assert_allclose(times, times.round())
    assert times.max() > 1


@pytest.mark.parametrize(
    ("column", "mean", "n"), [([np.nan, np.nan], np.nan, 0), ([0.4, np.nan], 0.4, 1)]
)
def test_fewer_than_two_values_have_no_interval(column: list[float], mean: float, n: int) -> None:
    found = mean_intervals(np.array([column]).T, samples=100, confidence=0.95, generator=rng(16))
    assert found.mean[0] == pytest.approx(mean, nan_ok=True)
    assert np.isnan([found.low[0], found.high[0]]).all()
    assert found.n[0] == n


def test_nobody_at_all() -> None:
    found = mean_intervals(np.empty((0, 2)), samples=100, confidence=0.95, generator=rng(17))
    assert np.isnan([found.mean, found.low, found.high]).all()
    assert found.n.tolist() == [0, 0]


def test_constant_values_have_an_interval_of_no_width() -> None:
    found = mean_intervals(np.full((30, 1), 0.25), samples=100, confidence=0.95, generator=rng(18))
    assert (found.low[0], found.high[0]) == (0.25, 0.25)


def test_higher_confidence_is_wider() -> None:
    values = rng(19).random((60, 1))
    narrow, wide = (
        mean_intervals(values, samples=500, confidence=confidence, generator=rng(20))
        for confidence in (0.5, 0.99)
    )
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(intervals).failed == 0
