"""Bootstrap-by-user confidence intervals of many means at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recolab_assets.models.blas import single_blas_thread

Values = npt.NDArray[np.float64]

_SHARD_USERS = 2**14
"""Users resampled at a time, few enough for their counters to stay in the processor's cache."""
_BLOCK_SAMPLES = 64
"""Resamples made at a time: 8 MiB of weights for a shard of users."""


@dataclass(frozen=True)
class MeanIntervals:
    """Means with their confidence intervals; arrays are ``(m,)``, an entry a column.

    Attributes:
        mean: Mean over the users who have a value; NaN where nobody has.
        low: Lower end; NaN with fewer than two values, which say nothing about spread.
        high: Upper end; NaN likewise.
        n: Users who have a value.
    """

    mean: Values
    low: Values
    high: Values
    n: npt.NDArray[np.int64]


def bootstrap_means(values: Values, samples: int, generator: np.random.Generator) -> Values:
    """Return the column means of resamples of the users.

    Each resample draws n users with replacement, so the number of times that each user is drawn
    follows a multinomial law; the draw is shared by all columns, whose replicates are therefore
    paired. A mean leaves out users whose value is NaN. Efron and Tibshirani, "An Introduction to
    the Bootstrap", 1993, chapter 6.

    Args:
        values: ``(n, m)``, a row a user, a column a quantity; n at least 1.
        samples: Number of resamples.
        generator: Source of the draws.

    Returns:
        ``(samples, m)``; NaN where no drawn user has a value.
    """
    n, m = values.shape
    starts = np.arange(0, n, _SHARD_USERS)
    sizes = np.diff(starts, append=n)
    # A multinomial draw is made shard by shard without changing its law: first how many of the n
    # draws fall in each shard, then where in the shard they fall.
    drawn = generator.multinomial(n, sizes / n, size=samples)
    sums, counts = np.zeros((samples, m)), np.zeros((samples, m))
    # On one thread: the factors are tall and narrow, and threads that wait for each other make
    # these products slower, several times so on a busy machine.
    with single_blas_thread():
        for shard, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            part = values[start : start + size]
            present = ~np.isnan(part)
            filled = np.where(present, part, 0.0)
            for first in range(0, samples, _BLOCK_SAMPLES):
                block = slice(first, first + _BLOCK_SAMPLES)
                weights = _weights(drawn[block, shard], size, generator)
                sums[block] += weights @ filled
                if present.all():
                    counts[block] += drawn[block, shard, None]
                else:
                    counts[block] += weights @ present.astype(np.float64)
    absent = np.full((samples, m), np.nan)
    return np.asarray(np.divide(sums, counts, out=absent, where=counts > 0))


def _weights(drawn: npt.NDArray[np.int64], size: int, generator: np.random.Generator) -> Values:
    """Spread each of the given numbers of draws over as many users: how often each is drawn."""
    weights = np.empty((drawn.size, size))
    for row, count in zip(weights, drawn, strict=True):
        row[:] = np.bincount(generator.integers(0, size, count), minlength=size)
    return weights


def mean_intervals(
    values: Values, *, samples: int, confidence: float, generator: np.random.Generator
) -> MeanIntervals:
    """Return the mean of every column with its percentile bootstrap interval.

    Users are the unit of resampling: their values are independent of each other, the positions of
    one list are not.

    Args:
        values: ``(n, m)``, a row a user, a column a quantity; NaN where a user has no value.
        samples: Number of resamples.
        confidence: Confidence of the intervals, between 0 and 1.
        generator: Source of the draws.

    >>> values = np.array([[0.0, 1.0], [1.0, np.nan], [1.0, np.nan], [0.0, np.nan]])
    >>> intervals = mean_intervals(
    ...     values, samples=1000, confidence=0.95, generator=np.random.default_rng(1)
    ... )
    >>> intervals.mean, intervals.low, intervals.high, intervals.n
    (array([0.5, 1. ]), array([ 0., nan]), array([ 1., nan]), array([4, 1]))
    """
    n = np.count_nonzero(~np.isnan(values), axis=0)
    mean, low, high = (np.full(values.shape[1], np.nan) for _ in range(3))
    np.divide(np.nansum(values, axis=0), n, out=mean, where=n > 0)
    spread = n > 1
    if spread.any():
        replicates = bootstrap_means(values, samples, generator)[:, spread]
        tail = (1 - confidence) / 2
        low[spread], high[spread] = np.nanquantile(replicates, [tail, 1 - tail], axis=0)
    return MeanIntervals(mean, low, high, n)
