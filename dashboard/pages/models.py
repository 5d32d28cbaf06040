"""Model comparison: every offline metric of every model at one list length."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments
from dashboard.components.grid import grid, interval_column, number_column, p_column, text_column
from dashboard.components.panels import graph, panel
from dashboard.figures.intervals import interval_figure
from dashboard.pages.page import Page, View
from dashboard.store import RUN_COMMAND, Unavailable
from dashboard.theme import label_of
from dashboard.vocabulary import METRICS, Metric

PLOTTED = ("ndcg", "recall")


def render(view: View) -> list[Component]:
    """Return the choice of k, accuracy with intervals, all metrics, and paired differences."""
    metrics = view.ask(queries.OFFLINE_METRICS)
    differences = view.ask(queries.MODEL_COMPARISONS)
    lengths = [str(k) for k in sorted(metrics["k"].unique())]
    if not lengths:
        raise Unavailable("missing_table", "No metric has been taken yet.", RUN_COMMAND)
    k = int(view.chosen("k", lengths))
    metrics = metrics[metrics["k"] == k]
    differences = differences[(differences["metric"] == "ndcg") & (differences["k"] == k)]
    return [
        segments("k", "List length k", {value: value for value in lengths}, str(k)),
        dmc.SimpleGrid(
            [_accuracy(metric, metrics, k, view) for metric in PLOTTED],
            cols={"base": 1, "md": 2},
        ),
        panel(
            f"All metrics of lists of {k}",
            "A row a model; click a heading to sort, rest on it to read what the metric means.",
            grid(
                "offline_metrics",
                f"Offline metrics at {k}",
                wide(metrics),
                _metric_columns(metrics, k),
                view.scheme,
            ),
        ),
        panel(
            f"Paired differences of {METRICS['ndcg'].title(k)}",
            "Both models are judged on the same users: an interval without zero is a difference."
            " p is Holm-corrected over the pairs.",
            grid(
                "paired_differences",
                "Paired differences",
                _pairs(differences),
                [
                    text_column("pair", "Models", minWidth=230),
                    interval_column(
                        "difference", "ci_low", "ci_high", "Difference", "+.4f", minWidth=240
                    ),
                    number_column(
                        "effect_size",
                        "Effect size",
                        "+.3f",
                        "Mean over standard deviation of the users' differences.",
                    ),
                    p_column("p_adjusted", "p, adjusted", "Holm-corrected over the pairs."),
                    text_column("finding", "Finding", minWidth=180),
                ],
                view.scheme,
            ),
        ),
    ]


def wide(metrics: pd.DataFrame) -> pd.DataFrame:
    """Turn a row a model and metric into a row a model, with a column a metric.

    Models stay in the order in which they were stored.
    """
    table = metrics.pivot_table(index="model", columns="metric", values="value")
    table = table.reindex(metrics["model"].unique())
    table.insert(0, "label", [label_of(model) for model in table.index])
    return table.reset_index(drop=True)


def _accuracy(metric: str, metrics: pd.DataFrame, k: int, view: View) -> Component:
    rows = metrics[metrics["metric"] == metric].sort_values("value", ascending=False, kind="stable")
    known = METRICS[metric]
    users = f" {rows['n_users'].iloc[0]:,} users." if len(rows) else ""
    best = f"highest is {label_of(rows['model'].iloc[0])}" if len(rows) else "no model"
    return panel(
        known.title(k),
        known.explanation + users,
        graph(
            metric,
            interval_figure(rows, view.scheme, f"{known.title(k)} with interval", ".3f"),
            f"{known.title(k)} of every model with its interval; {best}.",
        ),
    )


def _metric_columns(metrics: pd.DataFrame, k: int) -> list[dict[str, object]]:
    present = set(metrics["metric"])
    known = {name: metric for name, metric in METRICS.items() if name in present}
    # A metric that the lab has and this vocabulary lacks is shown by its own name.
    known |= {name: Metric(name, "", per_k=False) for name in sorted(present - set(known))}
    return [
        text_column("label", "Model", pinned="left", minWidth=130),
        *(
            number_column(name, metric.title(k), metric.digits, metric.explanation)
            for name, metric in known.items()
        ),
    ]


def _pairs(differences: pd.DataFrame) -> pd.DataFrame:
    return differences.assign(
        pair=[
            f"{label_of(a)} − {label_of(b)}"
            for a, b in zip(differences["model_a"], differences["model_b"], strict=True)
        ],
        finding=[
            "no difference" if low <= 0 <= high else f"{label_of(a if low > 0 else b)} is better"
            for a, b, low, high in differences[
                ["model_a", "model_b", "ci_low", "ci_high"]
            ].itertuples(index=False)
        ],
    )


PAGE = Page(
    path="/models",
    title="Model comparison",
    question="How do the models compare on the hold-out, metric by metric?",
    render=render,
)
