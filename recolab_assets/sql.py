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

    def over(self, table: str, source: "Select") -> "Select":
        """Return the SELECT that reads what another selects in place of one of its tables.

        Args:
            table: The table that is replaced, as ``schema.table``.
            source: What is read instead.

        Raises:
            ValueError: It does not read that table, placeholders have no names, or the two mean
                different values by the same name.
        """
        if table not in self.sql:
            raise ValueError(f"the SELECT does not read {table}")
        mine, others = _by_name(self.params), _by_name(source.params)
        if clash := sorted(name for name in mine if others.get(name, mine[name]) != mine[name]):
            raise ValueError(f"the SELECTs bind different values to {', '.join(clash)}")
        return Select(self.sql.replace(table, f"({source.sql})"), {**others, **mine})


def _by_name(params: Params) -> Mapping[str, object]:
    if isinstance(params, Mapping):
        return params
    if len(params):
        raise ValueError("only placeholders with names can be combined")
    return {}


class Measured(NamedTuple):
    """Contents of a table, and what to measure of it once it is written."""

    contents: Any
    """Whatever a table can be written from."""
    measures: Select
    """A SELECT of one row over the written table; its columns describe the table."""
