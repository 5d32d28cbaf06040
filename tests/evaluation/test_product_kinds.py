"""Models beside baselines by kind of product and user, against plain sets and trec_eval."""

import doctest
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import pytrec_eval

from recolab_assets.config import EvaluationConfig, ModelConfig
from recolab_assets.evaluation import sample, user_groups
from recolab_assets.evaluation.product_kinds import (
    product_kind_metrics_table,
    product_kind_user_metrics,
    relevance_of_ages,
    relevance_of_kinds,
)
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.sample import draw, of_users, users_with_products, with_own_ids
from recolab_assets.evaluation.user_groups import GROUPS, user_group_metrics_table
from recolab_assets.models import MODELS, fit_models, load_models
from recolab_assets.models.base import Recommender
from recolab_assets.models.baselines import BASELINES, baselines
from recolab_assets.models.training import TrainingData
from recolab_assets.tables import TABLES

N_USERS, N_PRODUCTS, RECENT_DAYS = 30, 24, 28
CONFIG = EvaluationConfig(k_values=[3, 8], bootstrap_samples=100, cold_max_events=4)
MODEL = ModelConfig(als_factors=4, als_iterations=3, candidate_depth=20)


class Shop:
    """A log of a few users who buy again, with products of every age; some users are new."""

    def __init__(self) -> None:
        generator = np.random.default_rng(4)
        seen = {(int(u), int(p)) for u, p in generator.integers(0, [24, 20], (110, 2))}
        later = {(int(u), int(p)) for u, p in generator.integers(0, [N_USERS, N_PRODUCTS], (60, 2))}
        self.seen, self.held_out = sorted(seen), sorted(later | set(sorted(seen)[::4]))
        self.n_events = generator.integers(1, 3, len(self.seen))
        self.pairs = pa.table(
            {
                "user_id": [u for u, _ in self.seen],
                "product_id": [p for _, p in self.seen],
                "weight": generator.integers(1, 4, len(self.seen)).astype(np.float32),
                "n_events": self.n_events,
            }
        )
        editorial = [(0, 3), (29, 1)]
        self.test = pa.table(
            {
                "user_id": [u for u, _ in self.held_out * 2 + editorial],
                "item_id": [p for _, p in self.held_out * 2 + editorial],
                "item_type": ["product"] * 2 * len(self.held_out) + ["editorial"] * 2,
            }
        )
        self.age = [None if p >= 20 else float(p * 5) for p in range(N_PRODUCTS)]
        catalogue = {
            "product_id": range(N_PRODUCTS),
            "category": [f"c{p % 5}" for p in range(N_PRODUCTS)],
        }
        counts = np.bincount(self.pairs["product_id"].to_numpy(), minlength=N_PRODUCTS)
        self.data = TrainingData.from_tables(
            self.pairs,
            pa.table({name: list(values) for name, values in catalogue.items()}),
            counts.astype(float),
            N_USERS,
        )
        self.sales = counts * (np.arange(N_PRODUCTS) % 3 > 0)
        self.rankers = {**fit_models(self.data, MODEL, 1), **baselines(self.data, self.sales)}
        features = pa.table({"product_id": range(N_PRODUCTS), "age_days": self.age})
        kinds = relevance_of_kinds(self.test, self.pairs)
        self.kinds = kinds | relevance_of_ages(kinds["all"], features, RECENT_DAYS)

    def relevant(self, kind: str) -> dict[int, set[int]]:
        """What is relevant to each user, read off the lists of pairs."""
        counts = {
            "all": lambda u, p: True,
            "new": lambda u, p: (u, p) not in self.seen,
            "repeat": lambda u, p: (u, p) in self.seen,
            "recent": lambda u, p: self.age[p] is not None and self.age[p] < RECENT_DAYS,
            "unseen": lambda u, p: self.age[p] is None,
        }[kind]
        found: dict[int, set[int]] = {}
        for user, product in self.held_out:
            if counts(user, product):
                found.setdefault(user, set()).add(product)
        return found


KINDS = ("all", "new", "repeat", "recent", "unseen")


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def measured(shop: Shop) -> pa.Table:
    return product_kind_user_metrics(
        shop.rankers, shop.data, shop.kinds, CONFIG.k_values, MODEL.candidate_depth
    )


def of_kind(table: pa.Table, kind: str) -> pa.Table:
    return table.filter(pc.equal(table["products"], kind))


@pytest.mark.parametrize("kind", KINDS)
def test_relevant_products_are_those_of_the_kind(shop: Shop, kind: str) -> None:
    relevance, expected = shop.kinds[kind], shop.relevant(kind)
    assert expected
    assert relevance.users.tolist() == sorted(expected)
    for row, user in enumerate(relevance.users.tolist()):
        own = relevance.products[relevance.indptr[row] : relevance.indptr[row + 1]]
        assert own.tolist() == sorted(expected[user])


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_is_measured_as_trec_eval_measures_its_lists(
    shop: Shop, measured: pa.Table, kind: str
) -> None:
    relevant = shop.relevant(kind)
    judged = {str(u): {str(p): 1 for p in products} for u, products in relevant.items()}
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.3,8", "recall.3,8"})
    users = np.array(sorted(relevant))
    rows = of_kind(measured, kind).to_pylist()
    methods = set(MODELS) | set(BASELINES) - ({"buy_again"} if kind == "new" else set())
    assert {row["model"] for row in rows} == methods
    assert len(rows) == len(methods) * len(users) * 2
    for method in methods:
        lists = shop.rankers[method].recommend(users, 8, exclude_seen=kind == "new")
        run = {
            str(user): {str(p): float(8 - at) for at, p in enumerate(products) if p >= 0}
            for user, products in zip(users, lists.products, strict=True)
        }
        found = evaluator.evaluate(run)
        for row in rows:
            if row["model"] == method:
                expected = found[str(row["user_id"])]
                assert row["ndcg"] == pytest.approx(expected[f"ndcg_cut_{row['k']}"])
                assert row["recall"] == pytest.approx(expected[f"recall_{row['k']}"])
                assert row["n_relevant"] == len(relevant[row["user_id"]])


def test_lists_that_may_repeat_hit_repeats_and_the_others_never_could(
    shop: Shop, measured: pa.Table
) -> None:
    repeats = of_kind(measured, "repeat").to_pandas().groupby("model")["hit_rate"].mean()
    assert repeats["buy_again"] > 0.9
    assert repeats["als"] > 0
    relevance = shop.kinds["repeat"]
    without = shop.rankers["als"].recommend(relevance.users, 8, exclude_seen=True)
    assert not relevance.hits(without.users, without.products).any()


def test_a_baseline_without_anything_to_say_is_not_measured(shop: Shop) -> None:
    bare = TrainingData(
        shop.data.pairs, shop.data.products.select(["product_id"]), shop.data.popularity
    )
    rankers = baselines(bare, np.ones(N_PRODUCTS))
    table = product_kind_user_metrics(rankers, bare, shop.kinds, [5], 20)
    assert set(of_kind(table, "all")["model"].to_pylist()) == {"recent_popularity", "buy_again"}
    assert set(of_kind(table, "new")["model"].to_pylist()) == {"recent_popularity"}


def test_a_sample_is_measured_as_its_users_are_among_all(shop: Shop, measured: pa.Table) -> None:
    chosen = draw(users_with_products(shop.test), 12, np.random.default_rng(1))
    assert len(chosen) == 12
    assert set(chosen.tolist()) <= set(shop.relevant("all"))
    pairs = of_users(shop.pairs, chosen)
    data = TrainingData.from_tables(pairs, shop.data.products, shop.data.popularity, 12)
    fitted = {name: shop.rankers[name] for name in MODELS}
    tables = {
        name: of_users(rows, chosen)
        for model in fitted.values()
        if isinstance(model, Recommender)
        for name, rows in model.to_tables().items()
    }
    rankers = {**load_models(tables, data), **baselines(data, shop.sales)}
    kinds = relevance_of_kinds(of_users(shop.test, chosen), pairs)
    table = product_kind_user_metrics(rankers, data, kinds, CONFIG.k_values, 20)
    columns = ["products", "model", "user_id", "k"]
    alone = with_own_ids(table, chosen).to_pandas().set_index(columns)
    assert set(alone.index.get_level_values("user_id")) == set(chosen.tolist())
    among_all = measured.to_pandas().set_index(columns)
    pd.testing.assert_frame_equal(alone, among_all.loc[alone.index])


def test_without_products_in_the_hold_out_there_is_nobody_to_draw() -> None:
    test = pa.table({"user_id": [3], "item_type": ["editorial"]})
    assert draw(users_with_products(test), 5, np.random.default_rng(1)).size == 0


def test_means_are_those_of_the_users_with_their_intervals(measured: pa.Table) -> None:
    table = product_kind_metrics_table(measured, CONFIG, seed=3)
    assert table.schema == TABLES["product_kind_metrics"].arrow_schema
    grouped = measured.to_pandas().groupby(["products", "model", "k"])
    means, sizes = grouped.mean(), grouped.size()
    assert table.num_rows == len(means) * 6
    for row in table.to_pylist():
        cell = (row["products"], row["model"], row["k"])
        assert row["value"] == pytest.approx(means.loc[cell, row["metric"]])
        assert row["n_users"] == sizes.loc[cell]
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
    assert table.equals(product_kind_metrics_table(measured, CONFIG, seed=3))
    assert not table.equals(product_kind_metrics_table(measured, CONFIG, seed=4))


def test_groups_of_users_are_measured_apart(shop: Shop, measured: pa.Table) -> None:
    events = dict.fromkeys(range(N_USERS), 0)
    for (user, _), n in zip(shop.seen, shop.n_events.tolist(), strict=True):
        events[user] += n
    group = {u: "new" if n == 0 else "cold" if n <= 4 else "warm" for u, n in events.items()}
    assert set(group.values()) == set(GROUPS)
    frame = measured.to_pandas()
    frame["users"] = frame["user_id"].map(group)
    means = frame.groupby(["users", "products", "model", "k"])["ndcg"].agg(["mean", "size"])
    table = user_group_metrics_table(measured, shop.pairs, CONFIG, seed=3)
    assert table.schema == TABLES["user_group_metrics"].arrow_schema
    rows = [row for row in table.to_pylist() if row["metric"] == "ndcg"]
    assert len(rows) == len(means)
    for row in rows:
        cell = means.loc[(row["users"], row["products"], row["model"], row["k"])]
        assert (row["value"], row["n_users"]) == (pytest.approx(cell["mean"]), cell["size"])
    # New users have nothing that they could buy again.
    assert not [row for row in rows if (row["users"], row["products"]) == ("new", "repeat")]


def test_an_empty_hold_out_gives_empty_tables(shop: Shop) -> None:
    nothing = Relevance.from_pairs([], [])
    table = product_kind_user_metrics(shop.rankers, shop.data, {"all": nothing}, [3], 20)
    assert table.num_rows == 0
    assert product_kind_metrics_table(table, CONFIG, seed=1).num_rows == 0
    assert user_group_metrics_table(table, shop.pairs, CONFIG, seed=1).num_rows == 0


@pytest.mark.parametrize("module", [sample, user_groups])
def test_examples_in_the_documentation_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
