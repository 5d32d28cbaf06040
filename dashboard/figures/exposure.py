"""Figures of what is recommended: by popularity, concentration, category, and the trade-offs."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed, framed_plane
from dashboard.rows import rows_of
from dashboard.theme import INK, Scheme, label_of, style_of

LOG_SOURCES = {"interactions": "Interactions", "purchases": "Purchases"}
"""What the log itself does, drawn beside the models in the colour of the text."""


def _named(source: str, scheme: Scheme) -> tuple[str, str, str, str]:
    """Label, colour, symbol and dash of a model or of the log."""
    if source in LOG_SOURCES:
        dash = "dash" if source == "interactions" else "dot"
        return LOG_SOURCES[source], INK[scheme].text, "x", dash
    style = style_of(source)
    return style.label, style.color, style.symbol, "solid"


def decile_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw the share of each tenth of the catalogue, a line a source.

    Args:
        rows: Columns source, decile (1 the most used), share.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for source, line in rows.groupby("source", sort=False):
        label, color, symbol, dash = _named(str(source), scheme)
        figure.add_trace(
            go.Scatter(
                x=line["decile"].tolist(),
                y=line["share"].tolist(),
                name=label,
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 9},
                hovertemplate=f"<b>{label}</b><br>tenth %{{x}}: %{{y:.1%}}<extra></extra>",
            )
        )
    figure.add_hline(y=0.1, line={"color": INK[scheme].zero, "width": 1, "dash": "dot"})
    figure.update_xaxes(dtick=1)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return framed_plane(
        figure, scheme, 400, "Tenth of the catalogue, most used products first", "Share"
    )


def lorenz_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw the Lorenz curve of every source, and the line of equal shares.

    Args:
        rows: Columns source, products, share, ascending.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for source, line in rows.groupby("source", sort=False):
        label, color, _, dash = _named(str(source), scheme)
        figure.add_trace(
            go.Scatter(
                x=[0.0, *line["products"]],
                y=[0.0, *line["share"]],
                name=label,
                mode="lines",
                line={"color": color, "dash": dash, "width": 2},
                hovertemplate=f"<b>{label}</b><br>the least shown %{{x:.0%}} of products have"
                " %{y:.1%}<extra></extra>",
            )
        )
    equal = {"color": INK[scheme].zero, "width": 1, "dash": "dot"}
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line=equal)
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return framed_plane(
        figure, scheme, 400, "Share of the catalogue, least shown first", "Share of what is shown"
    )


def trade_off_figure(
    rows: pd.DataFrame, scheme: Scheme, x: tuple[str, str], y: tuple[str, str]
) -> go.Figure:
    """Draw models by two metrics that are both better when higher, and join the Pareto front.

    Args:
        rows: A row a model with a column a metric.
        scheme: Light or dark.
        x: Column and title of the horizontal metric.
        y: Column and title of the vertical one.
    """
    front = pareto_front(rows, x[0], y[0])
    figure = go.Figure(
        go.Scatter(
            x=front[x[0]].tolist(),
            y=front[y[0]].tolist(),
            mode="lines",
            name="Pareto front",
            line={"color": INK[scheme].zero, "dash": "dot", "width": 1.5},
            hoverinfo="skip",
        )
    )
    for row in rows_of(rows):
        style = style_of(row["model"])
        figure.add_trace(
            go.Scatter(
                x=[row[x[0]]],
                y=[row[y[0]]],
                name=style.label,
                mode="markers+text",
                text=[style.label],
                textposition="top center",
                marker={"symbol": style.symbol, "color": style.color, "size": 15},
                cliponaxis=False,
                hovertemplate=f"<b>{style.label}</b><br>{x[1]} %{{x:.3f}}, {y[1]} %{{y:.3f}}"
                "<extra></extra>",
            )
        )
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    framed_plane(figure, scheme, 380, x[1], y[1])
    return figure.update_layout(showlegend=False)


def pareto_front(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Rows that no other row beats in one metric without losing in the other, by x."""
    keep = [
        not (
            (rows[x] >= row[x]) & (rows[y] >= row[y]) & ((rows[x] > row[x]) | (rows[y] > row[y]))
        ).any()
        for row in rows_of(rows)
    ]
    return rows[keep].sort_values(x)


def category_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw the share of each category in what every source shows, as a table of shades.

    Args:
        rows: Columns source, category, share.
        scheme: Light or dark.
    """
    table = rows.pivot_table(index="category", columns="source", values="share", sort=False)
    if "interactions" in table:
        table = table.sort_values("interactions", ascending=False)
    labels = [LOG_SOURCES.get(source) or label_of(source) for source in table.columns]
    figure = go.Figure(
        go.Heatmap(
            z=table.to_numpy().tolist(),
            x=labels,
            y=table.index.tolist(),
            text=[[f"{share:.1%}" for share in line] for line in table.to_numpy()],
            texttemplate="%{text}",
            colorscale="Blues",
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, %{x}: %{z:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(side="top", showgrid=False)
    framed(figure, scheme, 0.62 * len(table), "")
    return figure.update_layout(margin={"t": 60, "b": 16})
