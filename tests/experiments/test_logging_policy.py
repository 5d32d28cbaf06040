"""The logging policy shows what it says, as often as it says."""

import numpy as np
import pytest

from recolab_assets.experiments.logging_policy import SlotLog, SlotPolicy

LISTS = {
    "popularity": np.array([[4, 2, 7], [4, 2, -1], [-1, -1, -1], [9, 4, 2]]),
    "other": np.array([[2, 5, 1], [8, 4, -1], [-1, -1, -1], [3, -1, -1]]),
}
CANDIDATES = [{1, 2, 4, 5, 7}, {2, 4, 8}, set(), {2, 3, 4, 9}]
UTILITY = np.log(np.arange(1.0, 11.0))


def _policies() -> dict[str, SlotPolicy]:
    first = LISTS["popularity"]
    return {
        "epsilon": SlotPolicy.over_lists(LISTS, first, epsilon=0.3),
        "luce": SlotPolicy.over_lists(LISTS, first, epsilon=1.0, utility=UTILITY),
        "both": SlotPolicy.over_lists(LISTS, first, epsilon=0.6, utility=UTILITY),
    }


def _propensities(name: str) -> np.ndarray:
    """π0(product | user, slot) by the definition, (users, slots, products)."""
    epsilon = {"epsilon": 0.3, "luce": 1.0, "both": 0.6}[name]
    expected = np.zeros((4, 3, 10))
    for user, candidates in enumerate(CANDIDATES):
        odds = {a: 1.0 if name == "epsilon" else float(a + 1) for a in candidates}
        for slot in range(3):
            first = LISTS["popularity"][user, slot]
            explored = epsilon if first >= 0 else 1.0
            for product in candidates:
                expected[user, slot, product] = explored * odds[product] / sum(odds.values())
            if first >= 0:
                expected[user, slot, first] += 1 - explored
    return expected


@pytest.mark.parametrize("name", ["epsilon", "luce", "both"])
def test_propensities_are_those_of_the_definition_and_sum_to_one(name):
    policy, expected = _policies()[name], _propensities(name)
    found = np.stack([policy.propensity(np.full((4, 3), product)) for product in range(10)], -1)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    np.testing.assert_allclose(found.sum(axis=-1), [[1] * 3, [1] * 3, [0] * 3, [1] * 3])


@pytest.mark.parametrize("name", ["epsilon", "luce", "both"])
def test_products_are_drawn_with_their_propensities(name):
    policy, expected, n = _policies()[name], _propensities(name), 20_000
    rng = np.random.default_rng(1)
    counts = np.zeros((4, 3, 10))
    for _ in range(n):
        shown = policy.draw(rng)
        assert (shown[2] == -1).all()
        users = np.array([0, 1, 3])
        counts[users[:, None], np.arange(3), shown[users]] += 1
    error = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(counts / n - expected) <= 4.5 * error).all()


def test_exposure_adds_up_the_slots_by_how_much_they_are_examined():
    examination = np.array([1.0, 0.5, 0.2])
    for name, policy in _policies().items():
        expected = np.einsum("ukp,k->up", _propensities(name), examination)
        for product in range(10):
            found = policy.exposure(np.full((4, 3), product), examination)
            np.testing.assert_allclose(found, np.repeat(expected[:, [product]], 3, axis=1))


def test_pads_have_no_propensity():
    policy = _policies()["epsilon"]
    assert not policy.propensity(np.full((4, 3), -1)).any()
    assert not policy.exposure(np.full((4, 3), -1), np.ones(3)).any()


@pytest.mark.parametrize("epsilon", [0.0, -0.1, 1.5])
def test_a_policy_that_never_explores_is_refused(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        SlotPolicy.over_lists(LISTS, LISTS["popularity"], epsilon=epsilon)


def test_nobody_has_a_candidate():
    nothing = {"popularity": np.full((2, 3), -1)}
    policy = SlotPolicy.over_lists(nothing, nothing["popularity"], epsilon=0.5)
    assert (policy.draw(np.random.default_rng(0)) == -1).all()
    assert not policy.propensity(np.zeros((2, 3), int)).any()


def test_a_log_is_answered_by_the_click_model_and_drawn_again_alike(shop):
    policy = SlotPolicy.over_lists(shop.lists, shop.lists["popularity"], epsilon=0.5)
    log = SlotLog.simulate(shop.users, policy, shop.shoppers, seed=3)
    again = SlotLog.simulate(shop.users, policy, shop.shoppers, seed=3)
    np.testing.assert_array_equal(log.shown, again.shown)
    np.testing.assert_array_equal(log.clicked, again.clicked)
    expected = shop.shoppers.click_probability(shop.shoppers.attraction(shop.users, log.shown))
    deviation = log.clicked.sum(axis=0) - expected.sum(axis=0)
    assert (np.abs(deviation) < 4 * np.sqrt(expected.sum(axis=0))).all()
