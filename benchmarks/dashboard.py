"""Time the dashboard in a browser: `uv run python benchmarks/dashboard.py --database FILE`.

Serves a database, and in Chromium opens every page from the menu (from the click to the first
drawn figure, table or card, and until everything is drawn) and works every filter that the page has
(from the choice until all that is in sight is redrawn, and until everything is). Prints the median
and the worst of several rounds. The first round in a fresh browser, in which the file is read for
the first time, is stated apart.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dashboard.pages import PAGES
from recolab_assets.config import load_config
from tests.dashboard.browser import CHROMIUM, FLAGS, serve

FIRST_LIMIT, FILTER_LIMIT = 1.5, 0.5
"""Seconds that are promised: first figure after the click, and redrawn after a choice."""

WATCH = """(path) => {
    // A stopwatch in the page itself: from the next click or key to what is drawn anew.
    const QUIET = 200;
    const page = document.querySelector("#page");
    const title = page.querySelector("h1").textContent;
    let started = null, first = null, drawn = null, arrived = null, asked = 0, answered = 0;
    const changes = [];
    const seconds = (moment) => (moment - started) / 1000;
    const isInSight = (node) => {
        const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
        if (!element?.isConnected) return false;
        const { top, bottom } = element.getBoundingClientRect();
        return top < innerHeight && bottom > 0;
    };
    for (const kind of ["pointerdown", "keydown"]) {
        addEventListener(kind, () => { started ??= performance.now(); },
            { once: true, capture: true });
    }
    window.plainFetch ??= window.fetch;
    window.fetch = async (address, options) => {
        const isOfPage = String(options?.body).includes('"id":"address"');
        asked += isOfPage;
        const answer = await window.plainFetch(address, options);
        await answer.clone().text();
        answered += isOfPage;
        if (isOfPage) arrived = drawn = performance.now();
        return answer;
    };
    const observer = new MutationObserver((records) => {
        drawn = performance.now();
        for (const { target, addedNodes } of records) {
            const nodes = addedNodes.length ? addedNodes : [target];
            changes.push(...[...nodes].map((node) => [node, drawn]));
        }
    });
    observer.observe(page,
        { childList: true, subtree: true, characterData: true, attributes: true });
    const all = (query) => [...page.querySelectorAll(query)];
    const isAnswered = () => started !== null && asked > 0 && asked === answered
        && (path === null || page.querySelector("h1")?.textContent !== title);
    window.stopwatch = new Promise((resolve) => {
        const look = () => {
            const figures = all(".dash-graph");
            const ready = figures.filter((box) => box.querySelector(".js-plotly-plot .main-svg"));
            const filled = all(".ag-root-wrapper").every((grid) =>
                grid.querySelector(".ag-header-cell"));
            if (isAnswered()) {
                const now = performance.now();
                if (figures.length ? ready.length : filled) first ??= seconds(now);
                // The last thing that changed, once nothing has changed for a while.
                if (ready.length === figures.length && filled && now - drawn > QUIET) {
                    observer.disconnect();
                    const [, seen] = changes.findLast(([node]) => isInSight(node)) ?? [];
                    resolve([first, seconds(Math.max(seen ?? 0, arrived)), seconds(drawn)]);
                    return;
                }
            }
            requestAnimationFrame(look);
        };
        look();
    });
}"""

NUMBERS = count(100)
FILTERS = """[id$='"type":"filter"}']"""


def main() -> None:
    """Serve, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=Path, help="the one that the configuration names")
    parser.add_argument("--rounds", type=int, default=5, help="rounds after the first one")
    arguments = parser.parse_args()
    database = arguments.database or load_config().database_path
    times: dict[str, list[float]] = defaultdict(list)
    with serve(database.resolve()) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        measure(browser, address, arguments.rounds, times)
        browser.close()
    report(times)


def measure(browser: Browser, address: str, rounds: int, times: dict[str, list[float]]) -> None:
    """Go round all pages and filters; the first round is noted as such."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/nowhere")
    page.wait_for_selector("#page h1")
    for number in range(rounds + 1):
        note = "first time, " if number == 0 else ""
        for known in PAGES:
            link = page.locator(f"nav a[href='{known.path}']")
            first, _, whole = timed(page, link.click, known.path)
            times[f"{note}{known.title}: first figure"].append(first)
            times[f"{note}{known.title}: all drawn"].append(whole)
            for name, act in choices(page):
                _, seen, whole = timed(page, act, None)
                times[f"{note}{known.title}: filter {name}"].append(seen)
                times[f"{note}{known.title}: all drawn after {name}"].append(whole)


def timed(page: Page, act, path: str | None) -> tuple[float, float, float]:
    """Return seconds from what is done to the first figure, to all in sight, and to everything."""
    page.evaluate(WATCH, path)
    act()
    first, seen, whole = page.evaluate("window.stopwatch")
    return first, seen, whole


def choices(page: Page) -> Iterator[tuple[str, object]]:
    """Every filter of the page that has another choice, with what chooses it."""
    names = page.locator(FILTERS).evaluate_all(
        "filters => filters.map(filter => JSON.parse(filter.id).name)"
    )
    # What the explorer shows decides which other choices there are: it is changed last.
    for name in sorted(dict.fromkeys(names), key=lambda name: name == "show"):
        filtered = page.locator(f"""[id*='"name":"{name}"'][id$='"type":"filter"}}']""").first
        act = another(page, filtered)
        if act is not None:
            yield name, act


def another(page: Page, filtered: Locator):
    """Return what chooses another value of a filter by hand; None where there is no other."""
    radios = filtered.locator("input[type=radio]:not(:checked)")
    if radios.count():
        label = radios.first.get_attribute("id")
        return page.locator(f"label[for='{label}']").click
    if filtered.evaluate("filter => filter.matches('input:not([aria-haspopup])')"):
        # A field that finds a user or product by its number: the next one.
        filtered.fill(str(next(NUMBERS)))
        return lambda: filtered.press("Enter")
    if filtered.evaluate("filter => filter.matches('input')"):
        filtered.click()
        options = page.locator("[role=option]:visible:not([aria-selected=true])")
        options.first.or_(page.locator("[role=option]:visible").first).first.wait_for()
        if options.count():
            return options.first.click
        page.keyboard.press("Escape")
    return None


def report(times: dict[str, list[float]]) -> None:
    """Print median and worst of everything that was timed, and what was promised."""
    print(f"{'':56} {'median s':>9} {'worst s':>9}")
    for name, seconds in times.items():
        print(f"{name:56} {statistics.median(seconds):9.2f} {max(seconds):9.2f}")
    for said, part, limit in (
        ("first figure", ": first figure", FIRST_LIMIT),
        ("filter", ": filter ", FILTER_LIMIT),
    ):
        worst = max((max(values) for name, values in times.items() if part in name), default=0.0)
        word = "kept" if worst <= limit else "not kept"
        print(f"{said}: worst {worst:.2f} s, promised {limit} s: {word}")


if __name__ == "__main__":
    main()
