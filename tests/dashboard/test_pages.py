"""Pages as functions of address, data and scheme: what they say, in every state of the file."""

import json

import pandas as pd
import plotly.io
import pytest

from dashboard.app import content, create_app, filters_of
from dashboard.pages import PAGES
from dashboard.pages.experiments import finding
from dashboard.pages.models import wide
from dashboard.store import Store

PATHS = [page.path for page in PAGES]


def shown(store, path, search="", scheme="light"):
    """The page as the browser gets it: JSON text, as readable as the page."""
    return plotly.io.json.to_json_plotly(content(store, path, search, scheme))


def components(tree, kind):
    """Every component of a kind in the page's JSON."""
    if isinstance(tree, dict):
        if tree.get("type") == kind:
            yield tree["props"]
        for value in tree.values():
            yield from components(value, kind)
    elif isinstance(tree, list):
        for value in tree:
            yield from components(value, kind)


def figure(page, name):
    graphs = components(json.loads(page), "Graph")
    return next(graph["figure"] for graph in graphs if graph["id"]["name"] == name)


def rows_of_grid(page, name):
    grids = components(json.loads(page), "AgGrid")
    return next(grid["rowData"] for grid in grids if grid["id"]["name"] == name)


@pytest.mark.parametrize("path", PATHS)
def test_before_the_first_run_every_page_says_what_to_run(tmp_path, path):
    page = shown(Store(tmp_path / "none.duckdb"), path)
    assert "Nothing has been run yet" in page
    assert "uv run dagster asset materialize" in page


@pytest.mark.parametrize("path", PATHS)
def test_a_half_finished_lab_names_the_table_that_lacks(write, path):
    page = shown(Store(write({"users": []})), path)
    assert "has not been written yet" in page


@pytest.mark.parametrize("path", PATHS)
def test_a_table_without_rows_is_no_fault(write, results, path):
    page = shown(Store(write({name: [] for name in results})), path)
    assert "Traceback" not in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_drawn_in_both_schemes(lab, path, scheme):
    page = shown(Store(lab), path, scheme=scheme)
    assert '"id":"problem"' not in page


def test_overview_names_the_model_to_ship_and_the_broken_guardrail(lab):
    page = shown(Store(lab), "/")
    assert "Ship Hybrid" in page
    assert "Coverage 1.0%, below 5.0%" in page
    assert "No customer saw these lists" in page


def test_overview_of_a_real_log_says_that_the_hold_out_is_replayed(write, results):
    results["truth"] = []
    assert "The hold-out is replayed" in shown(Store(write(results)), "/")


def test_models_page_follows_k_in_the_address(lab):
    for search, best in (("", 0.18), ("?k=10", 0.18), ("?k=20", 0.21), ("?k=7", 0.18)):
        drawn = figure(shown(Store(lab), "/models", search), "ndcg")
        assert (drawn["data"][0]["name"], drawn["data"][0]["x"]) == ("Hybrid", [best])


def test_table_of_metrics_has_a_row_a_model_and_a_column_a_metric(lab):
    rows = rows_of_grid(shown(Store(lab), "/models"), "offline_metrics")
    assert rows[1] == {"label": "ALS", "coverage": 0.30, "ndcg": 0.14, "recall": 0.19}


def test_wide_table_keeps_the_stored_order_of_models():
    metrics = pd.DataFrame({"model": ["z", "a"], "metric": ["ndcg"] * 2, "value": [0.1, 0.2]})
    assert list(wide(metrics)["label"]) == ["Z", "A"]


def test_experiments_page_shows_counts_uplifts_and_preferences(lab):
    page = shown(Store(lab), "/experiments")
    arms = {row["label"]: row for row in rows_of_grid(page, "ab_report")}
    assert (arms["Hybrid"]["clicks"], arms["Hybrid"]["impressions"]) == (160, 10_000)
    assert arms["Popularity"]["ctr_uplift"] is None
    assert [trace["x"] for trace in figure(page, "uplift")["data"]] == [[0.20], [0.60]]
    preferences = rows_of_grid(page, "interleaving_preferences")
    assert [row["finding"] for row in preferences] == [
        "not settled",
        "prefers Hybrid",
        "prefers Hybrid",
    ]
    assert "No customer saw these lists" in page


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"is_control": True, "significant": False, "ctr_uplift": float("nan")}, "control"),
        ({"is_control": False, "significant": False, "ctr_uplift": 0.3}, "no difference shown"),
        ({"is_control": False, "significant": True, "ctr_uplift": 0.3}, "▲ better"),
        ({"is_control": False, "significant": True, "ctr_uplift": -0.3}, "▼ worse"),
    ],
)
def test_finding_is_said_in_words(arm, said):
    assert finding(arm) == said


def test_an_unknown_address_leads_back(lab):
    assert "No such page" in shown(Store(lab), "/nowhere")
    assert "Ship Hybrid" not in shown(Store(lab), "/nowhere")


def test_filters_of_a_page_are_found_wherever_they_stand(lab):
    store = Store(lab)
    assert filters_of(content(store, "/models", "?k=20", "light")) == {"k": "20"}
    assert filters_of(content(store, "/methods", "", "light")) == {"model": "als", "ways": "online"}
    assert filters_of(content(store, "/", "", "light")) == {}


def test_the_app_serves_its_frame_and_its_scripts_itself(lab):
    client = create_app(lab).server.test_client()
    page = client.get("/").get_data(as_text=True)
    assert '<html lang="en">' in page
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/_dash-layout").status_code == 200
    assert client.get("/_dash-dependencies").status_code == 200


def test_two_apps_do_not_share_their_files(lab, tmp_path):
    first, second = create_app(lab), create_app(tmp_path / "none.duckdb")
    assert first.callback_map.keys() == second.callback_map.keys()
    assert first.server is not second.server
