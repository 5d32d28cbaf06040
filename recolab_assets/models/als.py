"""ALS: implicit-feedback matrix factorisation (Hu, Koren & Volinsky 2008)."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from recolab_assets.config import ModelConfig
from recolab_assets.models.base import Candidates, Recommender
from recolab_assets.models.blas import single_blas_thread
from recolab_assets.models.least_squares import half_step
from recolab_assets.models.ranking import Sieve, empty_keys, sift_scores, top_of_sieve, unpack
from recolab_assets.models.training import TrainingData
from recolab_assets.randomness import stream

# Users are scored in groups of always this size, the last one filled up. BLAS rounds differently
# for other shapes, but every row of one shape alike; so no list depends on who else is asked for.
_GROUP = 128

# Products are scored in stretches of this many, always the same, so that the scores of a group are
# still in the cache of the core when they are looked through.
STRETCH = 2048

# The last half-step goes on until float32 holds no more; a few dozen steps, seldom more.
_EXACT, _EXACT_STEPS = 1e-7, 1_000


class _Factorisation(AlternatingLeastSquares):  # type: ignore[misc]
    """`implicit`'s model with the lab's half-step, which does the same in a third of the time."""

    @property
    def solver(self) -> Any:
        """What solves for one side's factors given the other's."""
        return partial(half_step, steps=self.cg_steps)


class ALS(Recommender):
    """Users and products as latent factors whose inner product is the preference.

    Minimises equation 3 of Hu, Koren & Volinsky, "Collaborative Filtering for Implicit Feedback
    Datasets" (ICDM 2008), with confidence c = 1 + alpha × weight for training pairs and 1
    elsewhere. Users and products without a training pair have no factors: such users are not
    served, such products never recommended.
    """

    name = "als"
    scored: ClassVar[Mapping[str, str]] = {"als_item_factors": "product_id"}

    def __init__(
        self,
        data: TrainingData,
        settings: Mapping[str, float],
        users: np.ndarray,
        user_factors: np.ndarray,
        products: np.ndarray,
        product_factors: np.ndarray,
    ) -> None:
        """Take the factors of users and products, rows in the order of their ids.

        Args:
            data: What the model was fitted on.
            settings: factors, iterations, regularization and alpha.
            users: (u,) ids of users with factors.
            user_factors: (u, f) float32.
            products: (p,) ids of products with factors.
            product_factors: (p, f) float32.
        """
        super().__init__(data)
        self.settings = dict(settings)
        self._users = users
        self._user_factors = user_factors
        self._row_of = np.full(data.n_users, -1, np.int32)
        self._row_of[users] = np.arange(len(users), dtype=np.int32)
        by_popularity = np.argsort(data.popularity_position[products])
        self._columns_products = products[by_popularity].astype(np.int32)
        self._columns_factors = np.ascontiguousarray(product_factors[by_popularity])
        self._column_of = np.full(data.n_products, -1, np.int32)
        self._column_of[self._columns_products] = np.arange(len(products), dtype=np.int32)

    @classmethod
    def _fit(
        cls,
        data: TrainingData,
        config: ModelConfig,
        seed: int,
        models: Mapping[str, Recommender],
    ) -> Self:
        settings = {
            "factors": config.als_factors,
            "iterations": config.als_iterations,
            "regularization": config.als_regularization,
            "alpha": config.als_alpha,
        }
        history = data.history
        users = np.flatnonzero(np.diff(history.indptr)).astype(np.int32)
        products = np.unique(history.indices).astype(np.int32)
        if not len(users):
            none = np.empty((0, config.als_factors), np.float32)
            return cls(data, settings, users, none, products, none)
        # Only rows and columns with pairs: the factors do not change when cold ones are added.
        pairs = csr_matrix(history[users][:, products])
        confidence = confidence_of(pairs, config.als_alpha)
        with single_blas_thread():
            model = _Factorisation(
                factors=config.als_factors,
                iterations=config.als_iterations,
                regularization=config.als_regularization,
                alpha=1.0,
                random_state=stream(seed, "models.als"),
            )
            model.fit(confidence, show_progress=False)
        user_factors = model.user_factors
        if config.als_regularization > 0:
            # Solve the users' half-step once more, to the end and against the final product
            # factors: only then do scores decompose into the shares that explain them.
            user_factors = solve_rows(model.item_factors, confidence, config.als_regularization)
        return cls(data, settings, users, user_factors, products, model.item_factors)

    @classmethod
    def _restore(
        cls, tables: Mapping[str, pa.Table], data: TrainingData, models: Mapping[str, Recommender]
    ) -> Self:
        settings = tables["als"].select(["factors", "iterations", "regularization", "alpha"])
        row = settings.to_pylist()[0]
        return cls(
            data,
            row,
            *_read_factors(tables["als_user_factors"], "user_id", row["factors"]),
            *_read_factors(tables["als_item_factors"], "product_id", row["factors"]),
        )

    def _columns(self) -> dict[str, dict[str, Any]]:
        by_id = np.argsort(self._columns_products)
        return {
            "als": {name: [value] for name, value in self.settings.items()},
            "als_user_factors": {"user_id": self._users, "factors": self._user_factors},
            "als_item_factors": {
                "product_id": self._columns_products[by_id],
                "factors": self._columns_factors[by_id],
            },
        }

    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        keys = empty_keys(len(users), depth)
        seen = self.data.seen(exclude=exclude_seen)
        served = np.flatnonzero(self._row_of[users] >= 0)
        group = np.zeros((_GROUP, self._user_factors.shape[1]), np.float32)
        # One buffer for all groups; a fresh one each time costs more than the sums.
        buffer = np.empty(_GROUP * STRETCH, np.float32)
        with single_blas_thread():
            for start in range(0, len(served), _GROUP):
                rows = served[start : start + _GROUP]
                group[: len(rows)] = self._user_factors[self._row_of[users[rows]]]
                sieve = Sieve.empty(len(rows), depth)
                for first in range(0, len(self._columns_products), STRETCH):
                    tile = self._columns_factors[first : first + STRETCH]
                    scores = buffer[: _GROUP * len(tile)].reshape(_GROUP, len(tile))
                    np.matmul(group, tile.T, out=scores)
                    sift_scores(
                        scores,
                        first,
                        users[rows],
                        self._column_of,
                        seen,
                        depth,
                        sieve,
                    )
                group_keys = empty_keys(len(rows), depth)
                top_of_sieve(sieve, group_keys)
                keys[rows] = group_keys
        return Candidates(*unpack(keys, self._columns_products))

    def contributions(self, user: int, product: int) -> tuple[np.ndarray, np.ndarray]:
        """Decompose a score into shares of the products in the user's history.

        Section 5 of Hu, Koren & Volinsky: with W = (YᵀCY + λI)⁻¹ the score of product i is the sum
        over the history's products j of c_j · y_iᵀ W y_j.

        Returns:
            (h,) products of the history and (h,) float64 shares, which sum to the score; both
            empty where user or product have no factors.
        """
        history, shares = self._contributions(user, np.array([product]))
        if not len(history) or self._column_of[product] < 0:
            return np.empty(0, np.int32), np.empty(0)
        return history, shares[:, 0]

    def _contributions(self, user: int, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (h,) products of the history and (h, m) shares; 0 for products without factors."""
        history, weights = self.data.history_of(user)
        columns = self._column_of[products]
        shares = np.zeros((len(history), len(products)))
        if not len(history):
            return history, shares
        own = self._columns_factors[self._column_of[history]].astype(np.float64)
        asked = self._columns_factors[columns[columns >= 0]].astype(np.float64)
        confidence = 1 + self.settings["alpha"] * weights.astype(np.float64)
        with single_blas_thread():
            normal = self._gram + own.T @ ((confidence - 1)[:, None] * own)
            normal += self.settings["regularization"] * np.eye(len(normal))
            directions = np.linalg.lstsq(normal, asked.T, rcond=None)[0]
            shares[:, columns >= 0] = confidence[:, None] * (own @ directions)
        return history, shares

    @cached_property
    def _gram(self) -> np.ndarray:
        """(f, f) YᵀY of the product factors."""
        factors = self._columns_factors.astype(np.float64)
        gram: np.ndarray = factors.T @ factors
        return gram

    def _explain(self, user: int, products: np.ndarray) -> Sequence[str | None]:
        history, shares = self._contributions(user, products)
        if not len(history):
            return [None] * len(products)
        return [
            f"Because of {self.data.title(int(history[best]))} in your history: it adds"
            f" {shares[best, at]:.2f} to a predicted preference of {shares[:, at].sum():.2f}."
            if shares[best, at] > 0
            else None
            for at, best in enumerate(shares.argmax(axis=0))
        ]

    def _similar(self, product: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        column = self._column_of[product]
        if column < 0:
            return super()._similar(product, n)
        factors = self._columns_factors.astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", factors, factors))
        units = factors / np.where(lengths > 0, lengths, 1)[:, None]
        return self._columns_products, np.einsum("ij,j->i", units, units[column])


def confidence_of(pairs: csr_matrix, alpha: float) -> csr_matrix:
    """Return the confidences c = 1 + alpha × weight of training pairs, as `implicit` takes them.

    Args:
        pairs: (n_users, n_products) CSR of float32 weights above 0.
        alpha: Confidence that a unit of weight adds.
    """
    confidence = pairs.copy()
    confidence.data = 1 + np.float32(alpha) * pairs.data
    return confidence


def solve_rows(
    fixed: np.ndarray,
    confidence: csr_matrix,
    regularization: float,
    gram: np.ndarray | None = None,
) -> np.ndarray:
    """Solve a half-step to the end: one side's best factors given the other's.

    Args:
        fixed: (m, f) float32 factors Y of the other side.
        confidence: (n, m) CSR as :func:`confidence_of` gives it.
        regularization: λ, above 0.
        gram: (f, f) float32 YᵀY where ``fixed`` is not all of Y; by default that of ``fixed``.

    Returns:
        (n, f) float32 factors of the rows.
    """
    solved = np.zeros((confidence.shape[0], fixed.shape[1]), np.float32)
    with single_blas_thread():
        half_step(
            confidence,
            solved,
            fixed,
            regularization,
            steps=_EXACT_STEPS,
            tolerance=_EXACT,
            gram=gram,
        )
    return solved


def _read_factors(table: pa.Table, key: str, factors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) ids and (n, f) float32 factors of a table, ordered by id."""
    ids = np.array(table.column(key).to_numpy(), np.int32)
    lists = table.column("factors").combine_chunks()
    flat = np.array(lists.flatten().to_numpy(zero_copy_only=False), np.float32)
    order = np.argsort(ids)
    return ids[order], flat.reshape(len(ids), factors)[order]
