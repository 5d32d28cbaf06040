"""A choice in a real browser changes what it bears on; all else of the page stays in place."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.dashboard.browser import (
    NEEDS_CHROMIUM,
    WAIT,
    address,
    browser,
    opened,
    page,
    plotted,
    start,
)
from tests.dashboard.conftest import write_lab

__all__ = ["address", "browser", "page", "start"]

pytestmark = NEEDS_CHROMIUM

KEPT = """.mantine-Paper-root, .js-plotly-plot, .js-plotly-plot .main-svg, .ag-root-wrapper,
    .ag-header-cell, .ag-row, .ag-cell, input, button, h1, h2, [role=group]"""


def marked(page):
    """Remember every element of the page that a reader sees or works."""
    page.evaluate("query => { window.seen = [...page.querySelectorAll(query)]; }", KEPT)
    assert page.evaluate("window.seen.length") > 20


def lost(page):
    """What of it is no longer in the page."""
    return page.evaluate(
        "window.seen.filter(element => !element.isConnected)"
        ".map(element => `${element.tagName} ${element.className}`)"
    )


def watched(page):
    """Note from now on the headings of the panels in which anything changes."""
    page.evaluate(
        """() => {
            window.touched = new Set();
            const panel = (node) => (node.closest ? node : node.parentElement)
                .closest(".mantine-Paper-root")?.querySelector("h2")?.textContent;
            new MutationObserver((changes) => changes
                .filter(({ target }) => target.isConnected)
                .forEach(({ target }) => window.touched.add(panel(target)))
            ).observe(document.querySelector("#page"),
                { childList: true, characterData: true, subtree: true });
        }"""
    )


def choose(page, group, value):
    page.get_by_role("group", name=group, exact=True).get_by_text(value, exact=True).click()


def at_k(page, k):
    """Wait until the page is that of a list length."""
    expect(page.get_by_role("heading", name=f"NDCG@{k}").first).to_be_visible(timeout=WAIT)


def plotted_as(page, name, model, value):
    """Wait until a figure shows a value of a model."""
    page.wait_for_function(
        """([name, model, value]) => {
            const box = document.querySelector(`[id*='"name":"${name}"'] .js-plotly-plot`);
            const isIt = (trace) =>
                trace.name === model && Math.abs(trace.x[0] - value) < 1e-9;
            return box?._fullData?.some(isIt);
        }""",
        arg=[name, model, value],
    )


def test_a_choice_leaves_every_element_in_place_and_shows_the_new_data(page, address):
    opened(page, address, "/models")
    marked(page)
    choose(page, "List length k", "20")
    at_k(page, 20)
    plotted_as(page, "accuracy", "Hybrid", 0.21)
    table = page.get_by_role("region", name="Offline metrics at 20")
    expect(table.locator("[col-id=ndcg]", has_text="0.2100 (0.2000 to 0.2300)")).to_be_visible()
    expect(table.get_by_role("columnheader", name="NDCG@20")).to_be_visible()
    assert lost(page) == []


def test_a_choice_does_not_touch_the_panels_that_do_not_depend_on_it(page, address):
    opened(page, address, "/experiments")
    page.wait_for_timeout(500)
    marked(page)
    watched(page)
    choose(page, "Arm", "Hybrid")
    expect(page.get_by_text("Hybrid against the control; another arm")).to_be_visible()
    page.wait_for_timeout(500)
    assert lost(page) == []
    assert set(page.evaluate("[...window.touched]")) == {"Day by day", "By kind of user"}


def test_the_focus_stays_on_the_control_that_was_worked(page, address):
    opened(page, address, "/models")
    page.get_by_role("radio", name="10", exact=True).focus()
    page.keyboard.press("ArrowRight")
    at_k(page, 20)
    assert page.evaluate("[document.activeElement.type, document.activeElement.value]") == [
        "radio",
        "20",
    ]
    page.keyboard.press("ArrowLeft")
    at_k(page, 10)
    plotted_as(page, "accuracy", "Hybrid", 0.18)


def test_the_back_button_brings_back_the_control_and_the_data(page, address):
    opened(page, address, "/models")
    marked(page)
    choose(page, "List length k", "20")
    at_k(page, 20)
    page.go_back()
    at_k(page, 10)
    expect(page.get_by_role("radio", name="10", exact=True)).to_be_checked()
    plotted_as(page, "accuracy", "Hybrid", 0.18)
    assert urlsplit(page.url).query == ""
    assert lost(page) == []


def test_of_choices_in_quick_succession_the_last_one_counts(page, address):
    opened(page, address, "/models")
    for value in ("20", "10", "20", "10", "20"):
        choose(page, "List length k", value)
    at_k(page, 20)
    page.wait_for_load_state("networkidle")
    plotted_as(page, "accuracy", "Hybrid", 0.21)
    expect(page.get_by_role("radio", name="20", exact=True)).to_be_checked()
    expect(page.get_by_role("heading", name="NDCG@10", exact=True)).to_have_count(0)


def test_a_table_stays_sorted_as_the_reader_sorted_it(page, address):
    opened(page, address, "/models")
    table = page.get_by_role("region", name="Offline metrics at")
    heading = table.get_by_role("columnheader", name="Model")
    heading.click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    choose(page, "List length k", "20")
    expect(table.get_by_role("columnheader", name="NDCG@20")).to_be_visible()
    expect(heading).to_have_attribute("aria-sort", "ascending")


@pytest.mark.parametrize("is_polled", [False, True])
def test_after_a_run_a_page_shows_what_is_new_with_the_next_choice_or_by_itself(
    page, start, own_lab, results, is_polled
):
    at = start(own_lab)
    opened(page, at, "/models")
    assert plotted(page, "accuracy")["Hybrid"] == 0.18
    marked(page)
    for row in results["offline_metrics"]:
        row["value"] += 0.5
    write_lab(own_lab, {"offline_metrics": results["offline_metrics"]})
    if not is_polled:
        choose(page, "List length k", "20")
        at_k(page, 20)
    plotted_as(page, "accuracy", "Hybrid", 0.68 if is_polled else 0.71)
    assert lost(page) == []


def test_another_page_is_drawn_as_a_whole(page, address):
    opened(page, address, "/models")
    page.get_by_role("navigation").get_by_role("link", name="Experiment results").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiment results")
    assert plotted(page, "uplift") == {"ALS": 0.20, "Hybrid": 0.60}
    assert page.locator("""[id*='"name":"accuracy"']""").count() == 0


def test_another_subject_leaves_the_search_of_the_explorer_in_place(page, address):
    opened(page, address, "/explorer")
    page.evaluate("window.seen = [...document.querySelectorAll('#page h1, input[type=radio]')]")
    page.get_by_role("radio", name="A user", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Product", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Who gets it")).to_be_visible()
    assert lost(page) == []
    expect(page.get_by_role("radio", name="A product", exact=True)).to_be_focused()


def test_a_figure_is_laid_out_anew_only_where_it_no_longer_fits_its_place(page, address):
    opened(page, address, "/models")
    page.wait_for_timeout(500)
    resizes = """async () => {
        const figure = document.querySelector("[id*='accuracy'] .js-plotly-plot");
        let layouts = 0;
        figure.on("plotly_relayout", () => { layouts += 1; });
        await Plotly.Plots.resize(figure);
        return layouts;
    }"""
    assert page.evaluate(resizes) == 0
    page.evaluate("document.querySelector('[id*=accuracy] .js-plotly-plot').style.width = '50%'")
    assert page.evaluate(resizes) == 1


def test_figures_in_sight_are_drawn_before_the_others_which_show_the_last_that_was_asked(
    page, address
):
    opened(page, address, "/diagnostics")
    page.wait_for_timeout(500)
    order, drawn = page.evaluate(
        """async () => {
            const figures = [...document.querySelectorAll(".js-plotly-plot")];
            const [above, below] = [figures.at(0), figures.at(-1)];
            const order = [], drawn = [];
            below.on("plotly_afterplot", () => drawn.push(below.layout.title.text));
            const entitled = async (figure, text) => {
                await Plotly.react(figure, figure.data, { ...figure.layout, title: { text } });
                order.push(text);
            };
            await Promise.all([
                entitled(below, "below"), entitled(below, "below again"), entitled(above, "above"),
            ]);
            return [order, drawn];
        }"""
    )
    assert order == ["above", "below", "below again"]
    assert drawn == ["below again"]


def test_a_new_figure_in_sight_waits_neither_for_others_nor_for_one_that_cannot_be_drawn(
    page, address
):
    opened(page, address, "/diagnostics")
    page.wait_for_timeout(500)
    drawn = page.evaluate(
        """async () => {
            const below = [...document.querySelectorAll(".js-plotly-plot")].at(-1);
            const late = (promise, word) => Promise.race(
                [promise, new Promise((resolve) => setTimeout(resolve, 1000, word))]);
            const said = (promise) => promise.then(() => "drawn", () => "failed");
            const [idle, callbacks] = [window.requestIdleCallback, []];
            // The browser is never idle.
            window.requestIdleCallback = (callback) => callbacks.push(callback);
            const { data } = below;
            const broken = [{ get type() { throw new Error("broken"); } }];
            const unseen = said(Plotly.react(below, broken));
            await new Promise((resolve) => setTimeout(resolve, 200));
            const above = document.createElement("div");
            document.querySelector("#page").prepend(above);
            const bars = [{ type: "bar", x: [1], y: [2] }];
            const atOnce = await late(said(Plotly.react(above, bars, { height: 100 })), "late");
            window.requestIdleCallback = idle;
            for (const callback of callbacks) callback();
            const failed = await late(unseen, "late");
            const afterwards = await late(said(Plotly.react(below, data)), "late");
            above.remove();
            return [atOnce, failed, afterwards];
        }"""
    )
    assert drawn == ["drawn", "failed", "drawn"]
