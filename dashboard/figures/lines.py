"""A line for each model: a metric by list length, users by rank."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed_plane
from dashboard.theme import Scheme, style_of

_HEIGHT = 360


def lines_figure(
    rows: pd.DataFrame, scheme: Scheme, x_title: str, y_title: str, digits: str
) -> go.Figure:
    """Draw a line with the model's symbol for each model.

    Args:
        rows: Columns model, x and value, ordered by x.
        scheme: Light or dark.
        x_title: What x is.
        y_title: What the values are, with their unit.
        digits: Format of the values, in d3's notation.
    """
    figure = go.Figure()
    for model, own in rows.groupby("model", sort=False):
        style = style_of(str(model))
        figure.add_trace(
            go.Scatter(
                x=own["x"].tolist(),
                y=own["value"].tolist(),
                name=style.label,
                mode="lines+markers",
                line={"color": style.color, "width": 2},
                marker={"symbol": style.symbol, "size": 8},
                hovertemplate=f"<b>{style.label}</b><br>{x_title} %{{x}}: %{{y:{digits}}}"
                "<extra></extra>",
            )
        )
    figure.update_xaxes(nticks=10, showgrid=False, zeroline=False)
    figure.update_yaxes(tickformat=digits, rangemode="tozero")
    return framed_plane(figure, scheme, _HEIGHT, x_title, y_title)
