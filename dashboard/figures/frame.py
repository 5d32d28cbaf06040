"""What every figure shares: fonts, margins, grid and settings."""

from typing import Final

import plotly.graph_objects as go
from dash import dcc

from dashboard.theme import FONT, INK, Scheme

GRAPH_CONFIG: Final[dcc.Graph.Config] = {"displayModeBar": False, "responsive": True}
"""No toolbar, which the keyboard does not reach: a button beside the figure saves it."""

ROW_HEIGHT: Final = 42
"""Pixels of one model in a horizontal figure."""


def framed_plane(
    figure: go.Figure, scheme: Scheme, height: int, x_title: str, y_title: str
) -> go.Figure:
    """Give a figure with a numeric axis each way, and a legend above, the shared look."""
    _dressed(figure, scheme, x_title)
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 30, "b": 48},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        yaxis={"title": {"text": y_title, "standoff": 12, "font": {"size": 13}}},
    )


def _dressed(figure: go.Figure, scheme: Scheme, x_title: str) -> None:
    ink = INK[scheme]
    axis = {
        "gridcolor": ink.grid,
        "zerolinecolor": ink.zero,
        "linecolor": ink.grid,
        "automargin": True,
        "fixedrange": True,
    }
    figure.update_layout(
        template="none",
        font={"family": FONT, "size": 13, "color": ink.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"font": {"family": FONT}},
        xaxis={**axis, "title": {"text": x_title, "standoff": 12, "font": {"size": 13}}},
        yaxis=axis,
    )


def framed(figure: go.Figure, scheme: Scheme, n_rows: float, x_title: str) -> go.Figure:
    """Give a horizontal figure, one row a model, the look that all share; returns it."""
    _dressed(figure, scheme, x_title)
    return figure.update_layout(
        height=90 + ROW_HEIGHT * max(n_rows, 1),
        margin={"l": 8, "r": 16, "t": 30, "b": 48},
        showlegend=False,
        # The first model of the rows stands on top.
        yaxis={"autorange": "reversed", "showgrid": False, "ticksuffix": "  "},
    )
