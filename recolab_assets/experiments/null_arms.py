"""Arms between which there is nothing to find, though they show different lists."""

from collections.abc import Iterable

import numpy as np

from recolab_assets.experiments.arrays import FloatArray, IntArray
from recolab_assets.experiments.response import ClickModel
from recolab_assets.randomness import stream


def arms_of_equal_truth(
    users: IntArray,
    rankings: IntArray,
    attraction: FloatArray,
    click_model: ClickModel,
    control: int,
    seed: int,
) -> tuple[IntArray, FloatArray] | None:
    """Spoil each model until it is worth exactly what the control is.

    Some users keep the model's list, the others see a list of lower worth: that of another user
    drawn by lot or, for a model that is worth less than the control as it is, the model's own
    while some see the best model's. Who keeps is a prefix of a random order of users, cut where
    the expected clicks of all users together come nearest to the control's, so within half of
    one user's clicks. Arms then differ in their products, in who clicks and in how clicks are
    spread over users, but not in the number of clicks: whoever finds one better is wrong.

    Args:
        users: (n,) the population.
        rankings: (n, M, K) lists of the models; -1 pads.
        attraction: (n, M, K) their attraction.
        click_model: Response model.
        control: Number of the control.
        seed: Seed of the lots.

    Returns:
        Lists (n, A, K) and their attraction, the control first; None if no model can be made
        equal to it.
    """
    expected = np.stack(
        [click_model.click_probability(shown).sum(axis=1) for shown in _by_model(attraction)], 1
    )
    wanted = expected[:, control].sum()
    best = int(expected.sum(axis=0).argmax())
    arms = [(rankings[:, control], attraction[:, control])]
    for model in range(rankings.shape[1]):
        if model == control:
            continue
        rng = stream(seed, "scorecard.equal_truth", model)
        own = (rankings[:, model], attraction[:, model])
        if expected[:, model].sum() >= wanted:
            others = rankings[rng.permutation(users.size), model]
            high, low = own, (others, click_model.attraction(users, others))
        else:
            high, low = (rankings[:, best], attraction[:, best]), own
        worth = [click_model.click_probability(shown).sum(axis=1) for _, shown in (high, low)]
        if not worth[1].sum() < wanted < worth[0].sum():
            continue
        keeps = _first_users(worth[0] - worth[1], wanted - worth[1].sum(), rng)
        kept = keeps[:, None]
        arms.append((np.where(kept, high[0], low[0]), np.where(kept, high[1], low[1])))
    if len(arms) < 2:
        return None
    lists, shown = (np.stack(parts, axis=1) for parts in zip(*arms, strict=True))
    return lists, shown


def _first_users(gain: FloatArray, wanted: float, rng: np.random.Generator) -> np.ndarray:
    """Choose users in a random order until their gains come nearest to what is wanted."""
    order = rng.permutation(gain.size)
    reached = np.concatenate([[0.0], gain[order].cumsum()])
    keeps = np.zeros(gain.size, np.bool_)
    keeps[order[: np.abs(reached - wanted).argmin()]] = True
    return keeps


def _by_model(attraction: FloatArray) -> Iterable[FloatArray]:
    return (attraction[:, model] for model in range(attraction.shape[1]))
