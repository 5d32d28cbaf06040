"""Bootstrap-by-user confidence intervals of many means at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recolab_assets.models.blas import single_blas_thread

Values = npt.NDArray[np.float64]

_BLOCK_WEIGHTS = 2**22
"""Resampling weights held at a time: 32 MiB of them."""


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
    absent = np.isnan(values)
    partial = np.flatnonzero(absent.any(axis=0))
    factors = np.where(absent, 0.0, values)
    if partial.size:
        # Divisors differ between columns only where users lack a value; the rest divide by n.
        factors = np.hstack([factors, ~absent[:, partial]])
    block = max(1, min(64, _BLOCK_WEIGHTS // n, samples))
    weights = np.empty((block, n))
    sums = np.empty((samples, factors.shape[1]))
    # On one thread: the factors are tall and narrow, and threads that wait for each other make
    # these products slower, several times so on a busy machine.
    with single_blas_thread():
        for start in range(0, samples, block):
            size = min(block, samples - start)
            for row in weights[:size]:
                row[:] = np.bincount(generator.integers(0, n, n, np.int32), minlength=n)
            np.matmul(weights[:size], factors, out=sums[start : start + size])
    means = sums[:, :m] / n
    with np.errstate(invalid="ignore"):
        means[:, partial] = sums[:, partial] / sums[:, m:]
    return np.asarray(means)


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
