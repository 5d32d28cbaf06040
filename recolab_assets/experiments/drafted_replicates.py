"""Interleaving tests repeated many times: users won by every model, at every size of the test."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recolab_assets.experiments.arrays import FloatArray, IntArray
from recolab_assets.experiments.draft import (
    credit_clicks,
    drafted_attraction,
    strict_wins,
    team_draft,
)
from recolab_assets.experiments.preferences import Wins, pairs_of, preference_signs
from recolab_assets.experiments.replicates import Number, in_threads
from recolab_assets.experiments.response import ClickModel
from recolab_assets.randomness import stream


class MeanPreferences(NamedTuple):
    """Means over users of a real-valued preference for the first model of each of P pairs."""

    mean: FloatArray
    """(R, S, P), above 0 where users prefer the first."""
    error: FloatArray
    """(R, S, P) its standard error; NaN with fewer than two users, 0 where users do not differ."""


class DraftedTests(NamedTuple):
    """R interleaving tests of M models, and so of P pairs, each read at S sizes."""

    scores: dict[str, FloatArray]
    """For each way of reading the test (R, S, M) what models are ranked by."""
    wins: Wins
    """(R, S, P) users who prefer the first, and the second model of a pair."""
    users: npt.NDArray[np.int64]
    """(S, P) users whose list was drafted from both models of the pair, at least."""
    clicks: FloatArray
    """(R,) expected clicks of a user of the largest size on the drafted list."""
    preferences: MeanPreferences | None = None
    """What tests are made of where a sign test would not hold; None where it does."""

    def seen_with(self, control: int, n_models: int) -> npt.NDArray[np.int64]:
        """(M,) users of the largest size whose list was drafted from a model and the control."""
        seen = np.zeros(n_models, np.int64)
        for place, (first, second) in enumerate(pairs_of(n_models)):
            if control in (first, second):
                seen[first + second - control] = self.users[-1, place]
        return seen


def multileaving_tests(
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
    """Draft every user a list from all models.

    Ranked by win rate, by credits per user, and by the mean preference over the rivals.

    Args:
        rankings: (n, M, K) lists of the population.
        attraction: (n, M, K) their attraction.
        click_model: Response model.
        sizes: Ascending numbers of users, none above n.
        length: Slots of the drafted list.
        replicates: Number R of tests.
        seed: Seed.
        arms: Numbers of the lists to draft from, which may come more than once; by default all.
    """
    shown = np.arange(rankings.shape[1]) if arms is None else np.asarray(arms)
    counts, n_models = np.asarray(sizes), shown.size
    n_pairs = len(pairs_of(n_models))

    def one(number: int) -> tuple[npt.NDArray[np.int64], float]:
        rng = stream(seed, "scorecard.multileaving", number)
        users = rng.permutation(rankings.shape[0])[: counts[-1]]
        credited, clicks = _answered(rankings, attraction, users, shown, click_model, length, rng)
        signs = preference_signs(credited)
        each = np.hstack([strict_wins(credited), credited, signs > 0, signs < 0])
        return sums_of_first(each, counts), clicks / counts[-1]

    ends = np.cumsum([n_models, n_models, n_pairs])
    summed, clicks = zip(*in_threads(one, replicates), strict=True)
    won, credit, a, b = np.split(np.stack(summed), ends, axis=2)
    wins = Wins(a, b)
    scores = {
        "multileaving_win_rate": won / counts[:, None],
        "multileaving_credit": credit / counts[:, None],
        "multileaving_preference": mean_preferences(wins, n_models),
    }
    return DraftedTests(scores, wins, np.tile(counts[:, None], n_pairs), np.array(clicks))


def pair_tests(
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
    """Draft every user a list from two models, with users dealt to the pairs in turn.

    Ranked by the mean preference over the rivals. Arguments as for :func:`multileaving_tests`.
    """
    shown = np.arange(rankings.shape[1]) if arms is None else np.asarray(arms)
    counts, n_models = np.asarray(sizes), shown.size
    pairs = pairs_of(n_models)
    # Of the first n users, those dealt to each pair.
    dealt = np.maximum(-(-(counts[:, None] - np.arange(len(pairs))) // len(pairs)), 0)

    def one(number: int) -> tuple[npt.NDArray[np.int64], float]:
        rng = stream(seed, "scorecard.pairs", number)
        order = rng.permutation(rankings.shape[0])[: counts[-1]]
        won = np.zeros((counts.size, 2, len(pairs)), np.int64)
        clicks = 0.0
        for place, pair in enumerate(pairs):
            users, models = order[place :: len(pairs)], shown[list(pair)]
            credited, of_pair = _answered(
                rankings, attraction, users, models, click_model, length, rng
            )
            summed = np.vstack([np.zeros((1, 2)), strict_wins(credited).cumsum(axis=0)])
            won[:, :, place] = summed[dealt[:, place]]
            clicks += of_pair
        return won, clicks / counts[-1]

    each, clicks = zip(*in_threads(one, replicates), strict=True)
    won = np.stack(each)
    wins = Wins(won[:, :, 0], won[:, :, 1])
    scores = {"interleaving_pairs": mean_preferences(wins, n_models)}
    return DraftedTests(scores, wins, dealt, np.array(clicks))


def mean_preferences(wins: Wins, n_models: int) -> FloatArray:
    """Mean over rivals of the share of deciding users who prefer the model, (…, M).

    A pair that nobody decides counts one half, so that the mean over models is one half.
    """
    preference = np.nan_to_num(wins.preference, nan=0.5)
    scores = np.zeros((*preference.shape[:-1], n_models))
    for place, (a, b) in enumerate(pairs_of(n_models)):
        scores[..., a] += preference[..., place]
        scores[..., b] += 1 - preference[..., place]
    return scores / (n_models - 1)


def sums_of_first(values: npt.NDArray[Number], counts: IntArray) -> npt.NDArray[Number]:
    """Sum the first rows of (n, C) values, for each of S ascending counts up to n, (S, C)."""
    return np.add.reduceat(values, np.r_[0, counts[:-1]], axis=0).cumsum(axis=0)


def _answered(
    rankings: IntArray,
    attraction: FloatArray,
    users: IntArray,
    models: IntArray,
    click_model: ClickModel,
    length: int,
    rng: np.random.Generator,
) -> tuple[IntArray, float]:
    """Credits of every model in freshly drafted and clicked lists, (n, M), and expected clicks."""
    draft = team_draft(rankings, length, rng, users=users, models=models)
    shown = drafted_attraction(draft, attraction, users=users, models=models)
    clicked = click_model.draw_clicks(shown, rng)
    expected = float(click_model.click_probability(shown).sum())
    return credit_clicks(draft.owners, clicked, models.size), expected
