"""Pictures of every page, light and dark, for the README and for whoever wants to look.

They go to a temporary folder, drawn from the tests' small lab, unless ``RECOLAB_SCREENSHOTS`` names
a folder: then they are of the database of the configuration, if that has been run.
"""

import os
from pathlib import Path

import pytest
from PIL import Image

from dashboard.pages import PAGES
from recolab_assets.config import load_config
from tests.dashboard.browser import NEEDS_CHROMIUM, browser, opened, page, serve, start

__all__ = ["browser", "page", "start"]

VARIABLE = "RECOLAB_SCREENSHOTS"
WIDTH, TALLEST = 1280, 4_000
LARGEST_BYTES = 400_000

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="module")
def address(lab):
    wanted = load_config().database_path
    with serve(wanted.resolve() if VARIABLE in os.environ and wanted.exists() else lab) as at:
        yield at


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("known", PAGES, ids=lambda known: known.path)
def test_a_picture_of_every_page(page, address, folder, known, scheme):
    page.set_viewport_size({"width": WIDTH, "height": 900})
    opened(page, address, known.path, scheme)
    tall = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(tall, TALLEST)})
    page.wait_for_timeout(500)
    name = f"{known.path.strip('/').replace('/', '-') or 'overview'}-{scheme}"
    picture, taken = folder / f"{name}.webp", folder / f".{name}.png"
    page.screenshot(path=taken)
    with Image.open(taken) as image:
        assert image.width == WIDTH
        assert len(image.convert("RGB").getcolors(1 << 24)) > 50
        image.convert("RGB").save(picture, quality=80, method=6)
    taken.unlink()
    assert 5_000 < picture.stat().st_size < LARGEST_BYTES
