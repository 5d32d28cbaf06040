"""The arrays that experiments take, the checks that they align, and the tables they end in."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recolab_assets.tables import TABLES

IntArray = npt.NDArray[np.integer]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
DayArray = npt.NDArray[np.datetime64]

USERS_PER_BLOCK = 65_536
"""Users worked on at a time: bounds memory, and numbers the shards of the random streams."""


def blocks(n_users: int) -> Iterator[tuple[int, slice]]:
    """Number and slice of each block of users, in order."""
    for shard, start in enumerate(range(0, n_users, USERS_PER_BLOCK)):
        yield shard, slice(start, min(start + USERS_PER_BLOCK, n_users))


def check_lists(users: IntArray, lists: Mapping[str, IntArray]) -> None:
    """Refuse lists that do not stand row by row for the same users at the same length.

    Args:
        users: (n,) distinct user ids.
        lists: For each model (n, K) product ids, best first; -1 pads a short list at its end.

    Raises:
        ValueError: No list at all, a user twice, shapes that differ, or a pad before a product.
    """
    if not lists:
        raise ValueError("an experiment needs the lists of at least one model")
    if users.ndim != 1 or np.unique(users).size != users.size:
        raise ValueError("users must be a vector of distinct ids")
    shapes = {model: products.shape for model, products in lists.items()}
    expected = (users.size, next(iter(shapes.values()))[-1])
    for model, shape in shapes.items():
        if shape != expected:
            raise ValueError(f"lists of {model} have shape {shape}; expected {expected}")
        shown = lists[model] >= 0
        if (shown[:, 1:] & ~shown[:, :-1]).any():
            raise ValueError(f"lists of {model} have an empty slot before a product")


def report_table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Build a table of the contract from rows; values that are not a number become absent."""
    return pa.Table.from_pylist(
        [
            {
                column: None if isinstance(value, float) and math.isnan(value) else value
                for column, value in row.items()
            }
            for row in rows
        ],
        schema=TABLES[name].arrow_schema,
    )
