"""This machine: SELECTs run inside the database, blocks of users on the cores there are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.evaluation import report
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.models import MODELS, load_models
from recolab_assets.models.base import Recommender
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.recommend import Progress, recommendation_batches
from recolab_assets.models.training import TrainingData
from recolab_assets.scale.engine import Engine, HoldOut, Training
from recolab_assets.shop.synthetic import SyntheticShop
from recolab_assets.sql import Select
from recolab_assets.storage import StoredTable
from recolab_assets.storage.writer import Contents
from recolab_assets.tables import MODEL_TABLES


class LocalEngine(Engine):
    """One process: DuckDB, numpy, and threads."""

    def select(self, name: str, select: Select) -> Contents:
        """Leave the SELECT to the database, when the table is stored."""
        return select

    def events(
        self,
        shop: SyntheticShop,
        users: pa.Table,
        products: pa.Table,
        editorial: pa.Table,
        progress: Progress,
    ) -> Contents:
        """Stream the shards, generated on threads."""
        return shop.interactions(users, products, editorial, progress)

    def log(self, rows: pa.RecordBatchReader) -> Contents:
        """Leave the stream to the database, when the table is stored."""
        return rows

    def fit(
        self, model: type[Recommender], training: Training, config: ModelConfig, seed: int
    ) -> Mapping[str, Contents]:
        """Fit in memory."""
        products = training.products.select()
        # Popularity only orders ties among recommendations; what is learned does not depend on it.
        unordered = np.zeros(products.num_rows)
        pairs = training.train_pairs.select()
        data = TrainingData.from_tables(pairs, products, unordered, training.users.count())
        return model.fit(data, config, seed).to_tables()

    def recommend(
        self,
        fitted: Mapping[str, StoredTable],
        training: Training,
        config: ModelConfig,
        progress: Progress,
    ) -> Contents:
        """Stream blocks of users, ranked on all cores."""
        tables = model_tables(fitted)
        data = TrainingData.from_tables(
            training.train_pairs.select(),
            training.products.select(),
            tables["popularity"],
            training.users.count(),
        )
        return recommendation_batches(
            load_models(tables, data),
            data,
            top_k=config.top_k,
            candidate_depth=config.candidate_depth,
            exclude_seen=config.exclude_seen,
            progress=progress,
        )

    def user_metrics(
        self, hold_out: HoldOut, k_values: Sequence[int], *, exclude_seen: bool
    ) -> Contents:
        """Stream a batch a model and k."""
        relevance = relevance_of(
            hold_out.test_interactions, hold_out.train_pairs, exclude_seen=exclude_seen
        )
        lists = stored_lists(hold_out.recommendations, max(k_values))
        return report.user_metrics(lists, relevance, k_values)


def model_tables(
    fitted: Mapping[str, StoredTable], without: Sequence[str] = ()
) -> dict[str, pa.Table]:
    """Read the tables of all models.

    Args:
        fitted: A table of each model, in the schema that holds all of them.
        without: Tables that are left where they are.
    """
    return {
        name: replace(handle, name=name, columns=None).select()
        for model, handle in fitted.items()
        for name in MODEL_TABLES[model]
        if name not in without
    }


def stored_lists(recommendations: StoredTable, k: int) -> Iterator[tuple[str, RecommendationLists]]:
    """Load the lists of one model after the other, cut at k."""
    for model in MODELS:
        rows = recommendations.select(
            ["user_id", "rank", "product_id"], "model = ? AND rank <= ?", (model, k)
        )
        yield model, RecommendationLists.from_table(rows, k)


def relevance_of(
    test_interactions: StoredTable, train_pairs: StoredTable, *, exclude_seen: bool
) -> Relevance:
    """Read what is relevant to whom off the stored hold-out."""
    return Relevance.from_tables(
        test_interactions.select(["user_id", "item_id", "item_type"]),
        train_pairs.select(["user_id", "product_id"]),
        exclude_seen=exclude_seen,
    )
