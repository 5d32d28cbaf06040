"""Ways of evaluating: orders, the scorecard in a row a way, its figures and its page."""

import json
import math

import duckdb
import pandas as pd
import pytest

from dashboard.app import content
from dashboard.figures.ways import alarm_figure, copy_figure, power_figure, rank_figure
from dashboard.methods import METHODS, look_of, method_of
from dashboard.ranking import Ranking, agreement, mean_preferences, rankings
from dashboard.scorecard import (
    false_alarms,
    holds,
    median_model,
    power_curves,
    sizes,
    summary,
    with_copy,
)
from dashboard.store import Store
from tests.dashboard.test_pages import figure, rows_of_grid, shown
from tests.dashboard.ways import scorecard_rows


@pytest.fixture
def scorecard():
    rows = pd.DataFrame(scorecard_rows()).drop(columns="setting")
    return rows.astype({"n_users": float, "standard_error": float})


def test_equal_values_share_the_better_rank(results):
    frames = {name: pd.DataFrame(rows) for name, rows in results.items()}
    found = rankings(
        truth=frames["truth"],
        ab_report=frames["ab_report"].rename(columns={"arm": "model"}),
        interleaving=frames["interleaving_report"],
        pairs=frames["interleaving_pairs"],
        offline=frames["offline_metrics"][frames["offline_metrics"]["k"] == 10],
        k=10,
        counterfactual=frames["counterfactual_report"],
    )
    by_way = {ranking.way: ranking.ranks for ranking in found}
    best_hybrid = {"popularity": 3, "als": 2, "hybrid": 1}
    assert next(iter(by_way)) == "Truth"
    assert by_way["Truth"] == by_way["A/B test: click rate"] == best_hybrid
    assert by_way["Offline: NDCG@10"] == best_hybrid
    assert by_way["Multileaving: wins"] == {"popularity": 3, "als": 1, "hybrid": 2}
    assert by_way["Log: SNIPS"] == {"popularity": 3, "als": 1, "hybrid": 1}
    assert "oracle" not in by_way["Truth"]


def test_mean_preference_counts_every_rival_from_both_sides():
    pairs = pd.DataFrame(
        {"model_a": ["a", "a", "b"], "model_b": ["b", "c", "c"], "preference": [0.3, 0.2, 0.45]}
    )
    means = mean_preferences(pairs).set_index("model")["value"].to_dict()
    assert means == pytest.approx({"a": 0.25, "b": (0.7 + 0.45) / 2, "c": (0.8 + 0.55) / 2})


def test_agreement_counts_the_pairs_that_the_reference_orders():
    reference = Ranking("truth", {"a": 1, "b": 2, "c": 2, "d": 4})
    assert agreement(reference, reference) == (5, 5)
    assert agreement(Ranking("x", {"a": 4, "b": 3, "c": 1, "d": 2}), reference) == (1, 5)
    assert agreement(Ranking("x", {"a": 1, "b": 1}), reference) == (0, 1)
    assert agreement(Ranking("x", {}), reference) == (0, 0)


def test_sizes_are_those_simulated_that_come_nearest(scorecard):
    assert sizes(scorecard, 1_000, 20_000) == [1_000, 20_000]
    assert sizes(scorecard, 190, 210) == [200]
    assert sizes(scorecard.head(0), 1_000) == []


def test_median_model_is_the_easier_of_two_in_the_middle(scorecard):
    assert median_model(scorecard) == "als"
    assert median_model(scorecard.head(0)) is None


def test_summary_has_a_row_a_way_in_a_fixed_order(scorecard):
    rows = summary(scorecard, "als", [1_000, 20_000])
    assert list(rows["label"]) == [
        "A/B, click rate",
        "Multileaving, wins",
        "NDCG, one cut",
        "SNIPS",
    ]
    ab, wins, ndcg, _ = rows.to_dict("records")
    assert (ab["best_0"], ab["best_1"], ab["users"], ab["ratio"]) == (0.8, 1.0, 631, 1.0)
    assert (ab["identical"], ab["equal_truth"]) == (0.05, 0.06)
    assert ab["copy"] == "holds: 80% → 79%"
    assert (wins["users"], wins["ratio"], wins["clicks_lost"]) == (1_260, 0.5, 0.12)
    assert math.isnan(wins["best_1"])
    assert wins["copy"] == "breaks: 90% → 20%"
    assert math.isnan(ndcg["users"])
    assert ndcg["copy"] == ""


@pytest.mark.parametrize(
    ("copied", "error", "expected"),
    [(0.9, 0.01, True), (0.88, 0.01, True), (0.8, 0.01, False), (0.8, math.nan, False)],
)
def test_a_copy_is_held_when_chance_explains_the_fall(copied, error, expected):
    row = {"value": 0.9, "standard_error": 0.01, "copied": copied, "copied_error": error}
    assert holds(row) is expected


def test_rank_figure_has_a_trace_a_model_and_sets_ties_apart():
    drawn = rank_figure(
        [Ranking("one", {"als": 1, "hybrid": 2}), Ranking("two", {"als": 1, "hybrid": 1})], "light"
    )
    als, hybrid = drawn.data
    assert (als.name, list(als.x), list(hybrid.x)) == ("ALS", [1, 1], [2, 1])
    assert als.y[0] == hybrid.y[0] == 0
    assert als.y[1] < 1 < hybrid.y[1]
    assert list(drawn.layout.yaxis.ticktext) == ["one", "two"]


def test_power_curves_follow_the_model_and_the_family(scorecard):
    drawn = power_figure(power_curves(scorecard, "als", "online"), "dark")
    assert {trace.name: list(trace.y) for trace in drawn.data} == {
        "A/B, click rate": [0.2, 0.7, 1.0],
        "Multileaving, wins": [0.3],
    }
    assert drawn.layout.xaxis.type == "log"
    assert drawn.layout.shapes[0].y0 == 0.8
    assert power_curves(scorecard, "als", "offline").empty


def test_false_alarms_are_of_the_largest_experiment_and_daily_looks_apart(scorecard):
    rates = false_alarms(scorecard, "online")
    assert dict(zip(rates["arms"], rates["value"], strict=True)) == {
        "identical": 0.05,
        "equal_truth": 0.06,
        "daily": 0.22,
    }
    drawn = alarm_figure(rates, 0.05, "light")
    assert {trace.name: trace.x[0] for trace in drawn.data} == {
        "looked at every day": 0.22,
        "identical lists": 0.05,
        "different lists, equally good": 0.06,
    }
    assert drawn.data[0].error_x.array[0] == pytest.approx(1.96 * 0.02)
    assert drawn.layout.shapes[0].x0 == 0.05
    assert not alarm_figure(rates, None, "light").layout.shapes


def test_near_copies_are_compared_on_as_many_users(scorecard):
    pairs = with_copy(scorecard)
    without, copied = copy_figure(pairs, "light").data
    assert list(without.x) == [0.8, 0.9]
    assert list(copied.x) == [0.79, 0.2]


def test_a_way_that_is_not_known_goes_by_its_own_name(scorecard):
    renamed = scorecard.replace({"method": {"snips": "my_way"}, "arms": {"identical": "new_kind"}})
    assert method_of("my_way").label == "My way"
    assert list(summary(renamed, "als", [])["label"])[-1] == "My way"
    names = {
        trace.name for trace in alarm_figure(false_alarms(renamed, "online"), 0.05, "light").data
    }
    assert "new kind" in names


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_two_ways_of_a_family_look_the_same(scheme):
    for family in ("online", "offline", "logs"):
        names = [name for name, method in METHODS.items() if method.family == family]
        assert len({look_of(name, scheme) for name in names}) == len(names)


def test_page_follows_model_and_ways_in_the_address(lab):
    store = Store(lab)
    assert figure(shown(store, "/methods"), "power")["data"][0]["y"] == [0.2, 0.7, 1.0]
    page = shown(store, "/methods", "?model=hybrid")
    assert figure(page, "power")["data"][0]["y"] == [0.05, 0.05, 0.1]
    assert rows_of_grid(page, "scorecard")[0]["users"] == 2_460_000
    assert "Power to find Hybrid" in page
    offline = shown(store, "/methods", "?ways=offline")
    assert "No power was simulated" in offline
    assert '"name":"power"' not in offline
    ranks = {row["way"]: row for row in rows_of_grid(page, "ranks")}
    assert (ranks["Multileaving: wins"]["right"], ranks["Multileaving: wins"]["ordered"]) == (2, 3)


def test_page_of_a_real_log_says_what_it_can(write, results):
    for table in ("truth", "method_scorecard", "counterfactual_report"):
        results[table] = []
    page = shown(Store(write(results)), "/methods")
    assert "No truth for a real log" in page
    assert '"name":"power"' not in page
    assert next(row["way"] for row in rows_of_grid(page, "ranks")) == "A/B test: click rate"
    assert "Pairs as the A/B test" in json.dumps(json.loads(page))
    assert rows_of_grid(page, "plan")[0]["users_needed"] == 9_000
    assert rows_of_grid(page, "plan")[2]["users_needed"] is None


def test_an_older_scorecard_is_a_sentence(write, results):
    path = write(results)
    with duckdb.connect(path) as connection:
        connection.execute("ALTER TABLE experiments.method_scorecard DROP COLUMN arms")
    page = json.dumps([str(part) for part in content(Store(path), "/methods", "", "light")])
    assert "another version" in page
