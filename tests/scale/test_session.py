"""What Spark needs, and what is said where it is missing."""

from pathlib import Path

import pytest

from recolab_assets.config import ConfigError, load_config
from recolab_assets.models.als import STRETCH
from recolab_assets.scale import EngineError, engine_of, session
from recolab_assets.scale.local import LocalEngine
from recolab_assets.scale.session import spark_resource, spark_settings
from recolab_assets.scale_sections import SparkConfig
from tests.small_lab import Lab


def java(folder: Path, version: str) -> None:
    """Write a program that tells a version as Java does."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    program.chmod(0o755)


@pytest.fixture
def packages(monkeypatch):
    """Let all packages be there."""
    monkeypatch.setattr(session, "find_spec", lambda name: name)


def test_the_engine_is_this_machine_unless_asked_otherwise(tmp_path):
    lab = Lab.create(tmp_path)
    assert isinstance(engine_of(lab.config, lab.resource.database), LocalEngine)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(session, "find_spec", lambda name: None if name == "pyspark" else name)
    with pytest.raises(EngineError, match=r"needs pyspark, .*uv run --extra spark"):
        spark_resource(SparkConfig())


def test_a_missing_java_is_named(packages, monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"needs Java 17 .* there is no java .* openjdk-17"):
        spark_resource(SparkConfig())


def test_a_java_that_does_not_run_is_named(packages, monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match=r"java does not run .*install it"):
        spark_resource(SparkConfig())


@pytest.mark.parametrize("told", ['openjdk version "1.8.0_402"', 'java version "11.0.2"', "?"])
def test_an_old_java_is_named(packages, monkeypatch, tmp_path, told):
    java(tmp_path, told)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match=r"needs Java 17 or newer, and .* is "):
        spark_resource(SparkConfig())


def test_a_run_stops_before_anything_is_written(packages, monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    lab = Lab.create(tmp_path / "lab", scale={"engine": "spark"})
    with pytest.raises(EngineError, match="needs Java 17"):
        lab.resource.setup_for_execution(None)
    assert not lab.database_path.exists()


def test_on_one_machine_spark_listens_on_loopback_only():
    settings = spark_settings(SparkConfig(master="local-cluster[2,1,1024]"))
    assert settings["spark.driver.host"] == settings["spark.driver.bindAddress"] == "127.0.0.1"
    assert settings["spark.ui.enabled"] == "false"
    assert "spark.driver.host" not in spark_settings(SparkConfig(master="spark://head:7077"))


def test_settings_of_ones_own_come_last():
    config = SparkConfig(settings={"spark.ui.enabled": "true"}, shards=5)
    settings = spark_settings(config)
    assert settings["spark.ui.enabled"] == "true"
    assert settings["spark.sql.shuffle.partitions"] == "5"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{engine: dask}", r"scale\.engine: 'dask' is not allowed; .*'local' or 'spark'"),
        ("{spark: {shards: 0}}", r"scale\.spark\.shards: 0 is not allowed"),
        (
            "{spark: {products_per_block: 3000}}",
            r"products_per_block: 3000 is not .* multiple of 2048",
        ),
        ("{spark: {products_per_block: 0}}", r"scale\.spark\.products_per_block: 0 is not allowed"),
        ("{spark: {master: here}}", r"scale\.spark\.master: 'here' is not allowed"),
        ("{spark: {executor_memory: 1 GB}}", r"scale\.spark\.executor_memory: '1 GB' is not"),
        ("{spark: {cores: 2}}", r"scale\.spark\.cores: unknown key .* allowed: driver_memory"),
        ("{spark: {settings: {ui: 'on'}}}", r"scale\.spark\.settings\.ui.*'ui' is not allowed"),
    ],
)
def test_a_faulty_section_is_explained(tmp_path, section, message):
    file = tmp_path / "config.yaml"
    file.write_text(f"scale: {section}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(file)


def test_blocks_of_products_begin_where_a_stretch_of_als_does():
    assert SparkConfig().products_per_block is None
    schema = SparkConfig.model_json_schema()["properties"]["products_per_block"]
    (step,) = (kind["multipleOf"] for kind in schema["anyOf"] if "multipleOf" in kind)
    assert step % STRETCH == 0


@pytest.mark.parametrize(
    "master",
    ["local", "local[*]", "local[4,2]", "local-cluster[2,1,1024]", "spark://head:7077", "yarn"],
)
def test_masters_of_spark_are_allowed(master):
    assert SparkConfig(master=master).master == master
