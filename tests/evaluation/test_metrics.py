"""Accuracy metrics against trec_eval, by hand, and by what must hold of any list."""

import doctest

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from recolab_assets.evaluation import metrics
from recolab_assets.evaluation.metrics import ACCURACY_METRICS, accuracy
from recolab_assets.evaluation.relevance import Relevance


def trec_eval(
    relevant: dict[int, set[int]], lists: dict[int, list[int]], k: int
) -> dict[str, dict[int, float]]:
    """Each metric of each user by pytrec_eval; a user without a list is given zeros."""
    judged = {str(u): {str(p): 1 for p in products} for u, products in relevant.items()}
    # Scores fall with the rank: trec_eval orders by score and would break ties by name.
    run = {
        str(u): {str(p): float(len(products) - i) for i, p in enumerate(products[:k])}
        for u, products in lists.items()
        if products
    }
    measures = {f"P.{k}", f"recall.{k}", f"ndcg_cut.{k}", f"map_cut.{k}", "recip_rank"}
    measures.add(f"success.{k}")
    found = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)

    def of(name: str, user: int) -> float:
        return found.get(str(user), {}).get(name, 0.0)

    return {
        "precision": {u: of(f"P_{k}", u) for u in relevant},
        "recall": {u: of(f"recall_{k}", u) for u in relevant},
        "ndcg": {u: of(f"ndcg_cut_{k}", u) for u in relevant},
        # trec_eval divides by all relevant products, also where the list cannot hold them.
        "map": {
            u: of(f"map_cut_{k}", u) * len(relevant[u]) / min(k, len(relevant[u])) for u in relevant
        },
        "mrr": {u: of("recip_rank", u) for u in relevant},
        "hit_rate": {u: of(f"success_{k}", u) for u in relevant},
    }


def measured(
    relevant: dict[int, list[int]], lists: dict[int, list[int]], k: int, width: int
) -> dict[str, dict[int, float]]:
    """Each metric of each eligible user by the code under test."""
    pairs = [(u, p) for u, products in relevant.items() for p in products]
    relevance = Relevance.from_pairs([u for u, _ in pairs], [p for _, p in pairs])
    users = sorted(lists)
    products = np.full((len(users), width), -1)
    for row, user in enumerate(users):
        products[row, : len(lists[user])] = lists[user]
    values = accuracy(relevance.hits(users, products), relevance.n_relevant, k)
    return {
        name: dict(zip(relevance.users.tolist(), value.tolist(), strict=True))
        for name, value in values.items()
    }


def assert_agrees(
    relevant: dict[int, list[int]], lists: dict[int, list[int]], k: int, width: int
) -> None:
    eligible = {u: set(products) for u, products in relevant.items() if products}
    expected = trec_eval(eligible, lists, k)
    found = measured(relevant, lists, k, width)
    for name in ACCURACY_METRICS:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


PRODUCT = st.integers(0, 14)


@settings(max_examples=150, deadline=None)
@given(
    relevant=st.dictionaries(st.integers(0, 12), st.lists(PRODUCT, max_size=15), min_size=1),
    lists=st.dictionaries(st.integers(0, 12), st.lists(PRODUCT, unique=True, max_size=8)),
    k=st.integers(1, 10),
)
def test_agrees_with_trec_eval_on_random_lists(
    relevant: dict[int, list[int]], lists: dict[int, list[int]], k: int
) -> None:
    if any(relevant.values()):
        assert_agrees(relevant, lists, k, width=8)


@pytest.mark.parametrize(
    ("relevant", "lists"),
    [
        pytest.param({0: [3]}, {0: [1, 2, 3, 4]}, id="one relevant product"),
        pytest.param({0: list(range(10))}, {0: [9, 20, 8, 21]}, id="more relevant than k"),
        pytest.param({0: [3, 3, 3, 5]}, {0: [3, 1, 5, 2]}, id="repeats in the hold-out"),
        pytest.param({0: [3], 1: [4]}, {0: [3, 1, 2, 4]}, id="user without a list"),
        pytest.param({0: [3], 1: []}, {0: [3, 1], 1: [4, 5]}, id="user without relevant products"),
        pytest.param({0: [3, 7]}, {0: [3]}, id="list shorter than k"),
        pytest.param({0: [3]}, {}, id="no lists at all"),
        pytest.param({0: [3], 5: [1]}, {3: [3, 1]}, id="lists of other users only"),
    ],
)
def test_agrees_with_trec_eval_on_known_traps(
    relevant: dict[int, list[int]], lists: dict[int, list[int]]
) -> None:
    assert_agrees(relevant, lists, k=4, width=4)


def test_order_is_that_of_the_list_whatever_ties_its_scores_have() -> None:
    # A trec_eval fed with equal scores would put product 9 above product 1.
    assert measured({0: [1]}, {0: [1, 9]}, k=2, width=2)["mrr"][0] == 1.0
    assert measured({0: [1]}, {0: [9, 1]}, k=2, width=2)["mrr"][0] == 0.5


def test_user_without_a_list_pulls_the_mean_down() -> None:
    found = measured({0: [3], 1: [4]}, {0: [3]}, k=1, width=1)
    assert {name: sum(values.values()) / 2 for name, values in found.items()} == dict.fromkeys(
        ACCURACY_METRICS, 0.5
    )


def test_average_precision_of_a_list_of_hits_is_one_with_more_relevant_than_k() -> None:
    assert metrics.average_precision(np.ones((1, 3), bool), np.array([50]), 3) == 1.0


def test_recall_is_not_capped() -> None:
    assert metrics.recall(np.ones((1, 3), bool), np.array([12]), 3) == 0.25


HIT_ROWS = st.integers(1, 12).flatmap(
    lambda width: st.lists(
        st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=6
    )
)


@settings(deadline=None)
@given(rows=HIT_ROWS, more=st.integers(0, 5), k=st.integers(1, 15))
def test_metrics_lie_between_zero_and_one(rows: list[list[bool]], more: int, k: int) -> None:
    hits = np.array(rows)
    n_relevant = np.maximum(hits.sum(axis=1) + more, 1)
    for name, values in accuracy(hits, n_relevant, k).items():
        assert np.all((values >= 0) & (values <= 1)), name
        assert np.all((values == 0) == ~hits[:, :k].any(axis=1)), name


@settings(deadline=None)
@given(rows=HIT_ROWS, more=st.integers(0, 5))
def test_recall_mrr_and_hit_rate_never_fall_with_k(rows: list[list[bool]], more: int) -> None:
    hits = np.array(rows)
    n_relevant = np.maximum(hits.sum(axis=1) + more, 1)
    for name in ("recall", "mrr", "hit_rate"):
        by_k = [ACCURACY_METRICS[name](hits, n_relevant, k) for k in range(1, hits.shape[1] + 1)]
        assert np.all(np.diff(by_k, axis=0) >= 0), name


@settings(deadline=None)
@given(n_relevant=st.integers(1, 30), k=st.integers(1, 20))
def test_ideal_list_has_the_best_value_of_every_metric(n_relevant: int, k: int) -> None:
    ideal = np.arange(20)[None] < n_relevant
    values = accuracy(ideal, np.array([n_relevant]), k)
    for name in ("ndcg", "map", "mrr", "hit_rate"):
        assert values[name] == 1.0, name
    assert values["precision"] == min(n_relevant, k) / k
    assert values["recall"] == min(n_relevant, k) / n_relevant


@pytest.mark.parametrize("name", ["ndcg", "map", "mrr"])
def test_a_hit_further_up_is_worth_more(name: str) -> None:
    values = ACCURACY_METRICS[name](np.eye(10, dtype=bool), np.full(10, 2), 10)
    assert np.all(np.diff(values) < 0)


def test_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(metrics).failed == 0
