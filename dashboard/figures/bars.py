"""One bar a model, labelled with its value."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed
from dashboard.rows import rows_of
from dashboard.theme import Scheme, style_of


def bar_figure(
    rows: pd.DataFrame, column: str, scheme: Scheme, x_title: str, digits: str
) -> go.Figure:
    """Draw a bar for each model, in the order of the rows.

    Args:
        rows: Columns model and the one to draw.
        column: Which column to draw.
        scheme: Light or dark.
        x_title: What the values are, with their unit.
        digits: Format of the values, in d3's notation.
    """
    figure = go.Figure()
    for row in rows_of(rows):
        style = style_of(row["model"])
        figure.add_trace(
            go.Bar(
                x=[row[column]],
                y=[style.label],
                name=style.label,
                orientation="h",
                width=0.6,
                marker={"color": style.color},
                texttemplate=f"%{{x:{digits}}}",
                textposition="outside",
                cliponaxis=False,
                hovertemplate=f"<b>%{{y}}</b><br>%{{x:{digits}}}<extra></extra>",
            )
        )
    figure.update_xaxes(tickformat=digits, rangemode="tozero", nticks=6)
    framed(figure, scheme, len(rows), x_title)
    # Room for the label of the longest bar.
    return figure.update_layout(margin={"r": 56})
