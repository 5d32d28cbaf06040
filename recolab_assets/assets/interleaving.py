"""The interleaving tests: drafts of all models, and round-robin drafts of two."""

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.charts import interval_chart
from recolab_assets.assets.declare import lab_asset
from recolab_assets.assets.experiments import RESPONSE_SETTINGS, Laboratory
from recolab_assets.experiments.interleaving import Multileaving, multileave
from recolab_assets.experiments.interleaving import interleaving_pairs as draft_pairs
from recolab_assets.experiments.interleaving import interleaving_preferences as compare_pairs
from recolab_assets.experiments.interleaving import interleaving_report as report_multileaving
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource
from recolab_assets.storage import StoredTable

_MULTILEAVING = (
    "experiment.interleaving_k",
    "experiment.interleaving_n_users",
    "evaluation.bootstrap_samples",
)


def _multileaving(laboratory: Laboratory) -> Multileaving:
    config = laboratory.config
    return multileave(
        laboratory.visitors,
        laboratory.lists(list(MODELS), config.model.top_k),
        laboratory.click_model(),
        length=config.experiment.interleaving_k,
        n_users=config.experiment.interleaving_n_users,
        seed=config.experiment_seed,
    )


@lab_asset(settings=(*RESPONSE_SETTINGS, *_MULTILEAVING), kinds=("numba",))
def interleaving_report(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    users: StoredTable,
    products: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    laboratory = Laboratory(config, recommendations, test_interactions, users, products)
    table = report_multileaving(
        list(MODELS),
        _multileaving(laboratory),
        bootstrap_samples=config.evaluation.bootstrap_samples,
        seed=config.experiment_seed,
    )
    return lab.result(context, table)


@lab_asset(settings=(*RESPONSE_SETTINGS, *_MULTILEAVING, "experiment.alpha"), kinds=("numba",))
def interleaving_preferences(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    users: StoredTable,
    products: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    laboratory = Laboratory(config, recommendations, test_interactions, users, products)
    table = compare_pairs(
        list(MODELS),
        _multileaving(laboratory),
        alpha=config.experiment.alpha,
        bootstrap_samples=config.evaluation.bootstrap_samples,
        seed=config.experiment_seed,
    )
    return lab.result(context, table)


@lab_asset(
    settings=(
        *RESPONSE_SETTINGS,
        "experiment.interleaving_k",
        "experiment.pairs_n_users",
        "experiment.alpha",
    ),
    kinds=("numba",),
)
def interleaving_pairs(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    users: StoredTable,
    products: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    laboratory = Laboratory(config, recommendations, test_interactions, users, products)
    table = draft_pairs(
        laboratory.visitors,
        laboratory.lists(list(MODELS), config.model.top_k),
        laboratory.click_model(),
        length=config.experiment.interleaving_k,
        n_users=config.experiment.pairs_n_users,
        alpha=config.experiment.alpha,
        seed=config.experiment_seed,
    )
    chart = interval_chart(
        "Users who prefer the first of two models",
        [
            (f"{r['model_a']} over {r['model_b']}", r["preference"], r["ci_low"], r["ci_high"])
            for r in table.to_pylist()
            if r["preference"] is not None
        ],
    )
    return lab.result(context, table, {"chart": chart})


ASSETS = (interleaving_report, interleaving_preferences, interleaving_pairs)
