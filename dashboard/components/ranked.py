"""Ranked lists of links, a whole list as one component.

Dash asks every component at every change whether it is concerned. Lists of hundreds of entries,
each of several components, would take most of the time of a choice.
"""

from collections.abc import Iterable
from typing import NamedTuple

from dash.development.base_component import Component


class Ranked(NamedTuple):
    """One entry of a list."""

    title: str
    """What it is."""
    href: str
    """Where the title leads: an address of the page that the list is on."""
    note: str = ""
    """What stands behind the title."""
    mark: str = ""
    """What makes the entry stand out, in words."""
    reason: str = ""
    """Why it is in the list."""


class RankedList(Component):
    """A numbered list, drawn by ``assets/ranked.js``."""

    _namespace = "recolab"
    _type = "RankedList"
    _prop_names = ["items"]  # noqa: RUF012 - as Dash declares them
    _valid_wildcard_attributes: list[str] = []  # noqa: RUF012
    available_properties = _prop_names
    available_wildcard_properties: list[str] = []  # noqa: RUF012

    def __init__(self, items: Iterable[Ranked]) -> None:
        """Take the entries in order."""
        written = [{name: text for name, text in item._asdict().items() if text} for item in items]
        super().__init__(items=written)  # type: ignore[no-untyped-call]
