"""Figures with a numeric axis each way: curves of power, error bars by method, ranks."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed, framed_plane
from dashboard.rows import rows_of
from dashboard.theme import INK, Scheme, style_of
from dashboard.ways import way_of


def power_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw the chance to find a difference over the number of users, a line a method.

    Args:
        rows: Columns method, n_users, value, standard_error.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for method, curve in rows.groupby("method", sort=False):
        way = way_of(str(method))
        points = curve.sort_values("n_users")
        figure.add_trace(
            go.Scatter(
                x=points["n_users"].tolist(),
                y=points["value"].tolist(),
                name=way.label,
                mode="lines+markers",
                line={"color": way.color, "dash": way.dash, "width": 2},
                marker={"symbol": way.symbol, "size": 9},
                customdata=2 * points[["standard_error"]].fillna(0.0),
                hovertemplate=f"<b>{way.label}</b><br>%{{x:,}} users: %{{y:.0%}}"
                " ± %{customdata[0]:.0%}<extra></extra>",
            )
        )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.05])
    figure.add_hline(y=0.8, line={"color": INK[scheme].zero, "width": 1.5, "dash": "dot"})
    return framed_plane(figure, scheme, 440, "Users in the experiment", "Power")


def error_figure(
    rows: pd.DataFrame, scheme: Scheme, x_title: str, promised: float | None = None
) -> go.Figure:
    """Draw a share for each method with two standard errors, one symbol a kind of arms.

    Args:
        rows: Columns method, arms, value, standard_error.
        scheme: Light or dark.
        x_title: What the shares are.
        promised: Where a line is to stand.
    """
    figure = go.Figure()
    methods = list(dict.fromkeys(rows["method"]))
    for number, (arms, part) in enumerate(rows.groupby("arms", sort=False)):
        figure.add_trace(
            go.Scatter(
                x=part["value"].tolist(),
                y=[way_of(method).label for method in part["method"]],
                name=ARMS.get(str(arms), str(arms)),
                mode="markers",
                marker={
                    "symbol": ("circle", "diamond-open", "square", "x")[number % 4],
                    "size": 11,
                    "color": [way_of(method).color for method in part["method"]],
                    "line": {"width": 2},
                },
                error_x={
                    "array": 2 * part["standard_error"].fillna(0.0),
                    "thickness": 1.5,
                    "color": INK[scheme].text,
                },
                hovertemplate="<b>%{y}</b><br>%{x:.1%}<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    if promised is not None:
        figure.add_vline(x=promised, line={"color": INK[scheme].zero, "width": 1.5, "dash": "dot"})
    framed(figure, scheme, 0.6 * len(methods), x_title)
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    )
    return figure.update_layout(height=figure.layout.height + 60, margin={"t": 70})


ARMS = {
    "models": "the five models",
    "cloned": "the best model twice",
    "closest": "the two closest models",
    "closest_cloned": "the better of the two twice",
    "identical": "identical lists",
    "equal_truth": "different lists of equal truth",
    "more_visits": "identical lists, half of the users asked twice",
}
"""What the arms of an experiment show, as a legend says it."""


def rank_figure(ranks: pd.DataFrame, ways: Sequence[str], scheme: Scheme) -> go.Figure:
    """Draw the rank that each way of evaluating gives each model, a line a model.

    Args:
        ranks: Columns model, way, rank (1 is best) and value as text.
        ways: Names of the ways from left to right.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for model, line in ranks.groupby("model", sort=False):
        style = style_of(str(model))
        ordered = line.set_index("way").reindex([w for w in ways if w in set(line["way"])])
        figure.add_trace(
            go.Scatter(
                x=ordered.index.tolist(),
                y=ordered["rank"].tolist(),
                name=style.label,
                mode="lines+markers",
                line={"color": style.color, "width": 2.5},
                marker={"symbol": style.symbol, "size": 14},
                customdata=ordered[["value"]],
                hovertemplate=f"<b>{style.label}</b><br>%{{x}}: rank %{{y}}"
                "<br>%{customdata[0]}<extra></extra>",
            )
        )
    most = max((row["rank"] for row in rows_of(ranks)), default=1)
    figure.update_yaxes(autorange=False, range=[most + 0.5, 0.5], dtick=1, tick0=1, tickformat="d")
    figure.update_xaxes(type="category", showgrid=False)
    return framed_plane(figure, scheme, 340, "", "Rank (1 is best)")
