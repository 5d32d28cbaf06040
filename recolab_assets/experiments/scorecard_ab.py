"""The scorecard's rows on A/B tests."""

from collections.abc import Sequence

import numpy as np

from recolab_assets.experiments.ab_readings import (
    AB_READINGS,
    cuped_estimates,
    delta_estimates,
    sequential_readings,
)
from recolab_assets.experiments.ab_replicates import ABTotals, Outcomes, ab_totals
from recolab_assets.experiments.arrays import FloatArray
from recolab_assets.experiments.judgement import Rows, Setting, judge, judge_alarms
from recolab_assets.experiments.readings import without
from recolab_assets.experiments.trial import Trial, experiment_sizes
from recolab_assets.experiments.users_needed import (
    UsersNeeded,
    fewer_users,
    users_for_means,
    users_for_ranks,
    users_for_sequence,
)

_COME_TWICE = 0.5
"""Share of an arm's users who come again where arms differ in how often users come."""


def ab_tests(
    trial: Trial,
    purpose: str,
    *,
    covariates: FloatArray | None,
    outcomes: Outcomes | None = None,
    arms: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
) -> ABTotals:
    """Repeat A/B tests of a trial's arms.

    Args:
        trial: Users, lists and how often.
        purpose: Name of the random stream.
        covariates: (n, C) what is known of the users before the test.
        outcomes: What users do with some lists; by default they see each of the trial's once.
        arms: Numbers of those lists that the arms show; by default the trial's arms.
        sizes: Numbers of users; by default those of the scorecard.
    """
    return ab_totals(
        outcomes or trial.lists.outcomes,
        trial.arms if arms is None else arms,
        experiment_sizes(trial.users.size) if sizes is None else sizes,
        covariates=covariates,
        replicates=trial.replicates,
        seed=trial.seed,
        purpose=f"scorecard.{purpose}",
    )


def model_rows(trial: Trial, tests: ABTotals) -> Rows:
    """Rows on tests of the models as they are: the choice, single comparisons, clicks lost."""
    sizes = experiment_sizes(trial.users.size)
    highest = trial.expected.max()
    rows: Rows = []
    for method, read in AB_READINGS.items():
        readings = read(tests, trial.control, trial.comparisons.alpha)
        for number, size in enumerate(sizes):
            rows += judge(method, Setting(n_users=size), readings.scores[:, number], trial.expected)
        rows += trial.comparisons.judge(method, readings, sizes, trial.true_rate_differences)
        if highest > 0:
            # Every arm is shown to as many users.
            lost = 1 - trial.expected.mean() / highest
            rows.append(Setting().row(method, "clicks_lost", lost))
    return rows


def copy_rows(trial: Trial, covariates: FloatArray | None, arms: str) -> Rows:
    """Rows on tests of other arms, some of which show the same lists.

    Args:
        trial: The arms.
        covariates: (n, C) what is known of the users before the test.
        arms: What they show.
    """
    sizes = experiment_sizes(trial.users.size)
    tests = ab_tests(trial, f"ab_{arms}", covariates=covariates)
    rows: Rows = []
    for method, read in AB_READINGS.items():
        readings = read(tests, trial.control, trial.comparisons.alpha)
        for number, size in enumerate(sizes):
            setting = Setting(arms=arms, n_users=size)
            rows += judge(method, setting, readings.scores[:, number], trial.expected)
        rows += trial.comparisons.judge(method, readings, sizes, arms=arms)
    return rows


def alarm_rows(trial: Trial, tests: ABTotals, arms: str) -> Rows:
    """Rows on tests of arms that do not differ in click rate, whatever they show."""
    rows: Rows = []
    for method, read in AB_READINGS.items():
        p_values = read(tests, trial.control, trial.comparisons.alpha).p_values
        for number, size in enumerate(experiment_sizes(trial.users.size)):
            setting = Setting(arms=arms, n_users=size)
            rows += judge_alarms(
                method, setting, p_values[:, number], trial.control, trial.comparisons.alpha
            )
    return rows


def identical_rows(trial: Trial, covariates: FloatArray | None) -> Rows:
    """Rows on tests of arms that all show the control's lists."""
    tests = ab_tests(trial.identical(), "aa", covariates=covariates)
    return alarm_rows(trial.identical(), tests, "identical")


def more_visits_rows(trial: Trial, covariates: FloatArray | None) -> Rows:
    """Rows on tests whose arms show the control's lists, all but the control to many users twice.

    Users click at the same rate whatever the arm; they are only asked more often.
    """
    same = trial.click_counts()[:, [trial.control] * 2]
    outcomes = Outcomes.of(same, trial.n_slots).and_again([1], _COME_TWICE)
    identical = trial.identical()
    arms = [0 if arm == identical.control else 1 for arm in range(identical.n_arms)]
    tests = ab_tests(identical, "more_visits", covariates=covariates, outcomes=outcomes, arms=arms)
    return alarm_rows(identical, tests, "more_visits")


def watched_rows(trial: Trial, covariates: FloatArray | None, looks: Sequence[int]) -> Rows:
    """Rows on tests of identical arms that are looked at again and again.

    ``daily_false_alarm_rate`` is the share of comparisons that are below alpha at any look.

    Args:
        trial: The trial.
        covariates: (n, C) what is known of the users before the test.
        looks: Ascending numbers of users at the looks.
    """
    identical = trial.identical()
    control, alpha = identical.control, trial.comparisons.alpha
    tests = ab_tests(identical, "watched", covariates=covariates, sizes=looks)
    setting = Setting(arms="identical", n_users=looks[-1], looks=len(looks))
    rows: Rows = []
    for method, read in AB_READINGS.items():
        readings = (
            sequential_readings(tests, control, alpha, is_watched=True)
            if method == "ab_sequential"
            else read(tests, control, alpha)
        )
        alarms = (without(readings.p_values, control) < alpha).any(axis=1).mean(axis=1)
        rows.append(setting.mean_row(method, "daily_false_alarm_rate", alarms))
    return rows


def ab_users_needed(trial: Trial, tests: ABTotals) -> dict[int, dict[str, UsersNeeded]]:
    """Users of A/B tests of each model and the control alone, by number of the model and method.

    Exact but for CUPED, whose part of the variance is that of the largest simulated tests.
    """
    alpha, control = trial.comparisons.alpha, trial.control
    counts = trial.click_counts().mean(axis=0)
    plain, adjusted = (
        estimate(tests).variance[:, -1] for estimate in (delta_estimates, cuped_estimates)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        left = (adjusted + adjusted[:, [control]]) / (plain + plain[:, [control]])
    found = {}
    for model, _ in trial.comparisons:
        of_two = counts[model], counts[control], alpha
        means = users_for_means(*of_two)
        found[model] = {
            "ab_delta": means,
            "ab_welch": means,
            "ab_mann_whitney": users_for_ranks(*of_two),
            "ab_cuped": fewer_users(means, left[:, model]),
            "ab_sequential": users_for_sequence(*of_two),
        }
    return found
