"""Pages as functions of address, data and scheme: what they say, in every state of the file."""

import json

import pandas as pd
import plotly.io
import pytest

from dashboard import queries
from dashboard.app import content, create_app, filters_of, open_store, warm_up
from dashboard.components.grid import ROW
from dashboard.figures.exposure import pareto_front
from dashboard.pages import PAGES, fit
from dashboard.pages.ab_depth import status
from dashboard.pages.experiments import finding
from dashboard.pages.models import wide
from dashboard.store import Store
from recolab_assets.models import baselines
from recolab_assets.storage import Database
from recolab_assets.tables import TABLES
from tests.dashboard.conftest import write_lab

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
    rows = next(grid["rowData"] for grid in grids if grid["id"]["name"] == name)
    assert [row.pop(ROW) for row in rows] == [str(place) for place in range(len(rows))]
    return rows


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
        drawn = figure(shown(Store(lab), "/models", search), "accuracy")
        assert (drawn["data"][0]["name"], drawn["data"][0]["x"]) == ("Hybrid", [best])


def test_table_of_metrics_has_a_row_a_model_and_a_column_a_metric(lab):
    rows = rows_of_grid(shown(Store(lab), "/models"), "offline_metrics")
    assert rows[1] == {
        "label": "ALS",
        "coverage": 0.30,
        "coverage_low": None,
        "coverage_high": None,
        "ndcg": 0.14,
        "ndcg_low": 0.13,
        "ndcg_high": 0.16,
        "recall": 0.19,
        "recall_low": 0.18,
        "recall_high": 0.21,
    }


def test_wide_table_keeps_the_stored_order_of_models():
    metrics = pd.DataFrame({"model": ["z", "a"], "metric": ["ndcg"] * 2, "value": [0.1, 0.2]})
    metrics = metrics.assign(ci_low=0.0, ci_high=1.0)
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
    ("is_control", "significant", "uplift", "power", "said"),
    [
        (True, False, float("nan"), 0.9, "control"),
        (False, False, 0.3, 0.9, "= no difference shown"),
        (False, False, 0.3, 0.7, "… not enough data"),
        (False, False, float("nan"), float("nan"), "… not enough data"),
        (False, True, 0.3, 0.1, "▲ better"),
        (False, True, -0.3, 0.9, "▼ worse"),
    ],
)
def test_finding_is_said_in_words(is_control, significant, uplift, power, said):
    arm = {"is_control": is_control, "significant": significant, "ctr_uplift": uplift}
    assert finding(arm, power, is_suspicious=False) == said
    assert finding(arm, power, is_suspicious=True) == ("control" if is_control else "⚠ suspicious")


def test_an_unknown_address_leads_back(lab):
    assert "No such page" in shown(Store(lab), "/nowhere")
    assert "Ship Hybrid" not in shown(Store(lab), "/nowhere")


def test_filters_of_a_page_are_found_wherever_they_stand(lab):
    store = Store(lab)
    assert filters_of(content(store, "/models", "?k=20", "light")) == {
        "k": "20",
        "metric": "ndcg",
        "segment": "all",
        "by": "activity",
    }
    assert filters_of(content(store, "/methods", "", "light")) == {"model": "als"}
    assert filters_of(content(store, "/", "", "light")) == {}


def test_the_app_serves_its_frame_and_its_scripts_itself(lab):
    client = create_app(open_store(lab)).server.test_client()
    page = client.get("/").get_data(as_text=True)
    assert '<html lang="en">' in page
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/_dash-layout").status_code == 200
    assert client.get("/_dash-dependencies").status_code == 200


def test_a_warm_explorer_has_read_what_both_its_first_views_show(lab, monkeypatch):
    store = open_store(lab)
    warm_up(store)
    monkeypatch.setattr(Store, "_connected", lambda _store: pytest.fail("the file was opened"))
    for subject in ("user", "product"):
        assert "filter" in str(content(store, "/explorer", f"?show={subject}", "light"))


def test_warming_up_before_the_first_run_is_no_fault(tmp_path):
    store = open_store(tmp_path / "none.duckdb")
    warm_up(store)
    assert store.status().state == "unavailable"


def test_two_apps_do_not_share_their_files(lab, tmp_path):
    first, second = create_app(open_store(lab)), create_app(open_store(tmp_path / "none.duckdb"))
    assert first.callback_map.keys() == second.callback_map.keys()
    assert first.server is not second.server


def test_ways_of_evaluating_are_ranked_beside_the_truth(lab):
    page = shown(Store(lab), "/methods")
    lines = {line["name"]: (line["x"], line["y"]) for line in figure(page, "ranks")["data"]}
    ways = ["Truth", "Offline NDCG@10", "A/B test", "Interleaving"]
    assert lines["Hybrid"] == (ways, [1, 1, 1, 2])
    assert lines["ALS"] == (ways, [2, 2, 2, 1])
    assert lines["Popularity"] == (ways, [3, 3, 3, 3])


def test_the_scorecard_has_a_row_a_method(lab):
    rows = {r["label"]: r for r in rows_of_grid(shown(Store(lab), "/methods"), "method_scorecard")}
    for label in ("A/B, click rate", "Two-model drafts", "IPS", "Offline NDCG, cut in time"):
        assert 0 <= rows[label]["lost"] <= 1
        assert rows[label]["explanation"]
    assert rows["A/B, click rate"]["ratio"] is None  # it is what the others are compared with
    assert rows["Team draft, credits"]["equal_truth"] is None  # ranked by, not tested


def test_power_is_drawn_for_the_model_in_the_address(lab, write, results):
    page = shown(Store(lab), "/methods", "?model=hybrid")
    asked = Store(lab).ask(queries.METHOD_SCORECARD).rows
    mine = asked[
        (asked["measure"] == "power")
        & (asked["arms"] == "models")
        & (asked["method"] == "ab_delta")
        & (asked["model"] == "hybrid")
    ]
    lines = {line["name"]: line for line in figure(page, "power")["data"]}
    assert lines["A/B, click rate"]["y"] == mine["value"].tolist()
    assert figure(page, "false_alarms")["layout"]["shapes"][0]["x0"] == 0.05


def test_without_a_truth_the_ranks_are_compared_with_each_other(write, results):
    results["truth"], results["method_scorecard"] = [], []
    page = shown(Store(write(results)), "/methods")
    assert "Nobody knows what the customers" in page
    assert figure(page, "ranks")["data"][0]["x"] == ["Offline NDCG@10", "A/B test", "Interleaving"]
    assert "method_scorecard" not in page


def test_arms_are_read_by_every_metric(lab):
    page = shown(Store(lab), "/experiments", "?metric=log_session_depth")
    rows = rows_of_grid(page, "ab_comparisons")
    assert {row["metric"] for row in rows} == {"log_session_depth"}
    assert {row["label"] for row in rows} == {"ALS", "Item CF", "Content-based", "Hybrid"}
    assert all(row["status"] and row["minimum_detectable_effect"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("p_adjusted", "difference", "power", "said"),
    [
        (0.01, 0.2, 0.1, "▲ better"),
        (0.01, -0.2, 0.1, "▼ worse"),
        (0.20, 0.2, 0.9, "no difference"),
        (0.20, 0.2, 0.1, "not enough data"),
        (float("nan"), float("nan"), float("nan"), "not enough data"),
    ],
)
def test_status_tells_no_difference_from_no_data(p_adjusted, difference, power, said):
    row = {"p_adjusted": p_adjusted, "difference": difference, "power": power}
    assert status(row, 0.05) == said


def test_the_test_is_read_day_by_day_for_the_arm_in_the_address(lab):
    page = shown(Store(lab), "/experiments", "?arm=hybrid")
    line = figure(page, "sequence")["data"][1]
    rows = Store(lab).ask(queries.AB_SEQUENCE).rows
    mine = rows[(rows["model"] == "hybrid") & rows["ci_low"].notna()]
    assert line["name"] == "Hybrid" and line["y"] == mine["difference"].tolist()


def test_segments_follow_the_arm_and_the_segmentation(lab):
    page = shown(Store(lab), "/experiments", "?arm=hybrid&segmentation=history")
    rows = Store(lab).ask(queries.AB_SEGMENTS).rows
    mine = rows[(rows["model"] == "hybrid") & (rows["segmentation"] == "history")]
    drawn = {dot["name"]: dot["x"][0] for dot in figure(page, "segments")["data"]}
    expected = mine.dropna(subset=["ci_low"]).set_index("segment")["difference"].to_dict()
    assert drawn == expected


def test_preferences_of_two_models_are_a_matrix(lab):
    [matrix] = figure(shown(Store(lab), "/experiments"), "pairs")["data"]
    for a, b in ((0, 1), (1, 3)):
        assert matrix["z"][a][b] + matrix["z"][b][a] == pytest.approx(1)
    assert matrix["z"][2][2] is None and matrix["x"] == matrix["y"]


def test_arms_of_unlikely_sizes_are_called_suspicious(lab, own_lab, results):
    for row in results["ab_report"]:
        row["sample_ratio_p"] = 1e-6
    write_lab(own_lab, {"ab_report": results["ab_report"]})
    for path in ("/", "/experiments"):
        assert "Sample ratio mismatch" in shown(Store(own_lab), path)
    rows = rows_of_grid(shown(Store(own_lab), "/experiments"), "ab_report")
    assert {row["finding"] for row in rows} == {"control", "⚠ suspicious"}
    assert "Sample ratio mismatch" not in shown(Store(lab), "/experiments")


def test_guardrails_stand_apart_from_the_uplifts(lab):
    rows = rows_of_grid(shown(Store(lab), "/experiments"), "guardrails")
    assert {row["label"]: row["state"] for row in rows} == {
        "Popularity": "✗ broken",
        "ALS": "✓ kept",
        "Hybrid": "✓ kept",
    }


def test_metrics_have_curves_and_segments_for_the_metric_of_the_address(lab):
    page = shown(Store(lab), "/models", "?metric=recall&by=history")
    curve = {line["name"]: line for line in figure(page, "curve")["data"]}
    assert len(curve["Hybrid"]["x"]) == 20
    # Recall only grows with the length of the list.
    assert curve["Hybrid"]["y"] == sorted(curve["Hybrid"]["y"])
    rows = rows_of_grid(page, "metric_segments")
    assert "returning" in {row["segment"] for row in rows} <= {"new", "returning"}
    store = Store(lab)
    stored = store.ask(queries.SEGMENT_METRICS).rows.query(
        "segmentation == 'history' and metric == 'recall' and k == 10 and model == 'hybrid'"
    )
    assert {row["segment"]: row["hybrid"] for row in rows} == pytest.approx(
        dict(zip(stored["segment"], stored["value"], strict=True))
    )


def test_a_segment_of_the_address_is_judged_alone(lab):
    everybody = rows_of_grid(shown(Store(lab), "/models"), "paired_differences")
    page = shown(Store(lab), "/models", "?segment=activity:high")
    rows = rows_of_grid(page, "paired_differences")
    assert "are not taken by segment" in page
    assert rows and {row["n_users"] for row in rows} != {row["n_users"] for row in everybody}


def test_funnels_are_shares_of_their_first_step_with_counts(lab):
    page = shown(Store(lab), "/journey")
    [bars] = figure(page, "shop_funnel")["data"]
    assert bars["y"] == ["View", "Click", "Add to cart", "Purchase"]
    assert bars["x"][0] == 1 and bars["x"] == sorted(bars["x"], reverse=True)
    assert bars["text"][0].startswith("100.0% (")
    arms = {row["label"]: row for row in rows_of_grid(page, "arm_funnel")}
    assert arms["Hybrid"]["click_share"] == pytest.approx(0.016)
    assert arms["Hybrid"]["purchases_per_click"] == pytest.approx(0.25)


def test_segments_of_the_funnel_add_up_to_the_whole(lab):
    store = Store(lab)
    [bars] = figure(shown(store, "/journey"), "shop_funnel")["data"]
    views = int(bars["text"][0].partition("(")[2].rstrip(")").replace(",", ""))
    for by in ("category", "activity", "favourite"):
        rows = rows_of_grid(shown(store, "/journey", f"?by={by}"), "segment_funnel")
        assert sum(row["view"] for row in rows) == views
    rows = rows_of_grid(shown(store, "/journey", "?by=activity"), "segment_funnel")
    assert [row["segment"] for row in rows] == ["low", "middle", "high"]


def test_a_category_has_a_season_beside_the_specified_one(lab):
    page = shown(Store(lab), "/journey", "?category=toys")
    assert [line["name"] for line in figure(page, "season")["data"]] == ["In the log", "Specified"]
    assert '"season"' not in shown(Store(lab), "/journey")


def test_a_log_without_editorial_or_clicks_says_so(own_lab):
    with Database(own_lab).write() as connection:
        connection.execute("DELETE FROM reports.reads_to_purchases")
        connection.execute("DELETE FROM reports.shop_funnel WHERE step = 'click'")
        connection.execute("UPDATE reports.seasonality SET specified = NULL")
    page = shown(Store(own_lab), "/journey", "?category=toys")
    assert "This log has no editorial content" in page
    assert "no event of the kind: click" in page
    assert "is not known from a log" in page


def test_the_plan_of_a_test_is_said_in_sentences(lab):
    assert "new visitors a day" in shown(Store(lab), "/experiments")


def test_shares_of_the_tenths_of_the_catalogue_add_up(lab):
    page = shown(Store(lab), "/diagnostics")
    lines = {line["name"]: line["y"] for line in figure(page, "deciles")["data"]}
    assert {"Popularity", "ALS", "Hybrid", "Interactions", "Purchases"} <= set(lines)
    for shares in lines.values():
        assert len(shares) == 10 and sum(shares) == pytest.approx(1)
    assert lines["Interactions"] == sorted(lines["Interactions"], reverse=True)
    assert lines["Popularity"][0] > lines["Interactions"][0]


def test_the_lorenz_curve_encloses_the_gini_of_the_lists(lab_run):
    """Twice the area between the diagonal and the curve of a model's lists."""
    store = Store(lab_run[0].database_path)
    curve = store.ask(queries.LORENZ).rows
    metrics = store.ask(queries.OFFLINE_METRICS).rows
    for model in ("als", "hybrid"):
        mine = curve[curve["source"] == model]
        x, y = [0.0, *mine["products"]], [0.0, *mine["share"]]
        steps = zip(x, x[1:], y, y[1:], strict=False)
        area = sum((right - left) * (low + high) / 2 for left, right, low, high in steps)
        found = metrics[(metrics["model"] == model) & (metrics["metric"] == "gini")]
        longest = found[found["k"] == found["k"].max()]["value"].iloc[0]
        assert 1 - 2 * area == pytest.approx(longest, abs=0.02)


def test_models_that_are_not_beaten_are_on_the_front():
    rows = pd.DataFrame(
        {"model": ["a", "b", "c", "d"], "x": [1.0, 2.0, 3.0, 2.0], "y": [3.0, 2.0, 1.0, 1.5]}
    )
    assert pareto_front(rows, "x", "y")["model"].tolist() == ["a", "b", "c"]


def test_categories_and_cold_users_are_shown(lab):
    page = shown(Store(lab), "/diagnostics", "?against=coverage")
    assert "Accuracy against coverage" in page
    [shades] = figure(page, "categories")["data"]
    assert sum(line[0] for line in shades["z"]) == pytest.approx(1)
    rows = rows_of_grid(page, "cold_and_warm")
    asked = Store(lab).ask(queries.ACCURACY_BY_HISTORY).rows
    assert len(rows) == len(asked[asked["k"] == 20])


def test_a_shop_without_categories_says_so(own_lab):
    with Database(own_lab).write() as connection:
        connection.execute("UPDATE raw.products SET category = NULL")
    assert "have no category" in shown(Store(own_lab), "/diagnostics")


def test_the_log_page_shows_steps_and_findings_with_examples_and_advice(own_lab):
    report = TABLES["import_report"]
    rows = [
        {
            "step": number,
            "kind": kind,
            "finding": finding,
            "severity": severity,
            "rule": None,
            "n_matched": n,
            "n_rows": n,
            "share": n / 100,
            "examples": examples,
            "advice": advice,
        }
        for number, (kind, finding, severity, n, examples, advice) in enumerate(
            [
                ("step", "read", "info", 100, [], None),
                ("step", "no customer", "info", 40, ["a.csv, row 1: x"], None),
                ("step", "kept", "info", 60, [], None),
                ("finding", "time in the future", "warning", 3, ["a", "b"], "leave them out"),
            ]
        )
    ]
    assert list(rows[0]) == report.column_names
    write_lab(own_lab, {"import_report": rows})
    page = shown(Store(own_lab), "/log")
    assert "100 rows read, 60 kept (60.0%)" in page
    assert [row["n_rows"] for row in rows_of_grid(page, "import_steps")] == [100, 40, 60]
    [finding] = rows_of_grid(page, "import_findings")
    assert (finding["mark"], finding["examples"]) == ("⚠ warning", "a; b")


def test_a_generated_log_has_nothing_odd(lab):
    assert "Nothing odd was found" in shown(Store(lab), "/log")


def test_models_stand_beside_baselines_for_every_kind_of_product(lab):
    page = shown(Store(lab), "/fit", "?products=repeat")
    drawn = {trace["name"]: trace["x"][0] for trace in figure(page, "methods")["data"]}
    assert "Buy it again" in drawn and "Hybrid" in drawn
    rows = {row["label"]: row for row in rows_of_grid(page, "product_kinds")}
    assert rows["Buy it again"]["repeat"] == pytest.approx(drawn["Buy it again"])
    # What a user had cannot be new to the user.
    assert rows["Buy it again"]["new"] is None
    assert rows["Buy it again"]["sort"] == "baseline" and rows["Hybrid"]["sort"] == "model"


def test_the_page_knows_the_baselines_that_the_lab_has():
    assert fit.BASELINES == baselines.BASELINES


def test_users_are_judged_apart_by_what_is_known_of_them(lab):
    page = shown(Store(lab), "/fit")
    drawn = figure(page, "user_groups")
    assert drawn["layout"]["yaxis"]["ticktext"][0] == "Warm"
    assert len(drawn["data"]) == 8


def test_methods_are_followed_over_several_cuts(lab):
    page = shown(Store(lab), "/fit")
    rows = rows_of_grid(page, "cuts")
    lines = {line["name"]: line["y"] for line in figure(page, "cuts")["data"]}
    assert rows == sorted(rows, key=lambda row: -row["mean"])
    for row in rows:
        assert row["mean"] == pytest.approx(sum(lines[row["label"]]) / len(lines[row["label"]]))
    assert sum(row["n_best"] for row in rows) >= len(lines["Hybrid"])


def test_the_first_page_says_what_fits_the_shop_beside_what_it_would_do_anyway(lab):
    page = shown(Store(lab), "/")
    sentences = Store(lab).ask(queries.SHOP_VERDICT).rows["sentence"].tolist()
    assert len(sentences) == 3
    for sentence in sentences:
        assert json.dumps(sentence)[1:-1] in page
