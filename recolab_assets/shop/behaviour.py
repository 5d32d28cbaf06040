"""What users do: funnel walks, sessions and the event log, one block of users at a time."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recolab_assets.config import ActivityConfig, ShopConfig
from recolab_assets.shop.demand import Demand, Ints
from recolab_assets.shop.habits import funnel_steps, repeat_earlier, sized_slots
from recolab_assets.shop.timeline import SECONDS_A_DAY, LogCalendar


@dataclass(frozen=True, slots=True)
class Events:
    """Events of a block of users, ordered by user and time; all arrays (n_events,)."""

    user: Ints
    item: npt.NDArray[np.int32]
    is_product: npt.NDArray[np.bool_]
    stage: npt.NDArray[np.int8]
    """Step of the funnel: 0 view, 1 click, …; editorial: 0 click, 1 read."""
    slot: Ints
    """Session slot of the user, from 0."""
    seconds: npt.NDArray[np.float64]
    """Seconds from the start of the log."""


@dataclass(frozen=True, slots=True)
class Visitors:
    """What behaviour needs to know of all users; arrays (n_users,)."""

    signed_up: npt.NDArray[np.float64]
    """Seconds from the start of the log; negative when before it."""
    season: Ints
    """Row of ``season_weights`` that the user's visits follow."""
    season_weights: npt.NDArray[np.float64]
    """Weight of each month, (n_seasons, n_months)."""
    weekday_weights: npt.NDArray[np.float64] = field(
        default_factory=lambda: np.array(ActivityConfig().weekday_weights)
    )
    """Monday to Sunday, (7,)."""
    hour_weights: npt.NDArray[np.float64] = field(
        default_factory=lambda: np.array(ActivityConfig().hour_weights)
    )
    """Midnight to 23 o'clock, (24,)."""


def funnel_walks(
    counts: Ints, continuation: tuple[float, ...], rng: np.random.Generator
) -> tuple[npt.NDArray[np.int8], Ints]:
    """Cut every user's events into walks down a funnel.

    A walk starts at stage 0 and goes one stage deeper with the probability of the stage it is at.
    A walk that the user's number of events cuts short stays as far as it came.

    Args:
        counts: Events of each user, (n_users,).
        continuation: Probability of going on from each stage but the last.
        rng: Source of the draws.

    Returns:
        Stage of every event and number of its walk (from 0, distinct across users), both
        (counts.sum(),).
    """
    total = int(counts.sum())
    depth = 1 + np.sum(rng.random((total, 1)) < np.cumprod(continuation), axis=1)
    starts = np.zeros(total + 1, dtype=bool)
    starts[np.minimum(np.cumsum(depth), total)] = True
    starts[np.minimum(np.cumsum(counts), total)] = True
    if total:
        starts[0] = True
    starts = starts[:total]
    position = np.arange(total)
    since = np.maximum.accumulate(np.where(starts, position, 0)) if total else position
    return (position - since).astype(np.int8), np.cumsum(starts) - 1


def session_slots(n: int, shop: ShopConfig, rng: np.random.Generator) -> Ints:
    """Draw session slots from the truncated Zipf law, P(slot) ∝ (slot + 1)^-exponent; (n,)."""
    law = (1.0 + np.arange(shop.activity.max_sessions)) ** -shop.activity.session_exponent
    cumulative = np.cumsum(law / law.sum())
    return np.searchsorted(cumulative[:-1], rng.random(n), side="right")


def session_starts(
    users: Ints, visitors: Visitors, calendar: LogCalendar, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw when sessions start: by season, weekday and hour, not before the sign-up.

    Args:
        users: User of each session, (n,).
        visitors: Sign-up and season of all users.
        calendar: The months of the log.
        rng: Source of the draws.

    Returns:
        Seconds from the start of the log, (n,).
    """
    first_weekday = (calendar.months[0].astype(int) + 3) % 7  # 1970-01-01 was a Thursday.
    weekday = (first_weekday + np.arange(calendar.n_days)) % 7
    weights = (
        visitors.season_weights[:, calendar.days_of_months()] * visitors.weekday_weights[weekday]
    )
    hours = np.cumsum(visitors.hour_weights / visitors.hour_weights.sum())
    signed_up = np.maximum(visitors.signed_up[users], 0.0)
    first_day = np.floor(signed_up / SECONDS_A_DAY).astype(int)
    starts = np.empty(len(users))
    uniforms = rng.random((3, len(users)))
    for season, day_weights in enumerate(weights):
        mine = np.flatnonzero(visitors.season[users] == season)
        cumulative = np.concatenate([[0.0], np.cumsum(day_weights)])
        low = cumulative[first_day[mine]]
        target = low + uniforms[0, mine] * (cumulative[-1] - low)
        day = np.searchsorted(cumulative, target, side="right") - 1
        starts[mine] = np.minimum(day, calendar.n_days - 1) * SECONDS_A_DAY
    hour = np.searchsorted(hours[:-1], uniforms[1], side="right")
    # Only a session on the day of the sign-up can fall before it.
    return np.maximum(starts + (hour + uniforms[2]) * 3600.0, signed_up)


def simulate_events(
    users: Ints,
    counts: Ints,
    products: Demand,
    editorial: Demand | None,
    visitors: Visitors,
    shop: ShopConfig,
    rng: np.random.Generator,
) -> Events:
    """Simulate the events of a block of users.

    A walk lies in one session and concerns one item, drawn for the month of the walk's first event.
    In a session editorial content comes before products: reading signals the interest that
    shopping follows.

    Args:
        users: Ids of the block's users, (n,).
        counts: Events of each of them, (n,).
        products: Demand for products.
        editorial: Demand for editorial content; None when the shop has none.
        visitors: Sign-up and season of all users.
        shop: Mechanisms and their parameters.
        rng: The block's own stream.
    """
    calendar = LogCalendar.of(shop)
    with_products = rng.binomial(counts, shop.product_share if editorial is not None else 1.0)
    reads = counts - with_products
    read_stage, read_walk = funnel_walks(reads, (shop.read_given_click,), rng)
    shop_stage, shop_walk = funnel_walks(with_products, funnel_steps(shop), rng)
    n_reads = len(read_stage)
    n_read_walks = int(read_walk[-1]) + 1 if n_reads else 0

    row = np.concatenate(
        [np.repeat(np.arange(len(users)), reads), np.repeat(np.arange(len(users)), with_products)]
    )
    stage = np.concatenate([read_stage, shop_stage])
    walk = np.concatenate([read_walk, shop_walk + n_read_walks])
    is_product = np.arange(len(row)) >= n_reads
    slot = (
        session_slots(int(walk[-1]) + 1 if len(walk) else 0, shop, rng)
        if shop.activity.session_size is None
        else sized_slots(row[stage == 0], shop.activity, rng)
    )[walk]

    session_key, session = np.unique(row * shop.activity.max_sessions + slot, return_inverse=True)
    start = session_starts(
        users[session_key // shop.activity.max_sessions], visitors, calendar, rng
    )
    # Stable: inside a session reads stay before products and walks stay in one piece.
    order = np.argsort(session, kind="stable")
    row, stage, is_product, slot = row[order], stage[order], is_product[order], slot[order]
    session = session[order]
    seconds = _times(session, start, visitors.signed_up[users], row, calendar, shop, rng)

    heads = np.flatnonzero(stage == 0)
    item = np.empty(len(row), dtype=np.int32)
    walk_item = np.empty(len(heads), dtype=np.int32)
    month = calendar.month_of(seconds[heads])
    for kind, demand in ((True, products), (False, editorial)):
        mine = np.flatnonzero(is_product[heads] == kind)
        if demand is not None and len(mine):
            walk_item[mine] = demand.draw(users[row[heads[mine]]], month[mine], rng)
    if shop.repeat_share:
        mine = heads[is_product[heads]]
        began = seconds[np.flatnonzero(np.diff(session, prepend=-1))]
        walk_item[is_product[heads]] = repeat_earlier(
            walk_item[is_product[heads]], row[mine], began[session[mine]], shop.repeat_share, rng
        )
    item[:] = np.repeat(walk_item, np.diff(np.append(heads, len(row))))

    order = np.lexsort((seconds, row))
    return Events(
        user=users[row[order]],
        item=item[order],
        is_product=is_product[order],
        stage=stage[order],
        slot=slot[order],
        seconds=seconds[order],
    )


def _times(
    session: Ints,
    start: npt.NDArray[np.float64],
    signed_up: npt.NDArray[np.float64],
    row: Ints,
    calendar: LogCalendar,
    shop: ShopConfig,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Spread the events of each session over time; sessions stay between sign-up and end."""
    if not len(session):
        return np.empty(0)
    running = np.cumsum(rng.exponential(shop.activity.event_gap_seconds, len(session)))
    heads = np.flatnonzero(np.diff(session, prepend=-1))
    offset = running - running[heads][session]
    tails = np.append(heads[1:], len(session)) - 1
    duration = offset[tails]
    earliest = np.maximum(signed_up[row[heads]], 0.0)
    room = calendar.n_seconds - 1.0 - earliest
    squeeze = np.minimum(1.0, room / np.maximum(duration, 1e-9))
    latest = calendar.n_seconds - 1.0 - duration * squeeze
    return np.minimum(start, latest)[session] + offset * squeeze[session]
