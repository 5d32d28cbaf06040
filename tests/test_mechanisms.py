"""What the shop's mechanisms are for: with them a personal list wins, without them none can."""

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.models import fit_models
from recolab_assets.models.training import TrainingData
from recolab_assets.shop.demand import product_demand
from recolab_assets.shop.synthetic import SyntheticShop

LAST_MONTH = 11
CUT = np.datetime64("2024-12-01")
MECHANISMS = ("affinity", "lifecycle", "seasonality", "taste")


def expected_click_mass(config):
    """Truth of every model: probability of the listed products, discounted by position."""
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    log = shop.interactions(users, products, editorial).read_all().to_pandas()
    train = log[(log.item_type == "product") & (log.occurred_at < CUT)]
    pairs = train.groupby(["user_id", "item_id"]).size().rename("weight").reset_index()
    table = pa.table(
        {
            "user_id": pairs.user_id,
            "product_id": pairs.item_id,
            "weight": np.log1p(pairs.weight).astype(np.float32),
        }
    )
    popularity = np.bincount(train.item_id, minlength=products.num_rows).astype(float)
    data = TrainingData.from_tables(table, products, popularity, users.num_rows)
    models = fit_models(data, config.model, config.data.random_seed)
    # Everybody is asked, so that what is compared is lists and not who happened to come.
    everyone = np.arange(users.num_rows)
    demand = product_demand(users, products, config.shop)
    examined = 0.85 ** np.arange(10)
    truth = {}
    for name, model in models.items():
        lists = model.recommend(everyone, 10, exclude_seen=config.model.exclude_seen)
        wanted = demand.probability_of(everyone, lists.products, LAST_MONTH)
        truth[name] = float((wanted @ examined).mean())
    return truth


@pytest.fixture(scope="module")
def shop_config(make_config):
    def build(seed, *, enabled, exclude_seen=True):
        flags = {name: {"enabled": enabled} for name in MECHANISMS}
        return make_config(
            data={
                "n_users": 3_000,
                "n_products": 600,
                "n_editorial": 20,
                "n_interactions": 90_000,
                "random_seed": seed,
            },
            shop={"n_categories": 10, "n_subcategories": 3, "n_brands": 12, **flags},
            model={
                "als_factors": 32,
                "als_iterations": 10,
                "als_regularization": 5.0,
                "exclude_seen": exclude_seen,
            },
        )

    return build


@pytest.mark.parametrize("seed", [1, 2])
def test_with_the_mechanisms_popularity_is_not_the_best_arm(shop_config, seed):
    truth = expected_click_mass(shop_config(seed, enabled=True))
    assert truth["item_cf"] > 1.15 * truth["popularity"], truth
    assert truth["hybrid"] > 1.15 * truth["popularity"], truth


@pytest.mark.parametrize("seed", [1, 2])
def test_without_the_mechanisms_popularity_is_the_best_arm(shop_config, seed):
    # Repeats are allowed: products that a user has seen say nothing of taste here, and to leave
    # them out would only hide the best sellers.
    truth = expected_click_mass(shop_config(seed, enabled=False, exclude_seen=False))
    assert max(truth, key=truth.__getitem__) == "popularity", truth
    truth = expected_click_mass(shop_config(seed, enabled=False))
    assert max(truth, key=truth.__getitem__) == "popularity", truth
