"""The analyses of an A/B test, for many tests at once from their sums."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from recolab_assets.experiments.ab_replicates import ABTotals
from recolab_assets.experiments.arrays import FloatArray
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.sequential import always_valid_p, critical_values


class ArmEstimates(NamedTuple):
    """An estimate for every arm; all arrays are (R, S, A). NaN where an arm has too few users."""

    value: FloatArray
    variance: FloatArray
    """Of ``value``."""
    users: FloatArray


def delta_estimates(totals: ABTotals) -> ArmEstimates:
    """Clicks per product shown, a ratio of sums, with the delta method's variance.

    As :func:`recolab_assets.experiments.statistics.ratio_estimate`.
    """
    n = totals.users.astype(np.float64)
    slots = totals.histograms @ totals.slots
    with np.errstate(divide="ignore", invalid="ignore"):
        value = totals.histograms @ totals.clicks / slots
        squares = (
            totals.histograms @ totals.clicks**2
            - 2 * value * (totals.histograms @ (totals.clicks * totals.slots))
            + value**2 * (totals.histograms @ totals.slots**2)
        )
        variance = np.maximum(squares, 0.0) / (n - 1) * n / slots**2
    return ArmEstimates(value, variance, n)


def user_rate_estimates(totals: ABTotals) -> ArmEstimates:
    """Mean of the users' own click rates, each user counting the same."""
    n = totals.users.astype(np.float64)
    rates = totals.clicks / totals.slots
    with np.errstate(divide="ignore", invalid="ignore"):
        value = totals.histograms @ rates / n
        squares = totals.histograms @ rates**2 - n * value**2
        variance = np.maximum(squares, 0.0) / (n - 1) / n
    return ArmEstimates(value, variance, n)


def cuped_estimates(totals: ABTotals) -> ArmEstimates:
    """Clicks per product shown less what the covariates explain by chance.

    As :func:`recolab_assets.experiments.cuped.cuped_estimates`, from sums.
    """
    plain = delta_estimates(totals)
    sums, by_clicks, by_slots = (totals.moments[..., place] for place in range(3))
    products = totals.moments[..., 3:]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums / plain.users[..., None]
        mean_slots = totals.histograms @ totals.slots / plain.users
        # Σ x l with l = (clicks − ratio × slots) / mean slots, whose sum is 0.
        linear = (by_clicks - plain.value[..., None] * by_slots) / mean_slots[..., None]
        spread = products - plain.users[..., None, None] * mean[..., :, None] * mean[..., None, :]
    linear, spread = np.nan_to_num(linear), np.nan_to_num(spread)
    slope = np.linalg.pinv(spread.sum(axis=2), hermitian=True) @ linear.sum(axis=2)[..., None]
    overall = sums.sum(axis=2) / np.maximum(plain.users.sum(axis=2), 1)[..., None]
    slope = slope[:, :, None, :, 0]
    value = plain.value - ((mean - overall[:, :, None]) * slope).sum(axis=-1)
    explained = 2 * (slope * linear).sum(axis=-1) - (
        slope * (spread @ slope[..., None])[..., 0]
    ).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = plain.variance - explained / (plain.users - 1) / plain.users
    return ArmEstimates(value, np.maximum(variance, 0.0), plain.users)


class _Differences(NamedTuple):
    """Estimates of all arms less the control's; all arrays are (R, S, A)."""

    effect: FloatArray
    error: FloatArray
    """NaN where there is no spread, so no test."""
    statistic: FloatArray
    """0 where there is no test."""


def _differences(estimates: ArmEstimates, control: int) -> _Differences:
    effect = estimates.value - estimates.value[..., [control]]
    with np.errstate(invalid="ignore"):
        variance = estimates.variance + estimates.variance[..., [control]]
        error = np.sqrt(np.where(variance > 0, variance, np.nan))
    return _Differences(effect, error, np.nan_to_num(effect / error))


def welch_readings(estimates: ArmEstimates, control: int, alpha: float) -> Readings:
    """Welch's test and interval of the difference of every arm to the control.

    As :func:`recolab_assets.experiments.statistics.compare`.
    """
    effect, error, statistic = _differences(estimates, control)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = estimates.variance**2 / (estimates.users - 1)
        degrees = error**4 / (parts + parts[..., [control]])
    p_values = np.nan_to_num(2 * stats.t.sf(np.abs(statistic), degrees), nan=1.0)
    margins = stats.t.isf(alpha / 2, degrees) * error
    return _read(np.nan_to_num(estimates.value), effect, error, margins, p_values, control)


def delta_readings(totals: ABTotals, control: int, alpha: float) -> Readings:
    """Arms by click rate, a ratio of sums; the delta method."""
    return welch_readings(delta_estimates(totals), control, alpha)


def user_rate_readings(totals: ABTotals, control: int, alpha: float) -> Readings:
    """Arms by the mean of users' click rates; Welch's test.

    The delta method's test where all users are shown as many products.
    """
    return welch_readings(user_rate_estimates(totals), control, alpha)


def cuped_readings(totals: ABTotals, control: int, alpha: float) -> Readings:
    """Arms by click rate adjusted for what users did before the test."""
    return welch_readings(cuped_estimates(totals), control, alpha)


def sequential_readings(
    totals: ABTotals, control: int, alpha: float, *, is_watched: bool = False
) -> Readings:
    """Arms by click rate, with the interval that may be looked at any time.

    Args:
        totals: Sums of the tests.
        control: Number of the control.
        alpha: 1 − confidence at all times together.
        is_watched: The sizes are looks at one test that is planned for the last of them, not
            tests each planned for its own size.
    """
    estimates = delta_estimates(totals)
    effect, error, statistic = _differences(estimates, control)
    users = np.maximum(estimates.users + estimates.users[..., [control]], 1.0)
    planned = users[:, [-1]] if is_watched else users
    margins = critical_values(users, planned, alpha) * error
    p_values = always_valid_p(statistic, users, planned, alpha)
    return _read(np.nan_to_num(estimates.value), effect, error, margins, p_values, control)


def mann_whitney_readings(totals: ABTotals, control: int, alpha: float) -> Readings:
    """Arms by the chance of a higher click rate than a user of the control; Mann–Whitney U.

    The normal approximation with tie and continuity correction, from histograms. The score is
    P(arm > control) + ½ P(arm = control), which is ½ for the control. As the published report
    has it, what is read as the effect is the difference in click rate; it has no interval.
    """
    del alpha
    rates, place = np.unique(totals.clicks / totals.slots, return_inverse=True)
    ranked = np.zeros((*totals.histograms.shape[:-1], rates.size))
    for outcome, rank in enumerate(place):
        ranked[..., rank] += totals.histograms[..., outcome]
    reference = ranked[..., [control], :]
    n, m = ranked.sum(axis=-1), reference.sum(axis=-1)
    below = reference.cumsum(axis=-1) - reference / 2
    statistic = (ranked * below).sum(axis=-1)
    tied, total = ranked + reference, n + m
    with np.errstate(divide="ignore", invalid="ignore"):
        ties = (tied**3 - tied).sum(axis=-1) / (total * (total - 1))
        error = np.sqrt(n * m / 12 * (total + 1 - ties))
        distance = (np.abs(statistic - n * m / 2) - 0.5) / error
        scores = np.nan_to_num(statistic / (n * m), nan=0.5)
    p_values = np.where(error > 0, np.minimum(2 * stats.norm.sf(distance), 1.0), 1.0)
    value = user_rate_estimates(totals).value
    effect = value - value[..., [control]]
    nothing = np.full(effect.shape, np.nan)
    read = _read(scores, effect, nothing, nothing, p_values, control)
    return read._replace(signs=np.sign(scores - 0.5))


AB_READINGS: Final[dict[str, Callable[[ABTotals, int, float], Readings]]] = {
    "ab_delta": delta_readings,
    "ab_welch": user_rate_readings,
    "ab_mann_whitney": mann_whitney_readings,
    "ab_cuped": cuped_readings,
    "ab_sequential": sequential_readings,
}
"""Ways of reading an A/B test, by the name of the method."""


def _read(
    scores: FloatArray,
    effect: FloatArray,
    error: FloatArray,
    margins: FloatArray,
    p_values: FloatArray,
    control: int,
) -> Readings:
    # Arrays of one's own: the control has no comparison with itself.
    own = [np.array(v) for v in (p_values, effect, error, effect - margins, effect + margins)]
    for values in own:
        values[..., control] = np.nan
    signs = np.sign(np.nan_to_num(effect))
    return Readings(scores, signs, *own)
