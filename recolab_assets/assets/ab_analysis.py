"""What the log of the A/B test is made into: the report and the analyses beside it."""

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.charts import interval_chart
from recolab_assets.assets.declare import lab_asset
from recolab_assets.assets.experiments import DEPTH_SETTINGS, session_depth
from recolab_assets.config import LabConfig
from recolab_assets.evaluation.segmentation import SEGMENT_COLUMNS, user_segmentations
from recolab_assets.experiments.ab_comparisons import ab_comparisons as compare_arms
from recolab_assets.experiments.ab_test import UserOutcomes, shown_and_clicked, user_outcomes
from recolab_assets.experiments.ab_test import ab_report as report_arms
from recolab_assets.experiments.history import COVARIATE_COLUMNS, pre_period_covariates
from recolab_assets.experiments.segments import ab_segments as compare_segments
from recolab_assets.experiments.sequential import ab_sequence as follow_arms
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource
from recolab_assets.storage import StoredTable

_COMPARISON = ("experiment.control_model", "experiment.alpha")
_OUTCOMES = (*DEPTH_SETTINGS, "data.random_seed", "experiment.random_seed", *_COMPARISON)


def _outcomes(config: LabConfig, exposures: pa.Table) -> UserOutcomes:
    return user_outcomes(exposures, list(MODELS), session_depth(config), config.experiment_seed)


@lab_asset(settings=_OUTCOMES, kinds=("scipy",))
def ab_report(
    context: dg.AssetExecutionContext, lab: LabResource, ab_exposures: pa.Table
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    table = report_arms(
        _outcomes(config, ab_exposures),
        list(MODELS),
        control=config.experiment.control_model,
        alpha=config.experiment.alpha,
    )
    rows = [row for row in table.to_pylist() if row["ctr_uplift"] is not None]
    chart = interval_chart(
        f"Uplift in click rate over {config.experiment.control_model}",
        [(r["arm"], r["ctr_uplift"], r["ctr_uplift_low"], r["ctr_uplift_high"]) for r in rows],
    )
    return lab.result(context, table, {"chart": chart})


@lab_asset(settings=(*_OUTCOMES, "experiment.smallest_effect"), kinds=("scipy",))
def ab_comparisons(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    ab_exposures: pa.Table,
    user_features: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    outcomes = _outcomes(config, ab_exposures)
    history = user_features.select(["user_id", *COVARIATE_COLUMNS])
    table = compare_arms(
        outcomes,
        list(MODELS),
        pre_period_covariates(history, outcomes.users),
        control=config.experiment.control_model,
        alpha=config.experiment.alpha,
        smallest_effect=config.experiment.smallest_effect,
    )
    return lab.result(context, table)


@lab_asset(settings=_COMPARISON, kinds=("scipy",))
def ab_sequence(
    context: dg.AssetExecutionContext, lab: LabResource, ab_exposures: pa.Table
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    table = follow_arms(
        shown_and_clicked(ab_exposures, list(MODELS)),
        list(MODELS),
        control=config.experiment.control_model,
        alpha=config.experiment.alpha,
    )
    return lab.result(context, table)


@lab_asset(settings=_COMPARISON, kinds=("scipy",))
def ab_segments(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    ab_exposures: pa.Table,
    user_features: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    outcomes = shown_and_clicked(ab_exposures, list(MODELS))
    history = user_features.select(["user_id", *SEGMENT_COLUMNS])
    table = compare_segments(
        outcomes,
        list(MODELS),
        user_segmentations(history, outcomes.users),
        control=config.experiment.control_model,
        alpha=config.experiment.alpha,
    )
    return lab.result(context, table)


ASSETS = (ab_report, ab_comparisons, ab_sequence, ab_segments)
