"""Interleaving tests: lists drafted from several models, and which model the clicks speak for."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from recolab_assets.experiments.arrays import IntArray, check_lists, report_table
from recolab_assets.experiments.draft import (
    credit_clicks,
    draft_balance,
    strict_wins,
    team_draft,
)
from recolab_assets.experiments.overlap import mean_overlap
from recolab_assets.experiments.preferences import (
    Wins,
    bootstrap_interval,
    bootstrap_wins,
    copeland_confidence,
    copeland_scores,
    count_wins,
    pairs_of,
    sign_tests,
)
from recolab_assets.experiments.response import ClickModel
from recolab_assets.randomness import stream


class Multileaving(NamedTuple):
    """What a multileaving test saw of n users and M models."""

    rankings: IntArray
    """(n, M, L) what each model would have shown; −1 pads."""
    owners: IntArray
    """(n, L) model that drafted each slot, or ``NOBODY``."""
    credited: IntArray
    """(n, M) clicked products that each model drafted."""


def multileave(
    users: IntArray,
    lists: Mapping[str, IntArray],
    click_model: ClickModel,
    *,
    length: int,
    n_users: int,
    seed: int,
) -> Multileaving:
    """Run the test: show a sample of the users a list drafted from all models.

    Args:
        users: (n,) the population.
        lists: For each model (n, K) product ids, best first; -1 pads.
        click_model: How shoppers answer.
        length: Slots of the drafted list.
        n_users: Users to sample, without replacement; all of them if there are no more.
        seed: Seed of sample, draft and clicks.
    """
    check_lists(users, lists)
    sample = stream(seed, "experiments.interleaving.users").permutation(users.size)[:n_users]
    sample.sort()
    rankings = np.stack([products[sample] for products in lists.values()], axis=1)
    draft = team_draft(rankings, length, stream(seed, "experiments.interleaving.draft"))
    attraction = click_model.attraction(users[sample], draft.products)
    clicked = click_model.draw_clicks(attraction, stream(seed, "experiments.interleaving.clicks"))
    credited = credit_clicks(draft.owners, clicked, len(lists))
    return Multileaving(rankings[:, :, :length], draft.owners, credited)


def _resampled(test: Multileaving, samples: int, seed: int) -> Wins:
    return bootstrap_wins(
        test.credited, samples, stream(seed, "experiments.interleaving.bootstrap")
    )


def interleaving_report(
    models: Sequence[str], test: Multileaving, *, bootstrap_samples: int, seed: int
) -> pa.Table:
    """Win rate, credits, Copeland score and draft balance, a row a model.

    ``chance_win_rate`` is what every model would win if owners were exchanged at random: users
    whom nobody wins (no credit, or a tie at the top) leave 1 − their share to be won, a model's
    part of which is one in M. A win rate is to be compared with that, not with 1 / M.

    Args:
        models: Names of the models, in the order of the columns of credits.
        test: From :func:`multileave`.
        bootstrap_samples: Resamples of users behind ``copeland_confidence``.
        seed: Seed of the resamples.

    Returns:
        Table ``interleaving_report``. The winner has the highest win rate; ties go by credits,
        then by name. Nobody wins when no click was credited. The Copeland winner has the strictly
        highest score.
    """
    n_users, n_models = test.credited.shape
    total = test.credited.sum(axis=0)
    wins = strict_wins(test.credited).sum(axis=0)
    order = sorted(range(n_models), key=lambda m: (-wins[m], -total[m], models[m]))
    winner = order[0] if order and total[order[0]] > 0 else None
    balance = draft_balance(test.owners, n_models)
    scores = copeland_scores(count_wins(test.credited), n_models)
    confidence = (
        copeland_confidence(_resampled(test, bootstrap_samples, seed), n_models)
        if n_users
        else np.full(n_models, np.nan)
    )
    return report_table(
        "interleaving_report",
        [
            {
                "model": name,
                "n_users": n_users,
                "win_rate": float(wins[model]) / n_users if n_users else None,
                "chance_win_rate": float(wins.sum()) / n_models / n_users if n_users else None,
                "avg_credits": float(total[model]) / n_users if n_users else None,
                "is_winner": model == winner,
                "copeland_score": float(scores[model]) if n_users else None,
                "copeland_confidence": float(confidence[model]),
                "is_copeland_winner": bool((np.delete(scores, model) < scores[model]).all()),
                "slot_share": float(balance.slot_share[model]),
                "mean_position": float(balance.mean_position[model]),
                "balance_p": float(balance.p_value[model]),
            }
            for model, name in enumerate(models)
        ],
    )


def interleaving_preferences(
    models: Sequence[str],
    test: Multileaving,
    *,
    alpha: float,
    bootstrap_samples: int,
    seed: int,
) -> pa.Table:
    """Compare every two models on the users whose clicks tell them apart.

    Interval and test are exact (:func:`sign_tests`); beside them the interval by bootstrap over
    users, which rests on nothing but that users are independent. ``overlap`` says how much of the
    two models' lists is the same: near-copies split the clicks of one ranking between them and
    can fall behind a worse model. ``interleaving_pairs`` has no such fault.

    Args:
        models: Names of the models, in the order of the columns of credits.
        test: From :func:`multileave`.
        alpha: 1 − confidence of the intervals.
        bootstrap_samples: Resamples of users.
        seed: Seed of the resamples.

    Returns:
        Table ``interleaving_preferences``; a pair that nobody decides has p = 1 and no preference.
    """
    wins = count_wins(test.credited)
    rows = sign_tests(models, wins, alpha)
    if test.credited.shape[0] and rows:
        low, high = bootstrap_interval(_resampled(test, bootstrap_samples, seed), alpha)
    else:
        low = high = np.full(len(rows), np.nan)
    for number, (a, b) in enumerate(pairs_of(len(models))):
        rows[number] |= {
            "bootstrap_low": float(low[number]),
            "bootstrap_high": float(high[number]),
            "n_users": int(wins.a[number] + wins.b[number]),
            "overlap": mean_overlap(test.rankings[:, a], test.rankings[:, b]),
        }
    return report_table("interleaving_preferences", rows)


def interleaving_pairs(
    users: IntArray,
    lists: Mapping[str, IntArray],
    click_model: ClickModel,
    *,
    length: int,
    n_users: int | None,
    alpha: float,
    seed: int,
) -> pa.Table:
    """Round-robin: draft two models at a time, with users dealt evenly to all pairs.

    Each user sees one pair. A draft of two has no third model in it, so a near-copy cannot take
    credit from either (Radlinski, Kurup and Joachims, CIKM 2008). Pairs are independent of each
    other, and users who saw identical lists of both count as ties.

    Args:
        users: (n,) the population.
        lists: For each model (n, K) product ids, best first; -1 pads.
        click_model: How shoppers answer.
        length: Slots of the drafted list.
        n_users: Users to sample, without replacement; None, or no fewer than there are: all.
        alpha: 1 − confidence of the intervals.
        seed: Seed of sample, dealing, drafts and clicks.

    Returns:
        Table ``interleaving_pairs``; Clopper–Pearson intervals and Holm's correction as in
        :func:`sign_tests`.
    """
    check_lists(users, lists)
    models = list(lists)
    pairs = pairs_of(len(models))
    order = stream(seed, "experiments.pairs.users").permutation(users.size)[:n_users]
    for_a, for_b, shown = (np.zeros(len(pairs), np.int64) for _ in range(3))
    for number, (a, b) in enumerate(pairs):
        dealt = np.sort(order[number :: len(pairs)])
        rankings = np.stack([lists[models[a]][dealt], lists[models[b]][dealt]], axis=1)
        draft = team_draft(rankings, length, stream(seed, "experiments.pairs.draft", number))
        clicked = click_model.draw_clicks(
            click_model.attraction(users[dealt], draft.products),
            stream(seed, "experiments.pairs.clicks", number),
        )
        [for_a[number]], [for_b[number]] = count_wins(credit_clicks(draft.owners, clicked, 2))
        shown[number] = dealt.size
    rows = sign_tests(models, Wins(for_a, for_b), alpha)
    for number, row in enumerate(rows):
        row |= {
            "n_users": int(shown[number]),
            "wins_a": int(for_a[number]),
            "wins_b": int(for_b[number]),
            "ties": int(shown[number] - for_a[number] - for_b[number]),
        }
    return report_table("interleaving_pairs", rows)
