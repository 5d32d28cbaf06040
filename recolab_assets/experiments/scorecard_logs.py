"""The scorecard's rows on estimates from the log of a randomised policy."""

from dataclasses import dataclass

from recolab_assets.experiments.arrays import IntArray
from recolab_assets.experiments.counterfactual import LoggingPolicy
from recolab_assets.experiments.judgement import Rows, Setting, judge, judge_alarms
from recolab_assets.experiments.logged_replicates import CandidateLog, logged_readings
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.trial import Trial, experiment_sizes, needed_by_effects
from recolab_assets.experiments.users_needed import UsersNeeded

MAX_LOGGED = 5_000
"""Users of the largest log; a log costs some twenty times what an A/B test of as many does."""


@dataclass(frozen=True, kw_only=True)
class Logging:
    """The policy that leaves the log.

    Attributes:
        ranks: (n_products,) popularity rank, from 1.
        popular: Name of the model whose list the policy starts from.
        kind: How slots are filled.
        epsilon: Share of slots left to chance.
    """

    ranks: IntArray
    popular: str
    kind: LoggingPolicy
    epsilon: float


def logged_rows(
    trial: Trial, equal: Trial | None, logging: Logging
) -> tuple[Rows, dict[str, dict[int, UsersNeeded]]]:
    """All rows on logs, and the users that each estimator needs for each model.

    ``clicks_lost`` is what the logging policy loses of the best model's clicks while it collects
    the log.

    Args:
        trial: The models as they are.
        equal: Arms of equal truth, the control first; None if there are none.
        logging: The policy.
    """
    popular = trial.comparisons.models.index(logging.popular)
    sizes, log, every = _repeat(trial, logging, popular)
    alpha, highest = trial.comparisons.alpha, trial.expected.max()
    rows: Rows = []
    needed: dict[str, dict[int, UsersNeeded]] = {}
    for method, readings in every.items():
        for number, size in enumerate(sizes):
            rows += judge(method, Setting(n_users=size), readings.scores[:, number], trial.expected)
        rows += trial.comparisons.judge(method, readings, sizes, trial.true_rate_differences)
        if highest > 0:
            rows.append(Setting().row(method, "clicks_lost", 1 - log.policy_clicks / highest))
        needed[method] = needed_by_effects(trial, readings, sizes[-1])
    if equal is not None:
        sizes, _, every = _repeat(equal, logging, equal.control)
        for method, readings in every.items():
            for number, size in enumerate(sizes):
                setting = Setting(arms="equal_truth", n_users=size)
                p_values = readings.p_values[:, number]
                rows += judge_alarms(method, setting, p_values, equal.control, alpha)
    return rows, needed


def _repeat(
    trial: Trial, logging: Logging, popular: int
) -> tuple[list[int], CandidateLog, dict[str, Readings]]:
    sizes = experiment_sizes(trial.users.size, MAX_LOGGED)
    log = CandidateLog.prepare(
        trial.rankings,
        trial.attraction,
        trial.click_model,
        logging.ranks,
        popular=popular,
        kind=logging.kind,
        epsilon=logging.epsilon,
        seed=trial.seed,
    )
    readings = logged_readings(
        log,
        sizes,
        control=trial.control,
        alpha=trial.comparisons.alpha,
        replicates=trial.replicates,
        seed=trial.seed,
    )
    return sizes, log, readings
