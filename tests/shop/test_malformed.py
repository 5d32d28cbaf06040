"""Malformed input of every kind: one clear error that names the file, or the right tables."""

import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recolab_assets.config import ROOT, SourceConfig
from recolab_assets.shop.__main__ import main
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.ingest import LogShop
from tests.small_lab import Lab

COLUMNS = {"user": "who", "item": "what", "time": "moment", "quantity": "n"}
RAW = dg.AssetSelection.assets("users", "products", "editorial", "interactions", "import_report")
ROWS = [
    {"who": f"u{i % 7}", "what": f"i{i % 5}", "moment": f"2024-01-{i % 28 + 1:02} 10:00:00", "n": 1}
    for i in range(60)
]


def source(folder: Path, name: str, **changes: Any) -> SourceConfig:
    """A source of one file."""
    values = {"directory": str(folder), "files": [name], "columns": COLUMNS, **changes}
    return SourceConfig.model_validate(values)


def csv(rows: list[dict[str, Any]] = ROWS, delimiter: str = ",") -> bytes:
    """Rows as CSV."""
    lines = [delimiter.join(rows[0]), *(delimiter.join(map(str, row.values())) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def json_lines(rows: list[dict[str, Any]] = ROWS) -> bytes:
    """Rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(rows: list[dict[str, Any]] = ROWS) -> bytes:
    """Rows as Parquet."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


WHOLE = {
    "log.csv": csv(),
    "log.csv.gz": gzip.compress(csv(), mtime=0),
    "log.jsonl": json_lines(),
    "log.parquet": parquet(),
}


def outcome(config: SourceConfig) -> int | str:
    """Events of the log if it can be used, else what the one error says; nothing else is right."""
    shop = LogShop(config, ROOT)
    try:
        users, products = shop.users(), shop.products()
        rows = shop.interactions(users, products, shop.editorial()).read_all()
        report = shop.report(datetime(2025, 1, 1)).to_pylist()
    except SourceError as error:
        message = str(error)
        assert 0 < len(message) < 1_500
        assert "Traceback" not in message
        assert any(name in message for name in config.files) or "source." in message
        return message
    kept = next(row["n_rows"] for row in report if row["finding"] == "kept")
    assert rows.num_rows == kept > 0
    assert set(rows["user_id"].to_pylist()) == set(range(users.num_rows))
    assert set(rows["item_id"].to_pylist()) == set(range(products.num_rows))
    return int(kept)


def run(folder: Path, name: str, content: bytes, **changes: Any) -> int | str:
    """The outcome of a file with this content."""
    (folder / name).write_bytes(content)
    return outcome(source(folder, name, **changes))


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """A file cut, with bytes changed or put in, with a part twice or missing."""
    place = st.integers(0, len(whole))
    kind = data.draw(st.sampled_from(["cut", "flip", "insert", "twice", "missing", "replace"]))
    at, to = sorted((data.draw(place), data.draw(place)))
    if kind == "cut":
        return whole[:at]
    if kind == "flip":
        content = bytearray(whole)
        for position in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=20)):
            content[position] ^= data.draw(st.integers(1, 255))
        return bytes(content)
    if kind == "insert":
        odd = st.sampled_from(
            [b"\0", b"\xff\xfe", b'"', b"'", b"\n", b"\r", b",", b"{", b"}", b"\xef\xbb\xbf", b"\\"]
        )
        return whole[:at] + data.draw(odd | st.binary(max_size=50)) + whole[at:]
    if kind == "twice":
        return whole[:to] + whole[at:]
    if kind == "missing":
        return whole[:at] + whole[to:]
    words = [(b",", b";"), (b"2024", b"soon"), (b"u1", b""), (b"\n", b"\r\n"), (b"1", b"1e400")]
    old, new = data.draw(st.sampled_from(words))
    return whole.replace(old, new, data.draw(st.integers(-1, 5)))


fuzzed = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])


class TestFuzz:
    """Four formats, a hundred damaged files each, and a hundred of nothing but noise."""

    @pytest.mark.parametrize("name", list(WHOLE))
    @fuzzed
    @given(data=st.data())
    def test_a_damaged_file_is_refused_or_read(
        self, tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
    ) -> None:
        run(tmp_path_factory.mktemp("log"), name, damaged(data, WHOLE[name]))

    @fuzzed
    @given(name=st.sampled_from(list(WHOLE)), noise=st.binary(max_size=400))
    def test_noise_is_refused(
        self, tmp_path_factory: pytest.TempPathFactory, name: str, noise: bytes
    ) -> None:
        message = run(tmp_path_factory.mktemp("log"), name, noise)
        assert isinstance(message, str)

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(name=st.sampled_from(list(WHOLE)), data=st.data())
    def test_the_command_says_one_sentence_or_proposes(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        capsys: pytest.CaptureFixture[str],
        name: str,
        data: st.DataObject,
    ) -> None:
        folder = tmp_path_factory.mktemp("log")
        (folder / name).write_bytes(damaged(data, WHOLE[name]))
        status = main(["inspect", str(folder / name)])
        out, err = capsys.readouterr()
        assert (status, bool(out), err.count("\n")) in {(0, True, 0), (1, False, 1)}


class TestKinds:
    @pytest.mark.parametrize("name", list(WHOLE))
    def test_the_whole_file_is_read(self, tmp_path: Path, name: str) -> None:
        assert run(tmp_path, name, WHOLE[name]) == 60

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    def test_another_delimiter_is_seen(self, tmp_path: Path, delimiter: str) -> None:
        assert run(tmp_path, "log.csv", csv(delimiter=delimiter)) == 60

    def test_a_delimiter_that_nobody_uses_names_the_columns_found(self, tmp_path: Path) -> None:
        message = run(tmp_path, "log.csv", csv(delimiter="¤"))
        assert 'the file has the columns "who¤what¤moment¤n"' in str(message)

    def test_a_row_with_a_cell_too_many_is_named(self, tmp_path: Path) -> None:
        lines = csv().splitlines(keepends=True)
        lines[30] = b"u1,i1,2024-01-01,1,more,and more\n"
        message = run(tmp_path, "log.csv", b"".join(lines))
        assert "log.csv" in str(message)
        assert "31" in str(message)

    @pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.csv.gz", "log.parquet"])
    def test_an_empty_file_is_named(self, tmp_path: Path, name: str) -> None:
        assert name in str(run(tmp_path, name, b""))

    def test_a_header_alone_has_no_lines(self, tmp_path: Path) -> None:
        assert "there are no lines" in str(run(tmp_path, "log.csv", b"who,what,moment,n\n"))
        empty = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(ROWS).slice(0, 0), empty)
        assert "there are no lines" in str(run(tmp_path, "log.parquet", empty.getvalue()))

    def test_rules_that_drop_all_say_so(self, tmp_path: Path) -> None:
        rule = {"reason": "all", "where": "true"}
        assert "60 by 'all'" in str(run(tmp_path, "log.csv", csv(), drop=[rule]))

    @pytest.mark.parametrize(
        ("column", "values"),
        [("who", ["u1", 7, 1.5, True]), ("what", [None, "x", 3]), ("n", [1, "two", 3]),
         ("moment", ["2024-01-01", 1704067200, None])],
    )  # fmt: skip
    def test_mixed_types_give_the_row_or_ids_as_text(
        self, tmp_path: Path, column: str, values: list[Any]
    ) -> None:
        rows = [{**ROWS[0], column: value} for value in values]
        answer = run(tmp_path, "log.jsonl", json_lines(rows))
        if column == "who":
            assert answer == 4
            ids = LogShop(source(tmp_path, "log.jsonl"), ROOT).users()["source_id"].to_pylist()
            assert ids == ["1.5", "7", "true", "u1"]
        else:
            row = {"what": 1, "n": 2, "moment": 2}[column]
            assert f"log.jsonl, row {row}: " in str(answer)

    @pytest.mark.parametrize(
        ("moments", "expression", "expected"),
        [
            (["2024-01-02 03:04:05", "2024-01-02T03:04:05Z", "2024-01-02"], "moment", 3),
            (["2024-01-02", "02.01.2024", "1/2/2024"], "moment", "row 2: no time"),
            (
                ["2024-01-02", "02.01.2024", "Jan 2, 2024"],
                "coalesce(try_strptime(moment, '%Y-%m-%d'), try_strptime(moment, '%d.%m.%Y'),"
                " try_strptime(moment, '%b %d, %Y'))",
                3,
            ),
        ],
    )
    def test_times_in_three_formats_are_read_or_the_row_is_named(
        self, tmp_path: Path, moments: list[str], expression: str, expected: int | str
    ) -> None:
        rows = [{**ROWS[0], "moment": moment} for moment in moments]
        columns = {**COLUMNS, "time": expression}
        answer = run(tmp_path, "log.jsonl", json_lines(rows), columns=columns)
        assert answer == expected if isinstance(expected, int) else expected in str(answer)

    @pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet"])
    def test_emoji_quotes_and_signs_in_ids_are_kept(self, tmp_path: Path, name: str) -> None:
        ids = ["🙂", 'say "hi"', "it's", "a,b;c", "back\\slash", "{curly}", "%s $1 ?", "zero\u200b"]
        rows = [{**ROWS[0], "who": who, "what": who} for who in ids]
        if name == "log.csv":
            quoted = ['"' + who.replace('"', '""') + '"' for who in ids]
            rows = [{**ROWS[0], "who": who, "what": who} for who in quoted]
        content = {"log.csv": csv, "log.jsonl": json_lines, "log.parquet": parquet}[name](rows)
        assert run(tmp_path, name, content) == len(ids)
        users = LogShop(source(tmp_path, name), ROOT).users()["source_id"].to_pylist()
        assert sorted(users) == sorted(ids)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.csv.gz"])
    def test_a_line_of_fifty_megabytes_is_refused(self, tmp_path: Path, name: str) -> None:
        long = {**ROWS[0], "who": "x" * 50_000_000}
        content = (json_lines if name == "log.jsonl" else csv)([*ROWS, long])
        if name.endswith("gz"):
            content = gzip.compress(content, compresslevel=1)
        message = str(run(tmp_path, name, content))
        assert name in message
        assert "size" in message.lower()


class TestDatabase:
    """What a run leaves when the log is malformed: the tables that were there before."""

    @pytest.fixture(scope="class")
    def lab(self, tmp_path_factory: pytest.TempPathFactory) -> Lab:
        folder = tmp_path_factory.mktemp("lab")
        (folder / "log.csv").write_bytes(csv())
        values = source(folder, "log.csv").model_dump(exclude_defaults=True)
        lab = Lab.create(folder, source=values, experiment={"response_model": "replay"})
        assert lab.run(RAW).success
        return lab

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"who,what,moment,n\n",
            b"\x00\xff" * 500,
            csv()[:700] + b'"',
            csv(delimiter="¤"),
            csv([{**ROWS[0], "moment": "soon"}]),
            csv([{**ROWS[0], "who": ""}]),
            csv([{**ROWS[0], "n": "many"}]),
        ],
    )
    def test_no_table_changes(self, lab: Lab, content: bytes) -> None:
        tables = [f"raw.{key.path[-1]}" for key in RAW.resolve(lab.definitions.assets or ())]
        before = {table: lab.digest(table) for table in tables}
        assert before["raw.interactions"][0] == 60
        (lab.folder / "log.csv").write_bytes(content)
        result = lab.run(RAW, raise_on_error=False)
        assert not result.success
        assert {table: lab.digest(table) for table in tables} == before


@pytest.mark.parametrize(("users", "items", "days"), [(1, 5, 28), (7, 1, 28), (7, 5, 1), (1, 1, 1)])
def test_one_user_one_item_or_one_day_is_read(
    tmp_path: Path, users: int, items: int, days: int
) -> None:
    rows = [
        {
            **row,
            "who": f"u{i % users}",
            "what": f"i{i % items}",
            "moment": f"2024-01-{i % days + 1:02}",
        }
        for i, row in enumerate(ROWS)
    ]
    assert run(tmp_path, "log.csv", csv(rows)) == 60
