"""The command ``python -m recolab_assets.shop``: what a shop's log holds, before any run.

``inspect FILE…`` proposes how to map files; ``report`` prints the import report of a configuration.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from recolab_assets.config import ROOT, ConfigError, load_config
from recolab_assets.shop.address import is_address
from recolab_assets.shop.faults import SourceError
from recolab_assets.shop.ingest import LogShop
from recolab_assets.shop.inspect import inspect_files
from recolab_assets.shop.proposal_text import configuration, relative_to, seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status.

    Args:
        arguments: Command line without the program's name; by default that of the process.
    """
    options = _parser().parse_args(arguments)
    try:
        _report(options.config) if options.command == "report" else _inspect(options)
    except (SourceError, ConfigError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _inspect(options: argparse.Namespace) -> None:
    """Look at files, and print or write the proposal."""
    shown, text = _inspected(options.files)
    if options.output is not None:
        _write(options.output, text, overwrite=options.overwrite)
    sys.stdout.write(shown)
    if options.output is None:
        sys.stdout.write(f"\n{text}")
        return
    sys.stdout.write(
        f"Written: {options.output}. Read it, then run the lab with\n"
        f"  RECOLAB_CONFIG={options.output} uv run dagster asset materialize"
        " -m recolab_assets.definitions --select '*'\n"
    )


def _report(path: Path | None) -> None:
    """Print the import report; raise if the log is beyond the configuration's limits."""
    source = load_config(path).source
    if source is None:
        raise SourceError("the configuration has no source: its log is generated, nothing imported")
    shop = LogShop(source, ROOT)
    for row in shop.report().to_pylist():
        mark = "WARNING: " if row["severity"] == "warning" else ""
        sys.stdout.write(f"{mark}{row['finding']}: {row['n_rows']:,} ({row['share']:.2%})\n")
        sys.stdout.write("".join(f"    {example}\n" for example in row["examples"]))
        if row["advice"]:
            sys.stdout.write(f"    -> {row['advice']}\n")
    shop.require_limits()


def _inspected(files: Sequence[str]) -> tuple[str, str]:
    """What was seen, and the configuration."""
    paths = [Path(file).expanduser().absolute() for file in files if not is_address(file)]
    folders = {path.parent.resolve() for path in paths} or {ROOT}
    if len(folders) > 1:
        raise SourceError(
            f"the files lie in {len(folders)} folders ({', '.join(sorted(map(str, folders)))});"
            " put them into one: a source has one folder"
        )
    [folder] = folders
    if not folder.is_dir():
        raise SourceError(f"{folder}: there is no such folder")
    profiles, proposal = inspect_files(
        folder, [path.name for path in paths] + [file for file in files if is_address(file)]
    )
    log = proposal.logs[0].file.name
    stem = log.partition("#")[2].split(".")[-1] if is_address(log) else log.split(".")[0]
    name = "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in stem)
    text = configuration(proposal, relative_to(folder, ROOT), f"data/{name or 'shop'}_lab.duckdb")
    return seen(profiles, proposal), text


def _write(output: Path, text: str, *, overwrite: bool) -> None:
    if output.exists() and not overwrite:
        raise SourceError(f"{output} exists; say --overwrite to replace it")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recolab_assets.shop", description="A shop's own log in the lab."
    )
    commands = parser.add_subparsers(required=True, dest="command")
    report = commands.add_parser("report", help="print the import report of a configuration")
    report.add_argument(
        "--config", type=Path, help="the configuration (the one that RECOLAB_CONFIG names)"
    )
    inspect = commands.add_parser(
        "inspect", help="look at files of a log and propose how to map them"
    )
    inspect.add_argument(
        "files", nargs="+", metavar="FILE", help="the log, and a table of its products"
    )
    inspect.add_argument(
        "--output", type=Path, help="write the configuration here (printed otherwise)"
    )
    inspect.add_argument("--overwrite", action="store_true", help="replace --output if it exists")
    return parser


if __name__ == "__main__":
    sys.exit(main())
