"""The half-steps of ALS on Spark's executors: the function of one machine, a shard at a time."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from recolab_assets.models.als import confidence_of, solve_rows
from recolab_assets.scale.blocks import Batches, Shared, of_shards

Factors: TypeAlias = tuple[np.ndarray, np.ndarray]
"""(n,) int32 ids, ascending, and (n, f) float32 factors."""


def solve_users(
    product_factors: Shared[Factors], alpha: float, regularization: float
) -> Callable[[Batches], Batches]:
    """Solve the users' half-step for the users of each shard.

    Args:
        product_factors: Of all products with a pair.
        alpha: Confidence that a unit of weight adds.
        regularization: λ of each user.

    Returns:
        A function of rows (shard, user_id, product_id, weight), the pairs with a weight above 0.
    """

    def one(shard: int, rows: pa.Table) -> pa.Table:
        products, fixed = product_factors.value
        columns = np.searchsorted(products, rows["product_id"].to_numpy())
        users, pairs = _by_row(rows, "user_id", columns, len(products))
        solved = solve_rows(fixed, confidence_of(pairs, alpha), regularization)
        return _factors_table("user_id", users, solved)

    return of_shards(one)


def solve_products(
    gram: np.ndarray, alpha: float, regularization: float
) -> Callable[[Batches], Batches]:
    """Solve the products' half-step for the products of each block.

    The users' factors come with the pairs, since a broadcast of all of them would grow with the
    shop; what the systems of all products share is their product with themselves.

    Args:
        gram: (f, f) float32 XᵀX of the factors of all users with a pair.
        alpha: Confidence that a unit of weight adds.
        regularization: λ of each product.

    Returns:
        A function of rows (block, user_id, product_id, weight, factors), the pairs with a weight
        above 0 and the factors of their users.
    """

    def one(block: int, rows: pa.Table) -> pa.Table:
        fixed = matrix_of(rows["factors"], len(gram))
        products, pairs = _by_row(rows, "product_id", np.arange(len(fixed)), len(fixed))
        solved = solve_rows(fixed, confidence_of(pairs, alpha), regularization, gram)
        return _factors_table("product_id", products, solved)

    return of_shards(one)


def gram(n_factors: int) -> Callable[[Batches], Batches]:
    """Multiply the factors of each batch with themselves; the sum over batches is XᵀX.

    Returns:
        A function of rows (factors) which gives rows (gram), each f × f float64 values.
    """

    def run(batches: Batches) -> Batches:
        for batch in batches:
            factors = matrix_of(batch.column(0), n_factors).astype(np.float64)
            values = (factors.T @ factors).ravel()
            ends = np.array([0, len(values)], np.int32)
            yield pa.record_batch({"gram": pa.ListArray.from_arrays(ends, values)})

    return run


def matrix_of(lists: pa.Array | pa.ChunkedArray, width: int) -> np.ndarray:
    """Return lists of the same length as the rows of a matrix."""
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.combine_chunks()
    rows: np.ndarray = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), width)
    return rows


def _by_row(
    rows: pa.Table, key: str, columns: np.ndarray, n_columns: int
) -> tuple[np.ndarray, csr_matrix]:
    """Return (n,) ids, ascending, and the (n, n_columns) weights of their pairs."""
    ids, owners = np.unique(rows[key].to_numpy(), return_inverse=True)
    weights = rows["weight"].to_numpy()
    return ids, csr_matrix((weights, (owners, columns)), (len(ids), n_columns))


def _factors_table(key: str, ids: np.ndarray, factors: np.ndarray) -> pa.Table:
    offsets = np.arange(len(ids) + 1, dtype=np.int32) * factors.shape[1]
    lists = pa.ListArray.from_arrays(offsets, factors.ravel())
    return pa.table({key: ids.astype(np.int32), "factors": lists})
