"""Files of a shop's log: finding them, naming their columns, and reading them through DuckDB."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recolab_assets.shop.address import is_address
from recolab_assets.shop.databases import KINDS, table_relation
from recolab_assets.shop.faults import SourceError, faults_of, literal, quoted
from recolab_assets.shop.postgres import copy_table

ROW = "source_row"
FILE = "source_file"

_FORMATS = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".csv.gz": "CSV",
    ".tsv": "CSV",
    ".tsv.gz": "CSV",
    ".jsonl": "JSON lines",
    ".jsonl.gz": "JSON lines",
    ".ndjson": "JSON lines",
    ".ndjson.gz": "JSON lines",
    **KINDS,
}


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file (or table of a database), as DuckDB reads it."""

    name: str
    """Name in the configuration; ``source_file`` in SQL."""
    relation: str
    """SQL of a relation: the file's columns, source_file and source_row (from 1)."""
    columns: tuple[str, ...]
    """The file's own columns, in order."""


def mentioned(expressions: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Columns that stand in any of the SQL expressions, quoted or as a bare word."""
    text = "\n".join(expressions)
    return [
        column
        for column in columns
        if quoted(column).lower() in text.lower()
        or re.search(rf"(?<![\w\"]){re.escape(column)}(?![\w\"])", text, re.IGNORECASE)
    ]


def log_directory(directory: str, root: Path) -> Path:
    """Resolve the folder of the log against the repository's.

    Raises:
        SourceError: There is no such folder.
    """
    folder = (root / Path(directory).expanduser()).resolve()
    if not folder.is_dir():
        raise SourceError(
            f"{folder}: there is no such folder; set source.directory in the configuration, or"
            " the environment variable RECOLAB_SOURCE_DIRECTORY, to the folder of the log"
        )
    return folder


def open_file(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    name: str,
    *,
    header: bool = True,
    ids: Iterable[str] = (),
) -> LogFile:
    """Look at a file and prepare the relation that reads it.

    Numbers in text files are told from words by all of the file's lines. Dates stay text, since a
    wrong guess would be silent (1 February or 2 January; "infinity" in JSON lines is read as
    1900). Columns of CSV files that ids are made of stay text too, so that 007 remains 007.

    Args:
        connection: Connection that will read the file.
        folder: Folder of the log.
        name: Name of the file in it; its ending says the format. A table of a database is
            ``file.duckdb#table``, ``file.sqlite#table``, or wherever the folder is
            ``postgresql://host:port/database#schema.table``.
        header: Whether CSV files open with a line of column names.
        ids: SQL expressions that make ids.

    Raises:
        SourceError: The file is missing, its ending is unknown, or it cannot be read.
    """
    if is_address(name):
        with faults_of(f"{name} cannot be read as PostgreSQL"):
            reader = copy_table(connection, name)
            return _numbered(name, reader, _columns(connection, reader))
    path, table = _place(folder, name)
    if not path.is_file():
        present = ", ".join(sorted(entry.name for entry in folder.iterdir())[:10]) or "nothing"
        raise SourceError(
            f"{path}: there is no such file; set source.directory in the configuration, or the"
            " environment variable RECOLAB_SOURCE_DIRECTORY, to the folder that holds it"
            f" ({folder} holds {present})"
        )
    kind = next((kind for end, kind in _FORMATS.items() if path.name.lower().endswith(end)), None)
    if kind is None:
        raise SourceError(f"{path}: unknown ending; known are {', '.join(_FORMATS)}")
    # DuckDB takes a path for a pattern; a character class of one stands for the character itself.
    place = literal(re.sub(r"([*?\[])", r"[\1]", str(path)))
    with faults_of(f"{path} cannot be read as {kind}"):
        if kind in KINDS.values():
            reader = table_relation(connection, path, kind, table)
            columns = _columns(connection, reader)
        elif kind == "Parquet":
            columns = _columns(connection, f"read_parquet({place})")
            reader = f"read_parquet({place}, file_row_number = true)"
            own = "* EXCLUDE (file_row_number), file_row_number + 1"
            return _numbered(name, reader, columns, own)
        elif kind == "CSV":
            shape = f"header = {str(header).lower()}, strict_mode = true"
            columns = _columns(connection, f"read_csv({place}, all_varchar = true, {shape})")
            torn = re.search(r"[,;\t|]", columns[0]) if len(columns) == 1 else None
            if torn:
                _require_even(connection, place, columns[0], torn[0])
            texts = ", ".join(f"{literal(c)}: 'VARCHAR'" for c in mentioned(ids, columns))
            reader = (
                f"read_csv({place}, {shape}, sample_size = -1, types = {{{texts}}},"
                " auto_type_candidates = ['BIGINT', 'DOUBLE', 'VARCHAR'])"
            ).replace(" types = {},", "")
        else:
            lines = f"{place}, format = 'newline_delimited'"
            types = _types(connection, f"read_json({lines}, sample_size = -1)")
            columns = tuple(types)
            texts = ", ".join(f"{literal(c)}: {literal(_undated(t))}" for c, t in types.items())
            reader = f"read_json({lines}, columns = {{{texts}}})"
    return _numbered(name, reader, columns)


def place_of(folder: Path, name: str) -> str:
    """Where a source lies, as messages say it."""
    return name if is_address(name) else str(folder / name)


def _numbered(
    name: str, reader: str, columns: tuple[str, ...], own: str = "*, row_number() OVER ()"
) -> LogFile:
    relation = f"(SELECT {own} AS {ROW}, {literal(name)} AS {FILE} FROM {reader})"
    return LogFile(name, relation, columns)


def _place(folder: Path, name: str) -> tuple[Path, str]:
    """The file, and the table of it where the file is a database."""
    file, _, table = name.partition("#")
    return (folder / file, table) if file.lower().endswith(tuple(KINDS)) else (folder / name, "")


def _require_even(
    connection: duckdb.DuckDBPyConnection, place: str, header: str, delimiter: str
) -> None:
    """Let DuckDB name the line that has more or fewer cells than the header.

    Such lines hide the delimiter, and then it takes whole lines for cells.
    """
    names = dict.fromkeys(header.split(delimiter))
    texts = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    connection.execute(
        f"SELECT count(*) FROM read_csv({place}, auto_detect = false, header = true,"
        f" delim = {literal(delimiter)}, quote = '\"', columns = {{{texts}}})"
    )


def _columns(connection: duckdb.DuckDBPyConnection, reader: str) -> tuple[str, ...]:
    return tuple(_types(connection, reader))


def _types(connection: duckdb.DuckDBPyConnection, reader: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
    return {row[0]: row[1] for row in described}


def _undated(kind: str) -> str:
    """The type to read a column of JSON as: what DuckDB takes for dates stays text."""
    return "VARCHAR" if kind.startswith(("TIMESTAMP", "DATE", "TIME")) else kind
