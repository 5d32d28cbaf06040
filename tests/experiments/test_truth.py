"""Truth against brute force."""

from itertools import permutations

import numpy as np
import pytest

from recolab_assets.experiments.response import expected_outcomes
from recolab_assets.experiments.truth import ORACLE, truth
from recolab_assets.tables import TABLES


def _oracle(shop):
    return np.argsort(-shop.demand[shop.users], axis=1, kind="stable")[:, :6]


@pytest.fixture(scope="module")
def values(shop) -> dict[tuple[str, str], float]:
    table = truth(shop.users, shop.lists, _oracle(shop), shop.shoppers, shop.depth)
    assert table.schema == TABLES["truth"].arrow_schema
    return {(row["model"], row["metric"]): row["value"] for row in table.to_pylist()}


def test_no_ranking_has_more_clicks_than_the_oracle(shop) -> None:
    users = shop.users[:3]
    best = np.argsort(-shop.demand[users][:, :5], axis=1)[:, :3]
    clicks = expected_outcomes(shop.shoppers, users, best, shop.depth).clicks_per_user
    everything = [
        np.array(
            [
                shop.shoppers.click_probability(
                    shop.shoppers.attraction(users[[u]], np.array([order]))
                ).sum()
                for order in permutations(range(5), 3)
            ]
        ).max()
        for u in range(3)
    ]
    assert clicks == pytest.approx(np.mean(everything), rel=1e-12)


def test_truth_is_the_expected_outcome_of_every_model(shop, values) -> None:
    for model, products in shop.lists.items():
        outcome = expected_outcomes(shop.shoppers, shop.users, products, shop.depth)
        for metric, value in outcome._asdict().items():
            assert values[model, metric] == value
    assert values["popularity", "ctr"] == pytest.approx(0.05)


def test_shares_and_regret(shop, values) -> None:
    assert values[ORACLE, "share_of_oracle"] == 1
    models = list(shop.lists)
    assert all(0 < values[model, "share_of_oracle"] < 1 for model in models)
    best = max(models, key=lambda model: values[model, "ctr"])
    assert best == "strong"
    assert values[best, "regret"] == 0 == values[ORACLE, "regret"]
    assert values["weak", "regret"] == pytest.approx(
        1 - values["weak", "ctr"] / values["strong", "ctr"]
    )


def test_values_that_are_not_defined_are_left_out(shop) -> None:
    lists = {"good": shop.lists["good"], "silent": np.full_like(shop.lists["good"], -1)}
    rows = truth(shop.users, lists, _oracle(shop), shop.shoppers, shop.depth).to_pylist()
    assert {row["model"] for row in rows} == {"good", ORACLE}
    rows = truth(
        shop.users, {"silent": lists["silent"]}, lists["silent"], shop.shoppers, shop.depth
    )
    assert rows.num_rows == 0
