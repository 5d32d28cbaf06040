"""The one interface of every recommender: checks and routing here, mathematics in subclasses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, final

import numpy as np
import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.models.lists import NO_PRODUCT, RecommendationLists
from recolab_assets.models.ranking import fill_from_order
from recolab_assets.models.training import TrainingData
from recolab_assets.tables import MODEL_TABLES, TABLES

NO_MODELS: Final[Mapping[str, "Recommender"]] = {}


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a model itself has to say about a block of users, best first.

    Attributes:
        products: (n, depth) int32, -1 pads at the end; all pads: the model cannot serve the user.
        scores: (n, depth) float32, NaN at pads.
    """

    products: np.ndarray
    scores: np.ndarray

    @classmethod
    def empty(cls, n_users: int, depth: int) -> Self:
        """Return lists without a product, for the ranking loops to fill."""
        return cls(
            np.full((n_users, depth), NO_PRODUCT, np.int32),
            np.full((n_users, depth), np.nan, np.float32),
        )

    @property
    def served(self) -> np.ndarray:
        """(n,) bool whether the model has any candidate for the user."""
        served: np.ndarray = self.products[:, 0] != NO_PRODUCT
        return served


class Ranker(ABC):
    """Whatever ranks products for users: checks and lists here, the order in ``_rank``.

    Attributes:
        name: Name that its lists and metrics go by.
        components: Names of the rankers whose candidates this one blends.
        data: What it knows of the shop.
    """

    name: ClassVar[str]
    components: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: TrainingData) -> None:
        """Bind the ranker to the training data."""
        self.data = data

    @final
    def candidates(
        self,
        users: np.ndarray,
        depth: int,
        *,
        exclude_seen: bool = True,
        handed_in: Mapping[str, Candidates] | None = None,
    ) -> Candidates:
        """Rank the products that the ranker itself can put forward; lists may be short or empty.

        Order is score descending, ties by popularity order. A score that is not finite, and with
        ``exclude_seen`` a product of the user's training pairs, never comes out.

        Args:
            users: (n,) user ids.
            depth: Most products a list.
            exclude_seen: Leave out what the user has in training.
            handed_in: Candidates of ``components`` for the same users, so that a pass that has
                them does not score twice.

        Raises:
            ValueError: An id lies outside the shop, or depth is below 1.
        """
        users = np.asarray(users)
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        if len(users) and not (users.min() >= 0 and users.max() < self.data.n_users):
            raise ValueError(f"users outside 0 to {self.data.n_users - 1}")
        return self._rank(users.astype(np.int32), depth, exclude_seen, handed_in)

    @final
    def recommend(
        self, users: np.ndarray, top_k: int, *, exclude_seen: bool = True
    ) -> RecommendationLists:
        """Return full lists: the ranker's candidates, filled up from popularity.

        Args:
            users: (n,) user ids, ascending and distinct.
            top_k: Length of the lists.
            exclude_seen: Leave out what the user has in training.
        """
        found = self.candidates(users, top_k, exclude_seen=exclude_seen)
        return complete_lists(self.data, users, found, top_k, exclude_seen=exclude_seen)

    @abstractmethod
    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        """Rank candidates for (n,) int32 users."""


class Recommender(Ranker):
    """A fitted model, bound to the training data that it was fitted on.

    A new model is a subclass in a file of its own and an entry in
    ``recolab_assets.models.MODELS``. The subclass fits (``_fit``), ranks (``_rank``) and keeps its
    state in plain tables (``_columns``, ``_restore``); everything else is the same for all models.

    Attributes:
        name: Name of the model, of its asset and of its first table.
        personalised: Whether lists depend on the user beyond what the user has seen.
        scored: By table, the column of the product that a row helps to score: all that a block of
            products needs of the table. Tables that do not grow with the catalogue, and those
            with a row a user, are left out.
        profiling: Tables of which a user's own products are needed too, to rank any other.
    """

    personalised: ClassVar[bool] = True
    scored: ClassVar[Mapping[str, str]] = {}
    profiling: ClassVar[tuple[str, ...]] = ()

    # -- fitting and storage -------------------------------------------------------------------

    @classmethod
    @final
    def fit(
        cls,
        data: TrainingData,
        config: ModelConfig,
        seed: int,
        models: Mapping[str, "Recommender"] = NO_MODELS,
    ) -> Self:
        """Fit the model; the same data, settings and seed give the same model.

        Args:
            data: What to learn from. Data without any pair is allowed: the model then serves
                nobody (popularity: everybody alike).
            config: Settings of all models.
            seed: The configuration's ``data.random_seed``.
            models: Fitted models by name; those of ``components`` are used.
        """
        return cls._fit(data, config, seed, models)

    @final
    def to_tables(self) -> dict[str, pa.Table]:
        """Return the model as the tables that the registry lists for it."""
        columns = self._columns()
        return {
            name: _to_table(columns[name], TABLES[name].arrow_schema)
            for name in MODEL_TABLES[self.name]
        }

    @classmethod
    @final
    def from_tables(
        cls,
        tables: Mapping[str, pa.Table],
        data: TrainingData,
        models: Mapping[str, "Recommender"] = NO_MODELS,
    ) -> Self:
        """Load a model that ``to_tables`` gave; it returns the same candidates as before.

        Args:
            tables: The model's tables by name, rows in any order.
            data: What the model was fitted on.
            models: Loaded models by name; those of ``components`` are used.

        Raises:
            ValueError: A table or a column is missing.
        """
        for name in MODEL_TABLES[cls.name]:
            if name not in tables:
                raise ValueError(f"{cls.name}: the table {name} is missing")
            missing = set(TABLES[name].column_names) - set(tables[name].column_names)
            if missing:
                raise ValueError(f"{cls.name}: {name} lacks the columns {sorted(missing)}")
        return cls._restore(tables, data, models)

    # -- explaining ----------------------------------------------------------------------------

    @final
    def explain(self, user: int, product: int) -> str:
        """Say in a sentence, from the model's own numbers, why the user gets the product.

        Where the model has nothing to say (a user that it cannot serve, a product that fills up a
        list), popularity is the reason, as it is for the list.
        """
        return self.explain_list(user, [product])[0]

    @final
    def explain_list(self, user: int, products: Sequence[int]) -> list[str]:
        """Explain several products to one user; what they have in common is worked out once.

        Args:
            user: A user id.
            products: (m,) product ids.

        Returns:
            (m,) sentences, each that of ``explain``.
        """
        if not 0 <= user < self.data.n_users:
            raise ValueError(f"user {user} is outside 0 to {self.data.n_users - 1}")
        for product in products:
            self._check_product(product)
        reasons = self._explain(user, np.asarray(products, np.int32))
        return [
            reason or popularity_sentence(self.data, product)
            for reason, product in zip(reasons, products, strict=True)
        ]

    @final
    def similar(self, product: int, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Return the most similar products, best first, ties by popularity order.

        Args:
            product: A product id.
            n: Most products to return.

        Returns:
            (m,) int32 product ids without the product itself, and (m,) float64 similarities;
            m is below n where the model knows fewer, and 0 where it has no notion of similarity.
        """
        self._check_product(product)
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        products, similarities = self._similar(product, n)
        order = np.lexsort((self.data.popularity_position[products], -similarities))
        order = order[products[order] != product][:n]
        return products[order].astype(np.int32), similarities[order].astype(np.float64)

    def _check_product(self, product: int) -> None:
        if not 0 <= product < self.data.n_products:
            raise ValueError(f"product {product} is outside 0 to {self.data.n_products - 1}")

    # -- what a model writes itself ------------------------------------------------------------

    @classmethod
    @abstractmethod
    def _fit(
        cls,
        data: TrainingData,
        config: ModelConfig,
        seed: int,
        models: Mapping[str, "Recommender"],
    ) -> Self:
        """Fit the model."""

    @classmethod
    @abstractmethod
    def _restore(
        cls,
        tables: Mapping[str, pa.Table],
        data: TrainingData,
        models: Mapping[str, "Recommender"],
    ) -> Self:
        """Build the model from its tables, whose columns have been checked."""

    @abstractmethod
    def _columns(self) -> dict[str, dict[str, Any]]:
        """Return the columns of each of the model's tables."""

    def _explain(self, user: int, products: np.ndarray) -> Sequence[str | None]:
        """Return (m,) reasons for (m,) int32 products, None where the model has none of its own."""
        return [None] * len(products)

    def _similar(self, product: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return at least the n most similar products, in any order, with similarities."""
        return np.empty(0, np.int32), np.empty(0)


def complete_lists(
    data: TrainingData,
    users: np.ndarray,
    found: Candidates,
    top_k: int,
    *,
    exclude_seen: bool = True,
) -> RecommendationLists:
    """Cut candidates to the top k and fill short lists from the popularity order.

    A user without any candidate gets the popularity list with popularity's scores and is marked as
    fallback. Elsewhere a product that fills up scores 0, since the model says nothing of it, or
    the list's lowest score where that is below 0, so scores never rise along a list. A list stays
    short only where the catalogue has too few products that the user has not seen.

    Args:
        data: Training data of the model.
        users: (n,) user ids, ascending and distinct.
        found: The model's candidates for them.
        top_k: Length of the lists.
        exclude_seen: Leave out what the user has in training.
    """
    users = np.asarray(users).astype(np.int32)
    depth = min(top_k, found.products.shape[1])
    lists = Candidates.empty(len(users), top_k)
    products, scores = lists.products, lists.scores
    products[:, :depth] = found.products[:, :depth]
    scores[:, :depth] = found.scores[:, :depth]
    is_own = products != NO_PRODUCT
    is_fallback = ~is_own[:, 0]
    if not is_own.all():
        seen = data.seen(exclude=exclude_seen)
        fill_from_order(users, seen, data.popularity_order, data.n_products, products)
        lowest = np.where(is_own, scores, np.float32(0)).min(axis=1, keepdims=True)
        filling = np.where(is_fallback[:, None], data.popularity[products], lowest)
        is_filled = ~is_own & (products != NO_PRODUCT)
        scores[is_filled] = filling[is_filled]
    return RecommendationLists(users, products, scores, is_fallback)


def popularity_sentence(data: TrainingData, product: int) -> str:
    """Say how popular a product is."""
    if data.popularity[product] <= 0:
        return f"{data.title(product)} fills up the list; nobody has met it in training."
    rank = int(data.popularity_position[product]) + 1
    return (
        f"Popular with all customers lately: rank {rank:,} of {data.n_products:,}"
        f" (score {data.popularity[product]:,.1f})."
    )


def _to_table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Give columns the types of the registry."""
    arrays = []
    for field in schema:
        values = columns[field.name]
        if isinstance(values, np.ndarray) and values.ndim == 2:
            offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
            values = pa.ListArray.from_arrays(offsets, np.ascontiguousarray(values).ravel())
        if isinstance(values, pa.Array):
            arrays.append(values.cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
