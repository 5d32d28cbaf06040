"""The dashboard in a real browser: pages, filters, scheme; nothing leaves this computer."""

import csv
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from dashboard.pages import PAGES
from recolab_assets.storage import Database
from tests.dashboard.browser import (
    NEEDS_CHROMIUM,
    WAIT,
    address,
    browser,
    drawn,
    faults,
    opened,
    page,
    plotted,
    resized,
    start,
)

__all__ = ["address", "browser", "page", "plotted", "start"]

PATHS = [page.path for page in PAGES]
SCHEMES = ["light", "dark"]

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
    assert plotted(page, "accuracy")["Hybrid"] == 0.18
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


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


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_critical_or_serious(page, address, path, scheme):
    opened(page, address, path, scheme)
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
    for width in (1280, 360):
        resized(page, width)
        assert faults(page) == []


@pytest.mark.parametrize("path", PATHS)
def test_no_page_scrolls_sideways_from_360_to_2560_pixels(page, address, path):
    opened(page, address, path)
    for width in (360, 768, 1280, 2560):
        resized(page, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


FOCUS = """() => {
    const focused = document.activeElement;
    // What a control hides it shows on the label beside it.
    const parts = [focused, focused.nextElementSibling].filter(Boolean);
    const look = () => JSON.stringify(parts.map((part) => {
        const { outline, boxShadow, border, backgroundColor } = getComputedStyle(part);
        const after = getComputedStyle(part, "::after");
        return [outline, boxShadow, border, backgroundColor, after.boxShadow, after.outline];
    }));
    const here = look();
    focused.blur();
    const elsewhere = look();
    focused.focus({ focusVisible: true });
    const filter = focused.closest(`[id$='"type":"filter"}']`);
    return {
        tag: focused.tagName,
        text: focused.textContent.trim() || focused.getAttribute("aria-label"),
        filter: filter?.id ?? focused.id,
        grid: focused.closest(".ag-root-wrapper")?.closest("[id]")?.id,
        inContent: Boolean(focused.closest("#content")),
        visible: here !== elsewhere,
    };
}"""


@pytest.mark.parametrize("path", PATHS)
def test_everything_that_acts_is_reached_by_tab_and_shows_its_focus(page, address, path):
    opened(page, address, path)
    page.add_style_tag(content="* { transition: none !important; }")
    wanted = page.evaluate(
        """() => ({
            links: [...document.querySelectorAll("nav a")].map((link) => link.textContent.trim()),
            buttons: [...document.querySelectorAll("#page button, header button")]
                .filter((button) => button.offsetParent && button.tabIndex >= 0)
                .map((button) => button.textContent.trim() || button.getAttribute("aria-label")),
            filters: [...document.querySelectorAll(`[id$='"type":"filter"}']`)]
                .filter((filter) => filter.offsetParent || filter.querySelector("input"))
                .map((filter) => filter.id),
            grids: [...document.querySelectorAll(".ag-root-wrapper")]
                .map((grid) => grid.closest("[id]").id),
        })"""
    )
    reached = []
    for _ in range(200):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus["tag"] == "BODY":
            break
        reached.append(focus)
    assert reached[0]["text"] == "Skip to the content"
    texts = [focus["text"] for focus in reached]
    assert set(wanted["links"]) <= set(texts)
    assert set(wanted["buttons"]) <= set(texts)
    assert set(wanted["filters"]) <= {focus["filter"] for focus in reached}
    assert set(wanted["grids"]) <= {focus["grid"] for focus in reached}
    assert [focus for focus in reached if not focus["visible"]] == []


def test_the_skip_link_leads_past_the_menu(page, address):
    opened(page, address, "/models")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS)["inContent"]


def test_a_filter_is_worked_by_the_keyboard(page, address):
    opened(page, address, "/models")
    page.get_by_role("radio", name="10").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="NDCG@20").first).to_be_visible()


@pytest.mark.parametrize("path", PATHS)
def test_every_figure_is_saved_as_png_on_its_own_paper(page, address, path):
    for scheme, brightness in (("light", (200, 256)), ("dark", (0, 80))):
        opened(page, address, path, scheme)
        for button in page.locator("[data-png]").all():
            with page.expect_download() as download:
                button.press("Enter")
            name = button.get_attribute("data-png")
            assert download.value.suggested_filename == f"{name}.png"
            with Image.open(download.value.path()) as image:
                assert image.format == "PNG"
                assert image.width > 400 and image.height > 200
                corner = image.convert("RGBA").getpixel((2, 2))
                assert corner[3] == 255
                assert brightness[0] <= corner[0] < brightness[1]
                assert len(image.convert("RGB").getcolors(1 << 24)) > 10


@pytest.mark.parametrize("path", PATHS)
def test_every_figure_has_a_button_and_every_table_is_saved_as_csv(page, address, path):
    opened(page, address, path)
    assert page.locator("[data-png]").count() == page.locator(".dash-graph").count()
    saves = page.get_by_role("button", name="as CSV").all()
    assert len(saves) == page.locator(".ag-root-wrapper").count()
    for save in saves:
        with page.expect_download() as download:
            save.press("Enter")
        head, *rows = download.value.path().read_text().splitlines()
        assert head and rows


def test_the_csv_file_has_numbers_in_full_and_those_of_one_cell_apart(page, address):
    opened(page, address, "/experiments")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save A/B test as CSV").press("Enter")
    head, *rows = csv.reader(download.value.path().read_text().splitlines())
    arms = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert float(arms["Hybrid"]["CTR"]) == 0.016
    assert float(arms["Hybrid"]["Clicks"]) == 160
    assert float(arms["Hybrid"]["Ctr_uplift_low"]) == 0.48
    assert arms["Popularity"]["CTR uplift"] == ""


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
