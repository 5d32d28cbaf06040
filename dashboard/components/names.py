"""How models and facts are named on pages."""

from collections.abc import Iterable

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.theme import label_of, style_of


def model_name(model: str, order: int = 3) -> Component:
    """The symbol, in its colour, and the name of a model, as a heading."""
    style = style_of(model)
    return dmc.Group(
        [
            html.Span(className=f"symbol symbol-{style.symbol}", style={"background": style.color}),
            dmc.Title(label_of(model), order=order, size="h5"),
        ],
        gap="xs",
    )


def facts(pairs: Iterable[tuple[str, str]]) -> Component:
    """Names with their values, as many side by side as have room."""
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(value)]) for name, value in pairs], className="facts"
    )
