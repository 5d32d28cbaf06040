"""Figures of what users do: funnels, months, sessions, and what follows a read."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed, framed_plane
from dashboard.theme import EVENT_STYLES, INK, Scheme, label_of, style_of

_BAR = "#0072B2"
_OTHER = "#E69F00"
_HEIGHT = 360


def step_label(step: str) -> str:
    """Name of a step of the shop's funnel or of an experiment's."""
    style = EVENT_STYLES.get(("product", step))
    return style.label if style else step.replace("_", " ").capitalize()


def funnel_figure(steps: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw a bar for each step, as a share of the first, with its count beside it.

    Args:
        steps: Columns step, share and n_events, in the order of the funnel.
        scheme: Light or dark.
    """
    figure = go.Figure(
        go.Bar(
            x=steps["share"].tolist(),
            y=[step_label(step) for step in steps["step"]],
            orientation="h",
            marker={
                "color": [
                    EVENT_STYLES[("product", step)].color
                    if ("product", step) in EVENT_STYLES
                    else _BAR
                    for step in steps["step"]
                ],
                "line": {"width": 1, "color": INK[scheme].text},
            },
            text=[
                f"{share:.1%} ({count:,})"
                for share, count in zip(steps["share"], steps["n_events"], strict=True)
            ],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="<b>%{y}</b>: %{text}<extra></extra>",
        )
    )
    # Room for the text behind the longest bar.
    longest = max(steps["share"].max(), 1.0)
    figure.update_xaxes(tickformat=".0%", range=[0, 2.2 * longest])
    return framed(figure, scheme, len(steps), "Share of the first step")


def arms_figure(arms: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw impressions, clicks and purchases of every arm as shares of its impressions.

    Args:
        arms: Columns model, step and share; shares of zero are left out, the axis being
            logarithmic.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for model, line in arms[arms["share"] > 0].groupby("model", sort=False):
        style = style_of(str(model))
        figure.add_trace(
            go.Scatter(
                x=[step_label(step) for step in line["step"]],
                y=line["share"].tolist(),
                name=label_of(str(model)),
                mode="lines+markers",
                line={"color": style.color, "width": 2},
                marker={"symbol": style.symbol, "size": 11},
                hovertemplate=f"<b>{style.label}</b><br>%{{x}}: %{{y:.3%}}<extra></extra>",
            )
        )
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="log", tickformat=".2~%", dtick=1)
    return framed_plane(figure, scheme, _HEIGHT, "", "Share of impressions (log)")


def steps_figure(months: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw the events of every month, a line a step.

    Args:
        months: Columns month, step and n_events.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for step, line in months.groupby("step", sort=False):
        style = EVENT_STYLES.get(("product", str(step)))
        figure.add_trace(
            go.Scatter(
                x=line["month"].tolist(),
                y=line["n_events"].tolist(),
                name=step_label(str(step)),
                mode="lines+markers",
                line={"color": style.color if style else _BAR, "width": 2},
                marker={"symbol": style.symbol if style else "circle", "size": 8},
                hovertemplate="%{x|%B %Y}: %{y:,}<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_yaxes(rangemode="tozero", tickformat=",")
    return framed_plane(figure, scheme, _HEIGHT, "", "Events a month")


def season_figure(curve: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw a category's months over its mean day, as they turned out and as specified.

    Args:
        curve: Columns month, realised and specified; the last absent where nobody specified it.
        scheme: Light or dark.
    """
    figure = go.Figure()
    lines: Mapping[str, tuple[str, str, str, str]] = {
        "realised": ("In the log", _BAR, "circle", "solid"),
        "specified": ("Specified", _OTHER, "diamond", "dash"),
    }
    for column, (name, color, symbol, dash) in lines.items():
        known = curve[curve[column].notna()]
        if known.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=known["month"].tolist(),
                y=known[column].tolist(),
                name=name,
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 8},
                hovertemplate="%{x|%B %Y}: %{y:.2f}<extra>%{fullData.name}</extra>",
            )
        )
    figure.add_hline(y=1, line={"color": INK[scheme].zero, "width": 1, "dash": "dot"})
    figure.update_yaxes(rangemode="tozero", tickformat=".1f")
    return framed_plane(figure, scheme, _HEIGHT, "", "Events a day over the mean day")


def sessions_figure(lengths: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw how many sessions have how many events, both axes logarithmic.

    Args:
        lengths: Columns n_events and share of all sessions.
        scheme: Light or dark.
    """
    figure = go.Figure(
        go.Scatter(
            x=lengths["n_events"].tolist(),
            y=lengths["share"].tolist(),
            mode="markers",
            marker={"color": _BAR, "size": 8, "line": {"width": 1, "color": INK[scheme].text}},
            hovertemplate="%{x:,} events: %{y:.3%} of sessions<extra></extra>",
        )
    )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1, tickformat=".4~%")
    framed_plane(figure, scheme, _HEIGHT, "Events of the session (log)", "Share of sessions (log)")
    return figure.update_layout(showlegend=False)


def reads_figure(reads: pd.DataFrame, scheme: Scheme) -> go.Figure:
    """Draw how often a step follows a read and how often it precedes one, a row a category.

    Args:
        reads: Columns category, before and after, shares of the reads.
        scheme: Light or dark.
    """
    figure = go.Figure()
    for row in reads.itertuples(index=False):
        figure.add_trace(
            go.Scatter(
                x=[row.before, row.after],
                y=[row.category, row.category],
                mode="lines",
                line={"color": INK[scheme].zero, "width": 2},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    for column, name, color, symbol in (
        ("before", "Before the read", _OTHER, "diamond-open"),
        ("after", "After the read", _BAR, "circle"),
    ):
        figure.add_trace(
            go.Scatter(
                x=reads[column].tolist(),
                y=reads["category"].tolist(),
                name=name,
                mode="markers",
                marker={"color": color, "symbol": symbol, "size": 11, "line": {"width": 2}},
                hovertemplate="<b>%{y}</b>: %{x:.2%}<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_xaxes(tickformat=".1~%", rangemode="tozero")
    framed(figure, scheme, 0.7 * len(reads), "Share of reads")
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )
    return figure.update_layout(height=figure.layout.height + 60, margin={"t": 70})
