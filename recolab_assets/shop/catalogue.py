"""Products and editorial content of the synthetic shop."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from recolab_assets.config import LabConfig, RankPiece, ShopConfig
from recolab_assets.randomness import stream
from recolab_assets.shop.taxonomy import (
    CONTENT_SHARES,
    CONTENT_TYPES,
    PRICE_TIERS,
    TIER_PRICE_FACTORS,
    TIER_SHARES,
    TOPIC_TAGS,
    category_shares,
    leaf_shares,
    taxonomy_of,
)
from recolab_assets.shop.timeline import LogCalendar
from recolab_assets.tables import TABLES

_YEARS_BEFORE = 2
"""Products and content older than the log appeared within this many years before it."""


def rank_weights(n: int, exponent: float, tail: Sequence[RankPiece] = ()) -> np.ndarray:
    """Return the weights of the ranks 1 to n, (n,): rank^-exponent, bent without a jump.

    Args:
        n: Number of ranks.
        exponent: Exponent of the law up to the first bend.
        tail: Where the law bends, and how it goes on.
    """
    ranks = 1.0 + np.arange(n)
    weights = ranks**-exponent
    for piece in tail:
        beyond = np.maximum(ranks / max(piece.beyond * n, 1.0), 1.0)
        weights *= beyond ** (exponent - piece.exponent)
        exponent = piece.exponent
    return weights


def power_law(round_of: np.ndarray, law: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return weights that follow a law of rank, (n,), the ranks 1 to n dealt out in rounds.

    Args:
        round_of: Round in which each thing gets its rank, (n,): those of the first round share the
            highest ranks at random, and so on. All in one round is a deal at random.
        law: Weight of each rank, (n,).
        rng: Source of the order inside a round.
    """
    weights = np.empty(len(law))
    weights[np.lexsort((rng.random(len(law)), round_of))] = law
    return weights


def _places(shop: ShopConfig, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the subcategory of each product and the round in which it gets its rank, both (n,)."""
    place = rng.permutation(n)
    if shop.taxonomy is None:
        return place % shop.n_leaves, place // shop.n_leaves
    # One product for each subcategory, the others by share: as many as there are, none left empty.
    shares = leaf_shares(taxonomy_of(shop))
    edges = np.floor(np.cumsum(shares) * (n - len(shares)) + 0.5).astype(int)
    sizes = 1 + np.diff(edges, prepend=0)
    leaf = np.repeat(np.arange(len(shares)), sizes)
    inside = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return leaf[place], ((inside + 0.5) / sizes[leaf])[place]


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

    Subcategories hold equally many products (± 1), or as many as the taxonomy says. Popularity
    ranks are dealt to them in rounds, so each has its own best sellers: dealt at random, the few
    products that hold most of the law's weight would make the seed decide which subcategories are
    worth shopping in. Brands and tiers are independent of both.

    Returns:
        The columns of ``raw.products``, one row a product.
    """
    shop, n = config.shop, config.data.n_products
    rng = stream(config.data.random_seed, "shop.products")
    calendar = LogCalendar.of(shop)
    taxonomy = taxonomy_of(shop)
    names = [category.name for category in taxonomy for _ in category.subcategories]
    leaves = [leaf for category in taxonomy for leaf in category.subcategories]
    levels = [category.price_level for category in taxonomy for _ in category.subcategories]
    leaf, round_of = _places(shop, n, rng)
    brand = rng.integers(0, shop.n_brands, n)
    tier = rng.choice(len(PRICE_TIERS), n, p=TIER_SHARES)
    price = np.array(levels)[leaf] * np.array(TIER_PRICE_FACTORS)[tier] * rng.lognormal(0, 0.25, n)
    launch = _appearance(n, shop.lifecycle.launched_share, calendar, rng)
    earliest = np.maximum(launch, 0)
    peak = earliest + np.floor(rng.random(n) * (calendar.n_months - earliest))
    leaf_names = np.array(leaves)[leaf]
    brand_names = np.array([f"brand_{number:03d}" for number in range(shop.n_brands)])[brand]
    return pa.table(
        {
            "product_id": np.arange(n, dtype=np.int32),
            "source_id": pa.nulls(n, pa.string()),
            "title": [
                f"{b.replace('_', ' ').title()} {s.replace('_', ' ')} {i}"
                for i, (b, s) in enumerate(zip(brand_names, leaf_names, strict=True))
            ],
            "category": np.array(names)[leaf],
            "subcategory": leaf_names,
            "brand": brand_names,
            "price_tier": np.array(PRICE_TIERS)[tier],
            "price": np.round(price, 2),
            "launched_at": _appeared_at(launch, calendar, rng).astype("datetime64[us]"),
            "base_popularity": power_law(
                round_of, rank_weights(n, shop.product_exponent, shop.product_tail), rng
            ),
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
    taxonomy = taxonomy_of(shop)
    category = (
        rng.integers(0, shop.n_categories, n)
        if shop.taxonomy is None
        else rng.choice(len(taxonomy), n, p=category_shares(taxonomy))
    )
    tags = np.argsort(rng.random((n, len(TOPIC_TAGS))), axis=1)
    n_tags = rng.integers(2, 4, n)
    publication = _appearance(n, shop.lifecycle.launched_share, calendar, rng)
    names = [category.name for category in taxonomy]
    return pa.table(
        {
            "content_id": np.arange(n, dtype=np.int32),
            "source_id": pa.nulls(n, pa.string()),
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
            "base_popularity": power_law(
                np.zeros(n), rank_weights(n, shop.editorial_exponent), rng
            ),
        },
        schema=TABLES["editorial"].arrow_schema,
    )
