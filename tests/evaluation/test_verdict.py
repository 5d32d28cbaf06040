"""The verdict for the shop, against scipy's paired test and statsmodels' correction."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.product_kinds import KINDS, product_kind_metrics_table
from recolab_assets.evaluation.verdict import shop_verdict_table
from recolab_assets.models import MODELS
from recolab_assets.models.baselines import BASELINES
from recolab_assets.tables import TABLES

CONFIG = EvaluationConfig(k_values=[20, 10], bootstrap_samples=100)
METHODS = [*MODELS, *BASELINES]
N_USERS = 300
Scores = dict[str, dict[str, np.ndarray]]


def user_metrics(scores: Scores) -> pa.Table:
    """Per-user rows at both k; at 20 the order of the methods is turned round."""
    schema = TABLES["product_kind_user_metrics"].arrow_schema
    rows = [
        {
            "products": kind,
            "model": model,
            "user_id": user,
            "k": k,
            "n_relevant": 1,
            **dict.fromkeys(ACCURACY_METRICS, 0.5),
            "ndcg": float(value if k == 10 else 1 - value),
        }
        for kind, of_model in scores.items()
        for model, values in of_model.items()
        for user, value in enumerate(values)
        for k in (10, 20)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def verdict(scores: Scores, config: EvaluationConfig = CONFIG) -> dict[str, dict]:
    measured = user_metrics(scores)
    table = shop_verdict_table(product_kind_metrics_table(measured, config, 1), measured, config)
    assert table.schema == TABLES["shop_verdict"].arrow_schema
    assert table["products"].to_pylist() == list(KINDS)
    return {row["products"]: row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def scores() -> Scores:
    generator = np.random.default_rng(6)
    taste = generator.uniform(0, 0.2, N_USERS)

    def of(means: dict[str, float]) -> dict[str, np.ndarray]:
        return {m: taste + generator.uniform(0, 2 * mean, N_USERS) for m, mean in means.items()}

    low = dict.fromkeys(METHODS, 0.05)
    return {
        "all": of({**low, "als": 0.15, "hybrid": 0.18, "buy_again": 0.3}),
        "new": of({**low, "hybrid": 0.151, "recent_popularity": 0.15, "category_popularity": 0.15}),
        "repeat": of({**low, "als": 0.2, "buy_again": 0.4}),
    }


@pytest.fixture(scope="module")
def found(scores: Scores) -> dict[str, dict]:
    return verdict(scores)


@pytest.mark.parametrize("kind", KINDS)
def test_the_verdict_is_that_of_all_paired_tests_together(
    found: dict[str, dict], scores: Scores, kind: str
) -> None:
    means = {model: values.mean() for model, values in scores[kind].items()}
    best, second = sorted(means, key=lambda model: -means[model])[:2]
    pairs = list(combinations(METHODS, 2))
    p_values = [ttest_rel(scores[kind][a], scores[kind][b]).pvalue for a, b in pairs]
    adjusted = dict(
        zip(map(frozenset, pairs), multipletests(p_values, method="holm")[1], strict=True)
    )
    row = found[kind]
    assert (row["best"], row["runner_up"], row["n_users"]) == (best, second, N_USERS)
    assert row["value"] == pytest.approx(means[best])
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert row["difference"] == pytest.approx(means[best] - means[second])
    interval = ttest_rel(scores[kind][best], scores[kind][second]).confidence_interval(0.95)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(tuple(interval))
    assert row["p_adjusted"] == pytest.approx(adjusted[frozenset((best, second))])
    as_good = {m for m in METHODS if m != best and adjusted[frozenset((best, m))] >= 0.05}
    assert set(row["as_good"]) == as_good
    assert row["is_decided"] == (second not in as_good)
    assert row["best_model"] == max(MODELS, key=lambda model: means[model])


def test_sentences_say_who_is_best_and_whether_that_is_noise(found: dict[str, dict]) -> None:
    row = found["all"]
    assert row["sentence"] == (
        f"When every product counts, buy it again did best: NDCG@10 {row['value']:.3f} (300 users,"
        f" 95% interval {row['ci_low']:.3f} to {row['ci_high']:.3f}). Second came the hybrid with"
        f" {row['runner_up_value']:.3f}; the difference is more than noise (p < 0.001)."
    )
    assert found["all"]["is_decided"] and found["repeat"]["is_decided"]
    assert not found["new"]["is_decided"]
    new = found["new"]["sentence"]
    assert new.startswith("Among products new to the user, ")
    assert "within noise (p = " in new and ", as is that to " in new
    assert "the best sellers of the last 28 days" in new


def test_the_best_model_is_named_where_baselines_beat_it(scores: Scores) -> None:
    beaten = {**scores["all"], "recent_popularity": scores["all"]["buy_again"] - 0.05}
    row = verdict({**scores, "all": beaten})["all"]
    assert row["best_model"] == "hybrid"
    assert row["sentence"].endswith(
        f" The best model, the hybrid, reached {row['best_model_value']:.3f}."
    )


def test_equal_methods_are_within_noise_and_the_first_is_named(scores: Scores) -> None:
    same = dict.fromkeys(METHODS, scores["all"]["als"])
    row = verdict({**scores, "all": same})["all"]
    assert (row["best"], row["p_adjusted"], row["difference"]) == (METHODS[0], 1.0, 0.0)
    assert row["as_good"] == METHODS[1:]
    assert row["is_decided"] is False


def test_nothing_wanted_and_nothing_found_are_said_as_such(scores: Scores) -> None:
    nothing = dict.fromkeys(METHODS, np.zeros(4))
    rows = verdict({"all": scores["all"], "repeat": nothing})
    assert rows["new"]["sentence"] == (
        "Among products new to the user, nothing can be said: nobody came for one in the hold-out."
    )
    assert rows["repeat"]["sentence"] == (
        "Among products that the user had before, nothing can be said: no list of 10 holds one that"
        " was wanted in the hold-out."
    )
    assert (rows["new"]["best"], rows["new"]["n_users"], rows["repeat"]["n_users"]) == (None, 0, 4)
    assert rows["all"]["best"] == "buy_again"


def test_a_single_user_decides_nothing(scores: Scores) -> None:
    one = {model: values[:1] for model, values in scores["all"].items()}
    row = verdict({"all": one})["all"]
    assert row["is_decided"] is False and row["p_adjusted"] == 1
    assert row["ci_low"] is None and "(1 user)" in row["sentence"]
