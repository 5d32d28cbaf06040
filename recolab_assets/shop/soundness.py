"""What a log must have to be used: lines, users, items, times, and enough of each."""

from collections.abc import Sequence

import duckdb

from recolab_assets.config import LimitsConfig, SourceConfig
from recolab_assets.shop.faults import SourceError, quoted
from recolab_assets.shop.log import LogFile, mentioned
from recolab_assets.shop.rules import Step

REPORT_COMMAND = "python -m recolab_assets.shop report"


def require_lines(steps: Sequence[Step], files: Sequence[LogFile]) -> None:
    """Refuse a log that is empty, or of which the rules leave nothing.

    Raises:
        SourceError: So for every function of this module.
    """
    names = ", ".join(file.name for file in files)
    read, *dropped, kept = steps
    if not read.n_rows:
        raise SourceError(f"{names}: there are no lines")
    if not kept.n_rows:
        listed = "; ".join(
            f"{step.n_rows:,} by {step.reason!r} ({step.rule})" for step in dropped if step.n_rows
        )
        raise SourceError(
            f"{names}: the rules of source.drop leave none of {read.n_rows:,} lines: {listed}"
        )


def drop_unsound(
    connection: duckdb.DuckDBPyConnection,
    source: SourceConfig,
    files: Sequence[LogFile],
    steps: Sequence[Step],
) -> list[Step]:
    """Drop lines that lack user, item or time, or a number, if they are few enough.

    Args:
        connection: Holds the tables ``sifted`` and ``kept``.
        source: The columns, and under ``limits`` the share of such lines that may be dropped.
        files: The files of the log.
        steps: What the rules have done.

    Returns:
        The steps with one more for each kind of fault that there is, before the last.

    Raises:
        SourceError: More lines are so than may be; the message gives the first of them.
    """
    columns = source.columns
    whole = "quantity_fault OR quantity <> trunc(quantity) OR abs(quantity) >= 2147483648"
    faults = (
        ("user", columns.user, "user_key IS NULL", "no user"),
        ("item", columns.item, "item_key IS NULL", "no item"),
        ("time", columns.time, "occurred_at IS NULL", "no time, or one that does not parse"),
        ("quantity", columns.quantity, whole, "a quantity that is no whole number"),
        ("unit_price", columns.unit_price, "unit_price_fault", "a unit_price that is no number"),
    )
    read, *dropped, kept = steps
    unsound = 0
    for name, expression, condition, fault in faults:
        found = connection.execute(
            f"SELECT count(*), min((file_number, source_row)) FROM kept WHERE {condition}"
        ).fetchone()
        if found is None or not found[0]:
            continue
        count, (file_number, row) = found
        unsound += count
        if unsound / read.n_rows > source.limits.unstated_share:
            shown = _shown(connection, files[file_number], expression, row)
            raise SourceError(
                f"{files[file_number].name}, row {row}: {fault} ({shown}); {count:,} lines are so."
                f" source.columns.{name} is {expression!r}: correct it, or leave the lines out by a"
                " rule under source.drop (or raise source.limits.unstated_share, now"
                f" {source.limits.unstated_share:g}: the share of lines that may be dropped"
                " without a rule)"
            )
        connection.execute(
            f"UPDATE sifted SET step = {len(dropped)} WHERE step IS NULL AND ({condition})"
        )
        dropped.append(Step(f"{fault} (no rule says so)", condition, count, count))
    left = kept.n_rows - unsound
    return [read, *dropped, Step(kept.reason, None, left, left)]


def _shown(
    connection: duckdb.DuckDBPyConnection, file: LogFile, expression: str | None, row: int
) -> str:
    """The raw values of one line that an expression reads."""
    used = mentioned([expression or ""], file.columns) or list(file.columns)
    values = connection.execute(
        f"SELECT {', '.join(map(quoted, used))} FROM {file.relation} WHERE source_row = ?", [row]
    ).fetchone()
    return ", ".join(f"{k} = {v!r}" for k, v in zip(used, values or (), strict=True))


def require_limits(
    connection: duckdb.DuckDBPyConnection, limits: LimitsConfig, steps: Sequence[Step]
) -> None:
    """Refuse a log that is beyond the limits of the configuration.

    Args:
        connection: Holds the table ``kept``.
        limits: What is too little, or too much.
        steps: What was read, dropped and kept.

    Raises:
        SourceError: One of them is broken; the message names the key to change.
    """
    read, *dropped, kept = steps
    share = (read.n_rows - kept.n_rows) / read.n_rows
    if share > limits.dropped_share:
        most = max(dropped, key=lambda step: step.n_rows)
        raise SourceError(
            f"{share:.2%} of {read.n_rows:,} lines are dropped, {most.n_rows:,} by"
            f" {most.reason!r}, and source.limits.dropped_share allows"
            f" {limits.dropped_share:.2%}: correct the rules of source.drop, or raise the limit"
            f" (every finding: {REPORT_COMMAND})"
        )
    row = connection.execute(
        "SELECT count(DISTINCT user_key),"
        " count(DISTINCT item_key) FILTER (item_type = 'product'),"
        " count(DISTINCT CAST(occurred_at AS DATE)) FROM kept"
    ).fetchone()
    for what, count in zip(("users", "items", "days"), row or (), strict=False):
        least = getattr(limits, f"least_{what}")
        if count < least:
            raise SourceError(
                f"the log has {count:,} {what} after the rules of source.drop, and"
                f" source.limits.least_{what} asks for {least:,}: correct source.columns or the"
                f" rules, or lower the limit (every finding: {REPORT_COMMAND})"
            )
