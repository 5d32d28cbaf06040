"""The job scorecard_study: every unit once, stored as soon as it is done."""

import dagster as dg
import pytest

from recolab_assets import study
from recolab_assets.definitions import defs
from tests.small_lab import Lab

UNITS = "SELECT noise, unit, count(*) FROM experiments.study_units GROUP BY ALL ORDER BY ALL"


def run(lab: Lab, **options):
    return study.scorecard_study.execute_in_process(resources={"lab": lab.resource}, **options)


def small(folder, **counts) -> Lab:
    """A study of a shop of a few hundred users."""
    none = {"click_seeds": 0, "training_seeds": 0, "shop_seeds": 0, "replicates": 3}
    return Lab.create(folder, study={**none, **counts})


def test_the_job_is_part_of_the_definitions_and_of_no_run_of_the_graph():
    assert defs.resolve_job_def("scorecard_study").name == "scorecard_study"
    assert "study_units" not in {
        key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()
    }


@pytest.mark.slow
def test_every_source_of_noise_changes_what_it_should(tmp_path):
    lab = small(tmp_path, click_seeds=1, training_seeds=1, shop_seeds=1)
    assert run(lab).success
    assert [row[:2] for row in lab.query(UNITS)] == [("clicks", 1), ("shop", 1), ("training", 1)]
    truth = dict(
        lab.query(
            "SELECT noise || ' ' || model, value FROM experiments.study_units"
            " WHERE method = 'truth' AND measure = 'ctr'"
        )
    )
    assert truth["training als"] != truth["clicks als"]
    assert truth["training item_cf"] == truth["clicks item_cf"]
    assert truth["shop item_cf"] != truth["clicks item_cf"]
    assert lab.scalar("SELECT count(DISTINCT noise) FROM experiments.scorecard_study") == 3
    seconds = "SELECT min(value) FROM experiments.scorecard_study WHERE measure = 'seconds'"
    assert lab.scalar(seconds) > 0
    # Scratch files go when the study is over.
    assert not (lab.folder / "lab.study").exists()


@pytest.mark.slow
def test_a_study_goes_on_after_what_is_done(tmp_path, monkeypatch):
    lab = small(tmp_path, click_seeds=2)
    run_unit = study.run_unit

    def killed_in_the_second(config, unit, *rest):
        if unit.number == 2:
            raise RuntimeError("killed")
        return run_unit(config, unit, *rest)

    monkeypatch.setattr(study, "run_unit", killed_in_the_second)
    assert not run(lab, raise_on_error=False).success
    [first] = lab.query(UNITS)
    ran = []

    def watched(config, unit, *rest):
        ran.append((unit.noise, unit.number))
        return run_unit(config, unit, *rest)

    monkeypatch.setattr(study, "run_unit", watched)
    assert run(lab).success
    assert ran == [("clicks", 2)]
    assert lab.query(UNITS)[0] == first and len(lab.query(UNITS)) == 2
    assert run(lab).success and len(ran) == 1  # nothing is left to do


def test_units_of_other_settings_are_not_counted(tmp_path):
    lab = small(tmp_path, click_seeds=1)
    assert study.done_units(lab.resource.database, "abc").num_rows == 0  # no file yet
    lab.change("CREATE TABLE other (n INT)")
    assert study.done_units(lab.resource.database, "abc").num_rows == 0  # no table yet


def test_a_real_log_has_no_study(tmp_path):
    (tmp_path / "log.csv").write_text("user,item,time\n1,2,2024-01-01\n")
    source = {
        "directory": str(tmp_path),
        "files": ["log.csv"],
        "columns": {"user": "user", "item": "item", "time": "time"},
    }
    lab = Lab.create(tmp_path / "lab", source=source, experiment={"response_model": "replay"})
    result = run(lab, raise_on_error=False)
    assert not result.success
    [failure] = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert "needs the synthetic shop" in str(failure.step_failure_data)
