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
