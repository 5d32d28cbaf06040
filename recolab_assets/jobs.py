"""Named parts of the graph to run, and when."""

import dagster as dg

from recolab_assets.study import scorecard_study

LAB = dg.define_asset_job(
    "lab",
    dg.AssetSelection.all(),
    description="The whole lab: raw tables, features, models, evaluation, experiments.",
)
RETRAIN_AND_EVALUATE = dg.define_asset_job(
    "retrain_and_evaluate",
    dg.AssetSelection.groups("models", "recommendations", "evaluation", "experiments", "reports"),
    description="Fit, recommend and evaluate again on the log that is there.",
)
JOBS = (LAB, RETRAIN_AND_EVALUATE, scorecard_study)

SCHEDULES = (
    dg.ScheduleDefinition(
        name="retrain_nightly",
        job=RETRAIN_AND_EVALUATE,
        cron_schedule="0 3 * * *",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Every night at three; off until it is switched on.",
    ),
)
