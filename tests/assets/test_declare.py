"""What assets share: settings that add up along the graph, and progress that is not noisy."""

import dagster as dg
import pytest

from recolab_assets.assets import declare
from recolab_assets.assets.declare import lab_asset, progress, with_settings
from recolab_assets.resources import SETTINGS_KEY


@lab_asset(settings=("data.n_users",))
def users():
    """Nothing."""


@lab_asset(settings=("split", "model.log_weights"), deps=["users"], kinds=("numpy",))
def train_pairs():
    """Nothing."""


@lab_asset(name="als", settings=("model.als_alpha",), deps=["train_pairs", "users"])
def fitted():
    """Nothing."""


def specs(config):
    assets = with_settings([fitted, users, train_pairs], config)
    return {spec.key.to_user_string(): spec for asset in assets for spec in asset.specs}


def test_settings_add_up_along_the_graph(config):
    found = {name: spec.metadata[SETTINGS_KEY] for name, spec in specs(config).items()}
    assert found == {
        "users": ["data.n_users"],
        "train_pairs": ["data.n_users", "model.log_weights", "split"],
        "als": ["data.n_users", "model.als_alpha", "model.log_weights", "split"],
    }


@pytest.mark.parametrize(
    ("section", "values", "changed"),
    [
        ("model", {"als_alpha": 3.0}, {"als"}),
        ("split", {"test_days": 7}, {"train_pairs", "als"}),
        ("data", {"n_users": 500}, {"users", "train_pairs", "als"}),
        ("data", {"n_editorial": 5}, set()),
    ],
)
def test_code_versions_follow_settings(config, make_config, section, values, changed):
    before, after = specs(config), specs(make_config(**{section: values}))
    assert {name for name in before if before[name].code_version != after[name].code_version} == (
        changed
    )
    assert specs(config)["als"].code_version == before["als"].code_version


def test_what_is_declared_comes_from_the_table(config):
    spec = specs(config)["train_pairs"]
    assert spec.group_name == "processed"
    assert spec.kinds == {"duckdb", "numpy"}
    assert spec.description.startswith("Training product interactions")


def test_an_asset_without_a_table_cannot_be_declared():
    with pytest.raises(KeyError, match="nothing_of_the_kind"):
        lab_asset(settings=(), name="nothing_of_the_kind")(lambda: None)


def test_progress_is_reported_now_and_then_and_at_the_end(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(declare.time, "monotonic", lambda: now[0])
    lines = []
    context = dg.build_asset_context()
    monkeypatch.setattr(context.log, "info", lambda text, *values: lines.append(text % values))
    report = progress(context, "users served")
    for done, at in ((100, 100.5), (200, 102.5), (300, 103.0), (2_000, 104.0)):
        now[0] = at
        report(done, 2_000)
    assert lines == ["200 of 2,000 users served, 2.5 s", "2,000 of 2,000 users served, 4.0 s"]
