"""Lists and the long table are two forms of the same thing."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recolab_assets.models.lists import RecommendationLists
from recolab_assets.tables import TABLES


def make(users, products, fallback=()):
    products = np.array(products, np.int32)
    scores = np.where(products >= 0, 10.0 - np.arange(products.shape[1]), np.nan)
    flags = np.isin(users, fallback)
    return RecommendationLists(np.array(users, np.int32), products, scores.astype("f4"), flags)


LISTS = make([2, 5, 9], [[4, 1, 3], [7, -1, -1], [3, 4, -1]], fallback=[5])


def test_table_has_one_row_a_product_and_no_pads():
    table = LISTS.to_table("als")
    assert table.schema.equals(TABLES["recommendations"].arrow_schema)
    assert table.select(["user_id", "rank", "product_id"]).to_pylist() == [
        {"user_id": 2, "rank": 1, "product_id": 4},
        {"user_id": 2, "rank": 2, "product_id": 1},
        {"user_id": 2, "rank": 3, "product_id": 3},
        {"user_id": 5, "rank": 1, "product_id": 7},
        {"user_id": 9, "rank": 1, "product_id": 3},
        {"user_id": 9, "rank": 2, "product_id": 4},
    ]
    assert table["is_fallback"].to_pylist() == [False] * 3 + [True] + [False] * 2
    assert table["score"].to_pylist() == [10, 9, 8, 10, 10, 9]
    assert set(table["model"].to_pylist()) == {"als"}


@given(st.randoms(use_true_random=False))
def test_table_in_any_order_gives_the_lists_back(random):
    rows = list(range(6))
    random.shuffle(rows)
    found = RecommendationLists.from_table(LISTS.to_table("als").take(rows), 3)
    for name in ("users", "products", "scores", "is_fallback"):
        np.testing.assert_array_equal(getattr(found, name), getattr(LISTS, name))
        assert getattr(found, name).dtype == getattr(LISTS, name).dtype


def test_users_asked_for_come_in_their_order_with_or_without_rows():
    wanted = np.array([3, 5, 9], np.int32)
    found = RecommendationLists.from_table(LISTS.to_table("als"), 3, wanted)
    assert found.users.tolist() == [3, 5, 9]
    assert found.products.tolist() == [[-1, -1, -1], [7, -1, -1], [3, 4, -1]]
    assert found.is_fallback.tolist() == [False, True, False]
    nobody = RecommendationLists.from_table(LISTS.to_table("als"), 3, np.empty(0, np.int32))
    assert nobody.products.shape == (0, 3)
    empty = RecommendationLists.from_table(LISTS.to_table("als").slice(0, 0), 3, wanted)
    assert (empty.products == -1).all()


def test_scores_and_flags_may_be_absent():
    table = LISTS.to_table("als").select(["user_id", "rank", "product_id"])
    found = RecommendationLists.from_table(table, 3)
    assert np.isnan(found.scores).all()
    assert not found.is_fallback.any()


def test_shorter_k_cuts_the_lists_and_keeps_the_users():
    found = RecommendationLists.from_table(LISTS.to_table("als"), 1)
    assert found.products.tolist() == [[4], [7], [3]]
    assert found.is_fallback.tolist() == [False, True, False]


def test_longer_k_pads():
    found = RecommendationLists.from_table(LISTS.to_table("als"), 5)
    assert found.products[0].tolist() == [4, 1, 3, -1, -1]
    assert found.k == 5
    assert found.lengths.tolist() == [3, 1, 2]


def test_empty_table_is_no_lists():
    empty = LISTS.to_table("als").slice(0, 0)
    found = RecommendationLists.from_table(empty, 3)
    assert found.products.shape == (0, 3)
    assert found.to_table("als").equals(empty)


@pytest.mark.parametrize(
    ("ranks", "message"),
    [([1, 1], "same user and rank"), ([0, 1], "start from 1"), ([1, 3], "gap")],
)
def test_impossible_ranks_are_refused(ranks, message):
    table = pa.table({"user_id": [3, 3], "rank": ranks, "product_id": [1, 2]})
    with pytest.raises(ValueError, match=message):
        RecommendationLists.from_table(table, 3)


@pytest.mark.parametrize(
    ("users", "products", "scores", "flags", "message"),
    [
        ([1, 1], (2, 3), (2, 3), 2, "ascending and distinct"),
        ([2, 1], (2, 3), (2, 3), 2, "ascending and distinct"),
        ([1, 2], (3, 3), (3, 3), 2, "products must be"),
        ([1, 2], (2, 3), (2, 2), 2, "differ in shape"),
        ([1, 2], (2, 3), (2, 3), 3, "is_fallback must be"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(users, products, scores, flags, message):
    with pytest.raises(ValueError, match=message):
        RecommendationLists(
            np.array(users), np.zeros(products, int), np.zeros(scores), np.zeros(flags, bool)
        )


def test_blocks_of_users_are_joined():
    blocks = [make([2, 5], [[4, 1, 3], [7, -1, -1]], fallback=[5]), make([9], [[3, 4, -1]])]
    joined = RecommendationLists.concatenate(blocks)
    assert joined.to_table("als").equals(LISTS.to_table("als"))
    with pytest.raises(ValueError, match="ascending"):
        RecommendationLists.concatenate(blocks[::-1])
