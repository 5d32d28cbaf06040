"""The sign tests of many interleaving tests at once."""

import numpy as np
from scipy import stats

from recolab_assets.experiments.arrays import FloatArray
from recolab_assets.experiments.drafted_replicates import DraftedTests
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
    """Read every model's preference over the control, with its Clopper–Pearson interval.

    The effect is the share of deciding users who prefer the model, less one half.

    Args:
        tests: Simulated interleaving tests.
        scores: (R, S, M) one of ``tests.scores``.
        control: Number of the control.
        alpha: 1 − confidence of the intervals.
    """
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


def pooled_effects(tests: DraftedTests, control: int, n_models: int) -> FloatArray:
    """(M,) preference over the control less one half, from all replicates of the largest size.

    There is no closed form of what users prefer in drafted lists; this is its Monte-Carlo value.
    """
    for_model, for_control = (
        side[:, -1].sum(axis=0) for side in wins_against(tests, control, n_models)
    )
    decided = for_model + for_control
    nothing = np.full(n_models, np.nan)
    return np.divide(for_model, decided, out=nothing, where=decided > 0) - 0.5
