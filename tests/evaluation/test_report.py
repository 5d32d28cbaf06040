"""The tables of offline evaluation: their shape, their agreement, and what empty input gives."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from statsmodels.stats.multitest import multipletests

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.list_metrics import MEAN_METRICS, SET_METRICS, Catalogue
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import (
    AccuracyCube,
    ModelLists,
    accuracy_of_lists,
    model_comparisons_table,
    offline_metrics_table,
    user_metrics,
)
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.tables import TABLES

N_USERS, N_PRODUCTS, K = 60, 30, 6
CONFIG = EvaluationConfig(k_values=[6, 3], bootstrap_samples=200)
ALL_METRICS = {*ACCURACY_METRICS, *MEAN_METRICS, *SET_METRICS}


def lists_of(products: np.ndarray, users: np.ndarray | None = None) -> RecommendationLists:
    n = len(products)
    owners = np.arange(n) if users is None else users
    return RecommendationLists(
        owners.astype(np.int32),
        products.astype(np.int32),
        np.zeros(products.shape, np.float32),
        np.zeros(n, bool),
    )


@pytest.fixture(scope="module")
def relevance() -> Relevance:
    generator = np.random.default_rng(1)
    pairs = generator.integers(0, [N_USERS, N_PRODUCTS], (150, 2))
    pairs = pairs[pairs[:, 0] % 5 > 0]
    return Relevance.from_pairs(pairs[:, 0], pairs[:, 1])


@pytest.fixture(scope="module")
def models() -> list[tuple[str, RecommendationLists]]:
    generator = np.random.default_rng(2)
    random = generator.permuted(np.tile(np.arange(N_PRODUCTS), (N_USERS, 1)), axis=1)[:, :K]
    half = np.arange(0, N_USERS, 2)
    return [
        ("popular", lists_of(np.tile(np.arange(K), (N_USERS, 1)))),
        ("random", lists_of(random)),
        ("half", lists_of(random[half], half)),
    ]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    users = np.arange(N_PRODUCTS)[::-1]
    return Catalogue(np.arange(N_PRODUCTS, dtype=np.int32) % 4, users, 40, N_PRODUCTS)


@pytest.fixture(scope="module")
def measured(models: ModelLists, relevance: Relevance) -> pa.Table:
    return user_metrics(models, relevance, CONFIG.k_values).read_all()


@pytest.fixture(scope="module")
def offline(measured: pa.Table, models: ModelLists, catalogue: Catalogue) -> pa.Table:
    return offline_metrics_table(measured, models, catalogue, CONFIG, seed=7)


def shuffled(table: pa.Table) -> pa.Table:
    return table.take(np.random.default_rng(3).permutation(table.num_rows))


def test_user_metrics_have_every_eligible_user_once_for_each_model_and_k(
    measured: pa.Table, relevance: Relevance
) -> None:
    assert measured.schema == TABLES["user_metrics"].arrow_schema
    frame = measured.to_pandas()
    assert not frame.duplicated(["model", "user_id", "k"]).any()
    for _, rows in frame.groupby(["model", "k"]):
        assert rows["user_id"].tolist() == relevance.users.tolist()
        assert rows["n_relevant"].tolist() == relevance.n_relevant.tolist()
    assert set(frame["model"]) == {"popular", "random", "half"}
    assert set(frame["k"]) == {3, 6}


def test_user_metrics_are_those_of_the_users_own_list(
    measured: pa.Table, models: ModelLists, relevance: Relevance
) -> None:
    lists = dict(models)["half"]
    of_user = dict(zip(lists.users.tolist(), lists.products.tolist(), strict=True))
    for row in measured.to_pylist():
        if row["model"] == "half":
            i = relevance.users.tolist().index(row["user_id"])
            wanted = set(relevance.products[relevance.indptr[i] : relevance.indptr[i + 1]].tolist())
            shown = of_user.get(row["user_id"], [])[: row["k"]]
            assert row["precision"] == pytest.approx(len(wanted.intersection(shown)) / row["k"])


def test_models_are_read_as_the_batches_are(models: ModelLists, relevance: Relevance) -> None:
    taken: list[str] = []

    def one_by_one() -> ModelLists:
        for name, lists in models:
            taken.append(name)
            yield name, lists

    reader = user_metrics(one_by_one(), relevance, [3, 6])
    assert taken == []
    reader.read_next_batch()
    assert taken == ["popular"]
    reader.read_all()
    assert taken == ["popular", "random", "half"]


def test_offline_metrics_have_every_metric_of_every_model(offline: pa.Table) -> None:
    assert offline.schema == TABLES["offline_metrics"].arrow_schema
    keys = [(row["model"], row["metric"], row["k"]) for row in offline.to_pylist()]
    assert len(keys) == len(set(keys)) == 3 * len(ALL_METRICS) * 2
    assert {metric for _, metric, _ in keys} == ALL_METRICS


def test_offline_accuracy_is_the_mean_over_eligible_users(
    offline: pa.Table, measured: pa.Table, relevance: Relevance
) -> None:
    means = measured.to_pandas().groupby(["model", "k"])[list(ACCURACY_METRICS)].mean()
    for row in offline.to_pylist():
        if row["metric"] in ACCURACY_METRICS:
            expected = means.loc[(row["model"], row["k"]), row["metric"]]
            assert row["value"] == pytest.approx(expected)
            assert row["n_users"] == relevance.users.size
            assert row["ci_low"] <= row["value"] <= row["ci_high"]


def test_list_metrics_count_all_lists_of_the_model(offline: pa.Table) -> None:
    rows = {(r["model"], r["metric"], r["k"]): r for r in offline.to_pylist()}
    assert rows["popular", "coverage", 6]["value"] == pytest.approx(6 / 30)
    assert rows["popular", "coverage", 3]["value"] == pytest.approx(3 / 30)
    assert rows["popular", "average_popularity", 6]["value"] == pytest.approx(26.5)
    assert rows["popular", "gini", 6]["value"] == pytest.approx(1 - 6 / 30)
    assert rows["popular", "diversity", 3]["value"] == 1.0
    assert rows["popular", "novelty", 6]["n_users"] == N_USERS
    assert rows["half", "novelty", 6]["n_users"] == N_USERS // 2
    assert rows["half", "coverage", 6]["n_users"] == N_USERS // 2
    random = rows["random", "novelty", 6]
    assert random["ci_low"] < random["value"] < random["ci_high"]


def test_metrics_of_the_whole_set_of_lists_have_no_interval(offline: pa.Table) -> None:
    for row in offline.to_pylist():
        has_interval = (row["ci_low"] is not None, row["ci_high"] is not None)
        assert has_interval == ((row["metric"] not in SET_METRICS,) * 2), row


def test_same_seed_same_table_another_seed_other_intervals(
    offline: pa.Table, measured: pa.Table, models: ModelLists, catalogue: Catalogue
) -> None:
    assert offline_metrics_table(measured, models, catalogue, CONFIG, seed=7).equals(offline)
    other = offline_metrics_table(measured, models, catalogue, CONFIG, seed=8)
    assert other["value"].equals(offline["value"])
    assert not other["ci_low"].equals(offline["ci_low"])


def test_order_of_stored_rows_does_not_matter(
    offline: pa.Table, measured: pa.Table, models: ModelLists, catalogue: Catalogue
) -> None:
    again = offline_metrics_table(shuffled(measured), models, catalogue, CONFIG, seed=7)
    key = ["model", "metric", "k"]
    left, right = (t.to_pandas().set_index(key).sort_index() for t in (again, offline))
    np.testing.assert_allclose(left["value"], right["value"])
    np.testing.assert_allclose(left["ci_low"], right["ci_low"])


def test_a_shop_without_categories_has_no_diversity(
    measured: pa.Table, models: ModelLists, catalogue: Catalogue
) -> None:
    bare = Catalogue(
        np.full(N_PRODUCTS, -1, np.int32),
        catalogue.training_users,
        catalogue.n_training_users,
        N_PRODUCTS,
    )
    found = offline_metrics_table(measured, models, bare, CONFIG, seed=7)
    assert set(found["metric"].to_pylist()) == ALL_METRICS - {"diversity"}


def test_comparisons_hold_every_pair_once(measured: pa.Table, relevance: Relevance) -> None:
    found = model_comparisons_table(measured, CONFIG)
    assert found.schema == TABLES["model_comparisons"].arrow_schema
    rows = found.to_pylist()
    keys = {(r["model_a"], r["model_b"], r["metric"], r["k"]) for r in rows}
    assert keys == {
        (a, b, metric, k)
        for a, b in combinations(["popular", "random", "half"], 2)
        for metric in ACCURACY_METRICS
        for k in (3, 6)
    }
    assert len(rows) == len(keys)
    assert {r["n_users"] for r in rows} == {relevance.users.size}


def test_comparisons_are_differences_of_the_offline_means(
    measured: pa.Table, offline: pa.Table
) -> None:
    value = {(r["model"], r["metric"], r["k"]): r["value"] for r in offline.to_pylist()}
    for r in model_comparisons_table(measured, CONFIG).to_pylist():
        expected = (
            value[r["model_a"], r["metric"], r["k"]] - value[r["model_b"], r["metric"], r["k"]]
        )
        assert r["difference"] == pytest.approx(expected, abs=1e-12)
        assert r["ci_low"] <= r["difference"] <= r["ci_high"]


def test_correction_is_over_the_pairs_of_one_metric_and_k(measured: pa.Table) -> None:
    frame = model_comparisons_table(measured, CONFIG).to_pandas()
    for _, family in frame.groupby(["metric", "k"]):
        assert len(family) == 3
        expected = multipletests(family["p_value"], method="holm")[1]
        np.testing.assert_allclose(family["p_adjusted"], expected)


def test_equal_models_have_no_effect_size(models: ModelLists, relevance: Relevance) -> None:
    lists = dict(models)["popular"]
    table = user_metrics([("a", lists), ("b", lists)], relevance, [3]).read_all()
    for row in model_comparisons_table(table, CONFIG).to_pylist():
        assert (row["difference"], row["p_value"], row["effect_size"]) == (0.0, 1.0, None)


def test_one_model_has_nothing_to_be_compared_with(
    models: ModelLists, relevance: Relevance
) -> None:
    table = user_metrics(list(models)[:1], relevance, [3]).read_all()
    assert model_comparisons_table(table, CONFIG).num_rows == 0


@pytest.mark.parametrize("change", ["missing", "twice"])
def test_models_on_other_users_are_not_compared(measured: pa.Table, change: str) -> None:
    wrong = measured[1:] if change == "missing" else pa.concat_tables([measured, measured[:1]])
    with pytest.raises(ValueError, match="every user once for each model and k"):
        AccuracyCube.from_table(wrong)


def test_without_eligible_users_only_the_lists_are_measured(
    models: ModelLists, catalogue: Catalogue
) -> None:
    nobody = Relevance.from_pairs([], [])
    table = user_metrics(models, nobody, CONFIG.k_values).read_all()
    assert table.num_rows == 0
    assert table.schema == TABLES["user_metrics"].arrow_schema
    found = offline_metrics_table(table, models, catalogue, CONFIG, seed=7)
    assert set(found["metric"].to_pylist()) == {*MEAN_METRICS, *SET_METRICS}
    comparisons = model_comparisons_table(table, CONFIG)
    assert comparisons.num_rows == 0
    assert comparisons.schema == TABLES["model_comparisons"].arrow_schema


def test_a_model_without_lists_scores_zero_and_covers_nothing(
    relevance: Relevance, catalogue: Catalogue
) -> None:
    empty = [("idle", lists_of(np.empty((0, K))))]
    table = user_metrics(empty, relevance, CONFIG.k_values).read_all()
    found = offline_metrics_table(table, empty, catalogue, CONFIG, seed=7).to_pylist()
    assert {r["metric"] for r in found} == {*ACCURACY_METRICS, "coverage"}
    assert {r["value"] for r in found} == {0.0}


def test_one_eligible_user_has_values_but_no_intervals(
    models: ModelLists, catalogue: Catalogue
) -> None:
    table = user_metrics(models, Relevance.from_pairs([2], [1]), [3]).read_all()
    found = offline_metrics_table(table, models, catalogue, CONFIG, seed=7).to_pylist()
    [row] = [r for r in found if (r["model"], r["metric"]) == ("popular", "mrr")]
    assert (row["value"], row["ci_low"], row["ci_high"], row["n_users"]) == (0.5, None, None, 1)


def test_lists_side_by_side_are_measured_as_models_are(measured, models, relevance) -> None:
    (_, popular), (_, random), _ = models
    lists = np.stack([popular.products, random.products], axis=1)
    found = accuracy_of_lists(popular.users, lists, relevance, 6)
    cube = AccuracyCube.from_table(measured)
    expected = cube.values[:, [cube.models.index(m) for m in ("popular", "random")]]
    np.testing.assert_allclose(found, expected[:, :, cube.k_values.index(6)].transpose(0, 2, 1))


def test_users_without_lists_are_passed_over(models, relevance) -> None:
    half = models[2][1]
    found = accuracy_of_lists(half.users, half.products[:, None], relevance, 6)
    assert len(found) == np.isin(relevance.users, half.users).sum() < relevance.users.size
