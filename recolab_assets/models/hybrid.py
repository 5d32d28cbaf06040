"""Hybrid: a weighted blend of the other models' candidate lists."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.models.base import Candidates, Recommender
from recolab_assets.models.lists import NO_PRODUCT
from recolab_assets.models.ranking import empty_keys, top_of_blend, unpack
from recolab_assets.models.training import TrainingData


class Hybrid(Recommender):
    """Every component hands in a scored list, scaled to [0, 1]; a weighted sum ranks the union.

    A component that cannot serve a user hands in nothing. Where none of the personalised
    components can, the hybrid cannot serve the user either (unless popularity is all it blends).
    """

    name = "hybrid"
    components = ("popularity", "als", "item_cf", "content_based")

    def __init__(
        self,
        data: TrainingData,
        weights: Mapping[str, float],
        candidate_depth: int,
        models: Mapping[str, Recommender],
    ) -> None:
        """Take the weights.

        Args:
            data: What the components were fitted on.
            weights: Share of each component in the sum.
            candidate_depth: Candidates taken of each component.
            models: The components; those that are missing must be handed in.
        """
        super().__init__(data)
        self.weights = {name: weights[name] for name in self.components if name in weights}
        self.candidate_depth = candidate_depth
        self._models = {name: models[name] for name in self.components if name in models}

    @classmethod
    def _fit(
        cls,
        data: TrainingData,
        config: ModelConfig,
        seed: int,
        models: Mapping[str, Recommender],
    ) -> Self:
        return cls(data, config.hybrid_weights, config.candidate_depth, models)

    @classmethod
    def _restore(
        cls, tables: Mapping[str, pa.Table], data: TrainingData, models: Mapping[str, Recommender]
    ) -> Self:
        rows = tables["hybrid"].to_pylist()
        weights = {row["component"]: row["weight"] for row in rows}
        return cls(data, weights, rows[0]["candidate_depth"], models)

    def _columns(self) -> dict[str, dict[str, Any]]:
        return {
            "hybrid": {
                "component": list(self.weights),
                "weight": list(self.weights.values()),
                "candidate_depth": [self.candidate_depth] * len(self.weights),
            }
        }

    @property
    def _blended(self) -> dict[str, float]:
        """The components that count."""
        return {name: weight for name, weight in self.weights.items() if weight > 0}

    def _component(self, name: str) -> Recommender:
        if name not in self._models:
            raise ValueError(f"hybrid: its component {name} was not given")
        return self._models[name]

    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        given = self._gather(users, exclude_seen, handed_in or {})
        found = self._blend(given, depth)
        unserved = ~self._serves(given)
        found.products[unserved] = NO_PRODUCT
        found.scores[unserved] = np.nan
        return found

    def _gather(
        self, users: np.ndarray, exclude_seen: bool, handed_in: Mapping[str, Candidates]
    ) -> dict[str, Candidates]:
        """Take the components' candidates, from the components themselves where not handed in."""
        return {
            name: handed_in[name]
            if name in handed_in
            else self._component(name).candidates(
                users, self.candidate_depth, exclude_seen=exclude_seen
            )
            for name in self._blended
        }

    def _serves(self, given: Mapping[str, Candidates]) -> np.ndarray:
        """(n,) bool whether the user gets more than everybody's list."""
        personal = [name for name in given if name != "popularity"] or list(given)
        served: np.ndarray = np.logical_or.reduce([given[name].served for name in personal])
        return served

    def _blend(self, given: Mapping[str, Candidates], depth: int) -> Candidates:
        """Rank the union of the components' lists."""
        products = np.stack([given[name].products[:, : self.candidate_depth] for name in given])
        scores = np.stack([given[name].scores[:, : self.candidate_depth] for name in given])
        keys = empty_keys(products.shape[1], depth)
        top_of_blend(
            products,
            scores,
            np.array([self.weights[name] for name in given]),
            self.data.popularity_position,
            keys,
        )
        return Candidates(*unpack(keys, self.data.popularity_order))

    def contributions(self, user: int, product: int) -> dict[str, float]:
        """Return what each component adds to the score of a product for a user.

        Components that do not list the product are left out; the rest sum to the score. Empty
        where the hybrid cannot serve the user.
        """
        return self._contributions(user, np.array([product]))[0]

    def _contributions(self, user: int, products: np.ndarray) -> list[dict[str, float]]:
        """Return (m,) what each component adds to the scores of (m,) products."""
        row = slice(self.data.pairs.indptr[user], self.data.pairs.indptr[user + 1])
        is_seen = np.isin(products, self.data.pairs.indices[row])
        added: list[dict[str, float]] = [{} for _ in products]
        # A product that the user has can only have come from lists that allow it.
        for exclude_seen in (True, False):
            asked = np.flatnonzero(is_seen != exclude_seen)
            given = self._gather(np.array([user]), exclude_seen, {}) if len(asked) else {}
            if not given or not self._serves(given)[0]:
                continue
            for name, found in given.items():
                scaled = self._blend({name: found}, self.candidate_depth)
                listed = zip(scaled.products[0].tolist(), scaled.scores[0].tolist(), strict=True)
                score_of = dict(listed)
                for at in asked:
                    if products[at] in score_of:
                        added[at][name] = score_of[products[at]]
        return added

    def _explain(self, user: int, products: np.ndarray) -> Sequence[str | None]:
        added = self._contributions(user, products)
        leading = [max(shares, key=lambda name: shares[name], default=None) for shares in added]
        reasons: list[str | None] = [None] * len(products)
        for name in dict.fromkeys(filter(None, leading)):
            led = [at for at, first in enumerate(leading) if first == name]
            own = self._component(name).explain_list(user, products[led].tolist())
            for at, reason in zip(led, own, strict=True):
                reasons[at] = _blended(added[at], reason)
        return reasons

    def _similar(self, product: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        given = {}
        depth = max(n, self.candidate_depth)
        for name in self._blended:
            products, similarities = self._component(name).similar(product, depth)
            found = Candidates.empty(1, depth)
            found.products[0, : len(products)] = products
            found.scores[0, : len(products)] = similarities
            given[name] = found
        blend = self._blend(given, depth)
        listed = blend.products[0] != NO_PRODUCT
        return blend.products[0, listed], blend.scores[0, listed]


def _blended(added: Mapping[str, float], reason: str) -> str | None:
    """Say what the components add, largest first, and the reason of the one that leads."""
    total = sum(added.values())
    if not total:
        return None
    ranked = sorted(added, key=lambda name: -added[name])
    shares = ", ".join(f"{name} {added[name] / total:.0%}" for name in ranked)
    return f"A score of {total:.2f} from {shares}. {reason}"
