"""The A/B test by kind of user: whom a model serves better than the control, and whom worse."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.evaluation.segmentation import Segmentation
from recolab_assets.experiments.ab_test import ShownAndClicked
from recolab_assets.experiments.arrays import report_table
from recolab_assets.experiments.statistics import RatioEstimate, compare, ratio_estimate

MIN_USERS = 50
"""Users that an arm and the control must each have in a segment for a comparison there."""
MIN_CLICKS = 10
"""Clicks that both must have there together: fewer leave the normal approximation no ground."""


def ab_segments(
    outcomes: ShownAndClicked,
    arms: Sequence[str],
    segmentations: Mapping[str, Segmentation],
    *,
    control: str,
    alpha: float,
) -> pa.Table:
    """Compare the click rate of every arm with the control in every segment.

    The delta method in each segment; Holm's correction over all segments and arms of one
    segmentation. Segments are made of what was known before the test, so that users of a segment
    are as well randomised as all users are.

    Args:
        outcomes: What users were shown and did.
        arms: Names of the arms, in order.
        segmentations: Segments of the users of ``outcomes``.
        control: Arm that the others are compared with.
        alpha: Significance level; intervals have confidence 1 − alpha.

    Returns:
        Table ``ab_segments``. Where a segment is too small, what needs a test is absent.
    """
    reference = list(arms).index(control)
    rows: list[dict[str, Any]] = []
    for name, segmentation in segmentations.items():
        family = [
            {"segmentation": name} | row
            for row in _family(outcomes, arms, segmentation, reference, alpha)
        ]
        for row, adjusted in zip(family, holm([row["p_value"] for row in family]), strict=True):
            row["p_adjusted"] = float(adjusted)
        rows += family
    return report_table("ab_segments", rows)


def _family(
    outcomes: ShownAndClicked,
    arms: Sequence[str],
    segmentation: Segmentation,
    reference: int,
    alpha: float,
) -> Iterator[dict[str, Any]]:
    """Rows of one segmentation, uncorrected."""
    for number, segment in enumerate(segmentation.names):
        inside = segmentation.segment == number
        members = [np.flatnonzero(inside & (outcomes.arm == arm)) for arm in range(len(arms))]
        clicks = [float(outcomes.clicks[mine].sum()) for mine in members]
        rates = [ratio_estimate(outcomes.clicks[m], outcomes.impressions[m]) for m in members]
        control = rates[reference]
        for arm, name in enumerate(arms):
            if arm == reference:
                continue
            is_large = (
                min(rates[arm].n_users, control.n_users) >= MIN_USERS
                and clicks[arm] + clicks[reference] >= MIN_CLICKS
            )
            yield {
                "segment": segment,
                "arm": name,
                "n_users": rates[arm].n_users,
                "n_control_users": control.n_users,
                "ctr": rates[arm].value,
                "control_ctr": control.value,
            } | _tested(rates[arm], control, alpha, is_large)


def _tested(
    treated: RatioEstimate, control: RatioEstimate, alpha: float, is_large: bool
) -> dict[str, float]:
    """What a segment that is large enough says of an arm; else NaN."""
    if not is_large:
        return dict.fromkeys(("difference", "ci_low", "ci_high", "p_value"), float("nan"))
    result = compare(treated, control, alpha)
    return {
        "difference": result.difference,
        "ci_low": result.low,
        "ci_high": result.high,
        "p_value": result.p_value,
    }
