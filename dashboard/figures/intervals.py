"""A value with its interval for each model, on one common axis."""

import math

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed
from dashboard.rows import rows_of
from dashboard.theme import INK, Scheme, style_of


def interval_figure(
    rows: pd.DataFrame, scheme: Scheme, x_title: str, digits: str = ".4f"
) -> go.Figure:
    """Draw dots with intervals, one row and one trace a model, in the order of the rows.

    Args:
        rows: Columns model, value, ci_low, ci_high; an absent interval is not drawn. Where there
            is a column significant, models without it are drawn hollow.
        scheme: Light or dark.
        x_title: What the values are, with their unit.
        digits: Format of the values, in d3's notation.
    """
    figure = go.Figure()
    ink = INK[scheme]
    for row in rows_of(rows):
        style = style_of(row["model"])
        hollow = not row.get("significant", True)
        has_interval = not any(math.isnan(row[end]) for end in ("ci_low", "ci_high"))
        figure.add_trace(
            go.Scatter(
                x=[row["value"]],
                y=[style.label],
                name=style.label,
                mode="markers",
                marker={
                    "symbol": style.symbol + ("-open" if hollow else ""),
                    "color": style.color,
                    "size": 13,
                    # The outline keeps pale colours apart from the paper.
                    "line": {
                        "width": 2 if hollow else 1,
                        "color": style.color if hollow else ink.text,
                    },
                },
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [row["ci_high"] - row["value"] if has_interval else 0],
                    "arrayminus": [row["value"] - row["ci_low"] if has_interval else 0],
                    "color": style.color,
                    "thickness": 2.5,
                    "width": 5,
                    "visible": has_interval,
                },
                customdata=[[row["ci_low"], row["ci_high"]]],
                hovertemplate=_hover(digits, has_interval),
            )
        )
    # A change of nothing has no sign, so the axis needs none.
    figure.update_xaxes(tickformat=digits.removeprefix("+"), nticks=6)
    return framed(figure, scheme, len(rows), x_title)


def uplift_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw each arm's click-rate uplift over the control, whose line is at zero.

    Args:
        rows: Rows of the A/B report; the control, which has no uplift, is left out. A model whose
            difference is not significant is drawn hollow.
        scheme: Light or dark.
    """
    arms = rows[~rows["is_control"]].rename(
        columns={
            "ctr_uplift": "value",
            "ctr_uplift_low": "ci_low",
            "ctr_uplift_high": "ci_high",
        }
    )
    control = ", ".join(style_of(model).label for model in rows.loc[rows["is_control"], "model"])
    figure = interval_figure(arms, scheme, f"Click-rate uplift over {control}", "+.0%")
    figure.add_vline(x=0, line={"color": INK[scheme].zero, "width": 1.5, "dash": "dot"})
    return figure


def _hover(digits: str, has_interval: bool) -> str:
    value = f"%{{x:{digits}}}"
    interval = (
        f"<br>interval %{{customdata[0]:{digits}}} to %{{customdata[1]:{digits}}}"
        if has_interval
        else ""
    )
    return f"<b>%{{y}}</b><br>{value}{interval}<extra></extra>"
