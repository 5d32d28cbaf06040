"""What happened when: one user's events, and one product's months."""

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.frame import framed, laid_out
from dashboard.rows import Row, is_absent, rows_of
from dashboard.theme import EVENT_STYLES, INK, ModelStyle, Scheme

OTHER: Final = "#7F7F7F"

_MONTHS_HEIGHT: Final = 5
"""Height of the months' figure, in rows of a model."""


def event_style(item_type: str, event_type: str) -> ModelStyle:
    """Return the style of a kind of event; one that the lab does not know is grey."""
    name = event_type.replace("_", " ").capitalize()
    return EVENT_STYLES.get((item_type, event_type), ModelStyle(name, OTHER, "circle"))


def timeline_figure(events: pd.DataFrame, cut: pd.Timestamp, scheme: Scheme) -> go.Figure:
    """Draw a row for each kind of event, editorial below products; the hold-out is shaded.

    Args:
        events: Columns occurred_at, item_type, event_type, title, quantity and unit_price.
        cut: Start of the hold-out.
        scheme: Light or dark.
    """
    figure = go.Figure()
    kinds = list(EVENT_STYLES)
    groups = sorted(
        events.groupby(["item_type", "event_type"]),
        key=lambda group: kinds.index(group[0]) if group[0] in kinds else len(kinds),
    )
    for (item_type, event_type), own in groups:
        style = event_style(str(item_type), str(event_type))
        figure.add_trace(
            go.Scatter(
                x=own["occurred_at"].tolist(),
                y=[style.label] * len(own),
                name=style.label,
                mode="markers",
                marker={
                    "symbol": style.symbol,
                    "color": style.color,
                    "size": 11,
                    "line": {"width": 1, "color": INK[scheme].text},
                },
                text=[_what(event) for event in rows_of(own)],
                hovertemplate="<b>%{text}</b><br>%{y}, %{x|%d %b %Y %H:%M}<extra></extra>",
            )
        )
    framed(figure, scheme, len(groups), "")
    if len(events) and not is_absent(cut):
        # To the end of the axis, whose range would otherwise grow with the shade.
        first, last = events["occurred_at"].min(), max(events["occurred_at"].max(), cut)
        margin = max((last - first) * 0.03, pd.Timedelta(days=1))
        figure.update_xaxes(range=[first - margin, last + margin])
        figure.add_vrect(
            x0=cut,
            x1=last + margin,
            fillcolor=INK[scheme].zero,
            opacity=0.15,
            line_width=0,
        )
        figure.add_annotation(
            text="hold-out",
            x=last + margin,
            y=1,
            yref="paper",
            xanchor="right",
            yanchor="bottom",
            showarrow=False,
        )
    return figure


def months_figure(
    months: pd.DataFrame, lifecycle: Mapping[pd.Timestamp, float], scheme: Scheme
) -> go.Figure:
    """Draw a product's events month by month, stacked by type, and its lifecycle where known.

    Args:
        months: Columns month, event_type and n_events.
        lifecycle: Weight of the product by month, in any unit; drawn to the scale of the events.
        scheme: Light or dark.
    """
    figure = go.Figure()
    present = set(months["event_type"])
    known = [event for item, event in EVENT_STYLES if item == "product" and event in present]
    for event_type in [*known, *sorted(present - set(known))]:
        own = months[months["event_type"] == event_type]
        style = event_style("product", event_type)
        figure.add_trace(
            go.Bar(
                x=own["month"].tolist(),
                y=own["n_events"].tolist(),
                name=style.label,
                marker={"color": style.color, "line": {"width": 1, "color": INK[scheme].text}},
                hovertemplate="%{x|%B %Y}: %{y:,}<extra>" + style.label + "</extra>",
            )
        )
    total = sum(lifecycle.values())
    if total:
        scale = months["n_events"].sum() / total
        figure.add_trace(
            go.Scatter(
                x=list(lifecycle),
                y=[weight * scale for weight in lifecycle.values()],
                name="Lifecycle",
                mode="lines+markers",
                line={"color": INK[scheme].text, "width": 2, "dash": "dash"},
                marker={"size": 6},
                hovertemplate="%{x|%B %Y}: %{y:,.0f}<extra>Lifecycle</extra>",
            )
        )
    framed(figure, scheme, _MONTHS_HEIGHT, "")
    stacked = {
        "barmode": "stack",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"t": 70},
        "yaxis": {"autorange": True, "showgrid": True, "title": {"text": "Events a month"}},
    }
    return laid_out(figure, stacked)


def lifecycle_of(
    product: Row, first: pd.Timestamp, last: pd.Timestamp
) -> dict[pd.Timestamp, float]:
    """Return a product's weight in each month of the log, as the synthetic shop gives it.

    It falls by decay_per_month away from the peak, and is 0 before the product is launched.
    Seasons and other products, which come on top, are left out. Empty where the shop gives none.
    """
    peak, decay = product["peak_month"], product["decay_per_month"]
    if math.isnan(peak) or math.isnan(decay):
        return {}
    months = pd.date_range(first, last, freq="MS")
    launched = product["launched_at"]
    return {
        month: 0.0
        if not is_absent(launched) and month < launched
        else math.exp(-decay * abs(number - peak))
        for number, month in enumerate(months)
    }


def _what(event: Row) -> str:
    """Name of a product or piece, with what was paid for it."""
    title = event["title"] if isinstance(event["title"], str) else f"Product {event['item_id']}"
    if math.isnan(event["unit_price"]) or math.isnan(event["quantity"]):
        return title
    return f"{title}, {event['quantity']:.0f} × {event['unit_price']:,.2f}"
