"""The plan of a test: users against statsmodels, and what is recommended when."""

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.experiments.plan import Question, Traffic, experiment_plan
from recolab_assets.experiments.power import users_per_arm
from recolab_assets.experiments.statistics import RatioEstimate
from recolab_assets.tables import TABLES

RATE, SIGMA, SEEN = 0.02, 0.05, 500
CONTROL = RatioEstimate(RATE, SIGMA**2 / SEEN, SEEN)
TRAFFIC = Traffic(CONTROL, visitors=1_000, days=10)
QUESTION = Question("popularity", challengers=2, effect=0.1, alpha=0.05)
NO_SCORECARD = TABLES["method_scorecard"].arrow_schema.empty_table()


def comparisons(*removed: float | None) -> pa.Table:
    return pa.table(
        {
            "metric": ["ctr"] * len(removed) + ["clicks_per_user"],
            "cuped_variance_removed": pa.array([*removed, 0.99], pa.float64()),
        }
    )


def scorecard(*rows: tuple[str, str, str, float, float | None]) -> pa.Table:
    names = ("method", "measure", "setting", "value", "standard_error")
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows],
        schema=TABLES["method_scorecard"].arrow_schema,
    )


def ratios(method: str, *values: float) -> list[tuple[str, str, str, float, float | None]]:
    return [(method, "ratio_to_ab", f"pair {n}", value, 0.1) for n, value in enumerate(values)]


def planned(*, traffic=TRAFFIC, removed=(0.2, 0.3, 0.1), scored=NO_SCORECARD, question=QUESTION):
    table = experiment_plan(traffic, comparisons(*removed), scored, question)
    assert table.schema == TABLES["experiment_plan"].arrow_schema
    return {row["method"]: row for row in table.to_pylist()}


def recommended(plan):
    return [method for method, row in plan.items() if row["recommended"]]


def test_the_ab_test_has_an_arm_for_every_challenger_at_the_corrected_level():
    row = planned()["ab_delta"]
    per_arm = users_per_arm(CONTROL, 0.1, 0.025)
    assert row["users_needed"] == 3 * per_arm
    assert row["days_needed"] == math.ceil(3 * per_arm / 100)
    assert (row["smallest_effect"], row["alpha"], row["power"]) == (0.1, 0.05, 0.8)
    for figure in (f"{3 * per_arm:,} users", "100 new visitors a day", "10%", "0.0200", "0.025"):
        assert figure in row["sentence"]


def test_cuped_saves_the_median_of_the_variance_that_it_removes_of_the_click_rate():
    plan = planned(removed=(0.2, None, 0.3, 0.1))
    per_arm = users_per_arm(CONTROL, 0.1, 0.025)
    assert plan["ab_cuped"]["users_needed"] == 3 * math.ceil(0.8 * per_arm)
    assert recommended(plan) == ["ab_cuped"]
    assert "20.0%" in plan["ab_cuped"]["sentence"]


def test_cuped_that_adds_variance_is_no_better_than_the_plain_test():
    plan = planned(removed=(-0.2,))
    assert plan["ab_cuped"]["users_needed"] == plan["ab_delta"]["users_needed"]
    assert recommended(plan) == ["ab_delta"]


def test_cuped_that_nothing_is_known_of_has_no_users():
    row = planned(removed=(None,))["ab_cuped"]
    assert row["users_needed"] is None and row["days_needed"] is None
    assert "not known" in row["sentence"]


def test_interleaving_needs_the_ab_users_of_two_arms_over_the_median_ratio():
    drafts = [
        *ratios("interleaving_pairs", 2.0, 8.0, 4.0),
        *ratios("pairwise_multileaving", 1.0, 1.5),
        *ratios("multileaving_preference", 0.5, 0.5),
    ]
    plan = planned(scored=scorecard(*drafts))
    of_two = 2 * users_per_arm(CONTROL, 0.1, 0.025)
    assert plan["interleaving_pairs"]["users_needed"] == 2 * math.ceil(of_two / 4)
    assert plan["pairwise_multileaving"]["users_needed"] == math.ceil(of_two / 1.25)
    assert plan["multileaving_preference"]["users_needed"] == 2 * of_two
    assert recommended(plan) == ["interleaving_pairs"]
    assert "not by how much" in plan["interleaving_pairs"]["sentence"]
    assert "3 pairs with ratios from 2 to 8" in plan["interleaving_pairs"]["sentence"]
    assert "2 times the users" in plan["multileaving_preference"]["sentence"]


def test_without_a_scorecard_interleaving_is_not_planned_and_an_ab_test_recommended():
    plan = planned()
    assert list(plan) == ["ab_delta", "ab_cuped", "interleaving_pairs"]
    assert plan["interleaving_pairs"]["users_needed"] is None
    assert "real log" in plan["interleaving_pairs"]["sentence"]
    assert recommended(plan) == ["ab_cuped"]


def test_who_wants_the_size_of_the_uplift_needs_an_ab_test():
    question = Question("popularity", 2, 0.1, 0.05, wants_uplift=True)
    plan = planned(scored=scorecard(*ratios("interleaving_pairs", 9.0)), question=question)
    assert recommended(plan) == ["ab_cuped"]
    assert "Not recommended: it says which" in plan["interleaving_pairs"]["sentence"]


@pytest.mark.parametrize(("preference", "is_usable"), [(0.46, False), (0.48, True), (0.9, True)])
def test_a_method_that_inverts_beyond_chance_is_not_recommended(preference, is_usable):
    rows = [
        *ratios("interleaving_pairs", 9.0),
        ("interleaving_pairs", "preference_for_better", "als vs popularity", preference, 0.01),
    ]
    plan = planned(scored=scorecard(*rows))
    assert (recommended(plan) == ["interleaving_pairs"]) == is_usable
    assert ("als vs popularity" in plan["interleaving_pairs"]["sentence"]) != is_usable


def test_a_method_that_cries_wolf_beyond_chance_is_not_recommended():
    rows = [
        *ratios("interleaving_pairs", 0.1),
        ("ab_delta", "false_alarm_rate", "n_users=200, identical arms", 0.12, 0.01),
        ("ab_cuped", "false_alarm_rate", "n_users=200, identical arms", 0.12, 0.01),
    ]
    plan = planned(scored=scorecard(*rows))
    assert recommended(plan) == ["interleaving_pairs"]
    for method in ("ab_delta", "ab_cuped"):
        assert "false alarms are 12.0%" in plan[method]["sentence"]
    rows[-1] = ("ab_cuped", "false_alarm_rate", "n_users=200, identical arms", 0.06, 0.01)
    assert recommended(planned(scored=scorecard(*rows))) == ["ab_cuped"]


@pytest.mark.parametrize(
    ("control", "effect", "reason"),
    [
        (RatioEstimate(0.0, 0.0, 50), 0.1, "nobody who was shown the lists of popularity clicked"),
        (RatioEstimate(np.nan, np.nan, 0), 0.1, "nobody"),
        (RatioEstimate(0.1, np.nan, 1), 0.1, "too few to tell"),
        (CONTROL, 1e-9, "more users than there are people"),
    ],
)
def test_what_cannot_be_planned_has_no_users_and_says_why(control, effect, reason):
    question = Question("popularity", 2, effect, 0.05)
    traffic = Traffic(control, TRAFFIC.visitors, TRAFFIC.days)
    plan = planned(
        traffic=traffic, question=question, scored=scorecard(*ratios("interleaving_pairs", 2.0))
    )
    for row in plan.values():
        assert row["users_needed"] is None and row["days_needed"] is None
        assert reason in row["sentence"]
    assert recommended(plan) == []


def exposures(*rows: tuple[int, str, int, bool]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "user_id": user,
                "arm": arm,
                "shown_on": dt.date(2024, 12, day),
                "position": position,
                "product_id": position,
                "propensity": 1.0,
                "clicked": clicked and position == 1,
                "purchased": False,
            }
            for user, arm, day, clicked in rows
            for position in (1, 2)
        ],
        schema=TABLES["ab_exposures"].arrow_schema,
    )


def test_traffic_is_counted_in_the_exposure_log():
    log = exposures((0, "als", 2, True), (3, "popularity", 4, True), (5, "popularity", 11, False))
    traffic = Traffic.of(log, ["popularity", "als"], "popularity")
    assert (traffic.visitors, traffic.days) == (3, 10)
    assert traffic.control.value == 0.25
    assert traffic.control.n_users == 2
    assert traffic.days_for(4) == 14


def test_a_log_without_exposures_is_planned_without_users():
    traffic = Traffic.of(exposures(), ["popularity", "als"], "popularity")
    assert (traffic.visitors, traffic.days, traffic.days_for(10)) == (0, 0, None)
    assert planned(traffic=traffic)["ab_delta"]["users_needed"] is None


def test_questions_that_cannot_be_asked_are_refused():
    with pytest.raises(ValueError, match="at least one model beside"):
        Question("popularity", 0, 0.1, 0.05)
    with pytest.raises(ValueError, match="above 0"):
        Question("popularity", 2, 0.0, 0.05)
