"""Categories, subcategories, seasonal curves and the vocabulary of the synthetic shop."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from recolab_assets.config import CategoryConfig, ShopConfig


@dataclass(frozen=True, slots=True)
class Category:
    """A category with its subcategories, price level and season."""

    name: str
    subcategories: tuple[str, ...]
    price_level: float
    """Median price of a mid-tier product."""
    season_peak: float = 1.0
    """Calendar month (1 = January) in the middle of the season."""
    season_lift: float = 0.0
    """How much the weight rises at the peak: 1.5 makes it 2.5 times the off-season weight."""
    season_width: float = 1.0
    """Standard deviation of the season in months."""
    season: tuple[float, ...] = ()
    """Weight of each calendar month, in place of the bell that the three above describe."""
    share: float = 1.0
    """Products in it, and users who shop in it; relative."""
    subcategory_shares: tuple[float, ...] = ()
    """The same of its subcategories; none: all alike."""


CATEGORIES: Final[tuple[Category, ...]] = (
    Category("electronics", ("laptops", "phones", "audio", "cameras", "wearables"), 220, 11.5, 0.6),
    Category("toys", ("building_sets", "dolls", "puzzles", "outdoor_play", "plush"), 28, 11, 2.0),
    Category("garden", ("plants", "tools", "furniture", "barbecue", "lighting"), 45, 4.5, 2.0, 1.2),
    Category("fashion", ("dresses", "shirts", "shoes", "jackets", "accessories"), 55, 9, 0.4, 1.5),
    Category("sports", ("running", "cycling", "fitness", "swimming", "camping"), 60, 6, 0.6, 1.5),
    Category("home", ("bedding", "storage", "decor", "lamps", "rugs"), 50, 1, 0.3),
    Category("kitchen", ("cookware", "appliances", "cutlery", "tableware", "baking"), 40, 12, 0.6),
    Category("beauty", ("skincare", "makeup", "fragrance", "haircare", "bath"), 25, 12, 0.5),
    Category("books", ("fiction", "cooking", "travel", "history", "children"), 15, 12, 0.4),
    Category("pets", ("dogs", "cats", "birds", "fish", "rodents"), 22),
    Category("office", ("paper", "writing", "desks", "chairs", "filing"), 30, 8.5, 0.6),
    Category("baby", ("feeding", "strollers", "clothing", "care", "safety"), 35),
    Category("music", ("guitars", "keyboards", "drums", "strings", "studio"), 120, 12, 0.3),
    Category("automotive", ("tyres", "oil", "cleaning", "parts", "electronics"), 45, 7, 0.2),
    Category("diy", ("drills", "paint", "fixings", "plumbing", "electrics"), 38, 5, 0.5, 1.5),
    Category("grocery", ("coffee", "tea", "snacks", "pasta", "spices"), 8),
    Category("health", ("vitamins", "first_aid", "dental", "vision", "sleep"), 18, 1, 0.5),
    Category("jewellery", ("rings", "watches", "necklaces", "earrings", "bracelets"), 90, 12, 0.9),
    Category("games", ("consoles", "board_games", "cards", "controllers", "pc"), 48, 12, 0.8),
    Category("crafts", ("yarn", "beads", "canvas", "fabric", "kits"), 20, 10, 0.3, 1.5),
)

PRICE_TIERS: Final = ("budget", "mid", "premium", "luxury")
TIER_SHARES: Final = (0.35, 0.35, 0.20, 0.10)
TIER_PRICE_FACTORS: Final = (0.5, 1.0, 2.0, 5.0)

CONTENT_TYPES: Final = ("article", "post", "collection", "buying_guide")
CONTENT_SHARES: Final = (0.50, 0.20, 0.15, 0.15)
TOPIC_TAGS: Final = (
    "trending",
    "how_to",
    "gift_guide",
    "seasonal",
    "review",
    "comparison",
    "budget_picks",
    "sustainability",
    "behind_the_scenes",
    "new_arrivals",
)


def subcategory_names(category: Category, count: int) -> list[str]:
    """Return ``count`` distinct subcategory names, numbered beyond the category's own list."""
    numbered = [f"{category.name}_{number}" for number in range(len(category.subcategories), count)]
    return [*category.subcategories[:count], *numbered]


def taxonomy_of(shop: ShopConfig) -> tuple[Category, ...]:
    """Return the categories that the configuration describes, each with its subcategories."""
    if shop.taxonomy is not None:
        return tuple(_configured(category) for category in shop.taxonomy)
    return tuple(
        replace(category, subcategories=tuple(subcategory_names(category, shop.n_subcategories)))
        for category in CATEGORIES[: shop.n_categories]
    )


def _configured(category: CategoryConfig) -> Category:
    return Category(
        category.name,
        tuple(category.subcategories),
        category.price_level,
        season=tuple(category.season or ()),
        share=category.share,
        subcategory_shares=tuple(category.subcategories.values()),
    )


def category_shares(taxonomy: Sequence[Category]) -> npt.NDArray[np.float64]:
    """Return the share of each category, (n_categories,); they sum to 1."""
    shares = np.array([category.share for category in taxonomy])
    return shares / shares.sum()


def leaf_shares(taxonomy: Sequence[Category]) -> npt.NDArray[np.float64]:
    """Return the share of each subcategory of each category in turn, (n_leaves,); sum 1."""
    parts = []
    for category, share in zip(taxonomy, category_shares(taxonomy), strict=True):
        weights = np.array(category.subcategory_shares or [1.0] * len(category.subcategories))
        parts.append(share * weights / weights.sum())
    return np.concatenate(parts)


def seasonal_curve(category: Category) -> np.ndarray:
    """Return the weight of each calendar month, shape (12,).

    1 off season and a bell at the peak, unless the category says its own.
    """
    if category.season:
        return np.array(category.season)
    distance = np.abs(np.arange(1, 13) - category.season_peak)
    distance = np.minimum(distance, 12 - distance)
    return 1 + category.season_lift * np.exp(-0.5 * (distance / category.season_width) ** 2)


def seasonal_weights(
    names: list[str], taxonomy: Sequence[Category], first_month: int, months: int
) -> np.ndarray:
    """Return the seasonal weight of each category in each month of the log.

    Args:
        names: Category names; one that the taxonomy does not know has a flat curve.
        taxonomy: Categories and their seasons.
        first_month: Calendar month (1 to 12) of the first month of the log.
        months: Length of the log.

    Returns:
        Weights of shape (len(names), months).
    """
    known = {category.name: seasonal_curve(category) for category in taxonomy}
    calendar = (first_month - 1 + np.arange(months)) % 12
    flat = np.ones(12)
    return np.stack([known.get(name, flat)[calendar] for name in names])
