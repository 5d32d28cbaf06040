"""The report on a log before any training, and the limits that stop a run."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from recolab_assets.config import ROOT, SourceConfig
from recolab_assets.shop.__main__ import main
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.ingest import LogShop

START = datetime(2024, 1, 1, 8)
NOW = datetime(2025, 1, 1)
Line = dict[str, Any]


def line(day: int = 0, **changes: Any) -> Line:
    """One faultless line; the minute differs from day to day."""
    when = START + timedelta(days=day, minutes=day)
    return {"who": f"u{day % 7}", "what": f"i{day % 5}", "moment": str(when), **changes}


SOUND = [line(day) for day in range(40)]


def shop_of(folder: Path, *files: list[Line], **changes: Any) -> LogShop:
    """The shop of JSON lines."""
    names = [f"{number}.jsonl" for number in range(1, len(files) + 1)]
    for name, lines in zip(names, files, strict=True):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines)
        (folder / name).write_text(text, encoding="utf-8")
    columns = {"user": "who", "item": "what", "time": "moment"}
    values = {
        "directory": str(folder),
        "files": names,
        **changes,
        "columns": {**columns, **changes.get("columns", {})},
    }
    return LogShop(SourceConfig.model_validate(values), ROOT)


def found(shop: LogShop) -> dict[str, Line]:
    """The findings by name."""
    rows = shop.report(NOW).to_pylist()
    return {row["finding"]: row for row in rows if row["kind"] == "finding"}


class TestSteps:
    def test_a_sound_log_has_no_findings(self, tmp_path: Path) -> None:
        assert found(shop_of(tmp_path, SOUND)) == {}

    def test_what_a_rule_drops_has_three_examples_with_file_and_row(self, tmp_path: Path) -> None:
        rule = {"reason": "of user 3", "where": "who = 'u3'"}
        report = shop_of(tmp_path, SOUND[:2], SOUND[2:], drop=[rule]).report(NOW).to_pylist()
        assert [row["n_rows"] for row in report] == [40, 6, 34]
        assert [row["share"] for row in report] == [1.0, 6 / 40, 34 / 40]
        assert report[1]["examples"] == [
            "2.jsonl, row 2: u3, i3, 2024-01-04 08:03:00",
            "2.jsonl, row 9: u3, i0, 2024-01-11 08:10:00",
            "2.jsonl, row 16: u3, i2, 2024-01-18 08:17:00",
        ]

    def test_rows_are_numbered_from_zero(self, tmp_path: Path) -> None:
        report = shop_of(tmp_path, [*SOUND, SOUND[0]]).report(NOW)
        assert report["step"].to_pylist() == list(range(report.num_rows))
        assert report.num_rows == 3


class TestFindings:
    @pytest.mark.parametrize(
        ("name", "extra", "example"),
        [
            ("user id that looks like a placeholder", line(3, who="NULL"), "NULL"),
            ("item id that looks like a placeholder", line(3, what=" n/a "), " n/a "),
            ("time before 1990", line(moment="1970-01-01"), "1970-01-01 00:00:00"),
            ("time in the future", line(moment="2025-01-02"), "2025-01-02 00:00:00"),
            ("text in a wrong encoding", line(what="cafÃ©"), "cafÃ©"),
            ("text in a wrong encoding", line(who="caf\ufffd"), "caf\ufffd"),
        ],
    )
    def test_one_faulty_line_is_found_with_its_place(
        self, tmp_path: Path, name: str, extra: Line, example: str
    ) -> None:
        row = found(shop_of(tmp_path, [*SOUND[:5], extra, *SOUND[5:]]))[name]
        assert row["n_rows"] == 1
        assert row["share"] == 1 / 41
        assert row["examples"] == [f"1.jsonl, row 6: {example}"]
        assert row["severity"] == "warning"
        assert row["advice"]

    def test_text_that_is_only_foreign_is_no_wrong_encoding(self, tmp_path: Path) -> None:
        names = ["café", "Größe", "ÂME", "São", "Tiếng Việt", "日本", "🙂", "50€", "ÃO"]
        lines = [line(day, what=name) for day, name in enumerate(names)]
        assert "text in a wrong encoding" not in found(shop_of(tmp_path, lines))

    def test_ids_that_differ_in_case_are_found_on_both_sides(self, tmp_path: Path) -> None:
        rows = found(shop_of(tmp_path, [*SOUND, line(50, what="I1"), line(51, what="I1")]))
        row = rows["item ids that differ in case or outer blanks only"]
        assert row["n_rows"] == 8 + 2
        assert row["examples"][0] == "1.jsonl, row 2: i1 (8 lines)"

    def test_lines_that_say_the_same_are_told_from_overlapping_files(self, tmp_path: Path) -> None:
        first, second = [*SOUND[:20], SOUND[3], SOUND[3]], [*SOUND[18:], SOUND[30]]
        rows = found(shop_of(tmp_path, first, second))
        again = rows["says the same as an earlier line of its file"]
        assert again["n_rows"] == 2 + 1
        overlap = rows["says the same as a line of an earlier file"]
        assert overlap["n_rows"] == 2
        assert overlap["examples"][0].startswith("2.jsonl, row 1: ")
        assert overlap["severity"] == "warning"

    def test_missing_users_that_a_rule_drops_are_said(self, tmp_path: Path) -> None:
        rule = {"reason": "guest", "where": "who IS NULL"}
        rows = found(shop_of(tmp_path, [*SOUND, line(3, who=None)], drop=[rule]))
        row = rows["no user (dropped)"]
        assert (row["n_rows"], row["share"], row["severity"]) == (1, 1 / 41, "info")

    def test_gaps_are_counted_by_whole_days(self, tmp_path: Path) -> None:
        # Days 0 to 39, then 48 (eight empty days), then 56 (seven).
        rows = found(shop_of(tmp_path, [*SOUND, line(48), line(56)]))
        row = rows["gap of more than 7 days without any event"]
        assert row["n_rows"] == 1
        assert row["examples"] == ["2024-02-09 to 2024-02-18: 8 days"]

    def test_a_weekday_without_sales_is_named(self, tmp_path: Path) -> None:
        # The first day is a Monday, so the sixth of each week is a Saturday.
        rows = found(shop_of(tmp_path, [line(day) for day in range(70) if day % 7 != 5]))
        assert rows["weekday without any event"]["examples"] == ["Saturday"]

    def test_days_without_hours_are_said(self, tmp_path: Path) -> None:
        lines = [line(day, moment=str((START + timedelta(days=day)).date())) for day in range(30)]
        assert found(shop_of(tmp_path, lines))["every line at midnight"]["n_rows"] == 30

    def test_many_users_at_one_moment_are_a_placeholder(self, tmp_path: Path) -> None:
        same = [line(0, who=f"w{n}", moment="2024-01-05 12:00:00") for n in range(25)]
        row = found(shop_of(tmp_path, SOUND + same))["the same moment for many lines"]
        assert row["n_rows"] == 25
        assert row["examples"] == ["1.jsonl, row 41: 2024-01-05 12:00:00 (25 lines)"]

    def test_returns_and_gifts_that_are_kept_are_found(self, tmp_path: Path) -> None:
        lines = [{**row, "n": 1, "paid": 2.5} for row in SOUND]
        lines[7] |= {"n": -2}
        lines[9] |= {"paid": 0.0}
        columns = {"quantity": "n", "unit_price": "paid"}
        rows = found(shop_of(tmp_path, lines, columns=columns))
        assert rows["return or cancellation (quantity of zero or less)"]["examples"] == [
            "1.jsonl, row 8: u0, i2, 2024-01-08 08:07:00, quantity -2.0"
        ]
        assert rows["price of zero or less"]["n_rows"] == 1

    def test_events_out_of_order_agree_with_a_loop(self, tmp_path: Path) -> None:
        kinds = ["view", "purchase", "add_to_cart", "view", "add_to_cart", "purchase", "purchase"]
        lines = [line(day, did=kinds[day * day % 7]) for day in range(60)]
        previous = {"add_to_cart": "view", "purchase": "add_to_cart"}
        expected = [
            row
            for row in lines
            if row["did"] in previous
            and not any(
                (other["who"], other["what"]) == (row["who"], row["what"])
                and other["did"] == previous[row["did"]]
                and other["moment"] <= row["moment"]
                for other in lines
            )
        ]
        row = found(shop_of(tmp_path, lines, columns={"event_type": "did"}))[
            "event out of funnel order"
        ]
        assert row["n_rows"] == len(expected) > 0

    def test_one_kind_of_event_has_no_funnel(self, tmp_path: Path) -> None:
        lines = [{**row, "did": "view"} for row in SOUND]
        assert found(shop_of(tmp_path, lines, columns={"event_type": "did"})) == {}

    def test_a_robot_is_far_above_the_median(self, tmp_path: Path) -> None:
        robot = [
            line(0, who="bot", what=f"i{n % 5}", moment=str(START + timedelta(seconds=n)))
            for n in range(1000)
        ]
        row = found(shop_of(tmp_path, SOUND + robot))[
            "user with 1,000 events or more and 100 times the median"
        ]
        assert row["n_rows"] == 1000
        assert row["examples"] == ["1.jsonl, row 41: bot (1,000 lines)"]
        assert not found(shop_of(tmp_path, SOUND + robot[:999]))

    def test_items_that_the_table_lacks_or_does_not_describe_are_found(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "goods.csv").write_text("sku,kind\ni0,a\ni1,\ni2,b\ni3,a\n")
        table = {"file": "goods.csv", "item": "sku", "category": "kind"}
        rows = found(shop_of(tmp_path, SOUND, products=table))
        assert rows["item that the product table lacks"]["examples"] == [
            "1.jsonl, row 5: i4 (8 lines)"
        ]
        assert rows["item without a category"]["examples"] == ["1.jsonl, row 2: i1 (8 lines)"]


class TestLimits:
    def test_faulty_lines_below_the_limit_are_dropped_and_counted(self, tmp_path: Path) -> None:
        lines = [*SOUND[:38], line(1, who=None), line(2, moment="soon")]
        shop = shop_of(tmp_path, lines, limits={"unstated_share": 0.05})
        steps = [(row["finding"], row["n_rows"]) for row in shop.report(NOW).to_pylist()][:4]
        assert steps == [
            ("read", 40),
            ("no user (no rule says so)", 1),
            ("no time, or one that does not parse (no rule says so)", 1),
            ("kept", 38),
        ]
        assert (
            shop.interactions(shop.users(), shop.products(), shop.editorial()).read_all().num_rows
            == 38
        )

    def test_one_more_stops_with_file_row_and_key(self, tmp_path: Path) -> None:
        lines = [*SOUND[:38], line(1, who=None), line(2, moment="soon")]
        shop = shop_of(tmp_path, lines, limits={"unstated_share": 0.049})
        message = r"1.jsonl, row 40: no time.*source.limits.unstated_share, now 0.049"
        with pytest.raises(SourceError, match=message):
            shop.users()

    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            ({"dropped_share": 0.14}, r"15.00% of 40 lines are dropped, 6 by 'of user 3', and"
             r" source.limits.dropped_share allows 14.00%"),
            ({"least_users": 7}, r"6 users after .* source.limits.least_users asks for 7"),
            ({"least_items": 6}, r"5 items after .* source.limits.least_items asks for 6"),
            ({"least_days": 35}, r"34 days after .* source.limits.least_days asks for 35"),
        ],
    )  # fmt: skip
    def test_a_log_beyond_a_limit_stops_and_names_the_key(
        self, tmp_path: Path, limits: dict[str, float], message: str
    ) -> None:
        rule = {"reason": "of user 3", "where": "who = 'u3'"}
        shop = shop_of(tmp_path, SOUND, drop=[rule], limits=limits)
        with pytest.raises(SourceError, match=message):
            shop.users()
        assert shop.report(NOW).num_rows == 3
        just = {"dropped_share": 0.15, "least_users": 6, "least_items": 5, "least_days": 34}
        assert shop_of(tmp_path, SOUND, drop=[rule], limits=just).users().num_rows == 6


class TestCommand:
    def configuration(self, folder: Path, **limits: int) -> Path:
        """A configuration of a log with a robot's placeholder in it."""
        lines = [*SOUND, line(3, who="null")]
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
        path = folder / "config.yaml"
        source = {
            "directory": str(folder),
            "files": ["log.jsonl"],
            "columns": {"user": "who", "item": "what", "time": "moment"},
            "limits": limits,
        }
        values = {"source": source, "experiment": {"response_model": "replay"}}
        path.write_text(yaml.safe_dump(values))
        return path

    def test_every_finding_is_printed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["report", "--config", str(self.configuration(tmp_path))]) == 0
        out = capsys.readouterr().out
        assert out.startswith("read: 41 (100.00%)\nkept: 41 (100.00%)\n")
        assert "WARNING: user id that looks like a placeholder: 1 (2.44%)" in out
        assert "    log.jsonl, row 41: null\n" in out

    def test_a_log_beyond_its_limits_is_printed_all_the_same(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = self.configuration(tmp_path, least_users=100)
        assert main(["report", "--config", str(path)]) == 1
        out, err = capsys.readouterr()
        assert out.startswith("read: 41")
        assert "source.limits.least_users asks for 100" in err

    def test_a_generated_log_has_no_import(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", "--config", "config/small.yaml"]) == 1
        assert "its log is generated" in capsys.readouterr().err
