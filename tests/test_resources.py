"""The configuration in force, and the data versions that follow it."""

import dagster as dg
import pytest

from recolab_assets.config import ROOT, ConfigError, load_config
from recolab_assets.resources import LabResource, fingerprint
from recolab_assets.shop.synthetic import SyntheticShop
from tests.small_lab import Lab

RAW = dg.AssetSelection.assets("users", "products", "editorial")
SPLIT = dg.AssetSelection.assets("interactions", "train_interactions")


def test_fingerprint_is_that_of_the_values(make_config):
    keys = ["model.als_alpha", "data"]
    one = fingerprint(make_config(), keys)
    assert one == fingerprint(make_config(), reversed(keys))
    assert len(one) == 12
    assert one != fingerprint(make_config(model={"als_alpha": 11.0}), keys)
    assert one != fingerprint(make_config(data={"random_seed": 7}), keys)
    assert one == fingerprint(make_config(model={"als_factors": 9}), keys)
    # Two settings that have swapped their values are others.
    swapped = ("data.n_users", "data.n_products")
    first = make_config(data={"n_users": 300, "n_products": 200})
    second = make_config(data={"n_users": 200, "n_products": 300})
    assert fingerprint(first, swapped) != fingerprint(second, swapped)


def test_fingerprint_of_nothing_is_the_same_for_all(make_config):
    assert fingerprint(make_config(), ()) == fingerprint(make_config(data={"random_seed": 7}), ())


def test_the_default_configuration_is_the_one_of_the_environment(monkeypatch):
    assert LabResource().settings == load_config(ROOT / "config" / "config.yaml")
    monkeypatch.setenv("RECOLAB_CONFIG", "config/small.yaml")
    assert LabResource().settings == load_config(ROOT / "config" / "small.yaml")


def test_the_database_is_the_one_that_the_configuration_names(tmp_path):
    lab = Lab.create(tmp_path, storage={"lock_timeout_seconds": 1.5})
    database = lab.resource.database
    assert database.path == tmp_path / "lab.duckdb"
    assert database.lock_timeout_seconds == 1.5


def test_a_configuration_that_cannot_be_used_is_refused_when_it_is_needed(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        _ = LabResource(config=str(tmp_path / "missing.yaml")).settings


def test_a_file_edited_during_a_run_counts_from_the_next_run_on(tmp_path, monkeypatch):
    lab = Lab.create(tmp_path)
    generate = SyntheticShop.interactions

    def edit_and_generate(*args):
        Lab.create(tmp_path, split={"test_days": 60})
        return generate(*args)

    def days_held_out():
        return lab.scalar(
            "SELECT date_diff('day', min(occurred_at), max(occurred_at))"
            " FROM processed.test_interactions"
        )

    monkeypatch.setattr(SyntheticShop, "interactions", edit_and_generate)
    hold_out = dg.AssetSelection.assets("test_interactions").without_checks()
    lab.run(RAW | dg.AssetSelection.assets("interactions") | hold_out)
    assert 20 < days_held_out() <= 28
    lab.run(hold_out)
    assert 50 < days_held_out() <= 60


def data_versions(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.tags[
            "dagster/data_version"
        ]
        for event in result.get_asset_materialization_events()
    }


def test_a_run_with_the_settings_of_the_graph_repeats_its_data_versions(tmp_path):
    lab = Lab.create(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        first = data_versions(lab.run(RAW, instance=instance))
        second = data_versions(lab.run(RAW, instance=instance))
    assert first == second
    assert len(set(first.values())) == 3


def test_a_configuration_named_for_a_run_has_its_database_and_data_versions(tmp_path):
    loaded = Lab.create(tmp_path / "loaded")
    named = Lab.create(tmp_path / "named", data={**loaded.values["data"], "n_users": 250})
    run_config = {"resources": {"lab": {"config": {"config": str(named.config_path)}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        result = loaded.run(RAW | SPLIT, instance=instance, run_config=run_config)
        again = loaded.run(RAW | SPLIT, instance=instance, run_config=run_config)
        usual = data_versions(loaded.run(RAW | SPLIT, instance=instance))
    assert named.scalar("SELECT count(*) FROM raw.users") == 250
    assert loaded.scalar("SELECT count(*) FROM raw.users") == 300
    versions = data_versions(result)
    assert versions.keys() == usual.keys()
    for name, version in versions.items():
        assert version.endswith(result.run_id)
        assert version != usual[name]
    # A later run may have found other inputs in that database, so it has versions of its own.
    assert set(data_versions(again).values()).isdisjoint(versions.values())
    [users] = result.asset_materializations_for_node("users")
    assert users.metadata["config"].value == str(named.config_path)


def test_rows_made_from_another_configuration_are_stale(tmp_path):
    """An asset with the settings of the graph still knows that its inputs had others."""
    loaded = Lab.create(tmp_path / "loaded")
    other = Lab.create(tmp_path / "other", shop={**loaded.values["shop"], "product_share": 0.5})
    run_config = {"resources": {"lab": {"config": {"config": str(other.config_path)}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        before = data_versions(loaded.run(RAW | SPLIT, instance=instance))
        loaded.run(RAW, instance=instance, run_config=run_config)
        after = data_versions(loaded.run(SPLIT, instance=instance))
    assert before["train_interactions"] != after["train_interactions"]
