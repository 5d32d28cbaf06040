"""What real shops have beyond the published description: funnels in part, visits, repeats."""

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numba import njit

from recolab_assets.config import PRODUCT_EVENTS, ActivityConfig, ShopConfig

Ints = npt.NDArray[np.integer]


def funnel_steps(shop: ShopConfig) -> tuple[float, ...]:
    """Return the probability of going on from each recorded product event to the next."""
    onward = (shop.click_given_view, shop.cart_given_click, shop.purchase_given_cart)
    places = [PRODUCT_EVENTS.index(event) for event in shop.funnel]
    return tuple(math.prod(onward[here:there]) for here, there in pairwise(places))


@njit(cache=True, nogil=True)
def _cut(counts, sizes, slot, last):  # type: ignore[no-untyped-def]
    """Number the sessions of each user, whose walks lie one after the other, in place."""
    position = 0
    drawn = 0
    for user in range(counts.shape[0]):
        left = counts[user]
        number = 0
        while left > 0:
            size = min(left, sizes[drawn])
            slot[position : position + size] = min(number, last)
            position += size
            left -= size
            drawn += 1
            number += 1


def sized_slots(users: Ints, activity: ActivityConfig, rng: np.random.Generator) -> Ints:
    """Cut each user's walks, in random order, into sessions of lognormal size.

    The last session of a user is as large as what is left.

    Args:
        users: User of each walk, (n,), non-negative.
        activity: Law of session sizes, and how many sessions a user can have.
        rng: Source of the draws.

    Returns:
        Session slot of each walk, (n,): from 0 for each user.
    """
    law = activity.session_size
    if law is None:
        raise ValueError("activity.session_size is not set")
    n = len(users)
    order = np.lexsort((rng.random(n), users))
    sizes = np.exp(rng.normal(np.log(law.median), law.sigma, n))
    sizes = np.clip(np.rint(sizes), 1, max(n, 1)).astype(np.int64)
    slots = np.empty(n, dtype=np.int64)
    cut = np.empty(n, dtype=np.int64)
    _cut(np.bincount(users), sizes, cut, activity.max_sessions - 1)
    slots[order] = cut
    return slots


def repeat_earlier(
    items: npt.NDArray[np.int32],
    users: Ints,
    began: npt.NDArray[np.float64],
    share: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Let a share of walks take up the item of one of the user's walks in an earlier session.

    All earlier walks are equally likely, so that what has been repeated is repeated more: Simon's
    copying model (Simon 1955, Biometrika 42) for each user.

    Args:
        items: Item drawn for each walk, (n,).
        users: User of each walk, (n,).
        began: When the walk's session began, (n,); tells the sessions of a user apart.
        share: Probability of a repeat, where the user has an earlier session.
        rng: Source of the draws.

    Returns:
        Item of each walk, (n,).
    """
    n = len(items)
    order = np.lexsort((began, users))
    place = np.arange(n)
    user_starts = np.diff(users[order], prepend=-1) != 0
    session_starts = user_starts | (np.diff(began[order], prepend=-1.0) != 0)
    first = np.maximum.accumulate(np.where(user_starts, place, 0)) if n else place
    earlier = (np.maximum.accumulate(np.where(session_starts, place, 0)) if n else place) - first
    again = (rng.random(n) < share) & (earlier > 0)
    source = np.where(again, first + np.floor(rng.random(n) * earlier).astype(np.int64), place)
    # A repeat may be of a repeat: each pass follows twice as many of them.
    while (source[source] != source).any():
        source = source[source]
    repeated = np.empty_like(items)
    repeated[order] = items[order][source]
    return repeated
