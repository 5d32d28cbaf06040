"""Accuracy of ranked lists against the hold-out, one value a user.

Every metric takes the same three arguments. ``hits`` is ``(n, K)``: whether the product at each
position of each eligible user's list is relevant (`Relevance.hits`); a short list, and a user
without a list, simply has no hit there. ``n_relevant`` is ``(n,)``, at least 1. ``k`` is the
length at which the lists are cut; positions past K count as misses. The result is ``(n,)`` float64
between 0 and 1, and its plain mean is the metric over all eligible users.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.integer]
Values = npt.NDArray[np.float64]


def precision(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """Hits / k, also for a list shorter than k.

    >>> precision(np.array([[True, False, True, False]]), np.array([3]), 4)
    array([0.5])
    """
    return np.asarray(hits[:, :k].sum(axis=1) / k, np.float64)


def recall(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """Hits / number of relevant products, uncapped: below 1 wherever that number exceeds k.

    >>> recall(np.array([[True, False, True, False]]), np.array([3]), 4).round(3)
    array([0.667])
    """
    return np.asarray(hits[:, :k].sum(axis=1) / n_relevant, np.float64)


def ndcg(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """Discounted cumulative gain over the ideal, which has min(k, relevant) hits on top.

    Gains are binary and the discount is 1 / log2(rank + 1). Järvelin and Kekäläinen, "Cumulated
    gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002; the discount at rank 1 as in
    Burges et al., 2005.

    >>> ndcg(np.array([[True, False, True, False]]), np.array([3]), 4).round(3)
    array([0.704])
    """
    cut = hits[:, :k]
    discount = 1 / np.log2(np.arange(2, k + 2))
    # Both are summed from the top down, so that the ideal list scores 1 to the last bit.
    gain = np.cumsum(cut * discount[: cut.shape[1]], axis=1)[:, -1]
    return np.asarray(gain / np.cumsum(discount)[np.minimum(n_relevant, k) - 1], np.float64)


def average_precision(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """Sum of the precision at each hit over min(k, relevant); its mean over users is MAP@k.

    Dividing by min(k, relevant) lets a list of hits alone score 1 whatever k is. TREC's
    ``map_cut`` divides by the number of relevant products, which bounds it by k / relevant.

    >>> average_precision(np.array([[True, False, True, False]]), np.array([3]), 4).round(3)
    array([0.556])
    """
    cut = hits[:, :k]
    precision_at = np.cumsum(cut, axis=1) / np.arange(1, cut.shape[1] + 1)
    return np.asarray((precision_at * cut).sum(axis=1) / np.minimum(n_relevant, k), np.float64)


def reciprocal_rank(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """1 / rank of the first hit, 0 without one in the first k; its mean over users is MRR@k.

    >>> reciprocal_rank(np.array([[False, True, True], [False, False, False]]), np.array([2, 1]), 3)
    array([0.5, 0. ])
    """
    cut = hits[:, :k]
    return np.asarray(cut.any(axis=1) / (cut.argmax(axis=1) + 1), np.float64)


def hit_rate(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """1 with any hit in the first k, else 0.

    >>> hit_rate(np.array([[False, True, True], [False, False, False]]), np.array([2, 1]), 3)
    array([1., 0.])
    """
    return np.asarray(hits[:, :k].any(axis=1), np.float64)


ACCURACY_METRICS: Final[dict[str, Callable[[Hits, Counts, int], Values]]] = {
    "precision": precision,
    "recall": recall,
    "ndcg": ndcg,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "hit_rate": hit_rate,
}
"""Every accuracy metric by the name that it has in the tables."""


def accuracy(hits: Hits, n_relevant: Counts, k: int) -> dict[str, Values]:
    """Return every accuracy metric of every user.

    >>> values = accuracy(np.array([[True, False, True, False]]), np.array([3]), 4)
    >>> {name: round(float(value[0]), 3) for name, value in values.items()}
    {'precision': 0.5, 'recall': 0.667, 'ndcg': 0.704, 'map': 0.556, 'mrr': 1.0, 'hit_rate': 1.0}
    """
    return {name: metric(hits, n_relevant, k) for name, metric in ACCURACY_METRICS.items()}
