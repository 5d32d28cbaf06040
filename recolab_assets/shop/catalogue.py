"""Products and editorial content of the synthetic shop."""

import numpy as np
import pyarrow as pa

from recolab_assets.config import LabConfig
from recolab_assets.randomness import stream
from recolab_assets.shop.taxonomy import (
    CATEGORIES,
    CONTENT_SHARES,
    CONTENT_TYPES,
    PRICE_TIERS,
    TIER_PRICE_FACTORS,
    TIER_SHARES,
    TOPIC_TAGS,
    subcategory_names,
)
from recolab_assets.shop.timeline import LogCalendar
from recolab_assets.tables import TABLES

_YEARS_BEFORE = 2
"""Products and content older than the log appeared within this many years before it."""


def power_law(round_of: np.ndarray, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Return weights rank^-exponent, (n,), the ranks 1 to n dealt out in rounds.

    Args:
        round_of: Round in which each thing gets its rank, (n,): those of the first round share the
            highest ranks at random, and so on. All in one round is a deal at random.
        exponent: Exponent of the law.
        rng: Source of the order inside a round.
    """
    n = len(round_of)
    weights = np.empty(n)
    weights[np.lexsort((rng.random(n), round_of))] = (1.0 + np.arange(n)) ** -exponent
    return weights


def _appearance(
    n: int, share_during: float, calendar: LogCalendar, rng: np.random.Generator
) -> np.ndarray:
    """Return the month in which each thing appears, (n,) int: −1 when it was there before."""
    months = rng.integers(1, max(calendar.n_months, 2), n)
    return np.where(rng.random(n) < share_during, months, -1)


def _appeared_at(month: np.ndarray, calendar: LogCalendar, rng: np.random.Generator) -> np.ndarray:
    """Return the day of appearance: the first of the month, or a day in the years before."""
    before = calendar.months[0] - rng.integers(1, 365 * _YEARS_BEFORE + 1, len(month))
    return np.where(month < 0, before, calendar.months[np.maximum(month, 0)])


def generate_products(config: LabConfig) -> pa.Table:
    """Generate the catalogue.

    Subcategories hold equally many products (± 1). Popularity ranks are dealt to them in rounds, so
    each has its own best sellers: dealt at random, the few products that hold most of the law's
    weight would make the seed decide which subcategories are worth shopping in. Brands and tiers
    are independent of both.

    Returns:
        The columns of ``raw.products``, one row a product.
    """
    shop, n = config.shop, config.data.n_products
    rng = stream(config.data.random_seed, "shop.products")
    calendar = LogCalendar.of(shop)
    categories = CATEGORIES[: shop.n_categories]
    leaves = [
        (category.name, name)
        for category in categories
        for name in subcategory_names(category, shop.n_subcategories)
    ]
    place = rng.permutation(n)
    leaf = place % len(leaves)
    brand = rng.integers(0, shop.n_brands, n)
    tier = rng.choice(len(PRICE_TIERS), n, p=TIER_SHARES)
    level = np.array([category.price_level for category in categories])
    price = (
        level[leaf // shop.n_subcategories]
        * np.array(TIER_PRICE_FACTORS)[tier]
        * rng.lognormal(0, 0.25, n)
    )
    launch = _appearance(n, shop.lifecycle.launched_share, calendar, rng)
    earliest = np.maximum(launch, 0)
    peak = earliest + np.floor(rng.random(n) * (calendar.n_months - earliest))
    leaf_names = np.array([name for _, name in leaves])[leaf]
    brand_names = np.array([f"brand_{number:03d}" for number in range(shop.n_brands)])[brand]
    return pa.table(
        {
            "product_id": np.arange(n, dtype=np.int32),
            "source_id": pa.nulls(n, pa.string()),
            "title": [
                f"{b.replace('_', ' ').title()} {s.replace('_', ' ')} {i}"
                for i, (b, s) in enumerate(zip(brand_names, leaf_names, strict=True))
            ],
            "category": np.array([name for name, _ in leaves])[leaf],
            "subcategory": leaf_names,
            "brand": brand_names,
            "price_tier": np.array(PRICE_TIERS)[tier],
            "price": np.round(price, 2),
            "launched_at": _appeared_at(launch, calendar, rng).astype("datetime64[us]"),
            "base_popularity": power_law(place // len(leaves), shop.product_exponent, rng),
            "peak_month": peak,
            "decay_per_month": rng.uniform(shop.lifecycle.decay_low, shop.lifecycle.decay_high, n),
        },
        schema=TABLES["products"].arrow_schema,
    )


def generate_editorial(config: LabConfig) -> pa.Table:
    """Generate the editorial content, in the categories of the products.

    Returns:
        The columns of ``raw.editorial``, one row a piece.
    """
    shop, n = config.shop, config.data.n_editorial
    rng = stream(config.data.random_seed, "shop.editorial")
    calendar = LogCalendar.of(shop)
    # Dealt out by quota, so that the mix is as specified at any size and not only on average.
    edges = np.round(np.cumsum(CONTENT_SHARES) * n).astype(int)
    kind = rng.permutation(np.searchsorted(edges, np.arange(n), side="right"))
    category = rng.integers(0, shop.n_categories, n)
    tags = np.argsort(rng.random((n, len(TOPIC_TAGS))), axis=1)
    n_tags = rng.integers(2, 4, n)
    publication = _appearance(n, shop.lifecycle.launched_share, calendar, rng)
    names = [category.name for category in CATEGORIES[: shop.n_categories]]
    return pa.table(
        {
            "content_id": np.arange(n, dtype=np.int32),
            "title": [
                f"{CONTENT_TYPES[k].replace('_', ' ').capitalize()} on {names[c]} {i}"
                for i, (k, c) in enumerate(zip(kind, category, strict=True))
            ],
            "content_type": [CONTENT_TYPES[k] for k in kind],
            "category": [names[c] for c in category],
            "topic_tags": [
                [TOPIC_TAGS[tag] for tag in row[:count]]
                for row, count in zip(tags, n_tags, strict=True)
            ],
            "published_at": _appeared_at(publication, calendar, rng).astype("datetime64[us]"),
            "base_popularity": power_law(np.zeros(n), shop.editorial_exponent, rng),
        },
        schema=TABLES["editorial"].arrow_schema,
    )
