"""The notes of a whole run: every asset, with the settings that its rows depend on."""

import json

import dagster as dg
import pytest

from recolab_assets.resources import SETTINGS_KEY, fingerprint


@pytest.fixture
def facts(lab):
    """Rows of the notes, by asset."""
    columns = "asset, run_id, config, random_seed, fingerprint, settings, inputs, input_runs"
    return {
        row[0]: dict(zip(columns.split(", "), row, strict=True))
        for row in lab.query(f"SELECT {columns} FROM history.materializations")
    }


def test_every_asset_is_noted_with_its_inputs(lab, result, facts):
    graph = lab.definitions.resolve_asset_graph()
    assert facts.keys() == {key.to_user_string() for key in graph.materializable_asset_keys}
    for name, row in facts.items():
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
        assert set(row["inputs"]) == parents
        assert set(row["input_runs"]) <= {result.run_id}
        assert (row["run_id"], row["config"]) == (result.run_id, str(lab.config_path))
        assert row["random_seed"] == 42


def test_settings_are_those_that_the_rows_depend_on(lab, facts):
    graph = lab.definitions.resolve_asset_graph()
    for name, row in facts.items():
        keys = graph.get(dg.AssetKey(name)).metadata[SETTINGS_KEY]
        assert row["fingerprint"] == fingerprint(lab.config, keys)
    settings = json.loads(facts["als"]["settings"])
    assert settings["model.als_factors"] == 8
    assert settings["data.random_seed"] == 42
    assert "model.itemcf_k_neighbours" not in settings


def test_a_part_that_runs_with_other_settings_is_noted_alone(copy, tmp_path):
    former = dict(copy.query("SELECT asset, run_id FROM history.materializations"))
    other = copy.copy(tmp_path / "other", model={"top_k": 21})
    run = other.run(dg.AssetSelection.assets("recommendations").without_checks())
    rows = other.query("SELECT asset, run_id, settings FROM history.materializations")
    assert {asset for asset, run_id, _ in rows if run_id != former[asset]} == {"recommendations"}
    [[run_id, settings]] = [row[1:] for row in rows if row[0] == "recommendations"]
    assert run_id == run.run_id
    assert json.loads(settings)["model.top_k"] == 21
