"""Features of users and products, from training events and the catalogue only, as SQL."""

from typing import Final

from recolab_assets.sql import Select

_END: Final = """
training AS (
    SELECT date_trunc('day', max(occurred_at)) + to_days(1) AS training_end
    FROM processed.train_interactions
)"""
"""Ages are relative to the first midnight after the last training event."""

_RATES: Final = """
    n_clicks / nullif(n_views, 0) AS click_rate,
    n_carts / nullif(n_clicks, 0) AS cart_rate,
    n_purchases / nullif(n_carts, 0) AS purchase_rate"""

_FUNNEL: Final = """
    count(*) FILTER (event_type = 'view') AS n_views,
    count(*) FILTER (event_type = 'click') AS n_clicks,
    count(*) FILTER (event_type = 'add_to_cart') AS n_carts,
    count(*) FILTER (event_type = 'purchase') AS n_purchases,
    -- In order: a sum of floating-point numbers depends on it.
    coalesce(
        sum(quantity * unit_price ORDER BY interaction_id) FILTER (event_type = 'purchase'), 0
    ) AS paid"""


def user_features() -> Select:
    """Select one row a user of ``raw.users``, by user_id; see the table registry for the columns.

    Without events counts are 0 and rates, shares and ages NULL. Shares of categories,
    subcategories and price tiers are of the product events for which the catalogue knows them.
    The top category is the one with most events, then the first by name.
    """
    return Select(
        f"""
        WITH {_END},
        pairs AS (
            SELECT
                user_id,
                item_id AS product_id,
                count(*) AS n_events,
                {_FUNNEL}
            FROM processed.train_interactions
            WHERE item_type = 'product'
            GROUP BY user_id, item_id
        ),
        described AS (
            SELECT pairs.*, category, subcategory, price_tier
            FROM pairs LEFT JOIN raw.products USING (product_id)
        ),
        shopping AS (
            SELECT
                user_id,
                count(*) AS n_products,
                sum(n_views) AS n_views,
                sum(n_clicks) AS n_clicks,
                sum(n_carts) AS n_carts,
                sum(n_purchases) AS n_purchases,
                sum(paid ORDER BY product_id) FILTER (n_purchases > 0) AS spend,
                nullif(sum(n_events) FILTER (category IS NOT NULL), 0) AS n_in_category,
                nullif(sum(n_events) FILTER (subcategory IS NOT NULL), 0) AS n_in_subcategory,
                nullif(sum(n_events) FILTER (price_tier IS NOT NULL), 0) AS n_in_tier,
                coalesce(sum(n_events) FILTER (price_tier = 'budget'), 0) AS n_budget,
                coalesce(sum(n_events) FILTER (price_tier = 'mid'), 0) AS n_mid,
                coalesce(sum(n_events) FILTER (price_tier = 'premium'), 0) AS n_premium,
                coalesce(sum(n_events) FILTER (price_tier = 'luxury'), 0) AS n_luxury
            FROM described
            GROUP BY user_id
        ),
        subcategories AS (
            SELECT user_id, category, subcategory, sum(n_events) AS n
            FROM described
            GROUP BY user_id, category, subcategory
        ),
        top_subcategories AS (
            SELECT user_id, subcategory AS top_subcategory, n AS n_top_subcategory
            FROM subcategories WHERE subcategory IS NOT NULL
            QUALIFY row_number() OVER (
                PARTITION BY user_id ORDER BY n DESC, subcategory, category
            ) = 1
        ),
        top_categories AS (
            SELECT user_id, category AS top_category, sum(n) AS n_top_category
            FROM subcategories WHERE category IS NOT NULL
            GROUP BY user_id, category
            QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY sum(n) DESC, category) = 1
        ),
        reads AS (
            SELECT user_id, category, count(*) AS n
            FROM processed.train_interactions LEFT JOIN raw.editorial ON content_id = item_id
            WHERE item_type = 'editorial'
            GROUP BY user_id, category
        ),
        reading AS (
            SELECT
                user_id,
                sum(n) AS n_editorial_reads,
                coalesce(sum(n) FILTER (category = top_category), 0)
                    AS editorial_reads_top_category
            FROM reads LEFT JOIN top_categories USING (user_id)
            GROUP BY user_id
        ),
        top_read AS (
            SELECT user_id, category AS top_editorial_category
            FROM reads WHERE category IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY n DESC, category) = 1
        ),
        sessions AS (
            SELECT
                user_id,
                count(*) AS n_events,
                min(occurred_at) AS first_at,
                max(occurred_at) AS last_at
            FROM processed.train_interactions
            GROUP BY user_id, session_id
        ),
        visits AS (
            SELECT
                user_id,
                sum(n_events) AS n_events,
                count(*) AS n_sessions,
                min(first_at) AS first_at,
                max(last_at) AS last_at
            FROM sessions
            GROUP BY user_id
        )
        SELECT
            user_id,
            coalesce(n_events, 0) AS n_events,
            coalesce(n_views, 0) AS n_views,
            coalesce(n_clicks, 0) AS n_clicks,
            coalesce(n_carts, 0) AS n_carts,
            coalesce(n_purchases, 0) AS n_purchases,
            coalesce(n_sessions, 0) AS n_sessions,
            coalesce(n_products, 0) AS n_products,
            visits.n_events / n_sessions AS events_per_session,
            {_RATES},
            {_days("last_at")} AS recency_days,
            {_days("first_at")} AS tenure_days,
            top_category,
            n_top_category / n_in_category AS top_category_share,
            top_subcategory,
            n_top_subcategory / n_in_subcategory AS top_subcategory_share,
            coalesce(spend, 0) AS spend,
            n_budget / n_in_tier AS share_budget,
            n_mid / n_in_tier AS share_mid,
            n_premium / n_in_tier AS share_premium,
            n_luxury / n_in_tier AS share_luxury,
            coalesce(n_editorial_reads, 0) AS n_editorial_reads,
            top_editorial_category,
            coalesce(editorial_reads_top_category, 0) AS editorial_reads_top_category
        FROM raw.users
        CROSS JOIN training
        LEFT JOIN visits USING (user_id)
        LEFT JOIN shopping USING (user_id)
        LEFT JOIN top_categories USING (user_id)
        LEFT JOIN top_subcategories USING (user_id)
        LEFT JOIN reading USING (user_id)
        LEFT JOIN top_read USING (user_id)
        ORDER BY user_id
        """
    )


def item_features(half_life_days: float) -> Select:
    """Select one row a product of ``raw.products``, by product_id; columns as in the registry.

    Without events counts are 0 and rates and recency NULL. ``trend`` is NULL without events in
    the earlier 28 days; ``age_days`` is NULL for a product that was not there yet when training
    ended. ``recent_popularity`` is the sum over events, of any type, of
    ``0.5 ** (age in days / half_life_days)``.

    Args:
        half_life_days: After this time an event counts half as much.
    """
    return Select(
        f"""
        WITH {_END},
        pairs AS (
            SELECT
                item_id AS product_id,
                user_id,
                count(*) AS n_events,
                {_FUNNEL},
                min(occurred_at) AS first_at,
                max(occurred_at) AS last_at,
                count(*) FILTER (occurred_at >= training_end - to_days(28)) AS n_recent,
                count(*) FILTER (
                    occurred_at >= training_end - to_days(56)
                    AND occurred_at < training_end - to_days(28)
                ) AS n_before,
                -- In whole 1e-12: a sum of integers is the same on any number of threads.
                sum(CAST(round(
                    1e12 * 0.5 ** ({_days("occurred_at")} / $half_life_days::DOUBLE)
                ) AS BIGINT)) AS recency_weight
            FROM processed.train_interactions CROSS JOIN training
            WHERE item_type = 'product'
            GROUP BY item_id, user_id
        ),
        items AS (
            SELECT
                product_id,
                sum(n_events) AS n_events,
                sum(n_views) AS n_views,
                sum(n_clicks) AS n_clicks,
                sum(n_carts) AS n_carts,
                sum(n_purchases) AS n_purchases,
                count(*) AS n_users,
                count(*) FILTER (n_purchases > 0) AS n_buyers,
                sum(paid ORDER BY user_id) FILTER (n_purchases > 0) AS revenue,
                min(first_at) AS first_at,
                max(last_at) AS last_at,
                sum(n_recent) AS n_recent,
                sum(n_before) AS n_before,
                sum(recency_weight) / 1e12 AS recent_popularity
            FROM pairs
            GROUP BY product_id
        )
        SELECT
            product_id,
            coalesce(n_events, 0) AS n_events,
            coalesce(n_views, 0) AS n_views,
            coalesce(n_clicks, 0) AS n_clicks,
            coalesce(n_carts, 0) AS n_carts,
            coalesce(n_purchases, 0) AS n_purchases,
            coalesce(n_users, 0) AS n_users,
            coalesce(n_buyers, 0) AS n_buyers,
            {_RATES},
            coalesce(revenue, 0) AS revenue,
            {_days("last_at")} AS recency_days,
            CASE
                WHEN coalesce(launched_at, first_at) < training_end
                THEN {_days("coalesce(launched_at, first_at)")}
            END AS age_days,
            coalesce(recent_popularity, 0) AS recent_popularity,
            n_recent / nullif(n_before, 0) AS trend
        FROM raw.products
        CROSS JOIN training
        LEFT JOIN items USING (product_id)
        ORDER BY product_id
        """,
        {"half_life_days": half_life_days},
    )


def _days(moment: str) -> str:
    """Return the SQL of the days from a moment to the end of training."""
    return f"(epoch_us(training_end) - epoch_us({moment})) / 86400e6"
