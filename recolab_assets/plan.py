"""The command: ``python -m recolab_assets.plan`` says how many users one's own test needs."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from recolab_assets.config import ConfigError, LabConfig, load_config
from recolab_assets.experiments.plan import Question, Traffic, experiment_plan
from recolab_assets.models import MODELS
from recolab_assets.storage import Database, DatabaseError, StoredTable

_READ = {
    "ab_exposures": ("user_id", "arm", "shown_on", "clicked", "purchased"),
    "ab_comparisons": ("metric", "cuped_variance_removed"),
    "method_scorecard": ("method", "measure", "setting", "value", "standard_error"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a sentence for each method; return the exit status.

    Args:
        arguments: Command line without the program's name; by default that of the process.
    """
    options = _parser().parse_args(arguments)
    try:
        config = load_config(options.config)
        sentences = plan(config, options.effect, wants_uplift=options.uplift)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except DatabaseError as error:
        sys.stderr.write(f"{_in_one_line(error)}\n")
        return 1
    sys.stdout.write("".join(f"{sentence}\n" for sentence in sentences))
    return 0


def plan(config: LabConfig, effect: float | None, *, wants_uplift: bool = False) -> list[str]:
    """Plan a test from the tables of the database, which is only read.

    Args:
        config: The configuration that names it.
        effect: Least relative difference worth finding; None for that of the configuration.
        wants_uplift: The size of the difference is wanted, not only which model is better.

    Returns:
        A sentence for each method.

    Raises:
        DatabaseError: The tables have not been written, or cannot be read.
    """
    database = Database(config.database_path, config.storage.lock_timeout_seconds)
    exposures, comparisons, scorecard = (
        StoredTable(database, "experiments", name, columns).select()
        for name, columns in _READ.items()
    )
    experiment = config.experiment
    question = Question(
        control=experiment.control_model,
        challengers=len(MODELS) - 1,
        effect=experiment.smallest_effect if effect is None else effect,
        alpha=experiment.alpha,
        wants_uplift=wants_uplift,
    )
    traffic = Traffic.of(exposures, list(MODELS), experiment.control_model)
    table = experiment_plan(traffic, comparisons, scorecard, question)
    sentences: list[str] = table["sentence"].to_pylist()
    return sentences


def _in_one_line(error: DatabaseError) -> str:
    """Say what is wrong; of a statement that failed, without the statement."""
    reason, *statement = str(error).splitlines()
    if not statement:
        return reason
    return (
        "The tables are not those of this version of the lab: materialise its assets again"
        f" ({reason.rstrip('.!')})."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recolab_assets.plan",
        description="Say how many users and days a test needs, by each method.",
    )
    parser.add_argument(
        "--effect",
        type=_effect,
        help="least relative difference in clicks per impression worth finding, as 0.05"
        " (experiment.smallest_effect of the configuration)",
    )
    parser.add_argument(
        "--uplift",
        action="store_true",
        help="the size of the difference is wanted, not only which model is better",
    )
    parser.add_argument(
        "--config", type=Path, help="the configuration (the one that RECOLAB_CONFIG names)"
    )
    return parser


def _effect(text: str) -> float:
    try:
        effect = float(text)
    except ValueError:
        effect = math.nan
    if not 0 < effect < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not an effect; allowed: numbers above 0")
    return effect


if __name__ == "__main__":
    sys.exit(main())
