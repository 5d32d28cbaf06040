"""How well scores of models agree with the truth: the measures of the scorecard."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.experiments.arrays import BoolArray, FloatArray
from recolab_assets.experiments.readings import without

Rows = list[dict[str, Any]]
"""Rows of table ``method_scorecard``."""

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


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Under which circumstances a method is judged.

    Attributes:
        arms: What the arms show, a key of ``ARMS``.
        n_users: Users of the experiment; None where the value is not for a given number.
        model: Model that is compared with the control; None for all together.
        control: The control that it is compared with.
        looks: Times that the experiment is looked at.
    """

    arms: str = "models"
    n_users: int | None = None
    model: str | None = None
    control: str | None = None
    looks: int | None = None

    def __str__(self) -> str:
        """Say it in words, which tell settings apart."""
        parts = [
            f"n_users={self.n_users}" if self.n_users is not None else None,
            f"{self.looks} looks" if self.looks is not None else None,
            f"{self.model} vs {self.control}" if self.model is not None else None,
            ARMS[self.arms],
        ]
        return ", ".join(part for part in parts if part) or "all sizes"

    def row(
        self, method: str, measure: str, value: float, standard_error: float = np.nan
    ) -> dict[str, Any]:
        """One row of the scorecard; NaN where there is no Monte-Carlo error."""
        return {
            "method": method,
            "measure": measure,
            "setting": str(self),
            "arms": self.arms,
            "model": self.model,
            "n_users": self.n_users,
            "value": float(value),
            "standard_error": float(standard_error),
        }

    def mean_row(self, method: str, measure: str, values: FloatArray | BoolArray) -> dict[str, Any]:
        """One row: the mean over replicates and its Monte-Carlo standard error.

        Args:
            method: Way of evaluating.
            measure: What is measured of it.
            values: (R,) one value a replicate; replicates are independent.
        """
        error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
        return self.row(method, measure, float(values.mean()), float(error))


ARMS: Final = {
    "models": None,
    "cloned": "best arm cloned",
    "closest": "the two closest models",
    "closest_cloned": "the two closest models, the better one twice",
    "identical": "identical arms",
    "equal_truth": "different lists of equal truth",
    "more_visits": "identical lists, half of the users asked twice",
}
"""What the arms of an experiment show, in words; None goes without saying."""


def judge(method: str, setting: Setting, scores: FloatArray, truth: FloatArray) -> Rows:
    """Rows of a method's ability to name the best model: pick, regret and order.

    Args:
        method: Way of evaluating.
        setting: The circumstances.
        scores: (R, M) score of each model in each replicate.
        truth: (M,) expected clicks.
    """
    measures = {"best_pick_rate": best_pick, "regret": regret, "kendall_tau": kendall_tau}
    return [
        setting.mean_row(method, name, measure(scores, truth)) for name, measure in measures.items()
    ]


def judge_alarms(
    method: str, setting: Setting, p_values: FloatArray, control: int, alpha: float
) -> Rows:
    """Rows of how often a method finds a difference where there is none.

    ``false_alarm_rate`` is the share of comparisons with the control below alpha, uncorrected;
    ``family_wise_error`` that of experiments with any such, and ``family_wise_error_holm`` that
    of experiments with any after Holm's correction.

    Args:
        method: Way of evaluating.
        setting: The circumstances.
        p_values: (R, A) of each arm against the control.
        control: Number of the control.
        alpha: Level.
    """
    of_arms = without(p_values, control)
    alarms = {
        "false_alarm_rate": (of_arms < alpha).mean(axis=1),
        "family_wise_error": of_arms.min(axis=1) < alpha,
        "family_wise_error_holm": holm(of_arms).min(axis=1) < alpha,
    }
    return [setting.mean_row(method, measure, values) for measure, values in alarms.items()]
