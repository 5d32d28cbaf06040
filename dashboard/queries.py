"""The only SQL of the dashboard: every question that a page asks, values bound."""

from typing import Final

from dashboard.store import Query


def _as_written(columns: str, table: str) -> Query:
    """All rows of a small table, in the order in which the lab wrote them."""
    return Query(f"SELECT {columns} FROM {table}", (table,))


OFFLINE_METRICS: Final = _as_written(
    "model, metric, k, value, ci_low, ci_high, n_users", "evaluation.offline_metrics"
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

LIST_LENGTHS: Final = Query(
    "SELECT DISTINCT k FROM evaluation.offline_metrics ORDER BY k", ("evaluation.offline_metrics",)
)


def metrics_at(k: int) -> Query:
    """Every offline metric of every model at one list length."""
    return Query(
        "SELECT model, metric, value, ci_low, ci_high, n_users"
        " FROM evaluation.offline_metrics WHERE k = ?",
        ("evaluation.offline_metrics",),
        (k,),
    )


def comparisons_at(metric: str, k: int) -> Query:
    """Paired differences of one metric between every two models at one list length."""
    return Query(
        "SELECT model_a, model_b, difference, ci_low, ci_high, effect_size, p_adjusted, n_users"
        " FROM evaluation.model_comparisons WHERE metric = ? AND k = ?",
        ("evaluation.model_comparisons",),
        (metric, k),
    )
