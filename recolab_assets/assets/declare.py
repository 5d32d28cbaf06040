"""How an asset of the lab is declared, and what its runs report while they work."""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import dagster as dg

from recolab_assets.config import LabConfig
from recolab_assets.resources import SETTINGS_KEY, fingerprint
from recolab_assets.tables import TABLES

LOG_EVERY_SECONDS = 2.0


def lab_asset(
    *, settings: Iterable[str], kinds: Iterable[str] = (), name: str | None = None, **options: Any
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset whose name, group and description are those of its table.

    Args:
        settings: Dotted keys of the settings that the asset itself reads; a change of one of them
            makes it stale, and what is made from it.
        kinds: Tools shown in the UI, beside DuckDB.
        name: Name of the table; by default the function's.
        options: Further arguments of ``dagster.asset``.
    """

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        table = TABLES[name or function.__name__]
        return dg.asset(
            name=table.name,
            group_name=table.schema,
            description=table.description,
            kinds={"duckdb", *kinds},
            owners=["team:recolab"],
            code_version="1",
            metadata={SETTINGS_KEY: sorted(settings)},
            **options,
        )(function)

    return declare


def with_settings(
    assets: Iterable[dg.AssetsDefinition], config: LabConfig
) -> list[dg.AssetsDefinition]:
    """Let the code version of every asset follow the settings that its rows depend on.

    The settings of what it is made from count too. Dagster by itself would mark what follows a
    changed asset as stale only once that asset had been materialised again.
    """
    by_key = {asset.key: asset for asset in assets}

    @cache
    def settings(key: dg.AssetKey) -> frozenset[str]:
        asset = by_key[key]
        own = frozenset(asset.metadata_by_key[key][SETTINGS_KEY])
        return own.union(*(settings(dependency) for dependency in asset.asset_deps[key]))

    def versioned(spec: dg.AssetSpec) -> dg.AssetSpec:
        keys = sorted(settings(spec.key))
        return spec.replace_attributes(
            code_version=f"{spec.code_version}-{fingerprint(config, keys)}",
            metadata={**spec.metadata, SETTINGS_KEY: keys},
        )

    return [asset.map_asset_specs(versioned) for asset in by_key.values()]


def progress(context: dg.AssetExecutionContext, what: str) -> Callable[[int, int], None]:
    """Return a callback that logs how far a long step is, every few seconds at most."""
    started = last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < LOG_EVERY_SECONDS:
            return
        last = now
        context.log.info("%s of %s %s, %.1f s", f"{done:,}", f"{total:,}", what, now - started)

    return report
