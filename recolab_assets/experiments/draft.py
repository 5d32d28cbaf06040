"""Team-draft multileaving: several rankings drafted into one list, each product owned by a model.

Schuth, Sietsma, Whiteson, Lefortier and de Rijke, "Multileaved comparisons for fast online
evaluation" (CIKM 2014), algorithm 1; for two rankings it is the team draft of Radlinski, Kurup and
Joachims (CIKM 2008). The shared prefix belongs to nobody (Chapelle, Joachims, Radlinski and Yue,
"Large-scale validation and analysis of interleaved search evaluation", TOIS 2012, section 3.2).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import stats

from recolab_assets.experiments.arrays import BoolArray, FloatArray, IntArray

NOBODY = -1
"""Owner of the shared prefix and of empty slots."""


class Draft(NamedTuple):
    """Drafted lists of n users, L slots each."""

    products: npt.NDArray[np.int32]
    """(n, L) product shown; -1 where all rankings ran out."""
    owners: npt.NDArray[np.int8]
    """(n, L) number of the model that drafted it, or ``NOBODY``."""
    ranks: npt.NDArray[np.int8]
    """(n, L) where the owner (in a shared prefix, everyone) ranks it, from 0; -1 in empty slots."""


@njit(cache=True, nogil=True)
def _next_rank(ranking, rank, shown, length):  # type: ignore[no-untyped-def]
    """First rank from ``rank`` on of a product not among ``shown[:length]``; K if there is none."""
    while rank < ranking.size and ranking[rank] >= 0:
        product = ranking[rank]
        for slot in range(length):
            if shown[slot] == product:
                break
        else:
            return rank
        rank += 1
    return ranking.size


@njit(cache=True, nogil=True)
def _shared_prefix(rankings, length):  # type: ignore[no-untyped-def]
    """Leading positions at which every ranking has the same product."""
    n_models, depth = rankings.shape
    for position in range(min(depth, length)):
        product = rankings[0, position]
        if product < 0:
            return position
        for model in range(1, n_models):
            if rankings[model, position] != product:
                return position
    return min(depth, length)


@njit(cache=True, nogil=True)
def _draft(rankings, users, models, uniforms, products, owners, ranks):  # type: ignore[no-untyped-def]  # noqa: C901 - calls cost in a loop this tight
    """Fill ``products``, ``owners`` and ``ranks`` (n, L), all -1 before.

    ``users`` (n,) and ``models`` (M,) choose from ``rankings`` (N, L, K), which is never copied.

    Drawing uniformly among the models that have not yet picked in this round is the same as
    walking through a fresh random order of all of them, and takes one uniform a slot.
    """
    n_models, depth = models.size, rankings.shape[2]
    length = uniforms.shape[1]
    chosen = np.empty((n_models, depth), rankings.dtype)
    best_left = np.empty(n_models, np.int64)
    has_picked = np.empty(n_models, np.bool_)
    waiting = np.empty(n_models, np.int64)
    for user in range(users.size):
        shown = products[user]
        for model in range(n_models):
            chosen[model] = rankings[users[user], models[model]]
        slot = _shared_prefix(chosen, length)
        for position in range(slot):
            shown[position] = chosen[0, position]
            ranks[user, position] = position
        for model in range(n_models):
            best_left[model] = _next_rank(chosen[model], slot, shown, slot)
        has_picked[:] = False
        while slot < length:
            n_able, n_waiting = 0, 0
            for model in range(n_models):
                if best_left[model] < depth:
                    n_able += 1
                    if not has_picked[model]:
                        waiting[n_waiting] = model
                        n_waiting += 1
            if n_able == 0:
                break
            if n_waiting == 0:
                has_picked[:] = False
                continue
            model = waiting[int(uniforms[user, slot] * n_waiting)]
            has_picked[model] = True
            product = chosen[model, best_left[model]]
            shown[slot] = product
            owners[user, slot] = model
            ranks[user, slot] = best_left[model]
            slot += 1
            for model in range(n_models):
                rank = best_left[model]
                if rank < depth and chosen[model, rank] == product:
                    best_left[model] = _next_rank(chosen[model], rank + 1, shown, slot)


def team_draft(
    rankings: IntArray,
    length: int,
    rng: np.random.Generator,
    *,
    users: IntArray | None = None,
    models: IntArray | None = None,
) -> Draft:
    """Draft one list for each user.

    In each round, in a fresh random order, every model adds its best product that is not yet in
    the list. A model that has run out is passed over; in the last round the order decides who
    gets the slots that are left. Leading positions on which all rankings agree are shown but
    belong to nobody.

    Args:
        rankings: (n, M, K) product ids of M models, best first; -1 pads at the end.
        length: Slots L of the drafted list, at most 127.
        rng: Random order of the rounds; one uniform a slot.
        users: Rows of ``rankings`` to draft for; by default all.
        models: Columns of ``rankings`` to draft from, their owners' numbers by place; by default
            all.
    """
    if not 1 <= length <= 127:
        raise ValueError(f"a drafted list has 1 to 127 slots; got {length}")
    users = np.arange(rankings.shape[0]) if users is None else users
    models = np.arange(rankings.shape[1]) if models is None else models
    n_users = users.size
    products = np.full((n_users, length), -1, np.int32)
    owners = np.full((n_users, length), NOBODY, np.int8)
    ranks = np.full((n_users, length), -1, np.int8)
    rankings = np.ascontiguousarray(rankings, dtype=np.int32)
    _draft(rankings, users, models, rng.random((n_users, length)), products, owners, ranks)
    return Draft(products, owners, ranks)


def credit_clicks(owners: IntArray, clicked: BoolArray, n_models: int) -> IntArray:
    """Clicked products of each model in each user's list, (n, M)."""
    n_users = owners.shape[0]
    user, slot = np.nonzero(clicked & (owners != NOBODY))
    flat = np.bincount(user * n_models + owners[user, slot], minlength=n_users * n_models)
    return flat.reshape(n_users, n_models)


def strict_wins(credited: IntArray) -> BoolArray:
    """Whether a model has strictly more credits than every rival, (n, M)."""
    best = credited.max(axis=1, keepdims=True)
    is_best = credited == best
    wins: BoolArray = is_best & (is_best.sum(axis=1, keepdims=True) == 1) & (best > 0)
    return wins


@njit(cache=True, nogil=True)
def _look_up(attraction, users, models, owners, ranks, shown):  # type: ignore[no-untyped-def]
    """Fill ``shown`` (n, L), 0 before, with the attraction of what is in the slots."""
    n, length = shown.shape
    for row in range(n):
        for slot in range(length):
            if ranks[row, slot] >= 0:
                # Whoever's ranking is looked up in a shared prefix, it is the same product.
                model = models[max(owners[row, slot], 0)]
                shown[row, slot] = attraction[users[row], model, ranks[row, slot]]


def drafted_attraction(
    draft: Draft,
    attraction: FloatArray,
    *,
    users: IntArray | None = None,
    models: IntArray | None = None,
) -> FloatArray:
    """Carry attraction over from the rankings to the drafted lists.

    Args:
        draft: Drafted lists, (n, L).
        attraction: (n, M, K) attraction of every product of every ranking.
        users: Rows that were drafted for, as for :func:`team_draft`.
        models: Columns that were drafted from.

    Returns:
        (n, L) attraction of the shown products; 0 in empty slots.
    """
    users = np.arange(draft.products.shape[0]) if users is None else users
    models = np.arange(attraction.shape[1]) if models is None else models
    shown = np.zeros(draft.products.shape)
    _look_up(attraction, users, models, draft.owners, draft.ranks, shown)
    return shown


class DraftBalance(NamedTuple):
    """What each of M models got of the drafted lists; a sound draft treats all alike."""

    slot_share: FloatArray
    """(M,) share of the slots that belong to anybody; NaN if none does."""
    mean_position: FloatArray
    """(M,) mean position, from 1, of the model's slots; NaN if it has none."""
    p_value: FloatArray
    """(M,) chance of so uneven slots or positions under a sound draft, two-sided."""


def draft_balance(owners: IntArray, n_models: int) -> DraftBalance:
    """Test whether every model got its part of slots and of good positions.

    The order of picks does not look at the products, so while every model has products left its
    slots and their positions are distributed alike for all models. Tested for each model by the
    mean over users of its slots, and of the sum of its positions, less an equal part of the
    user's; the smaller p-value of the two counts double (Bonferroni).

    Args:
        owners: (n, L) owner of each slot, or ``NOBODY``.
        n_models: Number M of models.
    """
    n_users, length = owners.shape
    owned = owners[:, :, None] == np.arange(n_models)
    slots = owned.sum(axis=1)
    positions = (owned * np.arange(1, length + 1)[:, None]).sum(axis=1)
    total = slots.sum(axis=0)
    with np.errstate(invalid="ignore"):
        share, mean_position = total / total.sum(), positions.sum(axis=0) / total
    p_values = np.ones(n_models)
    if n_users > 1:
        for values in (slots, positions):
            excess = values - values.mean(axis=1, keepdims=True)
            error = excess.std(axis=0, ddof=1) / np.sqrt(n_users)
            mean = np.abs(excess.mean(axis=0))
            # Where every user is treated alike, a difference is certain or there is none.
            statistic = np.divide(
                mean, error, out=np.where(mean > 1e-9, np.inf, 0.0), where=error > 1e-9
            )
            p_values = np.minimum(p_values, 2 * stats.norm.sf(statistic))
    return DraftBalance(share, mean_position, np.minimum(1.0, 2 * p_values))
