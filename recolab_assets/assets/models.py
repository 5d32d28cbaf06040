"""The fitted models: one asset each, a table or a few of plain rows."""

from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from recolab_assets.assets.declare import lab_asset
from recolab_assets.models import MODELS
from recolab_assets.models.base import Recommender
from recolab_assets.models.popularity import popularity_scores
from recolab_assets.models.training import TrainingData
from recolab_assets.resources import LabResource
from recolab_assets.sql import Select
from recolab_assets.storage import StoredTable

_SETTINGS = {
    "als": (
        "data.random_seed",
        "model.training_seed",
        "model.als_factors",
        "model.als_iterations",
        "model.als_regularization",
        "model.als_alpha",
    ),
    "item_cf": ("model.training_seed", "model.itemcf_k_neighbours"),
    "content_based": ("model.training_seed",),
    "hybrid": (
        "model.hybrid_pop_weight",
        "model.hybrid_als_weight",
        "model.hybrid_itemcf_weight",
        "model.hybrid_cb_weight",
        "model.candidate_depth",
    ),
}
"""Settings that each model's tables depend on; a model that is not named depends on all."""


@lab_asset(
    settings=("model.event_weights", "model.popularity_half_life_days"),
    deps=["train_interactions", "products"],
)
def popularity(context: dg.AssetExecutionContext, lab: LabResource) -> dg.MaterializeResult[Select]:
    return lab.result(context, popularity_scores(lab.settings.model))


def _fitted(model: type[Recommender]) -> dg.AssetsDefinition:
    """Declare the asset of a model that learns from training pairs, or blends those that do."""

    @lab_asset(
        name=model.name,
        settings=_SETTINGS.get(model.name, ("data.random_seed", "model")),
        kinds=("python",),
        deps=model.components,
    )
    def fitted(
        context: dg.AssetExecutionContext,
        lab: LabResource,
        users: StoredTable,
        products: pa.Table,
        train_pairs: pa.Table,
    ) -> dg.MaterializeResult[dict[str, Any]]:
        # Popularity only orders ties among recommendations; what is learned does not depend on it.
        unordered = np.zeros(products.num_rows)
        data = TrainingData.from_tables(train_pairs, products, unordered, users.count())
        settings = lab.settings
        trained = model.fit(data, settings.model, settings.training_seed)
        return lab.result(
            context,
            trained.to_tables(),
            {
                "training_pairs": data.pairs.nnz,
                "users_with_pairs": int(np.count_nonzero(np.diff(data.pairs.indptr))),
                "products_with_pairs": len(np.unique(data.pairs.indices)),
            },
        )

    return fitted


ASSETS = (
    popularity,
    *(_fitted(model) for name, model in MODELS.items() if name != "popularity"),
)
