"""The tables of offline evaluation: per user, per model, and between models.

`Relevance` and the lists of the models give ``user_metrics``; that and the lists again give
``offline_metrics``; ``user_metrics`` alone gives ``model_comparisons``. Lists are taken one model
at a time, so that an iterator over (name, lists) that loads them as it goes bounds the memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.comparisons import compare_paired, holm
from recolab_assets.evaluation.intervals import MeanIntervals, mean_intervals
from recolab_assets.evaluation.list_metrics import (
    MEAN_METRICS,
    SET_METRICS,
    Catalogue,
    measure_lists,
)
from recolab_assets.evaluation.metrics import ACCURACY_METRICS, accuracy
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.randomness import stream
from recolab_assets.sql import Select
from recolab_assets.tables import TABLES

_METRIC_ORDER = (
    *ACCURACY_METRICS,
    "coverage",
    "diversity",
    "novelty",
    "average_popularity",
    "gini",
)

ModelLists = Iterable[tuple[str, RecommendationLists]]


def user_metrics(
    models: ModelLists, relevance: Relevance, k_values: Sequence[int]
) -> pa.RecordBatchReader:
    """Measure the accuracy of every model for every eligible user, a batch a model and k.

    Args:
        models: Name and lists of each model, at least max(k_values) long; read as the batches are.
        relevance: Relevant products of the eligible users.
        k_values: Lengths at which lists are cut.

    Returns:
        Rows of the table user_metrics: every eligible user once for each model and k.
    """
    return pa.RecordBatchReader.from_batches(
        TABLES["user_metrics"].arrow_schema, _user_metrics_batches(models, relevance, k_values)
    )


def _user_metrics_batches(
    models: ModelLists, relevance: Relevance, k_values: Sequence[int]
) -> Iterator[pa.RecordBatch]:
    n_relevant = relevance.n_relevant
    for model, lists in models:
        hits = relevance.hits(lists.users, lists.products)
        for k in sorted(k_values):
            columns: dict[str, Any] = {
                "model": pa.repeat(model, n_relevant.size),
                "user_id": relevance.users,
                "k": np.full(n_relevant.size, k, np.int32),
                "n_relevant": n_relevant.astype(np.int32),
                **accuracy(hits, n_relevant, k),
            }
            yield pa.RecordBatch.from_pydict(columns, schema=TABLES["user_metrics"].arrow_schema)


def eligible() -> Select:
    """Select how many users the table user_metrics measures, and their relevant pairs."""
    return Select(
        """
        SELECT
            count(DISTINCT user_id) AS eligible_users,
            CAST(coalesce(sum(n_relevant), 0) AS BIGINT) AS relevant_pairs
        FROM evaluation.user_metrics
        WHERE (model, k) = (SELECT (min(model), min(k)) FROM evaluation.user_metrics)
        """
    )


def accuracy_of_lists(
    users: npt.NDArray[np.integer],
    lists: npt.NDArray[np.integer],
    relevance: Relevance,
    k: int,
) -> npt.NDArray[np.float64]:
    """Measure several lists a user side by side.

    Args:
        users: ``(m,)`` owners of the lists, ascending and distinct.
        lists: ``(m, A, K)`` A lists of each; -1 pads.
        relevance: Relevant products; eligible users without lists are passed over.
        k: Length at which lists are cut.

    Returns:
        ``(n, metrics, A)`` of the n eligible users among the owners, metrics as in
        `ACCURACY_METRICS`.
    """
    eligible = relevance.of_users(users)
    measured = [
        list(accuracy(eligible.hits(users, lists[:, arm]), eligible.n_relevant, k).values())
        for arm in range(lists.shape[1])
    ]
    return np.array(measured).transpose(2, 1, 0)


@dataclass(frozen=True)
class AccuracyCube:
    """The table user_metrics as one array: user × model × k × metric.

    Attributes:
        users: ``(n_users,)`` ids, ascending.
        models: Names, in the order of the table.
        k_values: List lengths, ascending.
        values: ``(n_users, n_models, n_k, n_metrics)``, metrics as in `ACCURACY_METRICS`.
    """

    users: npt.NDArray[np.integer]
    models: list[str]
    k_values: list[int]
    values: npt.NDArray[np.float64]

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """Arrange the rows of user_metrics, which may come in any order.

        Raises:
            ValueError: A user is missing, or there twice, for some model and k: models are
                compared on the same users only.
        """
        encoded = table["model"].combine_chunks().dictionary_encode()
        models = encoded.dictionary.to_pylist()
        users, user_of_row = np.unique(table["user_id"].to_numpy(), return_inverse=True)
        k_values, k_of_row = np.unique(table["k"].to_numpy(), return_inverse=True)
        shape = (users.size, len(models), k_values.size)
        place = np.ravel_multi_index((user_of_row, encoded.indices.to_numpy(), k_of_row), shape)
        if np.any(np.bincount(place, minlength=int(np.prod(shape))) != 1):
            raise ValueError("user_metrics must have every user once for each model and k")
        values = np.empty((place.size, len(ACCURACY_METRICS)))
        for column, metric in enumerate(ACCURACY_METRICS):
            values[place, column] = table[metric].to_numpy()
        return cls(users, models, k_values.tolist(), values.reshape(*shape, len(ACCURACY_METRICS)))


def offline_metrics_table(
    user_metrics: pa.Table,
    models: ModelLists,
    catalogue: Catalogue,
    config: EvaluationConfig,
    seed: int,
) -> pa.Table:
    """Aggregate every metric of every model, with bootstrap intervals of the means.

    Accuracy is averaged over eligible users, list metrics over all lists. Coverage and Gini are
    not means but properties of the whole set of lists, which is given in full, so they carry no
    sampling error; a resample of users, which holds some two thirds of them, would moreover always
    cover less than they do. Their interval stays empty. A value that does not exist (diversity
    without categories, accuracy without eligible users) has no row.

    Args:
        user_metrics: Rows of the table user_metrics.
        models: Name and lists of each model, read once, one at a time.
        catalogue: Categories and training popularity of the products.
        config: k values, number of resamples, confidence.
        seed: Seed of the lab.

    Returns:
        Rows of the table offline_metrics.
    """
    generator = stream(seed, "evaluation.bootstrap.accuracy")
    rows = accuracy_rows(user_metrics, config, generator)
    rows += _list_rows(models, catalogue, config, seed)
    place = {name: i for i, name in enumerate(dict.fromkeys(row["model"] for row in rows))}
    rows.sort(key=lambda row: (place[row["model"]], _METRIC_ORDER.index(row["metric"]), row["k"]))
    return pa.Table.from_pylist(rows, schema=TABLES["offline_metrics"].arrow_schema)


Key = tuple[str, str, int]
"""Model, metric, k."""


def accuracy_rows(
    user_metrics: pa.Table, config: EvaluationConfig, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """Average every accuracy metric over users, with bootstrap intervals.

    Args:
        user_metrics: Rows with the columns of the table user_metrics.
        config: Number of resamples, confidence.
        generator: Source of the resamples.

    Returns:
        Rows of model, metric, k, value, ci_low, ci_high and n_users; none without users.
    """
    if not user_metrics.num_rows:
        return []
    cube = AccuracyCube.from_table(user_metrics)
    keys = [(a, m, k) for a in cube.models for k in cube.k_values for m in ACCURACY_METRICS]
    intervals = mean_intervals(
        cube.values.reshape(len(cube.values), -1),
        samples=config.bootstrap_samples,
        confidence=config.confidence,
        generator=generator,
    )
    return _mean_rows(keys, intervals)


def _list_rows(
    models: ModelLists, catalogue: Catalogue, config: EvaluationConfig, seed: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    users: dict[str, npt.NDArray[np.int32]] = {}
    per_list: dict[Key, npt.NDArray[np.float64]] = {}
    for model, lists in models:
        users[model] = lists.users
        for k in sorted(config.k_values):
            measures = measure_lists(lists.products, catalogue, k)
            for metric in MEAN_METRICS:
                per_list[model, metric, k] = measures.per_list[metric]
            for metric in SET_METRICS:
                value = measures.overall[metric]
                rows.append(_row((model, metric, k), value, np.nan, np.nan, lists.users.size))
    if per_list:
        intervals = mean_intervals(
            _side_by_side(per_list, users),
            samples=config.bootstrap_samples,
            confidence=config.confidence,
            generator=stream(seed, "evaluation.bootstrap.lists"),
        )
        rows += _mean_rows(list(per_list), intervals)
    return [row for row in rows if row["value"] is not None]


def _side_by_side(
    columns: Mapping[Key, npt.NDArray[np.float64]], users: Mapping[str, npt.NDArray[np.int32]]
) -> npt.NDArray[np.float64]:
    """Put values a list side by side, a row a user; NaN where a model has no list for the user."""
    everyone = np.unique(np.concatenate(list(users.values())))
    rows = {model: np.searchsorted(everyone, of_model) for model, of_model in users.items()}
    matrix = np.full((everyone.size, len(columns)), np.nan)
    for column, ((model, _, _), values) in enumerate(columns.items()):
        matrix[rows[model], column] = values
    return matrix


def _mean_rows(keys: Sequence[Key], intervals: MeanIntervals) -> list[dict[str, Any]]:
    columns = zip(keys, intervals.mean, intervals.low, intervals.high, intervals.n, strict=True)
    return [_row(*column) for column in columns]


def _row(key: Key, value: float, low: float, high: float, n_users: int) -> dict[str, Any]:
    model, metric, k = key
    return {
        "model": model,
        "metric": metric,
        "k": k,
        "value": or_none(value),
        "ci_low": or_none(low),
        "ci_high": or_none(high),
        "n_users": int(n_users),
    }


def or_none(value: float) -> float | None:
    """Return the number as a table keeps it: None where there is none.

    >>> or_none(0.5), or_none(float("nan"))
    (0.5, None)
    """
    return None if np.isnan(value) else float(value)


def model_comparisons_table(user_metrics: pa.Table, config: EvaluationConfig) -> pa.Table:
    """Compare every two models on every accuracy metric and k, user by user.

    p-values are Holm-corrected over the pairs of one metric and k.

    Args:
        user_metrics: Rows of the table user_metrics.
        config: Confidence of the intervals.

    Returns:
        Rows of the table model_comparisons; none without two models and an eligible user.
    """
    schema = TABLES["model_comparisons"].arrow_schema
    if not user_metrics.num_rows:
        return schema.empty_table()
    cube = AccuracyCube.from_table(user_metrics)
    pairs = list(combinations(range(len(cube.models)), 2))
    rows = []
    for i, k in enumerate(cube.k_values):
        compared = [
            compare_paired(cube.values[:, a, i], cube.values[:, b, i], confidence=config.confidence)
            for a, b in pairs
        ]
        for j, metric in enumerate(ACCURACY_METRICS):
            adjusted = holm([result.p_value[j] for result in compared])
            rows += [
                {
                    "model_a": cube.models[a],
                    "model_b": cube.models[b],
                    "metric": metric,
                    "k": k,
                    "difference": float(result.difference[j]),
                    "ci_low": or_none(result.low[j]),
                    "ci_high": or_none(result.high[j]),
                    "effect_size": or_none(result.effect_size[j]),
                    "p_value": float(result.p_value[j]),
                    "p_adjusted": float(p_adjusted),
                    "n_users": result.n,
                }
                for (a, b), result, p_adjusted in zip(pairs, compared, adjusted, strict=True)
            ]
    return pa.Table.from_pylist(rows, schema=schema)
