"""Content-based: products whose attributes match those of the user's products."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array, csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

from recolab_assets.config import ModelConfig
from recolab_assets.models.base import Candidates, Recommender
from recolab_assets.models.ranking import empty_keys, top_by_profile, unpack
from recolab_assets.models.training import ATTRIBUTES, Rows, TrainingData


class ContentBased(Recommender):
    """Cosine between a product's TF-IDF vector and the mean of the vectors of the user's products.

    A term is an attribute with its value, ``brand=Acme``; an absent attribute has no term. TF-IDF
    is scikit-learn's: smoothed idf ln((1 + n) / (1 + df)) + 1, vectors of unit length. The mean is
    plain: how often the user met a product does not count. Products that nobody has met are
    candidates like all others; products that share no term with the profile are none.
    """

    name = "content_based"
    scored: ClassVar[Mapping[str, str]] = {"content_based": "product_id"}
    profiling = ("content_based",)

    def __init__(self, data: TrainingData, vocabulary: np.ndarray, vectors: Any) -> None:
        """Take the vectors.

        Args:
            data: What the model was fitted on.
            vocabulary: (t,) terms, ascending.
            vectors: (n_products, t) CSR of the unit vectors.
        """
        super().__init__(data)
        self._vocabulary = vocabulary
        self._vectors = vectors
        n_slots = int(np.diff(vectors.indptr).max(initial=0))
        slots = np.arange(vectors.nnz) - np.repeat(vectors.indptr[:-1], np.diff(vectors.indptr))
        products = np.repeat(np.arange(data.n_products), np.diff(vectors.indptr))
        terms = np.full((data.n_products, n_slots), len(vocabulary), np.uint32)
        terms[products, slots] = vectors.indices
        weights = np.zeros((data.n_products, n_slots), np.float32)
        weights[products, slots] = vectors.data
        # Catalogues hold many products with the same attributes: each kind is scored once.
        both = np.hstack([terms, weights.view(np.uint32)])
        _, first, kind_of = np.unique(both, axis=0, return_index=True, return_inverse=True)
        self._kind_of = kind_of.ravel().astype(np.int32)
        self._kind_terms = np.ascontiguousarray(terms[first].T)
        self._kind_weights = np.ascontiguousarray(weights[first].T)
        ranked = data.offered_order
        in_kinds = ranked[np.argsort(self._kind_of[ranked], kind="stable")]
        self._kind_starts = np.searchsorted(self._kind_of[in_kinds], np.arange(first.size + 1))
        self._kind_columns = data.popularity_position[in_kinds]

    @classmethod
    def _fit(
        cls,
        data: TrainingData,
        config: ModelConfig,
        seed: int,
        models: Mapping[str, Recommender],
    ) -> Self:
        rows, terms = [np.empty(0, np.int64)], [np.empty(0, np.str_)]
        for attribute in ATTRIBUTES:
            if attribute not in data.products.column_names:
                continue
            values = data.products.column(attribute)
            present = np.flatnonzero(values.is_valid().to_numpy())
            named = pc.binary_join_element_wise(attribute, values.take(present), "=")
            rows.append(present)
            terms.append(named.to_numpy().astype(np.str_))
        vocabulary, columns = np.unique(np.concatenate(terms), return_inverse=True)
        shape = (data.n_products, len(vocabulary))
        counts = csr_array((np.ones(len(columns)), (np.concatenate(rows), columns)), shape=shape)
        if not len(vocabulary):
            return cls(data, vocabulary, counts)
        # Sorted terms keep the attributes in one order, so equal vectors have equal sums.
        counts.sort_indices()
        vectors = csr_array(TfidfTransformer().fit_transform(csr_matrix(counts)))
        return cls(data, vocabulary, vectors)

    @classmethod
    def _restore(
        cls, tables: Mapping[str, pa.Table], data: TrainingData, models: Mapping[str, Recommender]
    ) -> Self:
        table = tables["content_based"]
        # Only distinct terms are sorted, which are a hundredth of the rows.
        terms = table.column("term").combine_chunks().dictionary_encode()
        distinct = terms.dictionary.to_numpy(zero_copy_only=False).astype(np.str_)
        vocabulary, place = np.unique(distinct, return_inverse=True)
        columns = place[terms.indices.to_numpy()]
        rows = table.column("product_id").to_numpy()
        weights = np.array(table.column("weight").to_numpy(), np.float64)
        shape = (data.n_products, len(vocabulary))
        vectors = csr_array((weights, (rows, columns)), shape=shape)
        vectors.sort_indices()
        return cls(data, vocabulary, vectors)

    def _columns(self) -> dict[str, dict[str, Any]]:
        vectors = self._vectors
        return {
            "content_based": {
                "product_id": np.repeat(np.arange(vectors.shape[0]), np.diff(vectors.indptr)),
                "term": pa.array(self._vocabulary[vectors.indices], pa.string()),
                "weight": vectors.data,
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
        top_by_profile(
            users,
            Rows.of(self.data.history),
            self._kind_terms,
            self._kind_weights,
            len(self._vocabulary),
            self._kind_of,
            self._kind_starts,
            self._kind_columns,
            self.data.popularity_position,
            self.data.seen(exclude=exclude_seen),
            keys,
        )
        return Candidates(*unpack(keys, self.data.popularity_order))

    def _explain(self, user: int, products: np.ndarray) -> Sequence[str | None]:
        history, _ = self.data.history_of(user)
        profile = np.asarray(self._vectors[history].sum(axis=0)).ravel()
        return [self._reason(profile, product) for product in products.tolist()]

    def _reason(self, profile: np.ndarray, product: int) -> str | None:
        """Name the terms that a product shares with a profile, if it shares any."""
        length = np.sqrt(profile @ profile)
        terms, weights = self._vector(product)
        shares = profile[terms] * weights
        if not length or not np.any(shares > 0):
            return None
        order = np.argsort(-shares, kind="stable")
        named = ", ".join(
            f"{self._vocabulary[terms[at]].replace('=', ' ')} ({shares[at] / shares.sum():.0%})"
            for at in order
            if shares[at] > 0
        )
        return f"Matches what you look at with {shares.sum() / length:.2f}: {named}."

    def _vector(self, product: int) -> tuple[np.ndarray, np.ndarray]:
        row = slice(self._vectors.indptr[product], self._vectors.indptr[product + 1])
        return self._vectors.indices[row], self._vectors.data[row]

    def _similar(self, product: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        terms, weights = self._vector(product)
        own = np.zeros(len(self._vocabulary))
        own[terms] = weights
        cosines = self._vectors @ own
        products = np.flatnonzero(cosines > 0).astype(np.int32)
        return products, cosines[products]
