"""The SQL of the explorer: what is asked about one user or one product, values bound."""

from typing import Final

from dashboard.store import Query
from recolab_assets.tables import MODEL_TABLES, TABLES, Table

MOST_EVENTS: Final = 2_000
"""Events of a timeline; of users with more, the latest are shown."""

LENGTHS: Final = (10, 5, 20)
"""Lengths of lists that the explorer shows, the one that it begins with first."""

MATCHES: Final = 8
"""Users or products that a search lists."""

_SEGMENTED = """
    SELECT
        f.user_id,
        CASE ?
            WHEN 'activity' THEN CASE
                WHEN n_events <= low THEN 'low' WHEN n_events <= middle THEN 'middle' ELSE 'high'
            END
            WHEN 'history' THEN CASE WHEN n_events > 0 THEN 'returning' ELSE 'new' END
            WHEN 'category' THEN coalesce(top_category, 'unknown')
            ELSE 'all'
        END AS segment
    FROM processed.user_features AS f
    CROSS JOIN (
        SELECT quantile_cont(n_events, 1 / 3) AS low, quantile_cont(n_events, 2 / 3) AS middle
        FROM processed.user_features
    )
"""

CATEGORIES: Final = Query(
    "SELECT DISTINCT coalesce(top_category, 'unknown') AS category FROM processed.user_features"
    " ORDER BY category",
    ("processed.user_features",),
)
TYPICAL_USER: Final = Query(
    """
    SELECT user_id FROM processed.user_features
    ORDER BY
        n_products BETWEEN 5 AND 40
            AND user_id IN (SELECT user_id FROM evaluation.user_metrics WHERE hit_rate > 0) DESC,
        user_id
    LIMIT 1
    """,
    ("processed.user_features", "evaluation.user_metrics"),
)
"""A user to begin with: some history, and a hit in the hold-out."""
TOP_PRODUCT: Final = Query(
    "SELECT product_id FROM models.popularity ORDER BY popularity_rank LIMIT 1",
    ("models.popularity",),
)
LOG_SPAN: Final = Query(
    """
    SELECT
        date_trunc('month', min(occurred_at)) AS first_month,
        date_trunc('month', max(occurred_at)) AS last_month,
        (SELECT min(occurred_at) FROM processed.test_interactions) AS cut
    FROM raw.interactions
    """,
    ("raw.interactions", "processed.test_interactions"),
)
"""First and last month of the log, and the first event of the hold-out."""
CATALOGUE: Final = Query(
    "SELECT product_id, title, category, subcategory, brand, price_tier FROM raw.products",
    ("raw.products",),
)
"""What explanations and the content-based model know of products."""


def id_in(text: str) -> int | None:
    """Return the id that a text may be; no shop has a billion users or products."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def users_named(text: str) -> Query:
    """Users whose id, or whose id in the shop's own system, is the text."""
    return Query(
        f"SELECT user_id, source_id FROM raw.users WHERE user_id::VARCHAR = ?"
        f" OR source_id = ? ORDER BY user_id LIMIT {MATCHES}",
        ("raw.users",),
        (text, text),
    )


def random_user(segmentation: str, segment: str, draw: int) -> Query:
    """One user of a segment; another draw gives another."""
    return Query(
        f"SELECT user_id FROM ({_SEGMENTED}) WHERE segment = ? ORDER BY hash(user_id + ?) LIMIT 1",
        ("processed.user_features",),
        (segmentation, segment, draw),
    )


def user_facts(user: int) -> Query:
    """Who a user is, and what the user did before the hold-out."""
    return Query(
        """
        SELECT
            u.source_id, u.signed_up_at, f.n_events, f.n_sessions, f.n_products, f.n_purchases,
            f.spend, f.recency_days, f.top_category, f.top_category_share
        FROM raw.users AS u LEFT JOIN processed.user_features AS f USING (user_id)
        WHERE user_id = ?
        """,
        ("raw.users", "processed.user_features"),
        (user,),
    )


def user_segment(user: int, segmentation: str) -> Query:
    """Segment of a user."""
    return Query(
        f"SELECT segment FROM ({_SEGMENTED}) WHERE user_id = ?",
        ("processed.user_features",),
        (segmentation, user),
    )


def user_events(user: int) -> Query:
    """What a user did, latest first."""
    return Query(
        f"""
        WITH events AS (
            SELECT *, false AS is_held_out FROM processed.train_interactions WHERE user_id = ?
            UNION ALL
            SELECT *, true FROM processed.test_interactions WHERE user_id = ?
        )
        SELECT
            i.occurred_at, i.item_type, i.event_type, i.item_id, i.quantity, i.unit_price,
            i.is_held_out, coalesce(p.title, e.title, e.source_id) AS title,
            coalesce(p.category, e.category) AS category
        FROM events AS i
        LEFT JOIN raw.products AS p ON i.item_type = 'product' AND p.product_id = i.item_id
        LEFT JOIN raw.editorial AS e ON i.item_type = 'editorial' AND e.content_id = i.item_id
        ORDER BY i.occurred_at DESC, i.interaction_id DESC
        LIMIT {MOST_EVENTS}
        """,
        (
            "processed.train_interactions",
            "processed.test_interactions",
            "raw.products",
            "raw.editorial",
        ),
        (user, user),
    )


def user_lists(user: int) -> Query:
    """Every model's list for a user."""
    return Query(
        """
        SELECT r.model, r.rank, r.product_id, r.score, r.is_fallback, p.title, p.category
        FROM recommendations.recommendations AS r LEFT JOIN raw.products AS p USING (product_id)
        WHERE user_id = ?
        ORDER BY r.rowid
        """,
        ("recommendations.recommendations", "raw.products"),
        (user,),
    )


def user_pairs(user: int) -> Query:
    """What the models learnt from a user."""
    return Query(
        "SELECT user_id, product_id, weight FROM processed.train_pairs WHERE user_id = ?",
        ("processed.train_pairs",),
        (user,),
    )


def model_state_for_user(user: int) -> dict[str, Query]:
    """What the models keep, as far as it bears on one user: by name of the table.

    Rows of other users are left out; of tables of pairs of products, all but those of the user's
    own products. What is left is of the size of the catalogue, however many users there are.
    """
    own = "product_id IN (SELECT product_id FROM processed.train_pairs WHERE user_id = ?)"
    return {table.name: _part(table, "user_id = ?", own, user) for table in _model_tables()}


def model_state_for_product(product: int) -> dict[str, Query]:
    """What the models keep, as far as it bears on products like one: by name of the table."""
    return {
        table.name: _part(table, "user_id < 0 AND ? >= 0", "product_id = ?", product)
        for table in _model_tables()
    }


def products_named(text: str) -> Query:
    """Products whose id, or own id in the shop, is the text, or whose title has it."""
    return Query(
        f"""
        SELECT product_id, source_id, title FROM raw.products
        WHERE product_id::VARCHAR = ? OR source_id = ?
            OR contains(lower(title), lower(?))
        ORDER BY coalesce(product_id::VARCHAR = ?, false) DESC,
            coalesce(source_id = ?, false) DESC, product_id
        LIMIT {MATCHES}
        """,
        ("raw.products",),
        (text, text, text, text, text),
    )


def random_product(draw: int) -> Query:
    """One product; another draw gives another."""
    return Query(
        "SELECT product_id FROM raw.products ORDER BY hash(product_id + ?) LIMIT 1",
        ("raw.products",),
        (draw,),
    )


def product_facts(product: int) -> Query:
    """What a product is, and how it did before the hold-out."""
    return Query(
        """
        SELECT
            p.*, f.n_events, f.n_users, f.n_buyers, f.revenue, f.trend, m.popularity_rank
        FROM raw.products AS p
        LEFT JOIN processed.item_features AS f USING (product_id)
        LEFT JOIN models.popularity AS m USING (product_id)
        WHERE product_id = ?
        """,
        ("raw.products", "processed.item_features", "models.popularity"),
        (product,),
    )


def product_months(product: int) -> Query:
    """Events of a product by month and type."""
    return Query(
        """
        SELECT date_trunc('month', occurred_at) AS month, event_type, count(*) AS n_events
        FROM raw.interactions
        WHERE item_id = ? AND item_type = 'product'
        GROUP BY ALL
        ORDER BY ALL
        """,
        ("raw.interactions",),
        (product,),
    )


def product_audience(product: int) -> Query:
    """How many users have a product at each rank of each model, and some whom it scores highest.

    Users with the same score are in the order of their ids.
    """
    return Query(
        """
        SELECT model, rank, count(*) AS n_users,
            arg_min(user_id, (-score, user_id), 5) AS users
        FROM recommendations.recommendations
        WHERE product_id = ?
        GROUP BY ALL
        ORDER BY ALL
        """,
        ("recommendations.recommendations",),
        (product,),
    )


def _model_tables() -> list[Table]:
    return [TABLES[name] for names in MODEL_TABLES.values() for name in names]


def _part(table: Table, of_users: str, of_product_pairs: str, key: int) -> Query:
    """The rows of a model's table that meet the condition for tables of its kind."""
    n_products = sum(foreign.table == "products" for foreign in table.foreign_keys)
    columns = ", ".join(table.column_names)
    select = f"SELECT {columns} FROM {table.qualified_name}"
    if "user_id" in table.key:
        return Query(f"{select} WHERE {of_users}", (table.qualified_name,), (key,))
    if n_products > 1:
        return Query(f"{select} WHERE {of_product_pairs}", (table.qualified_name,), (key,))
    return Query(select, (table.qualified_name,))
