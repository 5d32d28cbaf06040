"""How many users a test needs to tell a model from the control, and how often it does."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from recolab_assets.experiments.arrays import FloatArray, IntArray
from recolab_assets.experiments.preferences import Wins
from recolab_assets.experiments.sequential import critical_values

POWER = 0.8
"""Power that the number of users is given for."""


class UsersNeeded(NamedTuple):
    """Users of a test of one model against the control, for ``POWER`` at a two-sided level."""

    users: float
    """Normal approximation; infinite if the test does not find the better of the two."""
    standard_error: float
    """Monte-Carlo error of the users; NaN where they are exact."""


def _users(effect: float, null: float, alternative: float, alpha: float) -> float:
    """Users for ``POWER`` when one user's effect has this mean and these standard deviations."""
    if effect <= 0:
        return np.inf
    needed = stats.norm.isf(alpha / 2) * null + stats.norm.ppf(POWER) * alternative
    return float((needed / effect) ** 2)


def users_for_means(model: FloatArray, control: FloatArray, alpha: float) -> UsersNeeded:
    """Users of an A/B test of two equal arms that compares mean clicks (Welch, delta method).

    n = (z_{1−α/2} + z_{.8})² 2 (σ² + σ_c²) / (μ − μ_c)² for both arms together.

    Args:
        model: (K + 1,) distribution of the number of clicks of a user who sees the model.
        control: (K + 1,) that of one who sees the control.
        alpha: Two-sided significance level.
    """
    clicks = np.arange(model.size)
    mean, control_mean = model @ clicks, control @ clicks
    variance = model @ clicks**2 - mean**2 + control @ clicks**2 - control_mean**2
    deviation = float(np.sqrt(2 * variance))
    return UsersNeeded(_users(float(abs(mean - control_mean)), deviation, deviation, alpha), np.nan)


def users_for_sequence(model: FloatArray, control: FloatArray, alpha: float) -> UsersNeeded:
    """Users of an A/B test of two equal arms whose interval may be looked at any time.

    As :func:`users_for_means` with the critical value of :func:`critical_values` at the planned
    size, which does not depend on that size. It counts the last look alone, so it is an upper
    bound: a test that is looked at before may end earlier.

    Arguments as for :func:`users_for_means`.
    """
    fixed = users_for_means(model, control, alpha).users
    critical = float(critical_values(np.ones(1), 1.0, alpha)[0])
    later = stats.norm.ppf(POWER)
    grown = ((critical + later) / (stats.norm.isf(alpha / 2) + later)) ** 2
    return UsersNeeded(fixed * float(grown), np.nan)


def users_for_effects(
    effects: FloatArray, errors: FloatArray, n_users: int, alpha: float
) -> UsersNeeded:
    """Users of a test that estimates an effect with an error that falls with the root of users.

    Args:
        effects: (R,) estimates, positive where the better of the two is put above the other.
        errors: (R,) their standard errors; NaN where there is none.
        n_users: Users behind each.
        alpha: Two-sided significance level.
    """
    known = ~np.isnan(errors)
    if known.sum() < 2:
        return UsersNeeded(np.inf, np.nan)
    effect = float(effects[known].mean())
    deviation = float(np.sqrt((errors[known] ** 2).mean() * n_users))
    users = _users(effect, deviation, deviation, alpha)
    # n goes with 1 / effect², so its relative error is twice that of the effect.
    error = effects[known].std(ddof=1) / np.sqrt(known.sum())
    return UsersNeeded(users, float(2 * users * error / effect) if effect > 0 else np.nan)


def fewer_users(needed: UsersNeeded, variance_left: FloatArray) -> UsersNeeded:
    """Users of a test whose variance is a part of another's.

    Args:
        needed: Users of the other test, exact.
        variance_left: (R,) the part, in each replicate.
    """
    n = variance_left.size
    error = float(variance_left.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    return UsersNeeded(needed.users * float(variance_left.mean()), needed.users * error)


def users_for_ranks(model: FloatArray, control: FloatArray, alpha: float) -> UsersNeeded:
    """Users of an A/B test of two equal arms by Mann–Whitney.

    Noether, "Sample size determination for some common nonparametric tests", JASA 82 (1987), with
    the variance corrected for ties: n = (z_{1−α/2} + z_{.8})² (1 − Σ π³) / (3 (θ − ½)²), where θ is
    the chance of more clicks under the model than under the control, ties counting half, and π
    the distribution of the two arms together. Infinite if θ points away from the larger mean.

    Arguments as for :func:`users_for_means`.
    """
    clicks = np.arange(model.size)
    superiority = model @ (control.cumsum() - control / 2)
    direction = np.sign((model - control) @ clicks)
    deviation = float(np.sqrt((1 - (((model + control) / 2) ** 3).sum()) / 3))
    return UsersNeeded(
        _users(float(direction * (superiority - 0.5)), deviation, deviation, alpha), np.nan
    )


def users_for_preference(for_better: int, for_worse: int, seen: int, alpha: float) -> UsersNeeded:
    """Users of an interleaving test read by a sign test.

    With q the chance that a user decides and δ that of preferring the better less that of
    preferring the worse model, n = (z_{1−α/2} √q + z_{.8} √(q − δ²))² / δ².

    Args:
        for_better: Simulated users who preferred the truly better model.
        for_worse: Simulated users who preferred the other.
        seen: All simulated users of the test.
        alpha: Two-sided significance level.
    """
    decides, effect = (for_better + for_worse) / seen, (for_better - for_worse) / seen
    deviation = float(np.sqrt(max(decides - effect**2, 0.0)))
    users = _users(effect, float(np.sqrt(decides)), deviation, alpha)
    # n goes with 1 / δ², so its relative error is twice that of δ.
    error = users * 2 * deviation / np.sqrt(seen) / effect if effect > 0 else np.nan
    return UsersNeeded(users, float(error))


def sign_test_p(wins: Wins) -> FloatArray:
    """Exact two-sided sign tests of arrays of counts; 1 where nobody decides."""
    decided: IntArray = wins.a + wins.b
    p_values: FloatArray = np.minimum(
        1.0, 2 * stats.binom.cdf(np.minimum(wins.a, wins.b), decided, 0.5)
    )
    return p_values
