"""Writing the report: all pages in one file that needs nothing else."""

import os
import tempfile
from datetime import datetime
from html import escape
from importlib import resources
from pathlib import Path
from typing import Final

from plotly.offline import get_plotlyjs

from dashboard.export.markup import markup
from dashboard.pages import PAGES
from dashboard.pages.page import Page, View
from dashboard.store import Store, Unavailable

REPORT_NAME: Final = "recolab-report.html"
"""The file in the folder that ``--export`` names."""

PATIENCE_SECONDS: Final = 10.0
"""How long a run that is writing is waited for."""

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>RecoLab report</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>RecoLab report</h1>
<p>Written {written} from {database}. Choices stand as the dashboard shows them at first.</p>
<nav aria-label="Pages"><ul>{menu}</ul></nav>
</header>
<main>{sections}</main>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


class ReportError(Exception):
    """The report cannot be written; the message is one sentence that says why."""


def write_report(database: Path, folder: Path) -> Path:
    """Write all pages, as they stand with no filter chosen, into one HTML file.

    The file appears when it is complete, in place of a former one.

    Args:
        database: The lab's file.
        folder: Where the report goes; created if it is not there.

    Returns:
        The report's path.

    Raises:
        ReportError: There is nothing to report, or the folder cannot be written.
    """
    text = report_of(database)
    path = folder / REPORT_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{REPORT_NAME}.", dir=folder)
        unfinished = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            # As any file that is made, not as a temporary one, which is its owner's alone.
            unfinished.chmod(0o644)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise ReportError(f"--export {folder}: the report cannot be written ({reason}).") from error
    return path


def report_of(database: Path) -> str:
    """Return the report's HTML.

    Raises:
        ReportError: No page has anything to show.
    """
    store = Store(database, lock_timeout_seconds=PATIENCE_SECONDS)
    problems: list[Unavailable] = []
    sections = [_section(page, store, problems) for page in PAGES]
    if len(problems) == sum(page.left_out is None for page in PAGES):
        problem = problems[0]
        advice = f" Run: {problem.command}" if problem.command else ""
        raise ReportError(f"There is nothing to report. {problem.sentence}{advice}")
    menu = "".join(
        f'<li><a href="#{_anchor(page)}">{escape(page.title)}</a></li>' for page in PAGES
    )
    return _PAGE.format(
        style=_asset("dashboard.assets", "recolab.css") + _asset("dashboard.export", "report.css"),
        written=f"{datetime.now():%d %B %Y, %H:%M}",
        database=escape(database.name),
        menu=menu,
        sections="".join(sections),
        plotly=get_plotlyjs(),
        script=_asset("dashboard.assets", "png.js") + _asset("dashboard.export", "report.js"),
    )


def _section(page: Page, store: Store, problems: list[Unavailable]) -> str:
    if page.left_out is not None:
        body = f'<p class="notice">{escape(page.left_out)}</p>'
    else:
        try:
            body = markup(page.render(View(store, "light")))
        except Unavailable as problem:
            problems.append(problem)
            body = f'<p class="notice">{escape(problem.sentence)}</p>'
    return (
        f'<section class="page" id="{_anchor(page)}">'
        f"<h2>{escape(page.title)}</h2><p>{escape(page.question)}</p>{body}</section>"
    )


def _anchor(page: Page) -> str:
    return page.path.strip("/").replace("/", "-") or "overview"


def _asset(package: str, name: str) -> str:
    return (resources.files(package) / name).read_text(encoding="utf-8")
