"""What assets are given at run time: the configuration in force and the database that it names."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from recolab_assets.config import LabConfig, config_path, load_config
from recolab_assets.scale import Engine, engine_of
from recolab_assets.storage import Database, FileIOManager, Origin, build_io_manager

SETTINGS_KEY = "recolab/settings"
"""Metadata of an asset: dotted keys of the settings that its rows depend on, at any remove."""


def chosen(config: LabConfig, settings: Iterable[str]) -> dict[str, Any]:
    """Return the values of some settings, as JSON knows them.

    Args:
        config: The whole configuration.
        settings: Dotted keys, of sections or of single values.
    """
    everything = config.model_dump(mode="json")
    values: dict[str, Any] = {}
    for dotted in sorted(settings):
        value: Any = everything
        for part in dotted.split("."):
            value = value[part]
        values[dotted] = value
    return values


def fingerprint(config: LabConfig, settings: Iterable[str]) -> str:
    """Return a short hash of some settings, the same for the same values.

    Args:
        config: The whole configuration.
        settings: Dotted keys, of sections or of single values.
    """
    values = chosen(config, settings)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


class LabResource(dg.ConfigurableResource[Any]):
    """The configuration of the run; another file can be named in the Launchpad."""

    config: str = Field(
        default_factory=lambda: str(config_path()),
        description="Path of the YAML configuration, absolute or relative to the repository.",
    )

    _settings: LabConfig | None = PrivateAttr(default=None)
    _engine: Engine | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Read the file once a run: one that is edited meanwhile counts from the next run on.

        Raises:
            EngineError: The engine that it names cannot run here.
        """
        self._settings = load_config(self.config)
        self._engine = engine_of(self._settings, self.database)

    @property
    def settings(self) -> LabConfig:
        """The validated configuration.

        Raises:
            ConfigError: The file cannot be used.
        """
        return self._settings or load_config(self.config)

    @property
    def database(self) -> Database:
        """The DuckDB file that the configuration names."""
        settings = self.settings
        return Database(settings.database_path, settings.storage.lock_timeout_seconds)

    @property
    def engine(self) -> Engine:
        """What the large stages run on.

        Raises:
            EngineError: It cannot run here.
        """
        return self._engine or engine_of(self.settings, self.database)

    def origin_of(self, spec: dg.AssetSpec) -> Origin:
        """Say with which configuration an asset is made in this run."""
        settings, keys = self.settings, spec.metadata[SETTINGS_KEY]
        return Origin(
            config=self.config,
            random_seed=settings.data.random_seed,
            fingerprint=fingerprint(settings, keys),
            settings=chosen(settings, keys),
        )

    def result(
        self,
        context: dg.AssetExecutionContext,
        value: Any,
        metadata: Mapping[str, Any] | None = None,
    ) -> dg.MaterializeResult[Any]:
        """Wrap what an asset returns, with the configuration that it was made with.

        Dagster derives the data version from the code version, which carries the settings that
        were in force when the graph was loaded, and from the versions of the inputs. A run that
        was given another configuration has other settings, and so needs a version of its own.
        """
        settings = self.settings
        [spec] = context.assets_def.specs
        made_with = fingerprint(settings, spec.metadata[SETTINGS_KEY])
        is_as_loaded = (spec.code_version or "").endswith(made_with)
        version = None if is_as_loaded else dg.DataVersion(f"{made_with}-{context.run_id}")
        return dg.MaterializeResult(
            value=value,
            metadata={
                "config": self.config,
                "random_seed": settings.data.random_seed,
                **(metadata or {}),
            },
            data_version=version,
        )


@dg.io_manager(required_resource_keys={"lab"}, description="One DuckDB file for every table.")
def lab_io_manager(context: dg.InitResourceContext) -> FileIOManager:
    """Keep assets in the database that the configuration of the run names."""
    lab: LabResource = context.resources.lab
    return build_io_manager(lab.database, lab.origin_of)
