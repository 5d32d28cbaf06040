"""Estimates, comparisons and corrections that the reports of the experiments are made of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from recolab_assets.experiments.arrays import FloatArray, IntArray


class RatioEstimate(NamedTuple):
    """A ratio of two sums over users, such as clicks over impressions."""

    value: float
    """Sum of the numerators over sum of the denominators; NaN without a denominator."""
    variance: float
    """Variance of ``value``; NaN with fewer than two users."""
    n_users: int
    """Users behind it."""


class Comparison(NamedTuple):
    """An arm against the control; fields that the data do not determine are NaN."""

    difference: float
    """Arm minus control."""
    low: float
    """Lower end of the interval of the difference."""
    high: float
    """Upper end of the interval of the difference."""
    standard_error: float
    """Of the difference."""
    p_value: float
    """Two-sided."""


class Uplift(NamedTuple):
    """Relative difference to the control; fields that the data do not determine are NaN."""

    value: float
    """Arm over control, minus 1."""
    low: float
    """Lower end of the interval, never below −1."""
    high: float
    """Upper end of the interval."""


class RankTest(NamedTuple):
    """Users of an arm against users of the control, by rank; NaN if an arm is empty."""

    superiority: float
    """P(X > Y) + ½ P(X = Y) for a user X of the arm and a user Y of the control."""
    p_value: float
    """Two-sided."""


def ratio_estimate(numerator: FloatArray, denominator: FloatArray) -> RatioEstimate:
    """Estimate a ratio of sums whose unit of randomisation is the user, by the delta method.

    The variance is that of the linearised values numerator − ratio × denominator over the squared
    mean denominator: Deng, Knoblich and Lu, "Applying the delta method in metric analytics" (KDD
    2018), equation 3, written with residuals. With a denominator of 1 for every user it is the
    variance of a mean.

    Args:
        numerator: (n,) a user's count above the line.
        denominator: (n,) a user's count below the line.
    """
    n = numerator.size
    total = float(denominator.sum())
    if not total:
        return RatioEstimate(np.nan, np.nan, n)
    value = float(numerator.sum()) / total
    if n < 2:
        return RatioEstimate(value, np.nan, n)
    residuals = numerator - value * denominator
    variance = float(residuals @ residuals) / (n - 1) / n / (total / n) ** 2
    return RatioEstimate(value, variance, n)


def _degrees_of_freedom(treated: RatioEstimate, control: RatioEstimate) -> float:
    """Welch–Satterthwaite degrees of freedom of a difference of two independent estimates."""
    parts = [estimate.variance**2 / (estimate.n_users - 1) for estimate in (treated, control)]
    return (treated.variance + control.variance) ** 2 / sum(parts)


def _has_spread(treated: RatioEstimate, control: RatioEstimate) -> bool:
    return bool(treated.variance + control.variance > 0)  # False for NaN as well


def compare(treated: RatioEstimate, control: RatioEstimate, alpha: float) -> Comparison:
    """Welch's test and interval of the difference between two independent estimates.

    Args:
        treated: The arm's estimate.
        control: The control's.
        alpha: 1 − confidence of the interval.
    """
    difference = treated.value - control.value
    if not _has_spread(treated, control):
        return Comparison(difference, np.nan, np.nan, np.nan, np.nan)
    error = float(np.sqrt(treated.variance + control.variance))
    degrees = _degrees_of_freedom(treated, control)
    margin = float(stats.t.isf(alpha / 2, degrees)) * error
    p_value = float(2 * stats.t.sf(abs(difference) / error, degrees))
    return Comparison(difference, difference - margin, difference + margin, error, p_value)


def relative_uplift(treated: RatioEstimate, control: RatioEstimate, alpha: float) -> Uplift:
    """Relative difference with the interval of the logarithm of the ratio.

    Var(log r) = Var(r) / r² (delta method; Deng, Knoblich and Lu 2018, section 2.1), for each arm,
    and the degrees of freedom are those of these variances. On the logarithm the interval cannot
    fall below −100%. An arm or a control without any click has no logarithm, so there the interval
    is left open.
    """
    if not control.value > 0 or np.isnan(treated.value):
        return Uplift(np.nan, np.nan, np.nan)
    if not treated.value > 0:
        return Uplift(treated.value / control.value - 1, np.nan, np.nan)
    return uplift_of_logarithms(compare(_logarithm(treated), _logarithm(control), alpha))


def _logarithm(estimate: RatioEstimate) -> RatioEstimate:
    value, variance, n_users = estimate
    return RatioEstimate(float(np.log(value)), variance / value**2, n_users)


def uplift_of_logarithms(comparison: Comparison) -> Uplift:
    """Relative difference of geometric means, from the difference of two means of logarithms."""
    ends = (comparison.difference, comparison.low, comparison.high)
    return Uplift(*(float(np.expm1(end)) for end in ends))


def rank_test(treated: FloatArray, control: FloatArray) -> RankTest:
    """Mann–Whitney U with tie and continuity correction, and the effect that it is a test of.

    U over the number of pairs is P(X > Y) + ½ P(X = Y): Vargha and Delaney, "A critique and
    improvement of the CL common language effect size statistics" (Journal of Educational and
    Behavioral Statistics 25(2), 2000), equation 1. It need not lie on the side of ½ that the
    difference in means says: many users slightly better off outweigh a few who are far worse off.
    """
    if not treated.size or not control.size:
        return RankTest(np.nan, np.nan)
    if np.ptp(np.concatenate([treated, control])) == 0:
        return RankTest(0.5, 1.0)
    statistic, p_value = stats.mannwhitneyu(treated, control, method="asymptotic")
    return RankTest(float(statistic) / treated.size / control.size, float(p_value))


def sample_ratio_p(counts: IntArray | Sequence[int]) -> float:
    """Chi-square p-value of equal arms; a tiny one says that assignment or logging is broken.

    Args:
        counts: Users in each arm.

    Returns:
        The p-value; NaN with fewer than two arms or no user.
    """
    observed = np.asarray(counts)
    if observed.size < 2 or not observed.sum():
        return float("nan")
    return float(stats.chisquare(observed).pvalue)
