"""Item neighbours, against scikit-learn's cosine."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from recolab_assets.models.item_cf import ItemCF


@pytest.fixture(scope="module")
def model(shop, settings):
    return ItemCF.fit(shop.data, settings, 5)


def neighbours(model):
    table = model.to_tables()["item_cf"]
    rows, near, similarities = (
        table[name].to_numpy() for name in ("product_id", "neighbour_id", "similarity")
    )
    return rows, near, similarities


def test_neighbours_are_the_nearest_by_cosine(model, shop, settings):
    cosines = cosine_similarity(shop.data.history.T)
    np.fill_diagonal(cosines, -1)
    rows, near, similarities = neighbours(model)
    np.testing.assert_allclose(similarities, cosines[rows, near], rtol=1e-6)
    for product in range(shop.data.n_products):
        found = similarities[rows == product]
        expected = np.sort(cosines[product][cosines[product] > 0])[::-1]
        kept = expected[: settings.itemcf_k_neighbours]
        np.testing.assert_allclose(found, kept, rtol=1e-6)


def test_no_product_is_its_own_neighbour(model):
    rows, near, _ = neighbours(model)
    assert (rows != near).all()


def test_many_twins_leave_full_lists_without_the_product_itself(make_data, settings):
    # Fifty products with the same two users: every cosine is 1, so a product itself may be
    # missing among its nearest.
    pairs = [(user, product, 1.0) for user in range(2) for product in range(50)]
    model = ItemCF.fit(make_data(pairs, 3, 50), settings, 1)
    rows, near, similarities = neighbours(model)
    assert np.bincount(rows).tolist() == [settings.itemcf_k_neighbours] * 50
    assert (rows != near).all()
    assert similarities.max() <= 1
    np.testing.assert_allclose(similarities, 1)


def test_short_lists_are_filled_up_from_popularity_with_score_zero(make_data, settings):
    pairs = [(0, 0, 1.0), (1, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (2, 3, 1.0), (3, 3, 5.0)]
    model = ItemCF.fit(make_data(pairs, 4, 5), settings, 1)
    lists = model.recommend(np.array([0]), 4)
    assert lists.products[0].tolist() == [1, 3, 2, 4]
    assert lists.scores[0, 0] == pytest.approx(np.sqrt(0.5))
    assert lists.scores[0, 1:].tolist() == [0, 0, 0]
    assert not lists.is_fallback[0]


def test_user_whose_products_have_no_neighbours_falls_back(make_data, settings):
    pairs = [(0, 0, 1.0), (1, 1, 1.0), (1, 2, 1.0)]
    lists = ItemCF.fit(make_data(pairs, 2, 3), settings, 1).recommend(np.array([0, 1]), 2)
    assert lists.is_fallback.tolist() == [True, True]
    assert lists.products.tolist() == [[1, 2], [0, -1]]


def test_reason_is_the_product_with_the_largest_share(make_data, settings):
    pairs = [
        (0, 0, 1.0),
        (0, 1, 5.0),
        (1, 0, 1.0),
        (1, 2, 1.0),
        (2, 1, 1.0),
        (2, 2, 1.0),
    ]
    model = ItemCF.fit(make_data(pairs, 3, 3), settings, 1)
    cosines = cosine_similarity(model.data.history.T)
    share = 5 * cosines[1, 2] / (5 * cosines[1, 2] + cosines[0, 2])
    assert model.explain(0, 2) == (
        f"Because of «Thing 1» in your history (similarity {cosines[1, 2]:.2f},"
        f" {share:.0%} of the score)."
    )


def test_similar_products_are_the_neighbours(model):
    rows, near, similarities = neighbours(model)
    found, values = model.similar(12, 100)
    np.testing.assert_array_equal(values, similarities[rows == 12])
    expected = dict(zip(near[rows == 12], similarities[rows == 12], strict=True))
    assert dict(zip(found, values, strict=True)) == expected


def test_neighbours_do_not_depend_on_popularity(make_data, settings):
    pairs = [(user, product, 1.0) for user in range(2) for product in range(30)]
    flat = make_data(pairs, 2, 30, popularity=np.zeros(30))
    rising = make_data(pairs, 2, 30, popularity=np.arange(30.0))
    tables = [ItemCF.fit(data, settings, 1).to_tables() for data in (flat, rising)]
    assert tables[0] == tables[1]
