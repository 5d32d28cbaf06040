"""Training and hold-out, training pairs, and features: all of it SQL."""

from typing import Any

import dagster as dg

from recolab_assets import features
from recolab_assets.assets.declare import lab_asset
from recolab_assets.evaluation import splits
from recolab_assets.resources import LabResource
from recolab_assets.sql import Select

_FEATURE_DEPS = ("train_interactions", "users", "products", "editorial")


def _selected(
    context: dg.AssetExecutionContext, lab: LabResource, select: Select
) -> dg.MaterializeResult[Any]:
    return lab.result(context, lab.engine.select(context.asset_key.path[-1], select))


# The report on the log, so that nothing is trained before it is there.
@lab_asset(settings=("split",), deps=["interactions", "import_report"])
def train_interactions(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Any]:
    return _selected(context, lab, splits.train_interactions(lab.settings.split))


@lab_asset(settings=("split",), deps=["interactions"])
def validation_interactions(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Any]:
    return _selected(context, lab, splits.validation_interactions(lab.settings.split))


@lab_asset(settings=("split",), deps=["interactions"])
def test_interactions(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Any]:
    return _selected(context, lab, splits.test_interactions(lab.settings.split))


@lab_asset(settings=("model.event_weights", "model.log_weights"), deps=["train_interactions"])
def train_pairs(context: dg.AssetExecutionContext, lab: LabResource) -> dg.MaterializeResult[Any]:
    model = lab.settings.model
    pairs = splits.train_pairs(model.event_weights, log_weights=model.log_weights)
    return _selected(context, lab, pairs)


@lab_asset(settings=(), deps=_FEATURE_DEPS)
def user_features(context: dg.AssetExecutionContext, lab: LabResource) -> dg.MaterializeResult[Any]:
    return _selected(context, lab, features.user_features())


@lab_asset(settings=("model.popularity_half_life_days",), deps=_FEATURE_DEPS)
def item_features(context: dg.AssetExecutionContext, lab: LabResource) -> dg.MaterializeResult[Any]:
    half_life = lab.settings.model.popularity_half_life_days
    return _selected(context, lab, features.item_features(half_life))


ASSETS = (
    train_interactions,
    validation_interactions,
    test_interactions,
    train_pairs,
    user_features,
    item_features,
)
