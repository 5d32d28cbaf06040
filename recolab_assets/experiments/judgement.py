"""How well scores of models agree with the truth: the measures of the scorecard."""

from typing import Any

import numpy as np

from recolab_assets.experiments.arrays import BoolArray, FloatArray

_TIE = 1e-12
"""Truths closer than this, relative to the best, count as equal: lists that are the same."""


def is_tied(first: float, second: float) -> bool:
    """Whether two truths are the same but for rounding."""
    return abs(first - second) <= _TIE * max(abs(first), abs(second))


def _picked(scores: FloatArray) -> FloatArray:
    """Probability that each model is picked, (R, M): the highest score, ties by lot."""
    is_best = scores == scores.max(axis=1, keepdims=True)
    return is_best / is_best.sum(axis=1, keepdims=True)


def best_pick(scores: FloatArray, truth: FloatArray) -> FloatArray:
    """Probability that whoever picks the highest score picks a truly best model.

    Args:
        scores: (R, M) score of each model in each replicate.
        truth: (M,) expected click rates.

    Returns:
        (R,) probabilities: 0 or 1 unless the highest score is tied.
    """
    best: FloatArray = _picked(scores) @ (truth >= truth.max() * (1 - _TIE))
    return best


def regret(scores: FloatArray, truth: FloatArray) -> FloatArray:
    """Share of clicks lost by shipping the pick instead of the best model, (R,).

    Arguments as for :func:`best_pick`.
    """
    best = truth.max()
    lost: FloatArray = _picked(scores) @ (best - truth)
    return lost / best if best > 0 else lost


def kendall_tau(scores: FloatArray, truth: FloatArray) -> FloatArray:
    """Kendall's τ-b between scores and truth, (R,).

    Kendall, "The treatment of ties in ranking problems", Biometrika 33(3), 1945. Where all scores
    are tied τ-b is not defined; such a replicate says nothing about the order and counts as 0.

    Arguments as for :func:`best_pick`.
    """
    first, second = np.triu_indices(truth.size, 1)
    by_score = np.sign(scores[:, first] - scores[:, second])
    by_truth = np.sign(truth[first] - truth[second])
    untied = np.abs(by_score).sum(axis=1) * np.abs(by_truth).sum()
    return np.divide(
        by_score @ by_truth, np.sqrt(untied), out=np.zeros(len(scores)), where=untied > 0
    )


def scorecard_row(
    method: str, measure: str, setting: str, values: FloatArray | BoolArray
) -> dict[str, Any]:
    """One row of the scorecard: mean over replicates and its Monte-Carlo standard error.

    Args:
        method: Way of evaluating.
        measure: What is measured of it.
        setting: Size of the experiment and what was varied.
        values: (R,) one value a replicate; replicates are independent.
    """
    error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
    return {
        "method": method,
        "measure": measure,
        "setting": setting,
        "value": float(values.mean()),
        "standard_error": float(error),
    }


def judge(method: str, setting: str, scores: FloatArray, truth: FloatArray) -> list[dict[str, Any]]:
    """Rows of a method's ability to name the best model: pick, regret and order."""
    measures = {"best_pick_rate": best_pick, "regret": regret, "kendall_tau": kendall_tau}
    return [
        scorecard_row(method, name, setting, measure(scores, truth))
        for name, measure in measures.items()
    ]
