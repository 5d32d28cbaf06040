"""What the synthetic shop's mechanisms came to in its log, beside what was specified."""

import numpy as np
import pyarrow as pa

from recolab_assets.config import LabConfig
from recolab_assets.shop.taxonomy import taxonomy_of
from recolab_assets.sql import Select


def specified_shares(config: LabConfig) -> dict[str, float]:
    """Return the shares that the configuration fixes, under the names of ``realised_shares``."""
    shop = config.shop
    slots = (1.0 + np.arange(shop.activity.max_sessions)) ** -shop.activity.session_exponent
    shares = {"product_share": shop.product_share if config.data.n_editorial else 1.0}
    if shop.activity.session_size is None:
        shares["main_session_share"] = float(slots[0] / slots.sum())
        shares["second_session_share"] = float(slots[1:2].sum() / slots.sum())
    # With a single category or subcategory there is no other to go to.
    taxonomy = taxonomy_of(shop)
    fewest = min(len(taxonomy), *(len(category.subcategories) for category in taxonomy))
    if shop.affinity.enabled and not shop.affinity.whole_share and fewest > 1:
        shares["primary_share"] = shop.affinity.primary_share
        shares["preferred_share"] = shop.affinity.preferred_share
    return shares


def realised_shares(config: LabConfig) -> Select:
    """Select one row: the realised shares, and how far toys and garden rise in their season.

    A season's lift is the category's share of product events in its months over its share of all.
    """
    return Select(
        """
        WITH events AS (
            SELECT
                i.item_type = 'product' AS is_product,
                p.category,
                p.category = u.primary_category AS in_primary,
                p.subcategory = u.preferred_subcategory AS in_preferred,
                i.session_id % $max_sessions::BIGINT AS slot,
                month(i.occurred_at) AS month
            FROM raw.interactions i
            JOIN raw.users u USING (user_id)
            LEFT JOIN raw.products p ON i.item_type = 'product' AND p.product_id = i.item_id
        )
        SELECT
            avg(is_product::INT) AS product_share,
            avg(in_primary::INT) AS primary_share,
            avg(in_preferred::INT) FILTER (in_primary) AS preferred_share,
            avg((slot = 0)::INT) AS main_session_share,
            avg((slot = 1)::INT) AS second_session_share,
            avg((category = 'toys')::INT) FILTER (month = 11)
                / nullif(avg((category = 'toys')::INT), 0) AS toys_november_lift,
            avg((category = 'garden')::INT) FILTER (month IN (4, 5))
                / nullif(avg((category = 'garden')::INT), 0) AS garden_spring_lift
        FROM events
        """,
        {"max_sessions": config.shop.activity.max_sessions},
    )


def power_law_exponent(weights: np.ndarray) -> float:
    """Return the exponent of weights that follow rank^-exponent: minus the slope in logarithms."""
    if len(weights) < 2:
        return float("nan")
    ranked = np.log(np.sort(weights)[::-1])
    return float(-np.polyfit(np.log(1.0 + np.arange(len(weights))), ranked, 1)[0])


def content_mix(editorial: pa.Table) -> dict[str, float]:
    """Return the share of each content type."""
    counts = editorial["content_type"].value_counts().to_pylist()
    return {row["values"]: row["counts"] / editorial.num_rows for row in counts}
