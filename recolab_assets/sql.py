"""SELECT statements as values: SQL text and what is bound to its placeholders."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

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
