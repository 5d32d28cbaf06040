"""What the models learn from: training pairs, the catalogue's attributes and popularity."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

ATTRIBUTES = ("category", "subcategory", "brand", "price_tier")
"""Columns of the catalogue that describe a product."""


class Rows(NamedTuple):
    """A sparse matrix with a column a product, as the compiled loops take it."""

    starts: np.ndarray
    """(rows + 1,) int32 where each row begins."""
    products: np.ndarray
    """(entries,) int32 product ids."""
    values: np.ndarray
    """(entries,) values."""

    @classmethod
    def of(cls, matrix: Any) -> Self:
        """View a CSR matrix."""
        return cls(matrix.indptr, matrix.indices, matrix.data)

    @classmethod
    def nothing(cls, n_rows: int) -> Self:
        """Return float32 rows without an entry."""
        none = np.empty(0, np.int32)
        return cls(np.zeros(n_rows + 1, np.int32), none, none.astype(np.float32))


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training pairs of all users beside the catalogue.

    Ids are dense, so rows are user ids and columns are product ids.

    Attributes:
        pairs: (n_users, n_products) float32 weights, sorted indices, at least 0. A stored pair is
            a product that the user has seen, so it is not recommended to the user again. A pair
            may have weight 0 (all its events have weight 0): it is seen, but nothing is learned
            from it.
        products: The catalogue ordered by product_id; an attribute that is missing or null is
            absent.
        popularity: (n_products,) float64 recency-weighted counts.
        offered: (n_products,) bool which products are ranked, where that is a block of them
            (``models.product_blocks``); None: all. The others are there as parts of histories.
    """

    pairs: Any
    products: pa.Table
    popularity: np.ndarray
    offered: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        n_products = self.pairs.shape[1]
        if self.products.num_rows != n_products:
            raise ValueError(
                f"{self.products.num_rows} products, but pairs with {n_products} columns"
            )
        if self.popularity.shape != (n_products,):
            raise ValueError(
                f"popularity must be ({n_products},), not {tuple(self.popularity.shape)}"
            )
        if self.offered is not None and self.offered.shape != (n_products,):
            raise ValueError(f"offered must be ({n_products},), not {tuple(self.offered.shape)}")
        if not np.all(np.isfinite(self.popularity)):
            raise ValueError("popularity must be finite")
        if self.pairs.nnz and not (
            self.pairs.data.min() >= 0 and np.isfinite(self.pairs.data.max())
        ):
            raise ValueError("weights of training pairs must be finite and at least 0")

    @classmethod
    def from_tables(
        cls,
        train_pairs: pa.Table,
        products: pa.Table,
        popularity: pa.Table | np.ndarray,
        n_users: int,
        offered: np.ndarray | None = None,
    ) -> Self:
        """Build from ``processed.train_pairs``, ``raw.products`` and ``models.popularity``.

        Args:
            train_pairs: user_id, product_id and weight; weights of repeated pairs are summed.
            products: product_id (0 to n − 1, in any order) and the attributes, all optional but
                the id; title where explanations are to name products.
            popularity: product_id and score of every product, or scores by product id.
            n_users: Users of the shop, with and without training pairs.
            offered: (n_products,) bool which products are ranked; by default all.

        Raises:
            ValueError: Ids are not dense, or a pair lies outside the shop.
        """
        n_products = products.num_rows
        ids = _column(products, "product_id", np.int64)
        order = np.argsort(ids, kind="stable")
        if not np.array_equal(ids[order], np.arange(n_products)):
            raise ValueError("product_id must run from 0 without gaps")
        if isinstance(popularity, pa.Table):
            scored = _column(popularity, "product_id", np.int64)
            if not np.array_equal(np.sort(scored), np.arange(n_products)):
                raise ValueError("popularity must have one row for every product")
            scores = np.empty(n_products)
            scores[scored] = _column(popularity, "score", np.float64)
        else:
            scores = np.array(popularity, np.float64)
        users = _column(train_pairs, "user_id", np.int32)
        seen = _column(train_pairs, "product_id", np.int32)
        for name, values, limit in (("user_id", users, n_users), ("product_id", seen, n_products)):
            if len(values) and not (values.min() >= 0 and values.max() < limit):
                raise ValueError(f"train_pairs: {name} outside 0 to {limit - 1}")
        weights = _column(train_pairs, "weight", np.float32)
        pairs = csr_array((weights, (users, seen)), shape=(n_users, n_products))
        pairs.sum_duplicates()
        return cls(pairs, products.take(order), scores, offered)

    @property
    def n_users(self) -> int:
        """Users of the shop."""
        return int(self.pairs.shape[0])

    @property
    def n_products(self) -> int:
        """Products of the catalogue."""
        return int(self.pairs.shape[1])

    @cached_property
    def history(self) -> Any:
        """(n_users, n_products) the pairs to learn from: those with a weight above 0."""
        if self.pairs.nnz == 0 or self.pairs.data.min() > 0:
            return self.pairs
        history = self.pairs.copy()
        history.eliminate_zeros()
        return history

    @cached_property
    def popularity_order(self) -> np.ndarray:
        """(n_products,) int32 product ids, most popular first; ties by product id."""
        return np.argsort(-self.popularity, kind="stable").astype(np.int32)

    @cached_property
    def offered_order(self) -> np.ndarray:
        """(m,) int32 ids of the products that are ranked, in popularity order."""
        order = self.popularity_order
        return order if self.offered is None else order[self.offered[order]]

    @cached_property
    def popularity_position(self) -> np.ndarray:
        """(n_products,) int32 place of each product in the popularity order, from 0."""
        position = np.empty(self.n_products, np.int32)
        position[self.popularity_order] = np.arange(self.n_products, dtype=np.int32)
        return position

    def seen(self, *, exclude: bool) -> Rows:
        """Return what each user has in training, or nothing where repeats are allowed."""
        return Rows.of(self.pairs) if exclude else Rows.nothing(self.n_users)

    def history_of(self, user: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the products that the user's profile rests on, with their weights."""
        matrix = self.history
        row = slice(matrix.indptr[user], matrix.indptr[user + 1])
        return matrix.indices[row], matrix.data[row]

    def title(self, product: int) -> str:
        """Return the product's title in quotation marks, or its id where it has none."""
        if "title" in self.products.column_names:
            title = self.products.column("title")[product].as_py()
            if title:
                return f"«{title}»"
        return f"product {product}"


def _column(table: pa.Table, name: str, dtype: type[np.generic]) -> np.ndarray:
    """Copy a column: compiled code has one type for writable arrays and another for Arrow's."""
    return np.array(table.column(name).to_numpy(), dtype)
