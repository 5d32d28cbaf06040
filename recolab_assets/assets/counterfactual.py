"""Estimates of every model's click rate from the log of another policy."""

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.charts import interval_chart
from recolab_assets.assets.declare import lab_asset
from recolab_assets.assets.experiments import RESPONSE_SETTINGS, Laboratory
from recolab_assets.experiments.counterfactual import counterfactual_report as report_estimates
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource
from recolab_assets.storage import StoredTable
from recolab_assets.tables import TABLES


@lab_asset(
    settings=(
        *RESPONSE_SETTINGS,
        "experiment.alpha",
        "experiment.logging_policy",
        "experiment.logging_epsilon",
        "experiment.logging_n_users",
    ),
    kinds=("numpy",),
)
def counterfactual_report(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    users: StoredTable,
    products: pa.Table,
    popularity: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    if config.source is not None or config.experiment.response_model == "cascade":
        # A shop's log of events does not say with what probability a product was shown. And where
        # a click ends the session, what one slot earns depends on the others: these estimators,
        # which take slots one by one, would estimate something else than the truth.
        return lab.result(context, TABLES["counterfactual_report"].arrow_schema.empty_table())
    laboratory = Laboratory(config, recommendations, test_interactions, users, products)
    experiment = config.experiment
    ranks = popularity.sort_by("product_id")["popularity_rank"].to_numpy()
    table = report_estimates(
        laboratory.visitors,
        laboratory.lists(list(MODELS), config.model.top_k),
        laboratory.click_model(),
        ranks,
        popular="popularity",
        kind=experiment.logging_policy,
        epsilon=experiment.logging_epsilon,
        n_users=experiment.logging_n_users,
        alpha=experiment.alpha,
        seed=config.experiment_seed,
    )
    rows = [row for row in table.to_pylist() if row["estimator"] == "doubly_robust"]
    chart = interval_chart(
        "Click rate, doubly robust from the log",
        [(r["model"], r["value"], r["ci_low"], r["ci_high"]) for r in rows],
    )
    return lab.result(context, table, {"chart": chart})


ASSETS = (counterfactual_report,)
