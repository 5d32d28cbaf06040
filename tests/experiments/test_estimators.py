"""Estimators against exact expectations, simulation, and a real log with propensities."""

from itertools import product as outcomes

import numpy as np
import pandas as pd
import pytest

from recolab_assets.experiments.counterfactual import target_log
from recolab_assets.experiments.estimators import (
    ESTIMATORS,
    TargetLog,
    clipped_ips,
    direct_method,
    doubly_robust,
    ips,
    position_based_ips,
    replay,
    snips,
)
from recolab_assets.experiments.logging_policy import SlotLog, SlotPolicy

LEVEL = 0.95

# Two users, two slots, three products: few enough for the sum over everything that can happen.
EXAMINATION = np.array([1.0, 0.4])
ATTRACTION = np.array([[0.5, 0.2, 0.9], [0.1, 0.7, 0.3]])
POPULAR = np.array([[0, 1], [0, 1]])
CLICK = ATTRACTION[:, None, :] * EXAMINATION[:, None]  # user, slot, product
GROUPS = np.array([0, 1, 1])


def _expectations(target, *, epsilon=0.4, utility=None, click=CLICK):
    """Expected value of every estimator, and of replay given that it keeps something."""
    policy = SlotPolicy.over_lists(
        {"popularity": POPULAR, "rest": np.array([[2, -1], [2, -1]])},
        POPULAR,
        epsilon=epsilon,
        utility=utility,
    )
    probability = np.stack([policy.propensity(np.full((2, 2), a)) for a in range(3)], -1)
    expected = dict.fromkeys(ESTIMATORS, 0.0)
    kept, total = np.zeros(2), 0.0
    users, slots = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [0, 1]])
    for shown in outcomes(range(3), repeat=4):
        products = np.reshape(shown, (2, 2))
        of_products = probability[users, slots, products].prod()
        exposure = policy.exposure(products, EXAMINATION)
        for clicked in outcomes([False, True], repeat=4):
            clicks = np.reshape(clicked, (2, 2))
            p = click[users, slots, products]
            chance = of_products * np.where(clicks, p, 1 - p).prod()
            log = SlotLog(np.arange(2), policy, products, clicks)
            seen = target_log(log, target, EXAMINATION, exposure, GROUPS)
            for name, estimator in ESTIMATORS.items():
                expected[name] += chance * estimator(seen, LEVEL).value if chance else 0.0
            value = replay(seen, LEVEL, np.random.default_rng(0)).value
            if not np.isnan(value):
                kept += chance * np.array([value, 1.0])
            total += chance
    assert total == pytest.approx(1)
    return expected | {"replay": kept[0] / kept[1]}


@pytest.fixture(scope="module", params=["epsilon", "luce"])
def enumerated(request):
    target = np.array([[2, 0], [1, 2]])
    truth = np.mean([CLICK[0, 0, 2], CLICK[0, 1, 0], CLICK[1, 0, 1], CLICK[1, 1, 2]])
    settings = {
        "epsilon": {"epsilon": 0.4},
        "luce": {"epsilon": 1.0, "utility": np.log([5.0, 2.0, 1.0])},
    }
    with np.errstate(invalid="ignore"):
        return truth, _expectations(target, **settings[request.param])


@pytest.mark.parametrize("estimator", ["ips", "doubly_robust", "position_based_ips"])
def test_expectation_is_the_truth(enumerated, estimator):
    truth, expected = enumerated
    assert expected[estimator] == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("estimator", ["clipped_ips", "direct_method"])
def test_expectation_of_what_is_biased_is_not_the_truth(enumerated, estimator):
    truth, expected = enumerated
    assert abs(expected[estimator] - truth) > 0.01


def test_rejection_sampling_of_a_uniform_log_is_unbiased():
    target = np.array([[2, 0], [1, 2]])
    truth = np.mean([CLICK[0, 0, 2], CLICK[0, 1, 0], CLICK[1, 0, 1], CLICK[1, 1, 2]])
    assert _expectations(target, epsilon=1.0)["replay"] == pytest.approx(truth, rel=1e-12)


def test_slots_where_the_target_shows_nothing_do_not_count():
    target = np.array([[2, -1], [1, -1]])
    truth = np.mean([CLICK[0, 0, 2], CLICK[1, 0, 1]])
    expected = _expectations(target)
    for estimator in ("ips", "doubly_robust", "position_based_ips"):
        assert expected[estimator] == pytest.approx(truth, rel=1e-12)


def test_position_based_weights_need_the_position_based_model():
    # Attraction that depends on the slot: the assumption fails, plain weights still hold.
    click = CLICK.copy()
    click[:, 1] = click[:, 1, ::-1]
    target = np.array([[2, 0], [1, 2]])
    truth = np.mean([click[0, 0, 2], click[0, 1, 0], click[1, 0, 1], click[1, 1, 2]])
    expected = _expectations(target, click=click)
    assert expected["ips"] == pytest.approx(truth, rel=1e-12)
    assert abs(expected["position_based_ips"] - truth) > 0.01


def test_a_product_that_the_log_could_not_show_is_refused():
    policy = SlotPolicy.over_lists({"popularity": POPULAR}, POPULAR, epsilon=0.5)
    log = SlotLog(np.arange(2), policy, POPULAR, np.zeros((2, 2), bool))
    with pytest.raises(ValueError, match="never shows"):
        target_log(log, np.full((2, 2), 2), EXAMINATION, np.ones((2, 2)), GROUPS)


def _bandit_log(rng, n=40_000):
    """A stochastic target on three products without positions; truth in closed form."""
    logging, target = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    rate = np.array([0.05, 0.1, 0.2])
    shown = rng.choice(3, n, p=logging)
    clicked = rng.random(n) < rate[shown]
    log = TargetLog.of(np.arange(n), clicked, logging[shown], target[shown])
    return log, float(target @ rate)


def test_formulas_on_a_log_checked_by_hand():
    log = TargetLog.of(
        np.arange(4),
        np.array([True, False, True, False]),
        np.array([0.5, 0.25, 0.5, 0.1]),
        np.array([0.25, 0.5, 0.0, 0.5]),
    )
    np.testing.assert_allclose(log.weight, [0.5, 2, 0, 5])
    assert ips(log, LEVEL).value == pytest.approx(0.5 / 4)
    assert snips(log, LEVEL).value == pytest.approx(0.5 / 7.5)
    assert clipped_ips(log, LEVEL).value == pytest.approx(0.5 / 4)
    assert clipped_ips(log, LEVEL).largest_weight == 2
    assert ips(log, LEVEL).largest_weight == 5
    assert ips(log, LEVEL).effective_sample_size == pytest.approx(7.5**2 / (0.25 + 4 + 25))
    assert np.isnan(ips(log, LEVEL).standard_error)
    assert np.isnan(direct_method(log, LEVEL).largest_weight)


def test_estimates_are_within_three_errors_of_the_truth_and_errors_are_right():
    rng = np.random.default_rng(5)
    found: dict[str, list[tuple[float, float, bool]]] = {}
    for _ in range(300):
        log, truth = _bandit_log(rng, 2_000)
        estimates = {
            "ips": ips(log, LEVEL),
            "snips": snips(log, LEVEL),
            "replay": replay(log, LEVEL, rng),
        }
        for name, e in estimates.items():
            row = (e.value, e.standard_error, e.ci_low <= truth <= e.ci_high)
            found.setdefault(name, []).append(row)
    for rows in found.values():
        values, errors, covered = np.array(rows).T
        assert abs(values.mean() - truth) < 3 * values.std() / np.sqrt(300) + 1e-4
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.15)
        assert covered.mean() == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / 300))


def test_impressions_of_one_user_are_not_independent():
    rng = np.random.default_rng(2)
    log, _ = _bandit_log(rng)
    copies = TargetLog.of(
        np.tile(np.arange(40_000), 9),
        np.tile(log.clicked > 0, 9),
        np.ones(360_000),
        np.tile(log.weight, 9),
    )
    once, often = ips(log, LEVEL), ips(copies, LEVEL)
    assert often.value == pytest.approx(once.value)
    assert often.standard_error == pytest.approx(once.standard_error)


def test_clipping_bounds_the_weights_and_only_lowers_the_estimate():
    rng = np.random.default_rng(3)
    propensity = 10 ** -rng.uniform(0, 6, 2_000)
    log = TargetLog.of(np.arange(2_000), rng.random(2_000) < 0.1, propensity, np.full(2_000, 0.5))
    clipped = clipped_ips(log, LEVEL)
    assert clipped.largest_weight == pytest.approx(np.sqrt(2_000))
    assert log.weight.max() > 1_000
    assert clipped.value < ips(log, LEVEL).value
    assert clipped.effective_sample_size > ips(log, LEVEL).effective_sample_size


def test_error_of_the_direct_method_counts_the_fitting_of_its_cells():
    rng = np.random.default_rng(8)
    rate, n, values, errors = np.array([0.05, 0.3]), 1_000, [], []
    for _ in range(300):
        logged = rng.choice(2, n, p=[0.9, 0.1])
        clicked = rng.random(n) < rate[logged]
        log = TargetLog.of(np.arange(n), clicked, np.full(n, 0.5), np.full(n, 0.5))
        estimate = direct_method(log.with_reward_model(logged, np.ones(n, int), 2), LEVEL)
        values.append(estimate.value)
        errors.append(estimate.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_a_good_reward_model_makes_the_doubly_robust_estimate_sharper():
    rng = np.random.default_rng(4)
    n, rate = 40_000, np.array([0.02, 0.6])
    shown = rng.choice(2, n, p=[0.9, 0.1])
    clicked = rng.random(n) < rate[shown]
    plain = TargetLog.of(
        np.arange(n), clicked, np.array([0.9, 0.1])[shown], (shown == 1).astype(float)
    )
    log = plain.with_reward_model(shown, np.ones(n, int), 2)
    assert doubly_robust(plain, LEVEL).value == pytest.approx(ips(plain, LEVEL).value)
    robust, weighted = doubly_robust(log, LEVEL), ips(log, LEVEL)
    assert robust.standard_error < 0.8 * weighted.standard_error
    for estimate in (robust, weighted, direct_method(log, LEVEL), snips(log, LEVEL)):
        assert abs(estimate.value - 0.6) < 3 * estimate.standard_error


def test_propensity_zero_is_refused():
    with pytest.raises(ValueError, match="propensity"):
        TargetLog.of(np.arange(2), np.zeros(2, bool), np.array([0.5, 0.0]), np.ones(2))


def test_a_log_in_which_the_target_shows_nothing_gives_no_estimate():
    policy = SlotPolicy.over_lists({"popularity": POPULAR}, POPULAR, epsilon=0.5)
    log = SlotLog(np.arange(2), policy, POPULAR, np.ones((2, 2), bool))
    seen = target_log(log, np.full((2, 2), -1), EXAMINATION, np.ones((2, 2)), GROUPS)
    estimates = [estimator(seen, LEVEL) for estimator in ESTIMATORS.values()]
    estimates.append(replay(seen, LEVEL, np.random.default_rng(0)))
    assert all(np.isnan(estimate.value) for estimate in estimates)


def test_uniform_policy_of_the_open_bandit_log_is_found_from_the_other_policys(real_log):
    # Saito et al. 2020: Bernoulli Thompson sampling logged beside uniform choice.
    impressions = pd.read_parquet(real_log("open_bandit_small") / "impressions.parquet")
    uniform = impressions[impressions["policy"] == "random"]
    logged = impressions[impressions["policy"] == "bts"]
    reference = uniform["click"].mean()
    n_items = impressions.groupby("campaign")["item_id"].nunique()
    target = (1 / logged["campaign"].map(n_items)).to_numpy()
    np.testing.assert_allclose(
        uniform["propensity_score"], 1 / uniform["campaign"].map(n_items), rtol=1e-6
    )
    cells = (3 * (logged["campaign"] == "men") + logged["position"] - 1).to_numpy()
    log = TargetLog.of(
        np.arange(len(logged)),
        logged["click"].to_numpy() == 1,
        logged["propensity_score"].to_numpy(),
        target,
    ).with_reward_model(cells, cells, 6)
    own_error = np.sqrt(reference * (1 - reference) / len(uniform))
    for estimator in (ips, snips, clipped_ips, direct_method, doubly_robust, position_based_ips):
        estimate = estimator(log, LEVEL)
        assert abs(estimate.value - reference) < 3 * np.hypot(estimate.standard_error, own_error)
    # One weight carries the sum, and the report must show it.
    assert ips(log, LEVEL).effective_sample_size < 10
    assert clipped_ips(log, LEVEL).effective_sample_size > 1_000
