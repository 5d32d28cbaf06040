"""How often each product is recommended, beside how often it is used and bought, as SQL."""

from recolab_assets.sql import Select


def product_exposure() -> Select:
    """Select, for every model and for the log, how often each product comes up.

    Sources are the models, ``interactions`` (product events in training) and ``purchases`` (those
    that are purchases). A product that a source does not have stands there with 0, so that shares
    and concentration are over the whole catalogue.
    """
    return Select(
        """
        WITH counted AS (
            SELECT model AS source, product_id, count(*) AS n
            FROM recommendations.recommendations GROUP BY ALL
            UNION ALL
            SELECT 'interactions', item_id, count(*)
            FROM processed.train_interactions WHERE item_type = 'product' GROUP BY ALL
            UNION ALL
            SELECT 'purchases', item_id, count(*)
            FROM processed.train_interactions
            WHERE item_type = 'product' AND event_type = 'purchase' GROUP BY ALL
        )
        SELECT source, product_id, CAST(coalesce(n, 0) AS BIGINT) AS n
        FROM (SELECT DISTINCT source FROM counted) CROSS JOIN raw.products
        LEFT JOIN counted USING (source, product_id)
        ORDER BY source, product_id
        """
    )
