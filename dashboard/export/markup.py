"""Pages of the dashboard as plain HTML: every component by what it is, those not known as a box."""

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, Final

import plotly.io
from dash.development.base_component import Component

from dashboard.components.cells import in_text

Props = Mapping[str, Any]

PLAIN_TAGS: Final = {
    "Text": "p",
    "Badge": "span",
    "Code": "pre",
    "Table": "table",
    "TableThead": "thead",
    "TableTbody": "tbody",
    "TableTr": "tr",
    "TableTh": "th",
    "TableTd": "td",
    "List": "ul",
    "ListItem": "li",
    "Span": "span",
    "P": "p",
    "Strong": "strong",
    "Ul": "ul",
    "Li": "li",
}
"""Components that have an element of HTML for themselves."""

CLASSES: Final = {
    "Alert": "notice",
    "Badge": "badge",
    "Code": "code",
    "Group": "group",
    "Paper": "panel",
    "SimpleGrid": "side-by-side",
    "Text": "text",
}
"""What the report's style sheet calls them."""


def markup(component: Any) -> str:
    """Return a component, text or list of them as HTML; whatever is no markup is escaped."""
    if component is None or isinstance(component, bool):
        return ""
    if isinstance(component, list | tuple):
        return "".join(map(markup, component))
    if not isinstance(component, Component):
        return escape(str(component))
    kind = type(component).__name__
    props: Props = component.to_plotly_json()["props"]  # type: ignore[no-untyped-call]
    identity = props.get("id")
    if isinstance(identity, dict) and identity.get("type") == "filter":
        return _choice(props)
    special = SPECIAL.get(kind)
    return special(props) if special else _element(kind, props)


def as_json(value: Any) -> str:
    """Return JSON that may stand in a script element."""
    text: str = plotly.io.json.to_json_plotly(value)
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _element(kind: str, props: Props) -> str:
    tag = PLAIN_TAGS.get(kind, "div")
    classes = " ".join(filter(None, (CLASSES.get(kind), props.get("className"))))
    attributes = {
        "class": classes,
        "style": _style(props.get("style")),
        "role": props.get("role"),
        "aria-label": props.get("aria-label"),
    }
    title = props.get("title")
    heading = f"<strong>{escape(title)}</strong>" if kind == "Alert" and title else ""
    return f"<{tag}{_attributes(attributes)}>{heading}{markup(props.get('children'))}</{tag}>"


def _title(props: Props) -> str:
    # The report has the first heading; a page's title becomes one of the second rank.
    rank = min(int(props.get("order") or 1) + 1, 6)
    return f"<h{rank}>{markup(props.get('children'))}</h{rank}>"


def _link(props: Props) -> str:
    """Text: what is linked to is another page of the dashboard, which the report has not got."""
    return f"<span>{markup(props.get('children') or props.get('label'))}</span>"


def _tooltip(props: Props) -> str:
    label = str(props.get("label") or "")
    return f'<div title="{escape(label)}">{markup(props.get("children"))}</div>'


def _nothing(_props: Props) -> str:
    return ""


def _button(props: Props) -> str:
    png = props.get("data-png")
    if not png:
        return ""
    attributes = {"type": "button", "data-png": png, "aria-label": props.get("aria-label")}
    return f"<button{_attributes(attributes)}>{markup(props.get('children'))}</button>"


def _graph(props: Props) -> str:
    figure, style = props["figure"], _style(props.get("style"))
    return (
        f'<div class="figure js-plotly-plot" style="{style}"></div>'
        f'<script type="application/json" class="figure-data">{as_json(figure)}</script>'
    )


def _table(props: Props) -> str:
    columns = [column for column in props["columnDefs"] if not column.get("hide")]
    head = "".join(
        f"<th{_attributes(_alignment(column))}>{escape(column.get('headerName') or '')}</th>"
        for column in columns
    )
    rows = "".join(
        "<tr>" + "".join(map(_cell, columns, [row] * len(columns))) + "</tr>"
        for row in props.get("rowData") or []
    )
    return (
        '<div class="scroll" tabindex="0"><table><thead><tr>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>{_meanings(columns)}"
    )


def _meanings(columns: list[Mapping[str, Any]]) -> str:
    """What the dashboard says when one rests on a heading."""
    said = "".join(
        f"<dt>{escape(column['headerName'])}</dt><dd>{escape(column['headerTooltip'])}</dd>"
        for column in columns
        if column.get("headerTooltip")
    )
    return f"<details><summary>What the columns mean</summary><dl>{said}</dl></details>" * bool(
        said
    )


def _cell(column: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    field = column["field"]
    template = column.get("context", {}).get("template")
    value = in_text(field, template, row) if template else row.get(field)
    text = "" if value is None else escape(str(value))
    return f"<td{_attributes(_alignment(column))}>{text}</td>"


def _alignment(column: Mapping[str, Any]) -> dict[str, Any]:
    return {"class": "number"} if column.get("type") == "rightAligned" else {}


def _choice(props: Props) -> str:
    """A filter: what it stands at, since nothing can be chosen in a file."""
    chosen = props.get("value")
    named = dict(_options(props.get("data") or props.get("options") or []))
    values = chosen if isinstance(chosen, list) else [chosen]
    label = f"{props['label']}: " if props.get("label") else ""
    text = label + ", ".join(named.get(str(value), str(value)) for value in values)
    return f'<p class="choice">{escape(text)}</p>'


def _options(options: list[Any]) -> Iterator[tuple[str, str]]:
    for option in options:
        if isinstance(option, Mapping):
            if "items" in option:
                yield from _options(option["items"])
            elif "value" in option:
                yield str(option["value"]), str(option.get("label", option["value"]))


def _style(style: Any) -> str:
    """Return a style sheet's declarations of those that Dash writes in camel case."""
    declarations = {
        "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name): value
        for name, value in (style or {}).items()
        if value is not None
    }
    return "; ".join(f"{name}: {value}" for name, value in declarations.items())


def _attributes(attributes: Mapping[str, Any]) -> str:
    return "".join(f' {name}="{escape(str(value))}"' for name, value in attributes.items() if value)


SPECIAL: Final[dict[str, Callable[[Props], str]]] = {
    "Title": _title,
    "H1": _title,
    "Link": _link,
    "NavLink": _link,
    "Anchor": _link,
    "Tooltip": _tooltip,
    "Button": _button,
    "ActionIcon": _nothing,
    "Divider": lambda _props: "<hr>",
    "Hr": lambda _props: "<hr>",
    "Br": lambda _props: "<br>",
    "Graph": _graph,
    "AgGrid": _table,
    "Store": _nothing,
    "Interval": _nothing,
}
"""Components that need more than an element around their content."""
