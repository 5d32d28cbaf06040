"""The dashboard in a real browser: pages, filters, addresses, while a run writes."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import expect

from dashboard.pages import PAGES
from recolab_assets.storage import Database
from tests.dashboard.browser import (
    NEEDS_CHROMIUM,
    WAIT,
    address,
    browser,
    drawn,
    opened,
    page,
    plotted,
    start,
)

__all__ = ["address", "browser", "page", "start"]

PATHS = [page.path for page in PAGES]

pytestmark = NEEDS_CHROMIUM


def test_every_page_opens_from_the_menu(page, address):
    page.goto(address)
    expect(page.locator("#verdict")).to_contain_text("Ship Hybrid")
    page.get_by_role("link", name="Model comparison").click()
    assert plotted(page, "accuracy") == {"Hybrid": 0.18, "ALS": 0.14, "Popularity": 0.10}
    page.get_by_role("link", name="Experiment results").click()
    assert plotted(page, "uplift") == {"ALS": 0.20, "Hybrid": 0.60}
    assert plotted(page, "win_rate") == {"Popularity": 0.05, "ALS": 0.09, "Hybrid": 0.08}
    expect(page.get_by_role("gridcell", name="1.60% (160 / 10,000)")).to_be_visible()
    assert urlsplit(page.url).path == "/experiments"


def test_a_filter_lives_in_the_address(page, address):
    page.goto(f"{address}/models")
    assert plotted(page, "accuracy")["Hybrid"] == 0.18
    page.get_by_role("group", name="List length k").get_by_text("20").click()
    expect(page.get_by_role("heading", name="NDCG@20").first).to_be_visible()
    assert urlsplit(page.url).query == "k=20"
    page.reload()
    expect(page.get_by_role("heading", name="NDCG@20").first).to_be_visible()
    assert plotted(page, "accuracy")["Hybrid"] == 0.21
    page.go_back()
    expect(page.get_by_role("heading", name="NDCG@10").first).to_be_visible()


def test_a_filter_changes_its_part_of_the_address_only(page, address):
    opened(page, address, "/experiments?arm=hybrid&other=a%20b")
    page.get_by_role("group", name="Metric", exact=True).get_by_text("Purchase rate").click()
    page.wait_for_url("**metric=purchase_rate**")
    assert dict(parse_qsl(urlsplit(page.url).query)) == {
        "arm": "hybrid",
        "other": "a b",
        "metric": "purchase_rate",
    }


def test_a_page_that_is_opened_leaves_the_address_as_it_was(page, address):
    opened(page, address, "/methods")
    assert urlsplit(page.url).query == ""


def test_the_explorer_finds_a_user_by_id_and_one_by_chance_and_goes_on_to_a_product(page, address):
    opened(page, address, "/explorer")
    page.get_by_label("User", exact=True).fill("7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="User 7", exact=True)).to_be_visible()
    assert urlsplit(page.url).query == "user=7"
    page.get_by_role("button", name="Random user").click()
    expect(page.get_by_role("heading", name="User 7", exact=True)).to_have_count(0)
    shown = dict(parse_qsl(urlsplit(page.url).query))["user"]
    expect(page.get_by_role("heading", name=f"User {shown}", exact=True)).to_be_visible()
    link = page.locator(".ranked a").first
    title = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert dict(parse_qsl(urlsplit(page.url).query))["show"] == "product"


def test_while_a_run_writes_every_page_and_filter_answers(page, start, own_lab):
    at = start(own_lab)
    with Database(own_lab).write():
        own_lab.touch()
        page.goto(f"{at}/models")
        expect(page.locator("#behind")).to_contain_text("A run is writing")
        expect(page.locator("#badge")).to_contain_text("A run is writing", ignore_case=True)
        page.get_by_role("group", name="List length k").get_by_text("20").click()
        expect(page.get_by_role("heading", name="NDCG@20").first).to_be_visible()
        assert plotted(page, "accuracy")["Hybrid"] == 0.21
        page.get_by_role("link", name="Experiment results").click()
        assert plotted(page, "uplift") == {"ALS": 0.20, "Hybrid": 0.60}
    expect(page.locator("#behind")).to_have_count(0, timeout=WAIT)


def test_a_page_fills_in_by_itself_after_the_first_run(page, start, write, results, tmp_path):
    at = start(tmp_path / "lab.duckdb")
    page.goto(at)
    expect(page.locator("#problem")).to_contain_text("uv run dagster asset materialize")
    write(results)
    expect(page.locator("#verdict")).to_contain_text("Ship Hybrid", timeout=WAIT)


@pytest.mark.parametrize("known", PAGES, ids=PATHS)
def test_every_page_is_reached_by_menu_by_link_and_by_reload(page, address, known):
    opened(page, address, "/nowhere")
    expect(page.get_by_text("There is nothing at this address.")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name=known.title, exact=True).click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(known.title)
    assert urlsplit(page.url).path == known.path
    expect(page).to_have_title(f"{known.title} · RecoLab")
    page.reload()
    expect(heading).to_have_text(known.title)
    drawn(page)
    assert page.locator("#problem").count() == 0


def test_before_the_first_run_every_page_says_what_to_run(page, start, tmp_path):
    at = start(tmp_path / "none.duckdb")
    for path in PATHS:
        page.goto(f"{at}{path}")
        expect(page.locator("#problem")).to_contain_text("uv run dagster asset materialize")


def test_while_a_run_writes_every_page_stays_up(page, start, own_lab):
    at = start(own_lab)
    for known in PAGES:
        opened(page, at, known.path)
    with Database(own_lab).write():
        own_lab.touch()
        for known in PAGES:
            opened(page, at, known.path)
            expect(page.get_by_role("heading", level=1)).to_have_text(known.title)
            expect(page.locator("#behind, #problem").first).to_contain_text("A run is writing")
            expect(page.locator("#badge")).to_contain_text("A run is writing", ignore_case=True)


def test_scripts_and_styles_are_sent_small_and_kept(browser, address):
    answers = []
    with browser.new_context() as visitor:  # who has none of them yet
        page = visitor.new_page()
        page.on("response", lambda answer: answers.extend([answer]))
        opened(page, address, "/models")
    scripts = [
        answer
        for answer in answers
        if "/_dash-component-suites/" in answer.url or "/assets/" in answer.url
    ]
    assert any("plotly" in answer.url for answer in scripts)
    for answer in scripts:
        # Kept for a year, or where no version is in the address, until it changes.
        kept = answer.headers["cache-control"]
        assert "max-age=31536000" in kept or (kept == "no-cache" and answer.headers["etag"])
    sent = sum(int(answer.headers.get("content-length", 0)) for answer in scripts)
    assert 500_000 < sent < 3_500_000
    assert {
        answer.headers.get("content-encoding") for answer in scripts if "plotly" in answer.url
    } <= {"zstd", "br", "gzip"}
