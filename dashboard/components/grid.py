"""Sortable tables that export CSV."""

from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import pandas as pd
from dash import ClientsideFunction, Dash, Input, Output, html
from dash.dependencies import MATCH
from dash.development.base_component import Component

from dashboard.components.region import region
from dashboard.theme import Scheme
from dashboard.vocabulary import ABSENT


def text_column(field: str, header: str, **options: Any) -> dict[str, Any]:
    """A column of words."""
    return {"field": field, "headerName": header, **options}


def number_column(
    field: str, header: str, digits: str, explanation: str | None = None, **options: Any
) -> dict[str, Any]:
    """A column of numbers; sorted as numbers, written in d3's notation, absent ones as a dash."""
    return {
        "field": field,
        "headerName": header,
        "type": "rightAligned",
        "headerTooltip": explanation,
        "valueFormatter": {"function": _written(f"params.data.{field}", digits)},
        **options,
    }


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
    value, bounds = f"params.data.{field}", (f"params.data.{low}", f"params.data.{high}")
    interval = " + ' to ' + ".join(_written(bound, digits) for bound in bounds)
    return {
        "field": field,
        "headerName": header,
        "type": "rightAligned",
        "headerTooltip": explanation,
        "valueFormatter": {
            "function": f"{value} == null ? '{ABSENT}' :"
            f" {_written(value, digits)} + ' (' + {interval} + ')'"
        },
        **options,
    }


def ratio_column(
    field: str, numerator: str, denominator: str, header: str, digits: str, explanation: str
) -> dict[str, Any]:
    """A column of rates that shows the counts behind each; sorted by the rate."""
    value = f"params.data.{field}"
    counts = " + ' / ' + ".join(
        f"d3.format(',')(params.data.{count})" for count in (numerator, denominator)
    )
    return {
        "field": field,
        "headerName": header,
        "type": "rightAligned",
        "headerTooltip": explanation,
        "minWidth": 215,
        "valueFormatter": {
            "function": f"{value} == null ? '{ABSENT}' :"
            f" {_written(value, digits)} + ' (' + {counts} + ')'"
        },
    }


def p_column(field: str, header: str, explanation: str) -> dict[str, Any]:
    """A column of p-values, written as papers do."""
    p = f"params.data.{field}"
    return {
        **number_column(field, header, ".3f", explanation),
        "valueFormatter": {
            "function": f"{p} == null ? '{ABSENT}' :"
            f" ({p} < 0.001 ? '< 0.001' : d3.format('.3f')({p}))"
        },
    }


def grid(
    name: str, title: str, rows: pd.DataFrame, columns: list[dict[str, Any]], scheme: Scheme
) -> Component:
    """A table with a button that saves it as CSV.

    Args:
        name: What the table is called on the page and in the name of the CSV file.
        title: What a screen reader calls it.
        rows: The rows; absent values are NaN.
        columns: From the functions of this module.
        scheme: Light or dark.
    """
    records = rows.astype(object).where(rows.notna(), None).to_dict("records")
    table = dag.AgGrid(
        id={"type": "grid", "name": name},
        rowData=records,
        columnDefs=columns,
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "minWidth": 96,
            "wrapHeaderText": True,
            "autoHeaderHeight": True,
        },
        columnSize="responsiveSizeToFit",
        dashGridOptions={
            "domLayout": "autoHeight",
            "suppressMovableColumns": True,
            "enableCellTextSelection": True,
            "ensureDomOrder": True,
            "tooltipShowDelay": 200,
        },
        csvExportParams={"fileName": f"recolab_{name}.csv"},
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


def _written(value: str, digits: str) -> str:
    return f"({value} == null ? '{ABSENT}' : d3.format('{digits}')({value}))"
