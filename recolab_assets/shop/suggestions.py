"""Rules that a log seems to need: what to leave out, and how many lines each would meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from recolab_assets.shop.binding import Binder
from recolab_assets.shop.faults import faults_of, quoted
from recolab_assets.shop.profile import ColumnProfile, FileProfile
from recolab_assets.shop.roles import is_rating, words

MISSING = "CHANGE ME"
"""Stands where a compulsory column was not found."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A proposed rule of ``source.drop``."""

    reason: str
    kind: str
    """where, repeats or in_earlier_file."""
    value: str | tuple[str, ...]
    """The condition, or what lines are compared by."""
    rows: int
    """Lines that meet it."""
    active: bool = True
    """False: written as a comment, for a person to judge."""


def suggested_rules(
    connection: duckdb.DuckDBPyConnection,
    logs: Sequence[FileProfile],
    columns: Mapping[str, str],
    expressions: Mapping[str, str],
) -> list[Rule]:
    """Propose what to leave out; only what some line meets.

    Args:
        connection: A scratch connection.
        logs: The files of the log, in order.
        columns: Column of each role.
        expressions: SQL of each role that is mapped.

    Raises:
        SourceError: A file cannot be read.
    """
    rules = [
        *_overlap(connection, logs, columns.get("session")),
        *_absent(connection, logs, columns, expressions),
        *_by_number(connection, logs, columns, expressions),
    ]
    again = sum(_repeated(connection, log) for log in logs)
    if again:
        rules.append(Rule("repeats a whole line", "repeats", ("*",), again, active=False))
    return rules


def _absent(
    connection: duckdb.DuckDBPyConnection,
    logs: Sequence[FileProfile],
    columns: Mapping[str, str],
    expressions: Mapping[str, str],
) -> list[Rule]:
    """Lines without user, item or time, which the import would refuse."""
    conditions = []
    for role, reason in (("user", "no customer"), ("item", "no item")):
        if role not in columns:
            continue
        column = quoted(columns[role])
        blank = f"coalesce(trim(CAST({column} AS VARCHAR)), '') = ''"
        if any(log.column(columns[role]).type in ("DOUBLE", "FLOAT") for log in logs):
            blank = f"coalesce(trim(CAST({column} AS VARCHAR)), 'nan') IN ('', 'nan')"
        conditions.append((reason, blank))
    if expressions["time"] != MISSING:
        conditions.append(
            ("no time, or one that does not parse", _no_time(connection, logs[0], expressions))
        )
    return _met(connection, logs, [(*each, True) for each in conditions])


def _by_number(
    connection: duckdb.DuckDBPyConnection,
    logs: Sequence[FileProfile],
    columns: Mapping[str, str],
    expressions: Mapping[str, str],
) -> list[Rule]:
    """Returns, gifts, and low ratings: only the first are left out without being asked."""
    conditions = []
    for role, reason, active in (
        ("quantity", "return or cancellation", True),
        ("unit_price", "price of zero or less", False),
    ):
        if role in expressions:
            conditions.append((reason, f"{quoted(columns[role])} <= 0", active))
    free = (column for column in logs[0].columns if column.name not in columns.values())
    rating = next((column for column in free if _rates(column)), None)
    if rating is not None:
        middle = (min(rating.numbers) + max(rating.numbers)) / 2
        condition = f"{quoted(rating.name)} <= {middle:g}"
        conditions.append(("rated in the lower half", condition, False))
    return _met(connection, logs, conditions)


def _met(
    connection: duckdb.DuckDBPyConnection,
    logs: Sequence[FileProfile],
    conditions: Sequence[tuple[str, str, bool]],
) -> list[Rule]:
    """A rule for each condition that some line meets."""
    rules = []
    for reason, condition, active in conditions:
        rows = sum(_count(connection, log, f"WHERE {condition}") for log in logs)
        if rows:
            rules.append(Rule(reason, "where", condition, rows, active))
    return rules


def _rates(column: ColumnProfile) -> bool:
    """Whether a column holds stars."""
    named = words(column.name) & {"rating", "stars", "score", "value", "rate", "note"}
    return bool(named) and is_rating(column)


def _no_time(
    connection: duckdb.DuckDBPyConnection, log: FileProfile, expressions: Mapping[str, str]
) -> str:
    """SQL of lines whose time the import would not read."""
    binder = Binder(connection, log.file)
    kind = binder.type_of("source.columns.time", expressions["time"])
    bound = binder.bound(expressions["time"]).replace("\n", "")
    if kind in ("VARCHAR", "JSON"):
        return f"TRY_CAST({bound} AS TIMESTAMPTZ) IS NULL"
    return f"TRY({bound}) IS NULL"


def _count(connection: duckdb.DuckDBPyConnection, log: FileProfile, rest: str) -> int:
    with faults_of(f"{log.file.name} cannot be read"):
        row = connection.execute(f"SELECT count(*) FROM {log.file.relation} {rest}").fetchone()
    return int(row[0]) if row else 0


def _repeated(connection: duckdb.DuckDBPyConnection, log: FileProfile) -> int:
    columns = ", ".join(quoted(column.name) for column in log.columns)
    with faults_of(f"{log.file.name} cannot be read"):
        row = connection.execute(
            f"SELECT count(*) - count(DISTINCT hash({columns})) FROM {log.file.relation}"
        ).fetchone()
    return int(row[0]) if row else 0


def _overlap(
    connection: duckdb.DuckDBPyConnection, logs: Sequence[FileProfile], session: str | None
) -> list[Rule]:
    """Lines that stand in an earlier file too: by session where there is one, else whole."""
    columns = [session] if session else [column.name for column in logs[0].columns]
    key = f"hash({', '.join(map(quoted, columns))})"
    shared = 0
    for i, log in enumerate(logs[1:], start=1):
        before = " UNION ALL ".join(
            f"SELECT {key} FROM {earlier.file.relation}" for earlier in logs[:i]
        )
        shared += _count(connection, log, f"WHERE {key} IN ({before})")
    if not shared:
        return []
    value = (session or "*",)
    return [Rule("stands in an earlier file", "in_earlier_file", value, shared)]
