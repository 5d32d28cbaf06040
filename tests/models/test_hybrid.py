"""The blend: who is served, what each component adds, and where candidates come from."""

import numpy as np
import pytest

from recolab_assets.models import MODELS, fit_models
from recolab_assets.models.base import Candidates
from recolab_assets.models.hybrid import Hybrid

ALONE = {"hybrid_pop_weight": 0.0, "hybrid_als_weight": 0.0, "hybrid_itemcf_weight": 0.0}


def only(settings, **weights):
    none = {**ALONE, "hybrid_cb_weight": 0.0}
    return settings.model_copy(update={**none, **weights})


@pytest.fixture(scope="module")
def models(shop, settings):
    return fit_models(shop.data, settings, 5)


def test_weights_and_depth_are_kept(models, settings):
    rows = models["hybrid"].to_tables()["hybrid"].to_pylist()
    assert {row["component"]: row["weight"] for row in rows} == settings.hybrid_weights
    assert {row["candidate_depth"] for row in rows} == {settings.candidate_depth}


@pytest.mark.parametrize(
    ("weight", "name"),
    [
        ("hybrid_pop_weight", "popularity"),
        ("hybrid_als_weight", "als"),
        ("hybrid_itemcf_weight", "item_cf"),
        ("hybrid_cb_weight", "content_based"),
    ],
)
def test_a_blend_of_one_model_is_that_model(models, shop, settings, weight, name):
    blend = Hybrid.fit(shop.data, only(settings, **{weight: 1.0}), 5, models)
    users = np.arange(shop.data.n_users)
    found, alone = blend.recommend(users, 10), models[name].recommend(users, 10)
    np.testing.assert_array_equal(found.products, alone.products)
    np.testing.assert_array_equal(found.is_fallback, alone.is_fallback)


def test_what_the_components_add_sums_to_the_score(models):
    hybrid = models["hybrid"]
    found = hybrid.candidates(np.arange(30), 5)
    for user in range(30):
        for product, score in zip(found.products[user], found.scores[user], strict=True):
            added = hybrid.contributions(user, int(product))
            assert sum(added.values()) == pytest.approx(score, abs=1e-6)


def test_reason_names_the_shares_and_the_leading_component_s_reason(models):
    hybrid = models["hybrid"]
    product = int(hybrid.candidates(np.array([4]), 1).products[0, 0])
    added = hybrid.contributions(4, product)
    leading = max(added, key=lambda name: added[name])
    reason = hybrid.explain(4, product)
    assert reason.startswith(f"A score of {sum(added.values()):.2f} from {leading} ")
    assert reason.endswith(models[leading].explain(4, product))


def test_a_repeat_is_explained_where_repeats_are_allowed(models, shop):
    seen = int(shop.data.history_of(4)[0][0])
    assert models["hybrid"].contributions(4, seen)


def test_component_that_serves_nobody_adds_nothing(make_data, settings):
    # Without attributes the content-based model has no candidates.
    pairs = [(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0)]
    models = fit_models(make_data(pairs, 4, 4), settings, 1)
    assert "content_based" not in models["hybrid"].contributions(0, 2)
    lists = models["hybrid"].recommend(np.arange(4), 3)
    assert lists.is_fallback.tolist() == [False, False, False, True]


def test_handed_in_candidates_are_used_as_they_are(models, shop, settings):
    bare = MODELS["hybrid"].fit(shop.data, settings, 5)
    users = np.arange(9)
    given = {
        name: models[name].candidates(users, 70)
        for name in ("popularity", "als", "item_cf", "content_based")
    }
    found = bare.candidates(users, 10, handed_in=given)
    expected = models["hybrid"].candidates(users, 10)
    np.testing.assert_array_equal(found.products, expected.products)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_missing_components_are_named(shop, settings):
    bare = MODELS["hybrid"].fit(shop.data, settings, 5)
    with pytest.raises(ValueError, match="its component popularity was not given"):
        bare.candidates(np.arange(3), 5)


def test_lists_of_equal_scores_count_in_full(shop, settings, models):
    blend = Hybrid.fit(shop.data, only(settings, hybrid_als_weight=0.5, hybrid_cb_weight=0.5), 5)
    depth = settings.candidate_depth
    flat, steep = Candidates.empty(1, depth), Candidates.empty(1, depth)
    flat.products[0], flat.scores[0] = np.arange(depth), 3.0
    steep.products[0, :2], steep.scores[0, :2] = (50, 51), (4.0, 1.0)
    found = blend.candidates(np.array([0]), 90, handed_in={"als": flat, "content_based": steep})
    scores = dict(zip(found.products[0].tolist(), found.scores[0].tolist(), strict=True))
    assert scores[0] == scores[39] == 0.5
    assert scores[50] == 0.5
    assert scores[51] == pytest.approx(0.125)


def test_similar_products_blend_the_components(models, settings):
    products, similarities = models["hybrid"].similar(7, 5)
    assert len(products) == 5
    expected = np.zeros(90)
    for name in ("als", "item_cf", "content_based"):
        near, values = models[name].similar(7, settings.candidate_depth)
        low = values.min() if len(near) == settings.candidate_depth else min(values.min(), 0)
        expected[near] += settings.hybrid_weights[name] * (values - low) / (values.max() - low)
    np.testing.assert_allclose(similarities, np.sort(expected)[::-1][:5], rtol=1e-5)
