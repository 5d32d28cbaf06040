"""Small pictures for the Dagster UI: SVG inside Markdown, drawn without a browser."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

import dagster as dg

_WIDTH, _ROW, _LABEL = 640, 28, 150
_PLOT = _WIDTH - _LABEL - 90


def interval_chart(
    title: str, rows: Sequence[tuple[str, float, float | None, float | None]]
) -> dg.MarkdownMetadataValue:
    """Draw a bar a row, with its interval.

    Args:
        title: What is measured.
        rows: Name, value, and both ends of the interval (or None) of each bar.
    """
    ends = [end for _, value, low, high in rows for end in (value, low, high) if end is not None]
    low_end, high_end = min([0.0, *ends]), max([0.0, *ends])
    scale = _PLOT / ((high_end - low_end) or 1.0)

    def x(value: float) -> float:
        return _LABEL + (value - low_end) * scale

    parts = []
    for number, (name, value, low, high) in enumerate(rows):
        y = 40 + number * _ROW
        left, width = min(x(0), x(value)), abs(x(value) - x(0))
        parts.append(
            f'<text x="{_LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{left:.1f}" y="{y}" width="{width:.1f}" height="18" fill="#4c78a8"/>'
            f'<text x="{x(high_end) + 8:.1f}" y="{y + 13}">{value:.4g}</text>'
        )
        if low is not None and high is not None:
            parts.append(
                f'<path d="M{x(low):.1f} {y + 9}H{x(high):.1f}" stroke="#111" stroke-width="2"/>'
            )
    height = 40 + len(rows) * _ROW
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>{"".join(parts)}</svg>'
    )
    picture = b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{picture})")
