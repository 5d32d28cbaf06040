"""The split that the configuration does not use, measured on models fitted anew."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from recolab_assets.evaluation.other_split import other_split, other_split_metrics
from recolab_assets.models import MODELS
from recolab_assets.tables import TABLES


@pytest.fixture
def shop(make_config):
    """Forty users of twelve products; every user's favourite is withheld."""
    rng = np.random.default_rng(1)
    config = make_config(
        model={"als_factors": 4, "als_iterations": 2, "candidate_depth": 20},
        evaluation={"k_values": [5], "other_split_n_users": 25},
    )
    users = np.repeat(np.arange(40), 4)
    bought = np.concatenate([rng.permutation(12)[:5] for _ in range(40)]).reshape(40, 5)
    pairs = pa.table(
        {
            "user_id": users,
            "product_id": bought[:, :4].ravel(),
            "weight": np.ones(160, np.float32),
        }
    )
    held_out = pa.table(
        {
            "user_id": np.arange(40),
            "item_id": bought[:, 4],
            "item_type": pa.array(["product"] * 40),
        }
    )
    products = pa.table(
        {
            "product_id": np.arange(12),
            "title": [f"p{n}" for n in range(12)],
            "category": [f"c{n % 3}" for n in range(12)],
            "subcategory": [f"s{n % 4}" for n in range(12)],
            "brand": [f"b{n % 2}" for n in range(12)],
            "price_tier": ["mid"] * 12,
        }
    )
    scores = np.bincount(bought[:, :4].ravel(), minlength=12).astype(float)
    ranks = np.empty(12, np.int32)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, 13)
    popularity = pa.table(
        {"product_id": np.arange(12), "score": scores, "popularity_rank": ranks},
        schema=TABLES["popularity"].arrow_schema,
    )
    return config, pairs, popularity, held_out, products


def _measured(shop, held_out=None):
    config, pairs, popularity, own, products = shop
    return other_split_metrics(
        pairs, popularity, own if held_out is None else held_out, products, 40, config
    ).read_all()


def test_the_other_method_keeps_all_other_settings(make_config) -> None:
    split = make_config(split={"test_days": 9}).split
    other = other_split(split)
    assert (split.method, other.method) == ("global_time", "per_user_latest")
    assert other.test_days == 9 and other_split(other) == split


def test_every_model_is_measured_on_the_same_sample_of_users(shop) -> None:
    table = _measured(shop)
    users = {
        model: table.filter(pc.equal(table["model"], model))["user_id"].to_pylist()
        for model in MODELS
    }
    assert len(set(map(tuple, users.values()))) == 1
    assert len(users["als"]) == len(set(users["als"])) == 25
    assert set(table["n_relevant"].to_pylist()) == {1}
    # Every list has five of the eight products that the user has not got.
    hit = table["hit_rate"].to_numpy().mean()
    assert 0.3 < hit < 0.95


def test_same_seed_same_rows(shop) -> None:
    assert _measured(shop).equals(_measured(shop))


def test_without_anything_relevant_there_are_no_rows(shop) -> None:
    assert _measured(shop, shop[3].slice(0, 0)).num_rows == 0
