"""What ran when, and whether what is in the file belongs together."""

import json
from dataclasses import dataclass

import pandas as pd

from dashboard.rows import Row, rows_of


@dataclass(frozen=True, slots=True)
class Runs:
    """What the file's own notes say of its tables."""

    assets: tuple[Row, ...]
    """Each asset: asset, run_id, materialized_at, config, random_seed, and ``older_than``, the
    inputs that were written again since it was made; the latest made first."""
    conflicts: tuple[str, ...]
    """A sentence for every setting that assets were made with different values of."""

    @property
    def stale(self) -> list[str]:
        """Assets whose inputs, at any remove, were written again since they were made."""
        old = {row["asset"] for row in self.assets if row["older_than"]}
        inputs = {row["asset"]: set(row["inputs"]) for row in self.assets}
        grown = True
        while grown:
            found = {asset for asset, of in inputs.items() if of & old} - old
            old |= found
            grown = bool(found)
        return [row["asset"] for row in self.assets if row["asset"] in old]

    @property
    def n_runs(self) -> int:
        """Number of runs that wrote what is there."""
        return len({row["run_id"] for row in self.assets})


def runs_of(materializations: pd.DataFrame) -> Runs:
    """Read the notes of runs.

    Args:
        materializations: Rows of history.materializations.
    """
    rows = rows_of(materializations)
    written_by = {row["asset"]: row["run_id"] for row in rows}
    assets = [
        row
        | {
            "inputs": list(row["inputs"]),
            "older_than": [
                name
                for name, run in zip(row["inputs"], row["input_runs"], strict=True)
                if written_by.get(name, run) != run
            ],
        }
        for row in rows
    ]
    assets.sort(key=lambda row: row["materialized_at"], reverse=True)
    return Runs(tuple(assets), tuple(_conflicts(rows)))


def _conflicts(rows: list[Row]) -> list[str]:
    """Name every setting that has several values in one file."""
    values: dict[str, dict[str, str]] = {}
    for row in rows:
        for key, value in json.loads(row["settings"]).items():
            values.setdefault(key, {}).setdefault(json.dumps(value), row["asset"])
    return [
        f"{key} was "
        + " and ".join(f"{value} for {asset}" for value, asset in sorted(found.items()))
        for key, found in sorted(values.items())
        if len(found) > 1
    ]
