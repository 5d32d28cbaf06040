"""What ran when, and the warnings where tables do not belong together."""

import json
from datetime import datetime

import pandas as pd
import pytest

from dashboard.runs import runs_of
from dashboard.store import Store
from recolab_assets.storage import Database
from tests.dashboard.test_pages import rows_of_grid, shown


def note(asset, run, inputs=(), settings=None, hour=1):
    return {
        "asset": asset,
        "run_id": run,
        "materialized_at": datetime(2026, 1, 1, hour),
        "config": "/lab/config/config.yaml",
        "random_seed": 42,
        "fingerprint": "f",
        "settings": json.dumps(settings or {}),
        "inputs": [name for name, _ in inputs],
        "input_runs": [run for _, run in inputs],
    }


def test_what_was_made_from_tables_written_again_since_is_stale_and_so_is_what_follows():
    runs = runs_of(
        pd.DataFrame(
            [
                note("log", "second", hour=3),
                note("model", "first", [("log", "first")]),
                note("report", "first", [("model", "first")], hour=2),
                note("other", "second", [("log", "second")], hour=4),
            ]
        )
    )
    assert [row["asset"] for row in runs.assets] == ["other", "log", "report", "model"]
    assert runs.assets[-1]["older_than"] == ["log"]
    assert sorted(runs.stale) == ["model", "report"]
    assert runs.n_runs == 2


def test_an_input_of_an_unknown_run_is_not_stale():
    runs = runs_of(pd.DataFrame([note("model", "first", [("log", "")])]))
    assert runs.stale == []


def test_settings_that_differ_between_assets_are_named():
    runs = runs_of(
        pd.DataFrame(
            [
                note("users", "first", settings={"data.n_users": 100, "data.random_seed": 1}),
                note("model", "second", settings={"data.n_users": 200, "data.random_seed": 1}),
            ]
        )
    )
    assert runs.conflicts == ("data.n_users was 100 for users and 200 for model",)


@pytest.fixture
def whole(own_lab):
    """A lab whose tables were all written by one run; other tests run parts of it again."""
    with Database(own_lab).write() as connection:
        connection.execute(
            "UPDATE history.materializations"
            " SET run_id = 'one', input_runs = ['one' FOR i IN inputs]"
        )
    return own_lab


def test_the_overview_lists_what_ran_and_warns_of_nothing_after_a_whole_run(whole):
    page = shown(Store(whole), "/")
    rows = {row["asset"]: row for row in rows_of_grid(page, "runs")}
    assert rows["hybrid"]["state"] == "✓ current"
    assert rows["hybrid"]["config"].endswith(".yaml")
    assert "Not all of one run" not in page


def test_the_overview_warns_of_stale_tables(whole):
    with Database(whole).write() as connection:
        connection.execute(
            "UPDATE history.materializations SET run_id = 'another' WHERE asset = 'als'"
        )
    page = shown(Store(whole), "/")
    assert "Not all of one run" in page
    rows = {row["asset"]: row for row in rows_of_grid(page, "runs")}
    assert rows["hybrid"]["state"] == "⚠ stale: als written since"
    assert rows["popularity"]["state"] == "✓ current"


def test_a_file_without_notes_says_so(own_lab):
    with Database(own_lab).write() as connection:
        connection.execute("DROP TABLE history.materializations")
    assert "noted no runs" in shown(Store(own_lab), "/")
