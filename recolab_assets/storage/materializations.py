"""What ran when: a row for the latest materialisation of each asset, in the file that it wrote."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import duckdb
from dagster import AssetSpec

from recolab_assets.storage.names import identifier, qualified
from recolab_assets.storage.writer import create_table
from recolab_assets.tables import OTHER_TABLES

_TABLE: Final = OTHER_TABLES["materializations"]
_NAME: Final = qualified(_TABLE.schema, _TABLE.name)


class Origin(NamedTuple):
    """The configuration that an asset is made with."""

    config: str
    """Path of the configuration file."""
    random_seed: int
    """``data.random_seed``."""
    fingerprint: str
    """Hash of the settings that the asset's rows depend on."""
    settings: Mapping[str, Any]
    """These settings: JSON values by dotted key, sections as mappings."""


def note(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    spec: AssetSpec,
    origin_of: Callable[[AssetSpec], Origin],
) -> None:
    """Note that an asset has been stored, in place of what was noted of it before.

    Args:
        connection: Inside the transaction that stores the asset, so that either both are kept or
            neither: what a failing run leaves is still described by the run that wrote it.
        run_id: Dagster's run.
        spec: The asset, with what it was made from.
        origin_of: Says with which configuration it was made.
    """
    _prepare(connection)
    runs = dict(connection.execute(f"SELECT asset, run_id FROM {_NAME}").fetchall())
    asset, origin = spec.key.to_user_string(), origin_of(spec)
    inputs = sorted(dependency.asset_key.to_user_string() for dependency in spec.deps)
    row = {
        "asset": asset,
        "run_id": run_id,
        "materialized_at": datetime.now(UTC).replace(tzinfo=None),
        "config": origin.config,
        "random_seed": origin.random_seed,
        "fingerprint": origin.fingerprint,
        "settings": json.dumps(dict(_leaves("", origin.settings)), sort_keys=True),
        "inputs": inputs,
        "input_runs": [runs.get(name, "") for name in inputs],
    }
    connection.execute(f"DELETE FROM {_NAME} WHERE asset = ?", [asset])
    connection.execute(
        f"INSERT INTO {_NAME} VALUES ({', '.join('?' * len(row))})",
        [row[name] for name in _TABLE.column_names],
    )


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table; one of another version of the lab, with other columns, is started anew."""
    found = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?"
        " ORDER BY column_index",
        [_TABLE.schema, _TABLE.name],
    ).fetchall()
    if [name for (name,) in found] == _TABLE.column_names:
        return
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(_TABLE.schema)}")
    connection.execute(f"DROP TABLE IF EXISTS {_NAME}")
    create_table(connection, _NAME, _TABLE)


def _leaves(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Walk through nested settings; yield dotted key and value of each single one."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value
