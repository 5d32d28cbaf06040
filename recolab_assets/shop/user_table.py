"""The shop's own table of users, read and checked."""

from pathlib import Path

import duckdb

from recolab_assets.config import SourceConfig
from recolab_assets.shop.binding import Binder
from recolab_assets.shop.faults import faults_of
from recolab_assets.shop.side_table import open_side_table, refuse_rows, twice


def read_members(connection: duckdb.DuckDBPyConnection, source: SourceConfig, root: Path) -> None:
    """Make the temporary table ``members``: user_key and signed_up_at.

    Args:
        connection: Where the table is made; without a table of users it is empty.
        source: Names the table of users and its columns.
        root: The repository, which a relative folder starts from.

    Raises:
        SourceError: The file cannot be read or an expression does not work on it, a user has no id
            or two rows that differ, or a sign-up that is no time.
    """
    table = source.users
    if table is None:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE members AS"
            " SELECT NULL::VARCHAR AS user_key, NULL::TIMESTAMP AS signed_up_at LIMIT 0"
        )
        return
    file = open_side_table(connection, source, root, table, table.user)
    binder = Binder(connection, file)
    user = binder.text("source.users.user", table.user)
    moment, fault = "NULL::TIMESTAMP", "false"
    if table.signed_up_at is not None:
        moment, fault = binder.moment("source.users.signed_up_at", table.signed_up_at)
    with faults_of(f"{file.name} cannot be read with the configured columns"):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE members AS"
            " SELECT user_key, signed_up_at, fault, min(source_row) AS source_row"
            f" FROM (SELECT {user} AS user_key, {moment} AS signed_up_at, {fault} AS fault,"
            f" source_row FROM {file.relation}) GROUP BY ALL"
        )
    faults = {
        "user_key IS NULL": "a user without an id",
        "fault": "a sign-up that is no time",
        twice("members", "user_key"): "a user with two rows that differ",
    }
    refuse_rows(connection, file, "members", "user_key", faults)
