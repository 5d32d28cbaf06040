"""The half-step of alternating least squares, compiled: one side's factors given the other's."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from recolab_assets.parallel import in_order, usable_cores

_BLOCK = 64
_PARTS = 128
_SMALLEST = 1e-20


def half_step(
    confidence: Any,
    factors: np.ndarray,
    fixed: np.ndarray,
    regularization: float,
    num_threads: int = 0,
    *,
    steps: int,
    tolerance: float = 0.0,
    gram: np.ndarray | None = None,
) -> None:
    """Solve for each row's factors by conjugate gradients from where they are.

    The system of a row is (YᵀY + λI + Σ (c − 1) y yᵀ) x = Σ c y over its pairs: equation 4 of Hu,
    Koren & Volinsky (ICDM 2008), solved as in Takács, Pilászy & Tikk, "Applications of the
    conjugate gradient method for implicit feedback collaborative filtering" (RecSys 2011). A row
    without pairs becomes 0. The same arithmetic as `implicit`'s solver but in blocks of rows, so
    that the part that all rows share is a product of two matrices, and without a call to BLAS for
    each pair; a third of its time. The number of threads does not change the result.

    Args:
        confidence: (n, m) CSR float32 of c, at least 1.
        factors: (n, f) float32; changed in place.
        fixed: (m, f) float32 Y.
        regularization: λ.
        num_threads: Threads; 0: one for each core that may be used.
        steps: Most steps of a row.
        tolerance: A row is done when its residual has shrunk by this factor.
        gram: (f, f) float32 YᵀY where ``fixed`` is not all of Y; by default that of ``fixed``.
    """
    gram = fixed.T @ fixed if gram is None else gram
    shared = gram + np.float32(regularization) * np.eye(fixed.shape[1], dtype=np.float32)
    # Parts of about as many pairs each, and always the same: BLAS rounds by the size of a block.
    pairs_before = np.arange(_PARTS + 1) * confidence.nnz // _PARTS
    bounds = np.searchsorted(confidence.indptr, pairs_before)
    bounds[0], bounds[-1] = 0, len(factors)
    solve = partial(
        _solve,
        _Pairs(confidence.indptr, confidence.indices, confidence.data),
        factors,
        fixed,
        shared,
        steps,
        np.float32(tolerance**2),
    )
    parts = pairwise(bounds.tolist())
    list(in_order(lambda part: solve(*part), parts, num_threads or usable_cores()))


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter lock; sums may be reordered, so that they use vectors."""
    fast = {"reassoc", "contract", "nsz"}
    return njit(nogil=True, cache=True, fastmath=fast, error_model="numpy")(function)


class _Pairs(NamedTuple):
    """The pairs of all rows: a CSR matrix, as the compiled loops take it."""

    starts: np.ndarray
    columns: np.ndarray
    confidence: np.ndarray


class _Block(NamedTuple):
    """What the method keeps of each row of a block."""

    residuals: np.ndarray
    """(b, f) right-hand side minus the system's image of the factors."""
    directions: np.ndarray
    """(b, f) where the next step goes."""
    images: np.ndarray
    """(b, f) the system's image of the directions."""
    squares: np.ndarray
    """(b,) squared lengths of the residuals."""
    limits: np.ndarray
    """(b,) squared lengths at which the rows are done."""


@_compiled
def _solve(
    pairs: _Pairs,
    factors: np.ndarray,
    fixed: np.ndarray,
    shared: np.ndarray,
    steps: int,
    tolerance: Any,
    first: int,
    last: int,
) -> None:
    """Solve the rows from ``first`` to before ``last``."""
    n_factors = fixed.shape[1]
    block = _Block(
        np.empty((_BLOCK, n_factors), np.float32),
        np.empty((_BLOCK, n_factors), np.float32),
        np.empty((_BLOCK, n_factors), np.float32),
        np.empty(_BLOCK, np.float32),
        np.empty(_BLOCK, np.float32),
    )
    for begin in range(first, last, _BLOCK):
        x = factors[begin : min(begin + _BLOCK, last)]
        _start(pairs, x, fixed, shared, begin, block)
        for row in range(len(x)):
            block.limits[row] = max(block.squares[row] * tolerance, np.float32(_SMALLEST))
        for _ in range(steps):
            if not _step(pairs, x, fixed, shared, begin, block):
                break


@_compiled
def _start(
    pairs: _Pairs,
    x: np.ndarray,
    fixed: np.ndarray,
    shared: np.ndarray,
    begin: int,
    block: _Block,
) -> None:
    """Set the residuals of a block's factors, and the first directions to them."""
    residuals, directions = block.residuals, block.directions
    n, n_factors = x.shape
    for row in range(n):
        if pairs.starts[begin + row] == pairs.starts[begin + row + 1]:
            x[row] = 0
    np.dot(x, shared, residuals[:n])
    for row in range(n):
        for k in range(n_factors):
            residuals[row, k] = -residuals[row, k]
    _add_pairs(pairs, fixed, begin, x, 1, -1, residuals)
    for row in range(n):
        square = np.float32(0)
        for k in range(n_factors):
            directions[row, k] = residuals[row, k]
            square += residuals[row, k] * residuals[row, k]
        is_empty = pairs.starts[begin + row] == pairs.starts[begin + row + 1]
        block.squares[row] = 0 if is_empty else square


@_compiled
def _step(
    pairs: _Pairs,
    x: np.ndarray,
    fixed: np.ndarray,
    shared: np.ndarray,
    begin: int,
    block: _Block,
) -> bool:
    """Move a block's factors a step; False where all of them are there already."""
    residuals, directions, images = block.residuals, block.directions, block.images
    n, n_factors = x.shape
    n_open = 0
    for row in range(n):
        n_open += block.squares[row] > block.limits[row]
    if n_open == 0:
        return False
    np.dot(directions[:n], shared, images[:n])
    _add_pairs(pairs, fixed, begin, directions[:n], 0, 1, images)
    for row in range(n):
        if block.squares[row] <= block.limits[row]:
            continue
        curvature = np.float32(0)
        for k in range(n_factors):
            curvature += directions[row, k] * images[row, k]
        length = block.squares[row] / curvature
        square = np.float32(0)
        for k in range(n_factors):
            x[row, k] += length * directions[row, k]
            residuals[row, k] -= length * images[row, k]
            square += residuals[row, k] * residuals[row, k]
        turn = square / block.squares[row]
        block.squares[row] = square
        for k in range(n_factors):
            directions[row, k] = residuals[row, k] + turn * directions[row, k]
    return True


@_compiled
def _add_pairs(
    pairs: _Pairs,
    fixed: np.ndarray,
    begin: int,
    vectors: np.ndarray,
    alone: int,
    times_product: int,
    out: np.ndarray,
) -> None:
    """Add Σ (alone × c + times_product × (c − 1) yᵀv) y over its pairs to each row of ``out``."""
    n, n_factors = vectors.shape
    for row in range(n):
        vector, total = vectors[row], out[row]
        for entry in range(pairs.starts[begin + row], pairs.starts[begin + row + 1]):
            y = fixed[pairs.columns[entry]]
            confidence = pairs.confidence[entry]
            product = np.float32(0)
            for k in range(n_factors):
                product += y[k] * vector[k]
            weight = np.float32(alone) * confidence
            weight += np.float32(times_product) * (confidence - np.float32(1)) * product
            for k in range(n_factors):
                total[k] += weight * y[k]
