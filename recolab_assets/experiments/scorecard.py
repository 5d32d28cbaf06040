"""The scorecard: which way of evaluating finds the truly best model, and which cries wolf."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from recolab_assets.experiments.arrays import FloatArray, IntArray, report_table
from recolab_assets.experiments.judgement import Rows, Setting, judge, judge_alarms
from recolab_assets.experiments.offline_replicates import offline_readings
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.response import ClickModel
from recolab_assets.experiments.scorecard_ab import (
    ab_tests,
    ab_users_needed,
    alarm_rows,
    copy_rows,
    identical_rows,
    model_rows,
    more_visits_rows,
    watched_rows,
)
from recolab_assets.experiments.scorecard_drafts import draft_rows
from recolab_assets.experiments.scorecard_logs import Logging, logged_rows
from recolab_assets.experiments.trial import Trial, experiment_sizes, needed_by_effects
from recolab_assets.experiments.users_needed import UsersNeeded


class Scorecard(NamedTuple):
    """What was found, and how long that took."""

    table: pa.Table
    """Table ``method_scorecard``."""
    seconds: dict[str, float]
    """Wall time of each part."""


@dataclass(frozen=True)
class OfflineValues:
    """Metrics of users under one way of holding out.

    Attributes:
        methods: Q names, such as ``offline_ndcg_global``.
        values: (n, Q, M) metrics of each user under each model, in the order of the lists.
        measure: Gives the (n, Q, A) metrics of any (m, A, K) lists of (m,) users; None where the
            models were fitted apart, so that other lists have no such metrics.
    """

    methods: Sequence[str]
    values: FloatArray
    measure: Callable[[IntArray, IntArray], FloatArray] | None = None


@dataclass
class _Clock:
    """Wall time of parts, one after the other."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def stop(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part] = now - self._last
        self._last = now


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
    covariates: FloatArray | None = None,
    arrivals: Sequence[int] = (),
    logging: Logging | None = None,
    offline: Sequence[OfflineValues] = (),
) -> Scorecard:
    """Repeat every kind of experiment and compare what it says with the truth.

    The truth is the exact expected number of clicks of a list of K slots, an empty slot being one
    that nobody clicks. What varies between replicates are the users drawn, the assignment and
    the clicks; shop and models stay as they are.

    - A/B tests rank by click rate (``ab_delta`` as a ratio of sums, ``ab_welch`` by the mean of
      users' rates, ``ab_cuped`` adjusted by what users did before, ``ab_sequential`` with an
      interval that may be looked at any time) or by the chance that a user clicks more
      (``ab_mann_whitney``).
    - ``multileaving_win_rate``, ``multileaving_credit`` and ``multileaving_preference`` rank by
      win rate, credits and mean preference in one draft of all models; ``interleaving_pairs`` by
      mean preference when two are drafted at a time, every pair in turn;
      ``pairwise_multileaving`` by the preferences between products that clicks on a mixed list say.
    - ``replay``, ``ips``, ``snips``, ``doubly_robust`` and ``position_based_ips`` rank by the
      click rate that they estimate from the log of a policy that half of the time shows by chance.
    - offline methods rank by the mean of a metric over a sample of users.

    Which measures there are is said by :func:`judge`, :func:`judge_alarms`,
    :meth:`Comparisons.judge` and :meth:`Comparisons.users_rows`. Where an arm is cloned, whoever
    names either copy is right.

    Args:
        users: (n,) the population.
        lists: For each model (n, K) product ids, best first; -1 pads.
        click_model: Response model.
        control: Name of the control.
        alpha: Significance level.
        length: Slots of the drafted lists.
        replicates: Simulated experiments behind each value.
        seed: Seed.
        covariates: (n, C) what is known of the users before a test; None: nothing.
        arrivals: Users who came up to each day of the test, ascending; none: nobody looks daily.
        logging: Policy that leaves a log to estimate from; None: there is none, as where clicks
            at one position depend on the others, which these estimators do not know of.
        offline: Metrics of users, a set for each way of holding out.

    Raises:
        ValueError: The lists do not align, there is one model only, or the control is not one.
    """
    clock = _Clock()
    trial, rows_of_users = Trial.of(
        users,
        lists,
        click_model,
        control=control,
        alpha=alpha,
        replicates=replicates,
        seed=seed,
    )
    known = None if covariates is None else covariates[rows_of_users]
    equal = trial.of_equal_truth()
    clock.stop("arms")
    tests = ab_tests(trial, "ab", covariates=known)
    needed = ab_users_needed(trial, tests)
    rows = model_rows(trial, tests)
    others = {"cloned": trial.cloned()}
    if (closest := trial.closest()) is not None:
        others |= {"closest": closest, "closest_cloned": closest.cloned()}
    for arms, other in others.items():
        rows += copy_rows(other, known, arms)
    clock.stop("A/B tests")
    rows += [*identical_rows(trial, known), *more_visits_rows(trial, known)]
    if equal is not None:
        of_equal = ab_tests(equal, "ab_equal_truth", covariates=known)
        rows += alarm_rows(equal, of_equal, "equal_truth")
    clock.stop("A/B tests of equal arms")
    if looks := _looks(arrivals, trial.users.size):
        rows += watched_rows(trial, known, looks)
    clock.stop("A/B tests watched daily")
    rows += _and_note(needed, *draft_rows(trial, others, equal, length))
    clock.stop("interleaving")
    if logging is not None:
        rows += _and_note(needed, *logged_rows(trial, equal, logging))
        clock.stop("logs")
    for values in offline:
        rows += _offline_rows(trial, values, needed)
        if equal is not None and values.measure is not None:
            rows += _offline_alarm_rows(equal, values)
    clock.stop("offline")
    for model, of_methods in needed.items():
        rows += trial.comparisons.users_rows(model, of_methods)
    return Scorecard(report_table("method_scorecard", rows), clock.seconds)


def _and_note(
    needed: dict[int, dict[str, UsersNeeded]],
    rows: Rows,
    by_method: dict[str, dict[int, UsersNeeded]],
) -> Rows:
    """Note the users that methods need by model, and hand the rows on."""
    for method, by_model in by_method.items():
        for model, users in by_model.items():
            needed[model][method] = users
    return rows


def _looks(arrivals: Sequence[int], n_users: int) -> list[int]:
    """Numbers of users at the looks, where fewer users take part than came."""
    if not len(arrivals):
        return []
    share = n_users / arrivals[-1]
    return sorted({max(1, round(so_far * share)) for so_far in arrivals})


def _offline_rows(
    trial: Trial, offline: OfflineValues, needed: dict[int, dict[str, UsersNeeded]]
) -> Rows:
    """Rows on samples of users; adds the users that each metric needs."""
    if not offline.values.shape[0]:
        return []
    sizes, every = _samples(trial, offline.methods, offline.values)
    rows: Rows = []
    for method, readings in every.items():
        for number, size in enumerate(sizes):
            rows += judge(method, Setting(n_users=size), readings.scores[:, number], trial.expected)
        rows += trial.comparisons.judge(method, readings, sizes)
        rows.append(Setting().row(method, "clicks_lost", 0.0))
        for model, users in needed_by_effects(trial, readings, sizes[-1]).items():
            needed[model][method] = users
    return rows


def _offline_alarm_rows(equal: Trial, offline: OfflineValues) -> Rows:
    """Rows on different lists of equal truth: whoever finds a difference is wrong."""
    values = offline.measure(equal.users, equal.rankings) if offline.measure else np.empty(0)
    if not values.size:
        return []
    sizes, every = _samples(equal, offline.methods, values)
    rows: Rows = []
    for method, readings in every.items():
        for number, size in enumerate(sizes):
            setting = Setting(arms="equal_truth", n_users=size)
            rows += judge_alarms(
                method,
                setting,
                readings.p_values[:, number],
                equal.control,
                equal.comparisons.alpha,
            )
    return rows


def _samples(
    trial: Trial, methods: Sequence[str], values: FloatArray
) -> tuple[list[int], dict[str, Readings]]:
    """Sizes of the samples of users, and what each metric reads out of them."""
    sizes = experiment_sizes(values.shape[0])
    every = offline_readings(
        values,
        sizes,
        control=trial.control,
        alpha=trial.comparisons.alpha,
        replicates=trial.replicates,
        seed=trial.seed,
        purpose=f"scorecard.{methods[0]}",
    )
    return sizes, dict(zip(methods, every, strict=True))
