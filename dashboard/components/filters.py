"""Choices that live in the address of the page."""

from collections.abc import Mapping

import dash_mantine_components as dmc
from dash.development.base_component import Component

from dashboard.components.region import region


def segments(name: str, label: str, options: Mapping[str, str], chosen: str) -> Component:
    """A choice of few, all of them in sight.

    Args:
        name: Its name in the address.
        label: What it chooses.
        options: Name of each value for people.
        chosen: The value in force.
    """
    control = dmc.SegmentedControl(
        id={"type": "filter", "name": name},
        data=[{"value": value, "label": text} for value, text in options.items()],
        value=chosen,
    )
    return dmc.Group([dmc.Text(label, size="sm"), region(control, "group", label)], gap="sm")


def selection(name: str, label: str, options: Mapping[str, str], chosen: str) -> Component:
    """A choice of many, or of long names, that opens as a list; arguments as for segments."""
    return dmc.Select(
        id={"type": "filter", "name": name},
        label=label,
        data=[{"value": value, "label": text} for value, text in options.items()],
        value=chosen,
        allowDeselect=False,
        w="min(100%, 260px)",
    )
