"""Item-based collaborative filtering: products that the same users have, by cosine."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from implicit.nearest_neighbours import CosineRecommender
from implicit.utils import ParameterWarning
from scipy.sparse import csr_array, csr_matrix

from recolab_assets.config import ModelConfig
from recolab_assets.models.base import Candidates, Recommender
from recolab_assets.models.blas import single_blas_thread
from recolab_assets.models.ranking import empty_keys, top_of_neighbours, unpack
from recolab_assets.models.training import Rows, TrainingData


class ItemCF(Recommender):
    """The score of a product is its similarity to the user's products, summed by their weight.

    score(u, i) = Σ_j w_uj · sim(i, j) over the products j of the user's history that have i among
    their neighbours (Sarwar et al., "Item-based collaborative filtering recommendation
    algorithms", WWW 2001, section 3.2.1, without its denominator, which would let one weak
    neighbour outrank many strong ones). Weights are the training pairs' own. A product that is no
    neighbour of any product in the history is no candidate.
    """

    name = "item_cf"
    scored: ClassVar[Mapping[str, str]] = {"item_cf": "neighbour_id"}

    def __init__(self, data: TrainingData, neighbours: Any) -> None:
        """Take the neighbours.

        Args:
            data: What the model was fitted on.
            neighbours: (n_products, n_products) CSR of float64 similarities; a row holds the
                neighbours of one product, never itself.
        """
        super().__init__(data)
        self._neighbours = neighbours

    @classmethod
    def _fit(
        cls,
        data: TrainingData,
        config: ModelConfig,
        seed: int,
        models: Mapping[str, Recommender],
    ) -> Self:
        empty = csr_array((data.n_products, data.n_products), dtype=np.float64)
        if not data.history.nnz:
            return cls(data, empty)
        # A product counts as its own neighbour: ask for one more and leave it out below.
        model = CosineRecommender(K=config.itemcf_k_neighbours + 1)
        with single_blas_thread(), warnings.catch_warnings():
            # `implicit` warns of a conversion between two of its own steps.
            warnings.simplefilter("ignore", ParameterWarning)
            model.fit(csr_matrix(data.history, dtype=np.float64), show_progress=False)
        found = model.similarity.tocoo()
        kept = nearest(found.row, found.col, found.data, config.itemcf_k_neighbours)
        return cls(data, _neighbour_matrix(data, *kept))

    @classmethod
    def _restore(
        cls, tables: Mapping[str, pa.Table], data: TrainingData, models: Mapping[str, Recommender]
    ) -> Self:
        table = tables["item_cf"]
        rows = table.column("product_id").to_numpy()
        columns = table.column("neighbour_id").to_numpy()
        similarities = table.column("similarity").to_numpy()
        return cls(data, _neighbour_matrix(data, rows, columns, similarities))

    def _columns(self) -> dict[str, dict[str, Any]]:
        rows = np.repeat(np.arange(self.data.n_products), np.diff(self._neighbours.indptr))
        columns = self._neighbours.indices
        similarities = self._neighbours.data
        # Nearest first, as a person reads it; loading does not depend on it.
        order = np.lexsort((columns, -similarities, rows))
        return {
            "item_cf": {
                "product_id": rows[order],
                "neighbour_id": columns[order],
                "similarity": similarities[order],
            }
        }

    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        keys = empty_keys(len(users), depth)
        top_of_neighbours(
            users,
            Rows.of(self.data.history),
            Rows.of(self._neighbours),
            self.data.popularity_position,
            self.data.seen(exclude=exclude_seen),
            keys,
        )
        return Candidates(*unpack(keys, self.data.popularity_order))

    def _explain(self, user: int, products: np.ndarray) -> Sequence[str | None]:
        history, weights = self.data.history_of(user)
        similarities = self._neighbours[history][:, products].toarray()
        shares = weights[:, None] * similarities
        if not len(history):
            return [None] * len(products)
        return [
            self._reason(int(history[best]), similarities[best, at], shares[:, at], int(best))
            for at, best in enumerate(shares.argmax(axis=0))
        ]

    def _reason(self, product: int, similarity: float, shares: np.ndarray, best: int) -> str | None:
        """Name the product of the history that adds most, if any adds."""
        if shares[best] <= 0:
            return None
        return (
            f"Because of {self.data.title(product)} in your history"
            f" (similarity {similarity:.2f}, {shares[best] / shares.sum():.0%} of the score)."
        )

    def _neighbours_of(self, product: int) -> tuple[np.ndarray, np.ndarray]:
        row = slice(self._neighbours.indptr[product], self._neighbours.indptr[product + 1])
        return self._neighbours.indices[row], self._neighbours.data[row]

    def _similar(self, product: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        return self._neighbours_of(product)


def nearest(
    products: np.ndarray, neighbours: np.ndarray, similarities: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep the k nearest neighbours of each product: no product itself, no similarity of 0.

    Args:
        products: (n,) ids.
        neighbours: (n,) ids.
        similarities: (n,) float64 cosines.
        k: Most neighbours of a product; of equal ones the first by id.

    Returns:
        The three arrays, by product, nearest first.
    """
    kept = (products != neighbours) & np.isfinite(similarities) & (similarities > 0)
    products, neighbours = products[kept], neighbours[kept]
    similarities = np.minimum(similarities[kept], 1.0)
    # With many ties at the top the product itself may not be among those found.
    order = np.lexsort((neighbours, -similarities, products))
    products, neighbours, similarities = products[order], neighbours[order], similarities[order]
    first = np.searchsorted(products, products)
    kept = np.arange(len(products)) - first < k
    return products[kept], neighbours[kept], similarities[kept]


def _neighbour_matrix(
    data: TrainingData, rows: np.ndarray, columns: np.ndarray, similarities: np.ndarray
) -> Any:
    """Build the CSR of neighbours, columns ascending so that sums are added in one order."""
    shape = (data.n_products, data.n_products)
    matrix = csr_array((similarities.astype(np.float64), (rows, columns)), shape=shape)
    matrix.sort_indices()
    return matrix
