"""A shop's own log as the lab's raw tables: columns mapped, lines sifted, ids made dense."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa

from recolab_assets.config import SourceConfig
from recolab_assets.shop.binding import Binder
from recolab_assets.shop.editorial_table import TEXTS, read_contents, require_apart
from recolab_assets.shop.faults import SourceError, faults_of, quoted
from recolab_assets.shop.log import LogFile, log_directory, open_file
from recolab_assets.shop.product_table import ATTRIBUTES, read_attributes
from recolab_assets.shop.report import import_report
from recolab_assets.shop.rules import Step, apply_rules, rule_columns
from recolab_assets.shop.soundness import drop_unsound, require_limits, require_lines
from recolab_assets.shop.user_table import read_members
from recolab_assets.shop.vocabulary import name_events, name_kinds
from recolab_assets.storage.scratch import scratch_connection
from recolab_assets.tables import TABLES

_BATCH_ROWS = 100_000


class LogShop:
    """The raw tables of a shop, made from its log.

    Nothing is read before the first table is asked for; then the log is read once. What the log
    lacks is absent (NULL), never made up.

    Args:
        source: Where the log lies and what its columns mean.
        root: The repository, which a relative folder starts from.
    """

    def __init__(self, source: SourceConfig, root: Path) -> None:
        self._source = source
        self._root = root

    def users(self) -> pa.Table:
        """``raw.users``: whom the table of users lists and the lines kept name.

        Raises:
            SourceError: The log cannot be used; so for every method of this class.
        """
        with self._cursor() as cursor:
            read_members(cursor, self._source, self._root)
            every = "SELECT user_key AS source_id FROM kept UNION SELECT user_key FROM members"
            return _table(
                cursor,
                "users",
                f"({_dense(every)}) AS ids LEFT JOIN members ON members.user_key = source_id",
                {"user_id": "id", "source_id": "source_id", "signed_up_at": "signed_up_at"},
            )

    def products(self) -> pa.Table:
        """``raw.products``: what the product table lists and what the lines kept name."""
        with self._cursor() as cursor:
            self._read_attributes(cursor)
            prices = (
                "SELECT item_key, median(unit_price) AS price FROM kept"
                " WHERE unit_price > 0 AND item_type = 'product' GROUP BY item_key"
            )
            return _table(
                cursor,
                "products",
                f"{_items('product', 'attributes')}"
                f" LEFT JOIN ({prices}) AS prices ON prices.item_key = source_id",
                {
                    "product_id": "id",
                    "source_id": "source_id",
                    **{name: f"attributes.{name}" for name in ATTRIBUTES},
                    "title": "coalesce(attributes.title, titles.title)",
                    "price": "coalesce(attributes.price, prices.price)",
                },
            )

    def editorial(self) -> pa.Table:
        """``raw.editorial``: what its table lists and what the lines kept name."""
        with self._cursor() as cursor:
            return _table(
                cursor,
                "editorial",
                _items("editorial", "contents"),
                {
                    "content_id": "id",
                    "source_id": "source_id",
                    **{name: f"contents.{name}" for name in (*TEXTS, "published_at", "topic_tags")},
                    "title": "coalesce(contents.title, titles.title)",
                },
            )

    def interactions(
        self, users: pa.Table, products: pa.Table, editorial: pa.Table
    ) -> pa.RecordBatchReader:
        """``raw.interactions``: the lines kept, by user and time, in batches.

        Lines of one user and moment stay in the order of files and rows. Without a session of
        its own, a user's day (UTC) is one.

        Args:
            users: As ``users()`` gives them (user_id, source_id).
            products: As ``products()`` gives them (product_id, source_id).
            editorial: As ``editorial()`` gives it (content_id, source_id).
        """
        cursor = self._cursor()
        for name, table, key in (
            ("users", users, "user_id"),
            ("products", products, "product_id"),
            ("editorial", editorial, "content_id"),
        ):
            cursor.register("given", table.select(["source_id", key]))
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name}_given AS FROM given")
            cursor.unregister("given")
        schema = TABLES["interactions"].arrow_schema
        _require_known(cursor)
        batches = _interactions(cursor).to_arrow_reader(_BATCH_ROWS)

        def conforming() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield from pa.Table.from_batches([batch]).cast(schema).to_batches()

        return pa.RecordBatchReader.from_batches(schema, conforming())

    def report(self, now: datetime | None = None) -> pa.Table:
        """``raw.import_report``: what became of the lines, and what is odd about the log.

        It is made of a log beyond ``source.limits`` too, so that one can see why.

        Args:
            now: Times after it lie in the future (UTC); by default the clock's.
        """
        connection, files, steps = self._prepared
        cursor = connection.cursor()
        self._read_attributes(cursor)
        read_members(cursor, self._source, self._root)
        names = [file.name for file in files]
        moment = now or datetime.now(UTC).replace(tzinfo=None)
        return import_report(cursor, self._source, names, steps, moment)

    def require_limits(self) -> None:
        """Refuse a log that is beyond ``source.limits``.

        Raises:
            SourceError: One of them is broken; the message names the key to change.
        """
        connection, _, steps = self._prepared
        require_limits(connection.cursor(), self._source.limits, steps)

    def _read_attributes(self, cursor: duckdb.DuckDBPyConnection) -> None:
        read_attributes(cursor, self._source, self._root)
        require_apart(cursor, self._source)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        # A cursor of its own: an open stream would refuse other queries on the same connection.
        self.require_limits()
        return self._prepared[0].cursor()

    @cached_property
    def _prepared(self) -> tuple[duckdb.DuckDBPyConnection, list[LogFile], list[Step]]:
        connection = scratch_connection()
        files = _log_files(connection, self._source, self._root)
        for number, file in enumerate(files):
            _read(connection, self._source, number, file, files[0].columns)
        steps = apply_rules(connection, self._source.drop)
        require_lines(steps, files)
        steps = drop_unsound(connection, self._source, files, steps)
        require_lines(steps, files)
        read_contents(connection, self._source, self._root)
        name_kinds(connection, self._source, files)
        name_events(connection, self._source, files)
        return connection, files, steps


def _log_files(
    connection: duckdb.DuckDBPyConnection, source: SourceConfig, root: Path
) -> list[LogFile]:
    """Open the files of the log; all must have the same columns."""
    folder = log_directory(source.directory, root)
    if len(set(source.files)) < len(source.files):
        raise SourceError(f"source.files {source.files}: a file is named twice")
    ids = [source.columns.user, source.columns.item]
    ids += [source.columns.session] if source.columns.session else []
    files = [
        open_file(connection, folder, name, header=source.header, ids=ids) for name in source.files
    ]
    for file in files[1:]:
        different = set(file.columns) ^ set(files[0].columns)
        if different:
            raise SourceError(
                f"{file.name} and {files[0].name} must have the same columns; only one of them has"
                f" {', '.join(sorted(different))}"
            )
    return files


def _read(
    connection: duckdb.DuckDBPyConnection,
    source: SourceConfig,
    number: int,
    file: LogFile,
    raw_columns: tuple[str, ...],
) -> None:
    """Append a file's lines to the table ``lines``: mapped, with what the rules need."""
    binder, columns = Binder(connection, file), source.columns
    select = [
        f"{number} AS file_number",
        "source_row",
        f"{binder.text('source.columns.user', columns.user, forgiving=True)} AS user_key",
        f"{binder.text('source.columns.item', columns.item, forgiving=True)} AS item_key",
        f"{binder.time('source.columns.time', columns.time)} AS occurred_at",
    ]
    for name in ("event_type", "item_type", "session", "title"):
        expression = getattr(columns, name)
        text = binder.text(f"source.columns.{name}", expression) if expression else "NULL::VARCHAR"
        select.append(f"{text} AS {name}")
    for name in ("quantity", "unit_price"):
        expression = getattr(columns, name)
        value, fault = (
            binder.number(f"source.columns.{name}", expression)
            if expression
            else ("NULL::DOUBLE", "false")
        )
        select += [f"{value} AS {name}", f"{fault} AS {name}_fault"]
    select += rule_columns(source.drop, binder.text, [quoted(name) for name in raw_columns])
    query = f"SELECT {', '.join(select)} FROM {file.relation}"
    with faults_of(f"{file.name} cannot be read with the configured columns and rules"):
        connection.execute(
            f"INSERT INTO lines {query}" if number else f"CREATE TABLE lines AS {query}"
        )


def _items(kind: str, attributes: str) -> str:
    """SQL of the items of a kind: id, source_id, a table of attributes, and the log's titles."""
    lines = f"kept WHERE item_type = '{kind}'"
    every = f"SELECT item_key AS source_id FROM {lines} UNION SELECT item_key FROM {attributes}"
    titles = (
        f"SELECT item_key, title FROM {lines} AND title IS NOT NULL"
        " GROUP BY item_key, title QUALIFY row_number() OVER"
        " (PARTITION BY item_key ORDER BY count(*) DESC, title) = 1"
    )
    return (
        f"({_dense(every)}) AS ids LEFT JOIN {attributes} ON {attributes}.item_key = source_id"
        f" LEFT JOIN ({titles}) AS titles ON titles.item_key = source_id"
    )


def _dense(ids: str) -> str:
    """SQL that numbers a column source_id from 0: by value if all are integers, else as text."""
    return (
        "SELECT source_id, row_number() OVER (ORDER BY"
        " CASE WHEN numeric THEN TRY_CAST(source_id AS HUGEINT) END, source_id) - 1 AS id"
        f" FROM (SELECT *, bool_and(regexp_full_match(source_id, '-?[0-9]{{1,38}}')) OVER ()"
        f" AS numeric FROM ({ids}))"
    )


def _table(
    cursor: duckdb.DuckDBPyConnection, name: str, relation: str, values: dict[str, str]
) -> pa.Table:
    """A table of the contract, by its id; columns without an expression are absent."""
    table = TABLES[name]
    select = ", ".join(
        f"CAST({values.get(column.name, 'NULL')} AS {column.type}) AS {quoted(column.name)}"
        for column in table.columns
    )
    result = cursor.sql(f"SELECT {select} FROM {relation} ORDER BY 1")
    return result.to_arrow_table().cast(table.arrow_schema)


def _require_known(cursor: duckdb.DuckDBPyConnection) -> None:
    """Refuse users or products that are not those of this log."""
    for name, key, concerned in (
        ("users", "user_key", "true"),
        ("products", "item_key", "item_type = 'product'"),
        ("editorial", "item_key", "item_type = 'editorial'"),
    ):
        found = cursor.execute(
            f"SELECT count(*), min({key}) FROM kept ANTI JOIN {name}_given ON source_id = {key}"
            f" WHERE {concerned}"
        ).fetchone()
        if found is not None and found[0]:
            raise SourceError(
                f"the table {name} lacks {found[1]!r} and so {found[0]:,} lines of the log; it must"
                " be made from the same log and configuration"
            )


def _interactions(cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """The lines kept, as ``raw.interactions``."""
    cursor.execute(
        """
        CREATE OR REPLACE TEMP VIEW items_given AS
        SELECT 'product' AS item_type, source_id, product_id AS item_id FROM products_given
        UNION ALL
        SELECT 'editorial', source_id, content_id FROM editorial_given;
        CREATE OR REPLACE TEMP VIEW events AS
        SELECT user_id, item_id, kept.item_type, name AS event_type, occurred_at,
            file_number, source_row, quantity, unit_price,
            coalesce('s' || session, 'd' || CAST(occurred_at AS DATE)) AS session_key
        FROM kept
        JOIN users_given ON users_given.source_id = user_key
        JOIN items_given ON items_given.source_id = item_key
            AND items_given.item_type = kept.item_type
        JOIN event_names ON event_names.event_type IS NOT DISTINCT FROM kept.event_type
            AND event_names.item_type = kept.item_type;
        CREATE OR REPLACE TEMP TABLE sessions AS
        SELECT user_id, session_key,
            row_number() OVER (ORDER BY user_id, min(occurred_at), session_key) - 1 AS session_id
        FROM events GROUP BY user_id, session_key
        """
    )
    return cursor.sql(
        """
        SELECT
            row_number() OVER (ORDER BY user_id, occurred_at, file_number, source_row) - 1
                AS interaction_id,
            user_id, item_id, item_type, event_type, session_id,
            occurred_at,
            CASE WHEN event_type = 'purchase' THEN CAST(quantity AS INTEGER) END AS quantity,
            CASE WHEN event_type = 'purchase' THEN unit_price END AS unit_price
        FROM events JOIN sessions USING (user_id, session_key)
        ORDER BY interaction_id
        """
    )
