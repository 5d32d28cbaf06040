"""Which lines of a log are left out, in what order, and the report of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from recolab_assets.config import DropRule


@dataclass(frozen=True, slots=True)
class Step:
    """What became of the lines of a log in one step: read, dropped by a rule, or kept."""

    reason: str
    rule: str | None
    n_matched: int
    """Lines that meet the rule, whatever other rules they meet, lines of an earlier file not
    counted."""
    n_rows: int
    """Those of them that no rule before has dropped."""


def rule_columns(
    rules: Sequence[DropRule], text_of: Callable[[str, str], str], columns: Sequence[str]
) -> list[str]:
    """What each line must carry for the rules to be applied to it.

    Args:
        rules: The rules, in order.
        text_of: From the configuration's key and an expression to SQL of its value as text.
        columns: The raw columns as SQL writes them, which ``*`` stands for.

    Returns:
        SQL of a boolean ``rule_<i>`` for a condition, of a digest ``key_<i>`` for what lines are
        compared by; that is NULL where all of it is absent, as it then says nothing.
    """
    projected = []
    for i, rule in enumerate(rules):
        if rule.where is not None:
            condition = text_of(f"source.drop[{i}].where", rule.where)
            projected.append(f"coalesce({condition} = 'true', false) AS rule_{i}")
            continue
        kind = "repeats" if rule.repeats is not None else "in_earlier_file"
        given = rule.repeats or rule.in_earlier_file or []
        keys = [key for each in given for key in (columns if each == "*" else [each])]
        texts = [text_of(f"source.drop[{i}].{kind}", key) for key in keys]
        # Each part tells its length, so that no two different lines read the same.
        parts = ", ".join(f"coalesce(length({text}) || ':' || {text}, '-')" for text in texts)
        some = " OR ".join(f"{text} IS NOT NULL" for text in texts)
        projected.append(f"CASE WHEN {some} THEN md5_number(concat({parts})) END AS key_{i}")
    return projected


def apply_rules(connection: duckdb.DuckDBPyConnection, rules: Sequence[DropRule]) -> list[Step]:
    """Keep the lines that meet no rule, and say what became of the others.

    Args:
        connection: Holds the table ``lines``: file_number, source_row, what ``rule_columns`` asks
            for, and whatever else is to be kept. It is replaced by the table ``sifted``, which
            has the number of the rule that drops a line as ``step``, and its part without one,
            ``kept``.
        rules: The rules, in order.

    Returns:
        What was read, what each rule has dropped, and what is kept.
    """
    connection.execute(f"CREATE TABLE marked AS {_marks(rules)}")
    conditions = ["true", "step IS NULL"]
    for i, rule in enumerate(rules):
        conditions += [f"rule_{i}{'' if rule.in_earlier_file else ' AND NOT again'}", f"step = {i}"]
    counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions)
    row = connection.execute(f"SELECT {counts} FROM marked").fetchone()
    read, kept, *dropped = row or (0, 0)
    connection.execute(
        "CREATE TABLE sifted AS"
        " SELECT COLUMNS(lambda name: NOT regexp_matches(name, '^(rule|key)_[0-9]+$'))"
        " FROM lines JOIN (SELECT file_number, source_row, step FROM marked)"
        " USING (file_number, source_row);"
        " DROP TABLE marked; DROP TABLE lines;"
        " CREATE VIEW kept AS FROM sifted WHERE step IS NULL"
    )
    counted = zip(rules, dropped[0::2], dropped[1::2], strict=True)
    return [
        Step("read", None, read, read),
        *(Step(rule.reason, rule.condition, matched, n) for rule, matched, n in counted),
        Step("kept", None, kept, kept),
    ]


def _marks(rules: Sequence[DropRule]) -> str:
    """SQL of every line's ``rule_<i>`` (it meets the rule) and ``step`` (the rule that drops it).

    One query around the other, a rule each, since what a line repeats depends on what the rules
    before have left.
    """
    overlaps = {i for i, rule in enumerate(rules) if rule.in_earlier_file is not None}
    columns = "".join(
        f", key_{i}" if rule.where is None else f", rule_{i}" for i, rule in enumerate(rules)
    ) + "".join(
        f", coalesce(file_number > min(file_number) OVER (PARTITION BY key_{i})"
        f" AND key_{i} IS NOT NULL, false) AS rule_{i}"
        for i in overlaps
    )
    again = " OR ".join(f"rule_{i}" for i in overlaps) or "false"
    query = f"SELECT file_number, source_row, NULL::INTEGER AS step{columns} FROM lines"
    query = f"SELECT *, ({again}) AS again FROM ({query})"
    for i, rule in enumerate(rules):
        meets, drops = "", f"rule_{i}"
        if rule.repeats is not None:
            meets, drops = f", {_repeats(i, 'again')} AS rule_{i}", _repeats(i, "step IS NULL")
        query = (
            f"SELECT * REPLACE (coalesce(step, CASE WHEN {drops} THEN {i} END) AS step){meets}"
            f" FROM ({query})"
        )
    return query


def _repeats(i: int, group: str) -> str:
    """SQL of whether an earlier line of the same group has the key of rule ``i``."""
    place = f"row_number() OVER (PARTITION BY key_{i}, {group} ORDER BY file_number, source_row)"
    return f"(key_{i} IS NOT NULL AND {place} > 1)"
