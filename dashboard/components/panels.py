"""Panels, notices and figures with their explanation."""

from typing import Any, Final

import dash_mantine_components as dmc
import pandas as pd
import plotly.graph_objects as go
from dash import dcc
from dash.development.base_component import Component

from dashboard.components.region import region
from dashboard.figures.frame import GRAPH_CONFIG
from dashboard.store import Answer, Unavailable

SAMPLE_RATIO_LEVEL: Final = 0.001
"""Chance of arms as unequal below which a report is not to be read."""


def panel(title: str, explanation: str, *content: Component) -> Component:
    """A titled part of a page that says in a sentence what it shows."""
    return dmc.Paper(
        [
            dmc.Title(title, order=2, size="h4"),
            dmc.Text(explanation, size="sm", className="explanation", mb="sm"),
            *content,
        ],
        withBorder=True,
        p="md",
        radius="md",
    )


def graph(name: str, figure: go.Figure, description: str, file: str | None = None) -> Component:
    """A figure with a button that saves it as PNG.

    Args:
        name: What the figure is called on the page, and in the name of the PNG file.
        figure: The figure.
        description: What a screen reader says in its place.
        file: What it is called in the name of the file, where a choice changes that.
    """
    drawn = dcc.Graph(
        id={"type": "figure", "name": name},
        figure=figure,
        config=GRAPH_CONFIG,
        style={"height": f"{figure.layout.height}px"},
        className="figure",
    )
    labelled: dict[str, Any] = {
        "data-png": f"recolab_{file or name}",
        "aria-label": f"Save as PNG: {description}",
    }
    save = dmc.Button("Save as PNG", variant="default", size="xs", **labelled)
    return region([drawn, dmc.Group(save, justify="flex-end", mt="xs")], "group", description)


def scrolling(table: Component, label: str) -> Component:
    """A table of HTML that scrolls sideways where it does not fit, by keyboard too.

    Args:
        table: The table.
        label: What a screen reader calls it.
    """
    return region(table, "region", label, className="scrolling", tabIndex="0")


def problem_notice(problem: Unavailable) -> Component:
    """What stands in place of a page that has nothing to show: a sentence, and what to run."""
    titles = {
        "missing_file": "Nothing to show yet",
        "missing_table": "Not everything has been run yet",
        "busy": "A run is writing",
        "not_a_database": "This file cannot be read",
        "other_version": "Results of another version",
        "unreadable": "This file cannot be read",
    }
    content: list[Component] = [dmc.Text(problem.sentence)]
    if problem.command:
        content += [dmc.Text("Run", mt="sm"), dmc.Code(problem.command, block=True)]
    return dmc.Alert(
        content,
        title=titles[problem.reason],
        color="blue",
        variant="outline",
        className="notice",
        id="problem",
    )


def notice(title: str, sentence: str) -> Component:
    """What stands in place of a part of a page that has nothing to show."""
    return dmc.Alert(sentence, title=title, color="blue", variant="outline", className="notice")


def behind_notice(answers: list[Answer]) -> list[Component]:
    """A line above the page when a run is writing and its figures are from before."""
    behind = [answer.read_at for answer in answers if answer.behind]
    if not behind:
        return []
    return [
        dmc.Alert(
            f"A run is writing. These figures were read at {min(behind):%H:%M:%S}, before it.",
            color="blue",
            variant="outline",
            className="notice",
            id="behind",
        )
    ]


def sample_ratio_banner(ab_report: pd.DataFrame) -> list[Component]:
    """A banner where arms differ in size more than chance allows: nothing below may be read."""
    p_values = ab_report["sample_ratio_p"].dropna()
    if p_values.empty or p_values.iloc[0] >= SAMPLE_RATIO_LEVEL:
        return []
    return [
        dmc.Alert(
            f"The arms differ in size more than chance allows (p = {p_values.iloc[0]:.1e})."
            " Assignment or logging is broken; do not read the results of the test.",
            title="Sample ratio mismatch: suspicious",
            color="red",
            variant="outline",
            className="notice",
            id="sample-ratio",
        )
    ]


def guardrail_sign(passed: bool) -> str:
    """Say by sign and word whether a guardrail is kept."""
    return "✓ kept" if passed else "✗ broken"


def simulated_note(has_truth: bool) -> Component:
    """Say plainly that no customer took part, and what a click means."""
    replay = "a click means that the customer went on to use that product in the hold-out"
    source = (
        "Clicks come from the configured experiment.response_model: simulated, shoppers with the"
        f" synthetic shop's own known preferences, or replay, where {replay}."
        if has_truth
        else f"The hold-out is replayed: {replay}."
    )
    return dmc.Alert(
        f"No customer saw these lists. {source} The figures are not those of live traffic.",
        title="Simulated traffic",
        color="gray",
        variant="outline",
        className="notice",
        id="simulated",
    )
