"""The whole graph in one page: assets, checks, resources, jobs, executor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import dagster as dg

from recolab_assets.assets import (
    ab_analysis,
    counterfactual,
    evaluation,
    experiments,
    interleaving,
    models,
    plan,
    processed,
    raw,
    recommendations,
    reports,
    rolling,
    scorecard,
    shop_fit,
)
from recolab_assets.assets.declare import with_settings
from recolab_assets.checks import CHECKS
from recolab_assets.config import ConfigError, config_path, load_config
from recolab_assets.jobs import JOBS, SCHEDULES
from recolab_assets.resources import LabResource, lab_io_manager

ASSETS = (
    *raw.ASSETS,
    *processed.ASSETS,
    *models.ASSETS,
    *recommendations.ASSETS,
    *evaluation.ASSETS,
    *shop_fit.ASSETS,
    *rolling.ASSETS,
    *experiments.ASSETS,
    *ab_analysis.ASSETS,
    *interleaving.ASSETS,
    *counterfactual.ASSETS,
    *scorecard.ASSETS,
    *plan.ASSETS,
    *reports.ASSETS,
)


def build_definitions(
    path: Path | None = None, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Build the graph for one configuration.

    Args:
        path: The configuration; by default the one that ``RECOLAB_CONFIG`` names.
        resources: Replacements of resources, for tests.

    Raises:
        ConfigError: The configuration cannot be used. Nothing has been written then.
    """
    file = path or config_path()
    return dg.Definitions(
        assets=with_settings(ASSETS, load_config(file)),
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=SCHEDULES,
        resources={
            "lab": LabResource(config=str(file)),
            "io_manager": lab_io_manager,
            **(resources or {}),
        },
        # DuckDB has one writer, and a process of its own would cost each step 2.5 s.
        executor=dg.in_process_executor,
    )


try:
    defs = build_definitions()
except ConfigError as error:
    # Dagster's commands show this as one line; the sentence would drown in a traceback of theirs.
    raise click.ClickException(str(error)) from error
