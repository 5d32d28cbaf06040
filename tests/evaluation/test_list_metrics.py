"""List metrics against brute force, closed forms and their edge cases."""

import doctest
from itertools import combinations
from math import log2

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recolab_assets.evaluation import list_metrics
from recolab_assets.evaluation.list_metrics import (
    Catalogue,
    average_popularity,
    category_diversity,
    coverage,
    gini,
    measure_lists,
    novelty,
    recommendation_counts,
)

N_PRODUCTS = 9
WIDTH = 6
LISTS = st.lists(st.lists(st.integers(0, N_PRODUCTS - 1), unique=True, max_size=WIDTH), max_size=6)
CATEGORIES = st.lists(st.integers(-1, 3), min_size=N_PRODUCTS, max_size=N_PRODUCTS)


def padded(lists: list[list[int]]) -> npt.NDArray[np.int32]:
    rows = [products + [-1] * (WIDTH - len(products)) for products in lists]
    return np.array(rows, np.int32).reshape(-1, WIDTH)


def catalogue(training_users: list[int], n_training_users: int) -> Catalogue:
    n = len(training_users)
    return Catalogue(np.zeros(n, np.int32), np.array(training_users), n_training_users, n)


@settings(deadline=None)
@given(lists=LISTS, categories=CATEGORIES, k=st.integers(1, WIDTH + 2))
def test_diversity_is_the_share_of_known_pairs_that_differ(
    lists: list[list[int]], categories: list[int], k: int
) -> None:
    expected = []
    for products in lists:
        known = [categories[p] for p in products[:k] if categories[p] >= 0]
        pairs = [a != b for a, b in combinations(known, 2)]
        expected.append(sum(pairs) / len(pairs) if pairs else float("nan"))
    found = category_diversity(padded(lists), np.array(categories), k)
    np.testing.assert_allclose(found, expected)


def test_diversity_of_one_category_is_zero_and_of_all_different_is_one() -> None:
    lists = np.array([[0, 1, 2]])
    assert category_diversity(lists, np.array([4, 4, 4]), 3) == 0.0
    assert category_diversity(lists, np.array([0, 1, 2]), 3) == 1.0


def test_a_shop_without_categories_has_no_diversity() -> None:
    assert np.isnan(category_diversity(np.array([[0, 1, 2]]), np.full(3, -1), 3)).all()


@settings(deadline=None)
@given(
    lists=LISTS,
    users=st.lists(st.integers(0, 20), min_size=N_PRODUCTS, max_size=N_PRODUCTS),
    k=st.integers(1, WIDTH + 2),
)
def test_novelty_and_popularity_are_means_over_the_list(
    lists: list[list[int]], users: list[int], k: int
) -> None:
    shop = catalogue(users, 20)
    cut = [products[:k] for products in lists]
    np.testing.assert_allclose(
        novelty(padded(lists), shop, k),
        [sum(-log2((users[p] + 1) / 21) for p in c) / len(c) if c else float("nan") for c in cut],
    )
    np.testing.assert_allclose(
        average_popularity(padded(lists), shop, k),
        [sum(users[p] for p in c) / len(c) if c else float("nan") for c in cut],
    )


def test_a_product_that_nobody_has_is_finitely_and_most_novel() -> None:
    found = novelty(np.array([[0], [1], [2]]), catalogue([0, 1, 1000], 1000), 1)
    assert np.isfinite(found).all()
    assert found[0] > found[1] > found[2] == 0.0


@settings(deadline=None)
@given(lists=LISTS, k=st.integers(1, WIDTH + 2))
def test_counts_and_coverage_are_those_of_the_cut_lists(lists: list[list[int]], k: int) -> None:
    shown = [p for products in lists for p in products[:k]]
    counts = recommendation_counts(padded(lists), N_PRODUCTS, k)
    assert counts.tolist() == [shown.count(p) for p in range(N_PRODUCTS)]
    assert coverage(counts, N_PRODUCTS) == len(set(shown)) / N_PRODUCTS
    assert coverage(counts, 2 * N_PRODUCTS) == len(set(shown)) / N_PRODUCTS / 2


@settings(deadline=None)
@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_gini_is_half_the_relative_mean_difference(counts: list[int]) -> None:
    x = np.array(counts, float)
    if not x.sum():
        assert np.isnan(gini(np.array(counts)))
        return
    mean_difference = np.abs(x[:, None] - x).mean()
    assert gini(np.array(counts)) == pytest.approx(mean_difference / (2 * x.mean()), abs=1e-12)


def test_without_lists_nothing_is_covered_and_the_rest_is_undefined() -> None:
    measures = measure_lists(padded([]), catalogue([1] * N_PRODUCTS, 5), 3)
    assert measures.overall["coverage"] == 0.0
    assert np.isnan(measures.overall["gini"])
    assert all(values.size == 0 for values in measures.per_list.values())


def test_catalogue_reads_products_in_any_order() -> None:
    products = pa.table(
        {
            "product_id": pa.array([2, 0, 3, 1], pa.int32()),
            "category": pa.array(["toys", "garden", None, "toys"]),
        }
    )
    pairs = pa.table(
        {
            "user_id": pa.array([4, 4, 9], pa.int32()),
            "product_id": pa.array([2, 0, 2], pa.int32()),
        }
    )
    shop = Catalogue.from_tables(products, pairs)
    assert shop.categories[1] == shop.categories[2] != shop.categories[0]
    assert shop.categories[3] == -1
    assert shop.training_users.tolist() == [1, 0, 2, 0]
    assert (shop.n_training_users, shop.n_recommendable) == (2, 4)
    assert Catalogue.from_tables(products, pairs, n_recommendable=3).n_recommendable == 3


def test_catalogue_without_any_category_or_pair() -> None:
    products = pa.table(
        {"product_id": pa.array([0, 1], pa.int32()), "category": pa.nulls(2, pa.string())}
    )
    pairs = pa.table({"user_id": pa.array([], pa.int32()), "product_id": pa.array([], pa.int32())})
    shop = Catalogue.from_tables(products, pairs)
    assert shop.categories.tolist() == [-1, -1]
    assert shop.training_users.tolist() == [0, 0]
    assert np.isfinite(novelty(np.array([[0, 1]]), shop, 2)).all()


def test_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(list_metrics).failed == 0
