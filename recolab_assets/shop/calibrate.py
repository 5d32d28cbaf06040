"""Calibration of a twin: parameters move until a generated shop has the figures of the log.

Indirect inference (Gouriéroux, Monfort & Renault 1993, J. Applied Econometrics 8) with as many
figures as parameters: each parameter is tied to the figure of the log that it moves most, and is
corrected by how far the generated shop misses that figure. All are corrected at once, so that
what one mechanism does to another's figure is taken into account in the next round.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from recolab_assets.config import LabConfig
from recolab_assets.shop.estimate import (
    BENDS,
    funnel,
    late_user_share,
    preferred_share,
    repeat_share,
)
from recolab_assets.shop.portrait import (
    ProductLog,
    best_seller_overlap,
    new_product_share,
    rank_slope,
    top_share,
)
from recolab_assets.shop.synthetic import SyntheticShop

ROUNDS = 8
"""Shops that are generated; what is left after them is the noise of one shop."""

_WIDEST = 3.0
"""No ratio is corrected by more than this factor at once."""

Figure = float | np.ndarray
Report = Callable[[int, Mapping[str, Figure]], None]
"""Told the round, from 1, and the figures of its shop."""


@dataclass(frozen=True, slots=True)
class Link:
    """A parameter and the figure that it moves."""

    path: str
    """Dotted key of the configuration; a number is a place in a list."""
    figure: str
    low: float
    high: float
    sign: int = 1
    """−1: the figure falls where the parameter rises."""
    ratio: bool = False
    """Corrected by a factor; otherwise by a difference, on the scale of the figure."""
    gain: float = 0.8
    """Part of the miss that is corrected in a round: less than all of it, or it swings."""

    def corrected(self, value: Any, wanted: Figure, found: Figure) -> Any:
        """Return the value that ought to come nearer to the wanted figure."""
        wanted, found, value = (np.asarray(x, dtype=np.float64) for x in (wanted, found, value))
        if wanted.shape != found.shape:  # A month at the edge of the log without any event.
            return value.tolist()
        if self.ratio:
            factor = np.divide(wanted, found, out=np.ones_like(found), where=found > 0)
            moved = value * np.clip(factor, 1 / _WIDEST, _WIDEST) ** (self.sign * self.gain)
        else:
            moved = value + self.sign * self.gain * (wanted - found)
        kept = np.where(np.isfinite(moved), moved, value)
        return np.round(np.clip(kept, self.low, self.high), 5).tolist()


LINKS = (
    Link("data.n_users", "users", 1, 1e9, ratio=True),
    Link("data.n_products", "products", 1, 1e9, ratio=True),
    Link("shop.activity.sigma", "spread of events per user", 0.01, 4, ratio=True),
    Link("shop.activity.new_user_share", "users first seen in the second half", 0, 1),
    Link("shop.activity.session_size.median", "size of a session", 0.3, 1e6, ratio=True),
    Link("shop.activity.session_size.sigma", "spread of session sizes", 0.0, 3, ratio=True),
    Link("shop.seasonality.traffic", "events of each month", 0, 1e6, ratio=True),
    Link("shop.product_exponent", "popularity slope 0", 0.01, 4, sign=-1),
    *(
        Link(f"shop.product_tail.{i}.exponent", f"popularity slope {i + 1}", 0, 12, sign=-1)
        for i in range(len(BENDS))
    ),
    Link("shop.lifecycle.launched_share", "new products", 0.0, 0.95, ratio=True),
    Link("shop.lifecycle.decay_high", "turnover of best sellers", 1e-4, 3, ratio=True),
    Link("shop.repeat_share", "repeated events", 0, 0.95),
    *(
        Link(f"shop.{step}", f"events on {step}", 0, 1)
        for step in ("click_given_view", "cart_given_click", "purchase_given_cart")
    ),
    Link("shop.affinity.whole_share", "share in first category", 0, 1, sign=-1),
    Link("shop.affinity.preferred_share", "share in first subcategory", 0.01, 1),
    Link("shop.taste.brand_share", "share in two brands", 1e-3, 0.8),
    Link("shop.taste.tier_share", "share in one price tier", 1e-3, 0.2),
)


def figures(log: ProductLog) -> dict[str, Figure]:
    """Return the figures that parameters are tied to, by name; NaN where the log has none."""
    edges = (0.0, *BENDS, 1.0)
    sizes = np.log(log.session_sizes)
    return {
        "users": float(len(log.user_counts)),
        "products": float(len(log.met_counts)),
        "spread of events per user": float(np.std(np.log(log.user_counts))),
        "users first seen in the second half": late_user_share(log),
        "size of a session": float(np.exp(np.mean(sizes))),
        "spread of session sizes": float(np.std(sizes)),
        "events of each month": np.bincount(log.month) / len(log.user),
        **{
            f"popularity slope {i}": rank_slope(log.met_counts, low, high)
            for i, (low, high) in enumerate(itertools.pairwise(edges))
        },
        # In the second half: what is met first in the first has often been there for long.
        "new products": new_product_share(log, (int(log.month.max()) + 2) // 2),
        "turnover of best sellers": 1 - best_seller_overlap(log),
        "repeated events": repeat_share(log),
        **{f"events on {key}": value for key, value in funnel(log).items() if key != "funnel"},
        "share in first category": top_share(log.user, log.codes["category"]),
        "share in first subcategory": preferred_share(log),
        "share in two brands": top_share(log.user, log.codes["brand"], top=2),
        "share in one price tier": top_share(log.user, log.codes["price_tier"]),
    }


def generated_log(config: LabConfig) -> ProductLog:
    """Generate the shop of a configuration and take its product events."""
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    events = shop.interactions(users, products, editorial).read_all()
    return ProductLog.of(products, events)


def calibrated(
    sections: Mapping[str, Any],
    wanted: Mapping[str, Figure],
    rounds: int = ROUNDS,
    report: Report = lambda number, found: None,
) -> dict[str, Any]:
    """Return the configuration whose shop has the wanted figures.

    Args:
        sections: ``data`` and ``shop`` of a configuration, as ``twin_estimate`` gives them.
        wanted: ``figures`` of the log, its categories pooled.
        rounds: Shops that are generated on the way.
        report: Told after each of them.

    Returns:
        The sections with corrected values; parameters of mechanisms that are off stay.
    """
    values = dict(sections)
    for number in range(1, rounds + 1):
        found = figures(generated_log(LabConfig.model_validate(values)))
        report(number, found)
        for link in LINKS:
            if _acts(link, values):
                change = partial(
                    link.corrected, wanted=wanted[link.figure], found=found[link.figure]
                )
                values = _changed(values, link.path.split("."), change)
    return values


def _acts(link: Link, values: Mapping[str, Any]) -> bool:
    """Whether the mechanism is on that the parameter belongs to, and the parameter not at 0."""
    section = values["shop"].get(link.path.split(".")[1], {})
    if isinstance(section, dict) and not section.get("enabled", True):
        return False
    # A taste that the log says nothing of was set to 0.
    return not link.path.startswith("shop.taste.") or section[link.path.split(".")[-1]] > 0


def _changed(values: Any, path: list[str], change: Callable[[Any], Any]) -> Any:
    """Return a copy of nested values with one of them changed."""
    if not path:
        changed = change(values)
        return round(changed) if isinstance(values, int) else changed
    key: Any = int(path[0]) if isinstance(values, list) else path[0]
    copy = list(values) if isinstance(values, list) else dict(values)
    copy[key] = _changed(values[key], path[1:], change)
    return copy
