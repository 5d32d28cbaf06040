"""Training data: tables to matrices, popularity order, and what is refused."""

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.models.training import TrainingData

PAIRS = pa.table({"user_id": [2, 0, 0], "product_id": [1, 3, 0], "weight": [4.0, 1.0, 2.0]})
PRODUCTS = pa.table({"product_id": [0, 1, 2, 3], "title": ["Cup", None, "Pot", "Lid"]})
POPULARITY = np.array([1.0, 5.0, 1.0, 5.0])


def test_rows_are_users_and_columns_are_products():
    data = TrainingData.from_tables(PAIRS, PRODUCTS, POPULARITY, 4)
    expected = [[2, 0, 0, 1], [0, 0, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(data.pairs.todense(), expected)
    assert data.pairs.dtype == np.float32
    assert (data.n_users, data.n_products) == (4, 4)


def test_popularity_ties_go_to_the_lower_id():
    data = TrainingData.from_tables(PAIRS, PRODUCTS, POPULARITY, 4)
    assert data.popularity_order.tolist() == [1, 3, 0, 2]
    assert data.popularity_position.tolist() == [2, 0, 3, 1]


def test_tables_may_come_in_any_order():
    popularity = pa.table({"product_id": [3, 1, 0, 2], "score": [5.0, 5.0, 1.0, 1.0]})
    shuffled = TrainingData.from_tables(PAIRS, PRODUCTS.take([2, 0, 3, 1]), popularity, 4)
    straight = TrainingData.from_tables(PAIRS, PRODUCTS, POPULARITY, 4)
    np.testing.assert_array_equal(shuffled.popularity, straight.popularity)
    assert shuffled.products.equals(straight.products)
    assert [shuffled.title(product) for product in range(4)] == [
        "«Cup»",
        "product 1",
        "«Pot»",
        "«Lid»",
    ]


def test_titles_may_be_absent_altogether():
    data = TrainingData.from_tables(PAIRS, PRODUCTS.select(["product_id"]), POPULARITY, 4)
    assert data.title(2) == "product 2"


def test_history_leaves_pairs_of_weight_zero_out():
    zero = PAIRS.set_column(2, "weight", pa.array([4.0, 0.0, 2.0]))
    data = TrainingData.from_tables(zero, PRODUCTS, POPULARITY, 4)
    assert data.pairs.nnz == 3
    assert data.history.nnz == 2
    products, weights = data.history_of(0)
    assert (products.tolist(), weights.tolist()) == ([0], [2.0])


def test_history_is_the_pairs_themselves_where_all_have_weight():
    data = TrainingData.from_tables(PAIRS, PRODUCTS, POPULARITY, 4)
    assert data.history is data.pairs


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("user_id", [0, 1, 4], "user_id outside 0 to 3"),
        ("user_id", [0, 1, -1], "user_id outside 0 to 3"),
        ("product_id", [0, 1, 4], "product_id outside 0 to 3"),
        ("weight", [1.0, -1.0, 1.0], "finite and at least 0"),
        ("weight", [1.0, np.inf, 1.0], "finite and at least 0"),
        ("weight", [1.0, np.nan, 1.0], "finite and at least 0"),
    ],
)
def test_pairs_outside_the_shop_are_refused(column, values, message):
    wrong = PAIRS.set_column(PAIRS.column_names.index(column), column, pa.array(values))
    with pytest.raises(ValueError, match=message):
        TrainingData.from_tables(wrong, PRODUCTS, POPULARITY, 4)


@pytest.mark.parametrize("ids", [[0, 1, 2, 4], [0, 1, 1, 2], [1, 2, 3, 4]])
def test_product_ids_with_gaps_are_refused(ids):
    with pytest.raises(ValueError, match="without gaps"):
        TrainingData.from_tables(PAIRS, pa.table({"product_id": ids}), POPULARITY, 4)


@pytest.mark.parametrize(
    ("popularity", "message"),
    [
        (np.ones(3), r"must be \(4,\)"),
        (np.array([1, 2, np.nan, 1]), "finite"),
        (pa.table({"product_id": [0, 1, 2, 2], "score": np.ones(4)}), "one row for every"),
    ],
)
def test_popularity_that_does_not_fit_is_refused(popularity, message):
    with pytest.raises(ValueError, match=message):
        TrainingData.from_tables(PAIRS, PRODUCTS, popularity, 4)


def test_catalogue_and_pairs_must_agree():
    data = TrainingData.from_tables(PAIRS, PRODUCTS, POPULARITY, 4)
    with pytest.raises(ValueError, match="3 products, but pairs with 4 columns"):
        TrainingData(data.pairs, PRODUCTS.slice(0, 3), POPULARITY)


def test_products_that_are_ranked_keep_their_order():
    offered = np.array([True, False, True, True])
    data = TrainingData.from_tables(PAIRS, PRODUCTS, np.array([1.0, 9.0, 2.0, 1.0]), 4, offered)
    assert data.popularity_order.tolist() == [1, 2, 0, 3]
    assert data.offered_order.tolist() == [2, 0, 3]
    with pytest.raises(ValueError, match=r"offered must be \(4,\), not \(3,\)"):
        TrainingData(data.pairs, PRODUCTS, data.popularity, offered[:3])
