"""Limits that a model to be shipped must keep."""

import pyarrow as pa

from recolab_assets.config import EvaluationConfig
from recolab_assets.tables import TABLES


def guardrails_table(offline_metrics: pa.Table, config: EvaluationConfig) -> pa.Table:
    """Hold each model's catalogue coverage and category diversity against their limits.

    Measured at the longest k; a value equal to its limit passes. A model that has no such value
    (diversity in a shop without categories) has no row.

    Args:
        offline_metrics: Rows of the table offline_metrics.
        config: Limits, and the k values.

    Returns:
        Rows of the table guardrails.
    """
    thresholds = {
        "coverage": config.coverage_guardrail,
        "diversity": config.diversity_guardrail,
    }
    longest = max(config.k_values)
    columns = offline_metrics.select(["model", "metric", "k", "value"]).to_pylist()
    rows = [
        {
            "model": row["model"],
            "metric": row["metric"],
            "value": row["value"],
            "threshold": thresholds[row["metric"]],
            "passed": row["value"] >= thresholds[row["metric"]],
        }
        for row in columns
        if row["k"] == longest and row["metric"] in thresholds
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["guardrails"].arrow_schema)
