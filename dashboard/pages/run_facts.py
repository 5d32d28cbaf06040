"""A part of the overview: what ran when, with which configuration and seed."""

from pathlib import PurePath

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.grid import grid, number_column, text_column
from dashboard.components.panels import notice, panel
from dashboard.pages.page import View
from dashboard.runs import Runs, runs_of
from dashboard.store import RUN_COMMAND, Unavailable

ROWS_SHOWN = 10
MOST_NAMED = 6


def run_facts(view: View) -> tuple[list[Component], Component]:
    """Return the warnings that belong above everything else, and the table of what ran when."""
    title = "What ran when"
    try:
        runs = runs_of(view.ask(queries.MATERIALIZATIONS))
    except Unavailable as problem:
        if problem.reason == "busy":
            raise
        return [], notice(
            title, "This file does not say; it was written by a version that noted no runs."
        )
    table = pd.DataFrame(
        [
            {
                "asset": row["asset"],
                "made_at": f"{row['materialized_at']:%Y-%m-%d %H:%M:%S}",
                "config": "/".join(PurePath(row["config"]).parts[-2:]),
                "random_seed": row["random_seed"],
                "run": row["run_id"][:8],
                "state": _state(row["asset"], row["older_than"], runs.stale),
            }
            for row in runs.assets
        ],
        columns=["asset", "made_at", "config", "random_seed", "run", "state"],
    )
    facts = panel(
        title,
        f"{len(table)} assets, written by {runs.n_runs} run{'s' * (runs.n_runs != 1)}; the latest"
        " first. Stale is what was made from tables that have been written again since.",
        grid(
            "runs",
            "What ran when",
            table,
            [
                text_column("asset", "Asset", minWidth=190),
                text_column("made_at", "Made (UTC)", minWidth=170),
                text_column("config", "Configuration", minWidth=170),
                number_column("random_seed", "Seed", "d", "data.random_seed."),
                text_column("run", "Run", minWidth=110),
                text_column("state", "State", minWidth=220),
            ],
            view.scheme,
            rows_shown=ROWS_SHOWN,
        ),
    )
    return _warnings(runs), facts


def _state(asset: str, older_than: list[str], stale: list[str]) -> str:
    if older_than:
        return f"⚠ stale: {', '.join(older_than)} written since"
    return "⚠ stale: made from stale tables" if asset in stale else "✓ current"


def _warnings(runs: Runs) -> list[Component]:
    sentences = []
    if runs.stale:
        named = ", ".join(runs.stale[:MOST_NAMED])
        more = len(runs.stale) - MOST_NAMED
        sentences.append(
            f"Made from tables that have been written again since: {named}"
            + (f" and {more} more." if more > 0 else ".")
        )
    if runs.conflicts:
        named = "; ".join(runs.conflicts[:MOST_NAMED])
        sentences.append(f"The tables come from runs with different settings: {named}.")
    if not sentences:
        return []
    return [
        dmc.Alert(
            [
                *(dmc.Text(sentence) for sentence in sentences),
                dmc.Text("The figures below need not fit together. Run", mt="xs"),
                dmc.Code(RUN_COMMAND, block=True),
            ],
            title="⚠ Not all of one run",
            color="yellow",
            variant="outline",
            className="notice",
            id="stale",
        )
    ]
