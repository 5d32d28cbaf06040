"""Training and hold-out, training pairs, and features: all of it SQL inside DuckDB."""

import dagster as dg

from recolab_assets import features
from recolab_assets.assets.declare import lab_asset
from recolab_assets.evaluation import splits
from recolab_assets.resources import LabResource
from recolab_assets.sql import Select

_FEATURE_DEPS = ("train_interactions", "users", "products", "editorial")


# The report on the log, so that nothing is trained before it is there.
@lab_asset(settings=("split",), deps=["interactions", "import_report"])
def train_interactions(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, splits.train_interactions(lab.settings.split))


@lab_asset(settings=("split",), deps=["interactions"])
def validation_interactions(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, splits.validation_interactions(lab.settings.split))


@lab_asset(settings=("split",), deps=["interactions"])
def test_interactions(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, splits.test_interactions(lab.settings.split))


@lab_asset(settings=("model.event_weights", "model.log_weights"), deps=["train_interactions"])
def train_pairs(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    model = lab.settings.model
    pairs = splits.train_pairs(model.event_weights, log_weights=model.log_weights)
    return lab.result(context, pairs)


@lab_asset(settings=(), deps=_FEATURE_DEPS)
def user_features(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, features.user_features())


@lab_asset(settings=("model.popularity_half_life_days",), deps=_FEATURE_DEPS)
def item_features(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    half_life = lab.settings.model.popularity_half_life_days
    return lab.result(context, features.item_features(half_life))


ASSETS = (
    train_interactions,
    validation_interactions,
    test_interactions,
    train_pairs,
    user_features,
    item_features,
)
