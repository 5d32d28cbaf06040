"""Pairwise preference multileaving: clicks prefer products, and products prefer models.

Oosterhuis and de Rijke, "Sensitive and scalable online evaluation with theoretical guarantees"
(CIKM 2017), section 4. Position i of the list is drawn evenly from all products that any model
ranks at i or above and that are not there yet. So from the position on at which two products are
both available they are treated alike, and a click on one rather than the other, if it comes no
earlier, is for the product and not for its place.

The paper compares a click with the products above it, which alone are sure to have been seen. The
exchange of two products makes every product that was shown as sound a comparison, and where most
users click once at most those above are few; so a click is compared with all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from numba import njit

from recolab_assets.experiments.arrays import BoolArray, FloatArray, IntArray
from recolab_assets.experiments.drafted_replicates import (
    DraftedTests,
    MeanPreferences,
    sums_of_first,
)
from recolab_assets.experiments.preferences import Wins, pairs_of
from recolab_assets.experiments.replicates import in_threads
from recolab_assets.experiments.response import ClickModel
from recolab_assets.parallel import in_order
from recolab_assets.randomness import stream

_BLOCK_USERS: Final = 4_096
"""Users whose products are gathered at once."""


@dataclass(frozen=True)
class Pool:
    """The products that any model ranks for each of n users; C is the largest number of them.

    Attributes:
        ranks: (n, C, M) rank of each product under each model, from 0; K where it has none. Those
            that are available first come first.
        attraction: (n, C) P(click | examined).
        available: (n, K) products that any model ranks at a position or above.
    """

    ranks: npt.NDArray[np.int8]
    attraction: FloatArray
    available: npt.NDArray[np.int16]

    @classmethod
    def of(cls, rankings: IntArray, attraction: FloatArray) -> Self:
        """Gather the products of all lists.

        Args:
            rankings: (n, M, K) lists of the models; -1 pads.
            attraction: (n, M, K) their attraction.
        """

        def gathered(rows: slice) -> tuple[IntArray, FloatArray, IntArray]:
            return _gathered(rankings[rows], attraction[rows])

        n, n_models, k = rankings.shape
        blocks = [slice(start, start + _BLOCK_USERS) for start in range(0, n, _BLOCK_USERS)]
        found = list(in_order(gathered, blocks))
        most = max((ranks.shape[1] for ranks, _, _ in found), default=0)
        pool = cls(
            np.full((n, most, n_models), k, np.int8),
            np.zeros((n, most)),
            np.zeros((n, k), np.int16),
        )
        for rows, (ranks, worth, available) in zip(blocks, found, strict=True):
            pool.ranks[rows, : ranks.shape[1]] = ranks
            pool.attraction[rows, : ranks.shape[1]] = worth
            pool.available[rows] = available
        return pool


def _gathered(
    rankings: IntArray, attraction: FloatArray
) -> tuple[npt.NDArray[np.int8], FloatArray, npt.NDArray[np.int16]]:
    """The pool of a block of users, as wide as they need it."""
    n, n_models, k = rankings.shape
    # By position, then model: a product's first place in this order is its earliest position.
    products = rankings.transpose(0, 2, 1).reshape(n, -1)
    worth = attraction.transpose(0, 2, 1).reshape(n, -1)
    ranks = np.full((n, k * n_models, n_models), k, np.int8)
    found, available = np.zeros((n, k * n_models)), np.zeros((n, k), np.int16)
    _gather(np.ascontiguousarray(products), worth, n_models, ranks, found, available)
    most = int(available[:, -1].max(initial=0))
    return ranks[:, :most].copy(), found[:, :most].copy(), available


@njit(cache=True, nogil=True)
def _gather(products, worth, n_models, ranks, found, available):  # type: ignore[no-untyped-def]
    """Number the products of each user in the order in which they become available."""
    n, width = products.shape
    known = np.empty(width, np.int64)
    for user in range(n):
        n_known = 0
        for place in range(width):
            product = products[user, place]
            position, model = divmod(place, n_models)
            if product >= 0:
                number = 0
                while number < n_known and known[number] != product:
                    number += 1
                if number == n_known:
                    known[number] = product
                    found[user, number] = worth[user, place]
                    n_known += 1
                ranks[user, number, model] = position
            available[user, position] = n_known


@njit(cache=True, nogil=True)
def _mix(available, users, uniforms, shown):  # type: ignore[no-untyped-def]
    """Fill ``shown`` (n, L) with numbers of products; -1 when all have been shown."""
    n, length = shown.shape
    k = available.shape[1]
    for row in range(n):
        left = np.empty(available[users[row], k - 1], np.int16)
        n_left, n_known = 0, 0
        for slot in range(length):
            reach = available[users[row], min(slot, k - 1)]
            while n_known < reach:
                left[n_left] = n_known
                n_known += 1
                n_left += 1
            if n_left == 0:
                shown[row, slot] = -1
                continue
            place = int(uniforms[row, slot] * n_left)
            shown[row, slot] = left[place]
            n_left -= 1
            left[place] = left[n_left]


@njit(cache=True, nogil=True)
def _chance_to_wait(available, since, until):  # type: ignore[no-untyped-def]
    """P(a product that is available from one position on is not shown before another)."""
    chance = 1.0
    for position in range(since, until):
        chance *= 1.0 - 1.0 / (available[position] - position)
    return chance


@njit(cache=True, nogil=True)
def _prefer(ranks, available, users, shown, clicked, preferences):  # type: ignore[no-untyped-def]
    """Add what clicks say of every pair of models to ``preferences`` (n, P), zero before."""
    n, length = shown.shape
    n_models = ranks.shape[2]
    for row in range(n):
        user = users[row]
        for slot in range(length):
            if not clicked[row, slot]:
                continue
            liked = shown[row, slot]
            for other in range(length):
                if clicked[row, other] or shown[row, other] < 0:
                    continue
                passed = shown[row, other]
                first_liked = ranks[user, liked].min()
                first_passed = ranks[user, passed].min()
                both = max(first_liked, first_passed)
                if min(slot, other) < both:
                    continue
                since = min(first_liked, first_passed)
                weight = 1.0 / _chance_to_wait(available[user], since, both)
                pair = 0
                for a in range(n_models):
                    by_a = np.sign(int(ranks[user, passed, a]) - int(ranks[user, liked, a]))
                    for b in range(a + 1, n_models):
                        by_b = np.sign(int(ranks[user, passed, b]) - int(ranks[user, liked, b]))
                        preferences[row, pair] += weight * (by_a - by_b) / 2
                        pair += 1


def mix_lists(
    pool: Pool, users: IntArray, length: int, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    """Draw one list for each of some users, (n, L) numbers of products of the pool; -1 pads.

    Args:
        pool: Products of the population.
        users: (n,) rows of the population.
        length: Slots L.
        rng: One uniform a slot.
    """
    shown = np.empty((users.size, length), np.int16)
    _mix(pool.available, users, rng.random((users.size, length)), shown)
    return shown


def infer_preferences(
    pool: Pool, users: IntArray, shown: IntArray, clicked: BoolArray
) -> FloatArray:
    """Preference of each user for the first model of every pair, (n, P).

    Every preference between two products that models do not agree on counts for the model that
    has it, over the chance that it could be seen at all. If clicks do not depend on products, the
    expectation is 0.

    Args:
        pool: Products of the population.
        users: (n,) rows of the population.
        shown: (n, L) from :func:`mix_lists`.
        clicked: (n, L).
    """
    preferences = np.zeros((users.size, len(pairs_of(pool.ranks.shape[2]))))
    _prefer(pool.ranks, pool.available, users, shown, clicked, preferences)
    return preferences


def pairwise_tests(
    rankings: IntArray,
    attraction: FloatArray,
    click_model: ClickModel,
    sizes: Sequence[int],
    *,
    length: int,
    replicates: int,
    seed: int,
    arms: Sequence[int] | None = None,
) -> DraftedTests:
    """Show every user a list mixed from all models and infer preferences between products.

    Ranked by the mean preference over the rivals. Under clicks that do not look at products the
    mean preference is 0, but it need not be above 0 as often as below: one large preference
    balances several small ones. So tests are of the mean; a sign test would not keep its level.
    Arguments as for :func:`recolab_assets.experiments.drafted_replicates.multileaving_tests`.
    """
    if arms is not None:
        rankings, attraction = rankings[:, list(arms)], attraction[:, list(arms)]
    counts, n_models = np.asarray(sizes), rankings.shape[1]
    pool = Pool.of(rankings, attraction)

    def one(number: int) -> tuple[FloatArray, float]:
        rng = stream(seed, "scorecard.pairwise", number)
        users = rng.permutation(rankings.shape[0])[: counts[-1]]
        shown = mix_lists(pool, users, length, rng)
        worth = np.where(shown >= 0, pool.attraction[users[:, None], np.maximum(shown, 0)], 0.0)
        clicked = click_model.draw_clicks(worth, rng)
        preferences = infer_preferences(pool, users, shown, clicked)
        # Rounding: weights that cancel out leave a trace.
        signs = np.sign(preferences.round(9))
        each = np.hstack([preferences, preferences**2, signs > 0, signs < 0])
        return sums_of_first(each, counts), float(
            click_model.click_probability(worth).sum()
        ) / counts[-1]

    summed, clicks = zip(*in_threads(one, replicates), strict=True)
    sums, squares, a, b = np.split(np.stack(summed), 4, axis=2)
    n = counts[:, None]
    mean = sums / n
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.maximum(squares - n * mean**2, 0.0) / (n - 1) / n)
    scores = np.zeros((*mean.shape[:2], n_models))
    for place, (first, second) in enumerate(pairs_of(n_models)):
        scores[..., first] += mean[..., place] / (n_models - 1)
        scores[..., second] -= mean[..., place] / (n_models - 1)
    return DraftedTests(
        {"pairwise_multileaving": scores},
        Wins(a.astype(np.int64), b.astype(np.int64)),
        np.tile(n, len(pairs_of(n_models))),
        np.array(clicks),
        MeanPreferences(mean, error),
    )
