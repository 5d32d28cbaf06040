"""Which lines of a log are left out, in what order, and the report of it."""

from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from recolab_assets.config import DropRule
from recolab_assets.tables import TABLES

_ORDER = "file_number, source_row"


def keys_of(rule: DropRule, columns: Sequence[str]) -> list[str]:
    """SQL expressions that a rule compares lines by; ``*`` stands for every raw column."""
    keys = rule.repeats or rule.in_earlier_file or []
    return [key for each in keys for key in (columns if each == "*" else [each])]


def rule_columns(
    rules: Sequence[DropRule], text_of: Callable[[str, str], str], columns: Sequence[str]
) -> list[str]:
    """What each line must carry for the rules to be applied to it.

    Args:
        rules: The rules, in order.
        text_of: From the configuration's key and an expression to SQL of its value as text.
        columns: The raw columns, as SQL writes them.

    Returns:
        SQL of ``rule_<i>`` for a condition, ``key_<i>_<j>`` for what lines are compared by.
    """
    projected = []
    for i, rule in enumerate(rules):
        if rule.where is not None:
            condition = text_of(f"source.drop[{i}].where", rule.where)
            projected.append(f"coalesce({condition} = 'true', false) AS rule_{i}")
        kind = "repeats" if rule.repeats is not None else "in_earlier_file"
        for j, key in enumerate(keys_of(rule, columns)):
            projected.append(f"{text_of(f'source.drop[{i}].{kind}', key)} AS key_{i}_{j}")
    return projected


def apply_rules(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[DropRule], n_columns: int
) -> pa.Table:
    """Keep the lines that meet no rule, and report what became of the others.

    Args:
        connection: Holds the table ``lines``: file_number, source_row, what ``rule_columns`` asks
            for, and whatever else is to be kept. It is replaced by the table ``kept``.
        rules: The rules, in order.
        n_columns: Number of raw columns.

    Returns:
        ``raw.import_report``. ``n_matched`` counts the lines that meet the rule, whatever other
        rules they meet, among the lines that stand in no earlier file; ``n_rows`` those of them
        that no rule before has dropped.
    """
    kinds = [_Kind(i, rule, n_columns) for i, rule in enumerate(rules)]
    overlaps = [kind for kind in kinds if kind.rule.in_earlier_file is not None]
    marks = ", ".join(f"{kind.overlap()} AS rule_{kind.i}" for kind in overlaps)
    again = " OR ".join(f"rule_{kind.i}" for kind in overlaps) or "false"
    relation = f"SELECT *, NULL::INTEGER AS step{', ' + marks if marks else ''} FROM lines"
    relation = f"SELECT *, ({again}) AS again FROM ({relation})"
    for kind in kinds:
        relation = f"SELECT * REPLACE (coalesce(step, {kind.step()}) AS step){kind.repeated()} " + (
            f"FROM ({relation})"
        )
    connection.execute(f"CREATE TABLE marked AS {relation}")
    counts = "".join(
        f", count_if(rule_{kind.i} AND {'true' if kind in overlaps else 'NOT again'})"
        f", count_if(step = {kind.i})"
        for kind in kinds
    )
    row = connection.execute(
        f"SELECT count(*), count_if(step IS NULL){counts} FROM marked"
    ).fetchone()
    read, kept, *dropped = row or (0, 0)
    carried = ", ".join(
        name
        for (name, *_) in connection.execute("DESCRIBE marked").fetchall()
        if not name.startswith(("rule_", "key_")) and name not in ("step", "again")
    )
    connection.execute(f"CREATE TABLE kept AS SELECT {carried} FROM marked WHERE step IS NULL")
    connection.execute("DROP TABLE marked; DROP TABLE lines")
    return pa.Table.from_pydict(
        {
            "step": range(len(rules) + 2),
            "reason": ["read", *(rule.reason for rule in rules), "kept"],
            "rule": [None, *(rule.condition for rule in rules), None],
            "n_matched": [read, *dropped[0::2], kept],
            "n_rows": [read, *dropped[1::2], kept],
        },
        schema=TABLES["import_report"].arrow_schema,
    )


class _Kind:
    """SQL of one rule; columns named ``rule_<i>`` say whether a line meets it."""

    def __init__(self, i: int, rule: DropRule, n_columns: int) -> None:
        self.i = i
        self.rule = rule
        n_keys = len(keys_of(rule, [""] * n_columns))
        self.keys = ", ".join(f"key_{i}_{j}" for j in range(n_keys))
        # A line without any of the keys says nothing about what it repeats.
        self.keyed = " OR ".join(f"key_{i}_{j} IS NOT NULL" for j in range(n_keys))

    def overlap(self) -> str:
        """Whether an earlier file has the line."""
        first = f"min(file_number) OVER (PARTITION BY {self.keys})"
        return f"(({self.keyed}) AND file_number > {first})"

    def step(self) -> str:
        """The rule's number where it drops the line, if no rule before has."""
        condition = f"rule_{self.i}"
        if self.rule.repeats is not None:
            condition = self._later_than_one_with("step IS NULL")
        return f"CASE WHEN {condition} THEN {self.i} END"

    def repeated(self) -> str:
        """The column ``rule_<i>`` of a rule that compares lines of all files with each other."""
        if self.rule.repeats is None:
            return ""
        return f", {self._later_than_one_with('again')} AS rule_{self.i}"

    def _later_than_one_with(self, group: str) -> str:
        place = f"row_number() OVER (PARTITION BY {self.keys}, {group} ORDER BY {_ORDER})"
        return f"(({self.keyed}) AND {place} > 1)"
