"""Power, wrong signs, exaggeration and coverage of single comparisons, counted by hand."""

import numpy as np
import pytest

from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.sensitivity import Comparisons
from recolab_assets.experiments.users_needed import UsersNeeded

MODELS = ["good", "control", "bad", "same"]
COMPARISONS = Comparisons(MODELS, 1, np.array([3.0, 2.0, 1.0, 2.0]), 0.05)
TRUE_EFFECTS = np.array([0.5, 0.0, -0.5, 0.0])


def _readings() -> Readings:
    """Four experiments of one size."""
    nan = np.nan
    effects = np.array(
        [
            [0.6, nan, -0.4, 0.1],
            [1.0, nan, -0.2, 0.1],
            [-0.9, nan, 0.1, 0.1],
            [0.1, nan, -0.1, 0.1],
        ]
    )
    p_values = np.array(
        [
            [0.01, nan, 0.20, 0.6],
            [0.01, nan, 0.20, 0.6],
            [0.01, nan, 0.20, 0.6],
            [0.30, nan, 0.01, 0.6],
        ]
    )
    arrays = (effects, np.sign(np.nan_to_num(effects)), p_values, effects, effects * 0 + 0.2)
    scores, signs, p_values, effects, errors = (array[:, None] for array in arrays)
    return Readings(scores, signs, p_values, effects, errors, effects - 0.3, effects + 0.3)


@pytest.fixture(scope="module")
def rows():
    judged = COMPARISONS.judge("m", _readings(), [100], TRUE_EFFECTS)
    return {(row["measure"], row["model"]): row["value"] for row in judged}


def test_only_what_differs_from_the_control_is_compared() -> None:
    assert list(COMPARISONS) == [(0, 1), (2, -1)]


def test_power_counts_significant_tests_in_the_true_direction(rows) -> None:
    assert rows["power", "good"] == pytest.approx(2 / 4)
    assert rows["wrong_sign_rate", "good"] == pytest.approx(1 / 4)
    assert rows["power", "bad"] == pytest.approx(1 / 4)
    assert rows["wrong_sign_rate", "bad"] == 0


def test_exaggeration_is_of_the_effects_that_were_found(rows) -> None:
    assert rows["exaggeration", "good"] == pytest.approx((0.6 + 1.0) / 2 / 0.5)
    assert rows["exaggeration", "bad"] == pytest.approx(0.1 / 0.5)


def test_coverage_is_over_all_models_even_those_that_do_not_differ(rows) -> None:
    # good: 0.6 holds, 1.0, -0.9 and 0.1 do not; bad: -0.4 and -0.2 hold (by 0.3); same: all hold.
    assert rows["interval_coverage", None] == pytest.approx((1 + 2 + 4) / 12)


def test_without_a_known_effect_there_is_neither() -> None:
    measures = {row["measure"] for row in COMPARISONS.judge("m", _readings(), [100])}
    assert measures == {"power", "wrong_sign_rate"}


def test_intervals_that_are_not_given_do_not_count() -> None:
    readings = _readings()
    readings.low[1:] = np.nan
    judged = COMPARISONS.judge("m", readings, [100], TRUE_EFFECTS)
    [row] = [row for row in judged if row["measure"] == "interval_coverage"]
    assert row["value"] == pytest.approx(1)  # the first experiment alone


def test_ratio_is_to_the_ab_test_and_carries_its_error() -> None:
    needed = {
        "ab_delta": UsersNeeded(1_000.0, np.nan),
        "pairs": UsersNeeded(500.0, 50.0),
        "inverts": UsersNeeded(np.inf, np.nan),
    }
    rows = {(r["method"], r["measure"]): r for r in COMPARISONS.users_rows(0, needed)}
    assert set(rows) == {
        ("ab_delta", "users_for_80_power"),
        ("pairs", "users_for_80_power"),
        ("pairs", "ratio_to_ab"),
    }
    ratio = rows["pairs", "ratio_to_ab"]
    assert ratio["setting"] == "good vs control"
    assert (ratio["value"], ratio["standard_error"]) == pytest.approx((2.0, 0.2))
