"""Rolling evaluation: the same measurement at several cuts in time, and how much it varies.

One cut tells what one month was like. At each of several, every model is fitted anew to what lies
before it and measured, beside the baselines, on the window after it. To keep that cheap, the log is
that of a sample of users only. Values are comparable between cuts. Where the sample is not all
users they are below those of the lab's models, most for methods that need many users to learn from,
such as item neighbours: which method is best is for the tables of the whole log to say.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.config import LabConfig
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.product_kinds import product_kind_user_metrics, relevance_of_kinds
from recolab_assets.evaluation.report import AccuracyCube
from recolab_assets.models import fit_models
from recolab_assets.models.baselines import baselines, recent_sales
from recolab_assets.models.training import TrainingData
from recolab_assets.tables import TABLES


class Cut(NamedTuple):
    """One cut in time; users have ids from 0, as in a shop of their own."""

    number: int
    """1 is the latest."""
    cut_at: datetime
    """Training ends and the hold-out begins."""
    train_pairs: pa.Table
    """As ``processed.train_pairs``, of what lies before the cut."""
    latest_pairs: pa.Table
    """The same of the last days before it, weights not logarithms."""
    popularity: pa.Table
    """As ``models.popularity``, of what lies before the cut."""
    test_interactions: pa.Table
    """user_id, item_id and item_type of the window after it."""


def cut_metrics(cut: Cut, products: pa.Table, n_users: int, config: LabConfig) -> pa.Table:
    """Fit every model to the training part of a cut and measure models and baselines after it.

    Args:
        cut: What lies before and after the cut.
        products: The catalogue.
        n_users: Users of the sample.
        config: Settings of models and metrics.

    Returns:
        Rows of the table rolling_metrics.
    """
    data = TrainingData.from_tables(cut.train_pairs, products, cut.popularity, n_users)
    sales = recent_sales(cut.latest_pairs, data.n_products)
    measured = product_kind_user_metrics(
        {**fit_models(data, config.model, config.training_seed), **baselines(data, sales)},
        data,
        relevance_of_kinds(cut.test_interactions, cut.train_pairs),
        config.evaluation.k_values,
        config.model.candidate_depth,
    )
    rows = [
        {"cut": cut.number, "cut_at": cut.cut_at, "products": kind, **row}
        for kind in pc.unique(measured["products"]).to_pylist()
        for row in _means(measured.filter(pc.equal(measured["products"], kind)))
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["rolling_metrics"].arrow_schema)


def _means(user_metrics: pa.Table) -> list[dict[str, Any]]:
    """Average every metric of every method over users."""
    cube = AccuracyCube.from_table(user_metrics)
    means = cube.values.mean(axis=0)
    return [
        {
            "model": model,
            "metric": metric,
            "k": k,
            "value": float(means[a, i, j]),
            "n_users": len(cube.values),
        }
        for a, model in enumerate(cube.models)
        for j, metric in enumerate(ACCURACY_METRICS)
        for i, k in enumerate(cube.k_values)
    ]


def rolling_summary_table(rolling_metrics: pa.Table) -> pa.Table:
    """Summarise over cuts.

    Args:
        rolling_metrics: Rows of the table rolling_metrics.

    Returns:
        Rows of the table rolling_summary, in the order in which methods first appear.
    """
    rows = rolling_metrics.to_pylist()
    best: dict[tuple[Any, ...], float] = defaultdict(float)
    values = defaultdict(list)
    for row in rows:
        contest = _contest(row)
        best[contest] = max(best[contest], row["value"])
        values[row["model"], row["products"], row["metric"], row["k"]].append(row["value"])
    wins: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in rows:
        key = (row["model"], row["products"], row["metric"], row["k"])
        wins[key] += row["value"] == best[_contest(row)]
    summary = [
        {
            "model": model,
            "products": products,
            "metric": metric,
            "k": k,
            "n_cuts": len(found),
            "mean": float(np.mean(found)),
            "standard_deviation": float(np.std(found, ddof=1)) if len(found) > 1 else None,
            "lowest": min(found),
            "highest": max(found),
            "n_best": wins[model, products, metric, k],
        }
        for (model, products, metric, k), found in values.items()
    ]
    return pa.Table.from_pylist(summary, schema=TABLES["rolling_summary"].arrow_schema)


def _contest(row: dict[str, Any]) -> tuple[Any, ...]:
    """Where methods meet: one cut, one kind of product, one metric at one length."""
    return row["cut"], row["products"], row["metric"], row["k"]
