"""What users do in the shop: funnel, sessions, and what follows reading, as SQL over the log."""

from typing import Final

from recolab_assets.sql import Select

STEPS: Final = ("view", "click", "add_to_cart", "purchase")
"""Product events in the order of the funnel."""
WINDOWS_DAYS: Final = (1, 7, 30)
"""Days around a read within which something is looked for."""


def shop_funnel() -> Select:
    """Select how many product events of each step there are, in all and by segment and month.

    Activity is the third of users by events in training, users with as many together, as in
    ``ab_segments``. A step that the log never has is not there; one that a segment lacks has 0.
    """
    return Select(
        """
        WITH by_category AS (
            SELECT user_id, coalesce(category, 'unknown') AS category, event_type AS step,
                count(*) AS n
            FROM raw.interactions LEFT JOIN raw.products ON product_id = item_id
            WHERE item_type = 'product'
            GROUP BY ALL
        ),
        by_month AS (
            SELECT coalesce(category, 'unknown') AS category,
                date_trunc('month', occurred_at)::DATE AS month, event_type AS step, count(*) AS n
            FROM raw.interactions LEFT JOIN raw.products ON product_id = item_id
            WHERE item_type = 'product'
            GROUP BY ALL
        ),
        edges AS (
            SELECT quantile_cont(n_events, [1 / 3, 2 / 3]) AS edge FROM processed.user_features
        ),
        users AS (
            SELECT
                user_id,
                CASE
                    WHEN n_events <= edge[1] THEN 'low'
                    WHEN n_events <= edge[2] THEN 'middle'
                    ELSE 'high'
                END AS activity,
                coalesce(top_category, 'unknown') AS favourite
            FROM processed.user_features CROSS JOIN edges
        ),
        by_user AS (
            SELECT user_id, step, activity, favourite, sum(n) AS n
            FROM by_category JOIN users USING (user_id)
            GROUP BY ALL
        ),
        counted AS (
            SELECT 'total' AS breakdown, 'all' AS segment, NULL::DATE AS month, step,
                sum(n) AS n_events, count(*) AS n_users
            FROM by_user GROUP BY step
            UNION ALL
            SELECT 'category', category, NULL, step, sum(n), count(*)
            FROM by_category GROUP BY category, step
            UNION ALL
            SELECT 'activity', activity, NULL, step, sum(n), count(*)
            FROM by_user GROUP BY activity, step
            UNION ALL
            SELECT 'favourite', favourite, NULL, step, sum(n), count(*)
            FROM by_user GROUP BY favourite, step
            UNION ALL
            SELECT 'total', 'all', month, step, sum(n), NULL FROM by_month GROUP BY month, step
            UNION ALL
            SELECT 'category', category, month, step, n, NULL FROM by_month
        ),
        steps AS (
            SELECT DISTINCT step, list_position($steps::VARCHAR[], step) AS position FROM counted
        ),
        parts AS (
            SELECT DISTINCT breakdown, segment, month FROM counted
        )
        SELECT parts.breakdown, parts.segment, parts.month, steps.step, position,
            coalesce(n_events, 0) AS n_events,
            CASE WHEN parts.month IS NULL THEN coalesce(n_users, 0) END AS n_users
        FROM parts CROSS JOIN steps
        LEFT JOIN counted ON counted.breakdown = parts.breakdown
            AND counted.segment = parts.segment
            AND counted.month IS NOT DISTINCT FROM parts.month AND counted.step = steps.step
        ORDER BY parts.breakdown, parts.segment, parts.month NULLS FIRST, position
        """,
        {"steps": list(STEPS)},
    )


def monthly_events() -> Select:
    """Select the product events of each category and month, off the funnel."""
    return Select(
        """
        SELECT segment AS category, month, sum(n_events)::BIGINT AS n_events
        FROM reports.shop_funnel
        WHERE breakdown = 'category' AND month IS NOT NULL
        GROUP BY segment, month
        ORDER BY segment, month
        """
    )


def days_of_log() -> Select:
    """Select the first and the last day of the log, in one row."""
    return Select(
        "SELECT min(occurred_at)::DATE AS first_day, max(occurred_at)::DATE AS last_day"
        " FROM raw.interactions"
    )


def session_lengths() -> Select:
    """Select how many sessions have how many events, products and editorial together."""
    return Select(
        """
        WITH sessions AS (
            SELECT
                count(*) AS n_events,
                count(*) FILTER (item_type = 'editorial') > 0 AS has_read,
                count(*) FILTER (event_type = 'purchase') > 0 AS has_purchase,
                epoch_us(max(occurred_at)) - epoch_us(min(occurred_at)) AS lasted
            FROM raw.interactions
            GROUP BY user_id, session_id
        )
        SELECT n_events, count(*) AS n_sessions,
            count(*) FILTER (has_read) AS n_with_read,
            count(*) FILTER (has_purchase) AS n_with_purchase,
            -- Whole microseconds: a sum of integers is the same on any number of threads.
            sum(lasted)::DOUBLE / count(*)::DOUBLE / 60e6 AS mean_minutes
        FROM sessions
        GROUP BY n_events
        ORDER BY n_events
        """
    )


def reads_to_purchases() -> Select:
    """Select how often a step in the category read of comes after a read, and how often before it.

    A read is a session in which a user clicks or reads editorial content of a category, at the
    first moment of it. After and before are windows of the same length: what a user does in a
    category anyway shows in both, what reading is followed by only in the first. Reads whose
    windows reach beyond the log are left out, and those of content without a category. An event at
    the moment of the read counts as after.
    """
    return Select(
        """
        WITH days AS (SELECT unnest($windows::INTEGER[]) AS within_days),
        steps AS (SELECT unnest($steps::VARCHAR[]) AS step),
        log AS (SELECT min(occurred_at) AS first_at, max(occurred_at) AS last_at
            FROM raw.interactions),
        reads AS (
            SELECT user_id, category, session_id, min(occurred_at) AS read_at
            FROM raw.interactions JOIN raw.editorial ON content_id = item_id
            WHERE item_type = 'editorial' AND category IS NOT NULL
            GROUP BY ALL
        ),
        events AS (
            SELECT user_id, category, event_type AS step, occurred_at
            FROM raw.interactions JOIN raw.products ON product_id = item_id
            WHERE item_type = 'product' AND list_contains($steps::VARCHAR[], event_type)
        ),
        present AS (FROM steps WHERE step IN (SELECT step FROM events)),
        followed AS (
            SELECT r.user_id, r.category, r.step, r.read_at, e.occurred_at AS next_at
            FROM (FROM reads CROSS JOIN present) r ASOF LEFT JOIN events e
            ON r.user_id = e.user_id AND r.category = e.category AND r.step = e.step
                AND e.occurred_at >= r.read_at
        ),
        around AS (
            SELECT f.category, f.step, f.read_at, f.next_at, e.occurred_at AS last_before
            FROM followed f ASOF LEFT JOIN events e
            ON f.user_id = e.user_id AND f.category = e.category AND f.step = e.step
                AND e.occurred_at < f.read_at
        )
        SELECT category, within_days, step,
            list_position($all_steps::VARCHAR[], step) AS position,
            count(*) AS n_reads,
            count(*) FILTER (next_at <= read_at + to_days(within_days)) AS n_after,
            count(*) FILTER (last_before >= read_at - to_days(within_days)) AS n_before
        FROM around CROSS JOIN days CROSS JOIN log
        WHERE read_at - to_days(within_days) >= first_at
            AND read_at + to_days(within_days) <= last_at
        GROUP BY category, within_days, step
        ORDER BY category, within_days, position
        """,
        {
            "windows": list(WINDOWS_DAYS),
            "steps": ["view", "add_to_cart", "purchase"],
            "all_steps": list(STEPS),
        },
    )
