"""The top lists of one model: what everything after the models reads."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from recolab_assets.tables import TABLES

NO_PRODUCT: Final = -1
"""Stands where a list has no product (any more)."""


@dataclass(frozen=True, eq=False)
class RecommendationLists:
    """One model's ranked products for a block of users.

    Attributes:
        users: (n,) int32, ascending and distinct.
        products: (n, k) int32, best first; ``NO_PRODUCT`` pads a short list, at its end only.
        scores: (n, k) float32; NaN at pads.
        is_fallback: (n,) bool; the model cannot serve the user and popularity fills in.
    """

    users: np.ndarray
    products: np.ndarray
    scores: np.ndarray
    is_fallback: np.ndarray

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        n = len(self.users)
        if self.products.ndim != 2 or len(self.products) != n:
            raise ValueError(f"products must be ({n}, k), not {self.products.shape}")
        if self.scores.shape != self.products.shape:
            raise ValueError(
                f"scores {self.scores.shape} and products {self.products.shape} differ in shape"
            )
        if self.is_fallback.shape != (n,):
            raise ValueError(f"is_fallback must be ({n},), not {self.is_fallback.shape}")
        if n > 1 and not np.all(np.diff(self.users) > 0):
            raise ValueError("users must be ascending and distinct")

    @property
    def k(self) -> int:
        """Length of a full list."""
        return int(self.products.shape[1])

    @property
    def lengths(self) -> np.ndarray:
        """(n,) number of products in each list, pads not counted."""
        lengths: np.ndarray = np.count_nonzero(self.products != NO_PRODUCT, axis=1)
        return lengths

    def to_table(self, model: str) -> pa.Table:
        """Return the long table ``recommendations.recommendations``, ordered by user and rank.

        Args:
            model: Name of the model, the same in every row.

        Returns:
            One row a recommended product: model, user_id, rank (from 1), product_id, score,
            is_fallback; pads are left out.
        """
        kept = self.products != NO_PRODUCT
        rows, positions = np.nonzero(kept)
        schema = TABLES["recommendations"].arrow_schema
        columns: dict[str, Any] = {
            "model": pa.repeat(pa.scalar(model, pa.string()), len(rows)),
            "user_id": self.users[rows],
            "rank": positions + 1,
            "product_id": self.products[kept],
            "score": self.scores[kept],
            "is_fallback": self.is_fallback[rows],
        }
        return pa.Table.from_arrays(
            [pa.array(columns[field.name], field.type) for field in schema], schema=schema
        )

    @classmethod
    def concatenate(cls, blocks: Sequence[Self]) -> Self:
        """Join blocks of users of one model; users ascend from one block to the next."""
        parts = [[getattr(block, field.name) for block in blocks] for field in fields(cls)]
        return cls(*map(np.concatenate, parts))

    @classmethod
    def from_table(cls, table: pa.Table, k: int, users: np.ndarray | None = None) -> Self:
        """Build the lists of one model from rows of the long table, in any order.

        Args:
            table: Columns user_id, rank and product_id; score and is_fallback where kept.
            k: Length of the lists; rows with a higher rank are left out.
            users: (n,) int32 users wanted, ascending; one without rows has an empty list. By
                default all that have rows.

        Raises:
            ValueError: A rank is below 1, two rows share user and rank, or a rank is missing
                between two others.
        """
        users_of_rows = table.column("user_id").to_numpy().astype(np.int32, copy=False)
        positions = table.column("rank").to_numpy().astype(np.int64) - 1
        if len(positions) and positions.min() < 0:
            raise ValueError("ranks start from 1")
        if users is None:
            users, rows = np.unique(users_of_rows, return_inverse=True)
        else:
            rows = _places(users, users_of_rows)
        kept = (positions < k) & (rows >= 0)
        cells = rows[kept] * k + positions[kept]
        products = np.full((len(users), k), NO_PRODUCT, np.int32)
        products.ravel()[cells] = table.column("product_id").to_numpy()[kept]
        filled = products != NO_PRODUCT
        if np.count_nonzero(filled) != len(cells):
            raise ValueError("two rows have the same user and rank; is this more than one model?")
        if np.any(filled[:, 1:] & ~filled[:, :-1]):
            raise ValueError("a list has a gap in its ranks")
        scores = np.full((len(users), k), np.nan, np.float32)
        if "score" in table.column_names:
            scores.ravel()[cells] = table.column("score").to_numpy()[kept]
        is_fallback = np.zeros(len(users), bool)
        if "is_fallback" in table.column_names:
            flags = table.column("is_fallback").to_numpy(zero_copy_only=False)
            is_fallback[rows[kept]] = flags[kept]
        return cls(users, products, scores, is_fallback)


def _places(users: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Place of each of some users among others, -1 where it is none of them."""
    place_of = np.full(max(users.max(initial=-1), wanted.max(initial=-1)) + 1, -1, np.int64)
    place_of[users] = np.arange(len(users))
    places: np.ndarray = place_of[wanted]
    return places
