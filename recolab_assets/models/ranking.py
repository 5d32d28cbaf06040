"""Exact top-K ranking: every compiled loop of the models, so that all rank by the same rule.

The rule is: score descending, ties by place in the popularity order. It also holds at the cut-off,
so a list of K is always the head of a longer one. What is not finite, and what the user has seen,
never comes out.

A score and a product's *column* (its place among the products that a model ranks, in popularity
order) are packed into one integer, a *key*; the better of two has the greater key.

The loops release the interpreter lock and use no threads of their own; callers run several blocks
of users at once. They share a module because Numba's cache on disk does not notice when a compiled
function of another module changes.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numba import njit

from recolab_assets.models.lists import NO_PRODUCT
from recolab_assets.models.training import Rows

NO_KEY: Final = np.iinfo(np.int64).min
"""Key of an empty place; lower than any score's."""

_COLUMN_BITS = 32
_LOW_BITS = 0xFFFFFFFF
_MAGNITUDE = np.int32(0x7FFFFFFF)
_CHUNK = 32


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile to machine code without the interpreter lock, and keep the result on disk."""
    return njit(nogil=True, cache=True)(function)


class Sieve(NamedTuple):
    """The best of dense scores so far, a row a user."""

    keys: np.ndarray
    """(n, b) int64 collected keys; b is several times the depth."""
    sizes: np.ndarray
    """(n,) int64 how many these are."""
    worst: np.ndarray
    """(n,) float32 what a score must be above to be collected."""

    @classmethod
    def empty(cls, n_users: int, depth: int) -> Self:
        """Return a sieve that has collected nothing."""
        keys = np.empty((n_users, 2 * depth + 2 * _CHUNK), np.int64)
        return cls(keys, np.zeros(n_users, np.int64), np.full(n_users, -np.inf, np.float32))


def empty_keys(n_users: int, depth: int) -> np.ndarray:
    """Return (n_users, depth) int64 keys without a product, for the loops below to fill."""
    return np.full((n_users, depth), NO_KEY)


def unpack(keys: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort keys, best first, and take them apart.

    Args:
        keys: (n, d) int64 in any order; sorted in place.
        products: (m,) int32 product of each column.

    Returns:
        (n, d) int32 products, -1 pads at the end, and (n, d) float32 scores, NaN at pads.
    """
    keys.sort(axis=1)
    keys = keys[:, ::-1]
    filled = keys != NO_KEY
    columns = np.where(filled, _LOW_BITS - (keys & _LOW_BITS), 0)
    bits = (keys >> _COLUMN_BITS).astype(np.int32)
    bits ^= (bits >> 31) & _MAGNITUDE
    if not len(products):
        return np.full(keys.shape, NO_PRODUCT, np.int32), np.full(keys.shape, np.nan, np.float32)
    listed = np.where(filled, products[columns], np.int32(NO_PRODUCT))
    return listed, np.where(filled, bits.view(np.float32), np.float32(np.nan))


@_compiled
def _key(score: Any, column: int) -> Any:
    """Pack a float32 score and a column: a higher score, then a lower column, is greater."""
    # Adding 0 turns -0 into +0, which compares equal but has other bits. The bits of a float are
    # ordered like the number where it is positive, and backwards where it is negative.
    bits = np.float32(score + np.float32(0)).view(np.int32)
    ordered = bits ^ ((bits >> np.int32(31)) & _MAGNITUDE)
    return (np.int64(ordered) << _COLUMN_BITS) | (_LOW_BITS - np.int64(column))


@_compiled
def _score_of(key: Any) -> Any:
    """Return the float32 score that a key was packed from."""
    ordered = np.int32(key >> _COLUMN_BITS)
    return np.int32(ordered ^ ((ordered >> np.int32(31)) & _MAGNITUDE)).view(np.float32)


@_compiled
def _keep_best(keys: np.ndarray, size: int, depth: int) -> None:
    """Move the greatest ``depth`` of ``size`` > depth keys to the front, the least of them last.

    Quickselect (Hoare 1961) with the median of three as pivot and Lomuto's partition, whose loop
    has no branch that the processor could guess wrong. Keys are distinct.
    """
    target = depth - 1
    left, right = 0, size - 1
    while left < right:
        middle = (left + right) >> 1
        if keys[middle] > keys[left]:
            keys[left], keys[middle] = keys[middle], keys[left]
        if keys[right] > keys[left]:
            keys[left], keys[right] = keys[right], keys[left]
        if keys[middle] > keys[right]:
            keys[middle], keys[right] = keys[right], keys[middle]
        pivot = keys[right]
        boundary = left
        for at in range(left, right):
            key = keys[at]
            keys[at] = keys[boundary]
            keys[boundary] = key
            boundary += key > pivot
        keys[right] = keys[boundary]
        keys[boundary] = pivot
        if boundary == target:
            break
        if boundary > target:
            right = boundary - 1
        else:
            left = boundary + 1


@_compiled
def _finish(keys: np.ndarray, size: int, out: np.ndarray) -> None:
    """Hand over the best of the collected keys, in any order."""
    if size > len(out):
        _keep_best(keys, size, len(out))
        size = len(out)
    for at in range(size):
        out[at] = keys[at]


@_compiled
def _floor(row: np.ndarray, depth: int, keys: np.ndarray) -> Any:
    """Return a score that the row's best ``depth`` are above; -inf for a row too short to gain.

    Columns are dealt in turn to lanes, more of them than ``depth``. The lanes' greatest are scores
    of as many columns, so the row's best ``depth`` are not below the ``depth``-th of those.

    Args:
        row: Scores.
        depth: How many are wanted.
        keys: Empty places, overwritten.
    """
    lanes = len(keys) // _CHUNK * _CHUNK
    if len(row) < 4 * lanes:
        return np.float32(-np.inf)
    best = np.full(lanes, -np.inf, np.float32)
    for start in range(0, len(row) - lanes + 1, lanes):
        some = row[start : start + lanes]
        for lane in range(lanes):
            score = some[lane]
            best[lane] = score if (score > best[lane]) & (score < np.inf) else best[lane]
    for lane in range(lanes):
        keys[lane] = _key(best[lane], lane)
    _keep_best(keys, lanes, depth)
    return np.nextafter(_score_of(keys[depth - 1]), np.float32(-np.inf))


@_compiled
def _sift(
    row: np.ndarray, first: int, depth: int, buffer: np.ndarray, size: Any, worst: Any
) -> Any:
    """Collect the best of one row of float32 scores, or of a stretch of it.

    Keys gather in a buffer of several times the depth; when it is full, only the best stay, and
    what is not above the worst of those is passed over from then on. Columns come in popularity
    order, so one that only equals the worst cannot displace it.

    Args:
        row: Scores of the columns from ``first`` on.
        first: Column of the first score.
        depth: How many are wanted in the end.
        buffer: Keys collected so far.
        size: How many these are.
        worst: What a score must be above to be collected.

    Returns:
        size and worst afterwards.
    """
    if size == 0:
        worst = max(worst, _floor(row, depth, buffer))
    for start in range(0, len(row), _CHUNK):
        chunk = row[start : start + _CHUNK]
        # Loops without a branch: the processor compares many columns at once here, and most chunks
        # hold nothing to keep; below, a column that is not kept is overwritten by the next.
        found = False
        for at in range(len(chunk)):
            found |= chunk[at] > worst
        if not found:
            continue
        for at in range(len(chunk)):
            score = chunk[at]
            buffer[size] = _key(score, first + start + at)
            size += (score > worst) & (score < np.inf)
        if size > len(buffer) - _CHUNK:
            _keep_best(buffer, size, depth)
            size = depth
            worst = _score_of(buffer[depth - 1])
    return size, worst


@_compiled
def sift_scores(
    scores: np.ndarray,
    first: int,
    users: np.ndarray,
    column_of: np.ndarray,
    seen: Rows,
    depth: int,
    sieve: Sieve,
) -> None:
    """Collect the best of dense scores, a stretch of columns at a time, from left to right.

    Args:
        scores: (r, w) float32 of the columns from ``first`` on, a row a user, perhaps with further
            rows below; overwritten with -inf at seen products.
        first: Column of the first score.
        users: (n,) int32 rows of ``seen``.
        column_of: (n_products,) int32 column of each product, -1 where it has none.
        seen: Products that do not come out.
        depth: That of the sieve.
        sieve: A row a user; changed in place.
    """
    width = scores.shape[1]
    for at in range(len(users)):
        row = scores[at]
        for entry in range(seen.starts[users[at]], seen.starts[users[at] + 1]):
            place = column_of[seen.products[entry]] - first
            if 0 <= place < width:
                row[place] = -np.inf
        sieve.sizes[at], sieve.worst[at] = _sift(
            row, first, depth, sieve.keys[at], sieve.sizes[at], sieve.worst[at]
        )


@_compiled
def top_of_sieve(sieve: Sieve, out: np.ndarray) -> None:
    """Hand over what a sieve has kept.

    Args:
        sieve: A row a user.
        out: (n, d) keys, d the sieve's depth.
    """
    for at in range(len(out)):
        _finish(sieve.keys[at], sieve.sizes[at], out[at])


@_compiled
def _set_direction(
    own: np.ndarray,
    kind_of: np.ndarray,
    terms: np.ndarray,
    weights: np.ndarray,
    profile: np.ndarray,
    direction: np.ndarray,
) -> bool:
    """Point ``direction`` along the sum of some products' vectors; False where that is nothing."""
    for term in range(len(profile)):
        profile[term] = 0
    for product in own:
        for slot in range(len(terms)):
            kind = kind_of[product]
            profile[terms[slot, kind]] += weights[slot, kind]
    square = 0.0
    for term in range(len(profile)):
        square += profile[term] * profile[term]
    if square == 0:
        return False
    length = np.sqrt(square)
    for term in range(len(profile)):
        direction[term] = np.float32(profile[term] / length)
    return True


@_compiled
def _collect_kinds(
    row: np.ndarray,
    starts: np.ndarray,
    columns: np.ndarray,
    is_seen: np.ndarray,
    depth: int,
    buffer: np.ndarray,
) -> Any:
    """Collect the best columns of kinds with scores above 0; return how many there are.

    As :func:`_sift`, but kinds come in no order of columns, so one that equals the worst may hold a
    column that displaces it.
    """
    size = np.int64(0)
    worst = np.nextafter(np.float32(0), np.float32(1))
    for start in range(0, len(row), _CHUNK):
        chunk = row[start : start + _CHUNK]
        found = False
        for at in range(len(chunk)):
            found |= chunk[at] >= worst
        if not found:
            continue
        for at in range(len(chunk)):
            if not worst <= chunk[at] < np.inf:
                continue
            kind, taken = start + at, 0
            for place in range(starts[kind], starts[kind + 1]):
                column = columns[place]
                if is_seen[column]:
                    continue
                buffer[size] = _key(chunk[at], column)
                size += 1
                taken += 1
                if size == len(buffer):
                    _keep_best(buffer, size, depth)
                    size = np.int64(depth)
                    worst = _score_of(buffer[depth - 1])
                if taken == depth or chunk[at] < worst:
                    break
    return size


@_compiled
def top_by_profile(
    users: np.ndarray,
    history: Rows,
    terms: np.ndarray,
    weights: np.ndarray,
    n_terms: int,
    kind_of: np.ndarray,
    starts: np.ndarray,
    columns: np.ndarray,
    column_of: np.ndarray,
    seen: Rows,
    out: np.ndarray,
) -> None:
    """Rank products by the cosine of their unit vectors with the mean of the user's products'.

    Products with the same vector are of one kind, which is scored once. Only scores above 0 are
    ranked.

    Args:
        users: (n,) int32 rows of ``history`` and ``seen``.
        history: Products of the profile.
        terms: (slots, g) uint32 term of each slot of each of g kinds; ``n_terms`` in an empty slot.
        weights: (slots, g) float32 component of the unit vector; 0 in an empty slot.
        n_terms: Size of the vocabulary.
        kind_of: (n_products,) int32 kind of each product.
        starts: (g + 1,) where the columns of each kind begin.
        columns: (m,) int32 columns to rank, kind by kind, ascending within each.
        column_of: (n_products,) int32 column of each product.
        seen: Products that do not come out.
        out: (n, d) keys.
    """
    n_slots, n_kinds = terms.shape
    profile = np.zeros(n_terms + 1, np.float64)
    direction = np.zeros(n_terms + 1, np.float32)
    row = np.empty(n_kinds, np.float32)
    is_seen = np.zeros(len(column_of), np.bool_)
    buffer = np.empty(2 * out.shape[1] + 2 * _CHUNK, np.int64)
    for at in range(len(users)):
        user = users[at]
        own = history.products[history.starts[user] : history.starts[user + 1]]
        if not _set_direction(own, kind_of, terms, weights, profile, direction):
            continue
        for kind in range(n_kinds):
            row[kind] = 0
        for slot in range(n_slots):
            slot_terms = terms[slot]
            slot_weights = weights[slot]
            for kind in range(n_kinds):
                row[kind] += direction[slot_terms[kind]] * slot_weights[kind]
        for entry in range(seen.starts[user], seen.starts[user + 1]):
            is_seen[column_of[seen.products[entry]]] = True
        size = _collect_kinds(row, starts, columns, is_seen, out.shape[1], buffer)
        for entry in range(seen.starts[user], seen.starts[user + 1]):
            is_seen[column_of[seen.products[entry]]] = False
        _finish(buffer, size, out[at])


@_compiled
def top_of_neighbours(
    users: np.ndarray,
    history: Rows,
    neighbours: Rows,
    column_of: np.ndarray,
    seen: Rows,
    out: np.ndarray,
) -> None:
    """Rank products by the weighted sum of their similarity to the user's products.

    Only scores above 0 are ranked: all other products are no neighbour of any product of the user.

    Args:
        users: (n,) int32 rows of ``history`` and ``seen``.
        history: Products of the users with weights above 0.
        neighbours: A row a product, with float64 similarities above 0.
        column_of: (n_products,) int32 column of each product.
        seen: Products that do not come out.
        out: (n, d) keys.
    """
    n_products = len(column_of)
    total = np.zeros(n_products, np.float64)
    touched = np.empty(n_products + 1, np.int32)
    buffer = np.empty(n_products, np.int64)
    for at in range(len(users)):
        user = users[at]
        n_touched = 0
        for entry in range(history.starts[user], history.starts[user + 1]):
            own, weight = history.products[entry], history.values[entry]
            for link in range(neighbours.starts[own], neighbours.starts[own + 1]):
                product = neighbours.products[link]
                # Written without a branch: only the step past a new product is conditional.
                touched[n_touched] = product
                n_touched += total[product] == 0
                total[product] += weight * neighbours.values[link]
        for entry in range(seen.starts[user], seen.starts[user + 1]):
            total[seen.products[entry]] = 0
        size = np.int64(0)
        for index in range(n_touched):
            product = touched[index]
            score = np.float32(total[product])
            total[product] = 0
            if score > 0 and score < np.inf:
                buffer[size] = _key(score, np.int64(column_of[product]))
                size += 1
        _finish(buffer, size, out[at])


@_compiled
def _range(products: np.ndarray, scores: np.ndarray) -> Any:
    """Return the score that scales to 0 and the score that scales to 1 in a candidate list."""
    length = 0
    while length < len(products) and products[length] >= 0:
        length += 1
    if length == 0:
        return 0.0, 0.0
    low, high = float(scores[length - 1]), float(scores[0])
    # A list that is not full has said of all other products that they score 0.
    return (low if length == len(products) else min(low, 0.0)), high


@_compiled
def top_of_blend(
    products: np.ndarray,
    scores: np.ndarray,
    shares: np.ndarray,
    column_of: np.ndarray,
    out: np.ndarray,
) -> None:
    """Rank the union of several candidate lists by the weighted sum of their scaled scores.

    Each list is scaled to [0, 1] by its highest and lowest score, a list that is shorter than d by
    its highest and 0. A list whose scores are all the same is 1 throughout.

    Args:
        products: (c, n, d) int32 lists of c components, best first, -1 pads.
        scores: (c, n, d) float32.
        shares: (c,) weight of each component.
        column_of: (n_products,) int32 column of each product.
        out: (n, d) keys.
    """
    n_components, n_users, depth = products.shape
    total = np.zeros(len(column_of), np.float64)
    touched = np.empty(n_components * depth, np.int32)
    touched_by = np.full(len(column_of), -1, np.int32)
    buffer = np.empty(n_components * depth, np.int64)
    for at in range(n_users):
        n_touched = np.int64(0)
        for component in range(n_components):
            low, high = _range(products[component, at], scores[component, at])
            for rank in range(depth):
                product = products[component, at, rank]
                if product < 0:
                    break
                if touched_by[product] != at:
                    touched_by[product] = at
                    touched[n_touched] = product
                    n_touched += 1
                    total[product] = 0
                scaled = 1.0
                if high > low:
                    scaled = (scores[component, at, rank] - low) / (high - low)
                total[product] += shares[component] * scaled
        for index in range(n_touched):
            product = touched[index]
            buffer[index] = _key(np.float32(total[product]), np.int64(column_of[product]))
        _finish(buffer, n_touched, out[at])


@_compiled
def top_of_lists(
    users: np.ndarray,
    starts: np.ndarray,
    products: np.ndarray,
    scores: np.ndarray,
    column_of: np.ndarray,
    out: np.ndarray,
) -> None:
    """Rank the products of several lists of each user, which share none.

    Args:
        users: (r,) int32 row of ``out`` that each list belongs to.
        starts: (r + 1,) where each list begins.
        products: (entries,) int32.
        scores: (entries,) float32.
        column_of: (n_products,) int32 column of each product.
        out: (n, d) keys.
    """
    depth = out.shape[1]
    sizes = np.zeros(len(out), np.int64)
    longest = 0
    for at in range(len(users)):
        longest = max(longest, starts[at + 1] - starts[at])
    buffer = np.empty(depth + longest, np.int64)
    for at in range(len(users)):
        user = users[at]
        size = sizes[user]
        for place in range(size):
            buffer[place] = out[user, place]
        for entry in range(starts[at], starts[at + 1]):
            buffer[size] = _key(scores[entry], np.int64(column_of[products[entry]]))
            size += 1
        _finish(buffer, size, out[user])
        sizes[user] = min(size, depth)


@_compiled
def fill_from_order(
    users: np.ndarray,
    seen: Rows,
    order: np.ndarray,
    n_products: int,
    lists: np.ndarray,
) -> None:
    """Fill the pads of the lists with the first products of an order that are not there yet.

    Args:
        users: (n,) int32 rows of ``seen``.
        seen: Products that do not fill.
        order: (m,) int32 products, first choice first.
        n_products: Products of the catalogue.
        lists: (n, d) int32 products, -1 pads at the end; changed in place. Pads stay where the
            order runs out.
    """
    depth = lists.shape[1]
    taken_by = np.full(n_products, -1, np.int32)
    for at in range(len(users)):
        size = 0
        while size < depth and lists[at, size] >= 0:
            taken_by[lists[at, size]] = at
            size += 1
        if size == depth:
            continue
        for entry in range(seen.starts[users[at]], seen.starts[users[at] + 1]):
            taken_by[seen.products[entry]] = at
        for product in order:
            if size == depth:
                break
            if taken_by[product] != at:
                lists[at, size] = product
                size += 1
