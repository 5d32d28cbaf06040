"""Dagster marks as stale what a changed setting changes, and nothing else."""

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from recolab_assets.resources import SETTINGS_KEY
from recolab_assets.tables import TABLES
from tests.small_lab import WITHOUT_CHECKS, Lab

RESPONSES = {
    "ab_exposures",
    "interleaving_report",
    "interleaving_preferences",
    "interleaving_pairs",
    "truth",
    "method_scorecard",
    "counterfactual_report",
}
SPLITS = {"train_interactions", "validation_interactions", "test_interactions"}


def stale(lab: Lab, instance: dg.DagsterInstance) -> set[str]:
    graph = lab.definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {
        key.to_user_string()
        for key in graph.materializable_asset_keys
        if resolver.get_status(key) != StaleStatus.FRESH
    }


def and_what_follows(lab: Lab, roots: set[str]) -> set[str]:
    graph = lab.definitions.resolve_asset_graph()
    found, waiting = set(roots), [dg.AssetKey(name) for name in roots]
    while waiting:
        children = graph.get(waiting.pop()).child_keys
        waiting.extend(key for key in children if key.to_user_string() not in found)
        found |= {key.to_user_string() for key in children}
    return found


def changed(lab: Lab, folder, section: str, **values: object) -> Lab:
    """The same database, with other settings."""
    sections = {name: dict(section) for name, section in lab.values.items()}
    sections[section] = {**sections.get(section, {}), **values}
    return Lab.create(folder, **sections)


def test_nothing_is_stale_after_a_run(lab, result, instance):
    assert result.success
    assert stale(lab, instance) == set()


@pytest.mark.parametrize(
    ("section", "setting", "value", "roots"),
    [
        ("model", "als_alpha", 11.0, {"als", "other_split_metrics", "rolling_metrics"}),
        ("model", "itemcf_k_neighbours", 30, {"item_cf", "other_split_metrics", "rolling_metrics"}),
        ("model", "hybrid_pop_weight", None, {"hybrid", "other_split_metrics", "rolling_metrics"}),
        (
            "model",
            "popularity_half_life_days",
            14.0,
            {"popularity", "item_features", "other_split_metrics", "rolling_metrics"},
        ),
        ("model", "log_weights", False, {"train_pairs", "other_split_metrics", "rolling_metrics"}),
        ("model", "top_k", 21, {"recommendations"}),
        ("split", "test_days", 35, SPLITS | RESPONSES | {"other_split_metrics", "rolling_metrics"}),
        ("evaluation", "coverage_guardrail", 0.5, {"guardrails"}),
        (
            "evaluation",
            "bootstrap_samples",
            101,
            {
                "offline_metrics",
                "segment_metrics",
                "product_kind_metrics",
                "user_group_metrics",
                "interleaving_report",
                "interleaving_preferences",
            },
        ),
        ("evaluation", "other_split_n_users", 99, {"other_split_metrics"}),
        ("evaluation", "rolling_cuts", 2, {"rolling_metrics"}),
        ("evaluation", "kinds_n_users", 99, {"product_kind_user_metrics"}),
        (
            "evaluation",
            "recent_days",
            14,
            {"product_kind_user_metrics", "rolling_metrics", "shop_verdict"},
        ),
        ("evaluation", "cold_max_events", 3, {"user_group_metrics"}),
        ("experiment", "salt", "another", {"ab_exposures"}),
        ("experiment", "control_ctr", 0.02, RESPONSES | {"ab_report", "ab_comparisons"}),
        ("experiment", "depth_minimum", 2.5, {"ab_report", "ab_comparisons", "truth"}),
        ("experiment", "smallest_effect", 0.1, {"ab_comparisons", "experiment_plan"}),
        ("experiment", "satisfaction", 0.7, RESPONSES),
        ("experiment", "pairs_n_users", 90, {"interleaving_pairs"}),
        ("experiment", "scorecard_replicates", 6, {"method_scorecard"}),
        ("experiment", "logging_epsilon", 0.4, {"counterfactual_report", "method_scorecard"}),
        ("data", "n_editorial", 21, {"editorial"}),
        ("data", "random_seed", 43, set(TABLES) & {"users", "products", "editorial"}),
        ("storage", "lock_timeout_seconds", 9.0, set()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_setting_marks_what_reads_it_and_what_follows(
    lab, result, instance, tmp_path, section, setting, value, roots
):
    if setting == "hybrid_pop_weight":
        other = changed(lab, tmp_path, "model", hybrid_pop_weight=0.2, hybrid_als_weight=0.3)
    else:
        other = changed(lab, tmp_path, section, **{setting: value})
    found = stale(other, instance)
    if setting == "random_seed":
        assert found >= and_what_follows(lab, roots) >= {"interactions", "als", "truth"}
    else:
        assert found == and_what_follows(lab, roots)


def test_als_does_not_bear_on_what_does_not_use_it(lab, result, instance, tmp_path):
    found = stale(changed(lab, tmp_path, "model", als_alpha=11.0), instance)
    assert {"als", "hybrid", "recommendations", "user_metrics", "truth"} <= found
    assert found.isdisjoint(
        {"users", "interactions", "train_pairs", "item_cf", "popularity", "user_features"}
    )


def test_another_database_has_none_of_the_tables(lab, result, instance, tmp_path):
    other = changed(lab, tmp_path, "storage", database=str(tmp_path / "other.duckdb"))
    everything = lab.definitions.resolve_asset_graph().materializable_asset_keys
    assert stale(other, instance) == {key.to_user_string() for key in everything}


def test_fitting_again_with_the_same_settings_leaves_nothing_stale(lab, result, instance):
    before = lab.digest("models.als_item_factors")
    again = lab.run(dg.AssetSelection.assets("als"), instance=instance)
    assert [event.asset_key for event in again.get_asset_materialization_events()] == [
        dg.AssetKey("als")
    ]
    assert stale(lab, instance) == set()
    assert lab.digest("models.als_item_factors") == before


def test_a_refitted_model_makes_what_was_made_with_the_former_one_stale(lab, tmp_path):
    needed = dg.AssetSelection.assets("hybrid").upstream() - dg.AssetSelection.all_asset_checks()
    with dg.DagsterInstance.ephemeral() as instance:
        original = lab.copy(tmp_path / "original")
        original.run(needed & WITHOUT_CHECKS, instance=instance)
        other = changed(original, tmp_path / "other", "model", als_alpha=11.0)
        other.run(dg.AssetSelection.assets("als"), instance=instance)
        made = {"als", "hybrid"}
        assert stale(other, instance) & made == {"hybrid"}
        other.run(dg.AssetSelection.assets("hybrid"), instance=instance)
        assert stale(other, instance) & made == set()


def test_every_setting_that_is_read_is_declared(watched_run):
    lab, reads = watched_run
    graph = lab.definitions.resolve_asset_graph()
    assert reads.keys() == {key.to_user_string() for key in graph.materializable_asset_keys}
    assert "model.als_alpha" in reads["als"]
    undeclared = {}
    for name, settings in reads.items():
        declared = graph.get(dg.AssetKey(name)).metadata[SETTINGS_KEY]
        hidden = {
            setting
            for setting in settings
            if not any(f"{setting}.".startswith(f"{key}.") for key in declared)
        }
        # How long to wait for the file bears on no row, and the engine on those of als only.
        undeclared[name] = hidden - {"storage.lock_timeout_seconds", "scale.engine"}
    assert not {name: hidden for name, hidden in undeclared.items() if hidden}
