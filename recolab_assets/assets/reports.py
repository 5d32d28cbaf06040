"""What the dashboard shows of the shop's users, counted once here instead of on each page."""

import dagster as dg
import pyarrow as pa

from recolab_assets import journey
from recolab_assets.assets.declare import lab_asset
from recolab_assets.resources import LabResource
from recolab_assets.shop.seasonality import seasonality as seasonal_curves
from recolab_assets.sql import Select
from recolab_assets.storage import StoredTable


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
    shop_funnel,
    seasonality,
    session_lengths,
    reads_to_purchases,
)
