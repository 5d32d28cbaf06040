"""Repeated logs against the estimators of a single log, and against the truth."""

import numpy as np
import pytest

from recolab_assets.experiments import logged_replicates
from recolab_assets.experiments.counterfactual import target_log
from recolab_assets.experiments.estimators import ESTIMATORS
from recolab_assets.experiments.logged_replicates import (
    _RATIOS,
    CandidateLog,
    _cell_rates,
    _draw,
    _estimates,
    _fit,
    _sum_up,
    logged_readings,
)
from recolab_assets.experiments.logging_policy import SlotLog, SlotPolicy

K = 6


def _stacked(shop, cut=None):
    lists = [np.array(products) for products in shop.lists.values()]
    if cut is not None:
        lists[3][:, cut:] = -1
    attraction = [shop.shoppers.attraction(shop.users, products) for products in lists]
    return np.stack(lists, axis=1), np.stack(attraction, axis=1)


def _ranks(shop):
    ranks = np.empty(60, np.int64)
    ranks[np.argsort(-shop.demand.sum(axis=0), kind="stable")] = np.arange(1, 61)
    return ranks


def _prepared(shop, cut=None, kind="epsilon_popularity"):
    return CandidateLog.prepare(
        *_stacked(shop, cut),
        shop.shoppers,
        _ranks(shop),
        popular=0,
        kind=kind,
        epsilon=0.5,
        seed=1,
    )


@pytest.fixture(scope="module")
def log(shop):
    return _prepared(shop)


def _one_log(log, users, seed=5, interpreted=False):
    """One log of some users: candidates shown, clicks, and the sums of every user."""
    draw, fit, sum_up = (
        (kernel.py_func if interpreted else kernel) for kernel in (_draw, _fit, _sum_up)
    )
    rng = np.random.default_rng(seed)
    n, n_groups = users.size, int(log.group.max()) + 1
    uniforms, kept = rng.random((n, 3, K)), rng.random((n, K))
    shown, clicked = np.empty((n, K), np.int32), np.zeros((n, K), np.bool_)
    laid_out = (log.starts, log.reached, log.attraction, log.first, log.examination, log.epsilon)
    draw(*laid_out, users, uniforms, shown, clicked)
    seen, clicks = np.zeros((2, 2, K * n_groups))
    fit(shown, clicked, log.group, n_groups, seen, clicks)
    sums = np.zeros((n, log.places.shape[1], logged_replicates._SUMS))
    of_policy = (log.wanted, log.places, log.chance, log.exposure, log.group, log.first)
    rates = _cell_rates(seen, clicks)
    sum_up(
        *(shown, clicked, users, kept, *of_policy),
        *(log.examination, log.epsilon, log.bounds, rates, n_groups, sums),
    )
    return shown, clicked, sums


@pytest.mark.parametrize("cut", [None, 4, 0])
@pytest.mark.parametrize("kind", ["epsilon_popularity", "plackett_luce"])
def test_estimates_are_those_of_the_single_log(shop, cut, kind) -> None:
    """Whole lists, short lists, and a model without lists."""
    log = _prepared(shop, cut, kind)
    rankings, _ = _stacked(shop, cut)
    lists = {str(model): rankings[:, model] for model in range(4)}
    utility = -0.5 * np.log(_ranks(shop)) if kind == "plackett_luce" else None
    policy = SlotPolicy.over_lists(lists, lists["0"], epsilon=log.epsilon, utility=utility)
    users = np.arange(shop.users.size)
    shown, clicked, sums = _one_log(log, users)
    products = policy.keys[shown] & 0xFFFFFFFF
    single = SlotLog(shop.users, policy, products, clicked)
    exposure = policy.exposure(products, log.examination)
    groups = np.zeros(60, np.int64)
    groups[policy.keys & 0xFFFFFFFF] = log.group
    found = dict(zip(_RATIOS, _estimates(sums, 0), strict=True))
    for model in range(4):
        seen = target_log(single, rankings[:, model], log.examination, exposure, groups)
        if not seen.counted.any():
            assert np.isnan(found["ips"][0, model])
            continue
        for name in ("ips", "snips", "doubly_robust", "position_based_ips"):
            expected = ESTIMATORS[name](seen, 0.95)
            assert found[name][0, model] == pytest.approx(expected.value, abs=1e-12), name


def test_errors_are_those_of_the_paired_difference(shop, log) -> None:
    """Against a model without a click the error of the difference is that of the estimate."""
    _, _, sums = _one_log(log, np.arange(shop.users.size))
    alone = sums.copy()
    alone[:, 0, logged_replicates._WEIGHTED] = 0.0  # a control that nobody clicks
    alone[:, 0, logged_replicates._USED] = 1.0
    error = _estimates(alone, 0)[list(_RATIOS).index("ips"), 2, 2]
    weighted, slots = (sums[:, 2, place] for place in (2, 0))
    value = weighted.sum() / slots.sum()
    residuals = weighted - value * slots
    n = residuals.size
    expected = np.sqrt(n / (n - 1) * (residuals**2).sum()) / slots.sum()
    assert error == pytest.approx(expected)


def test_interpreted_kernels_equal_the_compiled_ones(log) -> None:
    users = np.arange(40)
    for compiled, interpreted in zip(
        _one_log(log, users), _one_log(log, users, interpreted=True), strict=True
    ):
        np.testing.assert_allclose(compiled, interpreted)


def test_logged_lists_have_their_propensities_and_clicks(shop, log) -> None:
    users = np.zeros(20_000, np.int64)
    shown, clicked, _ = _one_log(log, users)
    first = log.first[0]
    begin, end = log.starts[:2]
    for slot in (0, 3):
        share = np.bincount(shown[:, slot], minlength=end)[begin:end] / 20_000
        expected = 0.5 * log.chance[begin:end] + 0.5 * (np.arange(begin, end) == first[slot])
        np.testing.assert_allclose(share, expected, atol=5 * 0.5 / np.sqrt(20_000))
    rate = log.attraction[shown] * log.examination
    assert clicked.sum() == pytest.approx(rate.sum(), abs=5 * np.sqrt(rate.sum()))


def test_the_policys_clicks_are_expected_exactly(shop, log) -> None:
    shown, _, _ = _one_log(log, np.resize(np.arange(3_000), 60_000))
    worth = (log.attraction[shown] * log.examination).sum(axis=1)
    assert log.policy_clicks == pytest.approx(worth.mean(), abs=4 * worth.std() / np.sqrt(60_000))


@pytest.fixture(scope="module")
def readings(log):
    return logged_readings(log, [500, 3_000], control=0, alpha=0.05, replicates=300, seed=1)


@pytest.mark.parametrize("name", ["ips", "doubly_robust", "position_based_ips", "snips"])
def test_estimates_are_right_on_average_and_their_intervals_cover(shop, readings, name) -> None:
    _, attraction = _stacked(shop)
    true = shop.shoppers.click_probability(attraction.reshape(-1, K)).reshape(-1, 4, K)
    rates = true.sum(axis=(0, 2)) / shop.users.size / K
    read = readings[name]
    for model in range(4):
        values = read.scores[:, 1, model]
        # SNIPS is biased by order 1/n.
        slack = 0.01 * rates[model] if name == "snips" else 0.0
        error = values.std(ddof=1) / np.sqrt(values.size)
        assert values.mean() == pytest.approx(rates[model], abs=4 * error + slack), name
    for model in range(1, 4):
        difference = rates[model] - rates[0]
        covered = (read.low[:, 1, model] <= difference) & (difference <= read.high[:, 1, model])
        # Users are drawn without replacement from 3,000, so intervals are a little too wide.
        assert covered.mean() > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 300)


def test_positions_known_tell_more_than_slots_alone(readings) -> None:
    assert (
        np.nanmean(readings["position_based_ips"].errors[:, 1])
        < np.nanmean(readings["ips"].errors[:, 1]) / 1.5
    )


def test_identical_lists_do_not_differ(shop) -> None:
    rankings, attraction = _stacked(shop)
    log = CandidateLog.prepare(
        rankings[:, [0, 0]],
        attraction[:, [0, 0]],
        shop.shoppers,
        _ranks(shop),
        popular=0,
        kind="epsilon_popularity",
        epsilon=0.5,
        seed=1,
    )
    for name, read in logged_readings(
        log, [200], control=0, alpha=0.05, replicates=5, seed=1
    ).items():
        np.testing.assert_array_equal(read.effects[..., 1], 0, err_msg=name)
        np.testing.assert_array_equal(read.p_values[..., 1], 1, err_msg=name)


def test_one_user_or_no_click_says_nothing(shop) -> None:
    rankings, attraction = _stacked(shop)
    log = CandidateLog.prepare(
        rankings,
        attraction * 0,
        shop.shoppers,
        _ranks(shop),
        popular=0,
        kind="epsilon_popularity",
        epsilon=0.5,
        seed=1,
    )
    for read in logged_readings(
        log, [1, 100], control=0, alpha=0.05, replicates=3, seed=1
    ).values():
        assert (read.p_values[..., 1:] == 1).all()
        assert np.isnan(read.low[..., 1:]).all()
        assert np.isfinite(read.scores).all()


def test_replicates_do_not_depend_on_their_number(log, readings) -> None:
    few = logged_readings(log, [500, 3_000], control=0, alpha=0.05, replicates=2, seed=1)
    np.testing.assert_array_equal(few["ips"].scores, readings["ips"].scores[:2])
