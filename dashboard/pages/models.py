"""Model comparison: every offline metric of every model at one list length, for some users."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments, selection
from dashboard.components.grid import grid, interval_column, number_column, p_column, text_column
from dashboard.components.panels import graph, notice, panel
from dashboard.figures.intervals import interval_figure
from dashboard.figures.lines import lines_figure
from dashboard.figures.segments import models_by_segment_figure
from dashboard.pages.page import Page, View
from dashboard.rows import Row, rows_of
from dashboard.store import RUN_COMMAND, Unavailable
from dashboard.theme import label_of
from dashboard.vocabulary import METRICS, SEGMENTATIONS, SIGNIFICANCE, Metric

EVERYBODY = "all"
_SEGMENT_NAMES = {"activity": "Activity", "category": "Category", "history": "History"}


def render(view: View) -> list[Component]:
    """Return the choices, one metric in full, all metrics, paired differences, and segments."""
    metrics = view.ask(queries.OFFLINE_METRICS)
    lengths = [str(k) for k in sorted(metrics["k"].unique())]
    if not lengths:
        raise Unavailable("missing_table", "No metric has been taken yet.", RUN_COMMAND)
    by_segment = view.ask(queries.SEGMENT_METRICS)
    options = segment_options(by_segment)
    accuracy = [name for name in METRICS if name in set(by_segment["metric"])] or ["ndcg"]
    k = int(view.chosen("k", lengths))
    metric = view.chosen("metric", accuracy)
    segment = view.chosen("segment", list(options))
    shown = _of(metrics, by_segment, segment, k)
    pairs = _of(
        view.ask(queries.MODEL_COMPARISONS), view.ask(queries.SEGMENT_COMPARISONS), segment, k
    )
    names = {name: METRICS[name].label for name in accuracy}
    return [
        dmc.Group(
            [
                segments("k", "List length k", {value: value for value in lengths}, str(k)),
                selection("metric", "Metric", names, metric),
                selection("segment", "Users", options, segment),
            ],
            align="end",
        ),
        dmc.SimpleGrid(
            [
                _accuracy(metric, shown, k, options[segment], view),
                _curves(metric, view),
            ],
            cols={"base": 1, "md": 2},
        ),
        _all_metrics(shown, k, options[segment], view),
        _differences(pairs[pairs["metric"] == metric], metric, k, options[segment], view),
        _segments(by_segment, metric, k, view),
    ]


def segment_options(by_segment: pd.DataFrame) -> dict[str, str]:
    """Return the choices of users: everybody, and each segment with its number of users."""
    found = by_segment.drop_duplicates(["segmentation", "segment"])
    return {EVERYBODY: "Everybody"} | {
        f"{row['segmentation']}:{row['segment']}": (
            f"{_SEGMENT_NAMES.get(row['segmentation'], row['segmentation'])}: {row['segment']}"
            f" ({row['n_users']:,} users)"
        )
        for row in rows_of(found)
    }


def _of(everybody: pd.DataFrame, parted: pd.DataFrame, segment: str, k: int) -> pd.DataFrame:
    """Rows of the users chosen at the length chosen."""
    rows = everybody
    if segment != EVERYBODY:
        segmentation, _, name = segment.partition(":")
        rows = parted[(parted["segmentation"] == segmentation) & (parted["segment"] == name)]
    return rows[rows["k"] == k]


def wide(metrics: pd.DataFrame) -> pd.DataFrame:
    """Turn a row a model and metric into a row a model: a column a metric, and for its interval.

    The ends of the interval of a metric are in ``metric_low`` and ``metric_high``. Models stay in
    the order in which they were stored.
    """
    order = metrics["model"].unique()
    table = pd.DataFrame({"label": [label_of(model) for model in order]}, index=order)
    for column, suffix in (("value", ""), ("ci_low", "_low"), ("ci_high", "_high")):
        values = metrics.pivot_table(index="model", columns="metric", values=column, dropna=False)
        table = table.join(values.add_suffix(suffix))
    return table.reset_index(drop=True)


def _accuracy(metric: str, metrics: pd.DataFrame, k: int, users: str, view: View) -> Component:
    rows = metrics[metrics["metric"] == metric].sort_values("value", ascending=False, kind="stable")
    known = METRICS[metric]
    if rows.empty:
        return notice(known.title(k), f"No model has a value of {known.label} for these users.")
    n_users = f" {users.partition(' (')[0]}: {rows['n_users'].iloc[0]:,} users."
    return panel(
        known.title(k),
        known.explanation + n_users,
        graph(
            "accuracy",
            interval_figure(rows, view.scheme, f"{known.title(k)} with interval", ".3f"),
            f"{known.title(k)} of every model with its interval;"
            f" highest is {label_of(rows['model'].iloc[0])}.",
            file=metric,
        ),
    )


def _curves(metric: str, view: View) -> Component:
    known = METRICS[metric]
    curves = view.ask(queries.METRIC_CURVES)
    curves = curves[curves["metric"] == metric].rename(columns={"k": "x"})
    if curves.empty:
        return notice(f"{known.label}@k", "There is no curve, since no user could be judged.")
    return panel(
        f"{known.label}@k by list length",
        f"{known.explanation} For every length k of the list, over all users.",
        graph(
            "curve",
            lines_figure(curves, view.scheme, "k", known.label, ".3f"),
            f"{known.label} by list length, a line a model.",
        ),
    )


def _all_metrics(metrics: pd.DataFrame, k: int, users: str, view: View) -> Component:
    alone = set(METRICS) - set(metrics["metric"])
    lacks = (
        " Coverage, diversity and popularity bias are properties of all lists together and are not"
        " taken by segment."
        if {"coverage", "gini"} <= alone
        else ""
    )
    return panel(
        f"All metrics of lists of {k}",
        f"{users}. A row a model, intervals in brackets; click a heading to sort, rest on it to"
        f" read what the metric means.{lacks}",
        grid(
            "offline_metrics",
            f"Offline metrics at {k}",
            wide(metrics),
            _metric_columns(metrics, k),
            view.scheme,
        ),
    )


def _metric_columns(metrics: pd.DataFrame, k: int) -> list[dict[str, object]]:
    present = set(metrics["metric"])
    known = {name: metric for name, metric in METRICS.items() if name in present}
    # A metric that the lab has and this vocabulary lacks is shown by its own name.
    known |= {name: Metric(name, "", per_k=False) for name in sorted(present - set(known))}
    has_interval = set(metrics.loc[metrics["ci_low"].notna(), "metric"])
    columns = [text_column("label", "Model", pinned="left", minWidth=130)]
    for name, metric in known.items():
        title = metric.title(k)
        if name in has_interval:
            ends = (f"{name}_low", f"{name}_high")
            columns.append(
                interval_column(name, *ends, title, metric.digits, metric.explanation, minWidth=260)
            )
        else:
            columns.append(number_column(name, title, metric.digits, metric.explanation))
    return columns


def verdict(pair: Row) -> str:
    """Say which of two models is better, if the corrected test says so."""
    if not pair["p_adjusted"] < SIGNIFICANCE:
        return "no difference shown"
    return f"{label_of(pair['model_a' if pair['difference'] > 0 else 'model_b'])} is better"


def _differences(pairs: pd.DataFrame, metric: str, k: int, users: str, view: View) -> Component:
    known = METRICS[metric]
    rows = pairs.assign(
        pair=[
            f"{label_of(a)} − {label_of(b)}"
            for a, b in zip(pairs["model_a"], pairs["model_b"], strict=True)
        ],
        finding=[verdict(row) for row in rows_of(pairs)],
    )
    columns = [
        text_column("pair", "Models", minWidth=230),
        interval_column("difference", "ci_low", "ci_high", "Difference", "+.4f", minWidth=260),
        p_column("p_adjusted", "p, adjusted", "Paired t test, Holm-corrected."),
        text_column("finding", "Finding", minWidth=200),
        number_column("n_users", "Users", ","),
    ]
    if "effect_size" in rows:
        about = "Mean over standard deviation of the users' differences."
        columns.insert(2, number_column("effect_size", "Effect size", "+.3f", about))
    shown = [column["field"] for column in columns] + ["ci_low", "ci_high"]
    return panel(
        f"Paired differences of {known.title(k)}",
        f"{users}. Both models are judged on the same users. A difference is one where p, corrected"
        " for the number of comparisons (over the pairs; within a segment, over its sister segments"
        f" too), is below {SIGNIFICANCE}.",
        grid("paired_differences", "Paired differences", rows[shown], columns, view.scheme),
    )


def _segments(by_segment: pd.DataFrame, metric: str, k: int, view: View) -> Component:
    known = METRICS[metric]
    by = view.chosen("by", list(SEGMENTATIONS))
    rows = by_segment[
        (by_segment["segmentation"] == by)
        & (by_segment["metric"] == metric)
        & (by_segment["k"] == k)
    ]
    choice = segments("by", "Part users by", _SEGMENT_NAMES, by)
    title = f"{known.title(k)} by kind of user"
    if rows.empty:
        return panel(title, "No user of any segment could be judged.", choice)
    table = rows.pivot_table(index=["segment", "n_users"], columns="model", values="value")
    table = table.reindex(
        pd.MultiIndex.from_frame(rows[["segment", "n_users"]].drop_duplicates())
    ).reset_index()
    return panel(
        title,
        f"{SEGMENTATIONS[by]} Values of different segments are not to be compared with each other:"
        " a user with more to find is easier to hit.",
        choice,
        graph(
            "metric_segments",
            models_by_segment_figure(rows, view.scheme, f"{known.title(k)} with interval", ".3f"),
            f"{known.title(k)} of every model in each segment.",
        ),
        grid(
            "metric_segments",
            f"{known.label} by segment",
            table,
            [
                text_column("segment", "Segment", pinned="left", minWidth=130),
                number_column("n_users", "Users", ",", "Users of the segment who could be judged."),
                *(
                    number_column(model, label_of(model), known.digits)
                    for model in rows["model"].unique()
                ),
            ],
            view.scheme,
        ),
    )


PAGE = Page(
    path="/models",
    title="Model comparison",
    question="How do the models compare on the hold-out, metric by metric?",
    render=render,
)
