"""The scorecard: which way of evaluating finds the truly best model, and which cries wolf."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.experiments.arrays import FloatArray, IntArray, check_lists, report_table
from recolab_assets.experiments.drafted_replicates import multileaving_tests, pair_tests
from recolab_assets.experiments.judgement import judge, scorecard_row
from recolab_assets.experiments.replicates import (
    ab_histograms,
    delta_tests,
    mann_whitney_tests,
    sample_means,
)
from recolab_assets.experiments.response import ClickModel
from recolab_assets.experiments.sensitivity import Comparisons
from recolab_assets.randomness import stream

SIZES = (200, 1_000, 5_000, 20_000)
"""Users of the experiments that are tried; the whole population comes on top."""
MAX_INTERLEAVED = 5_000
"""Largest interleaving experiment; a draft costs a hundred times what a user's click count does."""
MAX_POPULATION = 100_000
"""From a larger population that many users are sampled once: it bounds memory."""

_AB_TESTS = {"ab_delta": delta_tests, "ab_mann_whitney": mann_whitney_tests}
_DRAFTS = {"multileaving_preference": multileaving_tests, "interleaving_pairs": pair_tests}
"""Kinds of drafts, by the method whose sign tests of single pairs are judged."""

_CLONED = ", best arm cloned"


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
    - ``multileaving_win_rate``, ``multileaving_credit`` and ``multileaving_preference`` rank by
      win rate, credits and mean preference in one draft of all models; ``interleaving_pairs`` by
      mean preference when two are drafted at a time, every pair in turn.
    - the methods of ``offline`` rank by the mean of a metric over a sample of users.
    - ``power`` and ``wrong_sign_rate`` are the shares of tests of all models at once in which a
      model differs from the control below alpha, uncorrected, in the true or the wrong direction;
      ``users_for_80_power`` and ``ratio_to_ab`` are those of :class:`Comparisons`.
    - with the best arm cloned, whoever names either copy is right.

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
    arms = Comparisons(list(lists), list(lists).index(control), expected, alpha)
    counts = [click_model.click_counts(shown) for shown in _by_model(attraction)]
    cumulative = np.stack(counts, axis=1).cumsum(axis=2)
    rows = _ab_rows(cumulative, arms, replicates, seed)
    sizes = experiment_sizes(keep.size, MAX_INTERLEAVED)
    cloned = [*range(expected.size), int(expected.argmax())]
    rows += _cloned_ab_rows(cumulative, cloned, arms, sizes[-1], replicates, seed)
    drafted = {}
    for method, repeat in _DRAFTS.items():
        drafting = {"length": length, "replicates": replicates, "seed": seed}
        tests = repeat(rankings, attraction, click_model, sizes, **drafting)
        for reading, scores in tests.scores.items():
            rows += _judged(reading, sizes, scores, expected)
        rows += arms.draft_power(method, tests, sizes)
        drafted[method] = tests
        tests = repeat(
            rankings[:, cloned], attraction[:, cloned], click_model, sizes[-1:], **drafting
        )
        for reading, scores in tests.scores.items():
            rows += _judged(reading, sizes[-1:], scores, expected[cloned], _CLONED)
    rows += arms.users_needed([count.mean(axis=0) for count in counts], drafted)
    for method, values in (offline or {}).items():
        sizes = experiment_sizes(values.shape[0])
        purpose = f"scorecard.{method}"
        scores = sample_means(values, sizes, replicates=replicates, seed=seed, purpose=purpose)
        rows += _judged(method, sizes, scores, expected)
    return report_table("method_scorecard", rows)


def _by_model(attraction: FloatArray) -> list[FloatArray]:
    return [attraction[:, model] for model in range(attraction.shape[1])]


def _judged(
    method: str, sizes: list[int], scores: FloatArray, expected: FloatArray, varied: str = ""
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, size in enumerate(sizes):
        rows += judge(method, f"n_users={size}{varied}", scores[:, number], expected)
    return rows


def _ab_rows(
    cumulative: FloatArray, arms: Comparisons, replicates: int, seed: int
) -> list[dict[str, Any]]:
    """A/B tests of the models as they are, and of arms that are all the control."""
    sizes, control = experiment_sizes(cumulative.shape[0]), arms.control
    n_arms = len(arms.models)
    tests, identical = (
        ab_histograms(
            cumulative,
            shown,
            sizes,
            replicates=replicates,
            seed=seed,
            purpose=f"scorecard.{purpose}",
        )
        for purpose, shown in (("ab", range(n_arms)), ("aa", [control] * n_arms))
    )
    rows: list[dict[str, Any]] = []
    for method, test in _AB_TESTS.items():
        tested = test(tests, control)
        rows += _judged(method, sizes, tested.scores, arms.expected)
        rows += arms.ab_power(method, tested, sizes)
        p_values = np.delete(test(identical, control).p_values, control, axis=2)
        alarms = np.mean(p_values < arms.alpha, axis=2)
        any_alarm = np.any(holm(p_values) < arms.alpha, axis=2)
        for number, size in enumerate(sizes):
            setting = f"n_users={size}, identical arms"
            rows += [
                scorecard_row(method, "false_alarm_rate", setting, alarms[:, number]),
                scorecard_row(method, "family_wise_error", setting, any_alarm[:, number]),
            ]
    return rows


def _cloned_ab_rows(
    cumulative: FloatArray,
    cloned: list[int],
    arms: Comparisons,
    size: int,
    replicates: int,
    seed: int,
) -> list[dict[str, Any]]:
    """A/B tests with one more arm, which shows the best model's lists again."""
    tests = ab_histograms(
        cumulative,
        cloned,
        [size],
        replicates=replicates,
        seed=seed,
        purpose="scorecard.ab_cloned",
    )
    rows: list[dict[str, Any]] = []
    for method, test in _AB_TESTS.items():
        scores = test(tests, arms.control).scores
        rows += _judged(method, [size], scores, arms.expected[cloned], _CLONED)
    return rows
