"""Exact top-K with ties at the cut-off, against sorting everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recolab_assets.models.ranking import (
    Sieve,
    empty_keys,
    fill_from_order,
    sift_scores,
    top_of_blend,
    top_of_neighbours,
    top_of_sieve,
    unpack,
)
from recolab_assets.models.training import Rows

# Few distinct values, so that ties are everywhere, and everything a score must not be.
TIED = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 1e-30, 1.0, 3.5])
ANY = TIED | st.sampled_from([np.nan, np.inf, -np.inf]) | st.floats(width=32)


def rows_of(lists, values=None):
    starts = np.cumsum([0, *map(len, lists)]).astype(np.int32)
    products = np.array([product for row in lists for product in row], np.int32)
    return Rows(starts, products, np.ones(len(products), "f4") if values is None else values)


def sorted_lists(scores, products, depth):
    """Rank every row by sorting (score descending, column ascending) all that is finite."""
    lists = np.full((len(scores), depth), -1)
    for row, values in enumerate(scores):
        columns = [c for c in range(len(values)) if np.isfinite(values[c])]
        columns.sort(key=lambda c: (-float(values[c]), c))
        best = [products[c] for c in columns[:depth]]
        lists[row, : len(best)] = best
    return lists


def rank_dense(scores, products, column_of, seen, depth, exclude_seen=True, tile=70):
    n = len(scores)
    keys, sieve = empty_keys(n, depth), Sieve.empty(n, depth)
    for first in range(0, scores.shape[1], tile):
        sift_scores(
            scores[:, first : first + tile].copy(),
            first,
            np.arange(n, dtype=np.int32),
            column_of,
            rows_of(seen) if exclude_seen else Rows.nothing(n),
            depth,
            sieve,
        )
    top_of_sieve(sieve, keys)
    return unpack(keys, products)


@given(data=st.data(), depth=st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_dense_ranking_is_that_of_a_full_sort(data, depth):
    n_columns = data.draw(st.integers(1, 150))
    scores = data.draw(hnp.arrays(np.float32, (2, n_columns), elements=ANY))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    n_products = n_columns + 3
    products = generator.permutation(n_products)[:n_columns].astype(np.int32)
    column_of = np.full(n_products, -1, np.int32)
    column_of[products] = np.arange(n_columns)
    seen = [sorted(set(generator.integers(0, n_products, 4).tolist())), []]
    found, values = rank_dense(scores, products, column_of, seen, depth)
    allowed = scores.copy()
    allowed[0, [c for c in column_of[seen[0]] if c >= 0]] = np.nan
    np.testing.assert_array_equal(found, sorted_lists(allowed, products, depth))
    listed = found >= 0
    rows = np.nonzero(listed)[0]
    np.testing.assert_array_equal(values[listed], scores[rows, column_of[found[listed]]])
    assert np.isnan(values[~listed]).all()


def test_ties_at_the_cut_off_of_a_long_row_go_to_the_lowest_columns():
    scores = np.zeros((1, 5_000), np.float32)
    scores[0, 1::2] = 1
    products = np.arange(5_000, dtype=np.int32)
    found, _ = rank_dense(scores, products, products, [[]], 700)
    np.testing.assert_array_equal(found[0], np.arange(1, 1_400, 2))


@pytest.mark.parametrize("tile", [70, 1_024, 3_000])
def test_long_rows_in_every_order(tile):
    generator = np.random.default_rng(0)
    products = np.arange(3_000, dtype=np.int32)
    rising = np.arange(3_000, dtype=np.float32)
    coarse = generator.integers(0, 40, 3_000).astype(np.float32)
    normal = generator.normal(size=3_000)
    unusual = np.where(rising % 3 == 0, np.inf, np.where(rising % 3 == 1, np.nan, normal))
    few = np.where(rising % 500 == 0, normal, -np.inf)
    scores = np.stack([rising, -rising, coarse, normal, unusual, few]).astype(np.float32)
    for depth in (1, 20, 100, 2_999, 3_500):
        found, _ = rank_dense(scores, products, products, [[]] * 6, depth, tile=tile)
        np.testing.assert_array_equal(found, sorted_lists(scores, products, depth))


def test_seen_products_stay_where_repeats_are_allowed():
    scores = np.array([[3, 2, 1]], np.float32)
    products = np.arange(3, dtype=np.int32)
    found, _ = rank_dense(scores, products, products, [[0, 1]], 2, exclude_seen=False)
    assert found.tolist() == [[0, 1]]
    found, _ = rank_dense(scores, products, products, [[0, 1]], 2)
    assert found.tolist() == [[2, -1]]


@given(
    history=st.lists(
        st.dictionaries(st.integers(0, 9), st.sampled_from([1.0, 2.0, 4.0]), max_size=5),
        min_size=1,
        max_size=3,
    ),
    links=hnp.arrays(np.float64, (10, 10), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    depth=st.integers(1, 12),
)
@settings(max_examples=80, deadline=None)
def test_neighbours_are_the_product_of_two_matrices(history, links, depth):
    column_of = np.random.default_rng(4).permutation(10).astype(np.int32)
    order = np.argsort(column_of).astype(np.int32)
    rows = [sorted(row) for row in history]
    weights = np.array(
        [row[p] for row, ps in zip(history, rows, strict=True) for p in ps], np.float32
    )
    keys = empty_keys(len(rows), depth)
    near = [np.flatnonzero(row).tolist() for row in links]
    top_of_neighbours(
        np.arange(len(rows), dtype=np.int32),
        rows_of(rows, weights),
        rows_of(near, links[links > 0]),
        column_of,
        rows_of(rows),
        keys,
    )
    found, _ = unpack(keys, order)
    dense = np.zeros((len(rows), 10))
    for at, row in enumerate(history):
        for product, weight in row.items():
            dense[at] += weight * links[product]
        dense[at, rows[at]] = 0
    dense[dense == 0] = np.nan
    np.testing.assert_array_equal(found, sorted_lists(dense[:, order], order, depth))


@given(
    lists=st.lists(
        st.lists(st.tuples(st.integers(0, 7), TIED), max_size=4, unique_by=lambda pair: pair[0]),
        min_size=1,
        max_size=3,
    ),
    shares=st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=3, max_size=3),
)
@settings(max_examples=100, deadline=None)
def test_blend_adds_scaled_lists(lists, shares):
    depth = 4
    products = np.full((len(lists), 1, depth), -1, np.int32)
    scores = np.full((len(lists), 1, depth), np.nan, np.float32)
    expected = np.full(8, np.nan)
    for part, pairs in enumerate(lists):
        ranked = sorted(pairs, key=lambda pair: -pair[1])
        values = np.array([score for _, score in ranked])
        for place, (product, score) in enumerate(ranked):
            products[part, 0, place], scores[part, 0, place] = product, score
            low = values.min() if len(values) == depth else min(values.min(), 0)
            scaled = (score - low) / (values.max() - low) if values.max() > low else 1.0
            expected[product] = np.nansum([expected[product], shares[part] * scaled])
    keys = empty_keys(1, 9)
    column_of = np.arange(8, dtype=np.int32)
    top_of_blend(products, scores, np.array(shares[: len(lists)]), column_of, keys)
    found, values = unpack(keys, column_of)
    rounded = expected.astype(np.float32)
    # Scores are summed in the order of the parts here too, so that even the last bit agrees.
    np.testing.assert_array_equal(found, sorted_lists(rounded[None], column_of, 9))
    np.testing.assert_allclose(values[found >= 0], expected[found[found >= 0]], rtol=1e-6)


@given(data=st.data(), depth=st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_filling_takes_the_first_that_is_neither_listed_nor_seen(data, depth):
    order = data.draw(st.permutations(range(7)))
    rows = st.lists(st.integers(0, 6), unique=True)
    listed, seen = data.draw(rows), sorted(data.draw(rows))
    listed = [product for product in listed if product not in seen][:depth]
    lists = np.full((1, depth), -1, np.int32)
    lists[0, : len(listed)] = listed
    fill_from_order(
        np.zeros(1, np.int32),
        rows_of([seen]),
        np.array(order, np.int32),
        7,
        lists,
    )
    rest = [product for product in order if product not in listed and product not in seen]
    expected = (listed + rest)[:depth]
    assert lists[0].tolist() == expected + [-1] * (depth - len(expected))
