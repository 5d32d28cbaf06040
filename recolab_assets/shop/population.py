"""Users of the synthetic shop: affinity, taste, activity and sign-up."""

import numpy as np
import pyarrow as pa

from recolab_assets.config import LabConfig
from recolab_assets.randomness import stream
from recolab_assets.shop.taxonomy import PRICE_TIERS, TIER_SHARES, leaf_shares, taxonomy_of
from recolab_assets.shop.timeline import SECONDS_A_DAY, LogCalendar
from recolab_assets.tables import TABLES

_LAST_SIGN_UP_DAYS = 3
"""Nobody signs up in the last days of the log, so that everybody has time for a session."""


def generate_users(config: LabConfig) -> pa.Table:
    """Generate the population.

    Returns:
        The columns of ``raw.users``, one row a user; ``activity`` sums to 1.
    """
    shop, n = config.shop, config.data.n_users
    rng = stream(config.data.random_seed, "shop.users")
    calendar = LogCalendar.of(shop)
    taxonomy = taxonomy_of(shop)
    names = np.array([category.name for category in taxonomy for _ in category.subcategories])
    leaves = np.array([leaf for category in taxonomy for leaf in category.subcategories])
    if shop.taxonomy is None:
        category = rng.integers(0, shop.n_categories, n)
        leaf = category * shop.n_subcategories + rng.integers(0, shop.n_subcategories, n)
    else:
        leaf = rng.choice(len(leaves), n, p=leaf_shares(taxonomy))
    first_brand = rng.integers(0, shop.n_brands, n)
    # A shift by 1 to n_brands − 1 makes the second favourite another brand (where there are two).
    shift = rng.integers(1, max(shop.n_brands, 2), n)
    brands = np.array([f"brand_{number:03d}" for number in range(shop.n_brands)])
    activity = rng.lognormal(0, shop.activity.sigma, n)
    joins_during = rng.random(n) < shop.activity.new_user_share
    before = -rng.random(n) * 2 * 365 * SECONDS_A_DAY
    during = rng.random(n) * (calendar.n_seconds - _LAST_SIGN_UP_DAYS * SECONDS_A_DAY)
    return pa.table(
        {
            "user_id": np.arange(n, dtype=np.int32),
            "source_id": pa.nulls(n, pa.string()),
            "signed_up_at": calendar.times(np.where(joins_during, during, before)),
            "primary_category": names[leaf],
            "preferred_subcategory": leaves[leaf],
            "favourite_brand": brands[first_brand],
            "second_brand": brands[(first_brand + shift) % shop.n_brands],
            "favourite_tier": np.array(PRICE_TIERS)[rng.choice(len(PRICE_TIERS), n, p=TIER_SHARES)],
            "activity": activity / activity.sum(),
        },
        schema=TABLES["users"].arrow_schema,
    )
