"""The A/B test in depth: every metric of every arm against the control."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.experiments.ab_test import UserOutcomes
from recolab_assets.experiments.arrays import FloatArray, report_table
from recolab_assets.experiments.cuped import cuped_estimates
from recolab_assets.experiments.power import minimum_detectable_shift, power
from recolab_assets.experiments.statistics import (
    Comparison,
    RatioEstimate,
    Uplift,
    compare,
    rank_test,
    ratio_estimate,
    relative_uplift,
    uplift_of_logarithms,
)

LOGARITHMIC_METRICS = frozenset({"log_session_depth"})
"""Metrics that are means of logarithms, whose relative difference is one of geometric means."""


def ab_comparisons(
    outcomes: UserOutcomes,
    arms: Sequence[str],
    covariates: FloatArray,
    *,
    control: str,
    alpha: float,
    smallest_effect: float,
) -> pa.Table:
    """Compare every metric of every arm with the control.

    Welch's test on means by user, the delta method on ratios of sums; Holm's correction over the
    arms of one metric. Beside it, for the same metric: the rank test of users' own values, the
    estimate adjusted by what users did before the test, and what the test could have found.

    Args:
        outcomes: What users were shown and did.
        arms: Names of the arms, in order.
        covariates: (n, C) what the users of ``outcomes`` did before the test.
        control: Arm that the others are compared with.
        alpha: Significance level; intervals have confidence 1 − alpha.
        smallest_effect: Relative difference that the power is stated for.

    Returns:
        Table ``ab_comparisons``; empty when the control is the only arm. What an arm without
        users or without clicks leaves open is absent.
    """
    reference = list(arms).index(control)
    rows: list[dict[str, Any]] = []
    for name, (numerator, denominator) in outcomes.ratios().items():
        metric = _Metric(
            name,
            outcomes,
            numerator,
            denominator,
            cuped_estimates(numerator, denominator, outcomes.arm, len(arms), covariates),
        )
        family = [
            {"arm": arm_name} | metric.against(arm, reference, alpha, smallest_effect)
            for arm, arm_name in enumerate(arms)
            if arm != reference
        ]
        for row, adjusted in zip(family, holm([row["p_value"] for row in family]), strict=True):
            row["p_adjusted"] = float(adjusted)
        rows += family
    return report_table("ab_comparisons", rows)


@dataclass(frozen=True)
class _Metric:
    """One metric of all users; an arm is asked for by its number."""

    name: str
    outcomes: UserOutcomes
    numerator: FloatArray
    denominator: FloatArray
    adjusted: list[RatioEstimate]

    def estimate(self, arm: int) -> RatioEstimate:
        mine = self.outcomes.arm == arm
        return ratio_estimate(self.numerator[mine], self.denominator[mine])

    def per_user(self, arm: int) -> FloatArray:
        mine = self.outcomes.arm == arm
        values: FloatArray = self.numerator[mine] / self.denominator[mine]
        return values

    def against(
        self, arm: int, reference: int, alpha: float, smallest_effect: float
    ) -> dict[str, Any]:
        """One row of the table, all but the arm's name and the correction."""
        treated, control = self.estimate(arm), self.estimate(reference)
        result = compare(treated, control, alpha)
        relative = self._relative(treated, control, result, alpha)
        ranks = rank_test(self.per_user(arm), self.per_user(reference))
        cuped = compare(self.adjusted[arm], self.adjusted[reference], alpha)
        with np.errstate(invalid="ignore"):
            left = (cuped.standard_error / result.standard_error) ** 2
        opposed = (ranks.superiority - 0.5) * result.difference < 0
        return {
            "metric": self.name,
            "value": treated.value,
            "control_value": control.value,
            "difference": result.difference,
            "ci_low": result.low,
            "ci_high": result.high,
            "relative_difference": relative.value,
            "relative_low": relative.low,
            "relative_high": relative.high,
            "standard_error": result.standard_error,
            "p_value": result.p_value,
            "superiority": ranks.superiority,
            "p_mann_whitney": ranks.p_value,
            "ranks_disagree": bool(opposed and min(ranks.p_value, result.p_value) < alpha),
            "cuped_difference": cuped.difference,
            "cuped_low": cuped.low,
            "cuped_high": cuped.high,
            "cuped_p_value": cuped.p_value,
            "cuped_variance_removed": 1 - left,
            "power": power(self._shift(smallest_effect, control), control, treated.n_users, alpha),
            "minimum_detectable_effect": self._effect(
                minimum_detectable_shift(control, treated.n_users, alpha), control
            ),
        }

    def _relative(
        self, treated: RatioEstimate, control: RatioEstimate, result: Comparison, alpha: float
    ) -> Uplift:
        if self.name in LOGARITHMIC_METRICS:
            return uplift_of_logarithms(result)
        return relative_uplift(treated, control, alpha)

    def _shift(self, effect: float, control: RatioEstimate) -> float:
        """Difference in the metric that a relative effect makes."""
        if self.name in LOGARITHMIC_METRICS:
            return float(np.log1p(effect))
        return effect * control.value

    def _effect(self, shift: float, control: RatioEstimate) -> float:
        """Relative effect that a difference in the metric is; NaN over a control of 0."""
        if self.name in LOGARITHMIC_METRICS:
            return float(np.expm1(shift))
        return shift / control.value if control.value > 0 else float("nan")
