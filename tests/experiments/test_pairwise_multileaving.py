"""Pairwise preference multileaving against enumeration and its promises."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recolab_assets.experiments.draft_readings import draft_readings
from recolab_assets.experiments.pairwise_multileaving import (
    Pool,
    _chance_to_wait,
    _gather,
    _mix,
    _prefer,
    infer_preferences,
    mix_lists,
    pairwise_tests,
)

RANKINGS = np.array([[[4, 7, 9], [7, 4, 2], [4, 7, -1]]])


def _pool(rankings):
    rankings = np.asarray(rankings)
    return Pool.of(rankings, np.where(rankings >= 0, rankings / 100, 0.0))


def test_products_are_numbered_as_they_become_available() -> None:
    pool = _pool(RANKINGS)
    np.testing.assert_array_equal(pool.available, [[2, 2, 4]])
    np.testing.assert_allclose(pool.attraction, [[0.04, 0.07, 0.09, 0.02]])
    # Products 4, 7, 9 and 2, each under the three models; 3 is none.
    np.testing.assert_array_equal(pool.ranks[0], [[0, 1, 0], [1, 0, 1], [2, 3, 3], [3, 2, 3]])


def _lists(available, length):
    """Every list with its probability: position i is even among what is available and left."""
    found = {(): 1.0}
    for slot in range(length):
        reach = range(available[min(slot, len(available) - 1)])
        grown = {}
        for shown, chance in found.items():
            left = [product for product in reach if product not in shown]
            for product in left or [-1]:
                grown[(*shown, product)] = chance / max(len(left), 1)
        found = grown
    return found


@pytest.mark.parametrize("length", [2, 3, 5])
def test_lists_come_with_their_probabilities(length) -> None:
    pool, n = _pool(RANKINGS), 40_000
    drawn = mix_lists(pool, np.zeros(n, int), length, np.random.default_rng(1))
    expected = _lists(pool.available[0], length)
    shown, counts = np.unique(drawn, axis=0, return_counts=True)
    assert {tuple(row) for row in shown.tolist()} == set(expected)
    for row, count in zip(shown.tolist(), counts, strict=True):
        chance = expected[tuple(row)]
        assert count / n == pytest.approx(chance, abs=5 * np.sqrt(chance / n))


def _preferences(ranks, available, shown, clicked):
    """The definition, product by product."""
    n_models = ranks.shape[1]
    total = np.zeros(n_models * (n_models - 1) // 2)
    for slot, other in itertools.permutations(range(len(shown)), 2):
        if not clicked[slot] or clicked[other] or min(shown[slot], shown[other]) < 0:
            continue
        liked, passed = ranks[shown[slot]], ranks[shown[other]]
        both = max(liked.min(), passed.min())
        if min(slot, other) < both:
            continue
        chance = 1.0
        for position in range(min(liked.min(), passed.min()), both):
            chance *= 1 - 1 / (available[position] - position)
        for pair, (a, b) in enumerate(itertools.combinations(range(n_models), 2)):
            says = [np.sign(int(passed[model]) - int(liked[model])) for model in (a, b)]
            total[pair] += (says[0] - says[1]) / 2 / chance
    return total


@st.composite
def shops(draw):
    """Lists of up to four models, which may be short, and clicks on a mixed list."""
    n_models, k = draw(st.integers(2, 4)), draw(st.integers(1, 5))
    rankings = np.full((1, n_models, k), -1)
    for model in range(n_models):
        known = draw(st.permutations(range(8)))[: draw(st.integers(0, k))]
        rankings[0, model, : len(known)] = known
    length = draw(st.integers(1, 6))
    clicked = draw(st.lists(st.booleans(), min_size=length, max_size=length))
    return rankings, length, np.array([clicked]), draw(st.integers(0, 1_000))


@settings(max_examples=200)
@given(shops())
def test_any_list_keeps_the_rules_and_preferences_their_definition(shop) -> None:
    rankings, length, clicked, seed = shop
    pool, one = _pool(rankings), np.zeros(1, int)
    shown = mix_lists(pool, one, length, np.random.default_rng(seed))
    products = shown[0][shown[0] >= 0]
    assert np.unique(products).size == products.size == min(length, pool.ranks.shape[1])
    earliest = pool.ranks[0].min(axis=1)
    k = rankings.shape[2]
    assert all(earliest[p] <= min(slot, k - 1) for slot, p in enumerate(products))
    clicked = clicked & (shown >= 0)
    found = infer_preferences(pool, one, shown, clicked)[0]
    expected = _preferences(pool.ranks[0], pool.available[0], shown[0], clicked[0])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_clicks_that_do_not_look_at_products_prefer_no_model() -> None:
    """Summed over all lists and all clicks by position, with their probabilities."""
    rankings = np.array([[[0, 1, 2], [3, 0, 1], [0, 2, 1]]])
    pool, by_position = _pool(rankings), np.array([0.6, 0.3, 0.2])
    total = np.zeros(3)
    for shown, chance in _lists(pool.available[0], 3).items():
        for clicks in itertools.product([False, True], repeat=3):
            clicked = np.array(clicks)
            share = chance * np.where(clicked, by_position, 1 - by_position).prod()
            total += share * _preferences(pool.ranks[0], pool.available[0], shown, clicked)
    np.testing.assert_allclose(total, 0, atol=1e-12)


def test_a_copy_is_not_preferred_and_takes_nothing_from_its_model(shop) -> None:
    lists = [shop.lists[name] for name in ("popularity", "strong", "good")]
    attraction = [shop.shoppers.attraction(shop.users, products) for products in lists]
    tests = []
    for models in ([0, 1, 2], [0, 1, 2, 1]):
        rankings = np.stack([lists[model] for model in models], axis=1)
        worth = np.stack([attraction[model] for model in models], axis=1)
        tests.append(
            pairwise_tests(rankings, worth, shop.shoppers, [3_000], length=6, replicates=3, seed=1)
        )
    alone, cloned = tests
    # Pairs of four: (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3).
    np.testing.assert_array_equal(cloned.wins.a[..., [0, 1, 3]], alone.wins.a)
    np.testing.assert_array_equal(cloned.preferences.mean[..., [0, 1, 3]], alone.preferences.mean)
    assert (cloned.preferences.mean[..., 4] == 0).all()
    np.testing.assert_array_equal(cloned.wins.a[..., 2], cloned.wins.a[..., 0])
    assert (cloned.wins.a[..., 4] == 0).all() and (cloned.wins.b[..., 4] == 0).all()


def test_the_better_model_is_preferred(shop) -> None:
    names = ["popularity", "strong", "weak"]
    rankings = np.stack([shop.lists[name] for name in names], axis=1)
    attraction = np.stack(
        [shop.shoppers.attraction(shop.users, shop.lists[name]) for name in names], axis=1
    )
    tests = pairwise_tests(
        rankings, attraction, shop.shoppers, [1_000, 3_000], length=6, replicates=20, seed=1
    )
    assert (tests.scores["pairwise_multileaving"][:, 1].argmax(axis=1) == 1).all()
    assert tests.wins.a.shape == (20, 2, 3)
    assert (np.diff(tests.wins.a, axis=1) >= 0).all()
    assert 0 < tests.clicks.mean() < 6


def test_clicks_that_do_not_look_at_products_raise_no_more_alarms_than_promised(shop) -> None:
    names = list(shop.lists)
    rankings = np.stack([shop.lists[name] for name in names], axis=1)
    tests = pairwise_tests(
        rankings,
        np.full(rankings.shape, 0.2),  # every product is as attractive as every other
        shop.shoppers,
        [1_000],
        length=6,
        replicates=400,
        seed=1,
    )
    for control in range(4):
        read = draft_readings(tests, tests.scores["pairwise_multileaving"], control, 0.05)
        rates = np.delete((read.p_values[:, 0] < 0.05).mean(axis=0), control)
        assert (np.abs(rates - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)).all()


def test_without_any_product_there_is_nothing_to_prefer() -> None:
    pool, users = _pool(np.full((2, 2, 3), -1)), np.arange(2)
    shown = mix_lists(pool, users, 4, np.random.default_rng(1))
    assert (shown == -1).all()
    clicked = np.zeros((2, 4), bool)
    np.testing.assert_array_equal(infer_preferences(pool, users, shown, clicked), 0)


def test_interpreted_kernels_equal_the_compiled_ones(shop) -> None:
    names = list(shop.lists)
    rankings = np.stack([shop.lists[name][:50] for name in names], axis=1)
    attraction = np.stack(
        [shop.shoppers.attraction(shop.users[:50], shop.lists[n][:50]) for n in names], axis=1
    )
    products = np.ascontiguousarray(rankings.transpose(0, 2, 1).reshape(50, -1))
    worth = attraction.transpose(0, 2, 1).reshape(50, -1)
    pool = Pool.of(rankings, attraction)
    ranks = np.full((50, 24, 4), 6, np.int8)
    found, available = np.zeros((50, 24)), np.zeros((50, 6), np.int16)
    _gather.py_func(products, worth, 4, ranks, found, available)
    np.testing.assert_array_equal(available, pool.available)
    np.testing.assert_array_equal(ranks[:, : pool.ranks.shape[1]], pool.ranks)
    rng = np.random.default_rng(1)
    users, uniforms, clicked = np.arange(50), rng.random((50, 6)), rng.random((50, 6)) < 0.4
    shown = [np.empty((50, 6), np.int16) for _ in range(2)]
    _mix(pool.available, users, uniforms, shown[0])
    _mix.py_func(pool.available, users, uniforms, shown[1])
    np.testing.assert_array_equal(*shown)
    compiled, interpreted = np.zeros((2, 50, 6))
    _prefer(pool.ranks, pool.available, users, shown[0], clicked, compiled)
    _prefer.py_func(pool.ranks, pool.available, users, shown[0], clicked, interpreted)
    np.testing.assert_allclose(compiled, interpreted)
    assert _chance_to_wait.py_func(np.array([2, 2, 4]), 0, 2) == _chance_to_wait(
        np.array([2, 2, 4]), 0, 2
    )
