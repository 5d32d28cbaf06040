"""The verdict for the shop: what is best with all, new and repeat products, and is that noise?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.comparisons import compare_paired, holm
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.product_kinds import KINDS
from recolab_assets.evaluation.report import AccuracyCube
from recolab_assets.models import MODELS
from recolab_assets.tables import TABLES

_METRIC: Final = "ndcg"

_NAMES: Final = {
    "popularity": "popularity",
    "als": "ALS",
    "item_cf": "item-based filtering",
    "content_based": "the content-based model",
    "hybrid": "the hybrid",
    "recent_popularity": "the best sellers of the last {days} days",
    "category_popularity": "the best sellers of the user's categories",
    "buy_again": "buy it again",
}

_COUNTED: Final = {
    "all": "When every product counts",
    "new": "Among products new to the user",
    "repeat": "Among products that the user had before",
}


@dataclass(frozen=True)
class Standing:
    """Methods with one kind of product, best first.

    Attributes:
        methods: Names; of equal ones the first in the table comes first.
        values: Mean NDCG of each.
        difference: Best minus second, with its interval.
        low: Lower end; NaN with a single user.
        high: Upper end; NaN likewise.
        p_adjusted: ``(n,)`` p-value of the best against each, Holm-corrected over all pairs of
            methods, since which one is best was not known before; 1 for the best itself.
        n_users: Users compared.
    """

    methods: list[str]
    values: list[float]
    difference: float
    low: float
    high: float
    p_adjusted: list[float]
    n_users: int


def standing(user_metrics: pa.Table, k: int, confidence: float) -> Standing:
    """Rank the methods by mean NDCG and compare every two of them user by user.

    Args:
        user_metrics: Rows of one kind of product, columns as of the table user_metrics, of two
            methods or more.
        k: Length at which lists are cut.
        confidence: Confidence of the interval.
    """
    cube = AccuracyCube.from_table(user_metrics.filter(pc.equal(user_metrics["k"], k)))
    scores = cube.values[:, :, 0, list(ACCURACY_METRICS).index(_METRIC)]
    means = scores.mean(axis=0)
    order = np.argsort(-means, kind="stable")
    # Best first, so that the pairs of the best come first, and its rivals in their order.
    ranked = scores[:, order]
    first, second = np.array(list(combinations(range(len(order)), 2))).T
    compared = compare_paired(ranked[:, first], ranked[:, second], confidence=confidence)
    adjusted = holm(compared.p_value)[: len(order) - 1]
    return Standing(
        [cube.models[at] for at in order],
        means[order].tolist(),
        float(compared.difference[0]),
        float(compared.low[0]),
        float(compared.high[0]),
        [1.0, *adjusted.tolist()],
        compared.n,
    )


def shop_verdict_table(
    product_kind_metrics: pa.Table, user_metrics: pa.Table, config: EvaluationConfig
) -> pa.Table:
    """Say in a sentence what is best with all, new and repeat products, by NDCG at the shortest k.

    Args:
        product_kind_metrics: Rows of the table product_kind_metrics.
        user_metrics: Rows of the table product_kind_user_metrics.
        config: k values, confidence.

    Returns:
        Rows of the table shop_verdict, one for each of `KINDS`, whatever was measured.
    """
    k = min(config.k_values)
    intervals = {
        (row["products"], row["model"]): row
        for row in product_kind_metrics.to_pylist()
        if row["metric"] == _METRIC and row["k"] == k
    }
    rows = []
    for kind in KINDS:
        own = user_metrics.filter(pc.equal(user_metrics["products"], kind))
        found = standing(own, k, config.confidence) if own.num_rows else None
        if found is None or found.values[0] == 0:
            rows.append(_undecided(kind, k, found))
        else:
            interval = intervals[kind, found.methods[0]]
            rows.append(_row(kind, found, interval, k, config))
    return pa.Table.from_pylist(rows, schema=TABLES["shop_verdict"].arrow_schema)


def _undecided(kind: str, k: int, found: Standing | None) -> dict[str, Any]:
    """Say that there is nothing to compare."""
    what = "nobody came for one in the hold-out"
    if found is not None:
        what = f"no list of {k} holds one that was wanted in the hold-out"
    return {
        "products": kind,
        "k": k,
        "n_users": found.n_users if found else 0,
        "as_good": [],
        "is_decided": False,
        "sentence": f"{_COUNTED[kind]}, nothing can be said: {what}.",
    }


def _row(
    kind: str, found: Standing, interval: Mapping[str, Any], k: int, config: EvaluationConfig
) -> dict[str, Any]:
    alpha = 1 - config.confidence
    rivals = list(zip(found.methods, found.p_adjusted, strict=True))[1:]
    at = next(i for i, method in enumerate(found.methods) if method in MODELS)
    row = {
        "products": kind,
        "k": k,
        "n_users": found.n_users,
        "best": found.methods[0],
        "value": found.values[0],
        "ci_low": interval["ci_low"],
        "ci_high": interval["ci_high"],
        "runner_up": found.methods[1],
        "runner_up_value": found.values[1],
        "difference": found.difference,
        "difference_low": None if np.isnan(found.low) else found.low,
        "difference_high": None if np.isnan(found.high) else found.high,
        "p_adjusted": found.p_adjusted[1],
        "is_decided": found.p_adjusted[1] < alpha,
        "as_good": [method for method, p in rivals if p >= alpha],
        "best_model": found.methods[at],
        "best_model_value": found.values[at],
    }
    return {**row, "sentence": _sentence(row, config)}


def _sentence(row: Mapping[str, Any], config: EvaluationConfig) -> str:
    def name(method: str) -> str:
        return _NAMES[method].format(days=config.recent_days)

    users = f"{row['n_users']:,} user{'s' * (row['n_users'] != 1)}"
    measured = f"NDCG@{row['k']} {row['value']:.3f} ({users}"
    if row["ci_low"] is not None:
        interval = f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"
        measured = f"{measured}, {config.confidence:.0%} interval {interval}"
    text = f"{_COUNTED[row['products']]}, {name(row['best'])} did best: {measured})."
    text += f" Second came {name(row['runner_up'])} with {row['runner_up_value']:.3f};"
    p = "p < 0.001" if row["p_adjusted"] < 0.001 else f"p = {row['p_adjusted']:.2g}"
    if row["is_decided"]:
        text += f" the difference is more than noise ({p})."
    else:
        text += f" the difference is within noise ({p})"
        others = [name(method) for method in row["as_good"] if method != row["runner_up"]]
        text += f", as is that to {_listed(others)}." if others else "."
    if row["best_model"] not in (row["best"], row["runner_up"]):
        text += f" The best model, {name(row['best_model'])}, reached"
        text += f" {row['best_model_value']:.3f}."
    return text


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
