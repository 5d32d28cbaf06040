"""Whole runs under other settings: every promise that the checks guard is still kept."""

import dagster as dg
import pytest

from tests.small_lab import Lab

TINY = {
    "data": {"n_users": 200, "n_products": 100, "n_editorial": 12, "n_interactions": 4_000},
    "model": {"als_factors": 4, "als_iterations": 2, "candidate_depth": 20},
    "experiment": {"scorecard_replicates": 1, "interleaving_n_users": 20},
}

pytestmark = pytest.mark.slow


@pytest.fixture
def run_with(tmp_path):
    def run(**sections):
        merged = {name: {**TINY.get(name, {}), **sections.get(name, {})} for name in TINY}
        lab = Lab.create(tmp_path, **{**sections, **merged})
        result = lab.run()
        assert result.success
        evaluations = result.get_asset_check_evaluations()
        assert len(evaluations) == len(result.job_def.asset_layer.asset_graph.asset_check_keys)
        broken = [
            (check.asset_key, check.check_name)
            for check in evaluations
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
        ]
        assert not broken
        return lab

    return run


def test_holding_out_the_latest_of_every_user(run_with):
    lab = run_with(split={"method": "per_user_latest"})
    overlapping = lab.query(
        """
        SELECT user_id, max(train.occurred_at) AS last, min(test.occurred_at) AS first
        FROM processed.train_interactions train
        JOIN processed.test_interactions test USING (user_id)
        GROUP BY user_id HAVING last > first
        """
    )
    assert not overlapping
    # One cut in time for all would leave nothing before it in the hold-out.
    [[early]] = lab.query(
        "SELECT count(*) FROM processed.test_interactions WHERE occurred_at <"
        " (SELECT max(occurred_at) FROM processed.train_interactions)"
    )
    assert early > 0
    methods = lab.query("SELECT DISTINCT method FROM experiments.method_scorecard")
    assert ("offline_ndcg_per_user",) in methods


def test_playing_back_the_hold_out(run_with):
    lab = run_with(experiment={"response_model": "replay"})
    invented = lab.query(
        """
        SELECT * FROM (FROM experiments.ab_exposures WHERE clicked) e
        ANTI JOIN (FROM processed.test_interactions WHERE item_type = 'product') t
            ON t.user_id = e.user_id AND t.item_id = e.product_id
        """
    )
    assert not invented
    assert lab.scalar("SELECT count(*) FROM experiments.ab_exposures WHERE clicked") > 0


def test_shoppers_who_leave_when_satisfied(run_with):
    lab = run_with(
        experiment={
            "response_model": "cascade",
            "examination_decay": 1.0,
            "satisfaction": 1.0,
            "control_ctr": 0.02,
            "control_session_depth": 9.0,
        }
    )
    # Whoever is satisfied with every click clicks once at most.
    assert lab.query(
        "SELECT max(clicks) FROM (SELECT count(*) FILTER (clicked) AS clicks"
        " FROM experiments.ab_exposures GROUP BY user_id)"
    ) == [(1,)]
    [[ctr], [rate]] = lab.query(
        "SELECT value FROM experiments.truth WHERE model = 'popularity'"
        " AND metric IN ('ctr', 'purchase_rate') ORDER BY metric"
    )
    assert (ctr, rate) == (pytest.approx(0.02), pytest.approx(0.0025))


def test_recommending_repeats_in_a_shop_without_editorial(run_with):
    lab = run_with(model={"exclude_seen": False}, data={"n_editorial": 0})
    repeats = lab.scalar(
        "SELECT count(*) FROM recommendations.recommendations SEMI JOIN processed.train_pairs"
        " USING (user_id, product_id)"
    )
    assert repeats > 0
    assert lab.scalar("SELECT count(*) FROM raw.editorial") == 0
    assert lab.query("SELECT DISTINCT item_type FROM raw.interactions") == [("product",)]
    assert lab.scalar("SELECT count(*) FROM raw.interactions") == 4_000
