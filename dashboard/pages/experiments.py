"""Experiment results: the simulated A/B test and the multileaving."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.grid import (
    grid,
    interval_column,
    number_column,
    p_column,
    ratio_column,
    text_column,
)
from dashboard.components.panels import (
    graph,
    guardrail_sign,
    panel,
    sample_ratio_banner,
    simulated_note,
)
from dashboard.figures.bars import bar_figure
from dashboard.figures.experiments import preference_figure
from dashboard.figures.intervals import uplift_figure
from dashboard.pages.ab_depth import by_segment, day_by_day, every_metric, plan_of_a_test
from dashboard.pages.page import Page, View
from dashboard.rows import Row, rows_of
from dashboard.theme import label_of
from dashboard.vocabulary import METRICS

ENOUGH_POWER = 0.8
"""Chance to find the effect worth finding, from which on silence says something."""


def render(view: View) -> list[Component]:
    """Return the A/B table, its uplifts on one axis, and the multileaving's results."""
    ab_report = view.ask(queries.AB_REPORT)
    interleaving = view.ask(queries.INTERLEAVING_REPORT)
    preferences = view.ask(queries.INTERLEAVING_PREFERENCES)
    truth = view.ask(queries.TRUTH)
    pairs = view.ask(queries.INTERLEAVING_PAIRS)
    return [
        simulated_note(has_truth=not truth.empty),
        *sample_ratio_banner(ab_report),
        _ab_test(ab_report, view),
        panel(
            "Click-rate uplift",
            "Each arm against the control on one axis. Filled symbols: significant after"
            " correction; hollow symbols: no difference shown.",
            graph(
                "uplift",
                uplift_figure(ab_report, view.scheme),
                "Click-rate uplift of every arm over the control, with its interval.",
            ),
        ),
        _guardrails(view),
        every_metric(view),
        day_by_day(view),
        by_segment(view),
        _interleaving(interleaving, view),
        panel(
            "Two models at a time",
            "Lists drafted from two models only, every pair in turn: how often users who decide"
            " prefer the model of the row to that of the column, with the interval. It is not"
            " misled by models that are nearly the same.",
            graph(
                "pairs",
                preference_figure(pairs, view.scheme),
                "Matrix of preferences between every two models, from two-model drafts.",
            ),
        ),
        panel(
            "Preference between two models",
            "Of the users whose clicks decide between the two, the share that credits the first"
            " model more; one half is no preference. p is Holm-corrected over the pairs.",
            grid(
                "interleaving_preferences",
                "Preferences between models",
                _preferences(preferences),
                [
                    text_column("pair", "Models", minWidth=230),
                    interval_column(
                        "preference",
                        "ci_low",
                        "ci_high",
                        "Preference for the first",
                        ".1%",
                        minWidth=240,
                    ),
                    number_column("n_users", "Deciding users", ","),
                    p_column("p_adjusted", "p, adjusted", "Exact sign test, Holm-corrected."),
                    text_column("finding", "Finding", minWidth=180),
                ],
                view.scheme,
            ),
        ),
        plan_of_a_test(view),
    ]


def finding(arm: Row, power: float, is_suspicious: bool) -> str:
    """Say in a word or two what the A/B test found about an arm.

    Args:
        arm: Row of the A/B report.
        power: Chance of this test to find the effect worth finding.
        is_suspicious: The arms differ in size more than chance allows.
    """
    if arm["is_control"]:
        return "control"
    if is_suspicious:
        return "⚠ suspicious"
    if arm["significant"]:
        return "▲ better" if arm["ctr_uplift"] > 0 else "▼ worse"
    return "= no difference shown" if power >= ENOUGH_POWER else "… not enough data"


def _ab_test(ab_report: pd.DataFrame, view: View) -> Component:
    comparisons = view.ask(queries.AB_COMPARISONS)
    of_rates = comparisons[comparisons["metric"] == "ctr"]
    power = dict(zip(of_rates["model"], of_rates["power"], strict=True))
    suspicious = bool(sample_ratio_banner(ab_report))
    rows = ab_report.assign(
        label=[label_of(model) for model in ab_report["model"]],
        finding=[
            finding(arm, power.get(arm["model"], 0.0), suspicious) for arm in rows_of(ab_report)
        ],
    )
    return panel(
        "A/B test",
        f"{rows['n_users'].sum():,} users, one model's list each."
        " Rates are per product shown, with the counts they come from.",
        grid(
            "ab_report",
            "A/B test",
            rows,
            [
                text_column("label", "Arm", pinned="left", minWidth=130),
                text_column("finding", "Finding", minWidth=160),
                number_column("n_users", "Users", ",", "Users assigned to the arm."),
                ratio_column(
                    "ctr", "clicks", "impressions", "CTR", ".2%", "Clicks per product shown."
                ),
                interval_column(
                    "ctr_uplift",
                    "ctr_uplift_low",
                    "ctr_uplift_high",
                    "CTR uplift",
                    "+.1%",
                    "Click rate over the control's, minus 1, with its interval.",
                    minWidth=240,
                ),
                p_column(
                    "p_adjusted",
                    "p, adjusted",
                    "Delta-method test of the ratio of sums, Holm-corrected over the arms.",
                ),
                p_column(
                    "p_mann_whitney",
                    "p, Mann–Whitney",
                    "Rank test on users' click rates, not corrected.",
                ),
                ratio_column(
                    "purchase_rate",
                    "purchases",
                    "impressions",
                    "Purchase rate",
                    ".2%",
                    "Purchases per product shown.",
                ),
                number_column("session_depth", "Session depth", ".2f", "Mean pages a session."),
            ],
            view.scheme,
        ),
    )


def _guardrails(view: View) -> Component:
    rows = view.ask(queries.GUARDRAILS)
    return panel(
        "Guardrails",
        "What no uplift may be bought with, of the lists that the arms show: a model that breaks"
        " one is not shipped.",
        grid(
            "guardrails",
            "Guardrails",
            rows.assign(
                label=[label_of(model) for model in rows["model"]],
                name=[METRICS[metric].label for metric in rows["metric"]],
                state=[guardrail_sign(passed) for passed in rows["passed"]],
            ),
            [
                text_column("label", "Arm", minWidth=130),
                text_column("name", "Guardrail", minWidth=130),
                number_column("value", "Value", ".3f", "Of the arm's lists."),
                number_column("threshold", "At least", ".3f", "What the configuration asks for."),
                text_column("state", "State", minWidth=130),
            ],
            view.scheme,
        ),
    )


def _interleaving(report: pd.DataFrame, view: View) -> Component:
    users = f"{report['n_users'].max():,}" if len(report) else "no"
    return panel(
        "Interleaving",
        f"All models drafted one common list for each of {users} users; a clicked product credits"
        " the model that drafted it.",
        dmc.SimpleGrid(
            [
                graph(
                    "win_rate",
                    bar_figure(report, "win_rate", view.scheme, "Users won outright", ".1%"),
                    "Share of users that each model won outright.",
                ),
                graph(
                    "avg_credits",
                    bar_figure(report, "avg_credits", view.scheme, "Credits per user", ".3f"),
                    "Credits per user of each model.",
                ),
            ],
            cols={"base": 1, "md": 2},
        ),
    )


def _preferences(preferences: pd.DataFrame) -> pd.DataFrame:
    return preferences.assign(
        pair=[
            f"{label_of(a)} over {label_of(b)}"
            for a, b in zip(preferences["model_a"], preferences["model_b"], strict=True)
        ],
        finding=[
            f"prefers {label_of(a if low > 0.5 else b)}"
            if low > 0.5 or high < 0.5
            else "not settled"
            for a, b, low, high in preferences[
                ["model_a", "model_b", "ci_low", "ci_high"]
            ].itertuples(index=False)
        ],
    )


PAGE = Page(
    path="/experiments",
    title="Experiment results",
    question="What did simulated shoppers do with each model's lists?",
    render=render,
)
