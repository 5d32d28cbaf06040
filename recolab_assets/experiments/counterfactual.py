"""What a log of one policy says about the click rate of every model, beside the truth."""

import itertools
from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from recolab_assets.experiments.arrays import (
    FloatArray,
    IntArray,
    blocks,
    check_lists,
    report_table,
)
from recolab_assets.experiments.estimators import ESTIMATORS, Estimate, TargetLog, replay
from recolab_assets.experiments.logging_policy import SlotLog, SlotPolicy
from recolab_assets.experiments.response import ClickModel
from recolab_assets.parallel import in_order
from recolab_assets.randomness import stream

LoggingPolicy = Literal["epsilon_popularity", "plackett_luce"]
"""How the slots of the log are filled."""

_POPULARITY_GROUPS: Final = 10


def target_log(
    log: SlotLog,
    products: IntArray,
    examination: FloatArray,
    exposure: FloatArray,
    groups: IntArray,
) -> TargetLog:
    """See a log through the eyes of one model's lists.

    The contexts are the (user, slot) pairs of the log, as many as impressions. The reward model
    predicts the click rate of a slot and a group of products.

    Args:
        log: The log.
        products: (n, K) list of the model for each user of the log; -1 pads.
        examination: (K,) P(position is examined).
        exposure: (n, K) examined exposure that the log's policy gives each shown product.
        groups: (n_products,) group of each product, from 0.

    Raises:
        ValueError: The log could not have held one of the products at its slot.
    """
    wanted = products >= 0
    possible = log.policy.propensity(products)
    if (possible[wanted] <= 0).any():
        raise ValueError("the logging policy never shows some product of the lists at its slot")
    agrees = (log.shown == products) & wanted
    weight = np.divide(1.0, possible, out=np.zeros(possible.shape), where=agrees)

    wanted_exposure = np.zeros(products.shape)
    for slot, examined in enumerate(examination):
        wanted_exposure += examined * (log.shown == products[:, [slot]])
    exposure_weight = np.divide(
        wanted_exposure, exposure, out=np.zeros(products.shape), where=log.shown >= 0
    )

    n, k = products.shape
    n_groups = int(groups.max()) + 1
    slots = np.arange(k) * n_groups
    nothing = np.zeros(n * k)
    return TargetLog(
        users=np.repeat(np.arange(n), k),
        clicked=log.clicked.ravel().astype(np.float64),
        counted=wanted.ravel().astype(np.float64),
        weight=weight.ravel(),
        bound=float((1 / possible[wanted]).max(initial=0.0)),
        exposure_weight=exposure_weight.ravel(),
        predicted_logged=nothing,
        predicted_target=nothing,
        fitted_error=nothing,
    ).with_reward_model(
        (slots + groups[log.shown]).ravel(), (slots + groups[products]).ravel(), k * n_groups
    )


def popularity_groups(ranks: IntArray, shown: IntArray) -> IntArray:
    """Group products by popularity so that each group has about as many impressions.

    Args:
        ranks: (n_products,) popularity rank, from 1.
        shown: Products of the impressions; -1 where nothing was shown.

    Returns:
        (n_products,) number of the group, at most ten.
    """
    logged = ranks[shown[shown >= 0]]
    if not logged.size:
        return np.zeros(ranks.size, np.int64)
    shares = np.arange(1, _POPULARITY_GROUPS) / _POPULARITY_GROUPS
    edges = np.unique(np.quantile(logged, shares, method="lower"))
    return np.searchsorted(edges, ranks, side="left")


def logging_policy(
    lists: Mapping[str, IntArray],
    popular: IntArray,
    ranks: IntArray,
    *,
    kind: LoggingPolicy,
    epsilon: float,
) -> SlotPolicy:
    """Return the policy that leaves the log; chance chooses among what any model would show.

    Args:
        lists: For each model (n, K) products; -1 pads.
        popular: (n, K) the popularity list.
        ranks: (n_products,) popularity rank, from 1.
        kind: ``epsilon_popularity`` shows the popularity list and, with probability ε at each
            slot, any candidate alike. ``plackett_luce`` draws every slot from the candidates, a
            product with odds 1 / √rank.
        epsilon: ε; not used by ``plackett_luce``.
    """
    if kind == "plackett_luce":
        return SlotPolicy.over_lists(lists, popular, epsilon=1.0, utility=-0.5 * np.log(ranks))
    return SlotPolicy.over_lists(lists, popular, epsilon=epsilon)


def expected_click_rate(click_model: ClickModel, users: IntArray, products: IntArray) -> float:
    """Exact clicks per impression of showing these lists; NaN where nothing is shown."""
    clicks = 0.0
    for _, rows in blocks(users.size):
        attraction = click_model.attraction(users[rows], products[rows])
        clicks += float(click_model.click_probability(attraction).sum())
    impressions = int((products >= 0).sum())
    return clicks / impressions if impressions else np.nan


def counterfactual_report(
    users: IntArray,
    lists: Mapping[str, IntArray],
    click_model: ClickModel,
    ranks: IntArray,
    *,
    popular: str,
    kind: LoggingPolicy,
    epsilon: float,
    n_users: int,
    alpha: float,
    seed: int,
) -> pa.Table:
    """Log one list for each of some users and estimate every model's click rate from it.

    Estimators see shown products, clicks, propensities and the examination of each position. That
    a slot is answered without regard to the other slots holds for a position-based click model.

    Args:
        users: (n,) distinct user ids.
        lists: For each model (n, K) products; -1 pads.
        click_model: How users answer.
        ranks: (n_products,) popularity rank, from 1.
        popular: Model whose list the logging policy starts from.
        kind: How the slots of the log are filled; see ``logging_policy``.
        epsilon: Share of slots left to chance.
        n_users: Users in the log, drawn without replacement; all where there are fewer.
        alpha: One minus the confidence of the intervals.
        seed: The configuration's ``data.random_seed``.

    Returns:
        Table ``counterfactual_report``; the truth is that of the users of the log.
    """
    check_lists(users, lists)
    chosen = np.arange(users.size)
    if n_users < users.size:
        rng = stream(seed, "experiments.logged_users")
        chosen = np.sort(rng.choice(users.size, n_users, replace=False))
    users, lists = users[chosen], {model: products[chosen] for model, products in lists.items()}

    policy = logging_policy(lists, lists[popular], ranks, kind=kind, epsilon=epsilon)
    log = SlotLog.simulate(users, policy, click_model, seed=seed)
    groups = popularity_groups(ranks, log.shown)
    # A product that everybody wants is clicked whenever its position is examined.
    examination = click_model.click_probability(np.ones((1, log.shown.shape[1])))[0]
    exposure = policy.exposure(log.shown, examination)

    def of_model(shard: int) -> list[dict[str, Any]]:
        model, products = list(lists.items())[shard]
        seen = target_log(log, products, examination, exposure, groups)
        truth = expected_click_rate(click_model, users, products)
        rng = stream(seed, "experiments.rejection_sampling", shard)
        estimates: dict[str, Estimate] = {"replay": replay(seen, 1 - alpha, rng)}
        for name, estimator in ESTIMATORS.items():
            estimates[name] = estimator(seen, 1 - alpha)
        return [
            {
                "model": model,
                "estimator": name,
                **estimate._asdict(),
                "truth": truth,
                "n": int(seen.counted.sum()),
            }
            for name, estimate in estimates.items()
        ]

    every = in_order(of_model, range(len(lists)))
    return report_table("counterfactual_report", list(itertools.chain.from_iterable(every)))
