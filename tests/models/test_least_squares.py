"""The half-step of ALS: implicit's arithmetic, and the solution of the normal equations."""

import numpy as np
import pytest
from implicit.cpu import _als
from scipy.sparse import csr_matrix

from recolab_assets.models.blas import single_blas_thread
from recolab_assets.models.least_squares import half_step

ROWS, COLUMNS, FACTORS, REGULARIZATION = 500, 90, 12, 3.0


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(4)
    dense = (rng.random((ROWS, COLUMNS)) < 0.08) * rng.gamma(2, 20, (ROWS, COLUMNS))
    dense[[0, 77, ROWS - 1]] = 0
    confidence = csr_matrix(dense.astype(np.float32))
    confidence.data += 1
    return confidence


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(9)
    return [rng.normal(0, 0.3, (n, FACTORS)).astype(np.float32) for n in (ROWS, COLUMNS)]


def solved(pairs, sides, **settings):
    factors = sides[0].copy()
    with single_blas_thread():
        half_step(pairs, factors, sides[1], REGULARIZATION, **settings)
    return factors


@pytest.mark.parametrize("steps", [1, 3])
def test_a_few_steps_are_those_of_implicit(pairs, sides, steps):
    theirs = sides[0].copy()
    _als.least_squares_cg(pairs, theirs, sides[1], REGULARIZATION, cg_steps=steps)
    np.testing.assert_allclose(solved(pairs, sides, steps=steps), theirs, atol=2e-5)


def test_many_steps_solve_the_normal_equations(pairs, sides):
    found = solved(pairs, sides, steps=200, tolerance=1e-7)
    y = sides[1].astype(float)
    for row in range(ROWS):
        confidence = np.ones(COLUMNS)
        own = slice(pairs.indptr[row], pairs.indptr[row + 1])
        confidence[pairs.indices[own]] = pairs.data[own]
        normal = y.T @ (confidence[:, None] * y) + REGULARIZATION * np.eye(FACTORS)
        right = y[pairs.indices[own]].T @ pairs.data[own]
        np.testing.assert_allclose(found[row], np.linalg.solve(normal, right), atol=2e-5)


def test_some_columns_are_enough_with_the_gram_of_all(pairs, sides):
    some = np.unique(pairs[:20].indices)
    assert len(some) < COLUMNS
    found = np.zeros((20, FACTORS), np.float32)
    with single_blas_thread():
        half_step(
            csr_matrix(pairs[:20][:, some]),
            found,
            sides[1][some],
            REGULARIZATION,
            steps=200,
            tolerance=1e-7,
            gram=sides[1].T @ sides[1],
        )
    expected = solved(pairs, sides, steps=200, tolerance=1e-7)[:20]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_rows_without_pairs_become_zero(pairs, sides):
    found = solved(pairs, sides, steps=3)
    empty = np.diff(pairs.indptr) == 0
    assert empty.sum() >= 3
    assert not found[empty].any()
    assert found[~empty].any(axis=1).all()


def test_threads_do_not_change_a_bit(pairs, sides):
    alone = solved(pairs, sides, steps=3, num_threads=1)
    np.testing.assert_array_equal(alone, solved(pairs, sides, steps=3, num_threads=5))
    np.testing.assert_array_equal(alone, solved(pairs, sides, steps=3))


def test_looser_tolerance_stops_earlier(pairs, sides):
    exact = solved(pairs, sides, steps=200, tolerance=1e-7)
    errors = [
        np.abs(solved(pairs, sides, steps=200, tolerance=at) - exact).max() for at in (1e-1, 1e-3)
    ]
    assert errors[0] > errors[1] > 0
