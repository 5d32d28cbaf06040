"""Evaluation that fits the shop: models beside baselines, by kind of product and of user."""

from typing import Any

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.charts import interval_chart
from recolab_assets.assets.declare import lab_asset
from recolab_assets.evaluation import product_kinds, splits
from recolab_assets.evaluation.sample import draw, of_users, users_with_products, with_own_ids
from recolab_assets.evaluation.user_groups import user_group_metrics_table
from recolab_assets.evaluation.verdict import shop_verdict_table
from recolab_assets.models import MODELS, load_models
from recolab_assets.models.baselines import baselines, recent_sales
from recolab_assets.models.training import TrainingData
from recolab_assets.randomness import stream
from recolab_assets.resources import LabResource
from recolab_assets.storage import StoredTable

_INTERVALS = (
    "data.random_seed",
    "evaluation.k_values",
    "evaluation.bootstrap_samples",
    "evaluation.confidence",
)


@lab_asset(
    settings=(
        "data.random_seed",
        "model.candidate_depth",
        "model.event_weights",
        "evaluation.k_values",
        "evaluation.kinds_n_users",
        "evaluation.recent_days",
    ),
    kinds=("numba",),
    ins={name: dg.AssetIn(dagster_type=dict) for name in MODELS},
)
def product_kind_user_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    products: pa.Table,
    train_interactions: StoredTable,
    train_pairs: StoredTable,
    test_interactions: StoredTable,
    item_features: StoredTable,
    **fitted: dict[str, Any],
) -> dg.MaterializeResult[pa.Table]:
    settings, evaluation = lab.settings, lab.settings.evaluation
    held_out = test_interactions.select(["user_id", "item_id", "item_type"])
    chosen = draw(
        users_with_products(held_out),
        evaluation.kinds_n_users,
        stream(settings.data.random_seed, "evaluation.product_kinds"),
    )
    of_chosen = "user_id IN (SELECT unnest(?::INTEGER[]))"
    pairs = of_users(train_pairs.select(where=of_chosen, params=(chosen.tolist(),)), chosen)
    tables = {
        name: of_users(rows, chosen) for model in fitted.values() for name, rows in model.items()
    }
    data = TrainingData.from_tables(pairs, products, tables["popularity"], len(chosen))
    latest = splits.train_pairs(settings.model.event_weights).over(
        "processed.train_interactions", splits.latest_training(evaluation.recent_days)
    )
    sales = recent_sales(train_interactions.query(*latest), products.num_rows)
    kinds = product_kinds.relevance_of_kinds(of_users(held_out, chosen), pairs)
    kinds |= product_kinds.relevance_of_ages(
        kinds["all"], item_features.select(["product_id", "age_days"]), evaluation.recent_days
    )
    table = product_kinds.product_kind_user_metrics(
        {**load_models(tables, data), **baselines(data, sales)},
        data,
        kinds,
        evaluation.k_values,
        settings.model.candidate_depth,
    )
    n_users = {f"users, {kind}": len(relevance.users) for kind, relevance in kinds.items()}
    return lab.result(context, with_own_ids(table, chosen), n_users)


@lab_asset(settings=_INTERVALS, kinds=("numpy",))
def product_kind_metrics(
    context: dg.AssetExecutionContext, lab: LabResource, product_kind_user_metrics: pa.Table
) -> dg.MaterializeResult[pa.Table]:
    settings = lab.settings
    table = product_kinds.product_kind_metrics_table(
        product_kind_user_metrics, settings.evaluation, settings.data.random_seed
    )
    first = min(settings.evaluation.k_values)
    chart = interval_chart(
        f"NDCG@{first} by kind of product",
        [
            (f"{row['model']}, {row['products']}", row["value"], row["ci_low"], row["ci_high"])
            for row in table.to_pylist()
            if row["metric"] == "ndcg" and row["k"] == first
        ],
    )
    return lab.result(context, table, {"chart": chart})


@lab_asset(settings=(*_INTERVALS, "evaluation.cold_max_events"), kinds=("numpy",))
def user_group_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    product_kind_user_metrics: pa.Table,
    train_pairs: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    table = user_group_metrics_table(
        product_kind_user_metrics,
        train_pairs.select(["user_id", "n_events"]),
        lab.settings.evaluation,
        lab.settings.data.random_seed,
    )
    return lab.result(context, table)


@lab_asset(
    settings=("evaluation.k_values", "evaluation.confidence", "evaluation.recent_days"),
    kinds=("scipy",),
)
def shop_verdict(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    product_kind_metrics: pa.Table,
    product_kind_user_metrics: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    table = shop_verdict_table(
        product_kind_metrics, product_kind_user_metrics, lab.settings.evaluation
    )
    verdicts = zip(table["products"].to_pylist(), table["sentence"].to_pylist(), strict=True)
    return lab.result(context, table, dict(verdicts))


ASSETS = (product_kind_user_metrics, product_kind_metrics, user_group_metrics, shop_verdict)
