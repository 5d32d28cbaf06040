"""Models beside baselines in a finished laboratory: tables agree with each other and the log."""

import math
from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from recolab_assets.models import MODELS
from recolab_assets.models.baselines import BASELINES

METRIC = "metric = 'ndcg' AND k = 10"


def values(lab, table, where="true"):
    rows = lab.query(
        f"SELECT model, products, value, n_users FROM evaluation.{table} WHERE {METRIC} AND {where}"
    )
    return {(model, products): (value, n) for model, products, value, n in rows}


def test_all_models_and_baselines_are_measured(lab):
    found = {model for model, products in values(lab, "product_kind_metrics") if products == "all"}
    assert found == {*MODELS, *BASELINES}
    assert ("buy_again", "new") not in values(lab, "product_kind_metrics")
    # No experiment and no list of the models knows of the baselines.
    for table in ("recommendations.recommendations", "evaluation.offline_metrics"):
        assert {model for (model,) in lab.query(f"SELECT DISTINCT model FROM {table}")} == {*MODELS}


def test_models_are_as_good_with_new_products_as_their_recommendations(lab):
    offline = dict(lab.query(f"SELECT model, value FROM evaluation.offline_metrics WHERE {METRIC}"))
    found = values(lab, "product_kind_metrics")
    assert len(offline) == 5
    for model, value in offline.items():
        assert found[model, "new"][0] == pytest.approx(value)


def test_the_latest_cut_is_that_of_the_lab_where_the_sample_is_everybody(lab):
    rolled = values(lab, "rolling_metrics", "cut = 1")
    found = values(lab, "product_kind_metrics", "products IN ('all', 'new', 'repeat')")
    assert rolled.keys() == found.keys()
    for key, (value, n_users) in rolled.items():
        assert (value, n_users) == (pytest.approx(found[key][0]), found[key][1])


def test_an_earlier_cut_agrees_with_a_reading_of_the_log(lab):
    """Last month's best sellers at the second cut, in plain Python."""
    log = lab.query(
        "SELECT user_id, item_id, event_type, occurred_at FROM raw.interactions"
        " WHERE item_type = 'product'"
    )
    [[cut]] = lab.query("SELECT DISTINCT cut_at FROM evaluation.rolling_metrics WHERE cut = 2")
    assert cut == lab.scalar(
        "SELECT date_trunc('day', max(occurred_at)) + to_days(1 - 56) FROM raw.interactions"
    )
    month = timedelta(days=28)
    weights = lab.config.model.event_weights.model_dump()
    sales, popularity, seen, later = Counter(), Counter(), defaultdict(set), defaultdict(set)
    latest = max(at for _, _, _, at in log if at < cut)
    for user, product, event, at in log:
        if at < cut:
            seen[user].add(product)
            age = (latest - at) / timedelta(days=1)
            popularity[product] += weights[event] * 0.5 ** (age / 30)
            sales[product] += weights[event] * (at >= cut - month)
        elif at < cut + month:
            later[user].add(product)
    n_products = lab.values["data"]["n_products"]
    order = sorted(range(n_products), key=lambda p: (-sales[p], -popularity[p], p))
    found = values(lab, "rolling_metrics", "cut = 2")
    for kind, exclude in (("all", False), ("new", True)):
        gains = []
        for user, products in later.items():
            relevant = products - seen[user] if exclude else products
            shown = [p for p in order if not (exclude and p in seen[user])][:10]
            gain = sum(1 / math.log2(at + 2) for at, p in enumerate(shown) if p in relevant)
            ideal = sum(1 / math.log2(at + 2) for at in range(min(10, len(relevant))))
            gains += [gain / ideal] if relevant else []
        value, n_users = found["recent_popularity", kind]
        assert (value, n_users) == (pytest.approx(sum(gains) / len(gains)), len(gains))
