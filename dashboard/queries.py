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
    " significant, is_best, sample_ratio_p",
    "experiments.ab_report",
)
AB_COMPARISONS: Final = _as_written(
    "arm AS model, metric, value, control_value, difference, relative_difference, relative_low,"
    " relative_high, p_adjusted, power, minimum_detectable_effect, cuped_variance_removed,"
    " cuped_p_value, superiority, p_mann_whitney,"
    " CASE WHEN ranks_disagree THEN 'disagree' ELSE 'agree' END AS ranks",
    "experiments.ab_comparisons",
)
AB_SEQUENCE: Final = _as_written(
    "arm AS model, day, n_users, difference, ci_low, ci_high, excludes_zero",
    "experiments.ab_sequence",
)
AB_SEGMENTS: Final = _as_written(
    "segmentation, segment, arm AS model, n_users, ctr, control_ctr, difference, ci_low, ci_high,"
    " p_adjusted",
    "experiments.ab_segments",
)
INTERLEAVING_REPORT: Final = _as_written(
    "model, n_users, win_rate, avg_credits, is_winner", "experiments.interleaving_report"
)
INTERLEAVING_PREFERENCES: Final = _as_written(
    "model_a, model_b, preference, ci_low, ci_high, p_adjusted, n_users",
    "experiments.interleaving_preferences",
)
INTERLEAVING_PAIRS: Final = _as_written(
    "model_a, model_b, preference, ci_low, ci_high, p_adjusted, n_users",
    "experiments.interleaving_pairs",
)
EXPERIMENT_PLAN: Final = _as_written(
    "sentence, recommended, smallest_effect, alpha", "experiments.experiment_plan"
)
METHOD_SCORECARD: Final = _as_written(
    "method, measure, arms, model, n_users, value, standard_error", "experiments.method_scorecard"
)
TRUTH: Final = _as_written("model, metric, value", "experiments.truth")

IMPORT_REPORT: Final = _as_written(
    "kind, finding, severity, rule, n_matched, n_rows, share, examples, advice",
    "raw.import_report",
)
SHOP_FUNNEL: Final = _as_written(
    "breakdown, segment, month, step, position, n_events, n_users", "reports.shop_funnel"
)
SEASONALITY: Final = _as_written("category, month, realised, specified", "reports.seasonality")
SESSION_LENGTHS: Final = _as_written(
    "n_events, n_sessions, n_with_read, n_with_purchase, mean_minutes", "reports.session_lengths"
)
READS_TO_PURCHASES: Final = _as_written(
    "category, within_days, step, n_reads, n_after, n_before", "reports.reads_to_purchases"
)
METRIC_CURVES: Final = _as_written("model, metric, k, value", "evaluation.metric_curves")
SEGMENT_METRICS: Final = _as_written(
    "segmentation, segment, model, metric, k, value, ci_low, ci_high, n_users",
    "evaluation.segment_metrics",
)
SEGMENT_COMPARISONS: Final = _as_written(
    "segmentation, segment, model_a, model_b, metric, k, difference, ci_low, ci_high, p_adjusted,"
    " n_users",
    "evaluation.segment_comparisons",
)
PRODUCT_KIND_METRICS: Final = _as_written(
    "model, products, metric, k, value, ci_low, ci_high, n_users",
    "evaluation.product_kind_metrics",
)
USER_GROUP_METRICS: Final = _as_written(
    "users, model, products, metric, k, value, ci_low, ci_high, n_users",
    "evaluation.user_group_metrics",
)
SHOP_VERDICT: Final = _as_written("products, k, sentence", "evaluation.shop_verdict")
ROLLING_METRICS: Final = _as_written(
    "cut, cut_at, model, products, metric, k, value, n_users", "evaluation.rolling_metrics"
)
ROLLING_SUMMARY: Final = _as_written(
    "model, products, metric, k, n_cuts, mean, standard_deviation, lowest, highest, n_best",
    "evaluation.rolling_summary",
)
MATERIALIZATIONS: Final = _as_written(
    "asset, run_id, materialized_at, config, random_seed, fingerprint, settings, inputs,"
    " input_runs",
    "history.materializations",
)

EXPOSURE_BY_DECILE: Final = Query(
    """
    WITH ranked AS (
        SELECT product_id, ntile(10) OVER (ORDER BY n DESC, product_id) AS decile
        FROM evaluation.product_exposure WHERE source = 'interactions'
    )
    SELECT source, decile, sum(n)::DOUBLE / nullif(sum(sum(n)) OVER (PARTITION BY source), 0)
        ::DOUBLE AS share
    FROM evaluation.product_exposure JOIN ranked USING (product_id)
    GROUP BY source, decile ORDER BY source, decile
    """,
    ("evaluation.product_exposure",),
)
"""Share of each tenth of the catalogue, the most used products first."""
LORENZ: Final = Query(
    """
    WITH summed AS (
        SELECT
            source,
            row_number() OVER w AS place,
            count(*) OVER (PARTITION BY source) AS n_products,
            sum(n) OVER w AS so_far,
            sum(n) OVER (PARTITION BY source) AS total
        FROM evaluation.product_exposure
        WINDOW w AS (PARTITION BY source ORDER BY n, product_id)
    )
    SELECT source, place / n_products AS products, so_far::DOUBLE / nullif(total, 0) AS share
    FROM summed
    -- A hundred points draw the curve; of a small catalogue all.
    WHERE n_products <= 100 OR place % (n_products // 100) = 0 OR place = n_products
    ORDER BY source, place
    """,
    ("evaluation.product_exposure",),
)
"""Share that the least exposed products have, over their share of the catalogue."""
EXPOSURE_BY_CATEGORY: Final = Query(
    """
    WITH counted AS (
        SELECT source, coalesce(category, '(none)') AS category, sum(n) AS n
        FROM evaluation.product_exposure JOIN raw.products USING (product_id)
        GROUP BY ALL
    )
    SELECT source, category,
        n::DOUBLE / nullif(sum(n) OVER (PARTITION BY source), 0)::DOUBLE AS share
    FROM counted ORDER BY source, category
    """,
    ("evaluation.product_exposure", "raw.products"),
)
ACCURACY_BY_HISTORY: Final = Query(
    """
    SELECT model, k, CASE WHEN coalesce(n_events, 0) = 0 THEN 'cold' ELSE 'warm' END AS history,
        count(*) AS n_users, avg(ndcg) AS ndcg, avg(recall) AS recall, avg(hit_rate) AS hit_rate
    FROM evaluation.user_metrics LEFT JOIN processed.user_features USING (user_id)
    GROUP BY ALL ORDER BY history DESC, model, k
    """,
    ("evaluation.user_metrics", "processed.user_features"),
)
"""Accuracy of users with and without an event in training."""

STANDING: Final = (
    OFFLINE_METRICS,
    MODEL_COMPARISONS,
    GUARDRAILS,
    AB_REPORT,
    AB_COMPARISONS,
    AB_SEQUENCE,
    AB_SEGMENTS,
    INTERLEAVING_REPORT,
    INTERLEAVING_PREFERENCES,
    INTERLEAVING_PAIRS,
    EXPERIMENT_PLAN,
    METHOD_SCORECARD,
    TRUTH,
    IMPORT_REPORT,
    SHOP_FUNNEL,
    SEASONALITY,
    SESSION_LENGTHS,
    READS_TO_PURCHASES,
    METRIC_CURVES,
    SEGMENT_METRICS,
    SEGMENT_COMPARISONS,
    PRODUCT_KIND_METRICS,
    USER_GROUP_METRICS,
    SHOP_VERDICT,
    ROLLING_METRICS,
    ROLLING_SUMMARY,
    MATERIALIZATIONS,
    EXPOSURE_BY_DECILE,
    LORENZ,
    EXPOSURE_BY_CATEGORY,
    ACCURACY_BY_HISTORY,
)
"""Small tables that pages read whole and filter themselves: in memory, they are there for every
page and every filter while a run holds the file."""
