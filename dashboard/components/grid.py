"""Sortable tables that export CSV."""

from typing import Any, Final

import dash_ag_grid as dag
import dash_mantine_components as dmc
import pandas as pd
from dash import ClientsideFunction, Dash, Input, Output, html
from dash.dependencies import MATCH
from dash.development.base_component import Component

from dashboard.components.cells import P_VALUE, fields_of, in_browser
from dashboard.components.region import region
from dashboard.theme import Scheme

ROW: Final = "row_place"
"""Field of a row that says which of the table it is."""


def text_column(field: str, header: str, **options: Any) -> dict[str, Any]:
    """A column of words; those too long for it go on in the next line, rather than be cut."""
    return {
        "field": field,
        "headerName": header,
        # Only here: to measure every cell of every column takes the browser most of its time.
        "wrapText": True,
        "autoHeight": True,
        **options,
    }


def number_column(
    field: str, header: str, digits: str, explanation: str | None = None, **options: Any
) -> dict[str, Any]:
    """A column of numbers; sorted as numbers, written in d3's notation, absent ones as a dash."""
    return written_column(field, header, f"{{{field}:{digits}}}", explanation, **options)


def interval_column(
    field: str,
    low: str,
    high: str,
    header: str,
    digits: str,
    explanation: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """A column of numbers with their intervals; sorted by the number."""
    template = f"{{{field}:{digits}}} ({{{low}:{digits}}} to {{{high}:{digits}}})"
    return written_column(field, header, template, explanation, **options)


def ratio_column(
    field: str, numerator: str, denominator: str, header: str, digits: str, explanation: str
) -> dict[str, Any]:
    """A column of rates that shows the counts behind each; sorted by the rate."""
    template = f"{{{field}:{digits}}} ({{{numerator}:,}} / {{{denominator}:,}})"
    return written_column(field, header, template, explanation, minWidth=215)


def p_column(field: str, header: str, explanation: str) -> dict[str, Any]:
    """A column of p-values, written as papers do."""
    return written_column(field, header, f"{{{field}:{P_VALUE}}}", explanation)


def written_column(
    field: str, header: str, template: str, explanation: str | None = None, **options: Any
) -> dict[str, Any]:
    """A column of numbers, sorted by one and written as a template of several.

    Args:
        field: The number that it is sorted by; where that is absent, a dash is written.
        header: Heading.
        template: Text with ``{column:format}`` in it, in the notation that Python and d3 share.
        explanation: What the number means, in a sentence.
        options: Further settings of the column.
    """
    return {
        "field": field,
        "headerName": header,
        "type": "rightAligned",
        "headerTooltip": explanation,
        "valueFormatter": {"function": in_browser(field, template)},
        # For those who write the table elsewhere.
        "context": {"template": template},
        **options,
    }


def grid(
    name: str,
    title: str,
    rows: pd.DataFrame,
    columns: list[dict[str, Any]],
    scheme: Scheme,
    rows_shown: int | None = None,
) -> Component:
    """A table with a button that saves it as CSV.

    Args:
        name: What the table is called on the page and in the name of the CSV file.
        title: What a screen reader calls it.
        rows: The rows; absent values are NaN.
        columns: From the functions of this module.
        scheme: Light or dark.
        rows_shown: Rows a page of the table, where it has many; the CSV file has all.
    """
    records = rows.astype(object).where(rows.notna(), None).to_dict("records")
    table = dag.AgGrid(
        id={"type": "grid", "name": name},
        rowData=[{**record, ROW: str(place)} for place, record in enumerate(records)],
        # A row that is filled anew keeps its cells.
        getRowId=f"params.data.{ROW}",
        columnDefs=[*columns, *_unseen(columns)],
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "minWidth": 110,
            "wrapHeaderText": True,
            "autoHeaderHeight": True,
            # A CSV file is read by programs: numbers in full.
            "useValueFormatterForExport": False,
        },
        columnSize="responsiveSizeToFit",
        dashGridOptions={
            "domLayout": "autoHeight",
            "suppressMovableColumns": True,
            "enableCellTextSelection": True,
            "ensureDomOrder": True,
            "tooltipShowDelay": 200,
            "pagination": rows_shown is not None and len(rows) > rows_shown,
            "paginationPageSize": rows_shown or len(rows),
            "paginationPageSizeSelector": False,
            # Tab leads into a table and out of it again; arrows lead from cell to cell.
            "tabToNextCell": {"function": "false"},
            "tabToNextHeader": {"function": "false"},
        },
        csvExportParams={"fileName": f"recolab_{name}.csv", "allColumns": True},
        style={"height": None},
    )
    save = dmc.Button(
        f"Save {title} as CSV",
        id={"type": "csv", "name": name},
        variant="default",
        size="xs",
    )
    themed: dict[str, Any] = {"data-ag-theme-mode": scheme}
    return region(
        [html.Div(table, **themed), dmc.Group(save, justify="flex-end", mt="xs")], "region", title
    )


def register_csv_buttons(app: Dash) -> None:
    """Let every table's button save it."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("recolab", "exportCsv"),
        Output({"type": "grid", "name": MATCH}, "exportDataAsCsv"),
        Input({"type": "csv", "name": MATCH}, "n_clicks"),
        prevent_initial_call=True,
    )


def _unseen(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Columns that are not shown: numbers that stand in another's cell, for the CSV file."""
    shown = {column["field"] for column in columns}
    templates = [column.get("context", {}).get("template", "") for column in columns]
    inside = [field for template in templates for field in fields_of(template)]
    return [{"field": field, "hide": True} for field in dict.fromkeys(inside) if field not in shown]
