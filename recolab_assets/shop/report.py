"""The report on a log before anything is trained: what was dropped, and what is odd in the rest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from recolab_assets.config import SourceConfig
from recolab_assets.shop.findings import Finding, findings
from recolab_assets.shop.rules import Step
from recolab_assets.tables import TABLES

_EXAMPLES = 3


def import_report(
    cursor: duckdb.DuckDBPyConnection,
    source: SourceConfig,
    files: Sequence[str],
    steps: Sequence[Step],
    now: datetime,
) -> pa.Table:
    """``raw.import_report``.

    Args:
        cursor: Sees ``sifted``, ``kept``, ``event_names``, ``attributes`` and ``members``.
        source: What the columns of the log are.
        files: Names of the log's files, by number.
        steps: What was read, dropped and kept.
        now: Times after it lie in the future.
    """
    rows = _step_rows(cursor, files, steps)
    for finding in findings(cursor, source, now):
        of = steps[0] if finding.of_read else steps[-1]
        row = _finding_row(cursor, files, finding, of.n_rows)
        if row is not None:
            rows.append(row)
    return pa.Table.from_pylist(
        [{**row, "step": i} for i, row in enumerate(rows)],
        schema=TABLES["import_report"].arrow_schema,
    )


def _step_rows(
    cursor: duckdb.DuckDBPyConnection, files: Sequence[str], steps: Sequence[Step]
) -> list[dict[str, Any]]:
    """A row for what was read, for each rule, and for what is kept."""
    places = dict(
        cursor.execute(
            "SELECT step, min({'file': file_number, 'row': source_row, 'value':"
            f" concat_ws(', ', user_key, item_key, occurred_at, quantity)}}, {_EXAMPLES})"
            " FROM sifted WHERE step IS NOT NULL GROUP BY step"
        ).fetchall()
    )
    return [
        {
            "kind": "step",
            "finding": step.reason,
            "severity": "info",
            "rule": step.rule,
            "n_matched": step.n_matched,
            "n_rows": step.n_rows,
            "share": step.n_rows / steps[0].n_rows,
            "examples": [_example(files, **place) for place in places.get(number, [])],
        }
        for number, step in enumerate(steps, start=-1)
    ]


def _finding_row(
    cursor: duckdb.DuckDBPyConnection, files: Sequence[str], finding: Finding, n_lines: int
) -> dict[str, Any] | None:
    """A row for a finding, its examples the values that most lines have; None if no line has it."""
    found = cursor.execute(
        f"""
        WITH hits AS ({finding.lines}),
        by_value AS (
            SELECT value, count(*) AS n, min((file_number, source_row)) AS place
            FROM hits GROUP BY value
        )
        SELECT
            (SELECT count(*) FROM hits),
            (SELECT list({{'file': place[1], 'row': place[2], 'value': value, 'n': n}})
                FROM (FROM by_value ORDER BY n DESC, place, value LIMIT {_EXAMPLES}))
        """
    ).fetchone()
    if found is None or not found[0]:
        return None
    share = found[0] / n_lines
    return {
        "kind": "finding",
        "finding": finding.name,
        "severity": "warning" if share >= finding.warn_from else "info",
        "n_matched": found[0],
        "n_rows": found[0],
        "share": share,
        "examples": [_example(files, **place) for place in found[1]],
        "advice": finding.advice,
    }


def _example(
    files: Sequence[str], file: int | None, row: int | None, value: str | None, n: int = 1
) -> str:
    """An example in words; ``n`` lines have the value."""
    more = f" ({n:,} lines)" if n > 1 else ""
    where = "" if file is None else f"{files[file]}, row {row}: "
    return f"{where}{value or 'empty'}{more}"
