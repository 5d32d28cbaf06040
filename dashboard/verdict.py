"""Which model to ship and how sure that is, in sentences built from the stored results."""

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dashboard.rows import Row, by_model, rows_of
from dashboard.theme import label_of, labels_of
from dashboard.vocabulary import METRICS, number, p_value, percent, signed_percent


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one way of evaluating says about the choice."""

    source: str
    """The way of evaluating."""
    model: str
    """The model that it puts first."""
    agrees: bool
    """That is the model to ship."""
    sentence: str
    """Its figures."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to the lab's question."""

    model: str
    """The model to ship."""
    sure: Literal["clear", "likely", "open"]
    """Clear: apart from the control and from every other model that keeps the guardrails, by the
    A/B test alone. Likely: from some only by the paired offline comparison. Open: not even so."""
    headline: str
    """The answer and how sure it is, in one sentence."""
    evidence: tuple[Evidence, ...]
    """What each way of evaluating says, the A/B test first."""


def decide(
    ab_report: pd.DataFrame,
    guardrails: pd.DataFrame,
    offline: pd.DataFrame,
    k: int,
    interleaving: pd.DataFrame,
    preferences: pd.DataFrame,
    differences: pd.DataFrame,
    truth: pd.DataFrame,
) -> Verdict:
    """Name the model to ship: the best click rate of those fit to be shipped.

    Fit is what keeps every guardrail and is significantly better than the control in the A/B test;
    if nothing is, the control stays.

    Args:
        ab_report: The A/B test, a row an arm.
        guardrails: Every guardrail of every model.
        offline: Offline metrics at one list length.
        k: That list length.
        interleaving: The multileaving report.
        preferences: Its preferences between every two models.
        differences: Paired differences of NDCG at that list length.
        truth: Exact expected values; empty where the truth is not known (a real log).
    """
    arms = by_model(ab_report)
    control = next(model for model, arm in arms.items() if arm["is_control"])
    barred = {str(row["model"]) for row in rows_of(guardrails) if not row["passed"]}
    eligible = [
        model
        for model, arm in arms.items()
        if arm["significant"] and arm["ctr_uplift"] > 0 and model not in barred
    ]
    chosen = max(eligible, key=lambda model: float(arms[model]["ctr"]), default=control)
    sources = (
        _ab_evidence(arms, chosen),
        _offline_evidence(offline, k, chosen),
        _interleaving_evidence(interleaving, preferences, chosen),
        _truth_evidence(truth, chosen),
    )
    evidence = tuple(source for source in sources if source is not None)
    if not eligible:
        return Verdict(control, "open", _keep(control, barred), evidence)
    arm = arms[chosen]
    rivals = [model for model in arms if model not in (chosen, control) and model not in barred]
    close = [m for m in rivals if arms[m]["ctr_uplift_high"] >= arm["ctr_uplift_low"]]
    lead = (
        f"Ship {label_of(chosen)}: in the simulated A/B test its click rate is"
        f" {percent(arm['ctr_uplift'])} higher than {label_of(control)}'s"
        f" (interval {signed_percent(arm['ctr_uplift_low'])} to"
        f" {signed_percent(arm['ctr_uplift_high'])}, adjusted {p_value(arm['p_adjusted'])})"
    )
    sure: Literal["clear", "likely", "open"]
    if not close:
        sure = "clear"
        rest = (
            ", and its interval lies above that of every other model that keeps the guardrails."
            if rivals
            else "."
        )
    elif _behind_offline(differences, chosen).issuperset(close):
        sure = "likely"
        rest = (
            f"; its interval overlaps that of {labels_of(close)}, but on the same users its offline"
            f" {METRICS['ndcg'].title(k)} is significantly higher."
        )
    else:
        sure = "open"
        rest = (
            f", but its interval overlaps that of {labels_of(close)}: their order is not settled."
        )
    skipped = [m for m in arms if m in barred and arms[m]["ctr"] > arm["ctr"]]
    if skipped:
        rest += f" {labels_of(skipped)} did better there but broke a guardrail."
    return Verdict(chosen, sure, lead + rest, evidence)


def _behind_offline(differences: pd.DataFrame, chosen: str) -> set[str]:
    """Models that the chosen one beats in the paired comparison: the interval leaves out zero."""
    beaten = set()
    for row in rows_of(differences):
        if row["model_a"] == chosen and row["ci_low"] > 0:
            beaten.add(str(row["model_b"]))
        if row["model_b"] == chosen and row["ci_high"] < 0:
            beaten.add(str(row["model_a"]))
    return beaten


def _keep(control: str, barred: set[str]) -> str:
    kept = " that keeps the guardrails" if barred else ""
    note = f" {label_of(control)} itself breaks a guardrail." if control in barred else ""
    return (
        f"Keep {label_of(control)}: no other model{kept} has a significantly higher click rate in"
        f" the simulated A/B test.{note}"
    )


def _highest(rows: dict[str, Row], column: str) -> str | None:
    """Model with the highest value; None where no model has one."""
    known = {model: row[column] for model, row in rows.items() if not math.isnan(row[column])}
    return max(known, key=known.__getitem__, default=None)


def _ab_evidence(arms: dict[str, Row], chosen: str) -> Evidence | None:
    first = _highest(arms, "ctr")
    if first is None:
        return None
    return Evidence(
        "A/B test",
        first,
        first == chosen,
        f"click rate {percent(arms[first]['ctr'], 2)}, {arms[first]['n_users']:,} users in the arm",
    )


def _offline_evidence(offline: pd.DataFrame, k: int, chosen: str) -> Evidence | None:
    ndcg = by_model(offline[offline["metric"] == "ndcg"])
    first = _highest(ndcg, "value")
    if first is None:
        return None
    row = ndcg[first]
    return Evidence(
        "Offline",
        first,
        first == chosen,
        f"{METRICS['ndcg'].title(k)} {number(row['value'])}"
        f" (interval {number(row['ci_low'])} to {number(row['ci_high'])},"
        f" {row['n_users']:,} users)",
    )


def _interleaving_evidence(
    interleaving: pd.DataFrame, preferences: pd.DataFrame, chosen: str
) -> Evidence | None:
    report = by_model(interleaving)
    first = next((model for model, row in report.items() if row["is_winner"]), None)
    if first is None:
        return None
    pairs = [row for row in rows_of(preferences) if first in (row["model_a"], row["model_b"])]
    # The interval of a settled pair leaves out one half.
    settled = sum(row["ci_low"] > 0.5 or row["ci_high"] < 0.5 for row in pairs)
    doubt = (
        f"settled against {settled} of {len(pairs)} models"
        if settled
        else "no preference over another model is settled"
    )
    return Evidence(
        "Interleaving",
        first,
        first == chosen,
        f"wins {percent(report[first]['win_rate'])} of {report[first]['n_users']:,} users; {doubt}",
    )


def _truth_evidence(truth: pd.DataFrame, chosen: str) -> Evidence | None:
    rates = by_model(truth[(truth["metric"] == "ctr") & (truth["model"] != "oracle")])
    first = _highest(rates, "value")
    if first is None:
        return None
    return Evidence(
        "Truth",
        first,
        first == chosen,
        f"exact expected click rate {percent(rates[first]['value'], 2)},"
        " known because the shop is synthetic",
    )
