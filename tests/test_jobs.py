"""What jobs run, and when."""

import dagster as dg
import pytest

from recolab_assets.definitions import defs
from recolab_assets.jobs import SCHEDULES


def selected(job: str) -> set[str]:
    layer = defs.resolve_job_def(job).asset_layer
    return {key.to_user_string() for key in layer.selected_asset_keys}


def test_lab_runs_everything_with_every_check():
    layer = defs.resolve_job_def("lab").asset_layer
    graph = defs.resolve_asset_graph()
    assert layer.selected_asset_keys == graph.materializable_asset_keys
    assert layer.asset_graph.asset_check_keys == graph.asset_check_keys


def test_retraining_leaves_the_log_and_its_split_alone():
    graph = defs.resolve_asset_graph()
    groups = {graph.get(dg.AssetKey(name)).group_name for name in selected("retrain_and_evaluate")}
    assert groups == {"models", "recommendations", "evaluation", "experiments", "reports"}
    left_out = selected("lab") - selected("retrain_and_evaluate")
    assert {graph.get(dg.AssetKey(name)).group_name for name in left_out} == {"raw", "processed"}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_schedules_are_off_until_switched_on(schedule):
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "retrain_and_evaluate"
    assert schedule.cron_schedule == "0 3 * * *"
