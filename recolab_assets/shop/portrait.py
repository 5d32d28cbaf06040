"""A portrait of a shop's log: the figures that real shops are compared by.

All are taken over product events only, so that a log without editorial content can be compared with
one that has it. A figure that the log cannot give (no category, no cart) is NaN.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.config import PRODUCT_EVENTS
from recolab_assets.randomness import stream

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BEST_SELLERS = 100
"""Length of the list of best sellers that is followed from month to month."""

SETTLED = 5
"""Users with fewer events are left out where shares in a user's first category are taken."""


class EmptyLogError(ValueError):
    """The log has no product event: there is nothing to describe."""


@dataclass(frozen=True)
class ProductLog:
    """Product events of a log, ordered by user and time; arrays (n_events,) unless said."""

    n_products: int
    """Products of the catalogue, met or not."""
    user: Ints
    item: Ints
    stage: Ints
    """Place of the event's type in ``PRODUCT_EVENTS``."""
    session: Ints
    """Sessions numbered from 0 in order of user and first event."""
    time: npt.NDArray[np.datetime64]
    """datetime64[us]."""
    codes: Mapping[str, Ints]
    """Of each attribute (category, subcategory, brand, price_tier), the code of the event's
    product; −1 without one. Subcategories of two categories differ."""
    names: Mapping[str, list[str]]
    """What the codes stand for; a subcategory without its category."""
    price: Floats
    """List price of every product, (n_products,); NaN without one."""

    @classmethod
    def of(cls, products: pa.Table, interactions: pa.Table) -> "ProductLog":
        """Take what is needed from ``raw.products`` and ``raw.interactions``.

        Raises:
            EmptyLogError: There is no product event.
        """
        events = interactions.filter(pc.equal(interactions["item_type"], "product"))
        if not events.num_rows:
            raise EmptyLogError("the log has no product event, so there is nothing to describe")
        user, item, visit = (
            events[name].to_numpy().astype(np.int64)
            for name in ("user_id", "item_id", "session_id")
        )
        time = events["occurred_at"].to_numpy().astype("datetime64[us]")
        steps = pa.array(PRODUCT_EVENTS)
        stage = pc.index_in(events["event_type"].cast(pa.string()), steps).to_numpy()
        order = np.lexsort((np.arange(len(user)), time, user))
        user, item, visit, time, stage = (
            column[order] for column in (user, item, visit, time, stage.astype(np.int64))
        )
        position = np.empty(int(products["product_id"].to_numpy().max()) + 1, np.int64)
        position[products["product_id"].to_numpy()] = np.arange(products.num_rows)
        _, first, inverse = np.unique(visit, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        item = position[item]
        coded = {name: _coded(products, name) for name in ("category", "brand", "price_tier")}
        coded["subcategory"] = _leaves(products)
        return cls(
            n_products=products.num_rows,
            user=user,
            item=item,
            stage=stage,
            session=rank[inverse],
            time=time,
            codes={name: codes[item] for name, (codes, _) in coded.items()},
            names={name: names for name, (_, names) in coded.items()},
            price=products["price"].to_numpy().astype(np.float64),
        )

    @cached_property
    def day(self) -> Ints:
        """Day of each event, from the first day of the log."""
        days = self.time.astype("datetime64[D]").astype(np.int64)
        return days - days.min()

    @cached_property
    def month(self) -> Ints:
        """Calendar month of each event, from the first of the log."""
        months = self.time.astype("datetime64[M]").astype(np.int64)
        return months - months.min()

    @cached_property
    def user_counts(self) -> Ints:
        """Events of each user who has one."""
        return _positive_counts(self.user)

    @cached_property
    def met_counts(self) -> Ints:
        """Events of each product that has one."""
        return _positive_counts(self.item)

    @cached_property
    def session_sizes(self) -> Ints:
        """Events of each session, (n_sessions,)."""
        return np.bincount(self.session)

    @cached_property
    def session_first(self) -> Ints:
        """Position of the first event of each session, (n_sessions,)."""
        return np.unique(self.session, return_index=True)[1]


def _coded(products: pa.Table, column: str) -> tuple[Ints, list[str]]:
    """Code of each product (−1 without one), and the names, sorted."""
    names = sorted(pc.unique(products[column].drop_null()).to_pylist())
    return _codes(products[column], names), names


def _leaves(products: pa.Table) -> tuple[Ints, list[str]]:
    """The same of subcategories, which are told apart by category too."""
    joined = pc.binary_join_element_wise(products["category"], products["subcategory"], "\x1f")
    names = sorted(pc.unique(joined.drop_null()).to_pylist())
    return _codes(joined, names), [name.partition("\x1f")[2] for name in names]


def _codes(values: pa.ChunkedArray, names: list[str]) -> Ints:
    found = pc.index_in(values, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy()).astype(np.int64)


def _positive_counts(codes: Ints) -> Ints:
    counts = np.bincount(codes)
    return counts[counts > 0]


def gini(counts: npt.NDArray[np.integer]) -> float:
    """Return the Gini coefficient of non-negative counts: 0 all alike, near 1 one has all."""
    ordered = np.sort(counts).astype(np.float64)
    n = len(ordered)
    return float(2 * np.sum(np.arange(1, n + 1) * ordered) / (n * ordered.sum()) - (n + 1) / n)


def share_of_top(counts: npt.NDArray[np.integer], share: float) -> float:
    """Return what the given share of things holds, at least one of them, highest first."""
    ordered = np.sort(counts)[::-1]
    return float(ordered[: max(round(share * len(ordered)), 1)].sum() / ordered.sum())


def rank_slope(counts: npt.NDArray[np.integer], low: float, high: float) -> float:
    """Return the slope of log frequency over log rank between two shares of the ranks.

    Args:
        counts: Events of each thing; one without any stands at half an event.
        low: Share of the ranks that are left out at the top.
        high: Share of the ranks up to which the slope is taken.

    Returns:
        Least-squares slope; NaN with fewer than three ranks.
    """
    ordered = np.sort(counts)[::-1]
    first, last = round(low * len(ordered)), round(high * len(ordered))
    if last - first < 3:
        return float("nan")
    ranks = np.log(1.0 + np.arange(first, last))
    return float(np.polyfit(ranks, np.log(np.maximum(ordered[first:last], 0.5)), 1)[0])


def top_shares(users: Ints, codes: Ints, top: int = 1) -> Floats:
    """Return the share of each user's events in the user's most frequent codes.

    Args:
        users: User of each event, (n,).
        codes: Code of each event, (n,); events with −1 are left out.
        top: How many of a user's codes count.

    Returns:
        One entry for each user with a known code, by user.
    """
    users, codes = users[codes >= 0], codes[codes >= 0]
    if not len(users):
        return np.empty(0)
    pairs, counts = np.unique(users * (codes.max() + 1) + codes, return_counts=True)
    owner = pairs // (codes.max() + 1)
    order = np.lexsort((-counts, owner))
    owner, counts = owner[order], counts[order]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    place = np.arange(len(owner)) - np.repeat(starts, np.diff(np.append(starts, len(owner))))
    leading = np.bincount(owner, np.where(place < top, counts, 0))
    total = np.bincount(owner, counts)
    shares: Floats = leading[total > 0] / total[total > 0]
    return shares


def top_share(users: Ints, codes: Ints, top: int = 1) -> float:
    """Return the mean over users of ``top_shares``; NaN where no code is known."""
    shares = top_shares(users, codes, top)
    return float(np.mean(shares)) if len(shares) else float("nan")


def chance_share(users: Ints, codes: Ints, seed: int) -> float:
    """Return ``top_share`` when the same codes are dealt out to the same events at random."""
    return top_share(users, stream(seed, "shop.portrait").permutation(codes))


def in_top_category(log: ProductLog) -> npt.NDArray[np.bool_]:
    """Whether each event lies in its user's most frequent category (ties: the first by name)."""
    known = log.codes["category"] >= 0
    users, codes = log.user[known], log.codes["category"][known]
    if not len(users):
        return known
    pairs, counts = np.unique(users * (codes.max() + 1) + codes, return_counts=True)
    owner, code = np.divmod(pairs, codes.max() + 1)
    order = np.lexsort((code, -counts, owner))
    first = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
    favourite = np.full(log.user.max() + 1, -2)
    favourite[owner[first]] = code[first]
    return np.asarray(favourite[log.user] == log.codes["category"])


def repeated_pairs(log: ProductLog) -> float:
    """Return the share of user–product pairs with events on more than one day."""
    pair = log.user * log.n_products + log.item
    _, pair = np.unique(pair, return_inverse=True)
    days = np.unique(pair * (log.day.max() + 1) + log.day) // (log.day.max() + 1)
    return float(np.mean(np.bincount(days) > 1))


def new_product_share(log: ProductLog, first_month: int = 1) -> float:
    """Return the mean over months of the share of active products that were never met before.

    Args:
        log: The product events.
        first_month: First month that counts, from 0; in month 0 everything is new.
    """
    active = np.unique(log.month * log.n_products + log.item)
    month, item = np.divmod(active, log.n_products)
    first = np.full(log.n_products, month.max() + 1)
    np.minimum.at(first, item, month)
    counts = np.bincount(month)[first_month:]
    new = np.bincount(month, first[item] == month)[first_month:]
    return float(np.mean(new[counts > 0] / counts[counts > 0])) if counts.any() else float("nan")


def best_seller_overlap(log: ProductLog) -> float:
    """Return the mean share of a month's best sellers that are among those of the month before."""
    lists = []
    for month in range(int(log.month.max()) + 1):
        counts = np.bincount(log.item[log.month == month], minlength=log.n_products)
        # By count, ties by product: the products that are sold, up to the length of the list.
        best = np.argsort(-counts, kind="stable")[:BEST_SELLERS]
        lists.append(set(best[counts[best] > 0].tolist()))
    shares = [
        len(now & before) / min(len(now), len(before))
        for before, now in itertools.pairwise(lists)
        if before and now
    ]
    return float(np.mean(shares)) if shares else float("nan")


def step_shares(log: ProductLog) -> dict[str, float]:
    """Return the number of events of one type over that of another, NaN where that is none."""
    counts = np.bincount(log.stage, minlength=len(PRODUCT_EVENTS)).astype(np.float64)
    view, click, cart, purchase = counts.tolist()
    return {
        "click_given_view": _ratio(click, view),
        "cart_given_click": _ratio(cart, click),
        "cart_given_view": _ratio(cart, view),
        "purchase_given_cart": _ratio(purchase, cart),
        "purchase_given_view": _ratio(purchase, view),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def portrait(log: ProductLog, seed: int = 0) -> dict[str, float]:
    """Return the figures by which shops are compared, by name.

    Args:
        log: The product events.
        seed: Seed of the random deal behind what is expected by chance.
    """
    users, items = log.user_counts, log.met_counts
    pairs = np.unique(log.user * log.n_products + log.item)
    buyers = _positive_counts(pairs % log.n_products)
    visits = np.unique(log.user * (log.day.max() + 1) + log.day, return_counts=True)[1]
    settled = np.bincount(log.user)[log.user] >= SETTLED
    steps = step_shares(log)
    return {
        "users": float(len(users)),
        "products sold or seen": float(len(items)),
        "events": float(len(log.user)),
        "events per user, median": float(np.median(users)),
        "events per user, mean": float(np.mean(users)),
        "product Gini": gini(items),
        "share of top 1% of products": share_of_top(items, 0.01),
        "share of top 10% of products": share_of_top(items, 0.10),
        "users per product by rank: slope, top 10% of ranks": rank_slope(buyers, 0.0, 0.1),
        "users per product by rank: slope, 10–50%": rank_slope(buyers, 0.1, 0.5),
        "events of a user's day, median": float(np.median(visits)),
        "events of a user's day, p90": float(np.quantile(visits, 0.90)),
        "events of a user's day, p95": float(np.quantile(visits, 0.95)),
        "view → cart": steps["cart_given_view"],
        "cart → purchase": steps["purchase_given_cart"],
        "purchases per view": steps["purchase_given_view"],
        "pairs repeated on another day": repeated_pairs(log),
        **_affinity(log, settled, seed),
        "products new this month, share of active": new_product_share(log),
        "top-100 overlap from month to month": best_seller_overlap(log),
    }


def _affinity(log: ProductLog, kept: npt.NDArray[np.bool_], seed: int) -> dict[str, float]:
    """Shares in the first category and subcategory, beside what a random deal would give."""
    users = log.user[kept]
    shares = {}
    for name in ("category", "subcategory"):
        codes = log.codes[name][kept]
        shares[f"share in top {name}"] = top_share(users, codes)
        shares[f"share in top {name}, by chance"] = chance_share(users, codes, seed)
    return shares
