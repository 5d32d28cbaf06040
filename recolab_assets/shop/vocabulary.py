"""What a log's own words for events and for kinds of items mean to the lab."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import duckdb

from recolab_assets.config import EDITORIAL_EVENTS, PRODUCT_EVENTS, SourceConfig
from recolab_assets.shop.faults import SourceError, literal
from recolab_assets.shop.log import LogFile

_EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "product": PRODUCT_EVENTS,
    "editorial": EDITORIAL_EVENTS,
}
"""Events by kind of item, in the order of the funnel."""


def name_kinds(
    connection: duckdb.DuckDBPyConnection, source: SourceConfig, files: Sequence[LogFile]
) -> None:
    """Make item_type of the view ``kept`` product or editorial.

    Args:
        connection: Holds ``sifted``, with the log's word as item_type, ``kept`` and ``contents``.
        source: Says which column tells, and what its words mean.
        files: The files of the log.

    Raises:
        SourceError: A word has no meaning; the message gives the first line with it.
    """
    kind = "'product'"
    if source.columns.item_type is not None:
        names = {**{kind: kind for kind in _EVENTS}, **source.item_types}
        _refuse_unknown(connection, source, files, "item_type", names)
        words = ", ".join(literal(word) for word, kind in names.items() if kind == "editorial")
        kind = f"if(item_type IN ({words or 'NULL'}), 'editorial', 'product')"
    elif source.editorial is not None:
        kind = "if(item_key IN (SELECT item_key FROM contents), 'editorial', 'product')"
    connection.execute(
        f"CREATE OR REPLACE VIEW kept AS SELECT * REPLACE ({kind} AS item_type) FROM sifted"
        " WHERE step IS NULL"
    )


def name_events(
    connection: duckdb.DuckDBPyConnection, source: SourceConfig, files: Sequence[LogFile]
) -> None:
    """Make the table ``event_names``: kind of item, the log's word for an event, and the lab's.

    Without a column of events, lines on products are purchases and those on editorial content
    are reads.

    Args:
        connection: Holds ``kept`` as ``name_kinds`` leaves it.
        source: Says which column tells, and what its words mean.
        files: The files of the log.

    Raises:
        SourceError: A word has no meaning for its kind of item.
    """
    connection.execute(
        "CREATE TABLE event_names (item_type VARCHAR, event_type VARCHAR, name VARCHAR)"
    )
    for kind, events in _EVENTS.items():
        names: dict[str | None, str] = {None: events[-1]}
        if source.columns.event_type is not None:
            names = {event: event for event in events}
            names |= {word: name for word, name in source.event_types.items() if name in events}
            _refuse_unknown(connection, source, files, "event_type", names, kind)
        connection.executemany(
            "INSERT INTO event_names VALUES (?, ?, ?)", [(kind, *pair) for pair in names.items()]
        )


def _refuse_unknown(
    connection: duckdb.DuckDBPyConnection,
    source: SourceConfig,
    files: Sequence[LogFile],
    column: str,
    names: Collection[str | None],
    kind: str | None = None,
) -> None:
    """Refuse words that are not among ``names``, in lines on one kind of item or in all."""
    found = connection.execute(
        f"SELECT {column}, count(*), min((file_number, source_row)) FROM kept"
        " WHERE coalesce(item_type = $kind, $kind IS NULL) GROUP BY 1 ORDER BY 2 DESC, 1",
        {"kind": kind},
    ).fetchall()
    unknown = [(word, count, place) for word, count, place in found if word not in names]
    if not unknown:
        return
    listed = ", ".join(f"{word!r} ({count:,} lines)" for word, count, _ in unknown[:10])
    number, row = min(place for _, _, place in unknown)
    where = " of editorial content" if kind == "editorial" else ""
    raise SourceError(
        f"source.columns.{column} {getattr(source.columns, column)!r}: {len(unknown)} unknown"
        f" {column.replace('_', ' ')}s{where}: {listed}, first in {files[number].name}, row {row};"
        f" allowed: {', '.join(map(str, names))}. Say what others mean under source.{column}s, or"
        " leave their lines out by a rule under source.drop"
    )
