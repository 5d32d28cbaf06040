"""How much of two models' lists is the same: near-copies mislead a draft of several models."""

import numpy as np

from recolab_assets.experiments.arrays import FloatArray, IntArray, blocks

PERSISTENCE = 0.9
"""Weight of a depth over that of the one before; puts 86% of the weight on the first ten ranks."""


def rank_biased_overlap(
    first: IntArray, second: IntArray, persistence: float = PERSISTENCE
) -> FloatArray:
    """Overlap of each user's two lists, from 0 (disjoint) to 1 (the same products in order).

    Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", TOIS 28(4), 2010:
    agreement at depth d weighted by p^(d − 1), equation 4, with the weights of the K depths
    summing to 1, and with agreement as in section 4.4 (twice the overlap over both lengths), so
    that lists which end early at the same rank can agree wholly.

    Args:
        first: (n, K) product ids, best first; −1 pads at the end.
        second: (n, K) likewise.
        persistence: p, above 0 and at most 1.

    Returns:
        (n,) overlap; NaN where both lists are empty.
    """
    n_users, k = first.shape
    weights = persistence ** np.arange(k)
    overlap = np.empty(n_users)
    for _, rows in blocks(n_users):
        a, b = first[rows], second[rows]
        same = (a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]
        user, rank_a, rank_b = np.nonzero(same)
        depth = np.maximum(rank_a, rank_b)
        shared = np.bincount(user * k + depth, minlength=len(a) * k).reshape(-1, k).cumsum(axis=1)
        listed = (a >= 0).cumsum(axis=1) + (b >= 0).cumsum(axis=1)
        agreement = np.divide(2 * shared, listed, out=np.full(a.shape, np.nan), where=listed > 0)
        overlap[rows] = agreement @ weights / weights.sum()
    return overlap


def mean_overlap(first: IntArray, second: IntArray) -> float:
    """Mean of :func:`rank_biased_overlap` over users who have a list; NaN if nobody has."""
    overlap = rank_biased_overlap(first, second)
    known = overlap[~np.isnan(overlap)]
    return float(known.mean()) if known.size else float("nan")
