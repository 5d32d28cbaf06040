"""What every recommender promises; a new model is one more class of a few lines at the end.

Each class names its model and gives an oracle: all scores computed the plain way, with dense NumPy
from the tables that the model keeps.
"""

import numpy as np
import pytest

from recolab_assets.models import MODELS
from recolab_assets.models.lists import NO_PRODUCT
from recolab_assets.models.recommend import recommend_blocks
from recolab_assets.tables import MODEL_TABLES, TABLES

NOT_A_CANDIDATE = -np.inf


def fit(name, data, settings, seed=5):
    """Fit a model with the components it needs."""
    models = {part: fit(part, data, settings, seed) for part in MODELS[name].components}
    return MODELS[name].fit(data, settings, seed, models)


def everyone(data):
    return np.arange(data.n_users)


def dense(matrix):
    return np.asarray(matrix.todense(), float)


def assert_same(a, b):
    np.testing.assert_array_equal(a.products, b.products)
    np.testing.assert_array_equal(a.scores, b.scores)


class Contract:
    """Checks that every model inherits."""

    name: str
    needs_history = True

    def oracle(self, tables, data):
        """Return (n_users, n_products) scores, NOT_A_CANDIDATE where the model says nothing."""
        raise AssertionError("every model is checked against an oracle")

    @pytest.fixture(scope="class", autouse=True)
    def _settings(self, request, settings):
        request.cls.settings = settings

    @pytest.fixture(scope="class")
    def model(self, shop, settings):
        return fit(self.name, shop.data, settings)

    @pytest.fixture(scope="class")
    def lists(self, model, shop):
        return model.recommend(everyone(shop.data), 10)

    # -- scores and order

    def test_scores_are_those_of_the_oracle(self, model, shop):
        data = shop.data
        expected = self.oracle(model.to_tables(), data)
        expected[data.pairs.nonzero()] = NOT_A_CANDIDATE
        found = model.candidates(everyone(data), 25)
        for user in everyone(data):
            length = np.count_nonzero(found.products[user] != NO_PRODUCT)
            assert length == min(25, np.count_nonzero(expected[user] > NOT_A_CANDIDATE))
            own = expected[user, found.products[user, :length]]
            np.testing.assert_allclose(found.scores[user, :length], own, rtol=2e-5, atol=2e-6)
            if length:
                left_out = np.delete(expected[user], found.products[user, :length])
                assert left_out.max() <= own.min() + 1e-5

    def test_order_is_score_then_popularity(self, model, shop):
        found = model.candidates(everyone(shop.data), 40)
        position = shop.data.popularity_position
        for products, scores in zip(found.products, found.scores, strict=True):
            kept = products != NO_PRODUCT
            order = np.lexsort((position[products[kept]], -scores[kept]))
            np.testing.assert_array_equal(order, np.arange(kept.sum()))

    @pytest.mark.parametrize("depth", [1, 3, 17])
    def test_short_list_is_the_head_of_a_long_one(self, model, shop, depth):
        long = model.candidates(everyone(shop.data), 60)
        short = model.candidates(everyone(shop.data), depth)
        np.testing.assert_array_equal(short.products, long.products[:, :depth])
        np.testing.assert_array_equal(short.scores, long.scores[:, :depth])

    def test_depth_beyond_the_catalogue_pads_at_the_end(self, model, shop):
        found = model.candidates(everyone(shop.data), 500)
        pads = found.products == NO_PRODUCT
        assert pads.any(axis=1).all()
        assert np.all(pads[:, 1:] >= pads[:, :-1])
        np.testing.assert_array_equal(np.isnan(found.scores), pads)

    def test_scores_are_finite(self, lists):
        assert np.isfinite(lists.scores).all()

    # -- lists

    def test_lists_are_full_and_distinct(self, lists):
        assert (lists.lengths == 10).all()
        assert all(len(set(row)) == 10 for row in lists.products.tolist())

    def test_seen_products_are_never_recommended(self, model, shop):
        users = everyone(shop.data)
        lists = model.recommend(users, 80)
        seen = dense(shop.data.pairs) > 0
        listed = lists.products != NO_PRODUCT
        assert not seen[np.repeat(users, lists.lengths), lists.products[listed]].any()

    def test_scores_never_rise_along_a_list(self, lists):
        assert (np.diff(lists.scores, axis=1) <= 0).all()

    def test_repeats_come_back_when_they_are_allowed(self, model, shop):
        lists = model.recommend(everyone(shop.data), 10, exclude_seen=False)
        assert (lists.lengths == 10).all()
        rows = np.repeat(everyone(shop.data), 10)
        assert (dense(shop.data.pairs)[rows, lists.products.ravel()] > 0).sum() > 100

    # -- users that the model cannot serve

    def test_cold_users_get_the_marked_popularity_list(self, lists, shop):
        is_cold = np.diff(shop.data.pairs.indptr) == 0
        top = shop.data.popularity_order[:10]
        assert is_cold.sum() == 7
        assert (lists.products[is_cold] == top).all()
        expected = np.tile(shop.data.popularity[top], (7, 1))
        np.testing.assert_allclose(lists.scores[is_cold], expected)
        np.testing.assert_array_equal(lists.is_fallback, is_cold & self.needs_history)

    # -- storage and repetition

    def test_tables_are_those_of_the_registry(self, model):
        tables = model.to_tables()
        assert tuple(tables) == MODEL_TABLES[self.name]
        for name, table in tables.items():
            assert table.schema.equals(TABLES[name].arrow_schema)
            assert sum(column.null_count for column in table.columns) == 0
            key = list(TABLES[name].key)
            assert not key or table.group_by(key).aggregate([]).num_rows == table.num_rows

    def test_tables_load_back_to_the_same_scores(self, model, shop, settings):
        shuffle = np.random.default_rng(0).permutation
        tables = {
            name: table.take(shuffle(table.num_rows)) for name, table in model.to_tables().items()
        }
        parts = {part: fit(part, shop.data, settings) for part in model.components}
        loaded = MODELS[self.name].from_tables(tables, shop.data, parts)
        users = everyone(shop.data)
        assert_same(loaded.candidates(users, 40), model.candidates(users, 40))
        again = {name: table.sort_by(_keys(name)) for name, table in loaded.to_tables().items()}
        assert again == {n: table.sort_by(_keys(n)) for n, table in model.to_tables().items()}

    def test_missing_tables_and_columns_are_named(self, model, shop):
        tables = model.to_tables()
        with pytest.raises(ValueError, match=f"table {self.name} is missing"):
            MODELS[self.name].from_tables({}, shop.data)
        last = TABLES[self.name].column_names[-1]
        tables[self.name] = tables[self.name].drop_columns([last])
        with pytest.raises(ValueError, match=f"lacks the columns .*{last}"):
            MODELS[self.name].from_tables(tables, shop.data)

    def test_same_seed_gives_the_same_model(self, model, shop, settings):
        assert fit(self.name, shop.data, settings).to_tables() == model.to_tables()

    @pytest.mark.parametrize(("block_size", "n_threads"), [(1, 2), (7, 1), (100, 2), (128, 1)])
    def test_blocks_and_threads_do_not_change_a_list(
        self, model, shop, settings, block_size, n_threads
    ):
        data = shop.data
        parts = {part: fit(part, data, settings) for part in model.components}
        blocks = recommend_blocks(
            {**parts, self.name: model},
            data,
            top_k=10,
            candidate_depth=settings.candidate_depth,
            block_size=block_size,
            n_threads=n_threads,
        )
        found = [lists[self.name] for lists in blocks]
        whole = model.recommend(everyone(data), 10)
        np.testing.assert_array_equal(np.concatenate([b.users for b in found]), whole.users)
        np.testing.assert_array_equal(np.vstack([b.products for b in found]), whole.products)
        np.testing.assert_array_equal(np.vstack([b.scores for b in found]), whole.scores)
        flags = np.concatenate([b.is_fallback for b in found])
        np.testing.assert_array_equal(flags, whole.is_fallback)

    def test_a_user_s_list_does_not_depend_on_the_company(self, model, lists):
        some = np.array([3, 4, 129, 200, 259])
        alone = model.recommend(some, 10)
        np.testing.assert_array_equal(alone.products, lists.products[some])
        np.testing.assert_array_equal(alone.scores, lists.scores[some])

    # -- edges

    def test_repeated_pairs_count_as_their_sum(self, make_data, settings):
        once = [(0, 0, 3.0), (0, 1, 1.0), (1, 1, 2.0), (1, 2, 4.0), (2, 0, 1.0), (2, 2, 1.0)]
        twice = [(0, 0, 1.0), *once[1:], (0, 0, 2.0)]
        a = fit(self.name, make_data(once, 3, 4), settings)
        b = fit(self.name, make_data(twice, 3, 4), settings)
        assert_same(a.candidates(np.arange(3), 4), b.candidates(np.arange(3), 4))

    @pytest.mark.parametrize(
        ("pairs", "n_users", "n_products"),
        [
            ([], 3, 5),
            ([(0, 0, 1.0)], 1, 1),
            ([(0, 2, 1.0), (0, 4, 2.0)], 1, 6),
            ([(0, 0, 1.0), (1, 0, 1.0)], 2, 1),
            ([(0, 0, 1.0), (1, 1, 1.0)], 3, 2),
            ([(0, 1, 0.0), (1, 0, 0.0)], 2, 4),
        ],
        ids=["no pairs", "one pair", "one user", "one product", "two products", "zero weights"],
    )
    def test_tiny_shops(self, make_data, settings, pairs, n_users, n_products):
        data = make_data(pairs, n_users, n_products, {"category": ["a"] * n_products})
        model = fit(self.name, data, settings)
        lists = model.recommend(np.arange(n_users), 4)
        unseen = n_products - np.diff(data.pairs.indptr)
        np.testing.assert_array_equal(lists.lengths, np.minimum(unseen, 4))
        pads = lists.products == NO_PRODUCT
        assert np.all(pads[:, 1:] >= pads[:, :-1])
        assert np.isfinite(lists.scores[~pads]).all()
        for user, row in enumerate(lists.products.tolist()):
            listed = {product for product in row if product != NO_PRODUCT}
            assert len(listed) == lists.lengths[user]
            assert not listed & {product for u, product, _ in pairs if u == user}
        loaded = MODELS[self.name].from_tables(
            model.to_tables(), data, {n: fit(n, data, settings) for n in model.components}
        )
        assert_same(loaded.recommend(np.arange(n_users), 4), lists)

    def test_a_pair_of_weight_zero_is_seen_but_teaches_nothing(self, make_data, settings):
        pairs = [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0), (2, 1, 1.0), (2, 2, 1.0)]
        attributes = {"category": ["a", "a", "a", "b"]}
        with_zero = fit(self.name, make_data([*pairs, (0, 2, 0.0)], 3, 4, attributes), settings)
        without = fit(self.name, make_data(pairs, 3, 4, attributes), settings)
        assert with_zero.to_tables() == without.to_tables()
        a, b = (m.recommend(np.arange(3), 4) for m in (with_zero, without))
        assert 2 not in a.products[0]
        assert 2 in b.products[0]
        np.testing.assert_array_equal(a.products[1:], b.products[1:])
        np.testing.assert_array_equal(a.scores[1:], b.scores[1:])

    def test_nobody_asked_for_is_an_empty_answer(self, model):
        lists = model.recommend(np.empty(0, np.int32), 10)
        assert lists.products.shape == (0, 10)

    def test_ids_outside_the_shop_are_refused(self, model, shop):
        with pytest.raises(ValueError, match="users outside 0 to 259"):
            model.candidates(np.array([260]), 5)
        with pytest.raises(ValueError, match="users outside"):
            model.candidates(np.array([-1]), 5)
        with pytest.raises(ValueError, match="depth must be at least 1"):
            model.candidates(np.array([0]), 0)
        with pytest.raises(ValueError, match="user 260 is outside"):
            model.explain(260, 0)
        with pytest.raises(ValueError, match="product 90 is outside"):
            model.explain(0, 90)
        with pytest.raises(ValueError, match="product -1 is outside"):
            model.similar(-1)
        with pytest.raises(ValueError, match="n must be at least 1"):
            model.similar(0, 0)

    # -- explanations

    def test_every_recommendation_has_a_reason(self, model, lists, shop):
        for user in (0, 1, 100, 259):
            for product in lists.products[user].tolist():
                reason = model.explain(user, product)
                assert reason.endswith(".")
                assert "nan" not in reason

    def test_cold_users_are_told_that_it_is_popularity(self, model, lists):
        assert model.explain(259, int(lists.products[259, 1])).startswith(
            "Popular with all customers lately: rank 2 of 90"
        )

    def test_similar_products_are_sorted_and_never_the_product_itself(self, model, shop):
        position = shop.data.popularity_position
        for product in range(0, 90, 9):
            products, similarities = model.similar(product, 8)
            assert len(products) == len(similarities) <= 8
            assert product not in products
            assert len(set(products.tolist())) == len(products)
            order = np.lexsort((position[products], -similarities))
            np.testing.assert_array_equal(order, np.arange(len(products)))

    # -- quality

    def test_finds_more_withheld_products_than_popularity(self, model, lists, shop, settings):
        asked = shop.held_out >= 0
        hits = (lists.products == shop.held_out[:, None]).any(axis=1)[asked].mean()
        popular = fit("popularity", shop.data, settings).recommend(lists.users, 10)
        baseline = (popular.products == shop.held_out[:, None]).any(axis=1)[asked].mean()
        assert hits > 1.5 * baseline


def _keys(table):
    return [(column, "ascending") for column in TABLES[table].key or ("factors",)]


class TestPopularity(Contract):
    name = "popularity"
    needs_history = False
    test_finds_more_withheld_products_than_popularity = None

    def oracle(self, tables, data):
        table = tables["popularity"]
        scores = np.empty(data.n_products)
        scores[table["product_id"].to_numpy()] = table["score"].to_numpy()
        return np.tile(scores, (data.n_users, 1))


class TestALS(Contract):
    name = "als"

    def oracle(self, tables, data):
        def factors(table, key, n):
            rows = np.full((n, 8), np.nan)
            rows[tables[table][key].to_numpy()] = tables[table]["factors"].to_pylist()
            return rows

        users = factors("als_user_factors", "user_id", data.n_users)
        products = factors("als_item_factors", "product_id", data.n_products)
        return np.nan_to_num(users @ products.T, nan=NOT_A_CANDIDATE)


class TestItemCF(Contract):
    name = "item_cf"

    def oracle(self, tables, data):
        table = tables["item_cf"]
        similarity = np.zeros((data.n_products, data.n_products))
        rows, columns = table["product_id"].to_numpy(), table["neighbour_id"].to_numpy()
        similarity[rows, columns] = table["similarity"].to_numpy()
        scores = dense(data.history) @ similarity
        return np.where(scores > 0, scores, NOT_A_CANDIDATE)


class TestContentBased(Contract):
    name = "content_based"

    def oracle(self, tables, data):
        table = tables["content_based"]
        terms, columns = np.unique(table["term"].to_numpy().astype(str), return_inverse=True)
        vectors = np.zeros((data.n_products, len(terms)))
        vectors[table["product_id"].to_numpy(), columns] = table["weight"].to_numpy()
        is_liked = dense(data.history) > 0
        profiles = is_liked @ vectors / np.maximum(is_liked.sum(axis=1, keepdims=True), 1)
        lengths = np.linalg.norm(profiles, axis=1, keepdims=True)
        scores = profiles @ vectors.T / np.where(lengths > 0, lengths, 1)
        return np.where(scores > 0, scores, NOT_A_CANDIDATE)


class TestHybrid(Contract):
    name = "hybrid"

    def oracle(self, tables, data):
        parts = tables["hybrid"].to_pylist()
        scores = np.full((data.n_users, data.n_products), NOT_A_CANDIDATE)
        personal = np.zeros(data.n_users, bool)
        for part in parts:
            depth = part["candidate_depth"]
            found = fit(part["component"], data, self.settings).candidates(everyone(data), depth)
            for user in everyone(data):
                kept = found.products[user] != NO_PRODUCT
                if not kept.any():
                    continue
                personal[user] |= part["component"] != "popularity"
                own = found.scores[user, kept].astype(float)
                low = own.min() if kept.all() else min(own.min(), 0)
                scaled = (own - low) / (own.max() - low)
                listed = found.products[user, kept]
                old = scores[user, listed]
                scores[user, listed] = np.where(np.isfinite(old), old, 0) + part["weight"] * scaled
        scores[~personal] = NOT_A_CANDIDATE
        return scores
