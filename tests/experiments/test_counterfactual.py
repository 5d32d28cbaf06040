"""The report on a shop that can be checked: estimates around the exact truth."""

import numpy as np
import pytest

from recolab_assets.experiments.counterfactual import (
    counterfactual_report,
    expected_click_rate,
    popularity_groups,
)
from recolab_assets.experiments.response import HoldoutReplay, expected_outcomes
from recolab_assets.tables import TABLES

ESTIMATOR_NAMES = {
    "replay",
    "ips",
    "snips",
    "clipped_ips",
    "direct_method",
    "doubly_robust",
    "position_based_ips",
}


@pytest.fixture(scope="module")
def report(shop):
    ranks = 1 + np.argsort(np.argsort(-shop.demand.sum(axis=0)))

    def make(click_model=shop.shoppers, **changed):
        arguments = {
            "popular": "popularity",
            "kind": "epsilon_popularity",
            "epsilon": 0.5,
            "n_users": 10_000,
            "alpha": 0.05,
            "seed": 11,
        }
        table = counterfactual_report(
            shop.users, shop.lists, click_model, ranks, **arguments | changed
        )
        assert table.schema == TABLES["counterfactual_report"].arrow_schema
        return {(row["model"], row["estimator"]): row for row in table.to_pylist()}

    return make


@pytest.mark.parametrize("kind", ["epsilon_popularity", "plackett_luce"])
def test_estimates_are_within_three_errors_of_the_truth(report, shop, kind):
    rows = report(kind=kind)
    assert set(rows) == {(m, e) for m in shop.lists for e in ESTIMATOR_NAMES}
    for (model, estimator), row in rows.items():
        exact = expected_outcomes(shop.shoppers, shop.users, shop.lists[model], shop.depth).ctr
        assert row["truth"] == pytest.approx(exact, rel=1e-12)
        assert row["n"] == shop.lists[model].size
        if row["standard_error"] is None:
            # Rejection leaves a few hundred impressions, and a weak model few clicks on them.
            assert (model, estimator) == ("weak", "replay")
        elif estimator != "direct_method":
            assert abs(row["value"] - exact) < 3 * row["standard_error"]
            assert row["effective_sample_size"] <= row["n"]


def test_errors_are_those_of_logs_drawn_again(report):
    logs = [report(seed=seed) for seed in range(60)]
    for estimator in ("ips", "snips", "doubly_robust", "position_based_ips"):
        rows = [log["strong", estimator] for log in logs]
        values = np.array([row["value"] for row in rows])
        assert np.mean([row["standard_error"] for row in rows]) == pytest.approx(
            values.std(), rel=0.35
        )
        assert abs(values.mean() - rows[0]["truth"]) < 3.5 * values.std() / np.sqrt(60)


def test_clicks_at_every_position_make_the_estimate_sharper(report, shop):
    rows = report()
    for model in shop.lists:
        sharper, plain = rows[model, "position_based_ips"], rows[model, "ips"]
        assert sharper["standard_error"] < plain["standard_error"]
        assert sharper["effective_sample_size"] > plain["effective_sample_size"]


def test_a_part_of_the_users_is_judged_by_its_own_truth(report, shop):
    rows = report(n_users=500)
    row = rows["good", "ips"]
    assert row["n"] == 500 * 6
    assert row["truth"] != report()["good", "ips"]["truth"]
    assert abs(row["value"] - row["truth"]) < 3 * row["standard_error"]


def test_without_clicks_there_is_no_error(report):
    nothing = np.array([], np.int64)
    rows = report(HoldoutReplay(nothing, nothing))
    for row in rows.values():
        assert row["value"] == row["truth"] == 0
        assert row["standard_error"] is row["ci_low"] is row["ci_high"] is None


def test_the_same_seed_gives_the_same_report(report):
    assert report() == report()
    assert report() != report(seed=12)


def test_click_rate_of_nothing_is_not_a_number(shop):
    assert np.isnan(expected_click_rate(shop.shoppers, shop.users[:2], np.full((2, 3), -1)))


def test_popularity_groups_hold_alike_many_impressions():
    ranks = np.random.default_rng(0).permutation(1_000) + 1
    shown = np.random.default_rng(1).integers(0, 1_000, (500, 20))
    groups = popularity_groups(ranks, shown)
    assert groups.shape == (1_000,)
    sizes = np.bincount(groups[shown].ravel())
    assert sizes.size == 10
    assert sizes.min() > 0.8 * sizes.mean()
    assert (np.diff(groups[np.argsort(ranks)]) >= 0).all()
    assert not popularity_groups(ranks, np.full((2, 2), -1)).any()
