"""What counts as relevant: the distinct hold-out products of the users who have any."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Relevance:
    """Relevant products of the eligible users, in compressed rows.

    The products of ``users[i]`` are ``products[indptr[i]:indptr[i + 1]]``.

    Attributes:
        users: ``(n,)`` int32, ascending: the users with at least one relevant product.
        indptr: ``(n + 1,)`` int64, where the products of each user start.
        products: int32, ascending within a user, without repeats.
    """

    users: npt.NDArray[np.int32]
    indptr: npt.NDArray[np.int64]
    products: npt.NDArray[np.int32]

    @property
    def n_relevant(self) -> npt.NDArray[np.int64]:
        """Number of relevant products of each eligible user, ``(n,)``, at least 1."""
        return np.diff(self.indptr)

    def of_users(self, users: npt.ArrayLike) -> Self:
        """Return what is relevant to some of the eligible users; others are passed over."""
        rows = np.flatnonzero(np.isin(self.users, users))
        kept = np.repeat(np.isin(np.arange(self.users.size), rows), self.n_relevant)
        ends = np.append(0, self.n_relevant[rows].cumsum())
        return type(self)(self.users[rows], ends, self.products[kept])

    def of_products(self, chosen: npt.NDArray[np.bool_]) -> Self:
        """Return the part that concerns some products; users whose products are others drop out.

        Args:
            chosen: ``(n_products,)`` whether a product counts.

        >>> relevance = Relevance.from_pairs(users=[3, 7, 7], products=[0, 1, 2])
        >>> part = relevance.of_products(np.array([False, True, True]))
        >>> part.users, part.products
        (array([7], dtype=int32), array([1, 2], dtype=int32))
        """
        return self._kept(chosen[self.products])

    def without(self, other: Self) -> Self:
        """Return the pairs that are not in another.

        >>> relevance = Relevance.from_pairs(users=[3, 7, 7], products=[0, 1, 2])
        >>> rest = relevance.without(Relevance.from_pairs(users=[3, 7], products=[0, 2]))
        >>> rest.users, rest.products
        (array([7], dtype=int32), array([1], dtype=int32))
        """
        stride = max(_stride(self.products), _stride(other.products))
        return self._kept(~_contains(other._keys(stride), self._keys(stride)))

    def _keys(self, stride: int) -> npt.NDArray[np.int64]:
        """Pack each pair into one integer; ascending."""
        users = np.repeat(self.users.astype(np.int64), self.n_relevant)
        return users * stride + self.products

    def _kept(self, kept: npt.NDArray[np.bool_]) -> Self:
        stride = _stride(self.products)
        return self._from_keys(self._keys(stride)[kept], stride)

    @classmethod
    def from_pairs(cls, users: npt.ArrayLike, products: npt.ArrayLike) -> Self:
        """Collect (user, product) pairs; repeats count once.

        >>> relevance = Relevance.from_pairs(users=[7, 3, 7, 7], products=[5, 9, 1, 5])
        >>> relevance.users, relevance.n_relevant, relevance.products
        (array([3, 7], dtype=int32), array([1, 2]), array([9, 1, 5], dtype=int32))
        """
        user_ids, product_ids = np.asarray(users, np.int64), np.asarray(products, np.int64)
        stride = _stride(product_ids)
        return cls._from_keys(np.unique(user_ids * stride + product_ids), stride)

    @classmethod
    def from_tables(
        cls, test_interactions: pa.Table, train_pairs: pa.Table, *, exclude_seen: bool
    ) -> Self:
        """Read the relevant products off the hold-out.

        Args:
            test_interactions: Hold-out events with columns user_id, item_id and item_type; events
                with editorial content are passed over.
            train_pairs: Training pairs with columns user_id and product_id.
            exclude_seen: Leave out products that the user already has in training. Models that
                never repeat a product cannot be asked for them; where a shop sells repeats, all
                products of the hold-out count.
        """
        is_product = pc.equal(test_interactions["item_type"], "product")
        events = test_interactions.select(["user_id", "item_id"]).filter(is_product)
        users, products = _int64(events["user_id"]), _int64(events["item_id"])
        seen_users, seen_products = (
            _int64(train_pairs["user_id"]),
            _int64(train_pairs["product_id"]),
        )
        stride = max(_stride(products), _stride(seen_products))
        keys = np.unique(users * stride + products)
        if exclude_seen:
            keys = keys[~_contains(seen_users * stride + seen_products, keys)]
        return cls._from_keys(keys, stride)

    @classmethod
    def _from_keys(cls, keys: npt.NDArray[np.int64], stride: int) -> Self:
        users, products = np.divmod(keys, stride)
        eligible, starts = np.unique(users, return_index=True)
        return cls(
            eligible.astype(np.int32),
            np.append(starts, users.size).astype(np.int64),
            products.astype(np.int32),
        )

    def hits(self, users: npt.ArrayLike, products: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Mark the relevant products in the lists of the eligible users.

        Args:
            users: ``(m,)`` owners of the lists, ascending and distinct; users who are not eligible
                are passed over.
            products: ``(m, K)`` lists of distinct products, best first; -1 pads a short list.

        Returns:
            ``(n, K)``, a row for each of ``self.users``; a user without a list has no hits.

        >>> relevance = Relevance.from_pairs(users=[3, 7, 7], products=[9, 1, 5])
        >>> relevance.hits(users=[1, 7], products=[[1, 5, 9], [5, 0, -1]])
        array([[False, False, False],
               [ True, False, False]])
        """
        owners, lists = np.asarray(users, np.int64), np.asarray(products, np.int64)
        marked = np.zeros((self.users.size, lists.shape[1]), np.bool_)
        if not owners.size or not self.users.size:
            return marked
        row = np.minimum(np.searchsorted(owners, self.users), owners.size - 1)
        served = np.flatnonzero(owners[row] == self.users)
        lists = lists[row[served]]
        stride = max(_stride(lists), _stride(self.products))
        # The row number stands for the user: keys stay ascending, and pads (-1) would otherwise
        # alias the last product of the user before.
        relevant = np.repeat(np.arange(self.users.size), self.n_relevant) * stride + self.products
        marked[served] = _contains(relevant, served[:, None] * stride + lists) & (lists >= 0)
        return marked


def _int64(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.to_numpy(), np.int64)


def _stride(products: npt.NDArray[np.integer]) -> int:
    """Return a factor by which (user, product) can be packed into one integer."""
    return int(products.max(initial=0)) + 1


def _contains(keys: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say for each of ``wanted`` whether it is among ``keys``."""
    if not keys.size:
        return np.zeros(wanted.shape, np.bool_)
    if np.any(keys[1:] < keys[:-1]):
        keys = np.sort(keys)
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.asarray(keys[place] == wanted)
