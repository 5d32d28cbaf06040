"""Truth against brute force."""

from itertools import permutations

import numpy as np
import pytest
from scipy import sparse

from recolab_assets.experiments.response import expected_outcomes
from recolab_assets.experiments.truth import ORACLE, _top_k, oracle_lists, truth
from recolab_assets.tables import TABLES


def _oracle(shop, k: int = 6, seen=None):
    return oracle_lists(shop.users, lambda users: shop.demand[users], k, seen)


@pytest.fixture(scope="module")
def values(shop) -> dict[tuple[str, str], float]:
    table = truth(shop.users, shop.lists, _oracle(shop), shop.shoppers, shop.depth)
    assert table.schema == TABLES["truth"].arrow_schema
    return {(row["model"], row["metric"]): row["value"] for row in table.to_pylist()}


def test_oracle_takes_the_most_probable_products_in_order(shop) -> None:
    expected = np.argsort(-shop.demand[shop.users], axis=1, kind="stable")[:, :6]
    np.testing.assert_array_equal(_oracle(shop), expected)


def test_no_ranking_has_more_clicks_than_the_oracle(shop) -> None:
    users = shop.users[:3]

    def few(of):
        return shop.demand[of][:, :5]

    best = oracle_lists(users, few, 3)
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


def test_oracle_leaves_out_what_was_seen(shop) -> None:
    seen = np.zeros((4_000, 60), np.float32)
    favourites = shop.demand.argmax(axis=1)
    seen[np.arange(4_000), favourites] = 1
    for matrix in (sparse.csr_matrix(seen), sparse.csr_array(seen)):
        lists = _oracle(shop, seen=matrix)
        expected = np.argsort(-shop.demand[shop.users], axis=1, kind="stable")[:, 1:7]
        np.testing.assert_array_equal(lists, expected)


def test_oracle_pads_when_products_run_out_and_breaks_ties_by_id() -> None:
    seen = sparse.csr_matrix(np.array([[1, 1, 0, 1], [0, 0, 0, 0]]))
    users = np.array([0, 1])
    lists = oracle_lists(users, lambda of: np.full((of.size, 4), 0.25), 3, seen)
    np.testing.assert_array_equal(lists, [[2, -1, -1], [0, 1, 2]])


def test_oracle_works_in_blocks_and_leaves_its_input_alone(shop, monkeypatch) -> None:
    whole, before = _oracle(shop), shop.demand.copy()
    monkeypatch.setattr("recolab_assets.experiments.truth._ORACLE_BLOCK", 77)
    np.testing.assert_array_equal(_oracle(shop), whole)
    np.testing.assert_array_equal(shop.demand, before)


def test_interpreted_kernel_equals_the_compiled_one() -> None:
    scores = np.random.default_rng(0).integers(0, 9, (4, 30)).astype(float)
    starts, seen = np.array([0, 2, 2, 3, 3], np.int32), np.array([4, 7, 1], np.int32)
    compiled, interpreted = np.full((2, 4, 5), -1, np.int32)
    _top_k(scores, starts, seen, compiled)
    _top_k.py_func(scores, starts, seen, interpreted)
    np.testing.assert_array_equal(compiled, interpreted)


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
