"""Offline evaluation repeated on samples of users, and what is read out of it."""

from collections.abc import Sequence

import numpy as np
from numba import njit
from scipy import stats

from recolab_assets.experiments.arrays import FloatArray
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.replicates import in_threads
from recolab_assets.randomness import stream


@njit(cache=True, nogil=True)
def _add_up(values, order, ends, control, sums):  # type: ignore[no-untyped-def]
    """Add values and squared differences to the control into ``sums`` (S, 2, Q, M), zero before."""
    _, n_metrics, n_models = values.shape
    segment = 0
    for place in range(ends[-1]):
        while place >= ends[segment]:
            segment += 1
        user = values[order[place]]
        for metric in range(n_metrics):
            for model in range(n_models):
                value = user[metric, model]
                sums[segment, 0, metric, model] += value
                sums[segment, 1, metric, model] += (value - user[metric, control]) ** 2


def offline_readings(
    values: FloatArray,
    sizes: Sequence[int],
    *,
    control: int,
    alpha: float,
    replicates: int,
    seed: int,
    purpose: str,
) -> list[Readings]:
    """Compare means of metrics over samples of users, drawn without replacement.

    Every model is measured on the same users, so the test is the paired t test.

    Args:
        values: (n, Q, M) Q metrics of each user under each model.
        sizes: Ascending numbers of users, none above n.
        control: Number of the control.
        alpha: 1 − confidence of the intervals.
        replicates: Number R of samples.
        seed: Seed.
        purpose: Name of the random stream.

    Returns:
        Readings of each metric; effects are in its unit.
    """
    ends = np.asarray(sizes)
    sums = np.zeros((replicates, ends.size, 2, *values.shape[1:]))
    values = np.ascontiguousarray(values)

    def one(number: int) -> None:
        order = stream(seed, purpose, number).permutation(values.shape[0])[: ends[-1]]
        _add_up(values, order, ends, control, sums[number])

    in_threads(one, replicates)
    totals = sums.cumsum(axis=1)
    return [
        _paired_readings(totals[:, :, 0, metric], totals[:, :, 1, metric], ends, control, alpha)
        for metric in range(values.shape[1])
    ]


def _paired_readings(
    sums: FloatArray, squares: FloatArray, sizes: FloatArray, control: int, alpha: float
) -> Readings:
    n = sizes[:, None].astype(np.float64)
    means = sums / n
    effects = means - means[..., [control]]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (squares - n * effects**2) / (n - 1) / n
        # Where rounding leaves next to nothing, all differences are the same.
        variance[variance <= 1e-12 * squares / n**2] = 0.0
        errors = np.sqrt(variance)
        statistic = np.where(errors > 0, effects / errors, np.where(effects == 0, 0.0, np.inf))
    p_values = np.where(n > 1, 2 * stats.t.sf(np.abs(statistic), np.maximum(n - 1, 1)), 1.0)
    margins = stats.t.isf(alpha / 2, np.maximum(n - 1, 1)) * errors
    signs = np.sign(effects)
    for own in (effects, p_values, errors, margins):
        own[..., control] = np.nan
    return Readings(means, signs, p_values, effects, errors, effects - margins, effects + margins)
