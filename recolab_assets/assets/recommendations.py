"""Top lists of every model for every user."""

from typing import Any

import dagster as dg

from recolab_assets.assets.declare import lab_asset, progress
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource
from recolab_assets.scale import Training
from recolab_assets.storage import StoredTable


@lab_asset(
    settings=("model.top_k", "model.candidate_depth", "model.exclude_seen"),
    kinds=("numba",),
    ins={name: dg.AssetIn(dagster_type=StoredTable) for name in MODELS},
)
def recommendations(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    users: StoredTable,
    products: StoredTable,
    train_pairs: StoredTable,
    **fitted: StoredTable,
) -> dg.MaterializeResult[Any]:
    training = Training(users, products, train_pairs)
    told = progress(context, "users served")
    lists = lab.engine.recommend(fitted, training, lab.settings.model, told)
    return lab.result(context, lists)


ASSETS = (recommendations,)
