"""The scorecard's rows on interleaving: drafts of all models, and of two at a time."""

from collections.abc import Callable, Mapping
from typing import Final

from recolab_assets.experiments.draft_readings import draft_readings, pooled_effects, wins_against
from recolab_assets.experiments.drafted_replicates import (
    DraftedTests,
    multileaving_tests,
    pair_tests,
)
from recolab_assets.experiments.judgement import Rows, Setting, judge, judge_alarms
from recolab_assets.experiments.pairwise_multileaving import pairwise_tests
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.trial import Trial, experiment_sizes, needed_by_effects
from recolab_assets.experiments.users_needed import UsersNeeded, users_for_preference

MAX_INTERLEAVED = 5_000
"""Largest interleaving experiment; a draft costs a hundred times what a user's click count does."""

DRAFTS: Final[dict[str, Callable[..., DraftedTests]]] = {
    "multileaving_preference": multileaving_tests,
    "interleaving_pairs": pair_tests,
    "pairwise_multileaving": pairwise_tests,
}
"""Kinds of drafts, by the method whose sign tests of single comparisons are judged."""


def _repeat(trial: Trial, kind: str, length: int, sizes: list[int]) -> DraftedTests:
    return DRAFTS[kind](
        trial.lists.rankings,
        trial.lists.attraction,
        trial.click_model,
        sizes,
        length=length,
        replicates=trial.replicates,
        seed=trial.seed,
        arms=trial.arms,
    )


def draft_rows(
    trial: Trial, others: Mapping[str, Trial], equal: Trial | None, length: int
) -> tuple[Rows, dict[str, dict[int, UsersNeeded]]]:
    """All rows on interleaving, and the users that each kind needs for each model.

    Args:
        trial: The models as they are.
        others: Arms some of which show the same lists, by what they show.
        equal: Arms of equal truth; None if there are none.
        length: Slots of the drafted lists.
    """
    sizes = experiment_sizes(trial.users.size, MAX_INTERLEAVED)
    rows: Rows = []
    needed = {}
    for kind in DRAFTS:
        tests = _repeat(trial, kind, length, sizes)
        rows += _choice_rows(trial, tests, sizes)
        truth = pooled_effects(tests, trial.control, trial.n_arms)
        readings = _readings(trial, kind, tests)
        rows += trial.comparisons.judge(kind, readings, sizes, truth)
        if (highest := trial.expected.max()) > 0:
            rows.append(Setting().mean_row(kind, "clicks_lost", 1 - tests.clicks / highest))
        if tests.preferences is None:
            preferences, needed[kind] = _preferences(trial, kind, tests)
            rows += preferences
        else:
            needed[kind] = needed_by_effects(trial, readings, sizes[-1])
        for arms, other in others.items():
            # With all models, smaller tests tell methods apart: the largest are always right.
            tried = sizes if other.n_arms < trial.n_arms else sizes[:2]
            tests = _repeat(other, kind, length, tried)
            rows += _choice_rows(other, tests, tried, arms)
            readings = _readings(other, kind, tests)
            rows += other.comparisons.judge(kind, readings, tried, arms=arms)
        # Whoever shows the same can be preferred by nobody: one small size shows it.
        rows += _alarm_rows(trial.identical(), kind, length, sizes[:1], "identical")
        if equal is not None:
            rows += _alarm_rows(equal, kind, length, sizes, "equal_truth")
    return rows, needed


def _choice_rows(trial: Trial, tests: DraftedTests, sizes: list[int], arms: str = "models") -> Rows:
    """Rows on the choice by every way of ranking."""
    rows: Rows = []
    for method, scores in tests.scores.items():
        for number, size in enumerate(sizes):
            setting = Setting(arms=arms, n_users=size)
            rows += judge(method, setting, scores[:, number], trial.expected)
    return rows


def _readings(trial: Trial, kind: str, tests: DraftedTests) -> Readings:
    return draft_readings(tests, tests.scores[kind], trial.control, trial.comparisons.alpha)


def _preferences(
    trial: Trial, kind: str, tests: DraftedTests
) -> tuple[Rows, dict[int, UsersNeeded]]:
    """Share of deciding users who prefer the truly better, and users needed to find it."""
    for_model, for_control = (
        wins[:, -1].sum(axis=0) for wins in wins_against(tests, trial.control, trial.n_arms)
    )
    seen = tests.seen_with(trial.control, trial.n_arms)
    rows: Rows = []
    needed = {}
    for model, sign in trial.comparisons:
        won = int(for_model[model]), int(for_control[model])
        for_better, for_worse = won if sign > 0 else won[::-1]
        needed[model] = users_for_preference(
            for_better, for_worse, trial.replicates * int(seen[model]), trial.comparisons.alpha
        )
        if decided := for_better + for_worse:
            share = for_better / decided
            error = (share * (1 - share) / decided) ** 0.5
            setting = trial.comparisons.setting(model)
            rows.append(setting.row(kind, "preference_for_better", share, error))
    return rows, needed


def _alarm_rows(trial: Trial, kind: str, length: int, sizes: list[int], arms: str) -> Rows:
    tests = _repeat(trial, kind, length, sizes)
    control, alpha = trial.control, trial.comparisons.alpha
    p_values = _readings(trial, kind, tests).p_values
    rows: Rows = []
    for number, size in enumerate(sizes):
        setting = Setting(arms=arms, n_users=size)
        rows += judge_alarms(kind, setting, p_values[:, number], control, alpha)
    return rows
