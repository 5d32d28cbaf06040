"""The explorer's view of one product: attributes, months, similar products, who gets it."""

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
from dashboard.figures.history import lifecycle_of, months_figure
from dashboard.figures.lines import lines_figure
from dashboard.filters import explorer_link
from dashboard.pages.page import View
from dashboard.rows import Row, is_absent, rows_of
from dashboard.store import Query
from dashboard.theme import in_order, label_of
from dashboard.vocabulary import day, number

ATTRIBUTES = {
    "category": "Category",
    "subcategory": "Subcategory",
    "brand": "Brand",
    "price_tier": "Price tier",
}
N_USERS_SHOWN = 5


def render(view: View, k: int) -> list[Component]:
    """Return the product that the address names; a sentence where it names none, or several."""
    wanted = view.filters.get("product", "").strip()
    named = queries.id_in(wanted)
    if named is not None:
        # As for a user.
        view.fetch(queries.products_named(wanted), *_questions(named))
    if not wanted:
        found = view.ask(queries.TOP_PRODUCT)
        if found.empty:
            return [notice("No products", "The lab has no products yet.")]
        return _product(view, int(found["product_id"].iloc[0]), k)
    found = view.ask(queries.products_named(wanted))
    if found.empty:
        return [
            notice(
                "No such product",
                f"No product has the id «{wanted}» or has it in its title. Ids are whole numbers"
                " from 0. The button chooses a random product.",
            )
        ]
    product, *others = found["product_id"].tolist()
    if str(product) == wanted:
        # An id of the lab goes before one of the shop; what has it in its title is not meant.
        others = found.loc[found["source_id"] == wanted, "product_id"].tolist()
        others = [other for other in others if other != product]
    return [*_others(found, others, k), *_product(view, product, k)]


def _others(found: pd.DataFrame, others: list[int], k: int) -> list[Component]:
    """List what the search has found besides."""
    titles = dict(zip(found["product_id"], found["title"], strict=True))
    links: list[Component | str] = ["Found as well: "]
    for product in others:
        href = explorer_link(show="product", product=product, k=k)
        links += [dcc.Link(_title(titles[product], product), href=href), " · "]
    return [dmc.Text(links[:-1], size="sm")] if others else []


def _questions(product: int) -> list[Query]:
    """All that is asked of a product."""
    return [
        queries.product_facts(product),
        queries.product_months(product),
        queries.product_audience(product),
        queries.LOG_SPAN,
        queries.CATALOGUE,
        *queries.model_state_for_product(product).values(),
    ]


def _product(view: View, product: int, k: int) -> list[Component]:
    view.fetch(*_questions(product))
    state = queries.model_state_for_product(product)
    row = rows_of(view.ask(queries.product_facts(product)))[0]
    catalogue = view.ask(queries.CATALOGUE)
    # As many as the longest lists have, so that those of another length are there at once.
    similar = lab.similar_products(
        product,
        max(queries.LENGTHS),
        catalogue,
        {name: view.ask(query) for name, query in state.items()},
    )
    similar = {model: found[:k] for model, found in similar.items()}
    return [
        _what(row),
        _popularity(view, row),
        _similar(similar, catalogue, row, k),
        _audience(view, product, k),
    ]


def _what(row: Row) -> Component:
    shown = [("Lab's id", str(row["product_id"]))]
    if isinstance(row["source_id"], str):
        shown.append(("Shop's own id", row["source_id"]))
    shown += [
        (name, row[column]) for column, name in ATTRIBUTES.items() if isinstance(row[column], str)
    ]
    if not is_absent(row["price"]):
        shown.append(("Price", number(row["price"], ",.2f")))
    if not is_absent(row["launched_at"]):
        shown.append(("Launched", day(row["launched_at"])))
    counts = {
        "popularity_rank": ("Popularity rank", ",.0f"),
        "n_events": ("Events in training", ",.0f"),
        "n_users": ("Users", ",.0f"),
        "n_buyers": ("Buyers", ",.0f"),
        "revenue": ("Revenue", ",.2f"),
        "trend": ("Trend, 28 days over the 28 before", ".2f"),
    }
    shown += [
        (name, number(row[column], digits))
        for column, (name, digits) in counts.items()
        if not is_absent(row[column])
    ]
    lacks = [name.lower() for column, name in ATTRIBUTES.items() if is_absent(row[column])]
    lacks += ["launch date"] if is_absent(row["launched_at"]) else []
    absent = f" The shop does not give its {_listed(lacks)}." if lacks else ""
    return panel(
        _title(row["title"], row["product_id"]),
        f"What it is, and how it did before the hold-out.{absent}",
        facts(shown),
    )


def _popularity(view: View, row: Row) -> Component:
    months = view.ask(queries.product_months(row["product_id"]))
    if months.empty:
        return panel("Popularity over time", "Nobody has met this product in the log.")
    span = view.ask(queries.LOG_SPAN).iloc[0]
    lifecycle = lifecycle_of(row, span["first_month"], span["last_month"])
    said = (
        "The dashed line is the lifecycle that the synthetic shop gives the product, without"
        " seasons, drawn to the same total."
        if lifecycle
        else "The log does not say what lifecycle the product has."
    )
    return panel(
        "Popularity over time",
        f"Events a month by type, hold-out included. {said}",
        graph(
            "months",
            months_figure(months, lifecycle, view.scheme),
            f"Events of the product in each of {months['month'].nunique()} months.",
        ),
    )


def _similar(
    similar: dict[str, list[lab.Similar]], catalogue: pd.DataFrame, row: Row, k: int
) -> Component:
    named = [near.product for found in similar.values() for near in found]
    # To go through a whole catalogue takes longer than all else of the panel.
    known = catalogue[catalogue["product_id"].isin(named)]
    titles = dict(zip(known["product_id"], known["title"], strict=True))
    knowing = {model: found for model, found in similar.items() if found}
    silent = [label_of(model) for model, found in similar.items() if not found]
    absent = f" No similar product known to: {', '.join(silent)}." if silent else ""
    return panel(
        "Similar products",
        f"The {k} nearest to {_title(row['title'], row['product_id'])} in each model, with the"
        f" model's own measure of similarity (1 is the same for all but the hybrid).{absent}",
        html.Div(
            [
                html.Section(
                    [
                        model_name(model),
                        RankedList(_near(near, titles.get(near.product)) for near in found),
                    ],
                    id={"type": "similar", "model": model},
                )
                for model, found in knowing.items()
            ],
            className="lists",
        ),
    )


def _near(near: lab.Similar, title: object) -> Ranked:
    return Ranked(
        _title(title, near.product),
        explorer_link(show="product", product=near.product),
        note=number(near.similarity, ".3f"),
    )


def _audience(view: View, product: int, k: int) -> Component:
    rows = view.ask(queries.product_audience(product))
    rows = rows[rows["rank"] <= k]
    if rows.empty:
        return panel("Who gets it", f"No model has it among the first {k} products of any user.")
    table = pd.DataFrame(
        [_audience_row(model, rows[rows["model"] == model]) for model in in_order(rows["model"])]
    )
    curves = pd.DataFrame(
        [
            {"model": model, "x": rank, "value": counts.get(rank, 0)}
            for model in table["model"]
            for counts in [rows[rows["model"] == model].set_index("rank")["n_users"].to_dict()]
            for rank in range(1, k + 1)
        ]
    )
    return panel(
        "Who gets it",
        f"Users who have the product among the first {k}, by model and rank. Models that are not"
        " shown recommend it to nobody.",
        graph(
            "audience",
            lines_figure(curves, view.scheme, "Rank", "Users", ",.0f"),
            "Users who have the product, by rank, a line a model.",
        ),
        grid(
            "audience",
            "Users by model",
            table[["label", "n_users", "n_first", "mean_rank"]],
            [
                text_column("label", "Model", minWidth=130),
                number_column("n_users", "Users", ",", f"Users who have it in their first {k}."),
                number_column("n_first", "At rank 1", ",", "Users who have it on top."),
                number_column("mean_rank", "Mean rank", ".1f", "Mean position where it is listed."),
            ],
            view.scheme,
        ),
        *[_users(row, k) for row in rows_of(table)],
    )


def _audience_row(model: str, own: pd.DataFrame) -> Row:
    """Sum up a model's ranks; its users are those whom it ranks and then scores highest."""
    n_users = int(own["n_users"].sum())
    users = [int(user) for at_rank in own.sort_values("rank")["users"] for user in at_rank]
    return {
        "model": model,
        "label": label_of(model),
        "n_users": n_users,
        "n_first": int(own.loc[own["rank"] == 1, "n_users"].sum()),
        "mean_rank": float((own["rank"] * own["n_users"]).sum() / n_users),
        "users": users[:N_USERS_SHOWN],
    }


def _users(row: Row, k: int) -> Component:
    links: list[Component | str] = [f"{row['label']} ranks it highest for user "]
    for user in row["users"]:
        links += [dcc.Link(str(user), href=explorer_link(show="user", user=user, k=k)), ", "]
    return dmc.Text([*links[:-1], "."], size="sm", mt="xs")


def _title(title: object, product: int) -> str:
    return title if isinstance(title, str) else f"Product {product}"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
