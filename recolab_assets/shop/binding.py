"""SQL expressions of the configuration, checked against a file and read as text, time, number."""

from collections.abc import Sequence
from typing import Final

import duckdb

from recolab_assets.shop.faults import SourceError, faults_of, first_line, quoted
from recolab_assets.shop.log import LogFile

_MOST_COLUMNS: Final = 12
_LONGEST_NAME: Final = 40
"""How much of a file's columns a message names."""


class Binder:
    """Checks SQL expressions of the configuration against a file and tells their types."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: LogFile) -> None:
        self._connection = connection
        self._file = file
        with faults_of(f"{file.name} cannot be read"):
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE shape AS FROM {file.relation} LIMIT 0"
            )

    def bound(self, expression: str) -> str:
        """SQL of an expression in parentheses; the bare name of a column is that column.

        So a name that SQL would not take as it stands (``Customer ID``) needs no quotes.
        """
        return quoted(expression) if expression in self._file.columns else f"(\n{expression}\n)"

    def type_of(self, key: str, expression: str) -> str:
        """DuckDB type of an expression; ``key`` is where the configuration has it."""
        try:
            described = self._connection.execute(
                f"DESCRIBE SELECT {self.bound(expression)} FROM shape"
            ).fetchone()
        except duckdb.Error as error:
            raise SourceError(
                f"{key}: {expression!r} does not work on {self._file.name}:"
                f" {first_line(error)}; the file has the columns"
                f" {_listed(self._file.columns)}"
            ) from error
        return str(described[1]) if described else "NULL"

    def text(self, key: str, expression: str, *, forgiving: bool = False) -> str:
        """SQL of the value as text: whole floats without a fraction, blank as absent."""
        kind = self.type_of(key, expression)
        value = f"TRY({self.bound(expression)})" if forgiving else self.bound(expression)
        if kind == "JSON":
            return f"nullif(trim({value} ->> '$'), '')"
        if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
            # pandas keeps ids as floats as soon as one is missing: 17850.0 is 17850.
            whole = f"CAST(CAST({value} AS HUGEINT) AS VARCHAR)"
            return (
                f"CASE WHEN isnan(CAST({value} AS DOUBLE)) THEN NULL"
                f" WHEN {value} = trunc({value}) AND abs({value}) < 1e15 THEN {whole}"
                f" ELSE CAST({value} AS VARCHAR) END"
            )
        text = f"CAST({value} AS VARCHAR)"
        return f"CASE WHEN trim({text}) <> '' THEN {text} END" if kind == "VARCHAR" else text

    def time(self, key: str, expression: str) -> str:
        """SQL of the value as a UTC timestamp; NULL where it is none."""
        kind = self.type_of(key, expression)
        value = f"TRY({self.bound(expression)})"
        if kind in ("VARCHAR", "JSON"):
            text = f"{value} ->> '$'" if kind == "JSON" else value
            value, kind = f"TRY_CAST({text} AS TIMESTAMPTZ)", "TIMESTAMP WITH TIME ZONE"
        if kind == "TIMESTAMP WITH TIME ZONE":
            value = f"({value} AT TIME ZONE 'UTC')"
        elif not kind.startswith("TIMESTAMP") and kind != "DATE":
            raise SourceError(
                f"{key}: {expression!r} is {kind} in {self._file.name}, not a time; write"
                f" to_timestamp({expression}) for seconds or epoch_ms({expression}) for"
                " milliseconds since 1970, or strptime(…, format) for text"
            )
        moment = f"CAST({value} AS TIMESTAMP)"
        return f"CASE WHEN isfinite({moment}) THEN {moment} END"

    def moment(self, key: str, expression: str) -> tuple[str, str]:
        """SQL of the value as a UTC timestamp, and of whether there is a value that is no time."""
        moment = self.time(key, expression)
        given = self.text(key, expression, forgiving=True)
        return moment, f"({given} IS NOT NULL AND {moment} IS NULL)"

    def texts(self, key: str, expression: str) -> str:
        """SQL of the value as a list of texts."""
        kind = self.type_of(key, expression)
        if not kind.endswith("[]"):
            raise SourceError(
                f"{key}: {expression!r} is {kind} in {self._file.name}, not a list; write"
                f" string_split({expression}, ',') for text with commas between"
            )
        return f"CAST({self.bound(expression)} AS VARCHAR[])"

    def number(self, key: str, expression: str) -> tuple[str, str]:
        """SQL of the value as DOUBLE, and of whether there is a value that is no number."""
        self.type_of(key, expression)
        value = f"nullif(trim(CAST({self.bound(expression)} AS VARCHAR)), '')"
        number = f"TRY_CAST({value} AS DOUBLE)"
        return (
            f"CASE WHEN isfinite({number}) THEN {number} END",
            f"({value} IS NOT NULL AND {number} IS NULL)",
        )


def _listed(columns: Sequence[str]) -> str:
    """Names of columns; what a damaged file has in their place can be long and of control signs."""
    shown = [
        "".join(sign if sign.isprintable() else "?" for sign in column[:_LONGEST_NAME])
        for column in columns[:_MOST_COLUMNS]
    ]
    more = f" and {len(columns) - _MOST_COLUMNS} more" if len(columns) > _MOST_COLUMNS else ""
    return ", ".join(map(quoted, shown)) + more
