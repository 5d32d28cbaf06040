"""Simulated experiments repeated many times, each reduced at once to what its analysis needs.

A replicate draws its users in a random order; an experiment of n users is its first n, so one
replicate serves every size. Replicates have streams of their own and may run in any order.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import stats

from recolab_assets.experiments.arrays import FloatArray, IntArray
from recolab_assets.randomness import stream

MAX_WORKERS = 4

Number = TypeVar("Number", np.int64, np.float64)


def replicate(one: Callable[[int], npt.NDArray[Number]], replicates: int) -> npt.NDArray[Number]:
    """Stack the results of replicates run on a few threads; the kernels release the GIL."""
    with ThreadPoolExecutor(min(MAX_WORKERS, os.cpu_count() or 1)) as pool:
        return np.stack(list(pool.map(one, range(replicates))))


@njit(cache=True, nogil=True)
def _tally(cumulative, arms, order, uniforms, ends, histograms):  # type: ignore[no-untyped-def]
    """Add the users of each segment to ``histograms`` (S, A, K + 1), dealt to arms in turn."""
    n_arms = arms.size
    most = cumulative.shape[2] - 1
    segment = 0
    for place in range(ends[-1]):
        while place >= ends[segment]:
            segment += 1
        arm = place % n_arms
        clicks = 0
        chances = cumulative[order[place], arms[arm]]
        while clicks < most and uniforms[place] >= chances[clicks]:
            clicks += 1
        histograms[segment, arm, clicks] += 1


def ab_histograms(
    cumulative: FloatArray,
    arms: Sequence[int],
    sizes: Sequence[int],
    *,
    replicates: int,
    seed: int,
    purpose: str,
) -> npt.NDArray[np.int64]:
    """Run A/B tests, keeping the number of users with 0, 1, … K clicks in each arm.

    The number of clicks of a user follows the click model's exact distribution, so one uniform
    number a user takes the place of one a position.

    Args:
        cumulative: (n, M, K + 1) cumulative distribution of the clicks of each user on each list.
        arms: Number of the list that each of the A arms shows; equal numbers make an A/A test.
        sizes: Ascending numbers of users, none above n.
        replicates: Number R of tests.
        seed: Seed.
        purpose: Name of the random stream.

    Returns:
        (R, S, A, K + 1) numbers of users.
    """
    shown = np.asarray(arms)
    ends = np.asarray(sizes)

    def one(replicate: int) -> npt.NDArray[np.int64]:
        rng = stream(seed, purpose, replicate)
        order = rng.permutation(cumulative.shape[0])[: ends[-1]]
        histograms = np.zeros((ends.size, shown.size, cumulative.shape[2]), np.int64)
        _tally(cumulative, shown, order, rng.random(ends[-1]), ends, histograms)
        return histograms.cumsum(axis=0)

    return replicate(one, replicates)


class ReplicatedTests(NamedTuple):
    """Scores and p-values of one test in all replicates."""

    scores: FloatArray
    """(R, S, A) what the arms are ranked by."""
    p_values: FloatArray
    """(R, S, A) two-sided, against the control; NaN for the control itself."""


def delta_tests(histograms: IntArray, control: int) -> ReplicatedTests:
    """Rank arms by click rate and test them against the control by the delta method.

    Every user has the same number of impressions here, so the ratio of sums is a mean by user and
    the delta method is Welch's test.

    Args:
        histograms: (R, S, A, K + 1) from :func:`ab_histograms`.
        control: Number of the control arm.
    """
    clicks = np.arange(histograms.shape[-1])
    n = histograms.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = histograms @ clicks / n
        # Variance of the mean.
        variance = (histograms @ clicks**2 - n * mean**2) / (n - 1) / n
        degrees_by_arm = variance**2 / (n - 1)
        error = np.sqrt(variance + variance[..., [control]])
        degrees = error**4 / (degrees_by_arm + degrees_by_arm[..., [control]])
        statistic = np.abs(mean - mean[..., [control]]) / error
    p_values = 2 * stats.t.sf(statistic, degrees)
    p_values[..., control] = np.nan
    return ReplicatedTests(np.nan_to_num(mean) / max(clicks[-1], 1), p_values)


def mann_whitney_tests(histograms: IntArray, control: int) -> ReplicatedTests:
    """Rank arms by the chance of beating a user of the control, and test it by Mann–Whitney U.

    The normal approximation with tie and continuity correction, from histograms. The score is
    P(arm > control) + ½ P(arm = control), which is ½ for the control.

    Arguments as for :func:`delta_tests`.
    """
    reference = histograms[..., [control], :].astype(np.float64)
    n, m = histograms.sum(axis=-1).astype(np.float64), reference.sum(axis=-1)
    below = reference.cumsum(axis=-1) - reference / 2
    statistic = (histograms * below).sum(axis=-1)
    tied = histograms + reference
    total = n + m
    with np.errstate(divide="ignore", invalid="ignore"):
        ties = (tied**3 - tied).sum(axis=-1) / (total * (total - 1))
        error = np.sqrt(n * m / 12 * (total + 1 - ties))
        distance = (np.abs(statistic - n * m / 2) - 0.5) / error
        scores = statistic / (n * m)
    p_values = np.where(error > 0, np.minimum(2 * stats.norm.sf(distance), 1.0), 1.0)
    p_values[..., control] = np.nan
    return ReplicatedTests(np.nan_to_num(scores, nan=0.5), p_values)


def sample_means(
    values: FloatArray, sizes: Sequence[int], *, replicates: int, seed: int, purpose: str
) -> FloatArray:
    """Means over samples of users, drawn without replacement.

    Args:
        values: (n, M) a quantity of each user, such as NDCG, under each model.
        sizes: Ascending numbers of users, none above n.
        replicates: Number R of samples.
        seed: Seed.
        purpose: Name of the random stream.

    Returns:
        (R, S, M) means.
    """
    counts = np.asarray(sizes)

    def one(replicate: int) -> FloatArray:
        order = stream(seed, purpose, replicate).permutation(values.shape[0])[: counts[-1]]
        sums: FloatArray = np.add.reduceat(values[order], np.r_[0, counts[:-1]]).cumsum(axis=0)
        return sums / counts[:, None]

    return replicate(one, replicates)
