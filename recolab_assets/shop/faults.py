"""Errors of a log, and names and texts as SQL writes them."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb


class SourceError(ValueError):
    """The shop's log cannot be used; the message names the file and what to change."""


def quoted(identifier: str) -> str:
    """An identifier as SQL writes it, whatever characters it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it, whatever characters it holds."""
    return "'" + text.replace("'", "''") + "'"


def require_table(
    database: str, written: str, given: str, full: str, names: list[str], usual: str = ""
) -> None:
    """Refuse a table that a database does not have.

    Args:
        database: What the message calls the database.
        written: What stands before the ``#`` in the configuration.
        given: The table as it was given; empty if none was.
        full: Its full name.
        names: Full names of the tables there are.
        usual: Schema with its point that a name need not give.

    Raises:
        SourceError: The table is not among the names; the message lists them.
    """
    if full not in names:
        listed = ", ".join(name.removeprefix(usual) for name in names[:20]) or "no table"
        wanted = f"there is no table {given!r} in it" if given else "it is a database"
        raise SourceError(
            f"{database}: {wanted}; write {written}#table, where table is one of: {listed}"
        )


def first_line(error: duckdb.Error) -> str:
    """What DuckDB says, without its excerpt of the generated SQL and its advice."""
    lines = str(error).split("\nLINE ")[0].splitlines()
    useful = [
        line.strip()
        for line in lines
        if line.strip() and not line.startswith(("Possible ", "Candidate bindings"))
    ]
    # An excerpt of the file can be a line of any length.
    return " ".join(line if len(line) <= 160 else f"{line[:160]}…" for line in useful[:4])[:500]


@contextmanager
def faults_of(what: str) -> Iterator[None]:
    """Turn any fault of DuckDB into a ``SourceError`` that opens with ``what``."""
    try:
        yield
    except duckdb.Error as error:
        raise SourceError(f"{what}: {first_line(error)}") from error
