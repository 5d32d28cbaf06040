"""Pictures that the Dagster UI shows without a browser having drawn them."""

from base64 import b64decode
from xml.etree import ElementTree as ET

import pytest

from recolab_assets.assets.charts import interval_chart

SVG = "{http://www.w3.org/2000/svg}"


def draw(*rows):
    text = interval_chart("Clicks & more", rows).value
    head, _, picture = text.partition("base64,")
    assert head == "![Clicks & more](data:image/svg+xml;"
    return ET.fromstring(b64decode(picture.removesuffix(")")))


def bars(svg):
    """Left end and width of every bar, the background left out."""
    return [
        (float(bar.get("x")), float(bar.get("width")))
        for bar in svg.iter(f"{SVG}rect")
        if bar.get("x")
    ]


def test_bars_are_as_long_as_their_values():
    (first, long), (second, short) = bars(draw(("a", 0.4, None, None), ("b", 0.1, None, None)))
    assert first == second
    assert long == pytest.approx(4 * short, abs=0.2)


def test_negative_values_go_to_the_left_of_zero():
    (left, width), (zero, _) = bars(draw(("worse", -0.2, None, None), ("better", 0.2, None, None)))
    assert left + width == pytest.approx(zero, abs=0.2)


def test_intervals_span_their_ends():
    svg = draw(("a", 0.5, 0.25, 1.0), ("b", 0.5, None, None))
    [line] = svg.iter(f"{SVG}path")
    left, right = (
        float(part) for part in line.get("d").removeprefix("M").replace("H", " ").split()[::2]
    )
    (zero, width), _ = bars(svg)
    assert left == pytest.approx(zero + width / 2, abs=0.2)
    assert right == pytest.approx(zero + 2 * width, abs=0.2)


def test_names_and_values_are_written():
    words = [text.text for text in draw(("<als>", 0.123456, None, None)).iter(f"{SVG}text")]
    assert words == ["Clicks & more", "<als>", "0.1235"]


def test_nothing_but_zeros_can_be_drawn():
    assert bars(draw(("a", 0.0, 0.0, 0.0))) == [(150.0, 0.0)]
    assert bars(draw()) == []
