"""A laboratory of a few hundred users in a folder of its own, for tests that run the graph."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import yaml

from recolab_assets.config import LabConfig, load_config
from recolab_assets.definitions import build_definitions
from recolab_assets.resources import LabResource

WITHOUT_CHECKS = dg.AssetSelection.all() - dg.AssetSelection.all_asset_checks()

_SECTIONS: dict[str, dict[str, Any]] = {
    "data": {"n_users": 300, "n_products": 120, "n_editorial": 20, "n_interactions": 6_000},
    "shop": {"n_categories": 4, "n_subcategories": 3, "n_brands": 6},
    "model": {"als_factors": 8, "als_iterations": 3, "candidate_depth": 40},
    "evaluation": {"bootstrap_samples": 100},
    "experiment": {"scorecard_replicates": 5, "interleaving_n_users": 50},
}


@dataclass(frozen=True)
class Lab:
    """One configuration and the database that it names, both in one folder."""

    folder: Path
    values: Mapping[str, Any]

    @classmethod
    def create(cls, folder: Path, **sections: Mapping[str, Any]) -> "Lab":
        """Write the configuration of a small shop, with other sections merged over it."""
        folder.mkdir(parents=True, exist_ok=True)
        values: dict[str, Any] = {
            name: {**_SECTIONS.get(name, {}), **sections.get(name, {})}
            for name in {**_SECTIONS, **sections}
        }
        values["storage"] = {
            "database": str(folder / "lab.duckdb"),
            "lock_timeout_seconds": 5.0,
            **sections.get("storage", {}),
        }
        lab = cls(folder, values)
        lab.config_path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return lab

    @property
    def config_path(self) -> Path:
        """The YAML file."""
        return self.folder / "config.yaml"

    @cached_property
    def config(self) -> LabConfig:
        """The validated configuration."""
        return load_config(self.config_path)

    @property
    def database_path(self) -> Path:
        """The DuckDB file."""
        return self.config.database_path

    @property
    def resource(self) -> LabResource:
        """What assets and checks are given."""
        return LabResource(config=str(self.config_path))

    @cached_property
    def definitions(self) -> dg.Definitions:
        """The graph as loaded with this configuration."""
        return build_definitions(self.config_path)

    def run(
        self,
        selection: dg.AssetSelection | None = None,
        *,
        instance: dg.DagsterInstance | None = None,
        run_config: Mapping[str, Any] | None = None,
        raise_on_error: bool = True,
    ) -> dg.ExecuteInProcessResult:
        """Materialise the whole graph, or a part of it, with its checks."""
        with self.held_open() if selection is None else nullcontext():
            return dg.materialize(
                [*(self.definitions.assets or ()), *(self.definitions.asset_checks or ())],
                resources=self.definitions.resources,
                selection=selection,
                instance=instance,
                run_config=run_config,
                raise_on_error=raise_on_error,
            )

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Keep the file open, for whatever this process connects to meanwhile to join.

        To start DuckDB on a file takes 50 ms of processor time, and a run of the whole graph, which
        lets go of the file between any two steps, does so 300 times: three quarters of its time.
        """
        connection = self.resource.database._open(read_only=False)
        try:
            yield
        finally:
            connection.close()

    def copy(self, folder: Path, **sections: Mapping[str, Any]) -> "Lab":
        """Return a laboratory that goes on from the tables of this one."""
        values = {name: {**section} for name, section in self.values.items()}
        del values["storage"]
        for name, section in sections.items():
            values[name] = {**values.get(name, {}), **section}
        other = Lab.create(folder, **values)
        other.database_path.write_bytes(self.database_path.read_bytes())
        return other

    @contextmanager
    def connect(self, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file without the product's own connection factory."""
        connection = duckdb.connect(self.database_path, read_only=read_only)
        try:
            yield connection
        finally:
            connection.close()

    def query(self, sql: str, params: object = None) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        with self.connect() as connection:
            return connection.execute(sql, params).fetchall()

    def scalar(self, sql: str) -> Any:
        """Return the one value of a SELECT."""
        [[value]] = self.query(sql)
        return value

    def change(self, *statements: str) -> None:
        """Change the tables behind the graph's back."""
        with self.connect(read_only=False) as connection:
            for statement in statements:
                connection.execute(statement)

    def digest(self, table: str) -> tuple[int, Any]:
        """Return the number of rows of ``schema.table`` and a digest of their values."""
        [row] = self.query(f"SELECT count(*), sum(hash(t)::HUGEINT) FROM {table} t")
        return row
