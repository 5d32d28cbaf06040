"""The interleaving test: one drafted list a user, and which model its clicks speak for."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from recolab_assets.experiments.arrays import IntArray, check_lists, report_table
from recolab_assets.experiments.draft import credit_clicks, strict_wins, team_draft
from recolab_assets.experiments.response import ClickModel
from recolab_assets.experiments.statistics import holm
from recolab_assets.randomness import stream


def interleaving_credits(
    users: IntArray,
    lists: Mapping[str, IntArray],
    click_model: ClickModel,
    *,
    length: int,
    n_users: int,
    seed: int,
) -> IntArray:
    """Run the test: show a sample of the users a list drafted from all models.

    Args:
        users: (n,) the population.
        lists: For each model (n, K) product ids, best first; -1 pads.
        click_model: How shoppers answer.
        length: Slots of the drafted list.
        n_users: Users to sample, without replacement; all of them if there are no more.
        seed: Seed of sample, draft and clicks.

    Returns:
        (sampled users, models) clicked products that each model drafted.
    """
    check_lists(users, lists)
    sample = stream(seed, "experiments.interleaving.users").permutation(users.size)[:n_users]
    sample.sort()
    rankings = np.stack([products[sample] for products in lists.values()], axis=1)
    draft = team_draft(rankings, length, stream(seed, "experiments.interleaving.draft"))
    attraction = click_model.attraction(users[sample], draft.products)
    clicked = click_model.draw_clicks(attraction, stream(seed, "experiments.interleaving.clicks"))
    return credit_clicks(draft.owners, clicked, len(lists))


def interleaving_report(models: Sequence[str], credited: IntArray) -> pa.Table:
    """Win rate and credits, a row a model.

    Args:
        models: Names of the models, in the order of the columns of ``credited``.
        credited: (n, M) from :func:`interleaving_credits`.

    Returns:
        Table ``interleaving_report``. The winner has the highest win rate; ties go by credits,
        then by name. Nobody wins when no click was credited.
    """
    n_users = credited.shape[0]
    total = credited.sum(axis=0)
    wins = strict_wins(credited).sum(axis=0)
    order = sorted(range(len(models)), key=lambda m: (-wins[m], -total[m], models[m]))
    winner = order[0] if order and total[order[0]] > 0 else None
    return report_table(
        "interleaving_report",
        [
            {
                "model": name,
                "n_users": n_users,
                "win_rate": float(wins[model]) / n_users if n_users else None,
                "avg_credits": float(total[model]) / n_users if n_users else None,
                "is_winner": model == winner,
            }
            for model, name in enumerate(models)
        ],
    )


def interleaving_preferences(
    models: Sequence[str], credited: IntArray, *, alpha: float
) -> pa.Table:
    """Compare every two models on the users whose clicks tell them apart.

    Exact two-sided sign test with Holm's correction over the pairs, and the Clopper–Pearson
    interval, which leaves out one half exactly when the test is significant at ``alpha``.

    Args:
        models: Names of the models, in the order of the columns of ``credited``.
        credited: (n, M) from :func:`interleaving_credits`.
        alpha: 1 − confidence of the intervals.

    Returns:
        Table ``interleaving_preferences``; a pair that nobody decides has p = 1 and no preference.
    """
    rows: list[dict[str, Any]] = []
    for a, b in combinations(range(len(models)), 2):
        for_a = int((credited[:, a] > credited[:, b]).sum())
        deciding = for_a + int((credited[:, a] < credited[:, b]).sum())
        row = {
            "model_a": models[a],
            "model_b": models[b],
            "preference": None,
            "ci_low": None,
            "ci_high": None,
            "p_value": 1.0,
            "n_users": deciding,
        }
        if deciding:
            test = stats.binomtest(for_a, deciding, 0.5)
            interval = test.proportion_ci(1 - alpha, method="exact")
            row |= {
                "preference": for_a / deciding,
                "ci_low": float(interval.low),
                "ci_high": float(interval.high),
                "p_value": float(test.pvalue),
            }
        rows.append(row)
    for row, adjusted in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_adjusted"] = float(adjusted)
    return report_table("interleaving_preferences", rows)
