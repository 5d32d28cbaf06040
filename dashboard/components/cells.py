"""How cells of tables are written: one template, for the browser's table and for the report."""

import json
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any, Final

from dashboard.rows import is_absent
from dashboard.vocabulary import ABSENT, number

P_VALUE: Final = "p"
"""Format of a p-value, written as papers do; all others are those that Python and d3 share."""

_LEAST_P: Final = 0.001


def fields_of(template: str) -> list[str]:
    """Return the columns that a template as ``{ctr:.2%} ({clicks:,})`` writes, in order."""
    return [field for _, field, _ in _pieces(template) if field]


def in_browser(field: str, template: str) -> str:
    """Return the template as an expression of the table's ``valueFormatter``.

    Args:
        field: The column; a row that has no value in it is written as a dash.
        template: Text with ``{column:format}`` in it.
    """
    parts = []
    for text, name, digits in _pieces(template):
        if text:
            parts.append(json.dumps(text, ensure_ascii=False))
        if name:
            parts.append(_number_in_browser(f"params.data.{name}", digits))
    return f"params.data.{field} == null ? '{ABSENT}' : {' + '.join(parts)}"


def in_text(field: str, template: str, row: Mapping[str, Any]) -> str:
    """Return a row's cell as :func:`in_browser` lets the browser write it."""
    if is_absent(row.get(field)):
        return ABSENT
    return "".join(
        text + (_number_in_text(row.get(name), digits) if name else "")
        for text, name, digits in _pieces(template)
    )


def _pieces(template: str) -> Iterator[tuple[str, str, str]]:
    for text, name, digits, _ in Formatter().parse(template):
        yield text, name or "", digits or ""


def _number_in_browser(value: str, digits: str) -> str:
    written = f"d3.format('{digits}')({value})"
    if digits == P_VALUE:
        written = f"({value} < {_LEAST_P} ? '< {_LEAST_P}' : d3.format('.3f')({value}))"
    return f"({value} == null ? '{ABSENT}' : {written})"


def _number_in_text(value: Any, digits: str) -> str:
    if is_absent(value):
        return ABSENT
    if digits == P_VALUE:
        return f"< {_LEAST_P}" if value < _LEAST_P else format(value, ".3f")
    return number(value, digits)
