"""Explorer: one user beside what every model recommends, or one product and who gets it."""

import secrets

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, html, no_update
from dash.dependencies import ALL
from dash.development.base_component import Component

from dashboard import explorer_queries as queries
from dashboard.components.filters import segments, selection
from dashboard.filters import changed_search, given
from dashboard.pages import explorer_product, explorer_user
from dashboard.pages.page import Page, View
from dashboard.store import Query, Store, Unavailable

SUBJECTS = {"user": "A user", "product": "A product"}
EVERYBODY = "all"
_DRAWS = 2**30


def render(view: View) -> list[Component]:
    """Return the search, and the user or product that the address names."""
    subject = view.chosen("show", list(SUBJECTS))
    k = int(view.chosen("k", list(map(str, queries.LENGTHS))))
    shown = explorer_product if subject == "product" else explorer_user
    # One part, so that another subject leaves the search in place.
    return [_search(view, subject, k), dmc.Stack(shown.render(view, k), gap="md")]


def _search(view: View, subject: str, k: int) -> Component:
    finds = {
        "user": ("User", "Its id, or the shop's own id"),
        "product": ("Product", "Its id, the shop's own id, or a part of its title"),
    }
    label, description = finds[subject]
    return dmc.Paper(
        dmc.Group(
            [
                segments("show", "Show", SUBJECTS, subject),
                html.Div(
                    [
                        dmc.TextInput(
                            id={"type": "filter", "name": subject},
                            label=label,
                            description=description,
                            value=view.filters.get(subject, ""),
                            debounce=True,
                            w="min(100%, 320px)",
                        ),
                        *([_segment(view)] if subject == "user" else []),
                        dmc.Button(
                            f"Random {subject}",
                            id={"type": "random", "name": subject},
                            variant="default",
                        ),
                    ],
                    # Its own parts stand in the row.
                    style={"display": "contents"},
                ),
                segments(
                    "k", "List length k", {str(k): str(k) for k in sorted(queries.LENGTHS)}, str(k)
                ),
            ],
            align="end",
        ),
        withBorder=True,
        p="md",
        radius="md",
    )


def _segment(view: View) -> Component:
    """Of which users a random one is taken."""
    categories = view.ask(queries.CATEGORIES)["category"]
    options = {
        EVERYBODY: "Everybody",
        **{f"activity:{level}": f"Activity: {level}" for level in ("low", "middle", "high")},
        **{f"history:{kind}": f"History: {kind}" for kind in ("new", "returning")},
        **{f"category:{name}": f"Category: {name}" for name in categories},
    }
    chosen = view.chosen("segment", list(options))
    return selection("segment", "Random user of", options, chosen)


def random_query(subject: str, segment: str) -> Query:
    """Return the question for a random product, or a random user of a segment."""
    draw = secrets.randbelow(_DRAWS)
    if subject == "product":
        return queries.random_product(draw)
    segmentation, _, name = segment.partition(":")
    return queries.random_user(segmentation, name or EVERYBODY, draw)


def register(app: Dash, store: Store) -> None:
    """Let the buttons choose a random user or product, and put it into the address."""

    @app.callback(
        Output("address", "search", allow_duplicate=True),
        Input({"type": "random", "name": ALL}, "n_clicks"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    def choose(clicks: list[int | None], search: str | None) -> object:
        if not any(clicks):
            return no_update
        subject = str(ctx.triggered_id["name"])
        try:
            found = store.ask(random_query(subject, given(search).get("segment", EVERYBODY))).rows
        except Unavailable:
            return no_update
        if found.empty:
            return no_update
        return changed_search(search or "", {subject: str(found.iloc[0, 0])})


PAGE = Page(
    path="/explorer",
    title="Explorer",
    question="What does a user get from each model, and why? Who gets a product?",
    render=render,
    register=register,
    left_out="The explorer answers for one user or product at a time, which a report cannot.",
)
