"""Figures and theme: what is drawn is what the rows say, and a model looks alike everywhere."""

import math

import pandas as pd
import pytest

from dashboard.figures.bars import bar_figure
from dashboard.figures.intervals import interval_figure, uplift_figure
from dashboard.theme import label_of, labels_of, style_of

MODELS = ["popularity", "als", "item_cf", "content_based", "hybrid", "oracle"]


@pytest.fixture
def ab_report(results):
    return pd.DataFrame(results["ab_report"]).rename(columns={"arm": "model"})


def test_intervals_reach_from_low_to_high_around_the_value():
    rows = pd.DataFrame({"model": ["als"], "value": [0.5], "ci_low": [0.4], "ci_high": [0.7]})
    (trace,) = interval_figure(rows, "light", "NDCG").data
    assert list(trace.x) == [0.5]
    assert list(trace.y) == ["ALS"]
    assert trace.error_x.array[0] == pytest.approx(0.2)
    assert trace.error_x.arrayminus[0] == pytest.approx(0.1)


def test_an_absent_interval_is_not_drawn():
    rows = pd.DataFrame(
        {"model": ["als"], "value": [0.5], "ci_low": [math.nan], "ci_high": [math.nan]}
    )
    (trace,) = interval_figure(rows, "dark", "Coverage").data
    assert not trace.error_x.visible
    assert "interval" not in trace.hovertemplate


def test_uplift_leaves_out_the_control_and_marks_zero(ab_report):
    figure = uplift_figure(ab_report, "light")
    assert {trace.name: trace.x[0] for trace in figure.data} == {"ALS": 0.20, "Hybrid": 0.60}
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 0
    assert "Popularity" in figure.layout.xaxis.title.text


def test_what_is_not_significant_is_hollow(ab_report):
    ab_report.loc[ab_report["model"] == "als", "significant"] = False
    symbols = {trace.name: trace.marker.symbol for trace in uplift_figure(ab_report, "light").data}
    assert symbols == {"ALS": "square-open", "Hybrid": "star"}


def test_bars_carry_the_column_asked_for():
    rows = pd.DataFrame({"model": ["als", "hybrid"], "win_rate": [0.1, 0.2]})
    figure = bar_figure(rows, "win_rate", "light", "Users won", ".1%")
    assert [(trace.name, trace.x[0]) for trace in figure.data] == [("ALS", 0.1), ("Hybrid", 0.2)]
    assert figure.data[1].marker.color == style_of("hybrid").color


def test_no_rows_give_an_empty_figure():
    rows = pd.DataFrame({"model": [], "value": [], "ci_low": [], "ci_high": []})
    assert len(interval_figure(rows, "light", "NDCG").data) == 0


def test_no_two_models_share_a_colour_or_a_symbol():
    assert len({style_of(model).color for model in MODELS}) == len(MODELS)
    assert len({style_of(model).symbol for model in MODELS}) == len(MODELS)


def test_a_new_model_has_a_name_and_a_style_that_stay():
    style = style_of("my_model")
    assert style.label == "My model"
    assert style == style_of("my_model")
    assert style.symbol not in {style_of(model).symbol for model in MODELS}


@pytest.mark.parametrize(
    ("models", "sentence"),
    [([], ""), (["als"], "ALS"), (["als", "x"], "ALS and X"), (["als", "x", "y"], "ALS, X and Y")],
)
def test_names_are_joined_as_a_sentence_does(models, sentence):
    assert labels_of(models) == sentence
    assert all(label_of(model) in sentence for model in models)
