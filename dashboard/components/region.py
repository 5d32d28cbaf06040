"""Parts of a page that have a name for those who do not see it."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component


def region(
    content: Component | Sequence[Component], role: str, label: str, **properties: Any
) -> Component:
    """Wrap content in an element with an ARIA role and a label.

    Args:
        content: What it holds.
        role: ARIA role: ``region``, ``group``, ``img``.
        label: What a screen reader calls it.
        properties: Further properties of the element.
    """
    named: dict[str, Any] = {"role": role, "aria-label": label, **properties}
    return html.Div(content, **named)
