"""Offline evaluation: metrics per user and per model, comparisons, guardrails."""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.charts import interval_chart
from recolab_assets.assets.declare import lab_asset
from recolab_assets.evaluation import report
from recolab_assets.evaluation.guardrails import guardrails_table
from recolab_assets.evaluation.list_metrics import Catalogue
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.models import MODELS
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.resources import LabResource
from recolab_assets.storage import StoredTable


def lists_of_models(
    recommendations: StoredTable, k: int
) -> Iterator[tuple[str, RecommendationLists]]:
    """Load the lists of one model after the other."""
    for model in MODELS:
        rows = recommendations.select(
            ["user_id", "rank", "product_id"], "model = ? AND rank <= ?", (model, k)
        )
        yield model, RecommendationLists.from_table(rows, k)


@lab_asset(settings=("evaluation.k_values", "model.exclude_seen"), kinds=("numpy",))
def user_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    train_pairs: StoredTable,
) -> dg.MaterializeResult[pa.RecordBatchReader]:
    settings = lab.settings
    relevance = Relevance.from_tables(
        test_interactions.select(["user_id", "item_id", "item_type"]),
        train_pairs.select(["user_id", "product_id"]),
        exclude_seen=settings.model.exclude_seen,
    )
    k_values = settings.evaluation.k_values
    lists = lists_of_models(recommendations, max(k_values))
    return lab.result(
        context,
        report.user_metrics(lists, relevance, k_values),
        {"eligible_users": len(relevance.users), "relevant_pairs": len(relevance.products)},
    )


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
        lists_of_models(recommendations, k),
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


@lab_asset(settings=("evaluation.confidence",), kinds=("scipy",))
def model_comparisons(
    context: dg.AssetExecutionContext, lab: LabResource, user_metrics: pa.Table
) -> dg.MaterializeResult[pa.Table]:
    return lab.result(
        context, report.model_comparisons_table(user_metrics, lab.settings.evaluation)
    )


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


ASSETS = (user_metrics, offline_metrics, model_comparisons, guardrails)
