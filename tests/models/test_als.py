"""ALS: the normal equations of the paper, and scores that decompose into reasons."""

import numpy as np
import pytest

from recolab_assets.models.als import ALS
from recolab_assets.models.blas import single_blas_thread


@pytest.fixture(scope="module")
def model(shop, settings):
    return ALS.fit(shop.data, settings, 5)


def factors(model):
    tables = model.to_tables()
    return (
        tables["als_user_factors"]["user_id"].to_numpy(),
        np.array(tables["als_user_factors"]["factors"].to_pylist()),
        tables["als_item_factors"]["product_id"].to_numpy(),
        np.array(tables["als_item_factors"]["factors"].to_pylist()),
    )


def test_user_factors_solve_equation_4(model, shop, settings):
    users, user_factors, products, y = factors(model)
    weights = np.asarray(shop.data.history.todense(), float)[:, products]
    for user, found in zip(users, user_factors, strict=True):
        confidence = 1 + settings.als_alpha * weights[user]
        normal = y.T @ (confidence[:, None] * y) + settings.als_regularization * np.eye(8)
        preference = (weights[user] > 0).astype(float)
        np.testing.assert_allclose(
            found, np.linalg.solve(normal, y.T @ (confidence * preference)), atol=2e-5
        )


def test_more_sweeps_lower_the_objective_of_equation_3(shop, settings):
    weights = np.asarray(shop.data.history.todense(), float)

    def objective(iterations):
        config = settings.model_copy(update={"als_iterations": iterations})
        users, x, products, y = factors(ALS.fit(shop.data, config, 5))
        w = weights[users][:, products]
        errors = ((w > 0) - x @ y.T) ** 2
        penalty = config.als_regularization * (np.sum(x**2) + np.sum(y**2))
        return np.sum((1 + config.als_alpha * w) * errors) + penalty

    first, second, late = objective(1), objective(2), objective(10)
    assert first > second > late


def test_no_list_depends_on_who_else_is_asked_for(make_data):
    n_users, n_products, rng = 300, 2_500, np.random.default_rng(4)
    data = make_data([(user, user, 1.0) for user in range(n_users)], n_users, n_products)
    model = ALS(
        data,
        {"factors": 64, "iterations": 1, "regularization": 1.0, "alpha": 1.0},
        np.arange(n_users),
        rng.standard_normal((n_users, 64), np.float32),
        np.arange(n_products),
        rng.standard_normal((n_products, 64), np.float32),
    )
    everybody = model.candidates(np.arange(n_users), 20)
    for users in ([299], [0, 127, 128, 255], rng.permutation(n_users)[:150], np.arange(1, 300, 2)):
        found = model.candidates(np.asarray(users), 20)
        np.testing.assert_array_equal(found.products, everybody.products[users])
        np.testing.assert_array_equal(found.scores, everybody.scores[users])


def test_only_users_and_products_with_pairs_have_factors(make_data, settings):
    model = ALS.fit(make_data([(1, 0, 1.0), (1, 3, 1.0), (3, 3, 2.0)], 5, 5), settings, 1)
    users, user_factors, products, _ = factors(model)
    assert users.tolist() == [1, 3]
    assert products.tolist() == [0, 3]
    assert user_factors.shape == (2, 8)
    assert not set(model.candidates(np.array([3]), 5).products[0].tolist()) & {1, 2, 4}


def test_cold_users_and_products_leave_the_factors_of_others_alone(make_data, settings):
    pairs = [(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0), (1, 2, 1.0)]
    small = ALS.fit(make_data(pairs, 2, 3), settings, 1)
    large = ALS.fit(make_data(pairs, 9, 8), settings, 1)
    assert small.to_tables() == large.to_tables()


def test_another_seed_gives_other_factors(model, shop, settings):
    other = ALS.fit(shop.data, settings, 6)
    assert other.to_tables() != model.to_tables()


def test_shares_of_the_history_sum_to_the_score(model, shop):
    found = model.candidates(np.arange(40), 3)
    for user in range(40):
        for product, score in zip(found.products[user], found.scores[user], strict=True):
            history, shares = model.contributions(user, int(product))
            np.testing.assert_array_equal(history, shop.data.history_of(user)[0])
            assert shares.sum() == pytest.approx(score, abs=2e-5)


def test_reason_is_the_product_with_the_largest_share(model, shop):
    product = int(model.candidates(np.array([8]), 1).products[0, 0])
    history, shares = model.contributions(8, product)
    best = int(history[np.argmax(shares)])
    assert model.explain(8, product) == (
        f"Because of «Thing {best}» in your history: it adds {shares.max():.2f} to a predicted"
        f" preference of {shares.sum():.2f}."
    )


def test_users_and_products_without_factors_have_no_shares(model, make_data, settings):
    assert len(model.contributions(259, 0)[0]) == 0
    lonely = ALS.fit(make_data([(0, 0, 1.0)], 1, 2), settings, 1)
    assert len(lonely.contributions(0, 1)[1]) == 0
    assert len(lonely.similar(1)[0]) == 0


def test_similarity_is_the_cosine_of_factors(model):
    _, _, products, y = factors(model)
    units = y / np.linalg.norm(y, axis=1, keepdims=True)
    cosines = dict(zip(products.tolist(), units @ units[5], strict=True))
    del cosines[5]
    found, similarities = model.similar(5, 6)
    best = sorted(cosines, key=lambda product: -cosines[product])[:6]
    assert found.tolist() == best
    np.testing.assert_allclose(similarities, [cosines[product] for product in best], atol=1e-6)


def test_no_regularization_at_all_still_fits(shop, settings):
    free = settings.model_copy(update={"als_regularization": 0.0})
    lists = ALS.fit(shop.data, free, 1).recommend(np.arange(20), 5)
    assert np.isfinite(lists.scores).all()


def test_more_factors_than_products_still_fit(make_data, settings):
    pairs = [(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0), (1, 2, 1.0)]
    wide = settings.model_copy(update={"als_factors": 64})
    lists = ALS.fit(make_data(pairs, 2, 3), wide, 1).recommend(np.arange(2), 2)
    assert lists.products[:, 0].tolist() == [2, 0]


def test_scores_do_not_depend_on_the_number_of_blas_threads(model):
    users = np.arange(150)
    outside = model.candidates(users, 20)
    with single_blas_thread():
        inside = model.candidates(users, 20)
    np.testing.assert_array_equal(outside.scores, inside.scores)
