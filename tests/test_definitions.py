"""The graph as Dagster sees it: which assets there are, and what is declared of each."""

import re

import dagster as dg
import pytest
import yaml

from recolab_assets.config import ROOT, ConfigError
from recolab_assets.definitions import build_definitions, defs
from recolab_assets.tables import MODEL_TABLES, TABLES

GROUPS = {
    "raw": {"users", "products", "editorial", "interactions", "import_report"},
    "processed": {
        "train_interactions",
        "validation_interactions",
        "test_interactions",
        "train_pairs",
        "user_features",
        "item_features",
    },
    "models": {"popularity", "als", "item_cf", "content_based", "hybrid"},
    "recommendations": {"recommendations"},
    "evaluation": {
        "user_metrics",
        "other_split_metrics",
        "product_kind_user_metrics",
        "product_kind_metrics",
        "user_group_metrics",
        "shop_verdict",
        "rolling_metrics",
        "rolling_summary",
        "product_exposure",
        "offline_metrics",
        "model_comparisons",
        "metric_curves",
        "segment_metrics",
        "segment_comparisons",
        "guardrails",
    },
    "experiments": {
        "ab_exposures",
        "ab_report",
        "ab_comparisons",
        "ab_sequence",
        "ab_segments",
        "interleaving_report",
        "interleaving_preferences",
        "interleaving_pairs",
        "truth",
        "method_scorecard",
        "counterfactual_report",
        "experiment_plan",
    },
    "reports": {
        "shop_funnel",
        "seasonality",
        "session_lengths",
        "reads_to_purchases",
    },
}
NAMES = [name for names in GROUPS.values() for name in sorted(names)]


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


def test_the_graph_is_made_of_exactly_these_assets(graph):
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(NAMES)
    assert graph.materializable_asset_keys == graph.get_all_asset_keys()


def test_groups_are_the_schemas_of_the_tables(graph):
    groups: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, set()).add(key.to_user_string())
    assert groups == GROUPS
    for name in NAMES:
        assert graph.get(dg.AssetKey(name)).group_name == TABLES[name].schema


def test_every_table_is_written_by_an_asset():
    written = {table for name in NAMES for table in MODEL_TABLES.get(name, (name,))}
    assert written == set(TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_every_asset_says_what_it_is(graph, name):
    node = graph.get(dg.AssetKey(name))
    assert node.description == TABLES[name].description
    assert "duckdb" in node.kinds
    assert node.owners == ["team:recolab"]
    assert re.fullmatch(r"1-[0-9a-f]{12}", node.code_version)
    assert not node.is_partitioned


def test_every_asset_has_a_check_of_its_keys(graph):
    checked = {key.asset_key.to_user_string() for key in graph.asset_check_keys}
    assert checked == set(NAMES)


def test_steps_run_in_one_process():
    assert defs.executor is dg.in_process_executor
    for name in ("lab", "retrain_and_evaluate"):
        assert defs.resolve_job_def(name).executor_def is dg.in_process_executor


def test_resources_can_be_replaced():
    replacement = dg.mem_io_manager
    built = build_definitions(ROOT / "config" / "small.yaml", {"io_manager": replacement})
    assert built.resources["io_manager"] is replacement
    assert built.resources["lab"].config == str(ROOT / "config" / "small.yaml")


def test_configuration_named_by_the_environment_is_loaded(monkeypatch):
    monkeypatch.setenv("RECOLAB_CONFIG", "config/small.yaml")
    assert build_definitions().resources["lab"].settings.data.n_users == 3_000


def test_a_configuration_that_cannot_be_used_gives_no_graph(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        build_definitions(tmp_path / "missing.yaml")


def test_workspace_and_readme_name_the_module_of_the_graph():
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    assert workspace == {"load_from": [{"python_module": "recolab_assets.definitions"}]}
    readme = (ROOT / "README.md").read_text()
    modules = re.findall(r"dagster asset materialize -m (\S+)", readme)
    assert modules
    assert set(modules) == {"recolab_assets.definitions"}
    # With a section of Dagster's own there, `dagster dev` would ignore workspace.yaml.
    assert "[tool.dagster" not in (ROOT / "pyproject.toml").read_text()


def test_history_is_kept_in_the_repository_and_nothing_is_sent_home():
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert settings["telemetry"] == {"enabled": False}
    folders = [
        settings["storage"]["sqlite"]["base_dir"],
        settings["local_artifact_storage"]["config"]["base_dir"],
        settings["compute_logs"]["config"]["base_dir"],
    ]
    assert all(folder.startswith(".dagster/") for folder in folders)
