"""Categories, subcategories, seasonal curves and the vocabulary of the synthetic shop."""

from dataclasses import dataclass
from typing import Final

import numpy as np


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


def seasonal_curve(category: Category) -> np.ndarray:
    """Return the weight of each calendar month, shape (12,): 1 off season, a bell at the peak."""
    distance = np.abs(np.arange(1, 13) - category.season_peak)
    distance = np.minimum(distance, 12 - distance)
    return 1 + category.season_lift * np.exp(-0.5 * (distance / category.season_width) ** 2)


def seasonal_weights(names: list[str], first_month: int, months: int) -> np.ndarray:
    """Return the seasonal weight of each category in each month of the log.

    Args:
        names: Category names; one that the taxonomy does not know has a flat curve.
        first_month: Calendar month (1 to 12) of the first month of the log.
        months: Length of the log.

    Returns:
        Weights of shape (len(names), months).
    """
    known = {category.name: seasonal_curve(category) for category in CATEGORIES}
    calendar = (first_month - 1 + np.arange(months)) % 12
    flat = np.ones(12)
    return np.stack([known.get(name, flat)[calendar] for name in names])
