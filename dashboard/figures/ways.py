"""Figures about ways of evaluating: orders of models, power, false alarms, near-copies."""

import math
import re
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed
from dashboard.methods import ARMS, in_order, look_of, method_of
from dashboard.ranking import Ranking
from dashboard.rows import rows_of
from dashboard.theme import INK, Scheme, style_of

Z = 1.96
"""Standard errors on either side of a value in a 95% interval."""

ALARM_LOOKS = {
    "daily": ("looked at every day", "triangle-up"),
    **{
        arms: (label, symbol)
        for (arms, label), symbol in zip(ARMS.items(), ("circle", "diamond-open", "x"), strict=True)
    },
}


def rank_figure(rankings: Sequence[Ranking], scheme: Scheme) -> go.Figure:
    """Draw the order of the models by each way: a row a way, the best model on the left.

    Args:
        rankings: One or more, from the top.
        scheme: Light or dark.
    """
    figure = go.Figure()
    ink = INK[scheme]
    points: dict[str, list[tuple[int, float, str]]] = defaultdict(list)
    for place, (way, ranks) in enumerate(rankings):
        tied: dict[int, list[str]] = defaultdict(list)
        for model, rank in ranks.items():
            tied[rank].append(model)
        for rank, models in tied.items():
            for number, model in enumerate(models):
                # Models of one rank stand above one another.
                shift = min(0.32, 0.8 / len(models)) * (number - (len(models) - 1) / 2)
                points[model].append((rank, place + shift, way))
    for model, of_model in points.items():
        style = style_of(model)
        figure.add_trace(
            go.Scatter(
                x=[rank for rank, _, _ in of_model],
                y=[height for _, height, _ in of_model],
                customdata=[way for *_, way in of_model],
                name=style.label,
                mode="lines+markers",
                line={"color": style.color, "width": 1.5, "dash": "dot"},
                marker={
                    "symbol": style.symbol,
                    "color": style.color,
                    "size": 13,
                    "line": {"width": 1, "color": ink.text},
                },
                hovertemplate="<b>%{customdata}</b><br>%{x}<extra>" + style.label + "</extra>",
            )
        )
    _rowed(figure, [way for way, _ in rankings], scheme, "Rank, 1 is best")
    figure.update_xaxes(dtick=1, range=[0.6, max(len(points), 1) + 0.4], zeroline=False)
    return _with_legend(figure)


def power_figure(curves: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw the power of each way by the number of users, with the usual target of 80%.

    Args:
        curves: Columns method, n_users, value, standard_error, by ascending users.
        scheme: Light or dark.
    """
    figure = go.Figure()
    ink = INK[scheme]
    for method in in_order(set(curves["method"])):
        rows = curves[curves["method"] == method]
        color, symbol = look_of(method, scheme)
        label = method_of(method).label
        figure.add_trace(
            go.Scatter(
                x=list(rows["n_users"]),
                y=list(rows["value"]),
                name=label,
                mode="lines+markers",
                line={"color": color, "width": 2},
                marker={"symbol": symbol, "color": color, "size": 9},
                error_y={
                    "type": "data",
                    "array": list(Z * rows["standard_error"].fillna(0)),
                    "color": color,
                    "thickness": 1,
                    "width": 3,
                },
                hovertemplate="%{x:,} users<br>power %{y:.0%}<extra>" + label + "</extra>",
            )
        )
    framed(figure, scheme, 8, "Users of the whole experiment")
    figure.update_xaxes(type="log", dtick=1, tickformat=",d")
    figure.update_yaxes(
        autorange=False,
        range=[-0.03, 1.03],
        tickformat=".0%",
        showgrid=True,
        title={"text": "Power", "font": {"size": 13}},
    )
    figure.add_hline(y=0.8, line={"color": ink.zero, "width": 1.5, "dash": "dot"})
    return _with_legend(figure)


def alarm_figure(rates: pd.DataFrame, alpha: float | None, scheme: Scheme) -> go.Figure:
    """Draw how often each way cries wolf, a row a way, with Monte-Carlo intervals.

    Args:
        rates: Columns method, arms, value, standard_error, n_users.
        alpha: The rate that was promised, drawn as a line; None: not known.
        scheme: Light or dark.
    """
    figure = go.Figure()
    ink = INK[scheme]
    methods = in_order(set(rates["method"]))
    present = in_order_of(ALARM_LOOKS, set(rates["arms"]))
    for number, arms in enumerate(present):
        label, symbol = ALARM_LOOKS.get(arms, (arms.replace("_", " "), "cross"))
        rows = rows_of(rates[rates["arms"] == arms])
        shift = 0.5 * ((number + 1) / (len(present) + 1) - 0.5)
        figure.add_trace(
            go.Scatter(
                x=[row["value"] for row in rows],
                y=[methods.index(row["method"]) + shift for row in rows],
                customdata=[[method_of(row["method"]).label, row["n_users"]] for row in rows],
                name=label,
                mode="markers",
                marker={"symbol": symbol, "color": ink.text, "size": 9},
                error_x=_monte_carlo(rows, ink.zero),
                hovertemplate="<b>%{customdata[0]}</b><br>%{x:.1%} of comparisons,"
                " %{customdata[1]:,} users<extra>" + label + "</extra>",
            )
        )
    _rowed(figure, [method_of(method).label for method in methods], scheme, "False alarms")
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", nticks=6)
    if alpha is not None:
        figure.add_vline(x=alpha, line={"color": ink.zero, "width": 1.5, "dash": "dot"})
    return _with_legend(figure)


def copy_figure(pairs: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw how often each way finds the best model, without and with a near-copy of it.

    Args:
        pairs: Columns method, n_users, value, standard_error, copied, copied_error.
        scheme: Light or dark.
    """
    figure = go.Figure()
    ink = INK[scheme]
    methods = in_order(set(pairs["method"]))
    rows = sorted(rows_of(pairs), key=lambda row: methods.index(row["method"]))
    for name, value, error, symbol, shift in (
        ("without a copy", "value", "standard_error", "circle-open", -0.12),
        ("with a near-copy of the best", "copied", "copied_error", "circle", 0.12),
    ):
        values = [{"value": row[value], "standard_error": row[error]} for row in rows]
        figure.add_trace(
            go.Scatter(
                x=[row["value"] for row in values],
                y=[place + shift for place in range(len(rows))],
                customdata=[[method_of(row["method"]).label, row["n_users"]] for row in rows],
                name=name,
                mode="markers",
                marker={"symbol": symbol, "color": ink.text, "size": 10},
                error_x=_monte_carlo(values, ink.zero),
                hovertemplate="<b>%{customdata[0]}</b><br>%{x:.1%} of %{customdata[1]:,}-user"
                " experiments<extra>" + name + "</extra>",
            )
        )
    labels = [method_of(method).label for method in methods]
    _rowed(figure, labels, scheme, "Experiments that name the best model")
    figure.update_xaxes(tickformat=".0%", range=[-0.03, 1.06])
    return _with_legend(figure)


def in_order_of(known: dict[str, tuple[str, str]], names: set[str]) -> list[str]:
    """Return names in the order of the known ones, the others last."""
    return [name for name in known if name in names] + sorted(names - set(known))


def _monte_carlo(rows: Sequence[dict[str, float]], color: str) -> dict[str, object]:
    """95% intervals; none where the error is not known."""
    errors = [0.0 if math.isnan(row["standard_error"]) else row["standard_error"] for row in rows]
    return {
        "type": "data",
        "array": [Z * error for error in errors],
        "color": color,
        "thickness": 1.5,
        "width": 4,
    }


def _rowed(figure: go.Figure, labels: Sequence[str], scheme: Scheme, x_title: str) -> None:
    """Give a figure whose heights are numbers of rows the names of these rows."""
    framed(figure, scheme, len(labels), x_title)
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        # In two lines, which leaves a narrow screen room for the figure.
        ticktext=[re.sub(r"([:,]) ", r"\1<br>", label) for label in labels],
        range=[len(labels) - 0.4, -0.6],
        autorange=False,
        zeroline=False,
    )


def _with_legend(figure: go.Figure) -> go.Figure:
    figure.update_layout(
        showlegend=True,
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 1,
            "yanchor": "top",
            "x": 0,
            "xref": "container",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        margin={"t": 64},
        height=figure.layout.height + 40,
    )
    return figure
