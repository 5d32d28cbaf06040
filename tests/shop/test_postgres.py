"""Tables of PostgreSQL as sources, read from a server that is started for the tests."""

import socket
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from recolab_assets.config import ROOT, load_config
from recolab_assets.shop.__main__ import main
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.ingest import LogShop
from recolab_assets.shop.log import open_file
from recolab_assets.storage.scratch import scratch_connection
from tests.shop import orders
from tests.shop.orders import events
from tests.shop.postgres_server import NEEDS_POSTGRES, PASSWORD, Server, running_server

pytestmark = NEEDS_POSTGRES

ORDERS = """
    CREATE TABLE orders (who text, what int, moment timestamp, n int, paid numeric(10, 2));
    INSERT INTO orders VALUES
        ('007', 2, '2024-01-02 10:00:00.25', 1, 2.50),
        ('🙂', 10, '2024-01-01 10:00', 2, 3),
        ('007', 2, '2024-01-01 09:00', 1, NULL);
    CREATE TABLE goods (sku bigint PRIMARY KEY, kind varchar(20));
    INSERT INTO goods VALUES (3, NULL), (2, 'toys');
"""
EVENTS = [
    ("007", "2", datetime(2024, 1, 1, 9), 1, None),
    ("007", "2", datetime(2024, 1, 2, 10, 0, 0, 250_000), 1, 2.5),
    ("🙂", "10", datetime(2024, 1, 1, 10), 2, 3.0),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    with running_server() as server:
        server.run("CREATE DATABASE shop", "postgres")
        yield server


@pytest.fixture
def server(cluster: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server with fresh tables, and its password in the environment."""
    for variable in ("PGUSER", "PGHOST", "PGPORT", "PGDATABASE", "PGOPTIONS", "PGSERVICE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PGPASSFILE", str(cluster.folder / "none"))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    cluster.run(
        "SET client_min_messages = error; DROP SCHEMA IF EXISTS public, sales CASCADE;"
        f" CREATE SCHEMA public; {ORDERS}"
    )
    return cluster


@pytest.fixture
def scratch() -> Iterator[duckdb.DuckDBPyConnection]:
    with scratch_connection() as connection:
        yield connection


def shop_of(*files: str, folder: Path = ROOT, **changes: Any) -> LogShop:
    return orders.shop_of(folder, *files, **changes)


def rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    """The rows of a table as they are read, with their numbers but without the file's name."""
    file = open_file(connection, ROOT, name)
    return connection.execute(
        f"SELECT * EXCLUDE (source_file) FROM {file.relation} ORDER BY source_row"
    ).fetchall()


def types(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    file = open_file(connection, ROOT, name)
    described = connection.execute(f"DESCRIBE FROM {file.relation}").fetchall()
    return {row[0]: row[1] for row in described[: len(file.columns)]}


class TestEvents:
    def test_a_table_gives_its_events_and_its_products(self, server: Server) -> None:
        products = {"file": server.address("#goods"), "item": "sku", "category": "kind"}
        shop = shop_of(server.address("#orders"), products=products)
        assert events(shop) == EVENTS
        assert shop.products()["category"].to_pylist() == ["toys", None, None]

    def test_the_same_comes_over_a_socket(self, server: Server) -> None:
        folder = str(server.folder).replace("/", "%2F")
        assert events(shop_of(f"postgresql://postgres@{folder}:{server.port}/shop#orders")) == (
            EVENTS
        )

    @pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW", "TABLE"])
    def test_what_can_be_selected_from_is_a_table(self, server: Server, kind: str) -> None:
        server.run(f"CREATE {kind} late AS SELECT * FROM orders WHERE n = 2")
        assert events(shop_of(server.address("#late"))) == EVENTS[2:]

    def test_a_partitioned_table_is_read_as_a_whole(self, server: Server) -> None:
        server.run(
            "CREATE TABLE parted (LIKE orders) PARTITION BY LIST (n);"
            "CREATE TABLE one PARTITION OF parted FOR VALUES IN (1);"
            "CREATE TABLE two PARTITION OF parted FOR VALUES IN (2);"
            "INSERT INTO parted SELECT * FROM orders"
        )
        assert events(shop_of(server.address("#parted"))) == EVENTS

    def test_a_table_of_a_schema(self, server: Server) -> None:
        server.run("CREATE SCHEMA sales; ALTER TABLE orders SET SCHEMA sales")
        assert events(shop_of(server.address("#sales.orders"))) == EVENTS

    @pytest.mark.parametrize("name", ['Odd "orders" #1\'s; %s $1', "a.b", "Bestellungen 🙂"])
    def test_a_table_with_an_odd_name(self, server: Server, name: str) -> None:
        escaped = name.replace('"', '""')
        server.run(f'ALTER TABLE orders RENAME TO "{escaped}"')
        assert events(shop_of(server.address(f"#{name}"))) == EVENTS
        assert events(shop_of(server.address(f"#public.{name}"))) == EVENTS

    def test_columns_with_odd_names(self, server: Server, scratch: Any) -> None:
        server.run('CREATE TABLE odd ("a ""b""" numeric, "Wer?" text); INSERT INTO odd VALUES(1,2)')
        assert types(scratch, server.address("#odd")) == {'a "b"': "BIGINT", "Wer?": "VARCHAR"}
        assert rows(scratch, server.address("#odd")) == [(1, "2", 1)]

    def test_a_table_and_a_file_are_one_log(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "new.csv").write_text("who,what,moment,n,paid\nz,2,2024-02-01,1,1.5\n")
        found = events(shop_of(server.address("#orders"), "new.csv", folder=tmp_path))
        assert sorted(found) == sorted([*EVENTS, ("z", "2", datetime(2024, 2, 1), 1, 1.5)])

    def test_a_faulty_row_is_named(self, server: Server) -> None:
        server.run("INSERT INTO orders VALUES ('a', 1, 'infinity', 1, 1)")
        with pytest.raises(SourceError, match=r"/shop#orders, row 3: no time"):
            shop_of(server.address("#orders")).users()

    def test_a_table_without_rows_has_no_lines(self, server: Server) -> None:
        server.run("TRUNCATE orders")
        with pytest.raises(SourceError, match="/shop#orders: there are no lines"):
            shop_of(server.address("#orders")).users()


class TestTypes:
    def test_each_type_becomes_one_that_the_import_knows(
        self, server: Server, scratch: duckdb.DuckDBPyConnection
    ) -> None:
        server.run(
            "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(9, 2);"
            "CREATE TABLE every AS SELECT 2::int2 AS i2, -3::int4 AS i4,"
            " 9007199254740993::int8 AS i8, 1.5::float4 AS f4, 0.1::float8 AS f8, true AS b,"
            " 'a '::text AS t, 'x'::char(3) AS c, 'y'::varchar(9) AS v, 'ok'::mood AS m,"
            " '6ecd8c99-4036-403d-bf84-cf8400f67836'::uuid AS u, '{\"a\": 1}'::jsonb AS j,"
            " '{1,2}'::int[] AS list, '10:30'::time AS clock, '1 day'::interval AS span,"
            " '\\x01ff'::bytea AS raw, 7.25::price AS domain, '$1.25'::money AS cash,"
            " '2024-02-29'::date AS day, '2024-02-29 10:00:00.000001'::timestamp AS moment,"
            " '2024-02-29 10:00+02'::timestamptz AS zoned, NULL::text AS nothing"
        )
        name = server.address("#every")
        assert list(types(scratch, name).items()) == [
            ("i2", "SMALLINT"), ("i4", "INTEGER"), ("i8", "BIGINT"), ("f4", "FLOAT"),
            ("f8", "DOUBLE"), ("b", "BOOLEAN"), ("t", "VARCHAR"), ("c", "VARCHAR"),
            ("v", "VARCHAR"), ("m", "VARCHAR"), ("u", "VARCHAR"), ("j", "VARCHAR"),
            ("list", "VARCHAR"), ("clock", "VARCHAR"), ("span", "VARCHAR"), ("raw", "VARCHAR"),
            ("domain", "DOUBLE"), ("cash", "DOUBLE"), ("day", "DATE"), ("moment", "TIMESTAMP"),
            ("zoned", "TIMESTAMP WITH TIME ZONE"), ("nothing", "VARCHAR"),
        ]  # fmt: skip
        [row] = rows(scratch, name)
        assert row[:-3] == (
            2, -3, 9007199254740993, 1.5, 0.1, True, "a ", "x", "y", "ok",
            "6ecd8c99-4036-403d-bf84-cf8400f67836", '{"a": 1}', "{1,2}", "10:30:00", "1 day",
            "\\x01ff", 7.25, 1.25, date(2024, 2, 29), datetime(2024, 2, 29, 10, 0, 0, 1),
        )  # fmt: skip
        assert row[-3].astimezone(UTC) == datetime(2024, 2, 29, 8, tzinfo=UTC)
        assert row[-2:] == (None, 1)

    @pytest.mark.parametrize(
        ("values", "kind", "expected"),
        [
            (["1.00", "20"], "BIGINT", [1, 20]),
            (["9007199254740993", "-5", "NaN", "NULL"], "BIGINT", [-5, 9007199254740993, None]),
            (["999999999999999999"], "BIGINT", [10**18 - 1]),
            (["1000000000000000000.0", "7"], "HUGEINT", [7, 10**18]),
            (["-" + "9" * 38, "Infinity"], "HUGEINT", [1 - 10**38, None]),
            (["1e38"], "DOUBLE", [1e38]),
            (["12.50", "0.1"], "DOUBLE", [0.1, 12.5]),
            (["NULL"], "DOUBLE", [None]),
        ],
    )
    def test_numeric_is_whole_if_its_values_are(
        self,
        server: Server,
        scratch: duckdb.DuckDBPyConnection,
        values: list[str],
        kind: str,
        expected: list[float | None],
    ) -> None:
        listed = ", ".join("(NULL)" if v == "NULL" else f"('{v}')" for v in values)
        server.run(f"CREATE TABLE sums (x numeric); INSERT INTO sums VALUES {listed}")
        name = server.address("#sums")
        assert types(scratch, name) == {"x": kind}
        found = [row[0] for row in rows(scratch, name)]
        assert [x for x in found if x is not None] == [x for x in expected if x is not None]
        assert found.count(None) == len(values) - len([x for x in expected if x is not None])

    def test_ids_in_numeric_stay_apart(self, server: Server) -> None:
        server.run(
            "CREATE TABLE wide AS SELECT 9007199254740992::numeric + g AS who, g AS what,"
            " '2024-01-01'::date AS moment, 1 AS n, 1.0 AS paid FROM generate_series(0, 3) g"
        )
        assert shop_of(server.address("#wide")).users()["source_id"].to_pylist() == [
            str(2**53 + g) for g in range(4)
        ]

    def test_infinite_times_are_absent(
        self, server: Server, scratch: duckdb.DuckDBPyConnection
    ) -> None:
        server.run(
            "CREATE TABLE ends AS SELECT t::date, t::timestamp AS s, t::timestamptz AS z"
            " FROM unnest(ARRAY['infinity', '-infinity', '294270-01-01', '0044-03-15 BC']) AS t"
        )
        file = open_file(scratch, ROOT, server.address("#ends"))
        found = scratch.execute(
            "SELECT year(t), year(s), year(z AT TIME ZONE 'UTC')"
            f" FROM {file.relation} ORDER BY source_row"
        ).fetchall()
        assert found == [(-43, -43, -43), *[(None, None, None)] * 3]

    def test_text_of_another_encoding(
        self, server: Server, scratch: duckdb.DuckDBPyConnection
    ) -> None:
        server.run("DROP DATABASE IF EXISTS old", "postgres")
        server.run("CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0", "postgres")
        server.run(
            'SET client_encoding = \'UTF8\'; CREATE TABLE "Größen" ("für" text);'
            "INSERT INTO \"Größen\" VALUES ('süß')",
            "old",
        )
        name = server.address("#Größen", database="old")
        assert types(scratch, name) == {"für": "VARCHAR"}
        assert rows(scratch, name) == [("süß", 1)]


class TestOrder:
    def read(self, server: Server, table: str) -> list[tuple[Any, ...]]:
        with scratch_connection() as connection:
            return rows(connection, server.address(f"#{table}"))

    def test_numbers_come_by_value_whatever_they_are_read_as(self, server: Server) -> None:
        values = ["-5", "7", "10", "1e20", "2e20", "NaN"]
        listed = ", ".join(f"('{value}')" for value in reversed(values))
        server.run(f"CREATE TABLE t (x numeric); INSERT INTO t VALUES {listed}")
        assert [row[0] for row in self.read(server, "t")] == [-5, 7, 10, 10**20, 2 * 10**20, None]

    @pytest.mark.parametrize("key", ["", "PRIMARY KEY (b, a)"])
    def test_it_does_not_depend_on_where_the_rows_lie(self, server: Server, key: str) -> None:
        column = f", {key}" if key else ""
        found = []
        for order in ("a, b", "b DESC, a", "md5(a || b)"):
            server.run(
                f"DROP TABLE IF EXISTS t; CREATE TABLE t (a text, b int{column});"
                "INSERT INTO t SELECT a, b FROM unnest(ARRAY['b', 'A', 'a', 'ä', 'B']) a,"
                f" generate_series(1, 3) b ORDER BY {order}; UPDATE t SET b = b WHERE b = 2"
            )
            found.append(self.read(server, "t"))
        assert found[0] == found[1] == found[2]
        by = (lambda row: (row[1], row[0])) if key else (lambda row: row[:2])
        assert [row[:2] for row in found[0]] == [row[:2] for row in sorted(found[0], key=by)]
        assert [row[2] for row in found[0]] == list(range(1, 16))

    def test_heirs_of_a_table_share_no_key_with_it(self, server: Server) -> None:
        server.run(
            "CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE heir () INHERITS (t);"
            "INSERT INTO t VALUES (1, 'b'), (2, 'c'); INSERT INTO heir VALUES (2, 'a'), (0, 'd')"
        )
        expected = [(0, "d", 1), (1, "b", 2), (2, "a", 3), (2, "c", 4)]
        assert self.read(server, "t") == expected

    def test_rows_of_a_large_table_are_numbered_in_order(self, server: Server) -> None:
        server.run(
            "CREATE TABLE many AS SELECT g AS n, 'u' || g % 9 AS who, g % 5 AS what,"
            " '2024-01-01'::date AS moment, 1.5 AS paid"
            " FROM generate_series(1, 300000) AS g ORDER BY md5(g::text)"
        )
        rule = {"reason": "moved", "where": "n <> source_row"}
        report = shop_of(server.address("#many"), drop=[rule]).report().to_pylist()
        assert [row["n_rows"] for row in report[:3]] == [300_000, 0, 300_000]


class TestReading:
    def test_it_happens_once(self, server: Server, scratch: duckdb.DuckDBPyConnection) -> None:
        before = rows(scratch, server.address("#goods"))
        server.run("DROP TABLE goods")
        assert rows(scratch, server.address("#goods")) == before == [(2, "toys", 1), (3, None, 2)]

    def test_nothing_can_be_written(self, server: Server) -> None:
        server.run("CREATE SEQUENCE s; CREATE VIEW counted AS SELECT nextval('s') AS i")
        with pytest.raises(
            SourceError, match=r"cannot execute nextval\(\) in a read-only transact"
        ):
            shop_of(server.address("#counted")).users()
        assert server.run("SELECT is_called FROM s") == "f\n"

    def test_no_connection_is_left_open(self, server: Server) -> None:
        events(shop_of(server.address("#orders")))
        with pytest.raises(SourceError):
            shop_of(server.address("#nowhere")).users()
        server.run("DROP DATABASE shop", "postgres")  # refused as long as anybody is connected
        server.run("CREATE DATABASE shop", "postgres")

    def test_the_password_is_kept_nowhere(
        self, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        output = tmp_path / "mine.yaml"
        assert main(["inspect", server.address("#orders"), "--output", str(output)]) == 0
        assert main(["report", "--config", str(output)]) == 0
        shown = capsys.readouterr()
        assert server.address("#orders") in shown.out
        assert PASSWORD not in shown.out + shown.err + output.read_text()


class TestRefused:
    def refused(self, name: str) -> str:
        with pytest.raises(SourceError) as caught:
            shop_of(name).users()
        message = str(caught.value)
        assert "\n" not in message and "\t" not in message and PASSWORD not in message
        return message

    def test_a_missing_table_names_those_there_are(self, server: Server) -> None:
        server.run("CREATE SCHEMA sales; CREATE TABLE sales.lines ()")
        address = server.address("")
        listed = f"write {address}#table, where table is one of: goods, orders, sales.lines"
        for given, said in (
            ("#nowhere", "there is no table 'nowhere' in it"),
            ("#Orders", "there is no table 'Orders' in it"),
            ("#lines", "there is no table 'lines' in it"),
            ("#sales.orders", "there is no table 'sales.orders' in it"),
            ("", "it is a database"),
            ("#", "it is a database"),
        ):
            assert self.refused(address + given) == f"{address}: {said}; {listed}"

    def test_a_database_without_tables(self, server: Server) -> None:
        message = self.refused(server.address("#orders", database="postgres"))
        assert message.endswith("where table is one of: no table")

    def test_no_such_database(self, server: Server) -> None:
        name = server.address("#orders", database="nowhere")
        message = self.refused(name)
        assert message.startswith(f"{name} cannot be read as PostgreSQL: ")
        assert message.endswith('database "nowhere" does not exist')

    def test_no_server(self, server: Server) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        message = self.refused(f"postgresql://postgres@127.0.0.1:{port}/shop#orders")
        assert message.endswith(f'"127.0.0.1", port {port} failed: Connection refused')

    def test_a_server_that_does_not_answer(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            message = self.refused(f"postgresql://postgres@127.0.0.1:{port}/shop#orders")
        assert "timeout expired" in message

    def test_no_permission(self, server: Server) -> None:
        server.run(
            "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD '" + PASSWORD + "';"
            "CREATE SCHEMA sales; CREATE TABLE sales.lines (a int);"
            "GRANT USAGE ON SCHEMA public TO guest; GRANT SELECT ON goods TO guest"
        )
        for table, said in (("orders", "table orders"), ("sales.lines", "schema sales")):
            message = self.refused(server.address(f"#{table}", user="guest"))
            assert message.endswith(f"cannot be read as PostgreSQL: permission denied for {said}")
        with scratch_connection() as connection:
            assert len(rows(connection, server.address("#goods", user="guest"))) == 2
        server.run("DROP OWNED BY guest; DROP ROLE guest")

    def test_a_wrong_password(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        where = "; it is taken from the environment variable PGPASSWORD or from ~/.pgpass"
        monkeypatch.setenv("PGPASSWORD", "wrong-0815")
        message = self.refused(server.address("#orders"))
        assert message.endswith(f'password authentication failed for user "postgres"{where}')
        assert "0815" not in message
        monkeypatch.delenv("PGPASSWORD")
        assert self.refused(server.address("#orders")).endswith(f"no password supplied{where}")

    def test_the_file_of_passwords_is_read(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pgpass").write_text(f"127.0.0.1:*:shop:postgres:{PASSWORD}\n")
        (tmp_path / "pgpass").chmod(0o600)
        monkeypatch.delenv("PGPASSWORD")
        monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
        assert events(shop_of(server.address("#orders"))) == EVENTS

    def test_a_view_that_fails_half_way(self, server: Server) -> None:
        server.run(
            "CREATE VIEW broken AS SELECT 1 / (200000 - g) AS x FROM generate_series(1, 200000) g"
        )
        message = self.refused(server.address("#broken"))
        assert message.endswith("#broken cannot be read as PostgreSQL: division by zero")

    def test_columns_that_differ_in_case_only(self, server: Server) -> None:
        server.run('CREATE TABLE twice ("Who" int, who int)')
        message = self.refused(server.address("#twice"))
        assert '"twice" has columns whose names differ in case only (Who, who)' in message

    def test_a_table_without_columns(self, server: Server) -> None:
        server.run("CREATE TABLE bare ()")
        assert "#bare cannot be read as PostgreSQL" in self.refused(server.address("#bare"))

    def test_the_driver_is_missing(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
        message = self.refused(server.address("#orders"))
        assert message.endswith("is not installed; install it by uv sync --extra postgres")


class TestCommand:
    def test_it_maps_a_log_and_its_products(
        self, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server.run("INSERT INTO orders SELECT orders.* FROM orders, generate_series(1, 9)")
        server.run("INSERT INTO goods VALUES (10, 'tea')")
        log, goods = server.address("#orders"), server.address("#public.goods")
        output = tmp_path / "mine.yaml"
        assert main(["inspect", goods, log, "--output", str(output)]) == 0
        config = load_config(output)
        assert config.source is not None and config.source.products is not None
        assert config.source.files == [log] and config.source.products.file == goods
        assert (config.source.columns.user, config.source.columns.item) == ("who", "what")
        assert config.storage.database == "data/orders_lab.duckdb"
        assert LogShop(config.source, ROOT).products().num_rows == 3
        assert f"{log}: log, 30 rows" in capsys.readouterr().out

    def test_a_file_may_come_with_it(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "goods.csv").write_text("what,kind\n2,toys\n10,tea\n")
        output = tmp_path / "mine.yaml"
        files = [server.address("#orders"), str(tmp_path / "goods.csv")]
        assert main(["inspect", *files, "--output", str(output)]) == 0
        source = load_config(output).source
        assert source is not None and source.products is not None
        assert (source.directory, source.products.file) == (str(tmp_path), "goods.csv")
        assert LogShop(source, ROOT).products().num_rows == 2

    def test_an_empty_table_is_one_sentence(
        self, server: Server, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server.run("TRUNCATE orders")
        assert main(["inspect", server.address("#orders")]) == 1
        assert capsys.readouterr().err == f"{server.address('#orders')}: there are no lines\n"
