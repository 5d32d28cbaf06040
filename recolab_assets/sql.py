"""SELECT statements as values: SQL text and what is bound to its placeholders."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Params = Sequence[object] | Mapping[str, object]
"""Values for ``?`` placeholders in order, or for ``$name`` placeholders by name."""


class Select(NamedTuple):
    """A SELECT over the lab's tables, to be run where the tables are.

    Tables are named ``schema.table``. Values never stand in the text: they are bound.
    """

    sql: str
    """One SELECT statement."""
    params: Params = ()
    """Values of its placeholders."""


class Measured(NamedTuple):
    """Contents of a table, and what to measure of it once it is written."""

    contents: Any
    """Whatever a table can be written from."""
    measures: Select
    """A SELECT of one row over the written table; its columns describe the table."""
