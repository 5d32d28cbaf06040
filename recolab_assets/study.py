"""The job ``scorecard_study``: the graph run again and again in scratch files, one unit at a time.

A unit is the graph with another seed, so no stage is written twice. What a unit has found is stored
in the lab's file when it is done; a study that is started again goes on after it.
"""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pyarrow as pa
import yaml

from recolab_assets.config import LabConfig
from recolab_assets.experiments.study import Unit, pool_units, unit_rows, units_of
from recolab_assets.resources import LabResource, fingerprint
from recolab_assets.storage import Database, StoredTable, TableMissingError
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import OTHER_TABLES, TABLES

_FOUND = ("truth", "method_scorecard")
_SHARED = ("data", "shop", "split", "model", "evaluation", "experiment", "study.replicates")
"""Settings that must be the same for units to be pooled."""


_RESULTS = dg.AssetSelection.assets(*_FOUND)
_FITTED = dg.AssetSelection.groups("models") | dg.AssetSelection.assets("other_split_metrics")
_CHANGED: dict[str, dg.AssetSelection] = {
    "clicks": _RESULTS,
    "training": _FITTED.downstream() & _RESULTS.upstream(),
    "shop": _RESULTS.upstream(),
}
"""What has to be made anew for each source of noise."""


@dg.op(
    description="Runs the units that are not done yet and pools all.",
    tags={"dagster/concurrency_key": "recolab/scorecard_study"},
)
def run_study(context: dg.OpExecutionContext, lab: LabResource) -> None:
    """Run every unit of the study in turn, and store each as soon as it is done.

    Raises:
        dagster.Failure: The configuration is that of a real log, whose truth nobody knows.
    """
    config, database = lab.settings, lab.database
    if config.source is not None:
        raise dg.Failure(
            f"{lab.config}: the study needs the synthetic shop, whose truth is known; remove source"
        )
    settings = fingerprint(config, _SHARED)
    folder = database.path.with_suffix(".study")
    done = done_units(database, settings)
    units = units_of(config.study)
    waiting = [unit for unit in units if (unit.noise, unit.number) not in set(_names(done))]
    context.log.info(
        "%d of %d units are done, %d to go", len(units) - len(waiting), len(units), len(waiting)
    )
    started = time.monotonic()
    for number, unit in enumerate(waiting, start=1):
        began = time.monotonic()
        rows = run_unit(config, unit, settings, folder)
        done = pa.concat_tables([done, rows])
        with database.write() as connection:
            for name, table in (("study_units", done), ("scorecard_study", pool_units(done))):
                write_table(connection, OTHER_TABLES[name].schema, name, table)
        now = time.monotonic()
        left = (now - started) / number * (len(waiting) - number)
        context.log.info(
            "unit %d of %d, %s %d: %.0f s; about %.0f min left",
            *(number, len(waiting), unit.noise, unit.number, now - began, left / 60),
        )
    shutil.rmtree(folder, ignore_errors=True)


def done_units(database: Database, settings: str) -> pa.Table:
    """Return what is stored of units with these settings; others are of another study."""
    table = OTHER_TABLES["study_units"]
    if not database.path.exists():
        return table.arrow_schema.empty_table()
    stored = StoredTable(database, table.schema, table.name)
    try:
        return stored.select(where="settings = ?", params=(settings,))
    except TableMissingError:
        return table.arrow_schema.empty_table()


def _names(units: pa.Table) -> list[tuple[str, int]]:
    return list(zip(units["noise"].to_pylist(), units["unit"].to_pylist(), strict=True))


def run_unit(config: LabConfig, unit: Unit, settings: str, folder: Path) -> pa.Table:
    """Run the graph for one unit in a scratch file; return its rows of ``study_units``.

    A shop is run from the start. The others go on from one run of the shop as it is configured,
    which is kept in the folder until the study is over.

    Args:
        config: The configuration of the study.
        unit: The unit.
        settings: Fingerprint of the settings that all units share.
        folder: Folder for scratch files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / "unit.duckdb"
    scratch.unlink(missing_ok=True)
    if unit.noise != "shop":
        shutil.copyfile(_base(config, settings, folder), scratch)
    result = _materialise(unit.configured(config), scratch, _CHANGED[unit.noise])
    [scorecard] = result.asset_materializations_for_node("method_scorecard")
    seconds = scorecard.metadata["seconds"].value
    truth, table = (
        StoredTable(Database(scratch), TABLES[name].schema, name).select() for name in _FOUND
    )
    scratch.unlink()
    return unit_rows(unit, settings, table, truth, dict(_as_numbers(seconds)))


def _as_numbers(seconds: object) -> list[tuple[str, float]]:
    if not isinstance(seconds, Mapping):
        raise TypeError(f"seconds of the scorecard must be a mapping, not {type(seconds).__name__}")
    return [(str(part), float(spent)) for part, spent in seconds.items()]


def _base(config: LabConfig, settings: str, folder: Path) -> Path:
    """The shop and the models as configured, run once."""
    base = folder / f"base-{settings}.duckdb"
    if not base.exists():
        unfinished = folder / "base.duckdb"
        unfinished.unlink(missing_ok=True)
        _materialise(config, unfinished, _RESULTS.upstream() - _RESULTS)
        unfinished.rename(base)
    return base


def _materialise(
    config: LabConfig, database: Path, selection: dg.AssetSelection
) -> dg.ExecuteInProcessResult:
    """Run a part of the graph with a configuration of its own, without its checks."""
    # The graph has the job that runs it.
    from recolab_assets.definitions import build_definitions  # noqa: PLC0415

    storage = config.storage.model_copy(update={"database": str(database)})
    values = config.model_copy(update={"storage": storage}).model_dump()
    file = database.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    definitions = build_definitions(file)
    assets = [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            assets,
            resources=definitions.resources,
            selection=selection - dg.AssetSelection.all_asset_checks(),
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
        )


@dg.job(
    description="The long scorecard: other clicks, trainings and shops, each apart. Resumable.",
    executor_def=dg.in_process_executor,
)
def scorecard_study() -> None:
    """Run the study with the configuration in force."""
    run_study()
