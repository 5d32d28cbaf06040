"""The report: one file that needs nothing else, complete or not there at all."""

import os

import dash_mantine_components as dmc
import pandas as pd
import pytest
from dash import dcc, html

from dashboard import __main__ as command
from dashboard.components.cells import in_browser, in_text
from dashboard.components.filters import segments, selection
from dashboard.components.grid import grid, interval_column, number_column, p_column, text_column
from dashboard.export import REPORT_NAME, ReportError, report_of, write_report
from dashboard.export.markup import as_json, markup
from dashboard.pages import PAGES
from recolab_assets.storage import Database
from tests.dashboard.browser import NEEDS_CHROMIUM, browser, faults, page, start
from tests.dashboard.test_store import hold

__all__ = ["browser", "hold", "page", "start"]


@pytest.fixture(scope="module")
def written(lab, tmp_path_factory):
    return write_report(lab, tmp_path_factory.mktemp("mail") / "new" / "folder")


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("{a:.1%}", {"a": 0.123}, "12.3%"),
        ("{a:+.2f}", {"a": -0.5}, "−0.50"),
        ("{a:,}", {"a": 12_345}, "12,345"),
        ("{a:.2f} ({b:.2f} to {c:.2f})", {"a": 1.0, "b": 0.5, "c": None}, "1.00 (0.50 to —)"),
        ("{a:.2f} ({b:.2f})", {"a": float("nan"), "b": 1.0}, "—"),
        ("{a:p}", {"a": 0.0001}, "< 0.001"),
        ("{a:p}", {"a": 0.0456}, "0.046"),
    ],
)
def test_cells_are_written_by_their_template(template, row, text):
    assert in_text("a", template, row) == text


def test_the_browser_writes_cells_by_the_same_template():
    assert in_browser("a", "{a:.1%} of {b:,}") == (
        "params.data.a == null ? '—' : (params.data.a == null ? '—' :"
        " d3.format('.1%')(params.data.a)) + \" of \" + (params.data.b == null ? '—' :"
        " d3.format(',')(params.data.b))"
    )


def test_whatever_is_no_markup_is_escaped():
    assert markup(html.P("<script>alert(1)</script> & co")) == (
        "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; co</p>"
    )
    assert "<script>" not in markup(dcc.Link('"><script>', href="javascript:x"))
    assert "</script>" not in as_json({"title": "</script><script>alert(1)</script>"})


def test_a_component_that_is_not_known_keeps_its_content():
    assert "inside" in markup(dmc.Accordion(dmc.AccordionItem(html.Span("inside"), value="a")))
    assert markup([None, True, 3, "x"]) == "3x"


def test_filters_say_what_they_stand_at():
    options = {"a": "First", "b": "Second"}
    assert "Second" in markup(segments("s", "Which", options, "b"))
    assert "Which: First" in markup(selection("s", "Which", options, "a"))


def test_a_table_is_a_table():
    rows = pd.DataFrame(
        {
            "m": ["A & B", "C"],
            "v": [0.5, None],
            "lo": [0.4, None],
            "hi": [0.6, None],
            "p": [0.2, 0.0],
        }
    )
    columns = [
        text_column("m", "Model"),
        interval_column("v", "lo", "hi", "Value", ".1f", "What it is."),
        number_column("v", "Again", ".2f"),
        p_column("p", "p", "How sure."),
    ]
    text = markup(grid("t", "Table", rows, columns, "light"))
    assert "<td>A &amp; B</td>" in text
    assert "0.5 (0.4 to 0.6)" in text
    assert text.count("—") == 2
    assert "&lt; 0.001" in text
    assert "<dt>Value</dt><dd>What it is.</dd>" in text
    assert "as CSV" not in text


def test_the_report_has_every_page_and_leaves_nothing_else_behind(written):
    assert [path.name for path in written.parent.iterdir()] == [REPORT_NAME]
    text = written.read_text(encoding="utf-8")
    for known in PAGES:
        assert f"<h2>{known.title}</h2>" in text
    assert "http-equiv" in text
    assert "src=" not in text.split("<script>", maxsplit=1)[0]


def test_a_report_takes_the_place_of_a_former_one(lab, tmp_path):
    (tmp_path / REPORT_NAME).write_text("former")
    write_report(lab, tmp_path)
    assert "<h1>RecoLab report</h1>" in (tmp_path / REPORT_NAME).read_text(encoding="utf-8")


def test_a_report_that_cannot_be_finished_leaves_the_former_one(lab, tmp_path, monkeypatch):
    (tmp_path / REPORT_NAME).write_text("former")

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(ReportError, match="No space left on device"):
        write_report(lab, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [REPORT_NAME]
    assert (tmp_path / REPORT_NAME).read_text() == "former"


def test_a_folder_that_cannot_be_written_is_a_sentence(lab, tmp_path, capsys):
    taken = tmp_path / "file"
    taken.touch()
    assert command.main(["--database", str(lab), "--export", str(taken)]) == 1
    assert capsys.readouterr().err == (
        f"--export {taken}: the report cannot be written (File exists).\n"
    )


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [(None, "Nothing has been run yet"), (b"no database " * 999, "is not a DuckDB database")],
)
def test_nothing_to_report_is_a_sentence_and_no_file(tmp_path, capsys, contents, sentence):
    database, folder = tmp_path / "lab.duckdb", tmp_path / "mail"
    if contents is not None:
        database.write_bytes(contents)
    assert command.main(["--database", str(database), "--export", str(folder)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("There is nothing to report. ") and sentence in error
    assert not folder.exists()


def test_a_page_that_lacks_its_tables_says_so_among_the_others(own_lab):
    with Database(own_lab).write() as connection:
        connection.execute("DROP TABLE experiments.method_scorecard")
    text = report_of(own_lab)
    assert "experiments.method_scorecard has not been written yet" in text
    assert "Ship Hybrid" in text


def test_the_command_names_the_file(lab, tmp_path, capsys):
    assert command.main(["--database", str(lab), "--export", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / REPORT_NAME}\n"


def test_a_run_that_is_writing_is_a_sentence(write, results, monkeypatch, hold):
    path = write(results)
    monkeypatch.setattr("dashboard.export.report.PATIENCE_SECONDS", 0.1)
    hold(path)
    with pytest.raises(ReportError, match="A run is writing"):
        report_of(path)


@pytest.mark.browser
class TestInABrowser:
    pytestmark = NEEDS_CHROMIUM

    def test_it_opens_from_a_folder_and_draws_every_figure(self, page, written):
        requests = []
        page.on("request", lambda request: requests.extend([request.url]))
        page.goto(written.as_uri())
        page.wait_for_function(
            "() => [...document.querySelectorAll('.js-plotly-plot')].every(one => one._fullData)"
        )
        assert requests == [written.as_uri()]
        drawn = page.evaluate(
            """() => Object.fromEntries(
                [...document.querySelectorAll("[data-png]")].map((button) => [
                    button.dataset.png,
                    button.closest("[role=group]").querySelector(".js-plotly-plot")._fullData
                        .map((trace) => [trace.name, trace.x[0]]),
                ]),
            )"""
        )
        assert dict(drawn["recolab_ndcg"]) == {"Hybrid": 0.18, "ALS": 0.14, "Popularity": 0.10}
        assert dict(drawn["recolab_uplift"]) == {"ALS": 0.20, "Hybrid": 0.60}
        assert len(drawn) == page.locator(".js-plotly-plot").count()

    def test_a_figure_of_it_is_saved_as_png(self, page, written):
        page.goto(written.as_uri())
        with page.expect_download() as download:
            page.locator("[data-png=recolab_uplift]").press("Enter")
        assert download.value.path().read_bytes().startswith(b"\x89PNG")

    def test_it_is_readable_on_a_narrow_screen_and_on_paper(self, page, written):
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(written.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.emulate_media(media="print")
        assert page.locator("button:visible").count() == 0
        assert page.pdf().startswith(b"%PDF")

    def test_axe_finds_nothing_critical_or_serious(self, page, written):
        page.goto(written.as_uri())
        assert faults(page) == []
