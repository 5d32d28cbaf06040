"""What the explorer lets the lab's own code say is what the whole models say."""

import numpy as np
import pyarrow as pa
import pytest

from dashboard import explorer_queries as queries
from dashboard import lab
from dashboard.store import Store
from recolab_assets.config import LabConfig
from recolab_assets.models import fit_models
from recolab_assets.models.training import TrainingData
from recolab_assets.tables import TABLES

N_USERS, N_PRODUCTS = 300, 40


@pytest.fixture(scope="module")
def models():
    """All models of a shop whose last ten users have no history."""
    rng = np.random.default_rng(8)
    users = rng.integers(0, N_USERS - 10, 2_000)
    products = (rng.zipf(1.3, 2_000) + users) % N_PRODUCTS
    pairs = np.unique(np.column_stack([users, products]), axis=0)
    catalogue = pa.table(
        {
            "product_id": np.arange(N_PRODUCTS),
            "title": [f"Thing {product}" for product in range(N_PRODUCTS)],
            "category": [f"c{product % 5}" for product in range(N_PRODUCTS)],
            "brand": [f"b{product % 7}" for product in range(N_PRODUCTS)],
        }
    )
    data = TrainingData.from_tables(
        pa.table(
            {"user_id": pairs[:, 0], "product_id": pairs[:, 1], "weight": np.ones(len(pairs))}
        ),
        catalogue,
        np.bincount(pairs[:, 1], minlength=N_PRODUCTS).astype(float),
        N_USERS,
    )
    config = LabConfig.model_validate(
        {"model": {"als_factors": 8, "als_iterations": 5, "itemcf_k_neighbours": 5}}
    )
    return fit_models(data, config.model, 1)


@pytest.fixture
def store(models, write):
    data = models["hybrid"].data
    users = np.repeat(np.arange(N_USERS), np.diff(data.pairs.indptr))
    return Store(
        write(
            {
                "products": [
                    {**row, "price": None}
                    for row in data.products.cast(
                        pa.schema(
                            [
                                TABLES["products"].arrow_schema.field(name)
                                for name in data.products.column_names
                            ]
                        )
                    ).to_pylist()
                ],
                "train_pairs": [
                    {
                        "user_id": user,
                        "product_id": product,
                        "weight": 1.0,
                        "n_events": 1,
                        "last_at": 0,
                    }
                    for user, product in zip(
                        users.tolist(), data.pairs.indices.tolist(), strict=True
                    )
                ],
                **{
                    name: table.to_pylist()
                    for model in models.values()
                    for name, table in model.to_tables().items()
                },
            }
        )
    )


def rows(store, state):
    return {name: store.ask(query).rows for name, query in state.items()}


@pytest.mark.parametrize("user", [0, 128, 257, N_USERS - 1])
def test_reasons_from_few_rows_are_those_of_the_whole_models(models, store, user):
    lists = {
        name: model.recommend(np.array([user]), 10).products[0].tolist()
        for name, model in models.items()
    }
    state = rows(store, queries.model_state_for_user(user))
    found = lab.reasons(
        user,
        lists,
        store.ask(queries.user_pairs(user)).rows,
        store.ask(queries.CATALOGUE).rows,
        state,
    )
    assert found == {
        name: [model.explain(user, product) for product in lists[name]]
        for name, model in models.items()
    }
    # Rows of nobody else are read.
    assert set(state["als_user_factors"]["user_id"]) <= {user}
    own = set(store.ask(queries.user_pairs(user)).rows["product_id"])
    assert set(state["item_cf"]["product_id"]) <= own


@pytest.mark.parametrize("product", [0, 7, 39])
def test_similar_products_from_few_rows_are_those_of_the_whole_models(models, store, product):
    state = rows(store, queries.model_state_for_product(product))
    found = lab.similar_products(product, 6, store.ask(queries.CATALOGUE).rows, state)
    for name, model in models.items():
        products, similarities = model.similar(product, 6)
        assert [near.product for near in found[name]] == products.tolist()
        assert [near.similarity for near in found[name]] == pytest.approx(similarities.tolist())
    assert found["popularity"] == []
    assert len(state["als_user_factors"]) == 0


def test_a_model_that_the_lab_does_not_know_has_no_reasons(models, store):
    state = rows(store, queries.model_state_for_user(0))
    pairs, catalogue = store.ask(queries.user_pairs(0)).rows, store.ask(queries.CATALOGUE).rows
    assert lab.reasons(0, {"mine": [1]}, pairs, catalogue, state) == {}


def test_warming_up_needs_no_file():
    lab.warm_up()
