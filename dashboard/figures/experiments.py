"""Figures of the experiments: the test day by day, by kind of user, and every two models."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed, framed_plane
from dashboard.rows import rows_of
from dashboard.theme import INK, Scheme, label_of, style_of

_DIVERGING = [[0.0, "#D55E00"], [0.5, "#F7F7F7"], [1.0, "#0072B2"]]
"""Orange, white, blue: told apart by everybody (Okabe and Ito 2008)."""


def sequence_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw one arm's difference to the control day by day, with its always-valid interval.

    Args:
        rows: Columns model, day, difference, ci_low, ci_high of one arm; a day without an interval
            is left out.
        scheme: Light or dark.
    """
    figure = go.Figure()
    known = rows.dropna(subset=["ci_low"])
    for model, line in known.groupby("model", sort=False):
        style = style_of(str(model))
        days = line["day"].tolist()
        figure.add_trace(
            go.Scatter(
                x=days + days[::-1],
                y=line["ci_high"].tolist() + line["ci_low"].tolist()[::-1],
                fill="toself",
                fillcolor=style.color,
                opacity=0.22,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                name=f"{style.label}, interval",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=days,
                y=line["difference"].tolist(),
                name=style.label,
                mode="lines+markers",
                line={"color": style.color, "width": 2},
                marker={"symbol": style.symbol, "size": 8},
                customdata=line[["ci_low", "ci_high", "n_users"]],
                hovertemplate=f"<b>{style.label}</b>, %{{x|%d %b}}<br>%{{y:+.2%}}"
                " (%{customdata[0]:+.2%} to %{customdata[1]:+.2%})"
                "<br>%{customdata[2]:,} users<extra></extra>",
            )
        )
    figure.update_yaxes(tickformat="+.1%")
    figure.add_hline(y=0, line={"color": INK[scheme].zero, "width": 1.5, "dash": "dot"})
    framed_plane(figure, scheme, 340, "Last day counted", "Difference in click rate")
    return figure.update_layout(showlegend=False)


def segment_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw one arm's difference to the control for each segment, hollow where not significant.

    Args:
        rows: Columns model, segment, difference, ci_low, ci_high, significant of one arm.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for row in rows_of(rows.dropna(subset=["ci_low"])):
        style = style_of(row["model"])
        figure.add_trace(
            go.Scatter(
                x=[row["difference"]],
                y=[row["segment"]],
                name=row["segment"],
                mode="markers",
                marker={
                    "symbol": style.symbol + ("" if row["significant"] else "-open"),
                    "color": style.color,
                    "size": 12,
                    "line": {"width": 2, "color": style.color},
                },
                error_x={
                    "symmetric": False,
                    "array": [row["ci_high"] - row["difference"]],
                    "arrayminus": [row["difference"] - row["ci_low"]],
                    "color": style.color,
                    "thickness": 2,
                },
                customdata=[[row["n_users"], row["ctr"], row["control_ctr"]]],
                hovertemplate="<b>%{y}</b><br>%{x:+.2%} (%{customdata[1]:.2%} against"
                " %{customdata[2]:.2%})<br>%{customdata[0]:,} users of the arm<extra></extra>",
            )
        )
    figure.update_xaxes(tickformat="+.1%", nticks=6)
    figure.add_vline(x=0, line={"color": INK[scheme].zero, "width": 1.5, "dash": "dot"})
    return framed(figure, scheme, 0.75 * len(figure.data), "Difference in click rate")


def preference_figure(rows: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw how often the model of the row is preferred to that of the column.

    Args:
        rows: Columns model_a, model_b, preference, ci_low, ci_high.
        scheme: Light or dark.
    """
    models = list(dict.fromkeys([*rows["model_a"], *rows["model_b"]]))
    place = {model: number for number, model in enumerate(models)}
    values: list[list[float | None]] = [[None] * len(models) for _ in models]
    texts = [[""] * len(models) for _ in models]
    for row in rows_of(rows.dropna(subset=["preference"])):
        a, b = place[row["model_a"]], place[row["model_b"]]
        share, low, high = row["preference"], row["ci_low"], row["ci_high"]
        values[a][b], values[b][a] = share, 1 - share
        texts[a][b] = f"{share:.0%}<br>{low:.0%}–{high:.0%}"
        texts[b][a] = f"{1 - share:.0%}<br>{1 - high:.0%}–{1 - low:.0%}"
    labels = [label_of(model) for model in models]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=labels,
            y=labels,
            text=texts,
            texttemplate="%{text}",
            textfont={"color": "#212529"},
            colorscale=_DIVERGING,
            zmin=0.2,
            zmax=0.8,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y} preferred to %{x}: %{z:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(side="top", showgrid=False)
    framed(figure, scheme, 1.25 * len(models), "")
    return figure.update_layout(margin={"t": 60, "b": 16})
