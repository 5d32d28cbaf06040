"""Recommendation diagnostics: what the lists hold, and for whom they work."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments
from dashboard.components.grid import grid, number_column, text_column
from dashboard.components.panels import graph, panel
from dashboard.figures.exposure import (
    LOG_SOURCES,
    category_figure,
    decile_figure,
    lorenz_figure,
    trade_off_figure,
)
from dashboard.pages.models import wide
from dashboard.pages.page import Page, View
from dashboard.store import RUN_COMMAND, Unavailable
from dashboard.theme import label_of
from dashboard.vocabulary import METRICS

BEYOND_ACCURACY = ("coverage", "diversity", "novelty", "average_popularity", "gini")
TRADE_OFFS = ("diversity", "coverage", "novelty")


def render(view: View) -> list[Component]:
    """Return metrics beyond accuracy, popularity bias, the trade-off, categories, cold users."""
    metrics = view.ask(queries.OFFLINE_METRICS)
    if metrics.empty:
        raise Unavailable("missing_table", "No metric has been taken yet.", RUN_COMMAND)
    longest = int(metrics["k"].max())
    at_longest = metrics[metrics["k"] == longest]
    return [
        _beyond_accuracy(at_longest, longest, view),
        dmc.SimpleGrid(
            [_popularity(view), _concentration(at_longest, view)], cols={"base": 1, "lg": 2}
        ),
        _trade_off(at_longest, longest, view),
        _categories(view),
        _cold_and_warm(longest, view),
    ]


def _beyond_accuracy(metrics: pd.DataFrame, k: int, view: View) -> Component:
    present = [name for name in BEYOND_ACCURACY if name in set(metrics["metric"])]
    lacking = [METRICS[name].label.lower() for name in BEYOND_ACCURACY if name not in present]
    said = f" Not known for this shop: {', '.join(lacking)}." if lacking else ""
    return panel(
        f"Beyond accuracy, lists of {k}",
        f"How much of the catalogue is shown, how varied lists are, and how much they lean on what"
        f" everybody knows; rest on a heading to read what it means.{said}",
        grid(
            "beyond_accuracy",
            "Metrics beyond accuracy",
            wide(metrics[metrics["metric"].isin(present)]),
            [
                text_column("label", "Model", pinned="left", minWidth=130),
                *(
                    number_column(
                        name, METRICS[name].label, METRICS[name].digits, METRICS[name].explanation
                    )
                    for name in present
                ),
            ],
            view.scheme,
        ),
    )


def _popularity(view: View) -> Component:
    rows = view.ask(queries.EXPOSURE_BY_DECILE).dropna(subset=["share"])
    tail = rows[rows["decile"] > 2].groupby("source", sort=False)["share"].sum()
    shares = ", ".join(f"{_label(str(source))} {share:.0%}" for source, share in tail.items())
    return panel(
        "Popularity bias",
        "Share of what is recommended, used and bought that falls on each tenth of the catalogue;"
        " the dotted line is an equal share. The long tail, all but the most used fifth of the"
        f" products, has: {shares}.",
        graph(
            "deciles",
            decile_figure(rows, view.scheme),
            "Share of each tenth of the catalogue by popularity, for every model and the log.",
        ),
    )


def _concentration(metrics: pd.DataFrame, view: View) -> Component:
    rows = view.ask(queries.LORENZ).dropna(subset=["share"])
    gini = metrics[metrics["metric"] == "gini"].set_index("model")["value"]
    values = ", ".join(f"{label_of(str(model))} {value:.2f}" for model, value in gini.items())
    return panel(
        "Concentration",
        "Lorenz curves: how much of what is shown the least shown products have. The further below"
        f" the diagonal, the more uneven. Gini: {values}.",
        graph(
            "lorenz",
            lorenz_figure(rows, view.scheme),
            f"Lorenz curve of every model and of the log. Gini: {values}.",
        ),
    )


def _trade_off(metrics: pd.DataFrame, k: int, view: View) -> Component:
    table = metrics.pivot_table(index="model", columns="metric", values="value", sort=False)
    options = [name for name in TRADE_OFFS if name in table]
    if not options or "ndcg" not in table:
        return panel("Accuracy against variety", "The lists of this shop have no such metric.")
    other = view.chosen("against", options)
    ndcg = METRICS["ndcg"].title(k)
    return panel(
        f"Accuracy against {METRICS[other].label.lower()}",
        f"{ndcg} against {METRICS[other].label.lower()}: {METRICS[other].explanation} Models on the"
        " dotted line, the Pareto front, are not beaten in one without losing in the other.",
        segments("against", "Against", {name: METRICS[name].label for name in options}, other),
        graph(
            "trade_off",
            trade_off_figure(
                table.reset_index(), view.scheme, (other, METRICS[other].label), ("ndcg", ndcg)
            ),
            f"{ndcg} and {METRICS[other].label.lower()} of every model.",
        ),
    )


def _categories(view: View) -> Component:
    rows = view.ask(queries.EXPOSURE_BY_CATEGORY).dropna(subset=["share"])
    if set(rows["category"]) <= {"(none)"}:
        return panel("Categories", "The products of this shop have no category.")
    return panel(
        "Categories",
        "Share of each category in what every model recommends, beside what customers use and buy.",
        graph(
            "categories",
            category_figure(rows, view.scheme),
            "Share of each category in the recommendations of every model and in the log.",
        ),
    )


def _cold_and_warm(k: int, view: View) -> Component:
    rows = view.ask(queries.ACCURACY_BY_HISTORY)
    rows = rows[rows["k"] == k]
    shown = rows.assign(label=[label_of(model) for model in rows["model"]])
    cold = (
        int(rows.loc[rows["history"] == "cold", "n_users"].max())
        if "cold" in set(rows["history"])
        else 0
    )
    said = (
        f"{cold:,} eligible users had no event in training (cold): personal models give them the"
        " popularity list."
        if cold
        else "Every eligible user has an event in training (warm); there are no cold ones."
    )
    return panel(
        "Cold and warm users apart",
        f"Accuracy at {k} of users without and with an event in training. {said}",
        grid(
            "cold_and_warm",
            "Accuracy of cold and warm users",
            shown,
            [
                text_column("history", "Users", minWidth=100),
                text_column("label", "Model", minWidth=130),
                number_column("n_users", "Eligible users", ","),
                *(
                    number_column(
                        name,
                        METRICS[name].title(k),
                        METRICS[name].digits,
                        METRICS[name].explanation,
                    )
                    for name in ("ndcg", "recall", "hit_rate")
                ),
            ],
            view.scheme,
        ),
    )


def _label(source: str) -> str:
    return LOG_SOURCES.get(source) or label_of(source)


PAGE = Page(
    path="/diagnostics",
    title="Recommendation diagnostics",
    question="What do the lists hold, and for whom do they work?",
    render=render,
)
