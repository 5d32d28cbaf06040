"""TF-IDF profiles, against scikit-learn's vectoriser on the same terms."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from recolab_assets.models.content_based import ContentBased
from recolab_assets.models.training import ATTRIBUTES


@pytest.fixture(scope="module")
def model(shop, settings):
    return ContentBased.fit(shop.data, settings, 5)


def dense(model):
    table = model.to_tables()["content_based"]
    return {(row["product_id"], row["term"]): row["weight"] for row in table.to_pylist()}


def test_vectors_are_those_of_scikit_learn(model, shop):
    documents = []
    for row in shop.data.products.to_pylist():
        terms = [f"{name}={row[name]}" for name in ATTRIBUTES if row.get(name) is not None]
        documents.append(" ".join(terms))
    vectorizer = TfidfVectorizer(token_pattern=r"\S+", lowercase=False)
    expected = vectorizer.fit_transform(documents).toarray()
    names = vectorizer.get_feature_names_out()
    found = dense(model)
    assert len(found) == np.count_nonzero(expected)
    for product, column in zip(*np.nonzero(expected), strict=True):
        weight = expected[product, column]
        assert found[int(product), str(names[column])] == pytest.approx(weight, rel=1e-12)


def test_absent_attributes_have_no_term(model):
    terms = {term for product, term in dense(model) if product == 11}
    assert {term.split("=")[0] for term in terms} == {"category", "subcategory"}
    assert not any(term.startswith("price_tier") for _, term in dense(model))


def test_products_with_the_same_attributes_tie_exactly_and_follow_popularity(make_data, settings):
    generator = np.random.default_rng(2)
    n = 400
    attributes = {
        "category": generator.choice(["a", "b", "c"], n),
        "brand": generator.choice(["x", "y", "z", "w", "v"], n),
        "price_tier": generator.choice(["low", "high"], n),
    }
    pairs = [(user, int(p), 1.0) for user in range(20) for p in generator.choice(n, 9, False)]
    data = make_data(pairs, 20, n, attributes, popularity=generator.random(n))
    found = ContentBased.fit(data, settings, 1).candidates(np.arange(20), n)
    kinds = np.array([f"{a}{b}{c}" for a, b, c in zip(*attributes.values(), strict=True)])
    for row, values in zip(found.products, found.scores, strict=True):
        products, scores = row[row >= 0], values[row >= 0]
        for kind in np.unique(kinds[products]):
            same = np.flatnonzero(kinds[products] == kind)
            assert len(set(scores[same].tolist())) == 1
            assert (np.diff(data.popularity[products[same]]) <= 0).all()


@pytest.mark.parametrize("depth", [1, 3, 25])
def test_a_short_list_is_the_head_of_a_long_one_where_many_products_are_alike(
    make_data, settings, depth
):
    generator = np.random.default_rng(4)
    n = 900
    attributes = {
        "category": generator.choice(["a", "b"], n),
        "brand": generator.choice(["x", "y", "z"], n),
    }
    pairs = [(user, int(p), 1.0) for user in range(20) for p in generator.choice(n, 90, False)]
    data = make_data(pairs, 20, n, attributes, popularity=generator.random(n))
    model = ContentBased.fit(data, settings, 1)
    long, short = (model.candidates(np.arange(20), k, exclude_seen=True) for k in (n, depth))
    np.testing.assert_array_equal(short.products, long.products[:, :depth])
    assert all(
        not set(row.tolist()) & set(data.history_of(user)[0].tolist())
        for user, row in enumerate(short.products)
    )


def test_products_that_nobody_met_are_recommended(make_data, settings):
    attributes = {"category": ["a", "a", "b", "a"], "brand": ["x", "y", "x", "x"]}
    model = ContentBased.fit(make_data([(0, 0, 1.0)], 1, 4, attributes), settings, 1)
    assert model.recommend(np.array([0]), 1).products.tolist() == [[3]]


def test_profile_is_the_plain_mean_whatever_the_weights(make_data, settings):
    attributes = {"category": ["a", "b", "a", "b"]}
    light = make_data([(0, 0, 1.0), (0, 1, 1.0)], 1, 4, attributes, popularity=np.ones(4))
    heavy = make_data([(0, 0, 1.0), (0, 1, 9.0)], 1, 4, attributes, popularity=np.ones(4))
    a, b = (ContentBased.fit(d, settings, 1).candidates(np.array([0]), 4) for d in (light, heavy))
    np.testing.assert_array_equal(a.scores, b.scores)
    np.testing.assert_allclose(a.scores[0, :2], np.sqrt(0.5), rtol=1e-6)


def test_a_shop_without_attributes_falls_back_to_popularity(make_data, settings):
    model = ContentBased.fit(make_data([(0, 0, 1.0), (1, 1, 1.0)], 2, 4), settings, 1)
    lists = model.recommend(np.arange(2), 3)
    assert lists.is_fallback.all()
    assert lists.products.tolist() == [[1, 2, 3], [0, 2, 3]]
    assert model.to_tables()["content_based"].num_rows == 0
    assert model.explain(0, 1).startswith("Popular with all customers")
    assert len(model.similar(0)[0]) == 0


def test_reason_names_the_shared_attributes_heaviest_first(make_data, settings):
    attributes = {"category": ["a", "a", "a", "b"], "brand": ["x", "y", "x", "y"]}
    model = ContentBased.fit(make_data([(0, 0, 1.0)], 1, 4, attributes), settings, 1)
    assert (
        model.explain(0, 2)
        == "Matches what you look at with 1.00: brand x (60%), category a (40%)."
    )
    assert "brand" not in model.explain(0, 1)
    assert model.explain(0, 3).startswith("«Thing 3» fills up")


def test_similarity_is_the_cosine_of_the_vectors(model, shop):
    found = dense(model)
    terms = sorted({term for _, term in found})
    vectors = np.zeros((shop.data.n_products, len(terms)))
    for (product, term), weight in found.items():
        vectors[product, terms.index(term)] = weight
    products, similarities = model.similar(4, 90)
    cosines = vectors @ vectors[4]
    assert set(products.tolist()) == set(np.flatnonzero(cosines > 0).tolist()) - {4}
    np.testing.assert_allclose(similarities, cosines[products])
