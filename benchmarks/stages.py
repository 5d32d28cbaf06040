"""Time, peak memory and rows a second of every asset: `uv run python benchmarks/stages.py`.

Runs the whole graph of the configuration in force several times, each time in a process and a
database of its own, and reads from Dagster's own event log when every step began and ended and how
many rows it wrote. Memory is the process's resident set, sampled every 10 ms. The kernels are
compiled beforehand if they have ever run. Prints a table; `--chart FILE` draws it, with Chromium.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import plotly.graph_objects as go
import yaml

from recolab_assets.config import config_path
from recolab_assets.definitions import build_definitions

SAMPLED_EVERY_SECONDS = 0.01
PAGE_BYTES = 4096
MAX_SECONDS, MAX_GIGABYTES = 60, 2.0
"""What is aimed at for the whole graph on two cores."""


def main() -> None:
    """Run, print, and draw if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs behind each median")
    parser.add_argument("--chart", type=Path, help="file of the chart (.png)")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once is not None:
        arguments.once.write_text(json.dumps(one_run(arguments.once.parent)))
        return
    runs = []
    for number in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "run.json"
            subprocess.run([sys.executable, __file__, "--once", str(found)], check=True)
            runs.append(json.loads(found.read_text()))
        print(f"run {number + 1} of {arguments.runs} took {runs[-1]['seconds']:.1f} s", flush=True)
    table = summed_up(runs)
    print_table(table, runs)
    if arguments.chart is not None:
        draw(table, arguments.chart)


def one_run(folder: Path) -> dict[str, object]:
    """Materialise everything into a fresh database and return what was measured."""
    values = yaml.safe_load(config_path().read_text()) or {}
    values["storage"] = {**values.get("storage", {}), "database": str(folder / "lab.duckdb")}
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(values))
    return run_of(file)


def run_of(config: Path, selection: Sequence[str] | None = None) -> dict:
    """Materialise the graph of a configuration, with its checks, or some of its assets without.

    Args:
        config: The file; Dagster's event log is kept beside it while the run lasts.
        selection: Names of assets; None: everything.

    Returns:
        ``seconds`` and ``peak`` bytes of the run, and the same and ``rows`` for each of ``steps``.
    """
    definitions = build_definitions(config)
    checks = [] if selection else [*(definitions.asset_checks or ())]
    with dg.DagsterInstance.local_temp(str(config.parent)) as instance, sampled_memory() as memory:
        began = time.time()
        result = dg.materialize(
            [*(definitions.assets or ()), *checks],
            selection=selection,
            resources=definitions.resources,
            instance=instance,
        )
        seconds = time.time() - began
        entries = instance.all_logs(result.run_id)
    steps: dict[str, dict[str, float]] = defaultdict(dict)
    for entry in entries:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        step = steps[event.step_key]
        if event.event_type_value == "STEP_START":
            step["began"] = entry.timestamp
        elif event.event_type_value == "STEP_SUCCESS":
            step["ended"] = entry.timestamp
        elif event.event_type_value == "ASSET_MATERIALIZATION":
            rows = event.materialization.metadata.get("dagster/row_count")
            step["rows"] = float(rows.value) if rows is not None else 0.0
    return {
        "seconds": seconds,
        "peak": max(size for _, size in memory),
        "steps": {
            name: {
                "seconds": step["ended"] - step["began"],
                "rows": step.get("rows"),
                "peak": max(
                    (size for at, size in memory if step["began"] <= at <= step["ended"]),
                    default=0,
                ),
            }
            for name, step in steps.items()
        },
    }


@contextmanager
def sampled_memory() -> Iterator[list[tuple[float, int]]]:
    """Yield a list that fills with times and resident bytes of this process."""
    samples: list[tuple[float, int]] = []

    def sample() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        samples.append((time.time(), pages * PAGE_BYTES))

    with repeatedly(sample, SAMPLED_EVERY_SECONDS):
        yield samples


@contextmanager
def repeatedly(action: Callable[[], None], every_seconds: float) -> Iterator[None]:
    """Do something on a thread again and again while a block runs."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(every_seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def summed_up(runs: list[dict]) -> list[dict[str, object]]:
    """One row an asset, the longest first, and one for all checks together."""
    rows = []
    for name, first in runs[0]["steps"].items():
        if first["rows"] is None:
            continue
        seconds = [run["steps"][name]["seconds"] for run in runs]
        rows.append(
            {
                "asset": name,
                "seconds": statistics.median(seconds),
                "spread": max(seconds) - min(seconds),
                "peak": statistics.median(run["steps"][name]["peak"] for run in runs),
                "rows": first["rows"],
            }
        )
    checks = [
        sum(step["seconds"] for step in run["steps"].values() if step["rows"] is None)
        for run in runs
    ]
    rows.append(
        {
            "asset": "(all checks)",
            "seconds": statistics.median(checks),
            "spread": max(checks) - min(checks),
            "peak": 0.0,
            "rows": 0.0,
        }
    )
    return sorted(rows, key=lambda row: -row["seconds"])


def print_table(table: list[dict], runs: list[dict]) -> None:
    """Print Markdown, and the whole graph beside what is aimed at."""
    print("\n| asset | seconds | spread | peak GB | rows | rows a second |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in table:
        rate = f"{row['rows'] / row['seconds']:,.0f}" if row["rows"] else "–"
        peak = f"{row['peak'] / 1e9:.2f}" if row["peak"] else "–"
        print(
            f"| `{row['asset']}` | {row['seconds']:.2f} | {row['spread']:.2f} | {peak}"
            f" | {row['rows']:,.0f} | {rate} |"
        )
    whole = [run["seconds"] for run in runs]
    peaks = [run["peak"] / 1e9 for run in runs]
    print(
        f"\nwhole graph: median {statistics.median(whole):.1f} s ({min(whole):.1f} to"
        f" {max(whole):.1f}, aim {MAX_SECONDS}), peak {statistics.median(peaks):.2f} GB"
        f" (aim {MAX_GIGABYTES}), {len(runs)} runs"
    )


def draw(table: list[dict], file: Path) -> None:
    """Draw seconds by asset, the longest on top."""
    # Only who draws needs a browser.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    shown = [row for row in table if row["seconds"] >= 0.1]
    names = [row["asset"] for row in shown]
    bars = go.Bar(
        x=[row["seconds"] for row in shown],
        y=names,
        orientation="h",
        marker={"color": "#0072B2"},
        error_x={"array": [row["spread"] / 2 for row in shown], "thickness": 1.5},
    )
    # Right of the range, which would else go through the words.
    words = go.Scatter(
        x=[row["seconds"] + row["spread"] / 2 for row in shown],
        y=names,
        mode="text",
        text=[f" {row['seconds']:.1f} s" for row in shown],
        textposition="middle right",
    )
    figure = go.Figure([bars, words])
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])
    longest = max(row["seconds"] + row["spread"] / 2 for row in shown)
    figure.update_xaxes(range=[0, 1.1 * longest])
    figure.update_layout(
        template="simple_white",
        height=26 * len(shown) + 90,
        width=900,
        showlegend=False,
        xaxis={"title": {"text": "Seconds (median; bars: range of the runs)"}},
        margin={"l": 8, "r": 40, "t": 16, "b": 48},
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 900, "height": figure.layout.height})
        page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.wait_for_selector(".main-svg")
        file.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=file)
        browser.close()


if __name__ == "__main__":
    main()
