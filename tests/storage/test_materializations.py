"""What ran when: noted with the tables, kept when a run fails, renewed one asset at a time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from dagster import AssetsDefinition, AssetSpec, ExecuteInProcessResult, asset, materialize

from recolab_assets.storage import Database, Origin, build_io_manager
from recolab_assets.storage.stored_table import StoredTable
from recolab_assets.tables import OTHER_TABLES


def origin_of(spec: AssetSpec) -> Origin:
    settings = {"data.n_users": 7, "split": {"method": "cut", "deep": {"days": 28}}}
    return Origin("config/mine.yaml", 42, f"hash of {spec.key.to_user_string()}", settings)


@asset(metadata={"schema": "raw"})
def first() -> pa.Table:
    return pa.table({"n": [1]})


@asset(metadata={"schema": "raw"}, deps=["first"])
def second() -> pa.Table:
    return pa.table({"n": [2]})


@asset(metadata={"schema": "raw"}, deps=["second"])
def third(first: pa.Table) -> pa.Table:
    return first


@asset(name="first", metadata={"schema": "raw"})
def broken() -> pa.Table:
    raise RuntimeError("no luck")


def run(database: Database, *assets: AssetsDefinition, **options: Any) -> ExecuteInProcessResult:
    resources = {"io_manager": build_io_manager(database, origin_of)}
    return materialize(assets, resources=resources, raise_on_error=False, **options)


def facts(database: Database) -> dict[str, dict[str, Any]]:
    rows = StoredTable(database, "history", "materializations").select()
    assert rows.schema == OTHER_TABLES["materializations"].arrow_schema
    found = {row["asset"]: row for row in rows.to_pylist()}
    assert len(found) == rows.num_rows
    return found


def test_a_row_says_when_how_and_from_what(database: Database) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    result = run(database, first, second, third)
    found = facts(database)
    assert list(found) == ["first", "second", "third"]
    row = found["third"]
    assert row["run_id"] == result.run_id
    assert before <= row["materialized_at"] <= before + timedelta(minutes=1)
    assert (row["config"], row["random_seed"]) == ("config/mine.yaml", 42)
    assert row["fingerprint"] == "hash of third"
    assert json.loads(row["settings"]) == {
        "data.n_users": 7,
        "split.deep.days": 28,
        "split.method": "cut",
    }
    assert row["inputs"] == ["first", "second"]
    assert row["input_runs"] == [result.run_id] * 2
    assert found["first"]["inputs"] == []


def test_to_materialise_one_asset_again_renews_its_row_only(database: Database) -> None:
    run(database, first, second, third)
    before = facts(database)
    again = run(database, first, second, third, selection=["second"])
    after = facts(database)
    assert after["second"]["run_id"] == again.run_id != before["second"]["run_id"]
    assert after["second"]["input_runs"] == [before["first"]["run_id"]]
    assert {name: after[name] for name in ("first", "third")} == {
        name: before[name] for name in ("first", "third")
    }


def test_a_failing_run_leaves_what_was_noted(database: Database) -> None:
    run(database, first)
    before = facts(database)
    assert not run(database, broken).success
    assert facts(database) == before


def test_a_table_that_cannot_be_stored_is_not_noted(database: Database) -> None:
    @asset(name="popularity")
    def misfit() -> pa.Table:
        return pa.table({"product_id": [1]})

    run(database, first)
    before = facts(database)
    assert not run(database, misfit).success
    assert facts(database) == before


def test_an_input_that_was_never_noted_has_no_run(database: Database) -> None:
    materialize([first], resources={"io_manager": build_io_manager(database)})
    run(database, first, second, selection=["second"])
    found = facts(database)
    assert list(found) == ["second"]
    assert found["second"]["input_runs"] == [""]


@pytest.mark.parametrize("columns", ["asset VARCHAR", "asset VARCHAR, more INTEGER"])
def test_notes_of_another_version_are_started_anew(database: Database, columns: str) -> None:
    with database.write() as connection:
        connection.execute("CREATE SCHEMA history")
        connection.execute(f"CREATE TABLE history.materializations ({columns})")
    assert run(database, first).success
    assert list(facts(database)) == ["first"]
