"""The synthetic shop's parameters, estimated from a log: a first guess, before it is calibrated.

Each estimator reads one mechanism off the log as if the others were not there, which biases it (the
category that a user shops in most is the one that chance favoured too). ``calibrate`` removes that
by comparing the log with shops that were generated from the estimates.
"""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.config import PRODUCT_EVENTS, EventType
from recolab_assets.shop.portrait import (
    Floats,
    Ints,
    ProductLog,
    chance_share,
    in_top_category,
    new_product_share,
    rank_slope,
    top_share,
)

BENDS = (0.1, 0.5)
"""Shares of the ranks at which the popularity law may bend."""

SMALLEST_SHARE = 0.001
"""Categories, and subcategories, with a smaller share of the log's events are pooled."""

POOLED = "other"
UNKNOWN = "unknown"

_SEASON_PRIOR = 50.0
"""Events as many as these, in season with everything else, are added to each month of a category,
so that a handful of events does not make a season."""

_FEWEST_BRANDS = 3
"""With fewer brands of any size, everybody's two favourites are the whole shop."""


class EstimateError(ValueError):
    """The log cannot be imitated; the message says what it lacks."""


def period(log: ProductLog) -> dict[str, Any]:
    """Return start, months and end of the log, as the configuration has them.

    Raises:
        EstimateError: The log is shorter than the shortest synthetic log.
    """
    first, last = log.time.min(), log.time.max()
    months = int(log.month.max()) + 1
    if months < 3:
        raise EstimateError(
            f"the log covers {months} calendar month{'s' * (months > 1)}, from"
            f" {first.astype('datetime64[D]')} to {last.astype('datetime64[D]')}; a twin needs at"
            " least 3, to tell seasons and lifecycles from noise"
        )
    return {
        "start": first.astype("datetime64[M]").astype("datetime64[D]").item(),
        "months": months,
        "end": last.astype("datetime64[D]").item(),
    }


def activity_sigma(counts: npt.NDArray[np.integer]) -> float:
    """Return the spread of a lognormal activity whose events are Poisson, from events per user.

    var(log count) ≈ σ² + E[1 / count] (delta method); 0 where the events alone explain it.
    """
    logs = np.log(counts)
    return float(np.sqrt(max(np.var(logs) - np.mean(1.0 / counts), 0.0)))


def rank_law(counts: npt.NDArray[np.integer]) -> tuple[float, list[dict[str, float]]]:
    """Return the exponent of the popularity law and its bends, from events per product.

    Args:
        counts: Events of each product that has one.

    Returns:
        ``shop.product_exponent`` and ``shop.product_tail``; pieces with too few products to tell a
        slope go on with the exponent before.
    """
    edges = (0.0, *BENDS, 1.0)
    exponents = [1.0]
    for low, high in itertools.pairwise(edges):
        slope = rank_slope(counts, low, high)
        exponents.append(exponents[-1] if np.isnan(slope) else round(max(-slope, 0.01), 4))
    head, *tail = exponents[1:]
    return head, [
        {"beyond": bend, "exponent": exponent} for bend, exponent in zip(BENDS, tail, strict=True)
    ]


def funnel(log: ProductLog) -> dict[str, Any]:
    """Return the recorded steps of the funnel and the share that goes on from each to the next.

    A step that is not recorded is passed through by everybody.
    """
    counts = np.bincount(log.stage, minlength=len(PRODUCT_EVENTS))
    recorded = np.flatnonzero(counts).tolist()
    onward = dict.fromkeys(("click_given_view", "cart_given_click", "purchase_given_cart"), 1.0)
    names = list(onward)
    for here, there in itertools.pairwise(recorded):
        onward[names[there - 1]] = min(float(counts[there] / counts[here]), 1.0)
    steps: list[EventType] = [PRODUCT_EVENTS[step] for step in recorded]
    return {"funnel": steps, **onward}


def session_law(log: ProductLog) -> dict[str, float]:
    """Return median and spread of the lognormal law of walks a session.

    The median is the geometric mean of the events of a session over the events of a walk.
    """
    logs = np.log(log.session_sizes)
    walks = np.count_nonzero(log.stage == log.stage.min())
    return {
        "median": max(float(np.exp(np.mean(logs)) * walks / len(log.user)), 0.5),
        "sigma": float(np.std(logs)),
    }


def most_sessions(log: ProductLog) -> int:
    """Return how many sessions a user of the twin may have: twice as many as anybody has here."""
    return max(2 * int(np.bincount(log.user[log.session_first]).max()), 40)


def event_gap_seconds(log: ProductLog) -> float:
    """Return the mean time between two events of one session, at least a millisecond."""
    inside = np.diff(log.session) == 0
    gaps = np.diff(log.time)[inside] / np.timedelta64(1, "us") / 1e6
    return max(float(np.mean(gaps)), 1e-3) if len(gaps) else 1e-3


def weekday_weights(log: ProductLog) -> Floats:
    """Return visits on each day of the week over how often it comes up, Monday first; mean 1."""
    first = int(log.time.min().astype("datetime64[D]").astype(np.int64))
    monday_first = (first + 3 + np.arange(int(log.day.max()) + 1)) % 7  # 1970-01-01: a Thursday.
    days = np.bincount(monday_first, minlength=7)
    visits = np.bincount(monday_first[log.day[log.session_first]], minlength=7)
    return _mean_one(np.divide(visits, days, out=np.zeros(7), where=days > 0))


def hour_weights(log: ProductLog) -> Floats:
    """Return visits in each hour of the day, (24,); mean 1."""
    seconds = log.time[log.session_first].astype("datetime64[s]").astype(np.int64)
    return _mean_one(np.bincount(seconds // 3600 % 24, minlength=24))


def traffic(log: ProductLog) -> Floats:
    """Return events a day in each month of the log, (n_months,); mean 1."""
    first = log.time.min().astype("datetime64[M]")
    months = np.arange(first, first + log.month.max() + 2).astype("datetime64[D]")
    months[-1] = log.time.max().astype("datetime64[D]") + 1
    return _mean_one(np.bincount(log.month) / np.diff(months).astype(np.int64))


def _mean_one(weights: npt.NDArray[Any]) -> Floats:
    scaled: Floats = np.round(weights / weights.mean(), 4)
    return scaled


def pooled(log: ProductLog) -> ProductLog:
    """Return the log with the categories that its twin will have.

    Rare ones are pooled, rare subcategories inside their category. Products without a category are
    one of their own, those without a subcategory another in their category.
    """
    smallest = SMALLEST_SHARE * len(log.user)
    category, names = _pooled(log.codes["category"], log.names["category"], smallest)
    leaves = np.empty_like(category)
    leaf_names: list[str] = []
    for code in range(len(names)):
        mine = category == code
        leaf, found = _pooled(log.codes["subcategory"][mine], log.names["subcategory"], smallest)
        leaves[mine] = len(leaf_names) + leaf
        leaf_names += found
    return replace(
        log,
        codes={**log.codes, "category": category, "subcategory": leaves},
        names={**log.names, "category": names, "subcategory": leaf_names},
    )


def _pooled(codes: Ints, names: list[str], smallest: float) -> tuple[Ints, list[str]]:
    """Pool codes with fewer events, number what is left from 0; −1 becomes a code of its own."""
    labels = np.array([*names, UNKNOWN], dtype=object)
    counts = np.bincount(np.where(codes < 0, len(names), codes), minlength=len(labels))
    rare = (counts < smallest) & (counts > 0)
    # A single rare one has nothing to be pooled with.
    if np.count_nonzero(rare) > 1:
        labels[rare] = POOLED
    present = sorted(set(labels[counts > 0].tolist()))
    position = {name: number for number, name in enumerate(present)}
    table = np.array([position.get(label, -1) for label in labels.tolist()])
    return table[codes], present


def taxonomy(log: ProductLog) -> list[dict[str, Any]]:
    """Return the categories of a pooled log, most events first, as the configuration has them.

    Shares are those of events, not of products: what is sold decides what users are like.
    """
    category, leaf = log.codes["category"], log.codes["subcategory"]
    first_month = int(log.time.min().astype("datetime64[M]").astype(np.int64)) % 12
    calendar = (first_month + log.month) % 12
    everything = np.bincount(calendar, minlength=12)
    found = []
    for code in np.argsort(-np.bincount(category), kind="stable").tolist():
        mine = category == code
        counts = np.bincount(leaf[mine])
        sold = np.unique(log.item[mine])
        prices = log.price[sold][log.price[sold] > 0]
        found.append(
            {
                "name": log.names["category"][code],
                "share": _share(mine.mean()),
                "subcategories": {
                    log.names["subcategory"][i]: _share(counts[i] / counts.sum())
                    for i in np.argsort(-counts, kind="stable").tolist()
                    if counts[i]
                },
                "season": season(np.bincount(calendar[mine], minlength=12), everything),
                **({"price_level": float(f"{np.median(prices):.4g}")} if len(prices) else {}),
            }
        )
    return found


def _share(share: float) -> float:
    return max(round(float(share), 5), 1e-5)


def season(counts: npt.NDArray[np.integer], everything: npt.NDArray[np.integer]) -> list[float]:
    """Return how far each calendar month is a category's season, beyond that of the whole shop.

    Args:
        counts: The category's events in each calendar month, (12,).
        everything: Those of all categories, (12,).

    Returns:
        (12,) ratio of what is seen to what is expected, shrunk towards 1; 1 in months without any.
    """
    expected = everything * counts.sum() / everything.sum()
    return [round(float(w), 3) for w in (counts + _SEASON_PRIOR) / (expected + _SEASON_PRIOR)]


def affinity(log: ProductLog) -> dict[str, Any]:
    """Return how far users keep to one category beyond chance, and in it to one subcategory.

    Draws are from the user's category, or from the whole catalogue: so that a user without any
    leaning is like everybody, as large as the largest category may be.
    """
    enabled = len(log.names["category"]) > 1
    seen = top_share(log.user, log.codes["category"])
    chance = chance_share(log.user, log.codes["category"], seed=0)
    lean = (seen - chance) / (1 - chance) if enabled else 0.0
    return {
        "enabled": enabled,
        "primary_share": 1.0,
        "preferred_share": preferred_share(log),
        "whole_share": 1 - float(np.clip(lean, 0.01, 1.0)),
    }


def preferred_share(log: ProductLog) -> float:
    """Return the mean share of the first subcategory among events in the user's first category."""
    inside = in_top_category(log)
    return top_share(log.user[inside], log.codes["subcategory"][inside])


def n_brands(log: ProductLog) -> int:
    """Return how many equally large brands are as uneven as those of the log: 1 / Σ share²."""
    codes = log.codes["brand"][log.codes["brand"] >= 0]
    if not len(codes):
        return 1
    shares = np.bincount(codes) / len(codes)
    return max(round(float(1 / np.sum(shares**2))), 1)


def taste(log: ProductLog) -> dict[str, Any]:
    """Return whether brands and price tiers can be told at all, and a first guess of their pull."""
    brands, tiers = n_brands(log) >= _FEWEST_BRANDS, len(log.names["price_tier"]) > 1
    return {
        "enabled": brands or tiers,
        "brand_share": 0.1 if brands else 0.0,
        "tier_share": 0.1 if tiers else 0.0,
    }


def late_user_share(log: ProductLog) -> float:
    """Return the share of users whose first event lies in the second half of the log."""
    starts = np.flatnonzero(np.diff(log.user, prepend=-1))
    return float(np.mean(log.day[starts] > log.day.max() / 2))


def repeat_share(log: ProductLog) -> float:
    """Return the share of events, after a user's first day, on a product met on an earlier day."""
    pair = log.user * log.n_products + log.item
    _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
    starts = np.flatnonzero(np.diff(log.user, prepend=-1))
    began = np.repeat(log.day[starts], np.diff(np.append(starts, len(log.user))))
    later = log.day > began
    return float(np.mean((log.day > log.day[first][inverse])[later])) if later.any() else 0.0


def editorial_estimate(interactions: pa.Table) -> tuple[int, dict[str, float]]:
    """Return the number of pieces of editorial content, and how they are met; (0, {}) with none.

    Args:
        interactions: user_id, item_id, item_type, event_type and occurred_at of
            ``raw.interactions``.
    """
    read = interactions.filter(pc.equal(interactions["item_type"], "editorial"))
    if not read.num_rows:
        return 0, {}
    content = read["item_id"].to_numpy().astype(np.int64)
    types = np.asarray(read["event_type"].cast(pa.string()).to_numpy(zero_copy_only=False))
    user = read["user_id"].to_numpy()
    order = np.lexsort((read["occurred_at"].to_numpy(), user))
    clicked = types[order] == "click"
    # What a user's last click led to may lie beyond the log.
    followed = clicked[:-1] & (user[order][1:] == user[order][:-1])
    slope = rank_slope(np.bincount(content), 0.0, 1.0)
    return len(np.unique(content)), {
        "product_share": 1 - read.num_rows / interactions.num_rows,
        **({"read_given_click": float(np.mean(~clicked[1:][followed]))} if followed.any() else {}),
        **({} if np.isnan(slope) else {"editorial_exponent": max(-slope, 0.01)}),
    }


def twin_estimate(log: ProductLog, interactions: pa.Table, seed: int) -> dict[str, Any]:
    """Return the sections ``data`` and ``shop`` of a twin's configuration, not yet calibrated.

    Args:
        log: Product events of the shop, its categories pooled.
        interactions: ``raw.interactions``, for what is not about products.
        seed: Seed of the twin.

    Raises:
        EstimateError: The log cannot be imitated.
    """
    n_editorial, editorial = editorial_estimate(interactions)
    return {
        "data": {
            "n_users": len(log.user_counts),
            "n_products": len(log.met_counts),
            "n_editorial": n_editorial,
            "n_interactions": interactions.num_rows,
            "random_seed": seed,
        },
        "shop": {**shop_estimate(log), **editorial},
    }


def shop_estimate(log: ProductLog) -> dict[str, Any]:
    """Return the section ``shop`` of a twin's configuration, before it is calibrated.

    Raises:
        EstimateError: The log cannot be imitated.
    """
    head, tail = rank_law(log.met_counts)
    new = new_product_share(log)
    return {
        **period(log),
        "taxonomy": taxonomy(log),
        "n_brands": n_brands(log),
        "product_exponent": head,
        "product_tail": tail,
        "repeat_share": min(repeat_share(log), 0.95),
        **funnel(log),
        "affinity": affinity(log),
        "lifecycle": {
            "decay_low": 0.0,
            "decay_high": 0.1,
            "launched_share": min(0.0 if np.isnan(new) else new * log.month.max(), 0.9),
        },
        "seasonality": {"traffic": traffic(log).tolist()},
        "taste": taste(log),
        "activity": {
            "sigma": activity_sigma(log.user_counts),
            "new_user_share": min(2 * late_user_share(log), 1.0),
            "max_sessions": most_sessions(log),
            "session_size": session_law(log),
            "event_gap_seconds": event_gap_seconds(log),
            "weekday_weights": weekday_weights(log).tolist(),
            "hour_weights": hour_weights(log).tolist(),
        },
    }
