"""Every figure is saved as PNG and every table as CSV."""

import csv

import pytest
from PIL import Image

from dashboard.pages import PAGES
from tests.dashboard.browser import NEEDS_CHROMIUM, address, browser, opened, page, start

__all__ = ["address", "browser", "page", "start"]

PATHS = [page.path for page in PAGES]

pytestmark = NEEDS_CHROMIUM


def test_a_table_is_saved_as_csv(page, address):
    page.goto(f"{address}/experiments")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save A/B test as CSV").click()
    assert download.value.suggested_filename == "recolab_ab_report.csv"
    assert "Hybrid" in download.value.path().read_text()


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
