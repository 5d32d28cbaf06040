"""What a run leaves: every table as the registry has it, and the contracts between tables."""

import dagster as dg
import numpy as np
import pytest

from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.models import MODELS
from recolab_assets.tables import MODEL_TABLES, OTHER_TABLES, TABLES

ASSETS_OF_ONE_TABLE = [
    "popularity",
    *sorted(set(TABLES) - {table for tables in MODEL_TABLES.values() for table in tables}),
]
RECOMMENDATIONS = "recommendations.recommendations"


@pytest.fixture(scope="module")
def metadata(result):
    """Metadata of every materialisation, by asset."""
    return {
        event.asset_key.to_user_string(): {
            key: value.value
            for key, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }


def test_the_run_succeeds_and_only_warnings_fail(result):
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    graph = result.job_def.asset_layer.asset_graph
    assert {evaluation.asset_check_key for evaluation in evaluations} == graph.asset_check_keys
    failed = [evaluation for evaluation in evaluations if not evaluation.passed]
    assert all(evaluation.severity == dg.AssetCheckSeverity.WARN for evaluation in failed)
    assert not any(evaluation.blocking for evaluation in failed)


def test_the_database_holds_the_registered_tables_and_no_others(lab):
    found = lab.query("SELECT schema_name || '.' || table_name FROM duckdb_tables()")
    notes = OTHER_TABLES["materializations"]
    expected = {table.qualified_name for table in (*TABLES.values(), notes)}
    assert {name for (name,) in found} == expected


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_tables_have_the_columns_of_the_registry(lab, table):
    described = lab.query(f"DESCRIBE {table.qualified_name}")
    assert [(name, kind, nullable == "YES") for name, kind, nullable, *_ in described] == [
        (column.name, column.type, column.nullable) for column in table.columns
    ]


@pytest.mark.parametrize("name", ASSETS_OF_ONE_TABLE)
def test_runs_report_rows_columns_and_settings(lab, metadata, name):
    table, found = TABLES[name], metadata[name]
    assert found["dagster/row_count"] == lab.scalar(f"SELECT count(*) FROM {table.qualified_name}")
    assert [(column.name, column.type) for column in found["dagster/column_schema"].columns] == [
        (column.name, column.type) for column in table.columns
    ]
    assert found["dagster/table_name"] == table.qualified_name
    assert found["preview"].startswith(f"| {table.columns[0].name} |")
    assert found["config"] == str(lab.config_path)
    assert found["random_seed"] == 42


@pytest.mark.parametrize("name", MODELS)
def test_runs_report_the_rows_of_every_table_of_a_model(lab, metadata, name):
    for table in MODEL_TABLES[name]:
        n_rows = lab.scalar(f"SELECT count(*) FROM models.{table}")
        key = "dagster/row_count" if name == "popularity" else f"row_count/{table}"
        assert metadata[name][key] == n_rows > 0


def test_reports_have_a_picture(metadata):
    for name in ("offline_metrics", "ab_report", "truth"):
        assert "data:image/svg+xml;base64," in metadata[name]["chart"]
    assert metadata["import_report"]["report"].startswith("| rows |")


def test_raw_tables_have_the_sizes_of_the_configuration(lab):
    for table, key in (
        ("users", "n_users"),
        ("products", "n_products"),
        ("editorial", "n_editorial"),
        ("interactions", "n_interactions"),
    ):
        assert lab.scalar(f"SELECT count(*) FROM raw.{table}") == lab.values["data"][key]
    kept = lab.scalar("SELECT n_rows FROM raw.import_report WHERE finding = 'kept'")
    assert kept == lab.values["data"]["n_interactions"]


def test_the_cut_divides_the_log(lab):
    train, test = "processed.train_interactions", "processed.test_interactions"
    both = f"(FROM {train} UNION ALL FROM {test})"
    assert not lab.query(f"FROM raw.interactions EXCEPT ALL FROM {both}")
    assert not lab.query(f"FROM {both} EXCEPT ALL FROM raw.interactions")
    [[last, first]] = lab.query(
        f"SELECT (SELECT max(occurred_at) FROM {train}), (SELECT min(occurred_at) FROM {test})"
    )
    assert last < first
    assert lab.scalar(f"SELECT count(*) FROM {test}") > 0


def test_validation_is_the_last_part_of_training(lab):
    validation = "processed.validation_interactions"
    assert not lab.query(f"FROM {validation} EXCEPT ALL FROM processed.train_interactions")
    [[n_rows, first]] = lab.query(f"SELECT count(*), min(occurred_at) FROM {validation}")
    later = lab.query(
        "SELECT count(*) FROM processed.train_interactions WHERE occurred_at >= ?", [first]
    )
    assert later == [(n_rows,)]
    assert n_rows > 0


def test_training_pairs_are_the_products_met_in_training(lab):
    pairs = "SELECT user_id, product_id, n_events FROM processed.train_pairs"
    met = (
        "SELECT user_id, item_id, count(*)::INTEGER FROM processed.train_interactions"
        " WHERE item_type = 'product' GROUP BY ALL"
    )
    assert not lab.query(f"{pairs} EXCEPT ALL {met}")
    assert not lab.query(f"{met} EXCEPT ALL {pairs}")


def test_features_have_a_row_for_everybody_and_everything(lab):
    for features, raw, key in (
        ("user_features", "users", "user_id"),
        ("item_features", "products", "product_id"),
    ):
        assert lab.query(f"SELECT {key} FROM processed.{features} ORDER BY 1") == lab.query(
            f"SELECT {key} FROM raw.{raw} ORDER BY 1"
        )


def test_nobody_is_recommended_what_they_have(lab):
    assert not lab.query(
        f"SELECT * FROM {RECOMMENDATIONS} SEMI JOIN processed.train_pairs"
        " USING (user_id, product_id)"
    )


def test_everybody_has_a_full_list_of_every_model(lab):
    top_k = lab.config.model.top_k
    lists = lab.query(
        f"SELECT model, user_id, list(rank ORDER BY rank), count(DISTINCT product_id)"
        f" FROM {RECOMMENDATIONS} GROUP BY ALL"
    )
    assert {(model, user) for model, user, *_ in lists} == {
        (model, user) for model in MODELS for user in range(lab.config.data.n_users)
    }
    for _, _, ranks, n_products in lists:
        assert ranks == list(range(1, top_k + 1))
        assert n_products == top_k


def test_users_without_training_get_the_popularity_list(lab):
    cold = "(SELECT user_id FROM raw.users ANTI JOIN processed.train_pairs USING (user_id))"
    assert lab.scalar(f"SELECT count(*) FROM {cold}") > 0
    lists = f"{RECOMMENDATIONS} SEMI JOIN {cold} USING (user_id)"
    rows = f"SELECT user_id, rank, product_id FROM {lists}"
    for model in ("als", "item_cf"):
        assert not lab.query(
            f"{rows} WHERE model = '{model}' EXCEPT {rows} WHERE model = 'popularity'"
        )
        flags = lab.query(f"SELECT DISTINCT is_fallback FROM {lists} WHERE model = '{model}'")
        assert flags == [(True,)]


@pytest.fixture(scope="module")
def eligible(lab):
    """Users with a product in the hold-out that they have not in training."""
    return lab.query(
        """
        SELECT DISTINCT user_id FROM processed.test_interactions test
        ANTI JOIN processed.train_pairs pairs
            ON pairs.user_id = test.user_id AND pairs.product_id = test.item_id
        WHERE item_type = 'product' ORDER BY user_id
        """
    )


def test_accuracy_is_measured_for_exactly_the_eligible_users(lab, eligible):
    assert 0 < len(eligible) < lab.config.data.n_users
    for model in MODELS:
        for k in lab.config.evaluation.k_values:
            found = lab.query(
                "SELECT user_id FROM evaluation.user_metrics WHERE model = ? AND k = ?"
                " ORDER BY user_id",
                [model, k],
            )
            assert found == eligible


def test_every_metric_of_every_model_is_reported(lab, eligible):
    rows = lab.query("SELECT model, metric, k, n_users FROM evaluation.offline_metrics")
    metrics = (*ACCURACY_METRICS, "coverage", "diversity", "novelty", "average_popularity", "gini")
    assert len(metrics) == 11
    assert sorted((model, metric, k) for model, metric, k, _ in rows) == sorted(
        (model, metric, k) for model in MODELS for metric in metrics for k in (10, 20)
    )
    counts = {n for _, metric, _, n in rows if metric in ACCURACY_METRICS}
    assert counts == {len(eligible)}


def test_reported_metrics_are_those_of_the_tables(lab):
    """Counted once more in SQL, without any code of the lab."""
    counted = lab.query(
        f"""
        WITH relevant AS (
            SELECT DISTINCT user_id, item_id AS product_id FROM processed.test_interactions
            WHERE item_type = 'product'
            EXCEPT SELECT user_id, product_id FROM processed.train_pairs
        ),
        per_user AS (
            SELECT model, k, r.user_id, count(l.rank) FILTER (l.rank <= k) AS hits,
                count(*) AS n_relevant, 1 / min(l.rank) FILTER (l.rank <= k) AS reciprocal
            FROM relevant r
            CROSS JOIN (SELECT unnest([10, 20]) AS k)
            CROSS JOIN (SELECT DISTINCT model FROM {RECOMMENDATIONS})
            LEFT JOIN {RECOMMENDATIONS} l USING (model, user_id, product_id)
            GROUP BY ALL
        )
        SELECT model, k, avg(hits / k), avg(hits / n_relevant), avg((hits > 0)::INT),
            avg(coalesce(reciprocal, 0))
        FROM per_user GROUP BY ALL ORDER BY ALL
        """
    )
    assert len(counted) == 10
    for model, k, *values in counted:
        assert max(values) > 0
        for metric, value in zip(("precision", "recall", "hit_rate", "mrr"), values, strict=True):
            [(reported,)] = lab.query(
                "SELECT value FROM evaluation.offline_metrics"
                " WHERE model = ? AND k = ? AND metric = ?",
                [model, k, metric],
            )
            assert reported == pytest.approx(value, abs=1e-12)


def test_reported_coverage_is_that_of_the_lists(lab):
    for model in MODELS:
        n_listed = lab.scalar(
            f"SELECT count(DISTINCT product_id) FROM {RECOMMENDATIONS} WHERE model = '{model}'"
        )
        reported = lab.scalar(
            "SELECT value FROM evaluation.offline_metrics"
            f" WHERE model = '{model}' AND k = 20 AND metric = 'coverage'"
        )
        assert reported == pytest.approx(n_listed / lab.config.data.n_products)


def test_every_two_models_are_compared(lab):
    rows = lab.query("SELECT model_a, model_b, metric, k FROM evaluation.model_comparisons")
    names = list(MODELS)
    pairs = [(a, b) for position, a in enumerate(names) for b in names[position + 1 :]]
    assert sorted(rows) == sorted(
        (*pair, metric, k) for pair in pairs for metric in ACCURACY_METRICS for k in (10, 20)
    )


def test_curves_and_segments_agree_with_the_metrics_of_all_users(lab):
    apart = lab.query(
        "SELECT count(*), max(abs(c.value - o.value)) FROM evaluation.offline_metrics o"
        " JOIN evaluation.metric_curves c USING (model, metric, k)"
    )
    assert apart[0][0] == len(MODELS) * len(ACCURACY_METRICS) * 2
    assert apart[0][1] < 1e-12
    weighted = lab.query(
        "SELECT max(abs(s.value - o.value)) FROM (SELECT segmentation, model, metric, k,"
        " sum(value * n_users) / sum(n_users) AS value FROM evaluation.segment_metrics"
        " GROUP BY ALL) s JOIN evaluation.offline_metrics o USING (model, metric, k)"
    )
    assert weighted[0][0] < 1e-12
    in_segments = "SELECT segmentation, segment, model, metric, k, n_users"
    assert lab.query(f"{in_segments} FROM evaluation.segment_metrics ORDER BY ALL") == lab.query(
        "SELECT DISTINCT segmentation, segment, m.model, metric, k, n_users"
        " FROM evaluation.segment_comparisons CROSS JOIN"
        " (SELECT unnest(?::VARCHAR[]) AS model) m ORDER BY ALL",
        [list(MODELS)],
    )


def test_guardrails_hold_the_reported_values_against_their_limits(lab):
    rows = lab.query(
        "SELECT g.model, g.metric, g.value = o.value, g.threshold,"
        " g.passed = (o.value >= threshold)"
        " FROM evaluation.guardrails g JOIN evaluation.offline_metrics o USING (model, metric)"
        " WHERE o.k = 20"
    )
    limits = {"coverage": 0.05, "diversity": 0.3}
    assert sorted(rows) == sorted(
        (model, metric, True, limit, True) for model in MODELS for metric, limit in limits.items()
    )


def test_the_ab_report_adds_up_the_exposures(lab):
    exposed = lab.query(
        "SELECT arm, count(DISTINCT user_id), count(*), count(*) FILTER (clicked),"
        " count(*) FILTER (purchased) FROM experiments.ab_exposures GROUP BY arm ORDER BY arm"
    )
    reported = lab.query(
        "SELECT arm, n_users, impressions, clicks, purchases FROM experiments.ab_report"
        " ORDER BY arm"
    )
    assert reported == exposed
    assert {arm for arm, *_ in reported} == set(MODELS)
    visitors = lab.scalar("SELECT count(DISTINCT user_id) FROM processed.test_interactions")
    assert sum(n_users for _, n_users, *_ in reported) == visitors
    assert lab.query("SELECT arm FROM experiments.ab_report WHERE is_control") == [("popularity",)]
    assert lab.scalar("SELECT count(*) FROM experiments.ab_report WHERE is_best") == 1


def test_users_of_the_ab_test_see_the_list_of_their_arm(lab):
    assert lab.scalar("SELECT count(*) FROM experiments.ab_exposures") > 0
    assert not lab.query(
        f"SELECT arm, user_id, position, product_id FROM experiments.ab_exposures"
        f" EXCEPT ALL SELECT model, user_id, rank, product_id FROM {RECOMMENDATIONS}"
    )
    assert not lab.query(
        "SELECT user_id FROM experiments.ab_exposures GROUP BY user_id"
        " HAVING count(DISTINCT arm) > 1"
    )
    assert not lab.query("FROM experiments.ab_exposures WHERE purchased AND NOT clicked")


def test_every_arm_but_the_control_is_compared_with_it(lab):
    rows = lab.query("SELECT arm, metric FROM experiments.ab_comparisons")
    metrics = {"ctr", "clicks_per_user", "purchase_rate", "log_session_depth"}
    assert {metric for _, metric in rows} >= metrics
    for metric in metrics:
        compared = {arm for arm, found in rows if found == metric}
        assert compared >= set(MODELS) - {"popularity"}


def test_users_enter_the_ab_test_on_the_day_of_their_first_visit(lab):
    assert not lab.query(
        "SELECT DISTINCT user_id, shown_on FROM experiments.ab_exposures"
        " EXCEPT SELECT user_id, min(occurred_at)::DATE FROM processed.test_interactions"
        " GROUP BY user_id"
    )
    assert lab.scalar("SELECT count(DISTINCT shown_on) FROM experiments.ab_exposures") > 1


def test_the_last_day_of_the_sequence_is_the_whole_test(lab):
    last = lab.query(
        "SELECT arm, max(n_users), last(difference ORDER BY day) FROM experiments.ab_sequence"
        " GROUP BY arm ORDER BY arm"
    )
    whole = lab.query(
        "SELECT a.arm, a.n_users + c.n_users, a.ctr - c.ctr FROM experiments.ab_report a"
        " JOIN experiments.ab_report c ON c.is_control WHERE NOT a.is_control ORDER BY a.arm"
    )
    assert [(arm, n_users) for arm, n_users, _ in last] == [(arm, n) for arm, n, _ in whole]
    assert [row[2] for row in last] == pytest.approx([row[2] for row in whole])


def test_the_segments_of_each_segmentation_hold_every_user_once(lab):
    sums = lab.query(
        "SELECT arm, segmentation, sum(s.n_users), any_value(r.n_users)"
        " FROM experiments.ab_segments s JOIN experiments.ab_report r USING (arm)"
        " GROUP BY arm, segmentation"
    )
    assert {name for _, name, *_ in sums} == {"activity", "category", "history"}
    assert len(sums) == 3 * (len(MODELS) - 1)
    assert all(inside == n_users for *_, inside, n_users in sums)


def test_interleaving_reports_every_model_and_every_pair(lab):
    rows = lab.query(
        "SELECT model, n_users, win_rate, avg_credits, is_winner"
        " FROM experiments.interleaving_report"
    )
    assert {model for model, *_ in rows} == set(MODELS)
    assert {n_users for _, n_users, *_ in rows} == {50}
    assert 0 <= sum(win_rate for _, _, win_rate, *_ in rows) <= 1
    best = max(rows, key=lambda row: (row[2], row[3]))
    assert [row[0] for row in rows if row[4]] == [best[0]]
    pairs = lab.query("SELECT model_a, model_b FROM experiments.interleaving_preferences")
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == 10


def test_every_visitor_sees_a_list_drafted_from_two_models(lab):
    rows = lab.query(
        "SELECT model_a, model_b, n_users, wins_a + wins_b + ties"
        " FROM experiments.interleaving_pairs"
    )
    assert len({frozenset(pair) for *pair, _, _ in rows}) == len(rows) == 10
    dealt = [n_users for *_, n_users, _ in rows]
    assert dealt == [counted for *_, counted in rows]
    assert max(dealt) - min(dealt) <= 1
    visitors = "SELECT count(DISTINCT user_id) FROM processed.test_interactions"
    assert sum(dealt) == lab.scalar(visitors)


def test_no_model_is_truly_better_than_the_oracle(lab):
    truth = {
        (model, metric): value
        for model, metric, value in lab.query("SELECT model, metric, value FROM experiments.truth")
    }
    names = {model for model, _ in truth}
    assert names == {*MODELS, "oracle"}
    for model in MODELS:
        assert 0 < truth[model, "ctr"] <= truth["oracle", "ctr"]
        assert truth[model, "share_of_oracle"] == pytest.approx(
            truth[model, "ctr"] / truth["oracle", "ctr"]
        )


def test_the_control_truly_has_the_rates_it_is_calibrated_to(lab):
    rates = dict(
        lab.query("SELECT metric, value FROM experiments.truth WHERE model = 'popularity'")
    )
    experiment = lab.config.experiment
    assert rates["ctr"] == pytest.approx(experiment.control_ctr, rel=1e-6)
    assert rates["purchase_rate"] == pytest.approx(experiment.control_purchase_rate, rel=1e-6)


def test_the_scorecard_judges_every_way_of_evaluating(lab):
    rows = lab.query("SELECT method, value FROM experiments.method_scorecard")
    methods = {method for method, _ in rows}
    assert {"offline_ndcg_global", "ab_mann_whitney", "ab_delta"} <= methods
    assert any("interleaving" in method for method in methods)
    assert all(np.isfinite(value) for _, value in rows)


def test_the_plan_recommends_one_method_with_known_users(lab):
    rows = lab.query(
        "SELECT method, users_needed, days_needed, smallest_effect, recommended"
        " FROM experiments.experiment_plan"
    )
    methods = {method: users for method, users, *_ in rows}
    assert {"ab_delta", "ab_cuped", "interleaving_pairs"} <= methods.keys()
    [(users, days)] = [(users, days) for _, users, days, _, advised in rows if advised]
    assert 0 < users <= methods["ab_delta"]
    visitors, seen = lab.query(
        "SELECT count(DISTINCT user_id), max(shown_on) - min(shown_on) + 1"
        " FROM experiments.ab_exposures"
    )[0]
    assert days == -(-users * seen // visitors)
    assert {effect for *_, effect, _ in rows} == {lab.config.experiment.smallest_effect}
