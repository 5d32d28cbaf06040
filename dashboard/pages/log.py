"""The log: what was read, what was dropped and why, and what is odd about the rest."""

import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.grid import grid, number_column, text_column
from dashboard.components.panels import panel
from dashboard.pages.page import Page, View
from dashboard.rows import rows_of
from dashboard.vocabulary import percent

_MARKS = {"warning": "⚠ warning", "info": "· for information"}


def render(view: View) -> list[Component]:
    """Return the way from the rows read to the rows kept, and the findings."""
    report = view.ask(queries.IMPORT_REPORT)
    steps = report[report["kind"] == "step"]
    findings = report[report["kind"] == "finding"]
    return [_steps(steps, view), _findings(findings, view)]


def _steps(steps: pd.DataFrame, view: View) -> Component:
    first, last = steps.iloc[0], steps.iloc[-1]
    table = steps.assign(examples=_joined(steps))
    return panel(
        "From the rows read to the rows kept",
        f"{first['n_rows']:,} rows read, {last['n_rows']:,} kept ({percent(last['share'])}). A row"
        " that meets several rules is counted under the first; nothing is dropped without a reason"
        " that stands here.",
        grid(
            "import_steps",
            "Rows read and kept",
            table,
            [
                text_column("finding", "Step", minWidth=220),
                number_column(
                    "n_rows", "Rows", ",", "Rows read, dropped by this rule first, or kept."
                ),
                number_column("share", "Share", ".2%", "Of the rows read."),
                number_column("n_matched", "Meet the rule", ",", "Also those dropped before."),
                text_column("rule", "Rule", minWidth=240),
                text_column("examples", "Examples", minWidth=320),
            ],
            view.scheme,
        ),
    )


def _findings(findings: pd.DataFrame, view: View) -> Component:
    if findings.empty:
        return panel("What is odd about the rest", "Nothing odd was found.")
    table = findings.assign(
        mark=[_MARKS[row["severity"]] for row in rows_of(findings)],
        examples=_joined(findings),
    )
    n_warnings = int((findings["severity"] == "warning").sum())
    said = (
        f"{n_warnings} of {len(findings)} findings are warnings: results are likely to suffer."
        if n_warnings
        else "None of these is a warning."
    )
    return panel(
        "What is odd about the rest",
        f"Looked for before anything is trained. {said}",
        grid(
            "import_findings",
            "Findings about the log",
            table,
            [
                text_column("mark", "Severity", minWidth=150),
                text_column("finding", "Finding", minWidth=220),
                number_column("n_rows", "Rows", ",", "Rows concerned."),
                number_column("share", "Share", ".2%", "Of the rows kept."),
                text_column("examples", "Examples", minWidth=320),
                text_column("advice", "What to change", minWidth=320),
            ],
            view.scheme,
        ),
    )


def _joined(rows: pd.DataFrame) -> list[str]:
    return ["; ".join(examples) for examples in rows["examples"]]


PAGE = Page(
    path="/log",
    title="The log",
    question="What was read of the shop's log, what was dropped and why, and what is odd about it?",
    render=render,
)
