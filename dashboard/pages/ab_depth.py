"""Parts of the page of experiments: the A/B test in depth."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments
from dashboard.components.grid import grid, interval_column, number_column, p_column, text_column
from dashboard.components.panels import graph, panel
from dashboard.figures.experiments import segment_figure, sequence_figure
from dashboard.pages.page import View
from dashboard.rows import Row, rows_of
from dashboard.theme import label_of

METRICS = {
    "ctr": ("Click rate", "Clicks per product shown.", ".3%"),
    "clicks_per_user": ("Clicks per user", "Clicks of a user on the whole list.", ".4f"),
    "purchase_rate": ("Purchase rate", "Purchases per product shown.", ".3%"),
    "log_session_depth": (
        "Session depth",
        "Logarithm of the pages of a session, since plain depth has no variance; the relative"
        " difference is one of geometric means.",
        ".3f",
    ),
}
SEGMENTATIONS = {
    "activity": "Activity before the test",
    "category": "Favourite category",
    "history": "New or returning",
}


def level(view: View) -> float:
    """The level that the configuration in force tests at."""
    plan = view.ask(queries.EXPERIMENT_PLAN)
    return float(plan["alpha"].iloc[0]) if len(plan) else 0.05


def every_metric(view: View) -> Component:
    """One metric of every arm, with power, least effect and variance reduction."""
    rows = view.ask(queries.AB_COMPARISONS)
    metrics = [name for name in METRICS if name in set(rows["metric"])]
    if not metrics:
        return panel("Every metric", "The control is the only arm, so there is nothing to compare.")
    metric = view.chosen("metric", metrics)
    label, explanation, digits = METRICS[metric]
    mine = rows[rows["metric"] == metric]
    shown = mine.assign(
        label=[label_of(arm) for arm in mine["model"]],
        status=[status(row, level(view)) for row in rows_of(mine)],
    )
    return panel(
        "Every metric, and what the test could have found",
        f"{label}: {explanation} Power is the chance to find the effect that the configuration"
        " calls worth finding; the least effect is what is found with 80% power.",
        segments("metric", "Metric", {name: METRICS[name][0] for name in metrics}, metric),
        grid(
            "ab_comparisons",
            "Every metric",
            shown,
            [
                text_column("label", "Arm", pinned="left", minWidth=130),
                text_column("status", "Status", minWidth=150),
                number_column("value", label, digits, explanation),
                number_column("control_value", "Control", digits, f"{label} of the control."),
                interval_column(
                    "relative_difference",
                    "relative_low",
                    "relative_high",
                    "Relative difference",
                    "+.1%",
                    "Arm over control, minus 1, with its interval.",
                    minWidth=240,
                ),
                p_column("p_adjusted", "p, adjusted", "Holm-corrected over the arms."),
                number_column("power", "Power", ".0%", "Before correction for several arms."),
                number_column(
                    "minimum_detectable_effect",
                    "Least effect",
                    ".1%",
                    "Relative difference that is found with 80% power.",
                ),
                number_column(
                    "cuped_variance_removed",
                    "CUPED removes",
                    ".1%",
                    "Share of the variance explained by what users did before the test.",
                ),
                p_column("cuped_p_value", "p with CUPED", "Of the adjusted difference."),
                number_column(
                    "superiority",
                    "Superiority",
                    ".3f",
                    "Chance that a user of the arm has more than one of the control, ties half.",
                ),
                p_column(
                    "p_mann_whitney", "p, Mann–Whitney", "Rank test of users' values, uncorrected."
                ),
                text_column("ranks", "Ranks and means", minWidth=140),
            ],
            view.scheme,
        ),
    )


def status(row: Row, alpha: float) -> str:
    """Say what may be concluded of one arm and metric at a level."""
    if not row["p_adjusted"] >= 0:
        return "not enough data"
    if row["p_adjusted"] < alpha:
        return "▲ better" if row["difference"] > 0 else "▼ worse"
    # Whether a difference that matters would have been seen.
    return "no difference" if row["power"] >= 0.8 else "not enough data"


def day_by_day(view: View) -> Component:
    """The difference of one arm with the control over the days of the test."""
    rows = view.ask(queries.AB_SEQUENCE)
    arms = list(dict.fromkeys(rows["model"]))
    if not arms:
        return panel("Day by day", "No arm but the control was shown to anybody.")
    arm = view.chosen("arm", arms)
    mine = rows[rows["model"] == arm]
    found = mine[mine["excludes_zero"]]
    verdict = (
        f"The interval left out zero on {found['day'].iloc[0]:%d %B} for the first time, after"
        f" {found['n_users'].iloc[0]:,} users of the two arms."
        if len(found)
        else "The interval has never left out zero."
    )
    return panel(
        "Day by day",
        "An interval that holds on all days together, so that the test may be stopped on whichever"
        f" day it leaves out zero. {verdict}",
        segments("arm", "Arm", {name: label_of(name) for name in arms}, arm),
        graph(
            "sequence",
            sequence_figure(mine, view.scheme),
            f"Difference in click rate of {label_of(arm)} to the control by day. {verdict}",
        ),
    )


def by_segment(view: View) -> Component:
    """The difference of one arm with the control for each kind of user."""
    rows = view.ask(queries.AB_SEGMENTS)
    arms = list(dict.fromkeys(rows["model"]))
    kinds = [name for name in SEGMENTATIONS if name in set(rows["segmentation"])]
    if not arms or not kinds:
        return panel("By kind of user", "No arm but the control was shown to anybody.")
    arm, kind = view.chosen("arm", arms), view.chosen("segmentation", kinds)
    mine = rows[(rows["model"] == arm) & (rows["segmentation"] == kind)]
    mine = mine.assign(significant=mine["p_adjusted"] < level(view))
    return panel(
        "By kind of user",
        f"{label_of(arm)} against the control; another arm is chosen above. Filled: significant"
        " after Holm's correction over segments and arms; hollow: no difference shown.",
        segments("segmentation", "Users by", {k: SEGMENTATIONS[k] for k in kinds}, kind),
        graph(
            "segments",
            segment_figure(mine, view.scheme),
            f"Difference in click rate of {label_of(arm)} to the control by"
            f" {SEGMENTATIONS[kind].lower()}.",
        ),
    )


def plan_of_a_test(view: View) -> Component:
    """How many users a test of one's own needs, a sentence a method."""
    rows: pd.DataFrame = view.ask(queries.EXPERIMENT_PLAN)
    lines = [
        dmc.ListItem(dmc.Text(row["sentence"], fw=700 if row["recommended"] else 400, size="sm"))
        for row in rows_of(rows)
    ]
    effect = f"{rows['smallest_effect'].iloc[0]:.0%}" if len(rows) else "the smallest effect"
    return panel(
        "A plan for your own test",
        f"Users and days to find a relative difference of {effect} in click rate with every method"
        "; python -m recolab_assets.plan --effect plans for another.",
        dmc.List(lines, spacing="xs", id="plan"),
    )
