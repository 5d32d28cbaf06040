"""Comparing a log with its twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recolab_assets.shop.calibrate import generated_log
from recolab_assets.shop.likeness import (
    ALWAYS,
    ASPECTS,
    Score,
    agreement,
    distance,
    distributions,
    likeness,
    markdown,
    sentences,
)
from tests.shop.test_portrait import bought


def scores(**values):
    return {name: Score(value, value - 0.01, value + 0.01) for name, value in values.items()}


@given(
    one=st.lists(st.integers(0, 9), min_size=1, max_size=30),
    other=st.lists(st.integers(0, 9), min_size=1, max_size=30),
)
def test_the_distance_is_the_largest_gap_of_the_two_distribution_functions(one, other):
    gaps = [abs(np.mean(np.array(one) <= x) - np.mean(np.array(other) <= x)) for x in range(10)]
    found = distance(np.array(one, float), np.array(other, float))
    assert found == pytest.approx(max(gaps), abs=1e-12)


def test_nothing_has_no_distance():
    assert np.isnan(distance(np.empty(0), np.ones(3)))


def test_distributions_of_a_log_counted_by_hand():
    # 1 January 2024 was a Monday.
    log = bought((0, 0, 0), (0, 1, 0), (0, 0, 3), (1, 0, 32))
    found = distributions(log)
    assert sorted(found["events per user"]) == [1, 3]
    assert sorted(found["events per product"]) == [1, 3]
    assert sorted(found["events per session"]) == [1, 1, 2]
    assert sorted(found["sessions per user"]) == [1, 2]
    assert found["days between visits"] == pytest.approx([3], abs=1e-3)
    assert sorted(found["day of the week"]) == [0, 0, 3, 4]
    assert sorted(found["month of the log"]) == [0, 0, 0, 1]
    assert set(found["hour of the day"]) == {0}
    assert not len(found["price of what is bought or seen"])
    assert set(found) == {aspect.name for aspect in ASPECTS}


def test_models_in_the_same_order_agree():
    found = agreement(scores(a=0.1, b=0.2, c=0.3, d=1.0), scores(c=0.9, b=0.8, a=0.7, e=0.0))
    assert found.tau == pytest.approx(1.0)
    assert found.swapped == ()
    assert (found.clear, found.kept) == (3, 3)
    assert found.moved == ("a", "b", "c")


def test_swapped_models_are_named_and_those_in_doubt_told_apart():
    found = agreement(scores(a=0.1, b=0.2, c=0.21), scores(a=0.5, b=0.4, c=0.1))
    assert found.tau == pytest.approx(-1.0)
    assert found.swapped == (("a", "b"), ("a", "c"), ("b", "c"))
    assert found.doubtful == (("b", "c"),)
    assert (found.clear, found.kept) == (2, 0)


def test_without_metrics_there_is_no_agreement():
    assert np.isnan(agreement({}, scores(a=1.0)).tau)


@pytest.fixture(scope="module")
def logs(make_config):
    return [
        generated_log(make_config(data={"random_seed": seed, "n_editorial": 0})) for seed in (1, 2)
    ]


def test_a_log_is_exactly_like_itself(logs):
    found = likeness(logs[0], logs[0], scores(a=0.1, b=0.3), scores(a=0.1, b=0.3))
    assert max(found.distances.values()) == 0
    assert all(real == made or np.isnan(real) for real, made in found.figures.values())
    said = sentences(found)
    assert said[0].startswith("No distribution is further off")
    assert any("same order on both (Kendall's τ 1.00)" in sentence for sentence in said)
    assert said[-len(ALWAYS) :] == list(ALWAYS)


def test_what_is_unlike_is_said_with_what_must_not_be_concluded(logs, make_config):
    other = generated_log(
        make_config(
            data={"n_editorial": 0},
            shop={"activity": {"session_size": {"median": 30.0, "sigma": 0.2}}},
        )
    )
    found = likeness(logs[0], other, scores(a=0.1, b=0.3), scores(a=0.4, b=0.2))
    said = "\n".join(sentences(found))
    assert "Events per session: unlike" in said
    assert "Do not conclude from the twin session depth" in said
    assert "swapped are a and b; beyond doubt a and b" in said
    assert "Of 1 pairs that the log tells apart" in said
    assert "The level is another for a, b:" in said
    assert "Events per user: unlike" not in said


def test_the_report_holds_every_figure_distance_and_model(logs):
    text = markdown(likeness(*logs, scores(a=0.1, b=0.3), scores(a=0.1, b=0.3)), ["shop", "twin"])
    found = likeness(*logs, {}, {})
    for name in (*found.figures, *found.distances):
        assert f"| {name} |" in text
    assert "| a | 0.1000 (0.0900–0.1100) | 0.1000" in text
    assert "No model has been measured on both." in markdown(found, ["shop", "twin"])


def test_logs_without_prices_are_not_compared_by_them():
    log = bought((0, 0, 0), (1, 1, 40), (1, 0, 80))
    said = "\n".join(sentences(likeness(log, log, {}, {})))
    assert "Not compared, as one of the two logs does not have it: price" in said
    assert "Models: not compared" in said
