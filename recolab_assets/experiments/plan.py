"""A plan for one's own test: users and days that each method needs, and which of them to use."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import pyarrow as pa

from recolab_assets.experiments.ab_test import shown_and_clicked
from recolab_assets.experiments.arrays import report_table
from recolab_assets.experiments.power import TARGET_POWER, users_per_arm
from recolab_assets.experiments.statistics import RatioEstimate

_ERRORS = 3
"""Standard errors beyond which a figure of the scorecard counts against a method."""
_UNDECIDED = 0.5


@dataclass(frozen=True)
class Question:
    """What the test is to find out.

    Attributes:
        control: Name of the control.
        challengers: Models that are compared with it.
        effect: Least relative difference in clicks per impression worth finding.
        alpha: Significance level of all comparisons together.
        wants_uplift: The size of the difference is wanted, not only which model is better.
    """

    control: str
    challengers: int
    effect: float
    alpha: float
    wants_uplift: bool = False

    def __post_init__(self) -> None:
        if self.challengers < 1:
            raise ValueError("a test needs at least one model beside the control")
        if not 0 < self.effect < math.inf:
            raise ValueError(f"the smallest effect must be above 0, not {self.effect}")

    @property
    def level(self) -> float:
        """Level of a single comparison: Bonferroni's, the strictest that Holm's may ask for."""
        return self.alpha / self.challengers


@dataclass(frozen=True)
class Traffic:
    """What is known of the shop before the test.

    Attributes:
        control: Clicks per impression of the control.
        visitors: Users who came.
        days: Days in which they came.
    """

    control: RatioEstimate
    visitors: int
    days: int

    @classmethod
    def of(cls, exposures: pa.Table, arms: Sequence[str], control: str) -> "Traffic":
        """Sum up table ``ab_exposures``, whose users are counted on the day of their visit."""
        log = shown_and_clicked(exposures, arms)
        days = (
            int((log.shown_on.max() - log.shown_on.min()).astype(int)) + 1 if log.users.size else 0
        )
        return cls(log.click_rate(list(arms).index(control)), log.users.size, days)

    def days_for(self, users: int) -> int | None:
        """Days until so many users have come; None if nobody comes."""
        return math.ceil(users * self.days / self.visitors) if self.visitors else None


@dataclass(frozen=True)
class Plan:
    """One method's part of the plan.

    Attributes:
        method: Name, as on the scorecard.
        users: Users of the whole test; None if not known.
        text: How it is run and where the number of users is from, or why there is none.
        objection: Why it is not to be used, whatever its number of users.
    """

    method: str
    users: int | None
    text: str
    objection: str | None = None


def experiment_plan(
    traffic: Traffic, comparisons: pa.Table, scorecard: pa.Table, question: Question
) -> pa.Table:
    """Plan the test with every method, and recommend one.

    An A/B test has an arm for every challenger beside the control's. Interleaving of two models
    drafts each challenger with the control in turn; its users are those of an A/B test of the two
    alone over the scorecard's ``ratio_to_ab``, median of the pairs, as if it were the same for
    another effect and level. Multileaving shows lists of all models at once. Recommended is the
    method with the fewest users among those that nothing speaks against.

    Args:
        traffic: The shop before the test.
        comparisons: Table ``ab_comparisons``: what CUPED removes of the variance.
        scorecard: Table ``method_scorecard``; empty for a real log, whose truth nobody knows.
        question: What the test is to find out.

    Returns:
        Table ``experiment_plan``.
    """
    per_arm = users_per_arm(traffic.control, question.effect, question.level)
    if per_arm is None:
        plans = [Plan(name, None, _cannot(traffic, question)) for name in _NAMES]
    else:
        plans = [
            _ab_delta(per_arm, traffic, question),
            _ab_cuped(per_arm, comparisons, question),
            *_drafts(per_arm, scorecard, question),
        ]
    judged = [replace(plan, objection=_objection(plan, scorecard, question)) for plan in plans]
    usable = [plan for plan in judged if plan.users is not None and plan.objection is None]
    best = min(usable, key=lambda plan: plan.users or 0, default=None)
    rows = [_row(plan, traffic, question, is_best=plan is best) for plan in judged]
    return report_table("experiment_plan", rows)


_NAMES = {
    "ab_delta": "A/B test",
    "ab_cuped": "A/B test adjusted for activity before it (CUPED)",
    "interleaving_pairs": "Two-model interleaving",
    "pairwise_multileaving": "Pairwise preference multileaving",
}
_AT_ONCE = ("pairwise_multileaving", "multileaving_preference")
"""Methods that show every user one list from all models."""
_DRAFTED = frozenset({"interleaving_pairs", *_AT_ONCE})


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _cannot(traffic: Traffic, question: Question) -> str:
    effect = _percent(question.effect)
    if not traffic.control.value > 0:
        reason = f"nobody who was shown the lists of {question.control} clicked"
    elif not traffic.control.variance > 0:
        reason = f"the users of {question.control} do not vary, or are too few to tell"
    else:
        reason = "it would take more users than there are people"
    return f"no number of users finds a relative difference of {effect}, since {reason}"


def _ab_delta(per_arm: int, traffic: Traffic, question: Question) -> Plan:
    arms = question.challengers + 1
    text = (
        f"{arms} arms of {per_arm:,} find a relative difference of {_percent(question.effect)}"
        f" in clicks per impression to the {traffic.control.value:.4f} of {question.control} with a"
        f" power of {TARGET_POWER:.0%}, each of {question.challengers} comparisons at level"
        f" {question.level:.3g}"
    )
    return Plan("ab_delta", arms * per_arm, text)


def _ab_cuped(per_arm: int, comparisons: pa.Table, question: Question) -> Plan:
    removed = [
        row["cuped_variance_removed"]
        for row in comparisons.select(["metric", "cuped_variance_removed"]).to_pylist()
        if row["metric"] == "ctr" and row["cuped_variance_removed"] is not None
    ]
    if not removed:
        return Plan(
            "ab_cuped", None, "not known, since no arm tells what it removes of the variance"
        )
    # What it adds by bad luck it is not planned to add again.
    share = max(0.0, median(removed))
    arms, users = question.challengers + 1, max(2, math.ceil(per_arm * (1 - share)))
    text = (
        f"{arms} arms of {users:,}, since it removes {share:.1%} of the variance (median of arms)"
    )
    return Plan("ab_cuped", arms * users, text)


def _drafts(per_arm: int, scorecard: pa.Table, question: Question) -> Iterator[Plan]:
    of_two = 2 * per_arm
    ratios = [row["value"] for row in _rows(scorecard, "interleaving_pairs", "ratio_to_ab")]
    if ratios:
        ratio = median(ratios)
        tests = question.challengers
        text = f"{tests} × drafts of a challenger and {question.control}, {_compared(ratios)}"
        yield Plan("interleaving_pairs", tests * math.ceil(of_two / ratio), text)
    else:
        reason = (
            "the scorecard compares it with an A/B test on no pair (it is empty for a real log)"
        )
        yield Plan("interleaving_pairs", None, f"number of users not known, since {reason}")
    for method in _AT_ONCE:
        ratios = [row["value"] for row in _rows(scorecard, method, "ratio_to_ab")]
        if ratios:
            text = f"lists of all {question.challengers + 1} models at once, {_compared(ratios)}"
            yield Plan(method, math.ceil(of_two / median(ratios)), text)


def _compared(ratios: Sequence[float]) -> str:
    ratio = median(ratios)
    users = f"1/{ratio:.3g}" if ratio > 1 else f"{1 / ratio:.3g} times"
    return (
        f"with {users} the users of a two-arm A/B test (scorecard, median of {len(ratios)} pairs"
        f" with ratios from {min(ratios):.3g} to {max(ratios):.3g})"
    )


def _rows(scorecard: pa.Table, method: str, measure: str) -> list[dict[str, Any]]:
    return [
        row
        for row in scorecard.to_pylist()
        if row["method"] == method and row["measure"] == measure
    ]


def _objection(plan: Plan, scorecard: pa.Table, question: Question) -> str | None:
    """What speaks against a method: it inverts, cries wolf, or does not measure what is asked."""
    if question.wants_uplift and plan.method in _DRAFTED:
        return "it says which model is better, not by how much"
    for row in _rows(scorecard, plan.method, "preference_for_better"):
        if row["value"] + _margin(row) < _UNDECIDED:
            share = f"{row['value']:.1%} for the better"
            return f"it prefers the worse model in {row['setting']} ({share})"
    for row in _rows(scorecard, plan.method, "false_alarm_rate"):
        if row["value"] - _margin(row) > question.alpha:
            return f"its false alarms are {row['value']:.1%} ({row['setting']})"
    return None


def _margin(row: dict[str, Any]) -> float:
    return _ERRORS * (row["standard_error"] or 0.0)


def _row(plan: Plan, traffic: Traffic, question: Question, *, is_best: bool) -> dict[str, Any]:
    days = None if plan.users is None else traffic.days_for(plan.users)
    return {
        "method": plan.method,
        "users_needed": plan.users,
        "days_needed": days,
        "smallest_effect": question.effect,
        "alpha": question.alpha,
        "power": TARGET_POWER,
        "recommended": is_best,
        "sentence": _sentence(plan, traffic, days, is_best=is_best),
    }


def _sentence(plan: Plan, traffic: Traffic, days: int | None, *, is_best: bool) -> str:
    name = _NAMES.get(plan.method, "Team-draft multileaving")
    needed = ""
    if plan.users is not None and days is not None:
        pace = traffic.visitors / traffic.days
        needed = f"{plan.users:,} users, {days:,} days at {pace:,.0f} new visitors a day; "
        if days > traffic.days:
            needed = f"{needed[:-2]} (the log saw {traffic.days:,} days); "
    verdict = ""
    if is_best:
        verdict = " Recommended: the fewest users of the methods that nothing speaks against"
        verdict += "; it says which model is better, not by how much." * (plan.method in _DRAFTED)
    elif plan.objection is not None:
        verdict = f" Not recommended: {plan.objection}."
    return f"{name}: {needed}{plan.text}.{verdict}".removesuffix(".") + "."
