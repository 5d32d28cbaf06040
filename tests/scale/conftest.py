"""A small shop made on this machine, and one Spark of three processes for all tests."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from recolab_assets.scale import engine_of
from tests.scale.cluster import CLUSTER
from tests.small_lab import WITHOUT_CHECKS, Lab

SHOP: dict[str, dict[str, Any]] = {
    "data": {"n_users": 5_000, "n_products": 300, "n_editorial": 40, "n_interactions": 60_000},
    "shop": {"n_categories": 6, "n_subcategories": 3, "n_brands": 6},
    "model": {"als_factors": 8, "als_iterations": 3, "candidate_depth": 40},
}
STAGES = dg.AssetSelection.assets(
    "user_metrics", "user_features", "item_features", "validation_interactions"
).upstream()


@pytest.fixture(scope="package")
def local(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The shop with all tables up to the metrics of users, made on this machine."""
    lab = Lab.create(tmp_path_factory.mktemp("local"), **SHOP)
    lab.run(STAGES & WITHOUT_CHECKS)
    return lab


@pytest.fixture(scope="package")
def engine(local: Lab) -> Iterator[Any]:
    """Spark over the tables that this machine made."""
    config = Lab.create(local.folder / "spark", **SHOP, scale=CLUSTER).config
    engine = engine_of(config, local.resource.database)
    yield engine
    engine.session.stop()


@pytest.fixture(scope="package")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The shop with more products than ALS scores in a stretch, up to the lists."""
    data = {**SHOP["data"], "n_products": 5_000}
    lab = Lab.create(tmp_path_factory.mktemp("wide"), **{**SHOP, "data": data})
    lab.run(dg.AssetSelection.assets("recommendations").upstream() & WITHOUT_CHECKS)
    return lab


@pytest.fixture(scope="package")
def distributed(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The same shop, made on Spark, with the checks of its tables."""
    lab = Lab.create(tmp_path_factory.mktemp("spark"), **SHOP, scale=CLUSTER)
    assert lab.run(STAGES).success
    return lab
