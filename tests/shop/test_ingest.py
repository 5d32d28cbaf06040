"""A shop's own log becomes raw tables, and what is wrong with it is said."""

import gzip
import itertools
import json
import unicodedata
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recolab_assets.config import DropRule, SourceConfig, load_config
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.ingest import LogShop
from recolab_assets.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {"user": "who", "item": "what", "time": "moment"}
LINES: list[dict[str, Any]] = [
    {"who": "b", "what": "2", "moment": "2024-01-02 10:00:00"},
    {"who": "a", "what": "10", "moment": "2024-01-01 10:00:00"},
    {"who": "b", "what": "2", "moment": "2024-01-01 09:00:00"},
]


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    """Write lines in the format that the ending of the path says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(lines), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    else:
        table = pa.Table.from_pylist(lines)
        pyarrow.csv.write_csv(table, path)


def source(directory: Path, **changes: Any) -> SourceConfig:
    """A source whose only file is log.csv, unless changed."""
    return SourceConfig.model_validate(
        {"directory": str(directory), "files": ["log.csv"], "columns": COLUMNS, **changes}
    )


def shop_of(tmp_path: Path, lines: list[dict[str, Any]], **changes: Any) -> LogShop:
    """The shop of a log with these lines."""
    files = changes.get("files", ["log.csv"])
    write(tmp_path / files[0], lines)
    return LogShop(source(tmp_path, **changes), ROOT)


def events(shop: LogShop) -> list[dict[str, Any]]:
    """The interactions, with the shop's own ids beside the dense ones."""
    users, products = shop.users(), shop.products()
    rows = shop.interactions(users, products, shop.editorial()).read_all().to_pylist()
    names = users["source_id"].to_pylist(), products["source_id"].to_pylist()
    return [
        {**row, "user": names[0][row["user_id"]], "item": names[1][row["item_id"]]} for row in rows
    ]


def steps(shop: LogShop) -> list[tuple[str, int, int]]:
    """The steps of the report as (finding, n_matched, n_rows)."""
    report = shop.report().to_pylist()
    return [(s["finding"], s["n_matched"], s["n_rows"]) for s in report if s["kind"] == "step"]


class TestTables:
    @pytest.mark.parametrize("name", ["log.csv", "log.parquet", "log.jsonl"])
    def test_every_format_gives_the_same_tables(self, tmp_path: Path, name: str) -> None:
        shop = shop_of(tmp_path, LINES, files=[name])
        assert shop.users()["source_id"].to_pylist() == ["a", "b"]
        assert shop.products()["source_id"].to_pylist() == ["2", "10"]
        assert [(e["user"], e["item"], e["occurred_at"]) for e in events(shop)] == [
            ("a", "10", datetime(2024, 1, 1, 10)),
            ("b", "2", datetime(2024, 1, 1, 9)),
            ("b", "2", datetime(2024, 1, 2, 10)),
        ]

    def test_a_column_needs_no_quotes_whatever_its_name(self, tmp_path: Path) -> None:
        lines = [{"Customer ID": "a", "select": "1", 'say "at"': "2024-01-01"}]
        columns = {"user": "Customer ID", "item": "select", "time": 'say "at"'}
        drop = [{"reason": "again", "repeats": ["Customer ID", "select"]}]
        shop = shop_of(tmp_path, lines * 2, files=["log.parquet"], columns=columns, drop=drop)
        assert [(e["user"], e["item"]) for e in events(shop)] == [("a", "1")]

    def test_a_compressed_csv_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "log.csv.gz").write_bytes(gzip.compress(b"who,what,moment\na,1,2024-01-01\n"))
        shop = LogShop(source(tmp_path, files=["log.csv.gz"]), ROOT)
        assert shop.users()["source_id"].to_pylist() == ["a"]

    def test_a_csv_without_header_is_mapped_by_position(self, tmp_path: Path) -> None:
        (tmp_path / "log.csv").write_text("a,1,2024-01-01\nb,2,2024-01-02\n")
        columns = {"user": "column0", "item": "column1", "time": "column2"}
        shop = LogShop(source(tmp_path, header=False, columns=columns), ROOT)
        assert shop.users()["source_id"].to_pylist() == ["a", "b"]

    def test_tables_have_the_schemas_of_the_contract(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, LINES)
        users, products = shop.users(), shop.products()
        stream = shop.interactions(users, products, shop.editorial())
        for name, schema in {
            "users": users.schema,
            "products": products.schema,
            "editorial": shop.editorial().schema,
            "interactions": stream.schema,
            "import_report": shop.report().schema,
        }.items():
            assert schema.equals(TABLES[name].arrow_schema), name
        assert stream.read_all().schema.equals(TABLES["interactions"].arrow_schema)
        assert shop.editorial().num_rows == 0

    def test_what_the_log_lacks_is_absent(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, LINES)
        for table, kept in ((shop.users(), {"user_id"}), (shop.products(), {"product_id"})):
            for column in set(table.column_names) - kept - {"source_id"}:
                assert table[column].null_count == table.num_rows, column
        assert all(e["quantity"] is None and e["unit_price"] is None for e in events(shop))

    def test_nothing_is_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        shop = shop_of(tmp_path / "logs", LINES)
        assert len(events(shop)) == 3
        assert [path.name for path in tmp_path.rglob("*")] == ["logs", "log.csv"]

    def test_a_folder_with_pattern_characters_is_a_plain_folder(self, tmp_path: Path) -> None:
        assert len(events(shop_of(tmp_path / "a[1]*?'b", LINES))) == 3

    def test_a_relative_folder_starts_from_the_root(self, tmp_path: Path) -> None:
        write(tmp_path / "data" / "log.csv", LINES)
        relative = source(Path("data"))
        assert LogShop(relative, tmp_path).users().num_rows == 2


class TestIds:
    def test_integers_are_numbered_by_value(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "who": who} for who in (100, 9, -3, 20)]
        shop = shop_of(tmp_path, lines, files=["log.parquet"])
        assert shop.users()["source_id"].to_pylist() == ["-3", "9", "20", "100"]
        assert shop.users()["user_id"].to_pylist() == [0, 1, 2, 3]

    def test_one_text_among_integers_makes_all_text(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, [{**LINES[0], "who": who} for who in ("100", "9", "x", "20")])
        assert shop.users()["source_id"].to_pylist() == ["100", "20", "9", "x"]

    def test_leading_zeros_are_kept(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, [{**LINES[0], "who": who} for who in ("007", "7", "07")])
        assert shop.users()["source_id"].to_pylist() == ["007", "07", "7"]

    def test_numbers_and_words_in_json_are_ids_alike(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "who": who} for who in (7, "x", "7", {"id": 1})]
        shop = shop_of(tmp_path, lines, files=["log.jsonl"])
        assert shop.users()["source_id"].to_pylist() == ["7", "x", '{"id":1}']

    def test_whole_floats_lose_their_fraction(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "who": who} for who in (17850.0, 3.0, None)]
        rule = {"reason": "guest", "where": "who IS NULL"}
        shop = shop_of(tmp_path, lines, files=["log.parquet"], drop=[rule])
        assert shop.users()["source_id"].to_pylist() == ["3", "17850"]

    def test_an_id_that_is_not_a_number_counts_as_missing(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "who": who} for who in (1.0, float("nan"))]
        with pytest.raises(SourceError, match=r"log.parquet, row 2: no user"):
            shop_of(tmp_path, lines, files=["log.parquet"]).users()

    @settings(max_examples=25, deadline=None)
    @given(
        ids=st.lists(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
            ).filter(lambda text: {unicodedata.category(sign) for sign in text} != {"Zs"})
            | st.integers(-(10**30), 10**30).map(str),
            min_size=1,
            max_size=30,
        )
    )
    def test_any_ids_are_kept_as_they_are_and_numbered_without_gaps(
        self, tmp_path_factory: pytest.TempPathFactory, ids: list[str]
    ) -> None:
        lines = [{**LINES[0], "who": who, "what": who} for who in ids]
        shop = shop_of(tmp_path_factory.mktemp("log"), lines, files=["log.parquet"])
        for table, key in ((shop.users(), "user_id"), (shop.products(), "product_id")):
            assert sorted(table["source_id"].to_pylist()) == sorted(set(ids))
            assert table[key].to_pylist() == list(range(len(set(ids))))
        assert [e["user"] for e in events(shop)] == [e["item"] for e in events(shop)]

    def test_quotes_and_emoji_survive_a_csv(self, tmp_path: Path) -> None:
        odd = ['say "hi", you', "🙂", "'; DROP TABLE kept; --", "two\nlines"]
        shop = shop_of(tmp_path, [{**LINES[0], "who": who} for who in odd])
        assert shop.users()["source_id"].to_pylist() == sorted(odd, key=str.encode)


class TestInteractions:
    def test_events_stand_by_user_and_time_and_stay_in_file_order_within_a_moment(
        self, tmp_path: Path
    ) -> None:
        same = "2024-01-05 00:00:00"
        write(
            tmp_path / "1.csv",
            [{"who": u, "what": i, "moment": same} for u, i in [("b", "z"), ("a", "y")]],
        )
        write(
            tmp_path / "2.csv",
            [{"who": u, "what": i, "moment": same} for u, i in [("b", "x"), ("a", "x")]],
        )
        shop = LogShop(source(tmp_path, files=["1.csv", "2.csv"]), ROOT)
        assert [e["user"] + e["item"] for e in events(shop)] == ["ay", "ax", "bz", "bx"]
        assert [e["interaction_id"] for e in events(shop)] == [0, 1, 2, 3]

    def test_without_session_a_day_of_a_user_is_one(self, tmp_path: Path) -> None:
        times = ["2024-01-01 23:59", "2024-01-02 00:01", "2024-01-02 22:00"]
        lines = [{"who": who, "what": 1, "moment": at + ":00"} for who in "ab" for at in times]
        shop = shop_of(tmp_path, lines)
        assert [e["session_id"] for e in events(shop)] == [0, 1, 1, 2, 3, 3]

    def test_sessions_of_the_log_are_numbered_by_user_and_start(self, tmp_path: Path) -> None:
        lines = [
            {"who": "a", "what": 1, "moment": "2024-01-01 10:00:00", "visit": "z"},
            {"who": "a", "what": 1, "moment": "2024-01-01 11:00:00", "visit": "b"},
            {"who": "a", "what": 1, "moment": "2024-01-03 10:00:00", "visit": "z"},
            {"who": "b", "what": 1, "moment": "2024-01-01 10:00:00", "visit": "z"},
        ]
        shop = shop_of(tmp_path, lines, columns={**COLUMNS, "session": "visit"})
        assert [e["session_id"] for e in events(shop)] == [0, 1, 0, 2]

    def test_event_types_are_mapped_and_only_purchases_have_quantity_and_price(
        self, tmp_path: Path
    ) -> None:
        lines = [{**LINES[0], "did": did, "n": 2, "paid": 1.5} for did in ("view", "transaction")]
        shop = shop_of(
            tmp_path,
            lines,
            columns={**COLUMNS, "event_type": "did", "quantity": "n", "unit_price": "paid"},
            event_types={"transaction": "purchase"},
        )
        found = [(e["event_type"], e["quantity"], e["unit_price"]) for e in events(shop)]
        assert found == [("view", None, None), ("purchase", 2, 1.5)]

    @pytest.mark.parametrize(
        ("time", "expression"),
        [
            ("2024-03-01T12:00:00Z", "moment"),
            ("2024-03-01T14:00:00+02:00", "moment"),
            ("2024-03-01 12:00:00", "moment"),
            ("1.3.2024 12:00", "strptime(moment, '%d.%m.%Y %H:%M')"),
            ("1709294400", "to_timestamp(moment)"),
            ("1709294400000", "epoch_ms(moment)"),
            ("2024-03-01 13:00:00", "moment::TIMESTAMP AT TIME ZONE 'Europe/Berlin'"),
        ],
    )
    def test_times_of_many_forms_are_utc(self, tmp_path: Path, time: str, expression: str) -> None:
        (tmp_path / "log.csv").write_text(f"who,what,moment\na,1,{time}\n")
        shop = LogShop(source(tmp_path, columns={**COLUMNS, "time": expression}), ROOT)
        assert [e["occurred_at"] for e in events(shop)] == [datetime(2024, 3, 1, 12)]

    def test_tables_of_another_log_are_refused(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, LINES)
        with pytest.raises(SourceError, match=r"the table users lacks 'b' and so 2 lines"):
            shop.interactions(shop.users().slice(0, 1), shop.products(), shop.editorial())

    def test_two_streams_and_a_table_can_be_read_at_once(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, LINES)
        users, products = shop.users(), shop.products()
        tables = users, products, shop.editorial()
        one, two = shop.interactions(*tables), shop.interactions(*tables)
        assert shop.users().equals(users)
        assert one.read_all().equals(two.read_all())


class TestProducts:
    def test_title_is_the_most_frequent_and_price_the_median_of_positive_ones(
        self, tmp_path: Path
    ) -> None:
        prices = [("Cup", 1.0), ("Mug", 2.0), ("Mug", 9.0), (None, 0.0), ("Cup", -5.0)]
        lines = [{**LINES[0], "name": name, "paid": paid} for name, paid in prices]
        shop = shop_of(tmp_path, lines, columns={**COLUMNS, "title": "name", "unit_price": "paid"})
        row = shop.products().to_pylist()[0]
        assert (row["title"], row["price"]) == ("Cup", 2.0)

    def test_the_product_table_adds_attributes_and_products_never_bought(
        self, tmp_path: Path
    ) -> None:
        write(
            tmp_path / "items.csv",
            [
                {"sku": "2", "kind": "toys", "cost": 3.5, "name": "Ball"},
                {"sku": "3", "kind": "garden", "cost": None, "name": ""},
            ],
        )
        table = {"file": "items.csv", "item": "sku", "category": "kind", "price": "cost"}
        shop = shop_of(tmp_path, LINES, products={**table, "title": "name"})
        found = [
            (row["source_id"], row["title"], row["category"], row["price"], row["brand"])
            for row in shop.products().to_pylist()
        ]
        assert found == [
            ("2", "Ball", "toys", 3.5, None),
            ("3", None, "garden", None, None),
            ("10", None, None, None, None),
        ]
        assert shop.products()["product_id"].to_pylist() == [0, 1, 2]

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (["2,toys,1", "2,garden,1"], r"row 1: a product with two rows that differ \(item '2'"),
            (["2,toys,1", ",toys,1"], r"row 2: a product without an id"),
            (["2,toys,1", "3,toys,cheap"], r"row 2: a price that is no number \(item '3'"),
        ],
    )
    def test_a_faulty_product_table_is_refused(
        self, tmp_path: Path, rows: list[str], message: str
    ) -> None:
        (tmp_path / "items.csv").write_text("\n".join(["sku,kind,cost", *rows, ""]))
        table = {"file": "items.csv", "item": "sku", "category": "kind", "price": "cost"}
        with pytest.raises(SourceError, match=rf"items.csv, {message}"):
            shop_of(tmp_path, LINES, products=table).products()

    def test_rows_of_the_product_table_that_say_the_same_are_one(self, tmp_path: Path) -> None:
        (tmp_path / "items.csv").write_text("sku,kind\n2,toys\n2,toys\n")
        table = {"file": "items.csv", "item": "sku", "category": "kind"}
        shop = shop_of(tmp_path, LINES, products=table)
        assert shop.products()["category"].to_pylist() == ["toys", None]


USERS = {"file": "people.csv", "user": "id", "signed_up_at": "joined"}


class TestUsers:
    def test_the_table_of_users_adds_sign_ups_and_users_without_events(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "people.csv").write_text("id,joined\na,2023-05-01\nz,\na,2023-05-01\n")
        shop = shop_of(tmp_path, LINES, users=USERS)
        found = [(row["source_id"], row["signed_up_at"]) for row in shop.users().to_pylist()]
        assert found == [("a", datetime(2023, 5, 1)), ("b", None), ("z", None)]
        assert [e["user"] for e in events(shop)] == ["a", "b", "b"]

    def test_what_the_table_contradicts_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "people.csv").write_text("id,joined\na,2024-01-01 12:00:00\n")
        report = shop_of(tmp_path, LINES, users=USERS).report().to_pylist()
        found = {row["finding"]: row["examples"] for row in report if row["kind"] == "finding"}
        assert found == {
            "user that the table of users lacks": ["log.csv, row 1: b (2 lines)"],
            "event before its user's sign-up": [
                "log.csv, row 2: a, 10, 2024-01-01 10:00:00, signed up 2024-01-01 12:00:00"
            ],
        }

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (["a,2024-01-01", ",2024-01-01"], r"row 2: a user without an id"),
            (["a,2024-01-01", "a,2024-01-02"], r"row 1: a user with two rows that differ"),
            (["a,2024-01-01", "b,soon"], r"row 2: a sign-up that is no time \(user 'b'"),
        ],
    )
    def test_a_faulty_table_of_users_is_refused(
        self, tmp_path: Path, rows: list[str], message: str
    ) -> None:
        (tmp_path / "people.csv").write_text("\n".join(["id,joined", *rows, ""]))
        with pytest.raises(SourceError, match=rf"people.csv, {message}"):
            shop_of(tmp_path, LINES, users=USERS).users()


class TestRules:
    def test_a_line_is_dropped_by_the_first_rule_and_matched_by_all(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "n": n} for n in (-2, -1, 0, 1, 2)]
        rules = [
            {"reason": "none", "where": "n <= 0"},
            {"reason": "negative", "where": "n < 0"},
            {"reason": "odd", "where": "n % 2 <> 0"},
        ]
        assert steps(shop_of(tmp_path, lines, drop=rules)) == [
            ("read", 5, 5),
            ("none", 3, 3),
            ("negative", 2, 0),
            ("odd", 2, 1),
            ("kept", 1, 1),
        ]

    def test_a_condition_that_is_unknown_keeps_the_line(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "n": n} for n in (-1, None)]
        shop = shop_of(tmp_path, lines, drop=[{"reason": "negative", "where": "n < 0"}])
        assert steps(shop)[-1] == ("kept", 1, 1)

    def test_repeats_are_counted_among_lines_still_kept(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "n": n} for n in (-1, 1, 1, 1)]
        rules = [
            {"reason": "return", "where": "n < 0"},
            {"reason": "again", "repeats": ["who", "what"]},
        ]
        assert steps(shop_of(tmp_path, lines, drop=rules)) == [
            ("read", 4, 4),
            ("return", 1, 1),
            ("again", 3, 2),
            ("kept", 1, 1),
        ]

    def test_a_star_compares_whole_lines(self, tmp_path: Path) -> None:
        lines = [*LINES, LINES[0], {**LINES[0], "what": "3"}]
        shop = shop_of(tmp_path, lines, drop=[{"reason": "again", "repeats": ["*"]}])
        assert steps(shop)[1:] == [("again", 1, 1), ("kept", 4, 4)]

    def test_lines_of_an_earlier_file_are_counted_once(self, tmp_path: Path) -> None:
        first = [{**LINES[0], "bill": bill} for bill in (1, 2, 2)]
        second = [{**LINES[1], "bill": bill} for bill in (2, 2, 3, 3)]
        write(tmp_path / "1.csv", first)
        write(tmp_path / "2.csv", second)
        rules = [
            {"reason": "customer a", "where": "who = 'a'"},
            {"reason": "overlap", "in_earlier_file": ["bill"]},
        ]
        shop = LogShop(source(tmp_path, files=["1.csv", "2.csv"], drop=rules), ROOT)
        assert steps(shop) == [
            ("read", 7, 7),
            ("customer a", 2, 4),
            ("overlap", 2, 0),
            ("kept", 3, 3),
        ]

    def test_lines_without_any_key_repeat_nothing(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "bill": None, "n": None}] * 3
        shop = shop_of(
            tmp_path, lines, files=["l.parquet"], drop=[{"reason": "x", "repeats": ["bill", "n"]}]
        )
        assert steps(shop)[-1] == ("kept", 3, 3)

    def test_rules_can_name_the_file_and_the_row(self, tmp_path: Path) -> None:
        where = "source_file = 'log.csv' AND source_row = 2"
        shop = shop_of(tmp_path, LINES, drop=[{"reason": "second", "where": where}])
        assert [e["user"] for e in events(shop)] == ["b", "b"]

    @settings(max_examples=25, deadline=None)
    @given(
        lines=st.lists(
            st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(-2, 3)),
            min_size=1,
            max_size=25,
        ),
        order=st.permutations(["where", "repeats", "in_earlier_file"]),
        cut=st.integers(0, 25),
    )
    def test_rules_agree_with_a_loop_over_the_lines(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        lines: list[tuple[str, str, int]],
        order: list[str],
        cut: int,
    ) -> None:
        folder = tmp_path_factory.mktemp("log")
        rows: list[dict[str, Any]] = [
            {"who": w, "what": i, "n": n, "moment": "2024-01-01"} for w, i, n in lines
        ]
        cut = min(cut, len(rows))
        files = [part for part in (rows[:cut], rows[cut:]) if part]
        for number, part in enumerate(files):
            write(folder / f"{number}.parquet", part)
        rules = {
            "where": {"reason": "where", "where": "n < 0"},
            "repeats": {"reason": "repeats", "repeats": ["who", "what"]},
            "in_earlier_file": {"reason": "in_earlier_file", "in_earlier_file": ["what"]},
        }
        names = [f"{number}.parquet" for number in range(len(files))]
        drop = [rules[kind] for kind in order]
        shop = LogShop(source(folder, files=names, drop=drop), ROOT)
        earlier = {row["what"] for row in files[0]} if len(files) > 1 else set()
        overlap = [
            number > 0 and row["what"] in earlier
            for number, part in enumerate(files)
            for row in part
        ]
        dropped, kept, seen = dict.fromkeys(order, 0), 0, set()
        for row, is_overlap in zip(rows, overlap, strict=True):
            for kind in order:
                pair = (row["who"], row["what"])
                if kind == "repeats":
                    meets = pair in seen
                    seen.add(pair)
                else:
                    meets = is_overlap if kind == "in_earlier_file" else row["n"] < 0
                if meets:
                    dropped[kind] += 1
                    break
            else:
                kept += 1
        if not kept:
            with pytest.raises(SourceError, match="leave none"):
                shop.report()
            return
        assert {reason: n for reason, _, n in steps(shop)[1:-1]} == dropped
        assert steps(shop)[-1] == ("kept", kept, kept)

    @pytest.mark.parametrize("kinds", [{}, {"where": "true", "repeats": ["a"]}])
    def test_a_rule_has_exactly_one_kind(self, kinds: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="allowed: exactly one of where, repeats"):
            DropRule.model_validate({"reason": "x", **kinds})


class TestFaults:
    def refuse(self, shop: LogShop, *fragments: str) -> None:
        with pytest.raises(SourceError) as caught:
            shop.users()
        for fragment in fragments:
            assert fragment in str(caught.value)
        assert len(str(caught.value)) < 1000

    def test_a_missing_folder_names_both_ways_to_set_it(self, tmp_path: Path) -> None:
        shop = LogShop(source(tmp_path / "gone"), ROOT)
        names = ("source.directory", "RECOLAB_SOURCE_DIRECTORY")
        self.refuse(shop, str(tmp_path / "gone"), *names)

    def test_a_missing_file_names_both_ways_and_what_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "other.csv").write_text("")
        names = ("source.directory", "RECOLAB_SOURCE_DIRECTORY")
        self.refuse(LogShop(source(tmp_path), ROOT), "log.csv", *names, "other.csv")

    def test_an_unknown_ending_names_the_known_ones(self, tmp_path: Path) -> None:
        (tmp_path / "log.xlsx").write_bytes(b"PK")
        self.refuse(LogShop(source(tmp_path, files=["log.xlsx"]), ROOT), "log.xlsx", ".parquet")

    @pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl", "log.csv.gz"])
    @pytest.mark.parametrize("seed", range(3))
    def test_garbage_is_named(self, tmp_path: Path, name: str, seed: int) -> None:
        garbage = bytes((seed * 37 + i * i * 7 + i // 3) % 256 for i in range(4000))
        (tmp_path / name).write_bytes(garbage)
        self.refuse(LogShop(source(tmp_path, files=[name]), ROOT), name)

    @pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl"])
    def test_an_empty_file_is_named(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"")
        self.refuse(LogShop(source(tmp_path, files=[name]), ROOT), name)

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
    def test_a_truncated_file_is_named(self, tmp_path: Path, share: float) -> None:
        write(tmp_path / "log.parquet", LINES * 50)
        whole = (tmp_path / "log.parquet").read_bytes()
        (tmp_path / "log.parquet").write_bytes(whole[: int(len(whole) * share)])
        self.refuse(LogShop(source(tmp_path, files=["log.parquet"]), ROOT), "log.parquet")

    def test_broken_json_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / "log.jsonl", LINES)
        with (tmp_path / "log.jsonl").open("a") as file:
            file.write('{"who": "a", "wh')
        self.refuse(LogShop(source(tmp_path, files=["log.jsonl"]), ROOT), "log.jsonl", "JSON")

    def test_text_that_is_not_utf8_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "log.csv").write_bytes(b"who,what,moment\nJos\xe9,1,2024-01-01\n")
        self.refuse(LogShop(source(tmp_path), ROOT), "log.csv", "utf-8")

    def test_a_header_alone_holds_no_lines(self, tmp_path: Path) -> None:
        (tmp_path / "log.csv").write_text("who,what,moment\n")
        self.refuse(LogShop(source(tmp_path), ROOT), "log.csv: there are no lines")

    @pytest.mark.parametrize("key", ["user", "item", "time", "session", "quantity", "unit_price"])
    def test_a_missing_column_is_named_with_the_columns_there_are(
        self, tmp_path: Path, key: str
    ) -> None:
        shop = shop_of(tmp_path, LINES, columns={**COLUMNS, key: "upper(nowhere)"})
        columns = '"who", "what", "moment"'
        self.refuse(shop, f"source.columns.{key}", "nowhere", "log.csv", columns)

    @pytest.mark.parametrize(
        "rule",
        [{"where": "nowhere > 0"}, {"repeats": ["nowhere"]}, {"in_earlier_file": ["nowhere"]}],
    )
    def test_a_rule_with_a_missing_column_is_named(
        self, tmp_path: Path, rule: dict[str, Any]
    ) -> None:
        shop = shop_of(tmp_path, LINES, drop=[{"reason": "x", **rule}])
        self.refuse(
            shop, f"source.drop[0].{next(iter(rule))}", "nowhere", '"who", "what", "moment"'
        )

    def test_an_expression_that_is_no_sql_is_named(self, tmp_path: Path) -> None:
        self.refuse(
            shop_of(tmp_path, LINES, columns={**COLUMNS, "user": "who who who"}),
            "source.columns.user",
            "who who who",
        )

    def test_files_with_other_columns_are_named(self, tmp_path: Path) -> None:
        write(tmp_path / "1.csv", LINES)
        write(tmp_path / "2.csv", [{**LINES[0], "more": 1}])
        shop = LogShop(source(tmp_path, files=["1.csv", "2.csv"]), ROOT)
        self.refuse(shop, "2.csv and 1.csv", "more")

    def test_a_file_given_twice_is_refused(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, LINES, files=["log.csv", "log.csv"])
        self.refuse(shop, "a file is named twice")

    @pytest.mark.parametrize("name", ["log.csv", "log.parquet", "log.jsonl"])
    @pytest.mark.parametrize("time", ["31/12/2024 8 o'clock", "infinity", "2024-02-30", None])
    def test_a_time_that_does_not_parse_gives_file_row_and_value(
        self, tmp_path: Path, name: str, time: str | None
    ) -> None:
        lines = [*LINES, {**LINES[0], "moment": time}, {**LINES[0], "moment": time}]
        shop = shop_of(tmp_path, lines, files=[name])
        self.refuse(
            shop, f"{name}, row 4: no time", f"moment = {time!r}", "2 lines", "columns.time"
        )

    def test_an_ambiguous_date_is_not_guessed(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, [{**LINES[0], "moment": "01/02/2024"}])
        self.refuse(shop, "log.csv, row 1", "01/02/2024")

    def test_a_strptime_that_fails_gives_the_row(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "moment": at} for at in ("1.2.2024", "2024-02-01")]
        columns = {**COLUMNS, "time": "strptime(moment, '%d.%m.%Y')"}
        shop = shop_of(tmp_path, lines, columns=columns)
        self.refuse(shop, "log.csv, row 2", "moment = '2024-02-01'")

    def test_a_number_as_time_says_how_to_convert_it(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, [{**LINES[0], "moment": 1709294400}])
        self.refuse(
            shop, "source.columns.time", "BIGINT", "to_timestamp(moment)", "epoch_ms(moment)"
        )

    @pytest.mark.parametrize("key", ["who", "what"])
    @pytest.mark.parametrize("blank", [None, "", "  "])
    def test_a_missing_id_gives_the_first_row_and_the_count(
        self, tmp_path: Path, key: str, blank: str | None
    ) -> None:
        lines = [*LINES, {**LINES[0], key: blank}, {**LINES[0], key: blank}]
        shop = shop_of(tmp_path, lines, files=["log.parquet"])
        self.refuse(shop, "log.parquet, row 4", f"{key} = {blank!r}", "2 lines", "source.drop")

    def test_a_missing_id_that_a_rule_drops_is_no_fault(self, tmp_path: Path) -> None:
        lines = [*LINES, {**LINES[0], "who": None}]
        shop = shop_of(tmp_path, lines, drop=[{"reason": "guest", "where": "who IS NULL"}])
        assert steps(shop)[1] == ("guest", 1, 1)

    @pytest.mark.parametrize("quantity", ["1.5", "many", "3000000000"])
    def test_a_quantity_that_is_no_whole_number_is_named(
        self, tmp_path: Path, quantity: str
    ) -> None:
        lines = [{**LINES[0], "n": n} for n in ("1", quantity)]
        shop = shop_of(tmp_path, lines, columns={**COLUMNS, "quantity": "n"})
        self.refuse(shop, "log.csv, row 2: a quantity", quantity, "source.columns.quantity")

    def test_a_price_that_is_no_number_is_named(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "paid": paid} for paid in ("1", "£2")]
        shop = shop_of(tmp_path, lines, columns={**COLUMNS, "unit_price": "paid"})
        self.refuse(shop, "log.csv, row 2: a unit_price", "£2")

    def test_unknown_event_types_are_listed_with_the_allowed_ones(self, tmp_path: Path) -> None:
        lines = [{**LINES[0], "did": did} for did in ("view", "wish", "wish", None)]
        shop = shop_of(
            tmp_path,
            lines,
            columns={**COLUMNS, "event_type": "did"},
            event_types={"look": "view"},
        )
        allowed = "view, click, add_to_cart, purchase, look"
        self.refuse(shop, "'wish' (2 lines)", "None (1 lines)", allowed, "source.event_types")

    def test_rules_that_leave_nothing_say_what_each_dropped(self, tmp_path: Path) -> None:
        rules = [
            {"reason": "customer a", "where": "who = 'a'"},
            {"reason": "never", "where": "false"},
            {"reason": "customer b", "where": "who = 'b'"},
        ]
        shop = shop_of(tmp_path, LINES, drop=rules)
        self.refuse(shop, "none of 3 lines", "1 by 'customer a'", "2 by 'customer b'", "who = 'b'")


class TestLargeFiles:
    def test_rows_of_a_csv_are_numbered_in_file_order(self, tmp_path: Path) -> None:
        n = 400_000
        header = "who,what,moment,n,filler\n"
        with (tmp_path / "log.csv").open("w") as file:
            file.write(header)
            rows = (f"u{i % 7},p{i % 11},2024-01-01,{i + 1},{'x' * 40}\n" for i in range(n))
            file.writelines(rows)
        shop = LogShop(
            source(tmp_path, drop=[{"reason": "wrong", "where": "n <> source_row"}]), ROOT
        )
        assert steps(shop) == [("read", n, n), ("wrong", 0, 0), ("kept", n, n)]


class TestOnlineRetail:
    @pytest.fixture
    def retail(self, real_log: Callable[[str], Path]) -> SourceConfig:
        config = load_config(ROOT / "config" / "online_retail.yaml").source
        assert config is not None
        return config.model_copy(update={"directory": str(real_log("online_retail_ii"))})

    def test_every_count_published_for_the_set_is_reported(self, retail: SourceConfig) -> None:
        shop = LogShop(retail, ROOT)
        report = steps(shop)
        assert [(matched, dropped) for _, matched, dropped in report] == [
            (1_067_370, 1_067_370),
            (22_523, 22_523),
            (235_287, 235_287),
            (5_991, 3_672),
            (6_029, 60),
            (11_814, 11_667),
            (22_558, 17_586),
            (776_575, 776_575),
        ]
        read, *dropped, kept = (n for _, _, n in report)
        assert read == sum(dropped) + kept
        users, products = shop.users(), shop.products()
        assert (users.num_rows, products.num_rows) == (5_852, 4_633)
        assert products["category"].null_count == products["title"].null_count == 0
        assert products["brand"].null_count == products["price_tier"].null_count == 4_633
        stream = shop.interactions(users, products, shop.editorial())
        assert sum(batch.num_rows for batch in stream) == 776_575

    def test_the_usual_cleaning_gives_the_usual_set(self, retail: SourceConfig) -> None:
        usual = retail.model_copy(update={"drop": retail.drop[:4], "products": None})
        shop = LogShop(usual, ROOT)
        assert steps(shop)[-1] == ("kept", 805_828, 805_828)
        assert (shop.users().num_rows, shop.products().num_rows) == (5_875, 4_633)

    def test_events_of_a_user_are_in_order_and_ids_without_gaps(self, retail: SourceConfig) -> None:
        shop = LogShop(retail, ROOT)
        table = shop.interactions(shop.users(), shop.products(), shop.editorial()).read_all()
        assert table["interaction_id"].to_pylist() == list(range(table.num_rows))
        order = list(
            zip(table["user_id"].to_pylist(), table["occurred_at"].to_pylist(), strict=True)
        )
        assert all(a <= b for a, b in itertools.pairwise(order))
        sessions = table["session_id"].to_numpy()
        assert len(set(sessions.tolist())) == sessions.max() + 1
