"""Choices that live in the address."""

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash.development.base_component import Component

from dashboard.components.region import region


def choice(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> Component:
    """A few values to choose one from; the address carries it as ``?name=value``.

    Args:
        name: Name of the filter in the address.
        label: What is chosen.
        options: Values with what they are called.
        chosen: The value in force.
    """
    control = dmc.SegmentedControl(
        id={"type": "filter", "name": name},
        data=[{"value": value, "label": shown} for value, shown in options],
        value=chosen,
        className="choice",
    )
    return dmc.Group([dmc.Text(label, size="sm"), region(control, "group", label)], gap="sm")
