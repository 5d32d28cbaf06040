"""Small training sets: clustered tastes, and pairs written out by hand."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.config import ModelConfig
from recolab_assets.models.training import TrainingData


class Clustered(NamedTuple):
    """Training data of users with a taste, and one later product of each."""

    data: TrainingData
    held_out: np.ndarray
    """(n_users,) product withheld, -1 for users who never came."""


def training_data(pairs, n_users, n_products, attributes=None, popularity=None):
    """Build training data from (user, product, weight) rows."""
    users, products, weights = zip(*pairs, strict=True) if pairs else ((), (), ())
    if popularity is None:
        popularity = np.bincount(np.array(products, int), weights, minlength=n_products)
    catalogue = {
        "product_id": pa.array(range(n_products), pa.int32()),
        "title": [f"Thing {product}" for product in range(n_products)],
        **(attributes or {}),
    }
    table = pa.table(
        {
            "user_id": pa.array(users, pa.int32()),
            "product_id": pa.array(products, pa.int32()),
            "weight": pa.array(weights, pa.float32()),
        }
    )
    return TrainingData.from_tables(table, pa.table(catalogue), popularity, n_users)


def clustered(n_users=260, n_products=90, n_clusters=6, cold=7, seed=3) -> Clustered:
    """Every user shops mostly in one cluster of products, popular ones first; some never came."""
    generator = np.random.default_rng(seed)
    cluster = np.arange(n_products) % n_clusters
    appeal = (1.0 + np.arange(n_products) // n_clusters) ** -0.7
    rows, held_out = [], np.full(n_users, -1)
    for user in range(n_users - cold):
        chance = appeal * np.where(cluster == user % n_clusters, 1.0, 0.04)
        size = generator.integers(4, 9)
        chosen = generator.choice(n_products, size, replace=False, p=chance / chance.sum())
        held_out[user] = chosen[0]
        rows += [(user, product, generator.choice([1.0, 2.0, 5.0])) for product in chosen[1:]]
    attributes = {
        "category": [f"c{c // 2}" for c in cluster],
        "subcategory": [f"s{c}" for c in cluster],
        "brand": [None if p % 11 == 0 else f"b{p % 3}" for p in range(n_products)],
    }
    return Clustered(training_data(rows, n_users, n_products, attributes), held_out)


@pytest.fixture(scope="session")
def make_data():
    """Return a builder of training data from (user, product, weight) rows."""
    return training_data


@pytest.fixture(scope="session")
def make_clustered():
    """Return a builder of training data with clusters of taste."""
    return clustered


@pytest.fixture(scope="session")
def shop():
    """260 users with tastes, seven of them without any pair, and 90 products."""
    return clustered()


@pytest.fixture(scope="session")
def settings():
    """Settings of models for the small shop."""
    return ModelConfig(
        als_factors=8,
        als_iterations=8,
        als_regularization=1.0,
        als_alpha=10.0,
        itemcf_k_neighbours=15,
        candidate_depth=40,
        top_k=10,
    )
