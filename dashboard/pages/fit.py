"""Fit to the shop: models beside what a shop would do anyway, by kind of product and of user."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments, selection
from dashboard.components.grid import grid, interval_column, number_column, text_column
from dashboard.components.panels import graph, panel
from dashboard.figures.intervals import interval_figure
from dashboard.figures.lines import lines_figure
from dashboard.figures.segments import models_by_segment_figure
from dashboard.pages.page import Page, View
from dashboard.rows import rows_of
from dashboard.store import RUN_COMMAND, Unavailable
from dashboard.theme import label_of
from dashboard.vocabulary import METRICS

KINDS = {
    "all": "All",
    "new": "New to the user",
    "repeat": "Bought or seen before",
    "recent": "New in the shop",
    "unseen": "First seen after the cut",
}
"""What counts as relevant, in the order in which it is shown."""
USERS = {
    "warm": "Warm users",
    "cold": "Cold users, with few events in training",
    "new": "New users, with none",
}
BASELINES = ("recent_popularity", "category_popularity", "buy_again")


def render(view: View) -> list[Component]:
    """Return the choice of products and length, all methods, the kinds side by side, and users."""
    metrics = view.ask(queries.PRODUCT_KIND_METRICS)
    if metrics.empty:
        raise Unavailable("missing_table", "No user could be judged.", RUN_COMMAND)
    kinds = [kind for kind in KINDS if kind in set(metrics["products"])]
    lengths = [str(k) for k in sorted(metrics["k"].unique())]
    accuracy = [name for name in METRICS if name in set(metrics["metric"])]
    kind, k = view.chosen("products", kinds), int(view.chosen("k", lengths))
    metric = view.chosen("metric", accuracy)
    shown = metrics[(metrics["metric"] == metric) & (metrics["k"] == k)]
    return [
        dmc.Group(
            [
                segments("products", "Products", {name: KINDS[name] for name in kinds}, kind),
                segments("k", "List length k", {value: value for value in lengths}, str(k)),
                selection(
                    "metric", "Metric", {name: METRICS[name].label for name in accuracy}, metric
                ),
            ],
            align="end",
        ),
        _methods(shown[shown["products"] == kind], kind, metric, k, view),
        _kinds(shown, kinds, metric, k, view),
        _users(kind, metric, k, view),
        _cuts(kind, metric, k, view),
    ]


def _methods(rows: pd.DataFrame, kind: str, metric: str, k: int, view: View) -> Component:
    rows = rows.sort_values("value", ascending=False, kind="stable")
    known = METRICS[metric]
    best = label_of(rows["model"].iloc[0])
    return panel(
        f"{known.title(k)}, products: {KINDS[kind].lower()}",
        f"{known.explanation} {rows['n_users'].iloc[0]:,} users. Models stand beside what a shop"
        " would do without one: the best sellers of the last weeks, those of the user's"
        " categories, and the user's own most frequent products. Where products that the user had"
        " count, every list may hold them.",
        graph(
            "methods",
            interval_figure(rows, view.scheme, f"{known.title(k)} with interval", ".3f"),
            f"{known.title(k)} of every model and baseline with its interval; highest is {best}.",
        ),
    )


def _kinds(metrics: pd.DataFrame, kinds: list[str], metric: str, k: int, view: View) -> Component:
    known = METRICS[metric]
    rows = []
    for model, own in metrics.groupby("model", sort=False):
        values = {row["products"]: row for row in rows_of(own)}
        rows.append(
            {
                "label": label_of(str(model)),
                "sort": "baseline" if model in BASELINES else "model",
                **{
                    f"{kind}{end}": values[kind][column] if kind in values else None
                    for kind in kinds
                    for end, column in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high"))
                },
            }
        )
    return panel(
        f"{known.title(k)} by kind of product",
        "New and repeat products are judged apart, since a model that is best at one may be"
        " useless for the other. The kinds have different users, so values are compared down a"
        " column, not along a row.",
        grid(
            "product_kinds",
            f"{known.label} by kind of product",
            pd.DataFrame(rows),
            [
                text_column("label", "Method", pinned="left", minWidth=150),
                text_column("sort", "Sort", minWidth=110),
                *(
                    interval_column(
                        kind, f"{kind}_low", f"{kind}_high", KINDS[kind], known.digits, minWidth=230
                    )
                    for kind in kinds
                ),
            ],
            view.scheme,
        ),
    )


def _users(kind: str, metric: str, k: int, view: View) -> Component:
    rows = view.ask(queries.USER_GROUP_METRICS)
    rows = rows[(rows["metric"] == metric) & (rows["k"] == k) & (rows["products"] == kind)]
    known = METRICS[metric]
    title = f"{known.title(k)} by kind of user, products: {KINDS[kind].lower()}"
    if rows.empty:
        return panel(title, "No user of any kind has such products in the hold-out.")
    groups = [group for group in USERS if group in set(rows["users"])]
    n_users = rows.drop_duplicates("users").set_index("users")["n_users"]
    counted = ", ".join(f"{USERS[group].lower()}: {n_users[group]:,}" for group in groups)
    ordered = pd.concat([rows[rows["users"] == group] for group in groups])
    return panel(
        title,
        f"{counted.capitalize()}. Where a method can give a user nothing of its own, the"
        " popularity list stands in.",
        graph(
            "user_groups",
            models_by_segment_figure(
                ordered.assign(segment=ordered["users"].str.capitalize()),
                view.scheme,
                f"{known.title(k)} with interval",
                ".3f",
            ),
            f"{known.title(k)} of every method for {' and '.join(groups)} users.",
        ),
    )


def _cuts(kind: str, metric: str, k: int, view: View) -> Component:
    known = METRICS[metric]

    def chosen(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[(rows["metric"] == metric) & (rows["k"] == k) & (rows["products"] == kind)]

    rows = chosen(view.ask(queries.ROLLING_METRICS)).sort_values("cut_at", kind="stable")
    summary = chosen(view.ask(queries.ROLLING_SUMMARY))
    title = f"{known.title(k)} at several cuts in time"
    if rows.empty:
        return panel(title, "These products are not judged at several cuts, or the log is short.")
    summary = summary.sort_values("mean", ascending=False, kind="stable")
    n_cuts = int(summary["n_cuts"].max())
    return panel(
        title,
        f"Everything is fitted anew before each of {n_cuts} cuts, on a sample of users alone, and"
        " judged on what follows it: look at the variation, since levels are those of a smaller"
        " shop. A difference that is smaller than the variation between cuts may be"
        " one of the season.",
        graph(
            "cuts",
            lines_figure(
                rows.rename(columns={"cut_at": "x"}),
                view.scheme,
                "Cut",
                known.title(k),
                ".3f",
            ),
            f"{known.title(k)} at {n_cuts} cuts, a line a method.",
        ),
        grid(
            "cuts",
            f"{known.label} over cuts",
            summary.assign(label=[label_of(model) for model in summary["model"]]),
            [
                text_column("label", "Method", minWidth=150),
                interval_column(
                    "mean", "lowest", "highest", "Mean (range)", known.digits, minWidth=230
                ),
                number_column(
                    "standard_deviation",
                    "Standard deviation",
                    known.digits,
                    "Between cuts; none with one cut.",
                ),
                number_column("n_best", "Cuts it wins", ",", "Cuts at which nothing is better."),
            ],
            view.scheme,
        ),
    )


PAGE = Page(
    path="/fit",
    title="Fit to the shop",
    question="Does a model beat what the shop would do anyway, for which products and users?",
    render=render,
)
