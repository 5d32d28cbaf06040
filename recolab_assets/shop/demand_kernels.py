"""The compiled loops over p(item | user, month), so that all use one sum.

They share a module because Numba's cache on disk does not notice when a compiled function of
another module changes. They release the interpreter lock.
"""

import numpy as np
from numba import njit

PREFERRED, PRIMARY, OTHER, ALL = range(4)
"""Segments: preferred subcategory, rest of the primary category, other categories, everything."""

# Rounding must not end a walk before an item that ties.
_MARGIN = 1 + 1e-9


@njit(cache=True, nogil=True)
def _sum_shared(coefficients, segment, item, item_codes, user_codes):  # type: ignore[no-untyped-def]
    """What an item's weight is multiplied by: over the components that it shares with a user.

    ``coefficients`` (4, C) are the user's, ``segment`` is the item's for the user, ``user_codes``
    (C,) and ``item_codes`` (C, n_items) are what the C components compare.
    """
    total = 0.0
    for number in range(item_codes.shape[0]):
        if item_codes[number, item] == user_codes[number]:
            total += coefficients[segment, number] + coefficients[ALL, number]
    return total


@njit(cache=True, nogil=True)
def fill_listed(items, coefficients, item_leaf, user_leaf, item_codes, user_codes, weights, filled):  # type: ignore[no-untyped-def]
    """Fill p of listed items into ``filled`` (n, k), zero before.

    ``item_leaf`` and ``user_leaf`` are categories and subcategories; ``item_codes`` (C, n_items)
    and ``user_codes`` (C, n) are what the C components compare.
    """
    for user in range(items.shape[0]):
        category, subcategory = user_leaf[0][user], user_leaf[1][user]
        for place in range(items.shape[1]):
            item = items[user, place]
            if item < 0:
                continue
            segment = OTHER
            if item_leaf[0][item] == category:
                segment = PREFERRED if item_leaf[1][item] == subcategory else PRIMARY
            total = _sum_shared(coefficients[user], segment, item, item_codes, user_codes[:, user])
            filled[user, place] = total * weights[item]


@njit(cache=True, nogil=True)
def _bound(coefficients, shares, segment, first):  # type: ignore[no-untyped-def]
    """What no item of a segment exceeds per unit of weight, if it shares no component < first.

    The component 0 is shared by all items.
    """
    most = 0.0
    for month in range(shares.size):
        for number in range(coefficients.shape[2]):
            if number == 0 or number >= first:
                most += shares[month] * (
                    coefficients[month, segment, number] + coefficients[month, ALL, number]
                )
    return most * _MARGIN


@njit(cache=True, nogil=True)
def _first_shared(item, item_codes, user_codes):  # type: ignore[no-untyped-def]
    """First component but 0 that an item shares with a user; their number if there is none."""
    number = 1
    while number < user_codes.size and item_codes[number, item] != user_codes[number]:
        number += 1
    return number


@njit(cache=True, nogil=True)
def _insert(found, best, item, p):  # type: ignore[no-untyped-def]
    """Put an item where it belongs among the k best, if it does; ties by id."""
    place = best.size - 1
    if p < best[place] or (p == best[place] and item > found[place]):
        return
    while place > 0 and (p > best[place - 1] or (p == best[place - 1] and item < found[place - 1])):
        best[place] = best[place - 1]
        found[place] = found[place - 1]
        place -= 1
    best[place] = p
    found[place] = item


@njit(cache=True, nogil=True)
def _walk(  # type: ignore[no-untyped-def]
    walked,
    segment,
    first,
    coefficients,
    shares,
    weights,
    highest,
    leaves,
    user_leaf,
    item_codes,
    user_codes,
    is_seen,
    found,
    best,
):
    """Try the items of one segment in a list, the heaviest first, until none can be better.

    Of the segment OTHER only those whose first shared component is ``first``.
    """
    bound = _bound(coefficients, shares, segment, first)
    for item in walked:
        if highest[item] * bound < best[-1]:
            break
        own = OTHER
        if leaves[0, item] == user_leaf[0]:
            own = PREFERRED if leaves[1, item] == user_leaf[1] else PRIMARY
        if own != segment or is_seen[item]:
            continue
        if segment == OTHER and _first_shared(item, item_codes, user_codes) != first:
            continue
        p = 0.0
        for month in range(shares.size):
            total = _sum_shared(coefficients[month], segment, item, item_codes, user_codes)
            p += shares[month] * (total * weights[month, item])
        _insert(found, best, item, p)


@njit(cache=True, nogil=True)
def fill_best(  # type: ignore[no-untyped-def]
    orders,
    starts,
    ends,
    coefficients,
    shares,
    weights,
    highest,
    leaves,
    user_leaves,
    item_codes,
    user_codes,
    seen_starts,
    seen,
    found,
):
    """Fill ``found`` (n, k), -1 before, with each user's most probable items.

    There are C + 2 sorted lists: items of the same subcategory, of the same category, of the same
    code of each component but 0, and all. ``orders`` (C + 2, n_items) hold the items, ``starts``
    and ``ends`` (C + 2, n) say where each user's stretch lies. ``coefficients`` is (n, T, 4, C) for
    T months, ``weights`` (T, n_items) with their maximum ``highest``; ``leaves`` (2, n_items) and
    ``user_leaves`` (2, n) are categories and subcategories.
    """
    is_seen = np.zeros(weights.shape[1], np.bool_)
    best = np.empty(found.shape[1])
    n_components = item_codes.shape[0]
    for user in range(found.shape[0]):
        for place in range(seen_starts[user], seen_starts[user + 1]):
            is_seen[seen[place]] = True
        best[:] = -1.0
        own_codes = user_codes[:, user].copy()
        own_leaf = user_leaves[:, user].copy()
        for number in range(n_components + 2):
            segment = min(number, OTHER)
            first = max(number - 1, 1) if segment == OTHER else 1
            _walk(
                orders[number, starts[number, user] : ends[number, user]],
                segment,
                first,
                coefficients[user],
                shares,
                weights,
                highest,
                leaves,
                own_leaf,
                item_codes,
                own_codes,
                is_seen,
                found[user],
                best,
            )
        for place in range(seen_starts[user], seen_starts[user + 1]):
            is_seen[seen[place]] = False
