"""The command that proposes a mapping: what it proposes loads, runs, or names its edits."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from recolab_assets.config import ROOT, LabConfig, load_config
from recolab_assets.shop.__main__ import main
from recolab_assets.shop.ingest import LogShop
from recolab_assets.shop.proposal_text import scalar
from recolab_assets.shop.suggestions import MISSING

START = datetime(2024, 1, 1, 8)
SETS = {
    "online_retail_ii": (
        ["year_2010-2011.parquet", "year_2009-2010.parquet", "derived_categories.csv"]
    ),
    "ms_store": ["demoUsage.csv", "demoCatalog.csv"],
    "movielens_latest_small": ["interactions.parquet", "items.parquet"],
    "complete_journey_sample": ["interactions.parquet", "items.parquet"],
    "open_bandit_small": ["impressions.parquet", "items.parquet"],
}


def proposed(files: list[Path], tmp_path: Path) -> LabConfig:
    """The configuration that the command writes for the files."""
    output = tmp_path / "proposed.yaml"
    assert main(["inspect", *map(str, files), "--output", str(output), "--overwrite"]) == 0
    return load_config(output)


def sizes(config: LabConfig) -> tuple[int, int, int]:
    """Rows of users, products and interactions."""
    assert config.source is not None
    shop = LogShop(config.source, ROOT)
    users, products = shop.users(), shop.products()
    rows = shop.interactions(users, products, shop.editorial()).read_all()
    return users.num_rows, products.num_rows, rows.num_rows


def mapped(config: LabConfig) -> dict[str, str]:
    """The columns that are mapped."""
    assert config.source is not None
    return config.source.columns.model_dump(exclude_none=True)


@pytest.mark.slow
class TestRealLogs:
    @pytest.mark.parametrize(
        ("name", "columns", "expected"),
        [
            (
                "online_retail_ii",
                {"user": "Customer ID", "item": 'upper("StockCode")', "time": "InvoiceDate",
                 "session": "Invoice", "quantity": "Quantity", "unit_price": "Price",
                 "title": "Description"},
                # Counted with pandas: without invoices of the first sheet, guests and returns.
                (5_881, 4_645, 791_114),
            ),
            (
                "ms_store",
                {"user": "column0", "item": "column1", "time": "column2"},
                (2_343, 101, 11_838),
            ),
            (
                "movielens_latest_small",
                {"user": "user_id", "item": "item_id", "time": "timestamp",
                 "event_type": "event_type"},
                (610, 9_742, 100_836),
            ),
            (
                "complete_journey_sample",
                {"user": "user_id", "item": "item_id", "time": "timestamp",
                 "event_type": "event_type", "session": "order_id", "quantity": "quantity",
                 "unit_price": "price"},
                (2_373, 92_332, 74_584),
            ),
        ],
    )  # fmt: skip
    def test_the_files_of_a_shop_are_mapped_and_run_unchanged(
        self,
        real_log: Callable[[str], Path],
        tmp_path: Path,
        name: str,
        columns: dict[str, str],
        expected: tuple[int, int, int],
    ) -> None:
        config = proposed([real_log(name) / file for file in SETS[name]], tmp_path)
        assert mapped(config) == columns
        assert sizes(config) == expected

    def test_files_of_an_overlapping_log_are_put_in_order(
        self, real_log: Callable[[str], Path], tmp_path: Path
    ) -> None:
        folder = real_log("online_retail_ii")
        config = proposed([folder / file for file in SETS["online_retail_ii"]], tmp_path)
        assert config.source is not None
        assert config.source.files == ["year_2009-2010.parquet", "year_2010-2011.parquet"]
        assert config.source.drop[0].in_earlier_file == ["Invoice"]
        steps = LogShop(config.source, ROOT).report().to_pylist()
        assert [step["n_rows"] for step in steps[:2]] == [1_067_370, 22_523]

    def test_impressions_without_people_say_so(
        self, real_log: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = real_log("open_bandit_small")
        config = proposed([folder / file for file in SETS["open_bandit_small"]], tmp_path)
        assert "EDIT: source.columns.user: user_segment is a guess" in capsys.readouterr().out
        assert sizes(config) == (317, 80, 40_000)
        assert config.split.test_days == 1

    @pytest.mark.parametrize(
        ("name", "file"), [(name, file) for name, files in SETS.items() for file in files]
    )
    def test_each_file_alone_runs_or_names_the_key_to_edit(
        self,
        real_log: Callable[[str], Path],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        name: str,
        file: str,
    ) -> None:
        config = proposed([real_log(name) / file], tmp_path)
        missing = {key for key, value in mapped(config).items() if value == MISSING}
        out = capsys.readouterr().out
        assert missing == {
            key for key in ("user", "item", "time") if f"EDIT: source.columns.{key}: no" in out
        }
        if not missing:
            assert min(sizes(config)) > 1


class TestOddFiles:
    def test_a_german_export_with_semicolons(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        drawn = random.Random(1)
        lines = ["Kunden-Nr;Artikel Nr.;Kaufdatum;Menge;Bezeichnung"]
        for day in range(200):
            when = (START + timedelta(days=day)).strftime("%d.%m.%Y %H:%M")
            who = "" if day % 50 == 7 else f"00{drawn.randrange(30):02}"
            menge = -1 if day % 40 == 3 else drawn.randrange(1, 4)
            thing = drawn.randrange(12)
            lines.append(f'{who};A-{thing};{when};{menge};"Tasse ""{thing}"""')
        (tmp_path / "verkäufe.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        config = proposed([tmp_path / "verkäufe.csv"], tmp_path)
        assert mapped(config) == {
            "user": "Kunden-Nr",
            "item": "Artikel Nr.",
            "time": "try_strptime(\"Kaufdatum\", '%d.%m.%Y %H:%M')",
            "quantity": "Menge",
            "title": "Bezeichnung",
        }
        assert "needs no edit" in capsys.readouterr().out
        # Four lines without a customer, five returns.
        assert sizes(config)[2] == 200 - 4 - 5
        assert config.source is not None
        ids = LogShop(config.source, ROOT).users()["source_id"].to_pylist()
        assert all(id_.startswith("00") for id_ in ids)

    def test_web_events_in_json_lines_with_words_of_their_own(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = [
            {
                "visitorId": f"🙂'\"{n % 17}",
                "ts": 1_704_096_000_000 + 3_600_000 * n,
                "evt": ["PageView", "addtocart", "transaction", "newsletter"][n % 4],
                "sku": n % 11,
                "tx": {"id": n, "lines": [1, 2]},
            }
            for n in range(400)
        ]
        (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = proposed([tmp_path / "events.jsonl"], tmp_path)
        assert mapped(config) == {
            "user": "visitorId",
            "item": "sku",
            "time": 'epoch_ms(TRY_CAST("ts" AS BIGINT))',
            "event_type": "evt",
        }
        assert config.source is not None
        assert config.source.event_types == {
            "PageView": "view", "addtocart": "add_to_cart", "transaction": "purchase",
        }  # fmt: skip
        assert "newsletter are left out" in capsys.readouterr().out
        assert sizes(config) == (17, 11, 300)

    def test_columns_whose_names_say_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log = {
            "select": [f"k{n % 23}" for n in range(300)],
            'say "b"': [f"p{n % 40}" for n in range(300)],
            "it's c": [1_704_096_000 + 60 * n for n in range(300)],
            "d": [n % 3 / 7 for n in range(300)],
        }
        goods = {
            "x": [f"p{n}" for n in range(50)],
            "null": [f"A thing, number {n}" for n in range(50)],
            "z": ["toys", "games"] * 25,
        }
        pq.write_table(pa.table(log), tmp_path / "a.parquet")
        pq.write_table(pa.table(goods), tmp_path / "b.parquet")
        config = proposed([tmp_path / "b.parquet", tmp_path / "a.parquet"], tmp_path)
        assert mapped(config) == {
            "user": "select",
            "item": 'say "b"',
            "time": 'to_timestamp(TRY_CAST("it\'s c" AS BIGINT))',
        }
        assert "EDIT: source.columns.user: select is a guess" in capsys.readouterr().out
        assert config.source is not None
        assert config.source.products is not None
        assert config.source.products.title == "null"
        assert config.source.products.category == "z"
        assert sizes(config) == (23, 50, 300)

    def test_a_log_with_a_header_and_products_without(self, tmp_path: Path) -> None:
        lines = [f"u{n % 9},i{n % 5},2024-02-{n % 28 + 1:02}" for n in range(90)]
        (tmp_path / "log.csv").write_text("\n".join(["user,item,date", *lines, ""]))
        goods = [f"i{n},Thing {n},{'big' if n % 2 else 'small'}" for n in range(5)]
        (tmp_path / "goods.csv").write_text("\n".join([*goods, ""]))
        config = proposed([tmp_path / "log.csv", tmp_path / "goods.csv"], tmp_path)
        assert config.source is not None
        assert config.source.products is not None
        assert (config.source.header, config.source.products.header) == (True, False)
        assert sizes(config) == (9, 5, 90)

    @pytest.mark.parametrize(
        ("days", "edit"),
        [(["03/04/2024", "05/06/2024"], True), (["03/04/2024", "25/06/2024"], False)],
    )
    def test_a_date_that_can_be_read_two_ways_asks(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], days: list[str], edit: bool
    ) -> None:
        lines = [f"u{n % 3},i{n % 4},{days[n % 2]}" for n in range(40)]
        (tmp_path / "log.csv").write_text("\n".join(["user,item,date", *lines, ""]))
        config = proposed([tmp_path / "log.csv"], tmp_path)
        assert "'%d/%m/%Y'" in mapped(config)["time"]
        assert ("check which is meant" in capsys.readouterr().out) == edit

    def test_words_that_nobody_knows_are_asked_for(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = [f"u{n % 3},i{n % 4},2024-01-{n % 28 + 1:02},{'AB'[n % 2]}1" for n in range(40)]
        (tmp_path / "log.csv").write_text("\n".join(["user,item,date,action", *lines, ""]))
        config = proposed([tmp_path / "log.csv"], tmp_path)
        assert "event_type" not in mapped(config)
        assert "EDIT: source.columns.event_type: action says" in capsys.readouterr().out
        assert sizes(config) == (3, 4, 40)


class TestCommand:
    def test_an_existing_file_is_kept_unless_told_otherwise(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "log.csv").write_text("user,item,time\na,1,2024-01-01\nb,2,2024-01-02\n")
        output = tmp_path / "mine.yaml"
        output.write_text("mine")
        arguments = ["inspect", str(tmp_path / "log.csv"), "--output", str(output)]
        assert main(arguments) == 1
        assert capsys.readouterr().err == f"{output} exists; say --overwrite to replace it\n"
        assert output.read_text() == "mine"
        assert main([*arguments, "--overwrite"]) == 0
        assert load_config(output).source is not None

    def test_without_output_the_configuration_is_printed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "log.csv").write_text("user,item,time\na,1,2024-01-01\nb,2,2024-01-02\n")
        assert main(["inspect", str(tmp_path / "log.csv")]) == 0
        out = capsys.readouterr().out
        assert yaml.safe_load(out[out.index("# A proposal") :])["source"]["files"] == ["log.csv"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "there is no such file"),
            (b"", "log.csv"),
            (b"user,item,time\n", "there are no lines"),
            (b"\x00\xff\xfe" * 50, "cannot be read as CSV"),
        ],
    )
    def test_what_cannot_be_read_is_one_sentence(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        content: bytes | None,
        message: str,
    ) -> None:
        if content is not None:
            (tmp_path / "log.csv").write_bytes(content)
        assert main(["inspect", str(tmp_path / "log.csv")]) == 1
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1

    def test_files_of_two_folders_are_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["inspect", str(tmp_path / "a" / "1.csv"), str(tmp_path / "b" / "2.csv")]) == 1
        assert "the files lie in 2 folders" in capsys.readouterr().err


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_as_a_scalar(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)} # comment") == {"key": text}


def test_every_configuration_in_the_guide_is_valid(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "own_log.md").read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in guide.split("```yaml\n")[1:]]
    assert len(blocks) == 4
    for block in blocks:
        path = tmp_path / "guide.yaml"
        path.write_text(block, encoding="utf-8")
        assert load_config(path).source is not None


def test_the_published_columns_of_other_sets_are_mapped_as_the_guide_says(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "own_log.md").read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in guide.split("```yaml\n")[1:]]
    # A few lines in the published form of each set: what the guide maps must run on them.
    (tmp_path / "events.csv").write_text(
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n1433224214164,992329,addtocart,248676,\n"
        "1433222276276,599528,transaction,356475,4000\n"
    )
    pq.write_table(
        pa.table({"user_id": [1, 2], "product_id": [196, 14084], "order_id": [5, 6],
                  "moment": [START, START + timedelta(days=9)]}),
        tmp_path / "log.parquet",
    )  # fmt: skip
    pq.write_table(
        pa.table({"product_id": [196, 7], "product_name": ["Soda", "Tea"],
                  "department": ["beverages"] * 2, "aisle": ["soft drinks", "tea"]}),
        tmp_path / "items.parquet",
    )  # fmt: skip
    (tmp_path / "transactions_train.csv").write_text(
        "t_dat,customer_id,article_id,price,sales_channel_id\n"
        "2018-09-20,000058a1,0663713001,0.050830,2\n2018-09-20,000058a1,0663713001,0.050830,2\n"
        "2018-09-21,00007d2d,0541518023,0.030491,2\n"
    )
    (tmp_path / "articles.csv").write_text(
        "article_id,prod_name,product_type_name,index_group_name\n"
        "0663713001,Strap top,Vest top,Ladieswear\n0108775015,Rae,Bra,Ladieswear\n"
    )
    pq.write_table(
        pa.table({"visitor": ["a.1", "b.2", "b.2"], "item_id": ["x", "x", "(not set)"],
                  "event_timestamp": [1704096000000000, 1704096060000000, 1704096120000000],
                  "event_name": ["view_item", "purchase", "purchase"], "session": [1, 2, 2],
                  "item_name": ["Thing"] * 3, "price": [1.5] * 3}),
        tmp_path / "events.parquet",
    )  # fmt: skip
    expected = [(3, 3, 3), (2, 3, 2), (2, 3, 2), (2, 1, 2)]
    for block, size in zip(blocks, expected, strict=True):
        values = yaml.safe_load(block)
        values["source"]["directory"] = str(tmp_path)
        (tmp_path / "guide.yaml").write_text(yaml.safe_dump(values))
        assert sizes(load_config(tmp_path / "guide.yaml")) == size


def test_the_queries_of_the_guide_make_the_tables_that_it_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (ROOT / "docs" / "own_log.md").read_text(encoding="utf-8")
    retailrocket, instacart, _ = [part.split("```")[0] for part in guide.split("```sql\n")[1:]]
    monkeypatch.chdir(tmp_path)
    for name, lines in {
        "item_properties_part1": "timestamp,itemid,property,value\n"
        "1435460400000,46,categoryid,1338\n",
        "item_properties_part2": "timestamp,itemid,property,value\n1441508400000,46,categoryid,12\n"
        "1441508400000,1,888,n3.0\n",
        "orders": "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,"
        "days_since_prior_order\n5,1,prior,1,2,08,\n6,1,prior,2,3,07,15.0\n7,1,prior,3,3,07,2.0\n",
        "order_products__prior": "order_id,product_id,add_to_cart_order,reordered\n5,196,1,0\n"
        "5,7,2,0\n6,196,1,1\n7,7,1,1\n",
        "products": "product_id,product_name,aisle_id,department_id\n196,Soda,77,7\n7,Tea,94,7\n",
        "aisles": "aisle_id,aisle\n77,soft drinks\n94,tea\n",
        "departments": "department_id,department\n7,beverages\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(lines)
    with duckdb.connect() as connection:
        connection.execute(retailrocket)
        connection.execute(instacart)
        categories = connection.execute("SELECT itemid, category FROM 'items.csv'").fetchall()
        days = connection.execute(
            "SELECT order_id, product_id, moment FROM 'log.parquet' ORDER BY ALL"
        ).fetchall()
        items = connection.execute("SELECT * FROM 'items.parquet' ORDER BY 1").fetchall()
    assert categories == [(46, 12)]
    first = datetime(2000, 1, 1)
    assert days == [
        (5, 7, first + timedelta(hours=8)),
        (5, 196, first + timedelta(hours=8)),
        (6, 196, first + timedelta(days=15, hours=7)),
        (7, 7, first + timedelta(days=17, hours=7)),
    ]
    assert items == [(7, "Tea", "beverages", "tea"), (196, "Soda", "beverages", "soft drinks")]
