"""How likely a test is to find an effect, the least effect it finds, and the users it needs."""

from bisect import bisect_left

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from recolab_assets.experiments.statistics import RatioEstimate

TARGET_POWER = 0.8
"""Power that the minimum detectable effect is stated for, by convention."""
MOST_USERS = 8_000_000_000
"""A test that needs more users than there are people cannot be run."""


def shift_error(control: RatioEstimate, n_treated: int) -> float:
    """Standard error of the difference if the arm's users vary as the control's do.

    An effect just worth finding leaves the variance nearly as it is; the arm's own variance
    would let the power depend on the effect that happened to be observed.

    Args:
        control: The control's estimate.
        n_treated: Users of the arm.

    Returns:
        The standard error; NaN where the control has no variance or the arm no user.
    """
    if n_treated < 2 or not control.variance > 0:
        return float("nan")
    return float(np.sqrt(control.variance * (1 + control.n_users / n_treated)))


def power(shift: float, control: RatioEstimate, n_treated: int, alpha: float) -> float:
    """Chance that the two-sided test finds a true difference, before correction.

    The noncentral t distribution with n + m − 2 degrees of freedom: Cohen, "Statistical power
    analysis for the behavioral sciences" (2nd edition, 1988), chapter 2.

    Args:
        shift: True difference between arm and control.
        control: The control's estimate, of which the variance and the size are used.
        n_treated: Users of the arm.
        alpha: Level of the test.

    Returns:
        The power; NaN where :func:`shift_error` is.
    """
    error = shift_error(control, n_treated)
    if np.isnan(error):
        return error
    return _power(abs(shift) / error, control.n_users + n_treated - 2, alpha)


def minimum_detectable_shift(
    control: RatioEstimate, n_treated: int, alpha: float, target: float = TARGET_POWER
) -> float:
    """Least true difference that the test finds with a chance of ``target``.

    Arguments as for :func:`power`.

    Returns:
        The difference, positive, in units of the metric; NaN where :func:`shift_error` is.
    """
    error = shift_error(control, n_treated)
    if np.isnan(error):
        return error
    degrees = control.n_users + n_treated - 2
    # Beyond twice the sum of both quantiles the power is all but 1, however few the degrees.
    most = 2 * float(stats.t.isf(alpha / 2, degrees) + stats.t.isf((1 - target) / 2, degrees))
    errors = brentq(lambda distance: _power(distance, degrees, alpha) - target, 0.0, most)
    return float(errors) * error


def users_per_arm(
    control: RatioEstimate, effect: float, alpha: float, target: float = TARGET_POWER
) -> int | None:
    """Least users of each of two arms with which Welch's test finds a relative effect.

    Args:
        control: The control's estimate; a user of the arm is taken to vary as one of the control.
        effect: Relative difference.
        alpha: Two-sided level of this comparison.
        target: Power.

    Returns:
        The users; None if nobody clicked, there is no variance, or ``MOST_USERS`` are too few.
    """
    shift, variance = effect * control.value, control.variance * control.n_users
    if not (shift > 0 and variance > 0):
        return None
    quantiles = stats.norm.isf(alpha / 2) + stats.norm.ppf(target)
    # Normal approximation; the t distribution asks for somewhat more.
    about = 2 * variance * (quantiles / shift) ** 2
    if about > MOST_USERS:
        return None
    candidates = range(2, 2 * int(about) + 100)

    def suffices(n: int) -> bool:
        return power(shift, RatioEstimate(control.value, variance / n, n), n, alpha) >= target

    return candidates[bisect_left(candidates, True, key=suffices)]


def _power(distance: float, degrees: int, alpha: float) -> float:
    """Power at a true difference of ``distance`` standard errors."""
    critical = stats.t.isf(alpha / 2, degrees)
    # P(T < -c) at +d is P(T > c) at -d; scipy's own lower tail is NaN where it is far out.
    return float(np.sum(stats.nct.sf(critical, degrees, [distance, -distance])))
