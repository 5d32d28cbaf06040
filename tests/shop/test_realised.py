"""Realised against specified: the measures themselves."""

import duckdb
import numpy as np
import pytest

from recolab_assets.shop.realised import (
    content_mix,
    power_law_exponent,
    realised_shares,
    specified_shares,
)
from recolab_assets.shop.synthetic import SyntheticShop


def test_the_exponent_of_a_power_law_is_found():
    weights = (1.0 + np.arange(500)) ** -1.2
    shuffled = np.random.default_rng(0).permutation(weights)
    assert power_law_exponent(shuffled) == pytest.approx(1.2)
    assert np.isnan(power_law_exponent(np.ones(1)))


def test_shares_of_a_log_are_near_those_specified(make_config):
    config = make_config(
        data={"n_users": 4_000, "n_products": 400, "n_editorial": 40, "n_interactions": 120_000}
    )
    shop = SyntheticShop(config)
    users, products, editorial = shop.users(), shop.products(), shop.editorial()
    log = shop.interactions(users, products, editorial).read_all()
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA raw")
    for name, table in (("users", users), ("products", products), ("interactions", log)):
        connection.register("rows", table)
        connection.execute(f"CREATE TABLE raw.{name} AS FROM rows")
    sql, params = realised_shares(config)
    [realised] = connection.sql(sql, params=params).to_arrow_table().to_pylist()
    for name, share in specified_shares(config).items():
        assert realised[name] == pytest.approx(share, abs=0.01), name
    assert realised["toys_november_lift"] > 1.3
    assert realised["garden_spring_lift"] > 1.3
    assert content_mix(editorial) == {
        "article": 0.5,
        "post": 0.2,
        "collection": 0.15,
        "buying_guide": 0.15,
    }


def test_what_is_switched_off_is_not_specified(make_config):
    config = make_config(data={"n_products": 200, "n_editorial": 0})
    assert specified_shares(config)["product_share"] == 1.0
    flags = {"n_categories": 4, "n_subcategories": 3, "affinity": {"enabled": False}}
    assert "primary_share" not in specified_shares(make_config(shop=flags))
