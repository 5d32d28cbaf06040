"""The only SQL of the dashboard: every question that a page asks, values bound."""

from typing import Final

from dashboard.store import Query


def _as_written(columns: str, table: str) -> Query:
    """All rows of a small table, in the order in which the lab wrote them."""
    return Query(f"SELECT {columns} FROM {table}", (table,))


OFFLINE_METRICS: Final = _as_written(
    "model, metric, k, value, ci_low, ci_high, n_users", "evaluation.offline_metrics"
)
MODEL_COMPARISONS: Final = _as_written(
    "model_a, model_b, metric, k, difference, ci_low, ci_high, effect_size, p_adjusted, n_users",
    "evaluation.model_comparisons",
)
GUARDRAILS: Final = _as_written("model, metric, value, threshold, passed", "evaluation.guardrails")
AB_REPORT: Final = _as_written(
    "arm AS model, is_control, n_users, impressions, clicks, purchases, ctr, session_depth,"
    " purchase_rate, ctr_uplift, ctr_uplift_low, ctr_uplift_high, p_mann_whitney, p_adjusted,"
    " significant, is_best",
    "experiments.ab_report",
)
INTERLEAVING_REPORT: Final = _as_written(
    "model, n_users, win_rate, avg_credits, is_winner", "experiments.interleaving_report"
)
INTERLEAVING_PREFERENCES: Final = _as_written(
    "model_a, model_b, preference, ci_low, ci_high, p_adjusted, n_users",
    "experiments.interleaving_preferences",
)
TRUTH: Final = _as_written("model, metric, value", "experiments.truth")
METHOD_SCORECARD: Final = _as_written(
    "method, measure, arms, model, CAST(n_users AS DOUBLE) AS n_users, value, standard_error",
    "experiments.method_scorecard",
)
INTERLEAVING_PAIRS: Final = _as_written(
    "model_a, model_b, preference", "experiments.interleaving_pairs"
)
COUNTERFACTUAL_REPORT: Final = _as_written(
    "model, estimator, value", "experiments.counterfactual_report"
)
EXPERIMENT_PLAN: Final = _as_written(
    "method, users_needed, days_needed, smallest_effect, alpha, power, recommended, sentence",
    "experiments.experiment_plan",
)

STANDING: Final = (
    OFFLINE_METRICS,
    MODEL_COMPARISONS,
    GUARDRAILS,
    AB_REPORT,
    INTERLEAVING_REPORT,
    INTERLEAVING_PREFERENCES,
    TRUTH,
    METHOD_SCORECARD,
    INTERLEAVING_PAIRS,
    COUNTERFACTUAL_REPORT,
    EXPERIMENT_PLAN,
)
"""Small tables that pages read whole and filter themselves: in memory, they are there for every
page and every filter while a run holds the file."""
