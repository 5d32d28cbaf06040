"""One fixed colour, symbol and name per model, and what light and dark figures look like."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class ModelStyle:
    """How a model is drawn and named, everywhere alike."""

    label: str
    """Name for people."""
    color: str
    """From the colour-blind-safe palette of Okabe and Ito (2008), and a neutral grey."""
    symbol: str
    """Plotly marker symbol: no model is told apart by its colour alone."""


_STYLES: Final = {
    "popularity": ModelStyle("Popularity", "#7F7F7F", "circle"),
    "als": ModelStyle("ALS", "#0072B2", "square"),
    "item_cf": ModelStyle("Item CF", "#009E73", "diamond"),
    "content_based": ModelStyle("Content-based", "#E69F00", "triangle-up"),
    "hybrid": ModelStyle("Hybrid", "#CC79A7", "star"),
    "recent_popularity": ModelStyle("Last weeks' best sellers", "#7F7F7F", "x"),
    "category_popularity": ModelStyle("Category best sellers", "#D55E00", "cross"),
    "buy_again": ModelStyle("Buy it again", "#F0E442", "pentagon"),
    "oracle": ModelStyle("Oracle", "#56B4E9", "hexagon"),
}
_SPARE: Final = (
    ("#D55E00", "cross"),
    ("#F0E442", "x"),
    ("#56B4E9", "pentagon"),
    ("#D55E00", "bowtie"),
    ("#F0E442", "hourglass"),
)


def style_of(model: str) -> ModelStyle:
    """Return the style of a model; one that is not among the five gets a spare one by its name."""
    if model in _STYLES:
        return _STYLES[model]
    # Not ``hash``, which differs from one start of the program to the next.
    color, symbol = _SPARE[sum(model.encode()) % len(_SPARE)]
    return ModelStyle(model.replace("_", " ").capitalize(), color, symbol)


def label_of(model: str) -> str:
    """Return the name of a model for people."""
    return style_of(model).label


def in_order(models: Iterable[str]) -> list[str]:
    """Return models in the order in which the lab names them, others after them."""
    known = list(_STYLES)
    return sorted(set(models), key=lambda model: (model not in known, [*known, model].index(model)))


def labels_of(models: Iterable[str]) -> str:
    """Join names of models as a sentence does: ``A``, ``A and B``, ``A, B and C``."""
    names = [label_of(model) for model in models]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


EVENT_STYLES: Final = {
    ("product", "view"): ModelStyle("View", "#56B4E9", "circle"),
    ("product", "click"): ModelStyle("Click", "#0072B2", "diamond"),
    ("product", "add_to_cart"): ModelStyle("Add to cart", "#E69F00", "triangle-up"),
    ("product", "purchase"): ModelStyle("Purchase", "#D55E00", "star"),
    ("editorial", "click"): ModelStyle("Editorial click", "#CC79A7", "x"),
    ("editorial", "read"): ModelStyle("Editorial read", "#009E73", "cross"),
}
"""How events are drawn and named, in the order of the funnel, editorial apart."""


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours of a figure that are not a model's."""

    text: str
    grid: str
    zero: str
    paper: str


INK: Final[dict[Scheme, Ink]] = {
    "light": Ink(text="#212529", grid="#DEE2E6", zero="#495057", paper="#FFFFFF"),
    "dark": Ink(text="#E9ECEF", grid="#424242", zero="#ADB5BD", paper="#2E2E2E"),
}

FONT: Final = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"
)
"""Fonts that the reader's system has; none is fetched."""
