"""Exact top-K ranking: every compiled loop of the models, so that all rank by the same rule.

The rule is: score descending, ties by place in the popularity order. It also holds at the cut-off,
so a list of K is always the head of a longer one. What is not finite, and what the user has seen,
never comes out. A product's *key* is its place in the popularity order (lower wins a tie).

The loops release the interpreter lock and use no threads of their own; callers run several blocks
of users at once. They are kept in one module because Numba's cache on disk does not notice when a
compiled function of another module changes.

Shapes: n users in a block, d the depth of a list. ``out_products`` (n, d) int32 must come filled
with -1 and ``out_scores`` (n, d) float32 with NaN.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile to machine code without the interpreter lock, and keep the result on disk."""
    return njit(nogil=True, cache=True)(function)


@_compiled
def _worse(score_a: float, key_a: int, score_b: float, key_b: int) -> bool:
    """Whether a ranks after b."""
    return score_a < score_b or (score_a == score_b and key_a > key_b)


@_compiled
def _sift_down(scores: np.ndarray, keys: np.ndarray, size: int, score: float, key: int) -> None:
    """Put an entry in place of the root of a heap whose root is its worst entry."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and _worse(
            scores[child + 1], keys[child + 1], scores[child], keys[child]
        ):
            child += 1
        if not _worse(scores[child], keys[child], score, key):
            break
        scores[at] = scores[child]
        keys[at] = keys[child]
        at = child
    scores[at] = score
    keys[at] = key


@_compiled
def _offer(scores: np.ndarray, keys: np.ndarray, size: int, score: float, key: int) -> int:
    """Offer an entry to a heap that keeps the best ``len(scores)``; return its new size."""
    if size == len(scores):
        if _worse(scores[0], keys[0], score, key):
            _sift_down(scores, keys, size, score, key)
        return size
    at = size
    while at > 0:
        parent = (at - 1) >> 1
        if not _worse(score, key, scores[parent], keys[parent]):
            break
        scores[at] = scores[parent]
        keys[at] = keys[parent]
        at = parent
    scores[at] = score
    keys[at] = key
    return size + 1


@_compiled
def _drain(scores: np.ndarray, keys: np.ndarray, size: int, products: np.ndarray) -> None:
    """Turn a heap into a list, best first, and its keys into products."""
    for end in range(size - 1, 0, -1):
        score, key = scores[end], keys[end]
        scores[end], keys[end] = scores[0], keys[0]
        _sift_down(scores, keys, end, score, key)
    for at in range(size):
        keys[at] = products[keys[at]]


@_compiled
def _select(
    row: np.ndarray,
    floor: float,
    products: np.ndarray,
    out_products: np.ndarray,
    out_scores: np.ndarray,
) -> None:
    """Rank one row of scores above ``floor``, columns in popularity order."""
    depth = len(out_scores)
    size = 0
    worst = floor
    for column in range(len(row)):
        score = row[column]
        # Columns come in popularity order, so one that only equals the worst cannot displace it.
        if score > worst and score < np.inf:
            size = _offer(out_scores, out_products, size, score, column)
            if size == depth:
                worst = out_scores[0]
    _drain(out_scores, out_products, size, products)


@_compiled
def top_of_scores(
    scores: np.ndarray,
    rows: np.ndarray,
    users: np.ndarray,
    products: np.ndarray,
    column_of: np.ndarray,
    seen_indptr: np.ndarray,
    seen: np.ndarray,
    exclude_seen: bool,
    out_products: np.ndarray,
    out_scores: np.ndarray,
) -> None:
    """Rank dense scores.

    Args:
        scores: (r, m) float32, overwritten with -inf at seen products.
        rows: (n,) row of ``scores`` of each user.
        users: (n,) rows of the seen matrix.
        products: (m,) int32 product of each column, in popularity order.
        column_of: (n_products,) int32 column of each product, -1 where it has none.
        seen_indptr: Row pointers of the seen matrix.
        seen: Product ids of the seen matrix.
        exclude_seen: Leave seen products out.
        out_products: The lists.
        out_scores: Their scores.
    """
    for at in range(len(users)):
        row = scores[rows[at]]
        if exclude_seen:
            for entry in range(seen_indptr[users[at]], seen_indptr[users[at] + 1]):
                column = column_of[seen[entry]]
                if column >= 0:
                    row[column] = -np.inf
        _select(row, -np.inf, products, out_products[at], out_scores[at])


@_compiled
def top_by_profile(
    users: np.ndarray,
    indptr: np.ndarray,
    history: np.ndarray,
    terms: np.ndarray,
    weights: np.ndarray,
    n_terms: int,
    products: np.ndarray,
    column_of: np.ndarray,
    seen_indptr: np.ndarray,
    seen: np.ndarray,
    exclude_seen: bool,
    out_products: np.ndarray,
    out_scores: np.ndarray,
) -> None:
    """Rank products by the cosine of their unit vectors with the mean of the user's products'.

    The terms of a product lie in slots, in an order that is the same for all products, so products
    with the same vector get the same score to the last bit. Only scores above 0 are ranked.

    Args:
        users: (n,) rows of the history and of the seen matrix.
        indptr: Row pointers of the history.
        history: Product ids of the history.
        terms: (slots, m) term of each slot of each column; ``n_terms`` in an empty slot.
        weights: (slots, m) float32 component of the unit vector; 0 in an empty slot.
        n_terms: Size of the vocabulary.
        products: (m,) int32 product of each column, in popularity order.
        column_of: (n_products,) int32 column of each product.
        seen_indptr: Row pointers of the seen matrix.
        seen: Product ids of the seen matrix.
        exclude_seen: Leave seen products out.
        out_products: The lists.
        out_scores: Their scores.
    """
    n_slots, n_columns = terms.shape
    profile = np.zeros(n_terms + 1, np.float64)
    direction = np.zeros(n_terms + 1, np.float32)
    row = np.empty(n_columns, np.float32)
    for at in range(len(users)):
        user = users[at]
        profile[:] = 0
        for entry in range(indptr[user], indptr[user + 1]):
            column = column_of[history[entry]]
            for slot in range(n_slots):
                profile[terms[slot, column]] += weights[slot, column]
        length = np.sqrt(np.sum(profile * profile))
        if length == 0:
            continue
        for term in range(n_terms):
            direction[term] = np.float32(profile[term] / length)
        row[:] = 0
        for slot in range(n_slots):
            slot_terms = terms[slot]
            slot_weights = weights[slot]
            for column in range(n_columns):
                row[column] += direction[slot_terms[column]] * slot_weights[column]
        if exclude_seen:
            for entry in range(seen_indptr[user], seen_indptr[user + 1]):
                row[column_of[seen[entry]]] = -np.inf
        _select(row, np.float32(0), products, out_products[at], out_scores[at])


@_compiled
def top_of_neighbours(
    users: np.ndarray,
    indptr: np.ndarray,
    history: np.ndarray,
    weights: np.ndarray,
    neighbour_indptr: np.ndarray,
    neighbours: np.ndarray,
    similarities: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    seen_indptr: np.ndarray,
    seen: np.ndarray,
    exclude_seen: bool,
    out_products: np.ndarray,
    out_scores: np.ndarray,
) -> None:
    """Rank products by the weighted sum of their similarity to the user's products.

    Only scores above 0 are ranked: all other products are no neighbour of any product of the user.

    Args:
        users: (n,) rows of the history and of the seen matrix.
        indptr: Row pointers of the history.
        history: Product ids of the history.
        weights: Weights of the history.
        neighbour_indptr: Row pointers of the neighbour matrix, a row a product.
        neighbours: Product ids of the neighbour matrix.
        similarities: float64 values of the neighbour matrix.
        order: (n_products,) int32 products in popularity order.
        position: (n_products,) int32 place of each product in that order.
        seen_indptr: Row pointers of the seen matrix.
        seen: Product ids of the seen matrix.
        exclude_seen: Leave seen products out.
        out_products: The lists.
        out_scores: Their scores.
    """
    n_products = len(order)
    total = np.zeros(n_products, np.float64)
    touched = np.empty(n_products, np.int32)
    is_touched = np.zeros(n_products, np.bool_)
    seen_by = np.full(n_products, -1, np.int64)
    for at in range(len(users)):
        user = users[at]
        if exclude_seen:
            for entry in range(seen_indptr[user], seen_indptr[user + 1]):
                seen_by[seen[entry]] = user
        n_touched = 0
        for entry in range(indptr[user], indptr[user + 1]):
            own = history[entry]
            for link in range(neighbour_indptr[own], neighbour_indptr[own + 1]):
                product = neighbours[link]
                if not is_touched[product]:
                    is_touched[product] = True
                    touched[n_touched] = product
                    n_touched += 1
                total[product] += weights[entry] * similarities[link]
        size = 0
        for index in range(n_touched):
            product = touched[index]
            score = np.float32(total[product])
            total[product] = 0
            is_touched[product] = False
            if score > 0 and score < np.inf and seen_by[product] != user:
                size = _offer(out_scores[at], out_products[at], size, score, position[product])
        _drain(out_scores[at], out_products[at], size, order)


@_compiled
def top_of_blend(
    products: np.ndarray,
    scores: np.ndarray,
    shares: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    out_products: np.ndarray,
    out_scores: np.ndarray,
) -> None:
    """Rank the union of several candidate lists by the weighted sum of their scaled scores.

    Each list is scaled to [0, 1] by its highest and lowest score. A list that is shorter than d
    has said of all other products that they score 0, so 0 is then its lowest. A list whose scores
    are all the same is 1 throughout.

    Args:
        products: (c, n, d) int32 lists of c components, best first, -1 pads.
        scores: (c, n, d) float32.
        shares: (c,) weight of each component.
        order: (n_products,) int32 products in popularity order.
        position: (n_products,) int32 place of each product in that order.
        out_products: The lists.
        out_scores: Their scores.
    """
    n_components, n_users, depth = products.shape
    total = np.zeros(len(order), np.float64)
    touched = np.empty(n_components * depth, np.int32)
    touched_by = np.full(len(order), -1, np.int64)
    for at in range(n_users):
        n_touched = 0
        for component in range(n_components):
            length = 0
            while length < depth and products[component, at, length] >= 0:
                length += 1
            if length == 0:
                continue
            high = float(scores[component, at, 0])
            low = float(scores[component, at, length - 1])
            if length < depth:
                low = min(low, 0.0)
            for rank in range(length):
                product = products[component, at, rank]
                if touched_by[product] != at:
                    touched_by[product] = at
                    touched[n_touched] = product
                    n_touched += 1
                    total[product] = 0
                scaled = 1.0
                if high > low:
                    scaled = (scores[component, at, rank] - low) / (high - low)
                total[product] += shares[component] * scaled
        size = 0
        for index in range(n_touched):
            product = touched[index]
            score = np.float32(total[product])
            size = _offer(out_scores[at], out_products[at], size, score, position[product])
        _drain(out_scores[at], out_products[at], size, order)


@_compiled
def fill_from_order(
    users: np.ndarray,
    seen_indptr: np.ndarray,
    seen: np.ndarray,
    exclude_seen: bool,
    order: np.ndarray,
    lists: np.ndarray,
) -> None:
    """Fill the pads of the lists with the first products of an order that are not there yet.

    Args:
        users: (n,) rows of the seen matrix.
        seen_indptr: Row pointers of the seen matrix.
        seen: Product ids of the seen matrix.
        exclude_seen: Leave seen products out.
        order: (n_products,) int32 products, first choice first.
        lists: (n, d) int32 products, -1 pads at the end; changed in place. Pads stay where the
            order runs out.
    """
    depth = lists.shape[1]
    taken_by = np.full(len(order), -1, np.int64)
    for at in range(len(users)):
        size = 0
        while size < depth and lists[at, size] >= 0:
            taken_by[lists[at, size]] = at
            size += 1
        if size == depth:
            continue
        if exclude_seen:
            for entry in range(seen_indptr[users[at]], seen_indptr[users[at] + 1]):
                taken_by[seen[entry]] = at
        for product in order:
            if size == depth:
                break
            if taken_by[product] != at:
                lists[at, size] = product
                size += 1
