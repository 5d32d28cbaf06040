"""What many interleaving tests say of every model and the control."""

import numpy as np
from scipy import stats

from recolab_assets.experiments.arrays import FloatArray
from recolab_assets.experiments.drafted_replicates import DraftedTests, MeanPreferences
from recolab_assets.experiments.preferences import Wins, pairs_of
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.users_needed import sign_test_p


def wins_against(tests: DraftedTests, control: int, n_models: int) -> Wins:
    """Users who prefer each model (a), and who prefer the control to it (b), (R, S, M) each."""
    for_model, for_control = np.zeros((2, *tests.wins.a.shape[:2], n_models), np.int64)
    for place, (first, second) in enumerate(pairs_of(n_models)):
        if control == first:
            for_model[..., second] = tests.wins.b[..., place]
            for_control[..., second] = tests.wins.a[..., place]
        elif control == second:
            for_model[..., first] = tests.wins.a[..., place]
            for_control[..., first] = tests.wins.b[..., place]
    return Wins(for_model, for_control)


def draft_readings(tests: DraftedTests, scores: FloatArray, control: int, alpha: float) -> Readings:
    """Read every model's preference over the control.

    The effect is the share of deciding users who prefer the model, less one half, with its
    Clopper–Pearson interval and the sign test; or, where preferences are real numbers, their mean
    with a normal interval and test.

    Args:
        tests: Simulated interleaving tests.
        scores: (R, S, M) one of ``tests.scores``.
        control: Number of the control.
        alpha: 1 − confidence of the intervals.
    """
    if tests.preferences is not None:
        return _mean_readings(tests.preferences, scores, control, alpha)
    wins = wins_against(tests, control, scores.shape[-1])
    for_model, for_control = wins
    decided = for_model + for_control
    with np.errstate(divide="ignore", invalid="ignore"):
        effects = for_model / decided - 0.5
        low = np.nan_to_num(stats.beta.ppf(alpha / 2, for_model, for_control + 1), nan=0.0)
        high = np.nan_to_num(stats.beta.isf(alpha / 2, for_model + 1, for_control), nan=1.0)
    p_values = sign_test_p(wins)
    signs = np.sign(for_model - for_control).astype(np.float64)
    ends = [low - 0.5, high - 0.5]
    for own in (p_values, effects, *ends):
        own[..., control] = np.nan
    return Readings(scores, signs, p_values, effects, np.full(effects.shape, np.nan), *ends)


def _mean_readings(
    preferences: MeanPreferences, scores: FloatArray, control: int, alpha: float
) -> Readings:
    effects, errors = (
        _against(values, control, scores.shape[-1], turned)
        for values, turned in ((preferences.mean, -1.0), (preferences.error, 1.0))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(errors > 0, np.abs(effects) / errors, 0.0)
    p_values = 2 * stats.norm.sf(statistic)
    p_values[..., control] = np.nan
    margins = stats.norm.isf(alpha / 2) * np.where(errors > 0, errors, np.nan)
    signs = np.sign(np.nan_to_num(effects))
    return Readings(scores, signs, p_values, effects, errors, effects - margins, effects + margins)


def _against(values: FloatArray, control: int, n_models: int, turned: float) -> FloatArray:
    """Values of pairs by the model that is compared with the control, (R, S, M).

    Args:
        values: (R, S, P) of the first model of each pair.
        control: Number of the control, for which the result is NaN.
        n_models: Number M of models.
        turned: Factor for pairs whose first model is the control.
    """
    found = np.full((*values.shape[:2], n_models), np.nan)
    for place, (first, second) in enumerate(pairs_of(n_models)):
        if control == first:
            found[..., second] = turned * values[..., place]
        elif control == second:
            found[..., first] = values[..., place]
    return found


def pooled_effects(tests: DraftedTests, control: int, n_models: int) -> FloatArray:
    """(M,) what the effects of :func:`draft_readings` estimate, from all replicates together.

    There is no closed form of what users prefer in drafted lists; this is its Monte-Carlo value at
    the largest size.
    """
    if tests.preferences is not None:
        mean = tests.preferences.mean[:, -1:]
        return _against(mean, control, n_models, -1.0).mean(axis=(0, 1))
    for_model, for_control = (
        side[:, -1].sum(axis=0) for side in wins_against(tests, control, n_models)
    )
    decided = for_model + for_control
    nothing = np.full(n_models, np.nan)
    return np.divide(for_model, decided, out=nothing, where=decided > 0) - 0.5
