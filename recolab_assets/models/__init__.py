"""The recommenders: one file a model, one base, one place for top-K ranking."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.models.als import ALS
from recolab_assets.models.base import Recommender
from recolab_assets.models.content_based import ContentBased
from recolab_assets.models.hybrid import Hybrid
from recolab_assets.models.item_cf import ItemCF
from recolab_assets.models.popularity import Popularity
from recolab_assets.models.training import TrainingData
from recolab_assets.tables import MODEL_TABLES

MODELS: Final[dict[str, type[Recommender]]] = {
    model.name: model for model in (Popularity, ALS, ItemCF, ContentBased, Hybrid)
}
"""Every model by name; one that blends others comes after them."""


def fit_models(data: TrainingData, config: ModelConfig, seed: int) -> dict[str, Recommender]:
    """Fit every model.

    Args:
        data: What to learn from.
        config: Settings of the models.
        seed: The configuration's ``data.random_seed``.
    """
    models: dict[str, Recommender] = {}
    for name, model in MODELS.items():
        models[name] = model.fit(data, config, seed, models)
    return models


def load_models(tables: Mapping[str, pa.Table], data: TrainingData) -> dict[str, Recommender]:
    """Load every model from its tables.

    Args:
        tables: The tables of all models by table name.
        data: What the models were fitted on.
    """
    models: dict[str, Recommender] = {}
    for name, model in MODELS.items():
        own = {table: tables[table] for table in MODEL_TABLES[name]}
        models[name] = model.from_tables(own, data, models)
    return models
