"""What the dashboard shows of lists and of the shop, counted once here instead of on each page."""

import dagster as dg
import pyarrow as pa

from recolab_assets import journey
from recolab_assets.assets.declare import lab_asset
from recolab_assets.assets.evaluation import lists_of_models
from recolab_assets.evaluation import exposure
from recolab_assets.evaluation.list_metrics import Catalogue
from recolab_assets.evaluation.user_groups import user_group_metrics as metrics_by_group
from recolab_assets.resources import LabResource
from recolab_assets.shop.seasonality import seasonality as seasonal_curves
from recolab_assets.sql import Select
from recolab_assets.storage import StoredTable


@lab_asset(settings=("evaluation.k_values",), deps=["recommendations"])
def product_exposure(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, exposure.product_exposure(lab.settings.evaluation.k_values))


@lab_asset(settings=(), deps=["product_exposure", "products", "item_features"])
def recommendation_profile(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, exposure.recommendation_profile())


@lab_asset(settings=(), kinds=("numpy",))
def exposure_lorenz(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    product_exposure: pa.Table,
    item_features: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    return lab.result(context, exposure.exposure_lorenz(product_exposure, item_features))


@lab_asset(settings=("evaluation.k_values", "evaluation.confidence"), kinds=("numpy", "scipy"))
def user_group_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    user_metrics: pa.Table,
    recommendations: StoredTable,
    products: pa.Table,
    train_pairs: StoredTable,
    user_features: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    settings = lab.settings.evaluation
    n_products = user_features.select(["n_products"], order_by="user_id")["n_products"]
    table = metrics_by_group(
        user_metrics,
        lists_of_models(recommendations, max(settings.k_values)),
        n_products.to_numpy(),
        Catalogue.from_tables(products, train_pairs.select(["user_id", "product_id"])),
        settings,
    )
    return lab.result(context, table)


@lab_asset(settings=(), deps=["interactions", "products", "user_features"])
def shop_funnel(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, journey.shop_funnel())


@lab_asset(settings=("shop", "source"), kinds=("numpy",))
def seasonality(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    shop_funnel: StoredTable,
    interactions: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    settings = lab.settings
    table = seasonal_curves(
        shop_funnel.query(*journey.monthly_events()),
        interactions.query(*journey.days_of_log()),
        settings.shop if settings.source is None else None,
    )
    return lab.result(context, table)


@lab_asset(settings=(), deps=["interactions"])
def session_lengths(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, journey.session_lengths())


@lab_asset(settings=(), deps=["interactions", "products", "editorial"])
def reads_to_purchases(
    context: dg.AssetExecutionContext, lab: LabResource
) -> dg.MaterializeResult[Select]:
    return lab.result(context, journey.reads_to_purchases())


ASSETS = (
    product_exposure,
    recommendation_profile,
    exposure_lorenz,
    user_group_metrics,
    shop_funnel,
    seasonality,
    session_lengths,
    reads_to_purchases,
)
