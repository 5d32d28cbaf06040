"""Pages are for everybody: screen readers, keyboards, narrow screens, light and dark."""

import pytest
from playwright.sync_api import expect

from dashboard.pages import PAGES
from tests.dashboard.browser import (
    NEEDS_CHROMIUM,
    address,
    browser,
    faults,
    opened,
    page,
    plotted,
    resized,
    start,
)

__all__ = ["address", "browser", "page", "start"]

PATHS = [page.path for page in PAGES]
SCHEMES = ["light", "dark"]

pytestmark = NEEDS_CHROMIUM


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
