"""The dashboard in a real browser: pages, filters, scheme; nothing leaves this computer."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from recolab_assets.storage import Database

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = ("127.0.0.1", "localhost", "")
WAIT = 30_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() and os.environ.get("CI") != "true",
        reason=f"{CHROMIUM} is missing: apt-get install chromium",
    ),
]


def serve(database):
    """Start the command on a free port; return the process and its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--port", str(port), "--database", str(database)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "RecoLab dashboard" in server.stdout.readline()
    return server, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def address(lab):
    server, at = serve(lab)
    yield at
    server.terminate()
    server.communicate(timeout=20)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page of a fresh visitor that fails on errors and on requests to other computers."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    faults = []
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None if (urlsplit(request.url).hostname or "") in LOCAL else faults.append(request.url)
        ),
    )
    yield opened
    context.close()
    assert faults == []


def plotted(page, name):
    """The data of a figure as drawn: ``name: x`` of each trace."""
    figure = f"""[id*='"name":"{name}"'] .js-plotly-plot"""
    page.wait_for_function(
        "selector => document.querySelector(selector)?._fullData?.length", arg=figure
    )
    return page.evaluate(
        "selector => Object.fromEntries("
        "document.querySelector(selector)._fullData.map(trace => [trace.name, trace.x[0]]))",
        figure,
    )


def test_every_page_opens_from_the_menu(page, address):
    page.goto(address)
    expect(page.locator("#verdict")).to_contain_text("Ship Hybrid")
    page.get_by_role("link", name="Model comparison").click()
    assert plotted(page, "ndcg") == {"Hybrid": 0.18, "ALS": 0.14, "Popularity": 0.10}
    page.get_by_role("link", name="Experiment results").click()
    assert plotted(page, "uplift") == {"ALS": 0.20, "Hybrid": 0.60}
    assert plotted(page, "win_rate") == {"Popularity": 0.05, "ALS": 0.09, "Hybrid": 0.08}
    expect(page.get_by_role("gridcell", name="1.60% (160 / 10,000)")).to_be_visible()
    assert urlsplit(page.url).path == "/experiments"


def test_a_filter_lives_in_the_address(page, address):
    page.goto(f"{address}/models")
    assert plotted(page, "ndcg")["Hybrid"] == 0.18
    page.get_by_text("20", exact=True).click()
    expect(page.get_by_role("heading", name="NDCG@20").first).to_be_visible()
    assert urlsplit(page.url).query == "k=20"
    page.reload()
    expect(page.get_by_role("heading", name="NDCG@20").first).to_be_visible()
    assert plotted(page, "ndcg")["Hybrid"] == 0.21
    page.go_back()
    expect(page.get_by_role("heading", name="NDCG@10").first).to_be_visible()


def test_a_table_is_saved_as_csv(page, address):
    page.goto(f"{address}/experiments")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save A/B test as CSV").click()
    assert download.value.suggested_filename == "recolab_ab_report.csv"
    assert "Hybrid" in download.value.path().read_text()


def test_dark_mode_is_kept(page, address):
    page.goto(address)
    page.get_by_role("button", name="Dark").click()
    html = page.locator("html")
    expect(html).to_have_attribute("data-mantine-color-scheme", "dark")
    page.goto(f"{address}/models")
    expect(html).to_have_attribute("data-mantine-color-scheme", "dark")


def test_a_narrow_screen_has_a_menu_and_does_not_scroll_sideways(page, address):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(address)
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Model comparison").click()
    assert plotted(page, "ndcg")["Hybrid"] == 0.18
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_while_a_run_writes_every_page_and_filter_answers(page, own_lab):
    path = own_lab
    server, at = serve(path)
    try:
        with Database(path).write():
            path.touch()
            page.goto(f"{at}/models")
            expect(page.locator("#behind")).to_contain_text("A run is writing")
            expect(page.locator("#badge")).to_contain_text("A run is writing", ignore_case=True)
            page.get_by_text("20", exact=True).click()
            expect(page.get_by_role("heading", name="NDCG@20").first).to_be_visible()
            assert plotted(page, "ndcg")["Hybrid"] == 0.21
            page.get_by_role("link", name="Experiment results").click()
            assert plotted(page, "uplift") == {"ALS": 0.20, "Hybrid": 0.60}
        expect(page.locator("#behind")).to_have_count(0, timeout=WAIT)
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_a_page_fills_in_by_itself_after_the_first_run(page, write, results, tmp_path):
    server, at = serve(tmp_path / "lab.duckdb")
    try:
        page.goto(at)
        expect(page.locator("#problem")).to_contain_text("uv run dagster asset materialize")
        write(results)
        expect(page.locator("#verdict")).to_contain_text("Ship Hybrid", timeout=WAIT)
    finally:
        server.terminate()
        server.communicate(timeout=20)
