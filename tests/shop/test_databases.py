"""Tables of DuckDB and SQLite files as sources."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from recolab_assets.config import ROOT, SourceConfig, load_config
from recolab_assets.shop.__main__ import main
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.ingest import LogShop

NAMES = ["shop.duckdb", "shop.sqlite", "shop.db", "shop.sqlite3"]
ORDERS = [
    ("007", 2, "2024-01-02 10:00:00", 1, 2.5),
    ("🙂", 10, "2024-01-01 10:00:00", 2, 3.0),
    ("007", 2, "2024-01-01 09:00:00", 1, None),
]
SCHEMA = "CREATE TABLE {} (who VARCHAR, what INTEGER, moment VARCHAR, n INTEGER, paid DOUBLE)"


def write(path: Path, table: str = "orders", rows: list[tuple[Any, ...]] = ORDERS) -> None:
    """A database with one table of orders, and a table of products."""
    quoted = '"' + table.replace('"', '""') + '"'
    opened: Any = duckdb if path.suffix == ".duckdb" else sqlite3
    with closing(opened.connect(str(path))) as connection:
        connection.execute(SCHEMA.format(quoted))
        if rows:
            connection.executemany(f"INSERT INTO {quoted} VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE goods (sku INTEGER, kind VARCHAR)")
        connection.executemany("INSERT INTO goods VALUES (?, ?)", [(2, "toys"), (3, None)])
        connection.execute(f"CREATE VIEW late AS SELECT * FROM {quoted} WHERE n = 2")
        connection.commit()


def shop_of(folder: Path, *files: str, **changes: Any) -> LogShop:
    """The shop of tables with the columns of the orders."""
    columns = {
        "user": "who", "item": "what", "time": "moment", "quantity": "n", "unit_price": "paid",
    }  # fmt: skip
    values = {"directory": str(folder), "files": list(files), "columns": columns, **changes}
    return LogShop(SourceConfig.model_validate(values), ROOT)


def events(shop: LogShop) -> list[tuple[Any, ...]]:
    """User, item, time, quantity and price of each event."""
    users, products = shop.users(), shop.products()
    who, what = users["source_id"].to_pylist(), products["source_id"].to_pylist()
    return [
        (who[e["user_id"]], what[e["item_id"]], e["occurred_at"], e["quantity"], e["unit_price"])
        for e in shop.interactions(users, products, shop.editorial()).read_all().to_pylist()
    ]


@pytest.mark.parametrize("name", NAMES)
class TestTables:
    def test_a_table_gives_its_events_and_its_products(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name)
        products = {"file": f"{name}#goods", "item": "sku", "category": "kind"}
        shop = shop_of(tmp_path, f"{name}#orders", products=products)
        assert events(shop) == [
            ("007", "2", datetime(2024, 1, 1, 9), 1, None),
            ("007", "2", datetime(2024, 1, 2, 10), 1, 2.5),
            ("🙂", "10", datetime(2024, 1, 1, 10), 2, 3.0),
        ]
        assert shop.products()["category"].to_pylist() == ["toys", None, None]

    def test_a_view_is_a_table_too(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name)
        assert [event[0] for event in events(shop_of(tmp_path, f"{name}#late"))] == ["🙂"]

    def test_the_database_is_not_changed(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name)
        before = (tmp_path / name).read_bytes()
        events(shop_of(tmp_path, f"{name}#orders"))
        assert (tmp_path / name).read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_a_table_with_an_odd_name_is_read(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name, 'odd "orders" #1\'s')
        assert len(events(shop_of(tmp_path, f'{name}#odd "orders" #1\'s'))) == 3

    @pytest.mark.parametrize(
        ("table", "message"),
        [("", "it is a database; write"), ("#nowhere", "there is no table 'nowhere' in it")],
    )
    def test_a_missing_table_names_those_there_are(
        self, tmp_path: Path, name: str, table: str, message: str
    ) -> None:
        write(tmp_path / name)
        with pytest.raises(SourceError, match="is one of: goods, late, orders") as caught:
            shop_of(tmp_path, f"{name}{table}").users()
        assert message in str(caught.value)

    @pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
    def test_a_file_that_is_no_database_is_named(
        self, tmp_path: Path, name: str, content: bytes
    ) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name):
            shop_of(tmp_path, f"{name}#orders").users()

    def test_a_table_without_rows_has_no_lines(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name, rows=[])
        with pytest.raises(SourceError, match="there are no lines"):
            shop_of(tmp_path, f"{name}#orders").users()

    def test_a_faulty_row_is_named(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name, rows=[*ORDERS, ("a", 1, "soon", 1, 1.0)])
        with pytest.raises(SourceError, match=rf"{name}#orders, row 4: no time"):
            shop_of(tmp_path, f"{name}#orders").users()

    def test_the_command_maps_a_table(self, tmp_path: Path, name: str) -> None:
        write(tmp_path / name, rows=ORDERS * 10)
        output = tmp_path / "out.yaml"
        assert main(["inspect", str(tmp_path / f"{name}#orders"), "--output", str(output)]) == 0
        source = load_config(output).source
        assert source is not None
        assert (source.columns.user, source.columns.item) == ("who", "what")
        assert LogShop(source, ROOT).users().num_rows == 2


def test_values_of_several_types_in_a_column_of_sqlite_are_text(tmp_path: Path) -> None:
    rows = [
        (7, 1, "2024-01-01", 1, 1),
        ("7", 1, "2024-01-02", 1, 1.5),
        (b"x", 1, "2024-01-03", 1, 2),
    ]
    write(tmp_path / "shop.db", rows=rows)
    found = events(shop_of(tmp_path, "shop.db#orders"))
    assert [event[0] for event in found] == ["7", "7", "x"]
    assert [event[4] for event in found] == [1.0, 1.5, 2.0]


def test_rows_of_a_large_table_are_numbered_in_order(tmp_path: Path) -> None:
    rows = [(f"u{i % 9}", i % 5, "2024-01-01", i + 1, 1.0) for i in range(120_000)]
    write(tmp_path / "shop.db", rows=rows)
    rule = {"reason": "moved", "where": "n <> source_row"}
    report = shop_of(tmp_path, "shop.db#orders", drop=[rule]).report().to_pylist()
    assert [row["n_rows"] for row in report[:3]] == [120_000, 0, 120_000]
