"""The accuracy of the models by kind of user: whom each serves well, and whom not."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.comparisons import compare_paired, holm
from recolab_assets.evaluation.intervals import mean_intervals
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.report import AccuracyCube, or_none
from recolab_assets.evaluation.segmentation import Segmentation, user_segmentations
from recolab_assets.randomness import stream
from recolab_assets.tables import TABLES

Row = dict[str, Any]


def segment_metrics_table(
    user_metrics: pa.Table, user_features: pa.Table, config: EvaluationConfig, seed: int
) -> pa.Table:
    """Average every accuracy metric of every model over the users of each segment.

    Means and bootstrap intervals are those of ``offline_metrics``, over fewer users. A segment
    without an eligible user has no row.

    Args:
        user_metrics: Rows of the table user_metrics.
        user_features: Table with user_id and ``SEGMENT_COLUMNS``, a row for every eligible user.
        config: Number of resamples, confidence.
        seed: Seed of the lab.

    Returns:
        Rows of the table segment_metrics.
    """
    schema = TABLES["segment_metrics"].arrow_schema
    if not user_metrics.num_rows:
        return schema.empty_table()
    cube = AccuracyCube.from_table(user_metrics)
    keys = [
        {"model": model, "k": k, "metric": metric}
        for model in cube.models
        for k in cube.k_values
        for metric in ACCURACY_METRICS
    ]
    rows: list[Row] = []
    segments = _segments(user_segmentations(user_features, cube.users))
    for shard, (name, inside) in enumerate(segments):
        values = cube.values[inside]
        found = mean_intervals(
            values.reshape(len(values), -1),
            samples=config.bootstrap_samples,
            confidence=config.confidence,
            generator=stream(seed, "evaluation.bootstrap.segments", shard),
        )
        rows += [
            {
                **name,
                **key,
                "value": value,
                "ci_low": or_none(low),
                "ci_high": or_none(high),
                "n_users": n,
            }
            for key, value, low, high, n in zip(
                keys,
                found.mean.tolist(),
                found.low.tolist(),
                found.high.tolist(),
                found.n.tolist(),
                strict=True,
            )
        ]
    return pa.Table.from_pylist(rows, schema=schema)


def segment_comparisons_table(
    user_metrics: pa.Table, user_features: pa.Table, config: EvaluationConfig
) -> pa.Table:
    """Compare every two models on every accuracy metric and k in each segment, user by user.

    p-values are Holm-corrected over the pairs and segments of one segmentation, metric and k: who
    looks into every segment looks that often.

    Args:
        user_metrics: Rows of the table user_metrics.
        user_features: Table with user_id and ``SEGMENT_COLUMNS``, a row for every eligible user.
        config: Confidence of the intervals.

    Returns:
        Rows of the table segment_comparisons.
    """
    schema = TABLES["segment_comparisons"].arrow_schema
    if not user_metrics.num_rows:
        return schema.empty_table()
    cube = AccuracyCube.from_table(user_metrics)
    rows: list[Row] = []
    for name, segmentation in user_segmentations(user_features, cube.users).items():
        rows += _corrected(list(_compared(cube, name, segmentation, config.confidence)))
    return pa.Table.from_pylist(rows, schema=schema)


def _segments(
    segmentations: Mapping[str, Segmentation],
) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Yield the name of every segment that has users, and which those are."""
    for name, segmentation in segmentations.items():
        for number, segment in enumerate(segmentation.names):
            inside = np.flatnonzero(segmentation.segment == number)
            if inside.size:
                yield {"segmentation": name, "segment": segment}, inside


def _compared(
    cube: AccuracyCube, name: str, segmentation: Segmentation, confidence: float
) -> Iterator[Row]:
    """Yield the differences of one segmentation, uncorrected."""
    for segment, inside in _segments({name: segmentation}):
        values = cube.values[inside]
        values = values.reshape(len(values), len(cube.models), -1)
        for a, b in combinations(range(len(cube.models)), 2):
            result = compare_paired(values[:, a], values[:, b], confidence=confidence)
            for column, (k, metric) in enumerate(
                (k, metric) for k in cube.k_values for metric in ACCURACY_METRICS
            ):
                yield {
                    **segment,
                    "model_a": cube.models[a],
                    "model_b": cube.models[b],
                    "metric": metric,
                    "k": k,
                    "difference": float(result.difference[column]),
                    "ci_low": or_none(result.low[column]),
                    "ci_high": or_none(result.high[column]),
                    "p_value": float(result.p_value[column]),
                    "n_users": result.n,
                }


def _corrected(rows: list[Row]) -> list[Row]:
    """Add p_adjusted to the rows of one segmentation, a family for each metric and k."""
    families: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        families.setdefault((row["metric"], row["k"]), []).append(row)
    for family in families.values():
        for row, adjusted in zip(family, holm([row["p_value"] for row in family]), strict=True):
            row["p_adjusted"] = float(adjusted)
    return rows
