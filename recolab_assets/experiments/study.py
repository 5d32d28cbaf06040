"""The scorecard of many draws, trainings and shops, with each source of noise kept apart."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from recolab_assets.config import LabConfig, StudyConfig
from recolab_assets.experiments.trial import SIZES
from recolab_assets.tables import OTHER_TABLES

_SETTING: Final = ("method", "measure", "setting", "arms", "model", "n_users")


@dataclass(frozen=True)
class Unit:
    """One seed of one source of noise; everything else is as configured.

    Attributes:
        noise: What is drawn anew: the users, assignments and clicks of experiments, what models
            draw when they are fitted, or the shop and with it all else.
        number: From 1.
    """

    noise: Literal["clicks", "training", "shop"]
    number: int

    def configured(self, config: LabConfig) -> LabConfig:
        """Return the configuration of the unit: another seed, and fewer replicates but for clicks.

        A training or a shop is one draw however often experiments on it are repeated; so many
        replicates as make their noise small beside that of the draw are enough.
        """
        seed = config.data.random_seed + self.number
        few = {"scorecard_replicates": config.study.replicates}
        changes: dict[str, dict[str, Any]] = {
            "clicks": {"experiment": {"random_seed": seed}},
            "training": {"model": {"training_seed": seed}, "experiment": few},
            "shop": {"data": {"random_seed": seed}, "experiment": few},
        }[self.noise]
        sections = {
            name: getattr(config, name).model_copy(update=values)
            for name, values in changes.items()
        }
        return config.model_copy(update=sections)


def units_of(study: StudyConfig) -> list[Unit]:
    """Return all units, sources of noise in turn: a study that is cut short has some of each."""
    columns = (
        [Unit("clicks", number + 1) for number in range(study.click_seeds)],
        [Unit("training", number + 1) for number in range(study.training_seeds)],
        [Unit("shop", number + 1) for number in range(study.shop_seeds)],
    )
    return [unit for row in zip_longest(*columns) for unit in row if unit is not None]


def unit_rows(
    unit: Unit, settings: str, scorecard: pa.Table, truth: pa.Table, seconds: dict[str, float]
) -> pa.Table:
    """Rows of the table study_units of one unit.

    Args:
        unit: The unit.
        settings: Fingerprint of the settings that all units share.
        scorecard: Table ``method_scorecard`` of the unit.
        truth: Table ``truth`` of the unit; click rate, regret and share of the oracle are kept.
        seconds: Wall time of each part of the scorecard.
    """
    rows = [_comparable(row) for row in scorecard.to_pylist()]
    rows += [
        _exact("truth", row["metric"], row["model"], row["value"]) | {"model": row["model"]}
        for row in truth.to_pylist()
        if row["metric"] in {"ctr", "regret", "share_of_oracle"}
    ]
    rows += [_exact("scorecard", "seconds", part, spent) for part, spent in seconds.items()]
    own = {"settings": settings, "noise": unit.noise, "unit": unit.number}
    return pa.Table.from_pylist(
        [own | row for row in rows], schema=OTHER_TABLES["study_units"].arrow_schema
    )


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Call the size of a whole population by a name, since shops differ in it."""
    if row["n_users"] is None or row["n_users"] in SIZES:
        return row
    setting = row["setting"].replace(f"n_users={row['n_users']}", "everyone")
    return row | {"setting": setting, "n_users": None}


def _exact(method: str, measure: str, setting: str, value: float) -> dict[str, Any]:
    return {
        "method": method,
        "measure": measure,
        "setting": setting,
        "arms": "models",
        "model": None,
        "n_users": None,
        "value": value,
        "standard_error": None,
    }


def pool_units(units: pa.Table) -> pa.Table:
    """Average over the units of each source of noise, which are never mixed.

    Units that differ in clicks repeat one scorecard, so the error of their mean is the root of
    the summed squares of their Monte-Carlo errors over their number, 0 where all are exact. Units
    that differ in training or shop are draws from a population: the error of the mean is their
    standard deviation over the root of their number, absent for one unit alone.

    Args:
        units: Table ``study_units``.

    Returns:
        Table ``scorecard_study``, in the order in which settings first come.
    """
    frame = units.to_pandas()
    frame["squared"] = frame["standard_error"].fillna(0.0) ** 2
    groups = frame.groupby(["noise", *_SETTING], sort=False, dropna=False)
    pooled = groups.agg(
        n_units=("value", "size"),
        mean=("value", "mean"),
        spread=("value", "std"),
        squares=("squared", "sum"),
    ).reset_index()
    n = pooled["n_units"].to_numpy(np.float64)
    of_clicks = pooled["noise"].eq("clicks").to_numpy()
    within = np.sqrt(pooled["squares"].to_numpy()) / n
    between = pooled["spread"].to_numpy() / np.sqrt(n)
    pooled["value"] = pooled["mean"]
    pooled["standard_error"] = np.where(of_clicks, within, between)
    schema = OTHER_TABLES["scorecard_study"].arrow_schema
    return pa.Table.from_pandas(pooled[schema.names], schema=schema, preserve_index=False)
