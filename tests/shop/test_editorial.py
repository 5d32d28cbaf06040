"""Events on editorial content in a shop's own log."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recolab_assets.config import ROOT, SourceConfig
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.ingest import LogShop
from tests.small_lab import Lab

COLUMNS = {"user": "who", "item": "what", "time": "moment", "event_type": "did"}
PIECES = {
    "file": "pieces.csv",
    "item": "slug",
    "title": "headline",
    "content_type": "sort",
    "category": "about",
    "published_at": "since",
    "topic_tags": "string_split(tags, '|')",
}
PIECE_ROWS = """slug,headline,sort,about,since,tags
knots,Seven knots,guide,toys,2023-12-24 08:00:00,outdoor|craft
10,,,,,
"""
LOG = """who,what,moment,did,kind
b,7,2024-01-02 10:00:00,view,thing
a,knots,2024-01-01 10:00:00,click,text
a,knots,2024-01-01 10:01:00,read,text
a,7,2024-01-01 10:02:00,view,thing
b,10,2024-01-03 10:00:00,read,text
"""
KINDS = {"thing": "product", "text": "editorial"}


def shop_of(folder: Path, log: str = LOG, pieces: str = PIECE_ROWS, **changes: Any) -> LogShop:
    """The shop of a log and a table of editorial content."""
    (folder / "log.csv").write_text(log)
    (folder / "pieces.csv").write_text(pieces)
    values = {"directory": str(folder), "files": ["log.csv"], "columns": COLUMNS, **changes}
    return LogShop(SourceConfig.model_validate(values), ROOT)


def with_kind(**changes: Any) -> dict[str, Any]:
    """Changes of the source that say by a column what each line is on."""
    return {"columns": {**COLUMNS, "item_type": "kind"}, "item_types": KINDS, **changes}


def events(shop: LogShop) -> list[tuple[Any, ...]]:
    """User, kind, the shop's id of the item and event, in order."""
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    names = {"product": products["source_id"], "editorial": editorial["source_id"]}
    return [
        (
            users["source_id"][row["user_id"]].as_py(),
            row["item_type"],
            names[row["item_type"]][row["item_id"]].as_py(),
            row["event_type"],
        )
        for row in shop.interactions(users, products, editorial).read_all().to_pylist()
    ]


EVENTS = [
    ("a", "editorial", "knots", "click"),
    ("a", "editorial", "knots", "read"),
    ("a", "product", "7", "view"),
    ("b", "product", "7", "view"),
    ("b", "editorial", "10", "read"),
]


class TestKinds:
    @pytest.mark.parametrize(
        "changes", [{"editorial": PIECES}, with_kind(), with_kind(editorial=PIECES)]
    )
    def test_the_table_or_a_column_tells_what_a_line_is_on(
        self, tmp_path: Path, changes: dict[str, Any]
    ) -> None:
        shop = shop_of(tmp_path, **changes)
        assert events(shop) == EVENTS
        assert shop.products()["source_id"].to_pylist() == ["7"]

    def test_products_and_content_may_share_ids_if_a_column_tells(self, tmp_path: Path) -> None:
        log = "who,what,moment,did,kind\na,7,2024-01-01,view,thing\na,7,2024-01-02,read,text\n"
        goods = {"file": "goods.csv", "item": "sku", "title": "name"}
        (tmp_path / "goods.csv").write_text("sku,name\n7,Rope\n")
        shop = shop_of(
            tmp_path,
            log,
            "slug,headline\n7,On rope\n",
            **with_kind(
                products=goods,
                editorial={"file": "pieces.csv", "item": "slug", "title": "headline"},
            ),
        )
        assert events(shop) == [("a", "product", "7", "view"), ("a", "editorial", "7", "read")]
        assert shop.products()["title"].to_pylist() == ["Rope"]
        assert shop.editorial()["title"].to_pylist() == ["On rope"]

    def test_without_either_every_line_is_on_a_product(self, tmp_path: Path) -> None:
        log = LOG.replace("click", "view").replace("read", "view")
        shop = shop_of(tmp_path, log)
        assert {kind for _, kind, _, _ in events(shop)} == {"product"}
        assert shop.editorial().num_rows == 0

    def test_the_labs_own_words_need_no_entry(self, tmp_path: Path) -> None:
        log = LOG.replace("thing", "product").replace("text", "editorial")
        shop = shop_of(tmp_path, log, columns={**COLUMNS, "item_type": "kind"})
        assert events(shop) == EVENTS


class TestAttributes:
    def test_the_table_describes_content_read_and_not_read(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, pieces=PIECE_ROWS + "spare,,,,,\n", editorial=PIECES)
        absent = dict.fromkeys(
            ("title", "content_type", "category", "topic_tags", "published_at", "base_popularity")
        )
        assert shop.editorial().to_pylist() == [
            {"content_id": 0, "source_id": "10", **absent},
            {
                **absent,
                "content_id": 1,
                "source_id": "knots",
                "title": "Seven knots",
                "content_type": "guide",
                "category": "toys",
                "topic_tags": ["outdoor", "craft"],
                "published_at": datetime(2023, 12, 24, 8),
            },
            {"content_id": 2, "source_id": "spare", **absent},
        ]

    def test_a_title_of_the_log_is_kept_where_the_table_has_none(self, tmp_path: Path) -> None:
        shop = shop_of(
            tmp_path, editorial=PIECES, columns={**COLUMNS, "title": "concat('About ', what)"}
        )
        assert shop.editorial()["title"].to_pylist() == ["About 10", "Seven knots"]
        assert shop.products()["title"].to_pylist() == ["About 7"]

    def test_prices_are_those_of_products(self, tmp_path: Path) -> None:
        log = "who,what,moment,did,kind,cost\na,7,2024-01-01,purchase,thing,4\n"
        log += "a,7,2024-01-02,read,text,100\n"
        columns = {**COLUMNS, "item_type": "kind", "unit_price": "cost"}
        shop = shop_of(tmp_path, log, columns=columns, item_types=KINDS)
        assert shop.products()["price"].to_pylist() == [4.0]


class TestEvents:
    def test_words_are_read_by_the_kind_of_item(self, tmp_path: Path) -> None:
        log = LOG.replace("read", "view")
        shop = shop_of(tmp_path, log, editorial=PIECES, event_types={"view": "read"})
        assert events(shop) == EVENTS

    def test_without_a_column_of_events_content_is_read_and_products_are_bought(
        self, tmp_path: Path
    ) -> None:
        columns = {name: column for name, column in COLUMNS.items() if name != "event_type"}
        found = events(shop_of(tmp_path, editorial=PIECES, columns=columns))
        assert [event for *_, event in found] == ["read", "read", "purchase", "purchase", "read"]


class TestErrors:
    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (["x,A,2024-01-01", "x,B,2024-01-01"], r"row 1: source.editorial.item .* two rows"),
            (["x,A,", ",B,"], r"row 2: source.editorial.item gives no id"),
            (["x,A,", "y,B,soon"], r"row 2: source.editorial.published_at is no time \(item 'y'"),
        ],
    )
    def test_a_faulty_table_is_refused(self, tmp_path: Path, rows: list[str], message: str) -> None:
        pieces = "\n".join(["slug,headline,since", *rows, ""])
        table = {"file": "pieces.csv", "item": "slug", "title": "headline", "published_at": "since"}
        with pytest.raises(SourceError, match=rf"^pieces.csv, {message}"):
            shop_of(tmp_path, pieces=pieces, editorial=table).editorial()

    @pytest.mark.parametrize(
        ("log", "changes", "message"),
        [
            (
                LOG.replace("10:01:00,read", "10:01:00,view"),
                {"editorial": PIECES},
                r"^source.columns.event_type 'did': 1 unknown event types of editorial content:"
                r" 'view' \(1 lines\), first in log.csv, row 3; allowed: click, read\.",
            ),
            (
                LOG.replace("10:02:00,view", "10:02:00,read"),
                {"editorial": PIECES, "event_types": {"seen": "read"}},
                r"1 unknown event types: 'read' \(1 lines\), first in log.csv, row 4; allowed: v",
            ),
            (
                LOG.replace("view,thing", "view,"),
                with_kind(),
                r"^source.columns.item_type 'kind': 1 unknown item types: None \(2 lines\),"
                r" first in log.csv, row 1; allowed: product, editorial, thing, text\."
                r" Say what others mean under source.item_types,",
            ),
            (
                LOG,
                {"columns": {**COLUMNS, "item_type": "sort"}},
                r"^source.columns.item_type: 'sort' does not work on log.csv",
            ),
            (
                LOG,
                {"editorial": {**PIECES, "topic_tags": "tags"}},
                r"^source.editorial.topic_tags: 'tags' is VARCHAR in pieces.csv, not a list;",
            ),
            (
                LOG,
                {"editorial": {**PIECES, "category": "theme"}},
                r"^source.editorial.category: 'theme' does not work on pieces.csv",
            ),
            (
                LOG,
                {"editorial": {**PIECES, "file": "gone.csv"}},
                r"gone.csv",
            ),
            (
                LOG.replace(",7,", ",knots,").replace("view", "read"),
                {"editorial": PIECES},
                r"the log has 0 items after",
            ),
        ],
    )  # fmt: skip
    def test_what_a_line_or_an_expression_lacks_is_said(
        self, tmp_path: Path, log: str, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(SourceError, match=message):
            shop_of(tmp_path, log, **changes).products()

    def test_an_id_of_both_tables_needs_a_column(self, tmp_path: Path) -> None:
        (tmp_path / "goods.csv").write_text("sku\nknots\n7\n")
        goods = {"file": "goods.csv", "item": "sku"}
        shop = shop_of(tmp_path, editorial=PIECES, products=goods)
        message = (
            r"^pieces.csv, row 1: source.editorial.item gives 'knots', which the product table"
        )
        for table in (shop.products, shop.report):
            with pytest.raises(SourceError, match=message):
                table()

    def test_a_table_of_another_log_is_refused(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path, editorial=PIECES)
        less = shop.editorial().slice(0, 1)
        with pytest.raises(SourceError, match="the table editorial lacks 'knots' and so 2 lines"):
            shop.interactions(shop.users(), shop.products(), less)


class TestReport:
    def test_what_the_tables_contradict_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "goods.csv").write_text("sku,kind\n7,garden\n")
        pieces = PIECE_ROWS.replace("2023-12-24 08:00:00", "2024-01-01 10:00:30")
        pieces = pieces.replace("10,,,,,\n", "")
        goods = {"file": "goods.csv", "item": "sku", "category": "kind"}
        shop = shop_of(tmp_path, pieces=pieces, **with_kind(editorial=PIECES, products=goods))
        rows = shop.report().to_pylist()
        assert {row["finding"]: row["examples"] for row in rows if row["kind"] == "finding"} == {
            "editorial content that its table lacks": ["log.csv, row 5: 10"],
            "event before its content's publication": [
                "log.csv, row 2: a, knots, 2024-01-01 10:00:00, published 2024-01-01 10:00:30"
            ],
            "editorial content whose category no product has": ["log.csv, row 2: toys (2 lines)"],
        }


def write_browsing(folder: Path) -> None:
    """Fifty days on which 24 users read of a category, then look at its products and buy one."""
    lines, start = ["who,what,moment,did"], datetime(2024, 1, 1, 9)
    for day in range(50):
        for user in range(day % 3, 24, 3):
            at = start + timedelta(days=day, minutes=10 * user)
            first = (day * 5 + user * 7) % 30
            # Every fourth visit is to content that its table says nothing about.
            piece = f"piece{first % 2 if day % 4 else 9}"
            done = [(piece, "click"), (piece, "read")]
            done += [(f"sku{(first + step) % 30}", "view") for step in (0, 2, 4)]
            done += [(f"sku{first}", "purchase")]
            lines += [
                f"u{user},{item},{at + timedelta(minutes=n)},{did}"
                for n, (item, did) in enumerate(done)
            ]
    (folder / "log.csv").write_text("\n".join([*lines, ""]))
    goods = [f"sku{n},{'rope' if n % 2 else 'yarn'}" for n in range(30)]
    (folder / "goods.csv").write_text("\n".join(["sku,kind", *goods, ""]))
    (folder / "pieces.csv").write_text("slug,about\npiece0,yarn\npiece1,rope\npiece9,\n")


def test_a_whole_run_follows_reads_to_purchases(tmp_path: Path) -> None:
    write_browsing(tmp_path)
    source = {
        "directory": str(tmp_path),
        "files": ["log.csv"],
        "columns": COLUMNS,
        "products": {"file": "goods.csv", "item": "sku", "category": "kind"},
        "editorial": {"file": "pieces.csv", "item": "slug", "category": "about"},
    }
    lab = Lab.create(tmp_path, source=source, experiment={"response_model": "replay"})
    result = lab.run()
    assert result.success
    assert not [
        check.check_name
        for check in result.get_asset_check_evaluations()
        if check.blocking and not check.passed
    ]
    # Everybody buys of the category in the visit in which they read of it.
    bought = lab.query(
        "SELECT category, n_reads, n_after FROM reports.reads_to_purchases"
        " WHERE within_days = 1 AND step = 'purchase' ORDER BY category"
    )
    assert [category for category, *_ in bought] == ["rope", "yarn"]
    assert all(reads == after > 100 for _, reads, after in bought)
    assert lab.query(
        "SELECT source_id, category, count(*) FROM raw.interactions JOIN raw.editorial"
        " ON content_id = item_id WHERE item_type = 'editorial' GROUP BY ALL ORDER BY 1"
    ) == lab.query(
        "SELECT what, nullif(about, ''), count(*) FROM"
        f" read_csv('{tmp_path}/log.csv') JOIN read_csv('{tmp_path}/pieces.csv') ON slug = what"
        " GROUP BY ALL ORDER BY 1"
    )
    assert lab.scalar("SELECT sum(n_editorial_reads) FROM processed.user_features") == lab.scalar(
        "SELECT count(*) FROM processed.train_interactions WHERE event_type <> 'view'"
        " AND item_type = 'editorial'"
    )
