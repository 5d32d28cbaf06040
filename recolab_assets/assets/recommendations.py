"""Top lists of every model for every user."""

from typing import Any

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.declare import lab_asset, progress
from recolab_assets.models import MODELS, load_models
from recolab_assets.models.recommend import recommendation_batches
from recolab_assets.models.training import TrainingData
from recolab_assets.resources import LabResource
from recolab_assets.storage import StoredTable


@lab_asset(
    settings=("model.top_k", "model.candidate_depth", "model.exclude_seen"),
    kinds=("numba",),
    ins={name: dg.AssetIn(dagster_type=dict) for name in MODELS},
)
def recommendations(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    users: StoredTable,
    products: pa.Table,
    train_pairs: pa.Table,
    **fitted: dict[str, Any],
) -> dg.MaterializeResult[pa.RecordBatchReader]:
    settings = lab.settings.model
    tables = {name: rows for model in fitted.values() for name, rows in model.items()}
    data = TrainingData.from_tables(train_pairs, products, tables["popularity"], users.count())
    return lab.result(
        context,
        recommendation_batches(
            load_models(tables, data),
            data,
            top_k=settings.top_k,
            candidate_depth=settings.candidate_depth,
            exclude_seen=settings.exclude_seen,
            progress=progress(context, "users served"),
        ),
    )


ASSETS = (recommendations,)
