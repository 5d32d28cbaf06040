"""The command: ``python -m recolab_assets.twin`` makes a synthetic twin of a shop from its log.

``estimate`` writes the twin's configuration, ``compare`` says how alike the two have come out.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.config import ROOT, ConfigError, LabConfig, load_config
from recolab_assets.shop.calibrate import LINKS, ROUNDS, Figure, calibrated, figures
from recolab_assets.shop.estimate import EstimateError, pooled, twin_estimate
from recolab_assets.shop.likeness import Score, likeness, markdown
from recolab_assets.shop.portrait import EmptyLogError, ProductLog
from recolab_assets.shop.twin_file import twin_yaml
from recolab_assets.storage import Database, DatabaseError, StoredTable, TableMissingError

_PRODUCTS = ("product_id", "category", "subcategory", "brand", "price_tier", "price")
_EVENTS = ("user_id", "item_id", "item_type", "event_type", "session_id", "occurred_at")
_COPIED = ("split", "model", "evaluation", "experiment")
"""Sections that the twin has from the log's configuration, so that models are the same on both."""

_K = 10
"""Length of the lists whose NDCG is compared."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status.

    Args:
        arguments: Command line without the program's name; by default that of the process.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ConfigError, DatabaseError, EmptyLogError, EstimateError, OSError) as error:
        sys.stderr.write(f"{str(error).splitlines()[0]}\n")
        return 1
    return 0


def _estimate(options: argparse.Namespace) -> None:
    """Write the twin's configuration."""
    _check_output(options.output)
    if options.output.exists() and not options.overwrite:
        raise FileExistsError(f"{options.output} exists; name another file, or add --overwrite")
    config = load_config(options.config)
    database = Database(config.database_path, config.storage.lock_timeout_seconds)
    products, events = read_log(database)
    log = pooled(ProductLog.of(products, events))
    wanted = figures(log)
    _say(f"{len(log.user):,} product events of {len(log.user_counts):,} users")
    sections = calibrated(
        twin_estimate(log, events, options.seed),
        wanted,
        options.rounds,
        lambda number, found: _say(f"shop {number} of {options.rounds}: {_misses(wanted, found)}"),
    )
    text = twin_yaml(twin_sections(sections, config, options), wanted, config.database_path.name)
    options.output.write_text(text, encoding="utf-8")
    load_config(options.output)
    _say(f"{options.output} written")


def _check_output(path: Path) -> None:
    """Check that a file can be written there, before the work that it is to hold."""
    if path.is_dir() or not path.parent.is_dir():
        fault = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise FileNotFoundError(f"{path} cannot be written: {fault}")


def twin_sections(
    sections: Mapping[str, Any], config: LabConfig, options: argparse.Namespace
) -> dict[str, Any]:
    """Return the twin's whole configuration: its size, and the settings that the log's has.

    Args:
        sections: ``data`` and ``shop``, calibrated at the log's own size.
        config: The configuration of the log.
        options: ``users``, the size wanted (None: the log's own), and ``output``.
    """
    data = dict(sections["data"])
    if options.users is not None:
        scale = options.users / data["n_users"]
        data["n_users"] = options.users
        data["n_interactions"] = max(round(data["n_interactions"] * scale), 1)
    copied = {
        name: getattr(config, name).model_dump(mode="json", exclude_defaults=True)
        for name in _COPIED
    }
    if sections["shop"]["repeat_share"]:
        copied["model"].pop("exclude_seen", None)
    # The twin's shoppers are simulated from its truth: that is what it is for.
    copied["experiment"].pop("response_model", None)
    copied["storage"] = {"database": f"data/{options.output.stem}.duckdb"}
    return {"data": data, "shop": sections["shop"], **{k: v for k, v in copied.items() if v}}


def _compare(options: argparse.Namespace) -> None:
    """Write how alike a log and its twin are."""
    if options.output is not None:
        _check_output(options.output)
    databases = [Database(path) for path in (options.log, options.twin)]
    logs = [ProductLog.of(*read_log(database)) for database in databases]
    scores = [_scores(database) for database in databases]
    text = markdown(
        likeness(logs[0], logs[1], scores[0], scores[1]), [options.log.stem, options.twin.stem]
    )
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text, encoding="utf-8")
        _say(f"{options.output} written")


def read_log(database: Database) -> tuple[pa.Table, pa.Table]:
    """Read what is needed of ``raw.products`` and ``raw.interactions``."""
    products = StoredTable(database, "raw", "products", _PRODUCTS).select()
    return products, StoredTable(database, "raw", "interactions", _EVENTS).select()


def _scores(database: Database) -> dict[str, Score]:
    """Read NDCG of the models by name; none where models have not been measured."""
    table = StoredTable(database, "evaluation", "offline_metrics")
    try:
        rows = table.select(
            ["model", "value", "ci_low", "ci_high"], "metric = 'ndcg' AND k = ?", (_K,)
        )
    except TableMissingError:
        return {}
    return {
        row["model"]: Score(row["value"], row["ci_low"], row["ci_high"]) for row in rows.to_pylist()
    }


def _misses(wanted: Mapping[str, Figure], found: Mapping[str, Figure]) -> str:
    """Name the figures that a generated shop misses by most, relative to the log's."""
    misses = {}
    for figure in dict.fromkeys(link.figure for link in LINKS):
        ours, theirs = np.asarray(wanted[figure]), np.asarray(found[figure])
        if ours.shape == theirs.shape:
            misses[figure] = float(np.max(np.abs(theirs - ours) / np.maximum(np.abs(ours), 0.05)))
    worst = sorted((-miss, name) for name, miss in misses.items() if np.isfinite(miss))[:3]
    return "furthest off " + ", ".join(f"{name} {-miss:.1%}" for miss, name in worst)


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a count; allowed: whole numbers above 0")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recolab_assets.twin",
        description="Make a synthetic twin of a shop from its log, and say how alike they are.",
    )
    commands = parser.add_subparsers(required=True)
    estimate = commands.add_parser("estimate", help="write the configuration of a twin")
    estimate.set_defaults(run=_estimate)
    estimate.add_argument(
        "--config",
        type=Path,
        help="configuration of the log, whose database is read (that of RECOLAB_CONFIG)",
    )
    estimate.add_argument(
        "--output",
        type=Path,
        default=ROOT / "config" / "twin.yaml",
        help="the YAML file to write (config/twin.yaml)",
    )
    estimate.add_argument("--overwrite", action="store_true", help="write over a file that exists")
    estimate.add_argument("--seed", type=_count, default=42, help="seed of the twin (42)")
    estimate.add_argument("--users", type=_count, help="users of the twin (as many as the log has)")
    estimate.add_argument(
        "--rounds", type=_count, default=ROUNDS, help=f"shops made to calibrate it ({ROUNDS})"
    )
    compare = commands.add_parser("compare", help="say how alike a log and its twin are")
    compare.set_defaults(run=_compare)
    compare.add_argument("--twin", type=Path, required=True, help="database of the twin")
    compare.add_argument("--log", type=Path, required=True, help="database of the log")
    compare.add_argument("--output", type=Path, help="the Markdown file to write (printed)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
