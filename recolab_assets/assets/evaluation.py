"""Offline evaluation: metrics per user and per model, comparisons, guardrails."""

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.charts import interval_chart
from recolab_assets.assets.declare import lab_asset
from recolab_assets.config import ModelConfig
from recolab_assets.evaluation import exposure, report, splits
from recolab_assets.evaluation.by_segment import segment_comparisons_table, segment_metrics_table
from recolab_assets.evaluation.curves import metric_curves_table
from recolab_assets.evaluation.guardrails import guardrails_table
from recolab_assets.evaluation.list_metrics import Catalogue
from recolab_assets.evaluation.other_split import other_split
from recolab_assets.evaluation.other_split import other_split_metrics as measure_other_split
from recolab_assets.evaluation.segmentation import SEGMENT_COLUMNS
from recolab_assets.models.popularity import popularity_scores
from recolab_assets.resources import LabResource
from recolab_assets.scale import HoldOut
from recolab_assets.scale.local import relevance_of, stored_lists
from recolab_assets.sql import Measured, Select
from recolab_assets.storage import StoredTable


@lab_asset(settings=("evaluation.k_values", "model.exclude_seen"), kinds=("numpy",))
def user_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    train_pairs: StoredTable,
) -> dg.MaterializeResult[Measured]:
    settings = lab.settings
    measured = lab.engine.user_metrics(
        HoldOut(recommendations, test_interactions, train_pairs),
        settings.evaluation.k_values,
        exclude_seen=settings.model.exclude_seen,
    )
    return lab.result(context, Measured(measured, report.eligible()))


@lab_asset(
    settings=(
        "data.random_seed",
        "split.method",
        "split.test_days",
        "split.test_share",
        *(f"model.{name}" for name in ModelConfig.model_fields if name != "top_k"),
        "evaluation.k_values",
        "evaluation.other_split_n_users",
    ),
    kinds=("numpy",),
)
def other_split_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    interactions: StoredTable,
    products: pa.Table,
    users: StoredTable,
) -> dg.MaterializeResult[pa.RecordBatchReader]:
    settings = lab.settings
    split, model = other_split(settings.split), settings.model
    # Where to cut is found once: user by user, it is most of the work here.
    training = Select("SELECT * FROM training")
    pairs = splits.train_pairs(model.event_weights, log_weights=model.log_weights)
    train_pairs, popularity, held_out = interactions.query_all(
        [
            pairs.over("processed.train_interactions", training),
            popularity_scores(model).over("processed.train_interactions", training),
            # Training and hold-out are the whole log.
            Select(
                "SELECT user_id, item_id, item_type FROM raw.interactions"
                " ANTI JOIN training USING (interaction_id)"
            ),
        ],
        {"training": splits.train_interactions(split)},
    )
    table = measure_other_split(
        train_pairs,
        popularity,
        held_out,
        products,
        users.count(),
        settings,
    )
    return lab.result(context, table, {"split": split.method})


@lab_asset(
    settings=(
        "data.random_seed",
        "evaluation.k_values",
        "evaluation.bootstrap_samples",
        "evaluation.confidence",
    ),
    kinds=("numpy",),
)
def offline_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    user_metrics: pa.Table,
    recommendations: StoredTable,
    products: pa.Table,
    train_pairs: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    settings = lab.settings
    k = max(settings.evaluation.k_values)
    catalogue = Catalogue.from_tables(products, train_pairs.select(["user_id", "product_id"]))
    table = report.offline_metrics_table(
        user_metrics,
        stored_lists(recommendations, k),
        catalogue,
        settings.evaluation,
        settings.data.random_seed,
    )
    first = min(settings.evaluation.k_values)
    ndcg = [row for row in table.to_pylist() if row["metric"] == "ndcg" and row["k"] == first]
    chart = interval_chart(
        f"NDCG@{first}", [(r["model"], r["value"], r["ci_low"], r["ci_high"]) for r in ndcg]
    )
    return lab.result(context, table, {"chart": chart})


@lab_asset(settings=(), deps=["recommendations", "train_interactions", "products"])
def product_exposure(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, exposure.product_exposure())


@lab_asset(settings=("evaluation.confidence",), kinds=("scipy",))
def model_comparisons(
    context: dg.AssetExecutionContext, lab: LabResource, user_metrics: pa.Table
) -> dg.MaterializeResult[pa.Table]:
    return lab.result(
        context, report.model_comparisons_table(user_metrics, lab.settings.evaluation)
    )


@lab_asset(settings=("model.top_k", "model.exclude_seen"), kinds=("numpy",))
def metric_curves(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    train_pairs: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    settings = lab.settings.model
    relevance = relevance_of(test_interactions, train_pairs, exclude_seen=settings.exclude_seen)
    lists = stored_lists(recommendations, settings.top_k)
    return lab.result(context, metric_curves_table(lists, relevance))


@lab_asset(
    settings=(
        "data.random_seed",
        "evaluation.bootstrap_samples",
        "evaluation.confidence",
    ),
    kinds=("numpy",),
)
def segment_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    user_metrics: pa.Table,
    user_features: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    settings = lab.settings
    table = segment_metrics_table(
        user_metrics,
        user_features.select(["user_id", *SEGMENT_COLUMNS]),
        settings.evaluation,
        settings.data.random_seed,
    )
    return lab.result(context, table)


@lab_asset(settings=("evaluation.confidence",), kinds=("scipy",))
def segment_comparisons(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    user_metrics: pa.Table,
    user_features: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    table = segment_comparisons_table(
        user_metrics,
        user_features.select(["user_id", *SEGMENT_COLUMNS]),
        lab.settings.evaluation,
    )
    return lab.result(context, table)


@lab_asset(
    settings=(
        "evaluation.k_values",
        "evaluation.coverage_guardrail",
        "evaluation.diversity_guardrail",
    )
)
def guardrails(
    context: dg.AssetExecutionContext, lab: LabResource, offline_metrics: pa.Table
) -> dg.MaterializeResult[pa.Table]:
    return lab.result(context, guardrails_table(offline_metrics, lab.settings.evaluation))


ASSETS = (
    user_metrics,
    other_split_metrics,
    offline_metrics,
    product_exposure,
    model_comparisons,
    metric_curves,
    segment_metrics,
    segment_comparisons,
    guardrails,
)
