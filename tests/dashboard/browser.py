"""What tests in a real browser share: the command, Chromium, a visitor, and what figures hold."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

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
VIEWPORT = {"width": 1280, "height": 900}

NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() and os.environ.get("CI") != "true",
        reason=f"{CHROMIUM} is missing: apt-get install chromium",
    ),
]


@contextmanager
def serve(database):
    """Run the command on a free port; its address. It is gone when the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--port", str(port), "--database", str(database)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "RecoLab dashboard" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=20)


@pytest.fixture(scope="module")
def address(lab):
    with serve(lab) as at:
        yield at


@pytest.fixture
def start():
    """Serve a test's own database until its page, which polls the server, is closed."""
    with ExitStack() as servers:
        yield lambda database: servers.enter_context(serve(database))


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, start):
    """A page that fails on errors and on requests to other computers.

    All pages are of one visitor, whose browser has the scripts after the first of them: to load
    them anew takes four times as long as all else. What a test leaves in its storage is cleared.
    """
    context = browser.contexts[0] if browser.contexts else browser.new_context(viewport=VIEWPORT)
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
    opened.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    opened.close()
    assert not faults, "\n".join(faults)


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


def opened(page, address, path, scheme="light"):
    """Open a page in a scheme and wait until all that it has is drawn."""
    page.add_init_script(f"localStorage.setItem('scheme', '\"{scheme}\"')")
    page.goto(f"{address}{path}")
    drawn(page)
    return page


def drawn(page):
    """Wait until the page's heading, figures and tables are there."""
    page.wait_for_function(
        "() => document.querySelector('#page h1')"
        " && [...document.querySelectorAll('.dash-graph')].every("
        "   box => box.querySelector('.js-plotly-plot')?._fullLayout)"
        " && [...document.querySelectorAll('[data-ag-theme-mode]')].every("
        "   box => box.querySelector('.ag-root-wrapper'))"
        " && [...document.querySelectorAll('.ag-root-wrapper')].every("
        "   grid => grid.querySelector('.ag-header-cell'))"
        " && !document.querySelector('[data-dash-is-loading]')"
    )


def resized(page, width):
    """Give the page another width and wait until its figures have followed."""
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function(
        "() => [...document.querySelectorAll('.dash-graph')].every((box) =>"
        " Math.abs(box.clientWidth - box.querySelector('.js-plotly-plot')._fullLayout.width) < 2)"
    )
    return page


def faults(page):
    """What axe-core finds critical or serious."""
    return [
        (fault["id"], node["html"], node.get("failureSummary"))
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("critical", "serious")
        for node in fault["nodes"]
    ]
