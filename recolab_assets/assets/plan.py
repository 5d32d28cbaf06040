"""The plan for one's own test, made from what the lab has measured."""

import dagster as dg
import pyarrow as pa

from recolab_assets.assets.declare import lab_asset
from recolab_assets.experiments.plan import Question, Traffic
from recolab_assets.experiments.plan import experiment_plan as plan_experiment
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource


@lab_asset(
    settings=("experiment.control_model", "experiment.alpha", "experiment.smallest_effect"),
    kinds=("scipy",),
)
def experiment_plan(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    ab_exposures: pa.Table,
    ab_comparisons: pa.Table,
    method_scorecard: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    experiment = lab.settings.experiment
    control = experiment.control_model
    question = Question(control, len(MODELS) - 1, experiment.smallest_effect, experiment.alpha)
    traffic = Traffic.of(ab_exposures, list(MODELS), control)
    table = plan_experiment(traffic, ab_comparisons, method_scorecard, question)
    plan = "\n".join(f"- {sentence}" for sentence in table["sentence"].to_pylist())
    return lab.result(context, table, {"plan": dg.MetadataValue.md(plan)})


ASSETS = (experiment_plan,)
