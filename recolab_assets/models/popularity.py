"""Popularity: recency-weighted counts, the same list for everybody."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.models.base import Candidates, Recommender, popularity_sentence
from recolab_assets.models.lists import NO_PRODUCT
from recolab_assets.models.ranking import fill_from_order
from recolab_assets.models.training import TrainingData
from recolab_assets.sql import Select

# Ages are summed as integers of this unit, because a sum of doubles depends on the order in which
# parallel threads add them; integers give the same table on every run and every engine. With 40
# binary digits, the sum of eight million events of today still fits a BIGINT.
_UNITS = 2.0**40

_SCORES = """
    WITH events AS (
        SELECT item_id, event_type, occurred_at
        FROM processed.train_interactions
        WHERE item_type = 'product'
    ),
    latest AS (SELECT max(occurred_at) AS moment FROM events),
    aged AS (
        SELECT
            e.item_id AS product_id,
            e.event_type,
            (epoch_us(l.moment) - epoch_us(e.occurred_at)) / 86400e6 AS age_days
        FROM events AS e
        CROSS JOIN latest AS l
    ),
    decayed AS (
        SELECT
            product_id,
            event_type,
            sum(round(0.5 ** (age_days / $half_life::DOUBLE) * $units::DOUBLE)::BIGINT)
                ::DOUBLE / $units::DOUBLE AS n
        FROM aged
        GROUP BY product_id, event_type
    ),
    scores AS (
        SELECT
            product_id,
            coalesce(max(n) FILTER (event_type = 'view'), 0) * $view::DOUBLE
                + coalesce(max(n) FILTER (event_type = 'click'), 0) * $click::DOUBLE
                + coalesce(max(n) FILTER (event_type = 'add_to_cart'), 0) * $add_to_cart::DOUBLE
                + coalesce(max(n) FILTER (event_type = 'purchase'), 0) * $purchase::DOUBLE AS score
        FROM decayed
        GROUP BY product_id
    ),
    complete AS (
        SELECT p.product_id, coalesce(s.score, 0) AS score
        FROM raw.products AS p LEFT JOIN scores AS s USING (product_id)
    )
    SELECT
        product_id,
        score,
        (row_number() OVER (ORDER BY score DESC, product_id))::INTEGER AS popularity_rank
    FROM complete
    ORDER BY popularity_rank
"""


def popularity_scores(config: ModelConfig) -> Select:
    """Return the query whose result is the table ``models.popularity``.

    An event adds its weight, halved for every ``popularity_half_life_days`` between it and the
    latest product event of training. Products that nobody has met score 0.

    Args:
        config: Event weights and half-life.
    """
    return Select(
        _SCORES,
        {
            **config.event_weights.model_dump(),
            "units": _UNITS,
            "half_life": config.popularity_half_life_days,
        },
    )


class Popularity(Recommender):
    """Everybody gets the most popular products; its scores are computed in SQL beforehand."""

    name = "popularity"
    personalised = False
    scored: ClassVar[Mapping[str, str]] = {"popularity": "product_id"}

    @classmethod
    def _fit(
        cls,
        data: TrainingData,
        config: ModelConfig,
        seed: int,
        models: Mapping[str, Recommender],
    ) -> Self:
        return cls(data)

    @classmethod
    def _restore(
        cls, tables: Mapping[str, pa.Table], data: TrainingData, models: Mapping[str, Recommender]
    ) -> Self:
        return cls(data)

    def _columns(self) -> dict[str, dict[str, Any]]:
        order = self.data.popularity_order
        ranks = np.arange(1, len(order) + 1)
        scores = self.data.popularity[order]
        return {
            "popularity": {"product_id": order, "score": scores, "popularity_rank": ranks},
        }

    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        found = Candidates.empty(len(users), depth)
        seen = self.data.seen(exclude=exclude_seen)
        order = self.data.offered_order
        fill_from_order(users, seen, order, self.data.n_products, found.products)
        listed = found.products != NO_PRODUCT
        found.scores[listed] = self.data.popularity[found.products[listed]]
        return found

    def _explain(self, user: int, products: np.ndarray) -> Sequence[str | None]:
        return [popularity_sentence(self.data, product) for product in products.tolist()]
