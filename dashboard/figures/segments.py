"""Several models in each segment, on one common axis."""

import math

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed, laid_out
from dashboard.rows import rows_of
from dashboard.theme import INK, Scheme, style_of

_SPREAD = 0.56
"""Of the height of a segment's band, how much its models take."""


def models_by_segment_figure(
    rows: pd.DataFrame, scheme: Scheme, x_title: str, digits: str
) -> go.Figure:
    """Draw a band for each segment, in it a dot with interval for each model.

    Args:
        rows: Columns segment, model, value, ci_low and ci_high, in the order wanted.
        scheme: Light or dark.
        x_title: What the values are, with their unit.
        digits: Format of the values, in d3's notation.
    """
    segments = list(dict.fromkeys(rows["segment"]))
    models = list(dict.fromkeys(rows["model"]))
    ink = INK[scheme]
    figure = go.Figure()
    for number, model in enumerate(models):
        style = style_of(model)
        own = rows_of(rows[rows["model"] == model])
        drawn = [row for row in own if not math.isnan(row["value"])]
        offset = ((number + 0.5) / len(models) - 0.5) * _SPREAD
        figure.add_trace(
            go.Scatter(
                x=[row["value"] for row in drawn],
                y=[segments.index(row["segment"]) + offset for row in drawn],
                name=style.label,
                mode="markers",
                marker={
                    "symbol": style.symbol,
                    "color": style.color,
                    "size": 10,
                    "line": {"width": 1, "color": ink.text},
                },
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_reach(row["ci_high"] - row["value"]) for row in drawn],
                    "arrayminus": [_reach(row["value"] - row["ci_low"]) for row in drawn],
                    "color": style.color,
                    "thickness": 1.5,
                    "width": 3,
                },
                customdata=[[row["segment"], row["ci_low"], row["ci_high"]] for row in drawn],
                hovertemplate=f"<b>{style.label}</b>, %{{customdata[0]}}<br>%{{x:{digits}}}"
                f"<br>interval %{{customdata[1]:{digits}}} to %{{customdata[2]:{digits}}}"
                "<extra></extra>",
            )
        )
    framed(figure, scheme, len(segments) + 1, x_title)
    bands = {
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        "margin": {"t": 60},
        "xaxis": {"tickformat": digits, "nticks": 6},
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(segments))),
            "ticktext": segments,
            "autorange": False,
            "range": [len(segments) - 0.5, -0.5],
            "zeroline": False,
        },
    }
    return laid_out(figure, bands)


def _reach(length: float) -> float:
    return 0.0 if math.isnan(length) else length
