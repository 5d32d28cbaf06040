"""The app: the frame around the pages, and the callbacks that choose and refresh them."""

from datetime import timedelta
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.dependencies import ALL
from dash.development.base_component import Component
from dash.fingerprint import build_fingerprint
from flask import Response, request
from flask_compress import Compress

from dashboard import lab, queries
from dashboard.components.grid import register_csv_buttons
from dashboard.components.panels import behind_notice, problem_notice
from dashboard.filters import given
from dashboard.pages import PAGES, explorer
from dashboard.pages.page import View
from dashboard.store import Store, Unavailable
from dashboard.theme import FONT, Scheme

POLL_MILLISECONDS = 5_000
"""How often an open page looks whether there is something new."""

_INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        {%favicon%}
        {%css%}
    </head>
    <body>
        {%app_entry%}
        <footer>
            {%config%}
            {%scripts%}
            {%renderer%}
        </footer>
    </body>
</html>"""


def open_store(database: Path) -> Store:
    """Return the reader of a DuckDB file, which need not exist yet, with all standing questions.

    Args:
        database: The file that the graph writes; it is only ever read.
    """
    return Store(database, standing=queries.STANDING)


def create_app(store: Store) -> Dash:
    """Build the dashboard over what the lab has written.

    Every page is a function of the address, of what the file holds and of the colour scheme. All
    scripts and styles are served by the app itself.

    Args:
        store: From ``open_store``.
    """
    app = Dash(
        "dashboard",
        title="RecoLab",
        update_title="",
        serve_locally=True,
        suppress_callback_exceptions=True,
        assets_folder=str(Path(__file__).parent / "assets"),
        index_string=_INDEX,
        external_scripts=[
            _script_address("plotly", "package_data/plotly.min.js"),
            _script_address("dash", "dcc/async-graph.js"),
        ],
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = _frame()
    _serve_compactly(app)
    store.status()
    _register(app, store)
    return app


def warm_up(store: Store) -> None:
    """Do what the explorer's first reader would wait for: load libraries, read, and build."""
    lab.warm_up()
    for subject in explorer.SUBJECTS:
        content(store, explorer.PAGE.path, f"?show={subject}", "light")


def content(store: Store, path: str, search: str, scheme: Scheme) -> list[Component]:
    """Return the heading and content of the page at an address, or what stands in its place."""
    page = next((page for page in PAGES if page.path == (path.rstrip("/") or "/")), None)
    if page is None:
        return [
            dmc.Title("No such page", order=1, size="h2"),
            dmc.Text("There is nothing at this address."),
            dcc.Link("Go to the overview", href="/"),
        ]
    view = View(store, scheme, given(search))
    heading = [html.Div([dmc.Title(page.title, order=1, size="h2"), dmc.Text(page.question)])]
    try:
        body = page.render(view)
    except Unavailable as problem:
        return [*heading, problem_notice(problem)]
    # One part, so that the parts below stay the same when a run begins or ends.
    return [dmc.Stack([*heading, *behind_notice(view.answers)], gap="md"), *body]


def filters_of(page: object) -> dict[str, object]:
    """Return what every filter of a page stands at, by name."""
    if isinstance(page, list | tuple):
        return {name: value for part in page for name, value in filters_of(part).items()}
    if not isinstance(page, Component):
        return {}
    match getattr(page, "id", None):
        case {"type": "filter", "name": str(name)}:
            return {name: getattr(page, "value", None)}
    return filters_of(getattr(page, "children", None))


def _script_address(package: str, path: str) -> str:
    """Where the app serves a script of a package that the first figure else has to wait for."""
    changed = int(Path(str(files(package) / path)).stat().st_mtime)
    versioned = build_fingerprint(path, version(package), changed)  # type: ignore[no-untyped-call]
    return f"/_dash-component-suites/{package}/{versioned}"


def _serve_compactly(app: Dash) -> None:
    """Compress what is sent, and let the browser keep scripts and styles.

    Their addresses change with their content, so what is kept is never out of date.
    """
    # Zstandard takes a third of the time of the others.
    app.server.config["COMPRESS_ALGORITHM"] = ["zstd", "br", "gzip"]
    app.server.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(days=365)
    Compress(app.server)

    app.server.after_request(_revalidated)


def _revalidated(response: Response) -> Response:
    """Let the browser ask whether what has no version in its address has changed."""
    kept = response.cache_control
    if request.path.startswith("/_dash-component-suites/") and kept.max_age is None:
        kept.no_cache = True
    return response


def _frame() -> Component:
    menu = [
        dmc.NavLink(label=page.title, href=page.path, active="exact", color="blue", py=10)
        for page in PAGES
    ]
    header = dmc.Group(
        [
            dmc.Group(
                [
                    dmc.Burger(
                        id="burger", opened=False, hiddenFrom="sm", **{"aria-label": "Menu"}
                    ),
                    dmc.Text("RecoLab", fw=700, size="lg"),
                ],
                gap="xs",
            ),
            dmc.Group(
                [
                    html.Div(id="badge", role="status"),
                    dmc.Button("Dark", id="scheme-button", variant="default", size="xs"),
                ],
                gap="sm",
            ),
        ],
        justify="space-between",
        h="100%",
        px="md",
    )
    return dmc.MantineProvider(
        [
            dcc.Location(id="address", refresh="callback-nav"),
            dcc.Store(id="scheme", storage_type="local", data=None),
            dcc.Store(id="revision"),
            dcc.Store(id="drawn"),
            dcc.Store(id="titles", data={page.path: page.title for page in PAGES}),
            dcc.Interval(id="poll", interval=POLL_MILLISECONDS),
            html.A("Skip to the content", href="#content", className="skip-link"),
            dmc.AppShell(
                [
                    dmc.AppShellHeader(header),
                    dmc.AppShellNavbar(menu, p="xs", **{"aria-label": "Pages"}),
                    dmc.AppShellMain(
                        html.Div(
                            dcc.Loading(
                                [dcc.Store(id="answer"), dmc.Stack(id="page", gap="md")],
                                delay_show=400,
                                overlay_style={"visibility": "visible"},
                            ),
                            id="content",
                            tabIndex="-1",
                        )
                    ),
                ],
                id="shell",
                header={"height": 52},
                navbar={"width": 210, "breakpoint": "sm", "collapsed": {"mobile": True}},
                padding="md",
            ),
        ],
        id="provider",
        theme={"fontFamily": FONT, "primaryColor": "blue"},
        forceColorScheme="light",
    )


def _register(app: Dash, store: Store) -> None:
    register_csv_buttons(app)
    for page in PAGES:
        page.register(app, store)

    @app.callback(
        Output("answer", "data"),
        Input("address", "pathname"),
        Input("address", "search"),
        Input("revision", "data"),
        Input("scheme", "data"),
    )
    def ask_for_page(
        path: str | None, search: str | None, _revision: str | None, scheme: Scheme | None
    ) -> dict[str, object]:
        page = content(store, path or "/", search or "", scheme or "light")
        return {"path": path, "content": page, "filters": filters_of(page)}

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("page", "draw"),
        Output("page", "children"),
        Output("drawn", "data"),
        Input("answer", "data"),
        State("drawn", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("recolab", "putFiltersInAddress"),
        Output("address", "search"),
        Input({"type": "filter", "name": ALL}, "value"),
        State("address", "search"),
        State("drawn", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("badge", "children"),
        Output("revision", "data"),
        Input("poll", "n_intervals"),
        State("revision", "data"),
    )
    def look_for_news(_ticks: int | None, revision: str | None) -> tuple[object, object]:
        status = store.status()
        badge = (
            dmc.Badge("A run is writing", variant="outline", color="var(--mantine-color-text)")
            if status.state == "busy"
            else None
        )
        return badge, no_update if status.revision == revision else status.revision

    @app.callback(
        Output("scheme", "data"),
        Input("scheme-button", "n_clicks"),
        State("scheme", "data"),
        prevent_initial_call=True,
    )
    def change_scheme(_clicks: int, scheme: Scheme | None) -> Scheme:
        return "light" if scheme == "dark" else "dark"

    @app.callback(
        Output("provider", "forceColorScheme"),
        Output("scheme-button", "children"),
        Input("scheme", "data"),
    )
    def apply_scheme(scheme: Scheme | None) -> tuple[Scheme, str]:
        return ("dark", "Light") if scheme == "dark" else ("light", "Dark")

    @app.callback(
        Output("shell", "navbar"),
        Input("burger", "opened"),
        State("shell", "navbar"),
        prevent_initial_call=True,
    )
    def open_menu(opened: bool, navbar: dict[str, object]) -> dict[str, object]:
        return {**navbar, "collapsed": {"mobile": not opened}}

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("recolab", "closeMenu"),
        Output("burger", "opened"),
        Input("address", "pathname"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("recolab", "nameTab"),
        Input("address", "pathname"),
        State("titles", "data"),
    )
