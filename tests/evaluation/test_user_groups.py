"""Metrics by user group against a plain average over the users of each group."""

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.list_metrics import Catalogue
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.user_groups import USER_GROUPS, user_group_metrics, user_groups
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.tables import TABLES

N_PRODUCTS = np.array([0, 3, 0, 7, 25, 1, 0, 30])
CONFIG = EvaluationConfig(k_values=[2, 3])
CATEGORIES = np.array([0, 0, 1, 1, 2, -1], np.int32)
TRAINING_USERS = np.array([5, 4, 3, 2, 1, 0])


def name_of(n_products: int) -> str:
    if not n_products:
        return "cold"
    return "1 to 4" if n_products < 5 else "5 to 19" if n_products < 20 else "20 or more"


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    eligible = [0, 1, 3, 5, 6]
    rows = [
        {"model": model, "user_id": user, "k": k, "n_relevant": 1}
        | {metric: float(rng.random()) for metric in ACCURACY_METRICS}
        for model in ("popularity", "als")
        for k in (2, 3)
        for user in eligible
    ]
    lists = {
        model: RecommendationLists(
            np.arange(8, dtype=np.int32),
            np.array([rng.permutation(6)[:3] for _ in range(8)], np.int32),
            np.zeros((8, 3), np.float32),
            np.zeros(8, np.bool_),
        )
        for model in ("popularity", "als")
    }
    return pa.Table.from_pylist(rows, TABLES["user_metrics"].arrow_schema), lists


def measured(user_metrics, lists):
    catalogue = Catalogue(CATEGORIES, TRAINING_USERS, 5, 6)
    return user_group_metrics(user_metrics, lists.items(), N_PRODUCTS, catalogue, CONFIG)


def test_groups_are_those_that_the_table_names():
    sizes = [0, 1, 4, 5, 19, 20, 500]
    assert [USER_GROUPS[group] for group in user_groups(sizes)] == [name_of(n) for n in sizes]


def test_values_are_means_of_the_users_of_a_group(data):
    user_metrics, lists = data
    table = measured(user_metrics, lists)
    assert table.schema == TABLES["user_group_metrics"].arrow_schema
    found = {(r["model"], r["user_group"], r["metric"], r["k"]): r for r in table.to_pylist()}
    assert len(found) == table.num_rows
    seen = set()
    for row in user_metrics.to_pylist():
        for metric in ACCURACY_METRICS:
            seen.add((row["model"], name_of(N_PRODUCTS[row["user_id"]]), metric, row["k"]))
    assert {key for key in found if key[2] in ACCURACY_METRICS} == seen
    for model, group, metric, k in seen:
        values = [
            row[metric]
            for row in user_metrics.to_pylist()
            if (row["model"], row["k"]) == (model, k)
            and name_of(N_PRODUCTS[row["user_id"]]) == group
        ]
        row = found[model, group, metric, k]
        assert row["value"] == pytest.approx(np.mean(values))
        assert row["n_users"] == len(values)
        if len(values) == 1:
            assert row["ci_low"] is row["ci_high"] is None
        else:
            low, high = stats.t.interval(
                CONFIG.confidence, len(values) - 1, np.mean(values), stats.sem(values)
            )
            assert (row["ci_low"], row["ci_high"]) == (pytest.approx(low), pytest.approx(high))


def test_list_metrics_are_of_all_users_of_a_group(data):
    user_metrics, lists = data
    found = {
        (r["model"], r["user_group"], r["metric"], r["k"]): r
        for r in measured(user_metrics, lists).to_pylist()
    }
    for model in lists:
        for group in USER_GROUPS:
            users = [u for u in range(8) if name_of(N_PRODUCTS[u]) == group]
            popularity = TRAINING_USERS[lists[model].products[users, :2]].mean(axis=1)
            row = found[model, group, "average_popularity", 2]
            assert row["value"] == pytest.approx(popularity.mean())
            assert row["n_users"] == len(users)
            known = [
                [CATEGORIES[i] for i in lists[model].products[u, :2] if CATEGORIES[i] >= 0]
                for u in users
            ]
            pairs = [float(pair[0] != pair[1]) for pair in known if len(pair) == 2]
            diversity = found.get((model, group, "diversity", 2), {"value": math.nan})
            assert diversity["value"] == pytest.approx(
                np.mean(pairs) if pairs else math.nan, nan_ok=True
            )


def test_without_eligible_users_only_lists_are_measured(data):
    user_metrics, lists = data
    metrics = set(measured(user_metrics[:0], lists)["metric"].to_pylist())
    assert metrics == {"diversity", "novelty", "average_popularity"}
    empty = user_group_metrics(
        user_metrics[:0], (), N_PRODUCTS, Catalogue(CATEGORIES, TRAINING_USERS, 5, 6), CONFIG
    )
    assert empty.num_rows == 0
