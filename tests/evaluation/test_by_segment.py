"""Accuracy by segment and by list length, against the tables of all users and plain loops."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.by_segment import segment_comparisons_table, segment_metrics_table
from recolab_assets.evaluation.curves import metric_curves_table
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import user_metrics
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.tables import TABLES

N_USERS, N_PRODUCTS, K = 90, 40, 6
CONFIG = EvaluationConfig(k_values=[3, 6], bootstrap_samples=300)


@pytest.fixture(scope="module")
def relevance():
    pairs = np.random.default_rng(1).integers(0, [N_USERS, N_PRODUCTS], (300, 2))
    return Relevance.from_pairs(pairs[:, 0], pairs[:, 1])


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(2)
    users = np.arange(N_USERS, dtype=np.int32)
    return [
        (
            name,
            RecommendationLists(
                users,
                rng.permuted(np.tile(np.arange(N_PRODUCTS, dtype=np.int32), (N_USERS, 1)), axis=1)[
                    :, :K
                ],
                np.zeros((N_USERS, K), np.float32),
                np.zeros(N_USERS, bool),
            ),
        )
        for name in ("b", "a", "c")
    ]


@pytest.fixture(scope="module")
def measured(models, relevance):
    return user_metrics(models, relevance, CONFIG.k_values).read_all()


@pytest.fixture(scope="module")
def features():
    """Users in any order; a third new, the others of two categories."""
    users = np.random.default_rng(3).permutation(N_USERS)
    return pa.table(
        {
            "user_id": pa.array(users, pa.int32()),
            "n_events": [0 if user % 3 == 0 else int(user) for user in users],
            "top_category": [
                None if user % 3 == 0 else ("toys", "garden")[user % 2] for user in users
            ],
        }
    )


def test_a_segment_has_the_mean_of_its_own_users(measured, features):
    table = segment_metrics_table(measured, features, CONFIG, seed=5)
    assert table.schema == TABLES["segment_metrics"].arrow_schema
    rows = table.to_pylist()
    frame = measured.to_pandas()
    assert {row["segmentation"] for row in rows} == {"activity", "category", "history"}
    members = {
        ("history", "new"): lambda user: user % 3 == 0,
        ("history", "returning"): lambda user: user % 3 != 0,
        ("category", "unknown"): lambda user: user % 3 == 0,
        ("category", "toys"): lambda user: user % 3 != 0 and user % 2 == 0,
        ("category", "garden"): lambda user: user % 3 != 0 and user % 2 == 1,
    }
    checked = [row for row in rows if (row["segmentation"], row["segment"]) in members]
    assert len(checked) == len(members) * 3 * 2 * len(ACCURACY_METRICS)
    for row in checked:
        own = frame[
            frame["user_id"].map(members[row["segmentation"], row["segment"]])
            & (frame["model"] == row["model"])
            & (frame["k"] == row["k"])
        ]
        assert row["n_users"] == len(own)
        assert row["value"] == pytest.approx(own[row["metric"]].mean())
        assert row["ci_low"] <= row["value"] <= row["ci_high"]


def test_segments_of_one_segmentation_have_all_users(measured, features, relevance):
    rows = segment_metrics_table(measured, features, CONFIG, seed=5).to_pylist()
    for segmentation in ("activity", "category", "history"):
        counted = {
            row["segment"]: row["n_users"] for row in rows if row["segmentation"] == segmentation
        }
        assert sum(counted.values()) == len(relevance.users)


def test_a_segment_of_one_user_has_a_value_and_no_interval(measured, features):
    alone = measured.filter(pc.equal(measured["user_id"], 7))
    rows = segment_metrics_table(alone, features, CONFIG, seed=5).to_pylist()
    # Segments without an eligible user have no row.
    assert {(row["segmentation"], row["segment"]) for row in rows} == {
        ("activity", "low"),
        ("category", "garden"),
        ("history", "returning"),
    }
    assert all(row["ci_low"] is None and row["n_users"] == 1 for row in rows)
    compared = segment_comparisons_table(alone, features, CONFIG).to_pylist()
    assert all(row["ci_low"] is None and row["p_adjusted"] == 1 for row in compared)


def test_differences_are_paired_t_tests_corrected_over_pairs_and_segments(measured, features):
    table = segment_comparisons_table(measured, features, CONFIG)
    assert table.schema == TABLES["segment_comparisons"].arrow_schema
    family = [
        row
        for row in table.to_pylist()
        if (row["segmentation"], row["metric"], row["k"]) == ("history", "ndcg", 6)
    ]
    assert [(row["segment"], row["model_a"], row["model_b"]) for row in family] == [
        (segment, *pair)
        for segment in ("new", "returning")
        for pair in (("b", "a"), ("b", "c"), ("a", "c"))
    ]
    frame = measured.to_pandas()
    frame = frame[frame["k"] == 6].pivot(index="user_id", columns="model", values="ndcg")
    p_values = []
    for row in family:
        own = frame[(frame.index % 3 == 0) == (row["segment"] == "new")]
        expected = stats.ttest_rel(own[row["model_a"]], own[row["model_b"]])
        assert row["p_value"] == pytest.approx(expected.pvalue)
        interval = expected.confidence_interval(CONFIG.confidence)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))
        p_values.append(expected.pvalue)
    assert [row["p_adjusted"] for row in family] == pytest.approx(
        multipletests(p_values, method="holm")[1]
    )


def test_curves_pass_through_the_reported_metrics_and_reach_the_end_of_the_lists(
    models, relevance, measured
):
    table = metric_curves_table(models, relevance)
    assert table.schema == TABLES["metric_curves"].arrow_schema
    rows = {(row["model"], row["metric"], row["k"]): row["value"] for row in table.to_pylist()}
    assert set(rows) == {
        (name, metric, k) for name, _ in models for metric in ACCURACY_METRICS for k in range(1, 7)
    }
    means = measured.to_pandas().groupby(["model", "k"]).mean(numeric_only=True)
    for model, k in means.index:
        for metric in ACCURACY_METRICS:
            assert rows[model, metric, k] == pytest.approx(means.loc[(model, k), metric])
    first = [
        int(lists.products[user, 0])
        in relevance.products[relevance.indptr[place] : relevance.indptr[place + 1]]
        for _, lists in models[:1]
        for place, user in enumerate(relevance.users)
    ]
    assert rows["b", "precision", 1] == pytest.approx(np.mean(first))


def test_without_an_eligible_user_the_tables_are_empty(models, measured, features):
    nobody = Relevance.from_pairs([], [])
    assert metric_curves_table(models, nobody).num_rows == 0
    nothing = measured.slice(0, 0)
    assert segment_metrics_table(nothing, features, CONFIG, seed=5).num_rows == 0
    assert segment_comparisons_table(nothing, features, CONFIG).num_rows == 0
