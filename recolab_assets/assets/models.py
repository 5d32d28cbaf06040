"""The fitted models: one asset each, a table or a few of plain rows."""

from typing import Any

import dagster as dg

from recolab_assets.assets.declare import lab_asset
from recolab_assets.models import MODELS
from recolab_assets.models.base import Recommender
from recolab_assets.models.popularity import popularity_scores
from recolab_assets.resources import LabResource
from recolab_assets.scale import Training
from recolab_assets.storage import StoredTable

_SETTINGS = {
    "als": (
        "data.random_seed",
        "model.training_seed",
        "model.als_factors",
        "model.als_iterations",
        "model.als_regularization",
        "model.als_alpha",
        "scale.engine",
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
_LEARNED_FROM = """
    SELECT
        count(*) AS training_pairs,
        count(DISTINCT user_id) AS users_with_pairs,
        count(DISTINCT product_id) AS products_with_pairs
    FROM processed.train_pairs
"""


@lab_asset(
    settings=("model.event_weights", "model.popularity_half_life_days"),
    deps=["train_interactions", "products"],
)
def popularity(context: dg.AssetExecutionContext, lab: LabResource) -> dg.MaterializeResult[Any]:
    scores = popularity_scores(lab.settings.model)
    return lab.result(context, lab.engine.select("popularity", scores))


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
        products: StoredTable,
        train_pairs: StoredTable,
    ) -> dg.MaterializeResult[dict[str, Any]]:
        settings = lab.settings
        training = Training(users, products, train_pairs)
        tables = lab.engine.fit(model, training, settings.model, settings.training_seed)
        [counts] = train_pairs.query(_LEARNED_FROM).to_pylist()
        return lab.result(context, dict(tables), counts)

    return fitted


ASSETS = (
    popularity,
    *(_fitted(model) for name, model in MODELS.items() if name != "popularity"),
)
