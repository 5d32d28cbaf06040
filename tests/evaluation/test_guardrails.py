"""Guardrails at, below and above their limits."""

from typing import Any

import pyarrow as pa
import pytest

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.guardrails import guardrails_table
from recolab_assets.tables import TABLES

CONFIG = EvaluationConfig(k_values=[5, 10], coverage_guardrail=0.05, diversity_guardrail=0.3)


def offline_metrics(*rows: tuple[str, str, int, float]) -> pa.Table:
    names = ("model", "metric", "k", "value")
    full: list[dict[str, Any]] = [
        {**dict(zip(names, row, strict=True)), "ci_low": None, "ci_high": None, "n_users": 10}
        for row in rows
    ]
    return pa.Table.from_pylist(full, schema=TABLES["offline_metrics"].arrow_schema)


@pytest.mark.parametrize(
    ("metric", "value", "passed"),
    [
        ("coverage", 0.05, True),
        ("coverage", 0.0499, False),
        ("coverage", 0.9, True),
        ("diversity", 0.3, True),
        ("diversity", 0.29, False),
        ("diversity", 0.0, False),
    ],
)
def test_a_value_equal_to_its_limit_passes(metric: str, value: float, passed: bool) -> None:
    [row] = guardrails_table(offline_metrics(("als", metric, 10, value)), CONFIG).to_pylist()
    limit = {"coverage": 0.05, "diversity": 0.3}[metric]
    assert row == {
        "model": "als",
        "metric": metric,
        "value": value,
        "threshold": limit,
        "passed": passed,
    }


def test_only_the_longest_k_and_the_guarded_metrics_count() -> None:
    found = guardrails_table(
        offline_metrics(
            ("als", "coverage", 5, 0.01),
            ("als", "coverage", 10, 0.06),
            ("als", "ndcg", 10, 0.2),
            ("hybrid", "diversity", 10, 0.1),
        ),
        CONFIG,
    )
    assert found.schema == TABLES["guardrails"].arrow_schema
    assert [tuple(row.values())[:2] for row in found.to_pylist()] == [
        ("als", "coverage"),
        ("hybrid", "diversity"),
    ]
    assert found["passed"].to_pylist() == [True, False]


def test_without_metrics_there_are_no_guardrails() -> None:
    found = guardrails_table(offline_metrics(), CONFIG)
    assert found.num_rows == 0
    assert found.schema == TABLES["guardrails"].arrow_schema
