"""Logs of a randomised policy repeated many times, and what estimators read out of each.

Everything is kept in the numbers of candidates: a user's candidates are the distinct products that
any of the models would show, and the log never shows another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import stats

from recolab_assets.experiments.arrays import FloatArray, IntArray
from recolab_assets.experiments.counterfactual import (
    LoggingPolicy,
    logging_policy,
    popularity_groups,
)
from recolab_assets.experiments.estimators import LEAST_USERS
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.replicates import in_threads
from recolab_assets.experiments.response import ClickModel
from recolab_assets.randomness import stream

_SUMS: Final = 8
"""Sums of a user under a model: slots, weight, weight × click, slots and clicks that a rejection
sampler keeps, position-based weight × click, doubly robust value, and clicks of any weight."""
_SLOTS, _WEIGHT, _WEIGHTED, _KEPT, _KEPT_CLICKS, _EXPOSED, _ROBUST, _USED = range(_SUMS)


@dataclass(frozen=True)
class CandidateLog:
    """A logging policy over the candidates of n users, prepared for repeated draws.

    The C candidates of all users stand one after the other.

    Attributes:
        starts: (n + 1,) first candidate of each user.
        reached: (C,) running sum of the chance of the user's candidates, which ends in 1.
        chance: (C,) chance of the candidate, given that chance fills the slot.
        attraction: (C,) P(click | examined).
        exposure: (C,) examined exposure that the policy gives the candidate.
        group: (C,) popularity group.
        places: (C, M) slot at which each model shows the candidate; -1 where it does not.
        first: (n, K) candidate that the policy shows unless chance fills the slot; -1 if none.
        wanted: (n, M, K) candidate that each model shows; -1 pads.
        bounds: (M,) least upper bound of the weights of each model.
        examination: (K,) P(position is examined).
        epsilon: Probability that chance fills a slot.
        policy_clicks: Mean expected clicks of a user on a logged list.
    """

    starts: npt.NDArray[np.int32]
    reached: FloatArray
    chance: FloatArray
    attraction: FloatArray
    exposure: FloatArray
    group: npt.NDArray[np.int32]
    places: npt.NDArray[np.int8]
    first: npt.NDArray[np.int32]
    wanted: npt.NDArray[np.int32]
    bounds: FloatArray
    examination: FloatArray
    epsilon: float
    policy_clicks: float

    @classmethod
    def prepare(
        cls,
        rankings: IntArray,
        attraction: FloatArray,
        click_model: ClickModel,
        ranks: IntArray,
        *,
        popular: int,
        kind: LoggingPolicy,
        epsilon: float,
        seed: int,
    ) -> Self:
        """Lay out everything that does not vary between logs.

        Args:
            rankings: (n, M, K) lists of the models; -1 pads.
            attraction: (n, M, K) their attraction.
            click_model: Position-based response model.
            ranks: (n_products,) popularity rank, from 1.
            popular: Number of the model whose list the policy starts from.
            kind: How slots are filled; see :func:`logging_policy`.
            epsilon: Share of slots left to chance.
            seed: Seed.
        """
        n, n_models, k = rankings.shape
        lists = {str(model): rankings[:, model] for model in range(n_models)}
        policy = logging_policy(lists, lists[str(popular)], ranks, kind=kind, epsilon=epsilon)
        row, product = policy.keys >> 32, (policy.keys & 0xFFFFFFFF).astype(np.int32)
        starts = np.searchsorted(row, np.arange(n + 1)).astype(np.int32)
        wanted = _candidates(starts, product, rankings.reshape(n, -1)).reshape(rankings.shape)
        first = _candidates(starts, product, policy.first_choice)
        # A product that everybody wants is clicked whenever its position is examined.
        examination = click_model.click_probability(np.ones((1, k)))[0]
        drawn = policy.draw(stream(seed, "scorecard.logging_policy"))
        exposure = policy.chance * (policy.exploring @ examination)[row]
        places = np.full((row.size, n_models), -1, np.int8)
        worth, bounds = np.zeros(row.size), np.zeros(n_models)
        _lay_out(
            wanted,
            attraction,
            first,
            policy.exploring,
            policy.chance,
            examination,
            places,
            worth,
            exposure,
            bounds,
        )
        running = policy.chance.cumsum()
        before = np.concatenate([[0.0], running])[starts[:-1]]
        return cls(
            starts=starts,
            reached=running - before[row],
            chance=policy.chance,
            attraction=worth,
            exposure=exposure,
            group=popularity_groups(ranks, drawn)[product].astype(np.int32),
            places=places,
            first=first,
            wanted=wanted,
            bounds=bounds,
            examination=examination,
            epsilon=policy.epsilon,
            policy_clicks=float((exposure * worth).sum() / n),
        )


def _candidates(
    starts: IntArray, candidates: IntArray, products: IntArray
) -> npt.NDArray[np.int32]:
    """Number of the candidate that each product of a row is, (n, L); -1 at pads."""
    found = np.full(products.shape, -1, np.int32)
    _find(starts, candidates, products, found)
    return found


@njit(cache=True, nogil=True)
def _find(starts, candidates, products, found):  # type: ignore[no-untyped-def]
    """Fill ``found`` (n, L), -1 before; ``candidates`` of a row, from its start, are ascending."""
    n, length = products.shape
    for row in range(n):
        begin = starts[row]
        of_row = candidates[begin : starts[row + 1]]
        for column in range(length):
            if products[row, column] >= 0:
                found[row, column] = begin + np.searchsorted(of_row, products[row, column])


@njit(cache=True, nogil=True)
def _lay_out(  # type: ignore[no-untyped-def]
    wanted,
    attraction,
    first,
    exploring,
    chance,
    examination,
    places,
    worth,
    exposure,
    bounds,
):
    """Fill ``places``, ``worth`` and ``bounds``; add to ``exposure`` what first choices have."""
    n, n_models, k = wanted.shape
    for user in range(n):
        for slot in range(k):
            if first[user, slot] >= 0:
                exposure[first[user, slot]] += examination[slot] * (1 - exploring[user, slot])
        for model in range(n_models):
            for slot in range(k):
                candidate = wanted[user, model, slot]
                if candidate < 0:
                    continue
                places[candidate, model] = slot
                worth[candidate] = attraction[user, model, slot]
                by_chance = exploring[user, slot]
                propensity = by_chance * chance[candidate]
                propensity += (1 - by_chance) * (first[user, slot] == candidate)
                bounds[model] = max(bounds[model], 1 / propensity)


@njit(cache=True, nogil=True)
def _draw(  # type: ignore[no-untyped-def]
    starts,
    reached,
    attraction,
    first,
    examination,
    epsilon,
    users,
    uniforms,
    shown,
    clicked,
):
    """Fill ``shown`` (n, K) with candidates, -1 for users without any, and ``clicked`` (n, K)."""
    n, k = shown.shape
    for row in range(n):
        user = users[row]
        begin, end = starts[user], starts[user + 1]
        for slot in range(k):
            candidate = first[user, slot]
            if begin == end:
                shown[row, slot] = -1
                continue
            if candidate < 0 or uniforms[row, 0, slot] < epsilon:
                # The last candidate also takes what rounding leaves of the interval.
                place = np.searchsorted(reached[begin : end - 1], uniforms[row, 1, slot], "right")
                candidate = begin + place
            shown[row, slot] = candidate
            chance = examination[slot] * attraction[candidate]
            clicked[row, slot] = uniforms[row, 2, slot] < chance


@njit(cache=True, nogil=True)
def _fit(shown, clicked, group, n_groups, sizes, clicks):  # type: ignore[no-untyped-def]
    """Count impressions and clicks of every cell of slot and group, (2, K × groups), by fold."""
    n, k = shown.shape
    for row in range(n):
        for slot in range(k):
            candidate = shown[row, slot]
            if candidate >= 0:
                cell = slot * n_groups + group[candidate]
                sizes[row % 2, cell] += 1
                clicks[row % 2, cell] += clicked[row, slot]


@njit(cache=True, nogil=True)
def _sum_up(  # type: ignore[no-untyped-def]
    shown,
    clicked,
    users,
    kept,
    wanted,
    places,
    chance,
    exposure,
    group,
    first,
    examination,
    epsilon,
    bounds,
    rates,
    n_groups,
    sums,
):
    """Fill ``sums`` (n, M, ``_SUMS``), zero before; ``rates`` (2, cells) predict each fold."""
    n, k = shown.shape
    n_models = wanted.shape[1]
    for row in range(n):
        user = users[row]
        fold = row % 2
        for model in range(n_models):
            own = sums[row, model]
            for slot in range(k):
                target = wanted[user, model, slot]
                candidate = shown[row, slot]
                if candidate < 0:
                    continue
                click = 1.0 if clicked[row, slot] else 0.0
                place = places[candidate, model]
                if click and place >= 0:
                    own[_EXPOSED] += examination[place] / exposure[candidate]
                if target < 0:
                    continue
                own[_SLOTS] += 1.0
                own[_ROBUST] += rates[fold, slot * n_groups + group[target]]
                if candidate == target:
                    is_first = first[user, slot] == target
                    by_chance = epsilon if first[user, slot] >= 0 else 1.0
                    weight = 1.0 / (by_chance * chance[target] + is_first * (1.0 - by_chance))
                    own[_WEIGHT] += weight
                    own[_WEIGHTED] += weight * click
                    own[_USED] += click
                    predicted = rates[fold, slot * n_groups + group[candidate]]
                    own[_ROBUST] += weight * (click - predicted)
                    if kept[row, slot] * bounds[model] < weight:
                        own[_KEPT] += 1.0
                        own[_KEPT_CLICKS] += click


def _cell_rates(sizes: FloatArray, clicks: FloatArray) -> FloatArray:
    """Click rates of cells that predict each fold from the other, (2, cells).

    As :meth:`recolab_assets.experiments.estimators.TargetLog.with_reward_model`.
    """
    rates = np.empty_like(sizes)
    for fold in (0, 1):
        seen, clicked = sizes[1 - fold], clicks[1 - fold]
        rate = clicked.sum() / seen.sum() if seen.sum() else 0.0
        prior = 1 / rate if rate else 1.0
        rates[fold] = (clicked + prior * rate) / (seen + prior)
    return rates


_RATIOS: Final[dict[str, tuple[int, int, int]]] = {
    "replay": (_KEPT_CLICKS, _KEPT, _KEPT_CLICKS),
    "ips": (_WEIGHTED, _SLOTS, _USED),
    "snips": (_WEIGHTED, _WEIGHT, _USED),
    "doubly_robust": (_ROBUST, _SLOTS, _USED),
    "position_based_ips": (_EXPOSED, _SLOTS, _EXPOSED),
}
"""For each estimator the sums that it divides, and the one that says whether a user tells."""


def _estimates(sums: FloatArray, control: int) -> FloatArray:
    """Value, difference to the control and its error of each estimator, (estimators, 3, M)."""
    n = sums.shape[0]
    found = np.full((len(_RATIOS), 3, sums.shape[1]), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        for place, (above, below, used) in enumerate(_RATIOS.values()):
            total = sums[..., below].sum(axis=0)
            value = sums[..., above].sum(axis=0) / total
            influence = (sums[..., above] - value * sums[..., below]) / total
            tells = np.count_nonzero(sums[..., used] > 0, axis=0) >= LEAST_USERS
            apart = influence - influence[:, [control]]
            error = np.sqrt(n / (n - 1) * (apart**2).sum(axis=0)) if n > 1 else np.nan
            error = np.where(tells & tells[control], error, np.nan)
            found[place] = value, value - value[control], error
    return found


def logged_readings(
    log: CandidateLog,
    sizes: Sequence[int],
    *,
    control: int,
    alpha: float,
    replicates: int,
    seed: int,
) -> dict[str, Readings]:
    """Log lists of n users again and again, and compare every model with the control from each.

    The estimators are those of :mod:`recolab_assets.experiments.estimators`. The difference of
    two models comes from one log, so its error is that of the users' differences.

    Args:
        log: The policy over the candidates of a population.
        sizes: Ascending numbers of users, none above the population's.
        control: Number of the control.
        alpha: 1 − confidence of the intervals.
        replicates: Number R of logs.
        seed: Seed.

    Returns:
        Readings by estimator; effects are differences in clicks per slot.
    """
    n_groups = int(log.group.max(initial=0)) + 1
    k, n_models = log.examination.size, log.places.shape[1]
    most = sizes[-1]

    def one(number: int) -> FloatArray:
        rng = stream(seed, "scorecard.logged", number)
        users = rng.permutation(log.starts.size - 1)[:most]
        uniforms = rng.random((most, 3, k))
        kept = rng.random((most, k))
        shown, clicked = np.empty((most, k), np.int32), np.zeros((most, k), np.bool_)
        _draw(
            log.starts,
            log.reached,
            log.attraction,
            log.first,
            log.examination,
            log.epsilon,
            users,
            uniforms,
            shown,
            clicked,
        )
        found = np.empty((len(sizes), len(_RATIOS), 3, n_models))
        for place, size in enumerate(sizes):
            seen, clicks = np.zeros((2, 2, k * n_groups))
            _fit(shown[:size], clicked[:size], log.group, n_groups, seen, clicks)
            sums = np.zeros((size, n_models, _SUMS))
            _sum_up(
                shown[:size],
                clicked[:size],
                users,
                kept,
                log.wanted,
                log.places,
                log.chance,
                log.exposure,
                log.group,
                log.first,
                log.examination,
                log.epsilon,
                log.bounds,
                _cell_rates(seen, clicks),
                n_groups,
                sums,
            )
            found[place] = _estimates(sums, control)
        return found

    every = np.stack(in_threads(one, replicates)).transpose(2, 3, 0, 1, 4)
    return {
        name: _readings(values, effects, errors, control, alpha)
        for name, (values, effects, errors) in zip(_RATIOS, every, strict=True)
    }


def _readings(
    values: FloatArray, effects: FloatArray, errors: FloatArray, control: int, alpha: float
) -> Readings:
    """Normal tests and intervals; all arrays are (R, S, M)."""
    effects, errors = effects.copy(), errors.copy()
    signs = np.sign(np.nan_to_num(effects))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(errors > 0, np.abs(effects) / errors, 0.0)
    p_values = np.where(np.isnan(effects), 1.0, 2 * stats.norm.sf(statistic))
    margins = stats.norm.isf(alpha / 2) * errors
    for own in (p_values, effects, errors, margins):
        own[..., control] = np.nan
    scores = np.nan_to_num(values)
    return Readings(scores, signs, p_values, effects, errors, effects - margins, effects + margins)
