"""An interval that may be looked at every day: the A/B test read while it runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import lambertw

from recolab_assets.experiments.ab_test import ShownAndClicked
from recolab_assets.experiments.arrays import (
    BoolArray,
    DayArray,
    FloatArray,
    IntArray,
    report_table,
)


def critical_values(
    n_users: IntArray | FloatArray, n_planned: FloatArray | float, alpha: float
) -> FloatArray:
    """Standard errors on either side of an estimate that an always-valid interval needs.

    Robbins' normal mixture with an estimated variance: Waudby-Smith, Arbour, Sinha, Kennedy and
    Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences" (Annals of
    Statistics 52(6), 2024; arXiv 2103.06476), Theorem 2.2. Its half-width after t observations,
    σ √(2 (t ρ² + 1) / (t² ρ²) · log(√(t ρ² + 1) / α)), is here divided by the standard error
    σ / √t. The free parameter is set to be tightest at the planned size: the derivative by
    u = t ρ² + 1 vanishes where u − log u = 1 − log α², so u = −W₋₁(−α² / e) with Lambert's W.

    Args:
        n_users: Users so far, positive.
        n_planned: Users that the test is planned for; must not depend on what they do.
        alpha: 1 − chance that the interval holds the truth at all times together.

    Returns:
        Critical values, of the shape of ``n_users``; above those of one look.
    """
    grown = _grown(n_users, n_planned, alpha)
    values: FloatArray = np.sqrt((grown + 1) / grown * np.log((grown + 1) / alpha**2))
    return values


def always_valid_p(
    statistic: FloatArray, n_users: FloatArray, n_planned: FloatArray | float, alpha: float
) -> FloatArray:
    """Level at which the always-valid interval of :func:`critical_values` just leaves out 0.

    The same formula solved for the level, with ρ kept as chosen for ``alpha``: √(t ρ² + 1)
    exp(−z² t ρ² / (2 (t ρ² + 1))), at most 1. Below ``alpha`` exactly when the interval leaves
    out 0; the chance that it ever falls below p is at most p if there is no difference.

    Args:
        statistic: z, the estimate over its standard error.
        n_users: Users so far, positive, of the shape of ``statistic``.
        n_planned: Users that the test is planned for.
        alpha: Level that ρ is tuned to.
    """
    grown = _grown(n_users, n_planned, alpha)
    p_values: FloatArray = np.sqrt(grown + 1) * np.exp(-(statistic**2) * grown / (2 * (grown + 1)))
    return np.minimum(1.0, p_values)


def _grown(
    n_users: IntArray | FloatArray, n_planned: FloatArray | float, alpha: float
) -> FloatArray:
    """Return t ρ² with the ρ that makes the interval tightest at the planned size."""
    tightest = -float(lambertw(-(alpha**2) / np.e, -1).real)
    grown: FloatArray = (tightest - 1) / n_planned * np.asarray(n_users, np.float64)
    return grown


def cumulative_ratios(
    numerator: FloatArray, denominator: FloatArray, look: IntArray, n_looks: int
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Ratio of sums over the users so far, at each of a series of looks.

    As :func:`recolab_assets.experiments.statistics.ratio_estimate`, from running sums of squares
    and products.

    Args:
        numerator: (n,) a user's count above the line.
        denominator: (n,) a user's count below the line.
        look: (n,) first look that has the user, from 0.
        n_looks: Number of looks.

    Returns:
        Values, their variances, and numbers of users, (n_looks,) each. NaN before the first
        user, and of the variance before the second.
    """

    def so_far(values: FloatArray) -> FloatArray:
        return np.bincount(look, values, minlength=n_looks).cumsum()

    users = np.bincount(look, minlength=n_looks).cumsum()
    above, below = so_far(numerator), so_far(denominator)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = above / below
        squares = (
            so_far(numerator**2)
            - 2 * value * so_far(numerator * denominator)
            + value**2 * so_far(denominator**2)
        )
        # Rounding may leave a sum of squares of nothing just below zero.
        variance = np.maximum(squares, 0.0) / (users - 1) * users / below**2
    variance[users < 2] = np.nan
    return value, variance, users


def crossed_so_far(low: FloatArray, high: FloatArray) -> BoolArray:
    """Whether an interval of this look or of an earlier one leaves out 0; NaN leaves out nothing.

    Args:
        low: (n_looks,) lower ends.
        high: (n_looks,) upper ends.
    """
    return np.logical_or.accumulate((low > 0) | (high < 0))


def ab_sequence(
    outcomes: ShownAndClicked, arms: Sequence[str], *, control: str, alpha: float
) -> pa.Table:
    """Follow the difference in click rate of every arm with the control, day by day.

    A user counts with all clicks from the day of the visit on. The interval of an arm holds the
    true difference on all days together with confidence 1 − alpha, so the test may be stopped on
    whichever day it leaves out 0; it is not corrected for the number of arms.

    Args:
        outcomes: What users were shown and did, and when.
        arms: Names of the arms, in order.
        control: Arm that the others are compared with.
        alpha: 1 − confidence.

    Returns:
        Table ``ab_sequence``, a row for each day on which anybody came and each arm but the
        control. While an arm has too few users or nobody has clicked, there is no interval.
    """
    days, look = np.unique(outcomes.shown_on, return_inverse=True)
    series = []
    for arm in range(len(arms)):
        mine = outcomes.arm == arm
        series.append(
            cumulative_ratios(
                outcomes.clicks[mine], outcomes.impressions[mine], look[mine], days.size
            )
        )
    value, variance, users = series[list(arms).index(control)]
    rows: list[dict[str, Any]] = []
    for name, (arm_value, arm_variance, arm_users) in zip(arms, series, strict=True):
        if name == control:
            continue
        rows += _arm_rows(
            name, days, arm_value - value, arm_variance + variance, arm_users + users, alpha
        )
    return report_table("ab_sequence", rows)


def _arm_rows(
    arm: str,
    days: DayArray,
    difference: FloatArray,
    variance: FloatArray,
    n_users: IntArray,
    alpha: float,
) -> list[dict[str, Any]]:
    """Rows of one arm; all arrays are (n_days,)."""
    if not days.size or not n_users[-1]:
        return []
    error = np.sqrt(np.where(variance > 0, variance, np.nan))
    margin = critical_values(np.maximum(n_users, 1), n_users[-1], alpha) * error
    low, high = difference - margin, difference + margin
    columns = zip(
        days.tolist(),
        n_users.tolist(),
        difference.tolist(),
        low.tolist(),
        high.tolist(),
        crossed_so_far(low, high).tolist(),
        strict=True,
    )
    names = ("day", "n_users", "difference", "ci_low", "ci_high", "excludes_zero")
    return [{"arm": arm} | dict(zip(names, values, strict=True)) for values in columns]
