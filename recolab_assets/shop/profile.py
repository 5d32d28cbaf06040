"""What the columns of a file hold: counts, ranges, a sample, and how their times are written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recolab_assets.shop.address import is_address
from recolab_assets.shop.faults import faults_of, literal, quoted
from recolab_assets.shop.log import LogFile, open_file, place_of

SAMPLE_ROWS = 500

_DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y",
         "%b %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")  # fmt: skip
_HOURS = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")
FORMATS = (
    *(day + hour for day in _DAYS for hour in _HOURS),
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%a %b %d %H:%M:%S %Y",
)
"""Forms of times other than ISO 8601 that are tried, in this order."""

_EPOCHS = (
    (1, "to_timestamp({})", "seconds since 1970"),
    (10**3, "epoch_ms({})", "milliseconds since 1970"),
    (10**6, "make_timestamp({})", "microseconds since 1970"),
)
_EPOCH_SECONDS = (631_152_000, 4_102_444_800)  # 1990 to 2100


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How a column writes times."""

    expression: str
    """SQL with ``{}`` for the column; ``{}`` alone where the import reads it as it is."""
    label: str
    """In words."""
    others: tuple[str, ...] = ()
    """Further formats that fit as well: which is meant must be said by a person."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column as seen."""

    name: str
    type: str
    """DuckDB type, as the import will read it."""
    rows: int
    absent: int
    """NULL or blank."""
    distinct: int
    """Distinct values (HyperLogLog: within a few per cent)."""
    least: str | None
    greatest: str | None
    sample: tuple[str, ...]
    """Values present in rows spread evenly over the file, as text."""
    time: TimeForm | None
    """None: the values are no times."""

    @property
    def numbers(self) -> tuple[float, ...]:
        """The sample as numbers; empty as soon as one value is none."""
        if not all(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", v) for v in self.sample):
            return ()
        return tuple(map(float, self.sample))

    @property
    def whole(self) -> bool:
        """Whether the sample holds whole numbers only."""
        return bool(self.numbers) and all(number == int(number) for number in self.numbers)


@dataclass(frozen=True, slots=True)
class FileProfile:
    """One file as seen."""

    file: LogFile
    """As the import reads it."""
    texts: LogFile
    """The same with every column of a CSV file as text."""
    header: bool
    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile:
        """The column of this name."""
        return next(column for column in self.columns if column.name == name)


def profile_file(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> FileProfile:
    """Look at a file, which is read a few times and never kept.

    Args:
        connection: A scratch connection.
        folder: Folder of the file.
        name: Its name; the ending says the format.

    Raises:
        SourceError: The file is missing, of an unknown kind, or cannot be read.
    """
    header = _has_header(connection, folder, name)
    typed = open_file(connection, folder, name, header=header)
    # As text, so that 007 stays 007 in what is shown and compared.
    texts = open_file(connection, folder, name, header=header, ids=map(quoted, typed.columns))
    with faults_of(f"{place_of(folder, name)} cannot be read"):
        types = connection.execute(f"DESCRIBE SELECT * FROM {typed.relation}").fetchall()
        select = ", ".join(
            f"count(*) FILTER (coalesce(trim(CAST({c} AS VARCHAR)), '') = ''),"
            f" approx_count_distinct(CAST({c} AS VARCHAR)), CAST(min({c}) AS VARCHAR),"
            f" CAST(max({c}) AS VARCHAR)"
            for c in map(quoted, typed.columns)
        )
        row = connection.execute(f"SELECT count(*), {select} FROM {typed.relation}").fetchone()
        rows, *figures = row or (0,)
        own = ", ".join(f"CAST({quoted(c)} AS VARCHAR)" for c in texts.columns)
        sample = connection.execute(
            f"SELECT {own} FROM {texts.relation} WHERE (source_row - 1) % ? = 0"
            f" ORDER BY source_row LIMIT {SAMPLE_ROWS}",
            [max(1, rows // SAMPLE_ROWS)],
        ).fetchall()
    columns = []
    for i, (column, kind, *_) in enumerate(types[: len(typed.columns)]):
        absent, distinct, least, greatest = figures[4 * i : 4 * i + 4]
        seen = tuple(line[i] for line in sample if line[i] is not None and line[i].strip())
        form = _time_form(connection, kind, seen)
        columns.append(
            ColumnProfile(column, kind, rows, absent, distinct, least, greatest, seen, form)
        )
    return FileProfile(typed, texts, header, rows, tuple(columns))


def _has_header(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> bool:
    """Whether the first line of a CSV file names the columns.

    It does not where one of its cells is empty, a number, a time or given twice, or stands in its
    column again.
    """
    if is_address(name) or not re.search(r"\.[ct]sv(\.gz)?$", name.lower()):
        return True
    open_file(connection, folder, name)
    plain = open_file(connection, folder, name, header=False)
    raw = open_file(connection, folder, name, header=False, ids=map(quoted, plain.columns))
    with faults_of(f"{place_of(folder, name)} cannot be read as CSV"):
        first = connection.execute(f"FROM {raw.relation} WHERE source_row = 1").fetchone()
        if first is None:
            return True
        cells = first[: len(raw.columns)]
        if len(set(cells)) < len(cells) or any(_is_value(connection, cell) for cell in cells):
            return False
        again = " OR ".join(
            f"{quoted(column)} = {literal(cell)}"
            for column, cell in zip(raw.columns, cells, strict=True)
        )
        found = connection.execute(
            f"SELECT count(*) FROM {raw.relation} WHERE source_row > 1 AND ({again})"
        ).fetchone()
    return not (found and found[0])


def _is_value(connection: duckdb.DuckDBPyConnection, cell: str | None) -> bool:
    """Whether a cell is no name of a column: empty, a number or a time."""
    if cell is None or not cell.strip():
        return True
    if re.fullmatch(r"[+-]?\d+([.,]\d+)?", cell.strip()):
        return True
    return _time_form(connection, "VARCHAR", (cell,)) is not None


def _time_form(
    connection: duckdb.DuckDBPyConnection, kind: str, values: Sequence[str]
) -> TimeForm | None:
    """How the values write times, or None where nineteen of twenty are none."""
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return TimeForm("{}", f"read as {kind}")
    if not values or kind == "BOOLEAN" or kind.endswith(("]", ")")):
        return None
    enough = 0.95 * len(values)
    year = "BETWEEN 1970 AND 2100"
    tried = ", ".join(
        f"count(*) FILTER (year(try_strptime(v, {literal(form)})) {year})" for form in FORMATS
    )
    counts = connection.execute(
        "SELECT count(*) FILTER (isfinite(TRY_CAST(v AS TIMESTAMPTZ)) AND length(v) >= 8),"
        f" {tried} FROM (SELECT unnest(?::VARCHAR[]) AS v)",
        [list(values)],
    ).fetchone()
    iso, *others = counts or (0,)
    if iso >= enough and kind in ("VARCHAR", "JSON"):
        return TimeForm("{}", "ISO 8601 text, UTC unless it says otherwise")
    fits = [form for form, count in zip(FORMATS, others, strict=True) if count >= enough]
    if fits:
        text = "{}" if kind == "VARCHAR" else "CAST({} AS VARCHAR)"
        return TimeForm(
            f"try_strptime({text}, {literal(fits[0])})", f"text as {fits[0]}", tuple(fits[1:])
        )
    return _epoch(values)


def _epoch(values: Sequence[str]) -> TimeForm | None:
    """Whole numbers that are moments between 1990 and 2100 in one of the usual units."""
    numbers = [int(value) for value in values if re.fullmatch(r"\d{9,17}", value)]
    if len(numbers) < 0.95 * len(values):
        return None
    low, high = _EPOCH_SECONDS
    for unit, expression, label in _EPOCHS:
        if all(low * unit <= number <= high * unit for number in numbers):
            return TimeForm(expression.format("TRY_CAST({} AS BIGINT)"), label)
    return None
