"""Fixtures of the dashboard's tests: a tiny finished lab, written as the graph writes it."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from recolab_assets.storage import Database
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import TABLES

# model: NDCG@10, NDCG@20, coverage, CTR uplift with interval, significant, clicks of 10,000
RESULTS = {
    "popularity": (0.10, 0.12, 0.01, None, None, None, False, 100),
    "als": (0.14, 0.16, 0.30, 0.20, 0.10, 0.31, True, 120),
    "hybrid": (0.18, 0.21, 0.90, 0.60, 0.48, 0.73, True, 160),
}


def tables() -> dict[str, list[dict[str, object]]]:
    """Rows of every table that the pages read: popularity breaks a guardrail, hybrid is best."""
    offline = [
        {
            "model": model,
            "metric": metric,
            "k": k,
            "value": value,
            "ci_low": None if metric == "coverage" else value - 0.01,
            "ci_high": None if metric == "coverage" else value + 0.02,
            "n_users": 500,
        }
        for model, (ndcg_10, ndcg_20, coverage, *_) in RESULTS.items()
        for metric, k, value in (
            ("ndcg", 10, ndcg_10),
            ("ndcg", 20, ndcg_20),
            ("recall", 10, ndcg_10 + 0.05),
            ("recall", 20, ndcg_20 + 0.05),
            ("coverage", 10, coverage),
            ("coverage", 20, coverage),
        )
    ]
    arms = [
        {
            "arm": model,
            "is_control": model == "popularity",
            "n_users": 500,
            "impressions": 10_000,
            "clicks": clicks,
            "purchases": clicks // 4,
            "ctr": clicks / 10_000,
            "session_depth": 8.0,
            "purchase_rate": clicks / 40_000,
            "ctr_uplift": uplift,
            "ctr_uplift_low": low,
            "ctr_uplift_high": high,
            "p_mann_whitney": None if uplift is None else 1e-5,
            "p_value": None if uplift is None else 1e-6,
            "p_adjusted": None if uplift is None else 2e-6,
            "significant": significant,
            "is_best": model == "hybrid",
        }
        for model, (_, _, _, uplift, low, high, significant, clicks) in RESULTS.items()
    ]
    pairs = [("popularity", "als"), ("popularity", "hybrid"), ("als", "hybrid")]
    return {
        "offline_metrics": offline,
        "model_comparisons": [
            {
                "model_a": a,
                "model_b": b,
                "metric": "ndcg",
                "k": k,
                "difference": -0.04,
                "ci_low": -0.05,
                "ci_high": -0.03,
                "effect_size": -0.2,
                "p_value": 0.001,
                "p_adjusted": 0.003,
                "n_users": 500,
            }
            for a, b in pairs
            for k in (10, 20)
        ],
        "guardrails": [
            {
                "model": model,
                "metric": "coverage",
                "value": result[2],
                "threshold": 0.05,
                "passed": result[2] >= 0.05,
            }
            for model, result in RESULTS.items()
        ],
        "ab_report": arms,
        "interleaving_report": [
            {
                "model": model,
                "n_users": 200,
                "win_rate": rate,
                "avg_credits": rate + 0.01,
                "is_winner": model == "als",
            }
            for model, rate in zip(RESULTS, (0.05, 0.09, 0.08), strict=True)
        ],
        "interleaving_preferences": [
            {
                "model_a": a,
                "model_b": b,
                "preference": 0.4,
                "ci_low": 0.2,
                "ci_high": 0.49 if b == "hybrid" else 0.6,
                "p_value": 0.04,
                "p_adjusted": 0.12,
                "n_users": 25,
            }
            for a, b in pairs
        ],
        "shop_verdict": [
            {
                "products": products,
                "k": 10,
                "n_users": 500,
                "best": "hybrid",
                "value": 0.18,
                "is_decided": True,
                "as_good": [],
                "sentence": f"Of {products} products the hybrid did best.",
            }
            for products in ("all", "new", "repeat")
        ],
        "truth": [
            {"model": model, "metric": "ctr", "value": value}
            for model, value in (
                ("popularity", 0.010),
                ("als", 0.0125),
                ("hybrid", 0.0158),
                ("oracle", 0.03),
            )
        ],
    }


def write_lab(path: Path, contents: dict[str, list[dict[str, object]]]) -> None:
    """Write tables as the graph's IO manager does."""
    with Database(path).write() as connection:
        for name, rows in contents.items():
            table = TABLES[name]
            write_table(
                connection, table.schema, name, pa.Table.from_pylist(rows, table.arrow_schema)
            )


@pytest.fixture
def results():
    """Rows of a finished lab, to be changed at will."""
    return tables()


@pytest.fixture
def write(tmp_path):
    """Return a function that writes rows into a file of the test's own, and returns its path."""

    def writer(contents):
        path = tmp_path / "lab.duckdb"
        write_lab(path, contents)
        return path

    return writer


@pytest.fixture
def own_lab(lab, tmp_path):
    """A finished lab in a file of the test's own."""
    return Path(shutil.copyfile(lab, tmp_path / "lab.duckdb"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory, lab_run):
    """A finished lab, only to be read: a run of the small shop, with results made up over it."""
    path = tmp_path_factory.mktemp("lab") / "lab.duckdb"
    shutil.copyfile(lab_run[0].database_path, path)
    write_lab(path, tables())
    return path
