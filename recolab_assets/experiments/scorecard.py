"""The scorecard: which way of evaluating finds the truly best model, and which cries wolf."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.experiments.arrays import FloatArray, IntArray, check_lists, report_table
from recolab_assets.experiments.judgement import judge, scorecard_row
from recolab_assets.experiments.replicates import (
    ab_histograms,
    delta_tests,
    mann_whitney_tests,
    multileaving_scores,
    pair_scores,
    sample_means,
)
from recolab_assets.experiments.response import ClickModel
from recolab_assets.experiments.statistics import holm
from recolab_assets.randomness import stream

SIZES = (200, 1_000, 5_000, 20_000)
"""Users of the experiments that are tried; the whole population comes on top."""
MAX_INTERLEAVED = 5_000
"""Largest interleaving experiment; a draft costs a hundred times what a user's click count does."""
MAX_POPULATION = 100_000
"""From a larger population that many users are sampled once: it bounds memory."""

_AB_TESTS = {"ab_delta": delta_tests, "ab_mann_whitney": mann_whitney_tests}
_INTERLEAVING = {"multileaving_win_rate": multileaving_scores, "interleaving_pairs": pair_scores}


def experiment_sizes(n_users: int, largest: int | None = None) -> list[int]:
    """Sizes to try in a population: those of ``SIZES`` that fit, then all, up to a largest."""
    most = n_users if largest is None else min(n_users, largest)
    return [size for size in SIZES if size < most] + [most]


def method_scorecard(
    users: IntArray,
    lists: Mapping[str, IntArray],
    click_model: ClickModel,
    *,
    control: str,
    alpha: float,
    length: int,
    replicates: int,
    seed: int,
    offline: Mapping[str, FloatArray] | None = None,
) -> pa.Table:
    """Repeat every kind of experiment and compare what it says with the truth.

    The truth is the exact expected number of clicks of a list of K slots, an empty slot being one
    that nobody clicks. What varies between replicates are the users drawn, the assignment and
    the clicks; shop and models stay as they are.

    - ``ab_delta`` ranks arms by click rate, ``ab_mann_whitney`` by the chance that a user of the
      arm clicks more than one of the control. For both, ``false_alarm_rate`` is the share of
      comparisons with the control below alpha, uncorrected, when all arms show the control's
      lists, and ``family_wise_error`` the share of such tests with any comparison below alpha
      after Holm's correction.
    - ``multileaving_win_rate`` ranks by win rate in one draft of all models;
      ``interleaving_pairs`` by mean preference when two are drafted at a time, every pair in turn.
    - the methods of ``offline`` rank by the mean of a metric over a sample of users.

    Args:
        users: (n,) the population.
        lists: For each model (n, K) product ids, best first; -1 pads.
        click_model: Response model.
        control: Name of the control.
        alpha: Significance level.
        length: Slots of the drafted lists.
        replicates: Simulated experiments behind each value.
        seed: Seed.
        offline: For each offline method (m, models) the metric of each user under each model, in
            the order of ``lists``.

    Returns:
        Table ``method_scorecard``.

    Raises:
        ValueError: The lists do not align, there is one model only, or the control is not one.
    """
    check_lists(users, lists)
    if control not in lists:
        raise ValueError(f"the control {control!r} is none of the models {list(lists)}")
    if len(lists) < 2:
        raise ValueError("a scorecard needs at least two models to choose from")
    keep = np.arange(users.size)
    if users.size > MAX_POPULATION:
        keep = stream(seed, "scorecard.population").permutation(users.size)[:MAX_POPULATION]
        keep.sort()
    rankings = np.stack([products[keep] for products in lists.values()], axis=1)
    attraction = np.stack(
        [click_model.attraction(users[keep], products[keep]) for products in lists.values()], axis=1
    )
    expected = np.array(
        [click_model.click_probability(shown).sum(axis=1).mean() for shown in _by_model(attraction)]
    )
    rows = _ab_rows(
        attraction, expected, click_model, list(lists).index(control), alpha, replicates, seed
    )
    sizes = experiment_sizes(keep.size, MAX_INTERLEAVED)
    for method, scored in _INTERLEAVING.items():
        scores = scored(
            rankings,
            attraction,
            click_model,
            sizes,
            length=length,
            replicates=replicates,
            seed=seed,
        )
        rows += _judged(method, sizes, scores, expected)
    for method, values in (offline or {}).items():
        sizes = experiment_sizes(values.shape[0])
        purpose = f"scorecard.{method}"
        scores = sample_means(values, sizes, replicates=replicates, seed=seed, purpose=purpose)
        rows += _judged(method, sizes, scores, expected)
    return report_table("method_scorecard", rows)


def _by_model(attraction: FloatArray) -> list[FloatArray]:
    return [attraction[:, model] for model in range(attraction.shape[1])]


def _judged(
    method: str, sizes: list[int], scores: FloatArray, expected: FloatArray
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, size in enumerate(sizes):
        rows += judge(method, f"n_users={size}", scores[:, number], expected)
    return rows


def _ab_rows(
    attraction: FloatArray,
    expected: FloatArray,
    click_model: ClickModel,
    control: int,
    alpha: float,
    replicates: int,
    seed: int,
) -> list[dict[str, Any]]:
    """A/B tests of the models as they are, and of arms that are all the control."""
    counts = [click_model.click_counts(shown) for shown in _by_model(attraction)]
    cumulative = np.stack(counts, axis=1).cumsum(axis=2)
    n_arms = expected.size
    sizes = experiment_sizes(attraction.shape[0])
    tests, identical = (
        ab_histograms(
            cumulative,
            arms,
            sizes,
            replicates=replicates,
            seed=seed,
            purpose=f"scorecard.{purpose}",
        )
        for purpose, arms in (("ab", range(n_arms)), ("aa", [control] * n_arms))
    )
    rows: list[dict[str, Any]] = []
    for method, test in _AB_TESTS.items():
        rows += _judged(method, sizes, test(tests, control).scores, expected)
        p_values = np.delete(test(identical, control).p_values, control, axis=2)
        alarms = np.mean(p_values < alpha, axis=2)
        any_alarm = np.any(holm(p_values) < alpha, axis=2)
        for number, size in enumerate(sizes):
            setting = f"n_users={size}, identical arms"
            rows += [
                scorecard_row(method, "false_alarm_rate", setting, alarms[:, number]),
                scorecard_row(method, "family_wise_error", setting, any_alarm[:, number]),
            ]
    return rows
