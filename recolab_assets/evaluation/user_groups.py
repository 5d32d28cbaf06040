"""Metrics by how much is known of a user: cold users and warm ones apart."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.stats import t as student

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.list_metrics import MEAN_METRICS, Catalogue, measure_lists
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.report import AccuracyCube, ModelLists
from recolab_assets.tables import TABLES

Values = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

USER_GROUPS: Final = ("cold", "1 to 4", "5 to 19", "20 or more")
"""By distinct products in training: none, or so many."""
_FIRST: Final = (1, 5, 20)
"""Products from which on a user belongs to each group after the first."""


def user_groups(n_products: npt.ArrayLike) -> Groups:
    """Return the number of each user's group, by distinct products in training.

    >>> user_groups([0, 1, 4, 5, 19, 20])
    array([0, 1, 1, 2, 2, 3])
    """
    return np.searchsorted(_FIRST, np.asarray(n_products), side="right")


def user_group_metrics(
    user_metrics: pa.Table,
    models: ModelLists,
    n_products: npt.NDArray[np.integer],
    catalogue: Catalogue,
    config: EvaluationConfig,
) -> pa.Table:
    """Average the metrics of every model over the users of each group.

    Accuracy is averaged over the eligible users of the group, list metrics over the lists of all
    of its users. Intervals are Student's: the groups are of very different size, and the small
    ones would be resampled from too few users. A group in which nobody has a value has no row.

    Args:
        user_metrics: Rows of the table user_metrics.
        models: Name and lists of each model, read once, one at a time.
        n_products: ``(n_users,)`` distinct products in training, by user id.
        catalogue: Categories and training popularity of the products.
        config: k values and confidence.

    Returns:
        Rows of the table user_group_metrics.
    """
    group = user_groups(n_products)
    rows = [
        {"model": model, "metric": metric, "k": k, **of_group}
        for part in (
            _accuracy(user_metrics, group),
            _lists(models, group, catalogue, sorted(config.k_values)),
        )
        for model, metric, k, values, groups in part
        for of_group in _by_group(values, groups, config.confidence)
    ]
    order = {name: i for i, name in enumerate((*ACCURACY_METRICS, *MEAN_METRICS))}
    place = {name: i for i, name in enumerate(dict.fromkeys(row["model"] for row in rows))}
    rows.sort(key=lambda r: (place[r["model"]], r["position"], order[r["metric"]], r["k"]))
    return pa.Table.from_pylist(rows, schema=TABLES["user_group_metrics"].arrow_schema)


Measured = Iterator[tuple[str, str, int, Values, Groups]]
"""Model, metric, k, values of users and their groups."""


def _accuracy(user_metrics: pa.Table, group: Groups) -> Measured:
    if not user_metrics.num_rows:
        return
    cube = AccuracyCube.from_table(user_metrics)
    groups = group[np.unique(user_metrics["user_id"].to_numpy())]
    for m, model in enumerate(cube.models):
        for i, k in enumerate(cube.k_values):
            for j, metric in enumerate(ACCURACY_METRICS):
                yield model, metric, k, cube.values[:, m, i, j], groups


def _lists(
    models: ModelLists, group: Groups, catalogue: Catalogue, k_values: list[int]
) -> Measured:
    for model, lists in models:
        for k in k_values:
            per_list = measure_lists(lists.products, catalogue, k).per_list
            for metric in MEAN_METRICS:
                yield model, metric, k, per_list[metric], group[lists.users]


def _by_group(values: Values, groups: Groups, confidence: float) -> Iterator[dict[str, Any]]:
    for position, name in enumerate(USER_GROUPS):
        mine = values[groups == position]
        mine = mine[~np.isnan(mine)]
        if not mine.size:
            continue
        mean, half = float(mine.mean()), None
        if mine.size > 1:
            error = float(mine.std(ddof=1)) / mine.size**0.5
            half = float(student.ppf((1 + confidence) / 2, mine.size - 1)) * error
        yield {
            "user_group": name,
            "position": position + 1,
            "value": mean,
            "ci_low": None if half is None else mean - half,
            "ci_high": None if half is None else mean + half,
            "n_users": mine.size,
        }
