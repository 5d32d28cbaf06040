"""The lab's SELECTs, written for DuckDB, in the SQL of Spark: the same rows in the same order.

sqlglot translates the dialect; what it does not know, or what the two engines would compute
otherwise, is rewritten here. The time zone of Spark's session must be UTC.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import sqlglot
from sqlglot import exp

from recolab_assets.sql import Select

POWER: Final = "lab_power"
"""Name by which Spark must know the power function of the C library, which DuckDB computes with:
Java's differs in the last binary digit of some results."""


class SparkSelect(NamedTuple):
    """A SELECT for Spark."""

    sql: str
    """Its text, with ``:name`` placeholders; tables have the names of temporary views."""
    params: Mapping[str, object]
    """Values of the placeholders."""
    tables: Mapping[tuple[str, str], str]
    """The temporary views that it reads, by schema and name of the table."""


def to_spark(select: Select) -> SparkSelect:
    """Translate a SELECT.

    Args:
        select: One whose placeholders, if there are any, have names.

    Raises:
        TypeError: Its placeholders have no names.
    """
    params = select.params or {}
    if not isinstance(params, Mapping):
        raise TypeError("only placeholders with names can be handed to Spark")
    tree: exp.Expr = sqlglot.parse_one(select.sql, read="duckdb")
    tables: dict[tuple[str, str], str] = {}
    # From the leaves up, so that what is rewritten is made of what has been.
    for node in reversed(list(tree.walk())):
        if isinstance(node, exp.Table) and node.db:
            tables[node.db, node.name] = f"{node.db}__{node.name}"
        rewritten = _rewritten(node)
        if rewritten is not node:
            node.replace(rewritten)
    return SparkSelect(tree.sql(dialect="spark", comments=False), params, tables)


def _rewritten(node: exp.Expr) -> exp.Expr:
    """Return what stands for a node in Spark's SQL, or the node itself."""
    written = node
    match node:
        case exp.Table() if node.db:
            # A temporary view has no schema; columns are qualified by the table's own name.
            view = exp.to_table(f"{node.db}__{node.name}")
            written = exp.alias_(view, node.alias or node.name, table=True)
        case exp.ToDays():
            written = _call("make_dt_interval", node.this)
        case exp.Anonymous() if node.name.lower() == "epoch_us":
            written = _call("unix_micros", exp.cast(node.expressions[0], "TIMESTAMPLTZ"))
        case exp.TimestampTrunc():
            # Spark truncates moments of a time zone only.
            written = exp.cast(node.copy(), "TIMESTAMPNTZ")
        case exp.Pow():
            base, exponent = (exp.cast(part, "DOUBLE") for part in (node.this, node.expression))
            written = _call(POWER, base, exponent)
        case exp.Filter(this=exp.Sum(this=exp.Order())):
            written = _sum_in_order(node.this.this, node.expression.this)
        case exp.Sum(this=exp.Order()) if not isinstance(node.parent, exp.Filter):
            written = _sum_in_order(node.this)
    return written


def _sum_in_order(summed: exp.Order, where: exp.Expr | None = None) -> exp.Expr:
    """Sum doubles one after the other: collect them, sort by the key, add from the first on."""
    value, [ordered] = summed.this, summed.expressions
    present = value.copy().is_(exp.null()).not_()
    pair = _call(
        "named_struct", exp.Literal.string("key"), ordered.this, exp.Literal.string("value"), value
    )
    pairs = exp.Filter(
        this=_call("collect_list", pair),
        expression=exp.Where(this=present if where is None else exp.and_(where.copy(), present)),
    )
    add = exp.Lambda(
        this=sqlglot.parse_one("coalesce(total, CAST(0 AS DOUBLE)) + pair.value", read="spark"),
        expressions=[exp.to_identifier("total"), exp.to_identifier("pair")],
    )
    nothing = exp.cast(exp.null(), "DOUBLE")
    return _call("aggregate", _call("array_sort", pairs), nothing, add)


def _call(function: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=[argument.copy() for argument in arguments])
