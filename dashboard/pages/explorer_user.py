"""The explorer's view of one user: history, and every model's list with reasons and hits."""

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

import dash_mantine_components as dmc
import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import explorer_queries as queries
from dashboard import lab
from dashboard.components.grid import grid, number_column, text_column
from dashboard.components.names import facts, model_name
from dashboard.components.panels import graph, notice, panel
from dashboard.components.ranked import Ranked, RankedList
from dashboard.figures.history import event_style, timeline_figure
from dashboard.filters import explorer_link
from dashboard.pages.page import View
from dashboard.rows import Row, is_absent, rows_of
from dashboard.store import Query
from dashboard.theme import label_of
from dashboard.vocabulary import day, number, percent

Hits = Mapping[int, str]
"""What the user did with each product in the hold-out."""


def render(view: View, k: int) -> list[Component]:
    """Return the user that the address names; a sentence where it names none, or several."""
    wanted = view.filters.get("user", "").strip()
    named = queries.id_in(wanted)
    if named is not None:
        # Most likely the lab's id: whose it is and all else is read at one opening of the file.
        view.fetch(queries.users_named(wanted), *_questions(named))
    if not wanted:
        found = view.ask(queries.TYPICAL_USER)
        if found.empty:
            return [notice("No users", "The lab has no users yet.")]
        return _user(view, int(found["user_id"].iloc[0]), k)
    found = view.ask(queries.users_named(wanted))
    by_id = found[found["user_id"].astype(str) == wanted]
    own = found[found["source_id"] == wanted]
    if found.empty:
        return [
            notice(
                "No such user",
                f"No user has the id «{wanted}». Ids are whole numbers from 0; the shop's own ids"
                " are found too. The button chooses a random user.",
            )
        ]
    # An id of the lab goes before one of the shop, so that a link means one user for ever.
    user = int((by_id if len(by_id) else own)["user_id"].iloc[0])
    others = own[own["user_id"] != user]["user_id"].tolist()
    return [*_others(wanted, others, k), *_user(view, user, k)]


def _others(wanted: str, users: list[int], k: int) -> list[Component]:
    """Say that the shop itself means another user by this id."""
    return [
        dmc.Text(
            [
                f"The shop's own id {wanted} is that of ",
                dcc.Link(f"user {user}", href=explorer_link(show="user", user=user, k=k)),
                ".",
            ],
            size="sm",
        )
        for user in users
    ]


def _questions(user: int) -> list[Query]:
    """All that is asked of a user."""
    return [
        queries.user_facts(user),
        queries.user_segment(user, "activity"),
        queries.user_events(user),
        queries.user_lists(user),
        queries.user_pairs(user),
        queries.LOG_SPAN,
        queries.CATALOGUE,
        *queries.model_state_for_user(user).values(),
    ]


def _user(view: View, user: int, k: int) -> list[Component]:
    view.fetch(*_questions(user))
    state = queries.model_state_for_user(user)
    events = view.ask(queries.user_events(user))
    lists = view.ask(queries.user_lists(user))
    # Of all that the lists have, so that those of another length are there at once.
    reasons = lab.reasons(
        user,
        {str(model): own["product_id"].tolist() for model, own in lists.groupby("model")},
        view.ask(queries.user_pairs(user)),
        view.ask(queries.CATALOGUE),
        {name: view.ask(query) for name, query in state.items()},
    )
    lists = lists[lists["rank"] <= k]
    hits = hits_of(events)
    lists = lists.assign(
        reason=[
            reasons[row["model"]][row["rank"] - 1] if row["model"] in reasons else ""
            for row in rows_of(lists)
        ],
        hit=[hits.get(product, "") for product in lists["product_id"]],
    )
    return [
        _who(view, user),
        _history(view, events),
        _side_by_side(lists, hits, k),
        _as_table(view, lists, k),
    ]


def hits_of(events: pd.DataFrame) -> Hits:
    """Return what the user did with each product in the hold-out, the strongest event named."""
    held_out = events[events["is_held_out"] & (events["item_type"] == "product")]
    strength = ["view", "click", "add_to_cart", "purchase"]
    found: dict[int, str] = {}
    for event in sorted(
        rows_of(held_out),
        key=lambda event: (
            strength.index(event["event_type"]) if event["event_type"] in strength else -1
        ),
    ):
        name = event_style("product", event["event_type"]).label.lower()
        found[event["item_id"]] = f"{name}, {day(event['occurred_at'])}"
    return found


def _who(view: View, user: int) -> Component:
    row = rows_of(view.ask(queries.user_facts(user)))[0]
    shown = [("Lab's id", str(user))]
    if isinstance(row["source_id"], str):
        shown.append(("Shop's own id", row["source_id"]))
    if not is_absent(row["signed_up_at"]):
        shown.append(("Signed up", day(row["signed_up_at"])))
    activity = view.ask(queries.user_segment(user, "activity"))["segment"]
    if row["n_events"] > 0:
        shown += [
            ("Events in training", number(row["n_events"], ",.0f")),
            ("Sessions", number(row["n_sessions"], ",.0f")),
            ("Distinct products", number(row["n_products"], ",.0f")),
            ("Purchases", number(row["n_purchases"], ",.0f")),
            ("Spent", number(row["spend"], ",.2f")),
            ("Days since the last event", number(row["recency_days"], ",.1f")),
        ]
    if isinstance(row["top_category"], str):
        share = percent(row["top_category_share"], 0)
        shown.append(("Favourite category", f"{row['top_category']} ({share} of events)"))
    new = "returning" if row["n_events"] > 0 else "new: nothing in training"
    shown += [("Activity", activity.iloc[0] if len(activity) else "unknown"), ("History", new)]
    return panel(
        f"User {user}", "Who it is, and what is known from before the hold-out.", facts(shown)
    )


def _history(view: View, events: pd.DataFrame) -> Component:
    if events.empty:
        return panel("History", "This user has no event in the log.")
    cut = view.ask(queries.LOG_SPAN)["cut"].iloc[0]
    said = [
        "A row for each kind of event, editorial content below products; rest on a symbol to read"
        " what it was. Models know what lies before the shaded hold-out."
    ]
    if len(events) == queries.MOST_EVENTS:
        said.append(f"The latest {queries.MOST_EVENTS:,} events are shown.")
    kinds = events[["item_type", "event_type"]].drop_duplicates()
    if set(kinds["item_type"]) == {"product"} and len(kinds) == 1:
        only = event_style("product", kinds["event_type"].iloc[0]).label.lower()
        said.append(f"Of this user the log has events of one kind only: {only}.")
    figure = timeline_figure(events, cut, view.scheme)
    return panel(
        "History",
        " ".join(said),
        graph("timeline", figure, f"Timeline of {len(events):,} events of the user."),
    )


def _side_by_side(lists: pd.DataFrame, hits: Hits, k: int) -> Component:
    if lists.empty:
        return panel("What the models recommend", "No model has a list for this user.")
    relevant = (
        f"The user met {len(hits):,} products in the hold-out; those that a list has are hits,"
        " marked ✓ with what the user did."
        if hits
        else "The user met no product in the hold-out, so no list can have a hit."
    )
    return panel(
        "What the models recommend",
        f"The first {k} products of every model, each with the reason in the model's own numbers."
        f" {relevant}",
        html.Div(
            [
                _list(model, list(own))
                for model, own in groupby(rows_of(lists), itemgetter("model"))
            ],
            className="lists",
        ),
    )


def _list(model: str, own: list[Row]) -> Component:
    n_hits = sum(row["hit"] != "" for row in own)
    said = f"{n_hits} hit{'' if n_hits == 1 else 's'} in the hold-out"
    if any(row["is_fallback"] for row in own):
        said += "; the model cannot serve this user, so popularity stands in"
    return html.Section(
        [
            model_name(model),
            dmc.Text(said, size="sm", fw=700 if n_hits else 400),
            RankedList(map(_item, own)),
        ],
        id={"type": "list", "model": model},
    )


def _item(row: Row) -> Ranked:
    return Ranked(
        _title(row),
        explorer_link(show="product", product=row["product_id"]),
        mark=f"✓ {row['hit']}" if row["hit"] else "",
        reason=row["reason"],
    )


def _title(row: Row) -> str:
    return row["title"] if isinstance(row["title"], str) else f"Product {row['product_id']}"


def _as_table(view: View, lists: pd.DataFrame, k: int) -> Component:
    rows = lists.assign(
        label=[label_of(model) for model in lists["model"]],
        title=[_title(row) for row in rows_of(lists)],
        score=lists["score"].astype(float),
    )
    return panel(
        "The lists as a table",
        "The same, to be sorted and saved. Scores of different models are on different scales.",
        grid(
            "user_lists",
            f"Lists of {k}",
            rows[["label", "rank", "product_id", "title", "category", "score", "hit", "reason"]],
            [
                text_column("label", "Model", minWidth=130),
                number_column("rank", "Rank", ",", "Position in the list, from 1."),
                number_column("product_id", "Product", "d", "Id of the product."),
                text_column("title", "Title", minWidth=200),
                text_column("category", "Category", minWidth=130),
                number_column("score", "Score", ".3f", "The model's own score."),
                text_column("hit", "Hit in the hold-out", minWidth=170),
                text_column("reason", "Reason", minWidth=420, tooltipField="reason"),
            ],
            view.scheme,
            rows_shown=k,
        ),
    )
