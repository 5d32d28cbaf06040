"""How cost grows with the shop: `uv run python benchmarks/growth.py --json data/growth.json`.

Scales users, products and interactions of the default shop, one at a time with the others as they
are and all together, by ¼, ½, 1, 2 and 4 (`--all 10` adds a point at which all are tenfold), and
materialises the graph up to the offline metrics, every point in a process and a database of its
own. Times of stages come from Dagster's event log; memory is the process's resident set. Prints
seconds by point, and the exponent of each stage along each axis: the slope of a straight line
through the logarithms, so 1 is proportional. `--base 0.1` does the same around a shop of a tenth.
Points that the file of `--json` has from a former run, perhaps one that was broken off, are not
measured again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from power_law import exponent
from stages import run_of

from recolab_assets.config import ROOT, load_config
from recolab_assets.storage import Database

STAGES = {
    "generation": ("users", "products", "editorial", "interactions"),
    "splits": ("train_interactions", "validation_interactions", "test_interactions", "train_pairs"),
    "popularity": ("popularity",),
    "als": ("als",),
    "item_cf": ("item_cf",),
    "content_based": ("content_based",),
    "hybrid": ("hybrid",),
    "recommending": ("recommendations",),
    "metrics": ("user_metrics", "offline_metrics"),
}
"""Assets of each stage."""
AXES = ("users", "products", "interactions")
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def main() -> None:
    """Measure every point, print, keep the figures if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=float, default=1.0, help="share of the default shop at 1")
    parser.add_argument("--all", type=float, nargs="*", default=[], help="more factors of all axes")
    parser.add_argument("--json", type=Path, help="file that keeps the figures")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once is not None:
        measure(arguments.once)
        return
    points: list[dict] = []
    kept = arguments.json is not None and arguments.json.exists()
    former = json.loads(arguments.json.read_text()) if kept else []
    for axis in (*AXES, "all"):
        for factor in (*FACTORS, *(arguments.all if axis == "all" else ())):
            # The shop as it is lies on every axis: measured once.
            sizes = sizes_at(axis, factor, arguments.base)
            known = [
                point
                for point in (*former, *points)
                if all(point[name] == sizes[f"n_{name}"] for name in AXES)
            ]
            found = known[0] if known else measured(sizes)
            points.append({**found, "axis": axis, "factor": factor})
            if arguments.json is not None:
                # After each point, so that a run that is broken off has not been for nothing.
                arguments.json.write_text(json.dumps(points, indent=1))
            print(
                f"{axis} × {factor:g}: {points[-1]['seconds']:.1f} s", file=sys.stderr, flush=True
            )
    print_points(points)
    print_exponents(points)


def sizes_at(axis: str, factor: float, base: float) -> dict:
    """Return the section `data` of the configuration at a point."""
    sizes = load_config(ROOT / "config" / "config.yaml").data.model_dump()
    for name in (*AXES, "editorial"):
        grows = axis in {name, "all"}
        sizes[f"n_{name}"] = round(sizes[f"n_{name}"] * base * (factor if grows else 1))
    return sizes


def measured(sizes: dict) -> dict:
    """Measure one point in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        settings["data"] = sizes
        settings["storage"] = {**settings.get("storage", {}), "database": f"{folder}/lab.duckdb"}
        file = Path(folder) / "config.yaml"
        file.write_text(yaml.safe_dump(settings))
        command = [sys.executable, __file__, "--once", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        found = json.loads((Path(folder) / "found.json").read_text())
    return {**{name: sizes[f"n_{name}"] for name in AXES}, **found}


def measure(config: Path) -> None:
    """Materialise the stages of a configuration; write seconds and peaks beside it."""
    run = run_of(config, [name for names in STAGES.values() for name in names])
    stages = {}
    for stage, names in STAGES.items():
        steps = [run["steps"][name] for name in names]
        stages[stage] = {
            "seconds": sum(step["seconds"] for step in steps),
            "peak": max(step["peak"] for step in steps),
        }
    settings = load_config(config)
    with Database(settings.database_path).read() as connection:
        [(n_pairs,)] = connection.sql("SELECT count(*) FROM processed.train_pairs").fetchall()
    found = {
        "pairs": n_pairs,
        "seconds": sum(stage["seconds"] for stage in stages.values()),
        "peak": run["peak"],
        "database": settings.database_path.stat().st_size,
        "stages": stages,
    }
    (config.parent / "found.json").write_text(json.dumps(found))


def print_points(points: list[dict]) -> None:
    """Print seconds of every stage at every point."""
    print("| axis | factor | " + " | ".join(STAGES) + " | all s | peak GB | file GB |")
    print("|---|---:|" + "---:|" * (len(STAGES) + 3))
    for point in points:
        cells = [f"{point['stages'][stage]['seconds']:.2f}" for stage in STAGES]
        print(
            f"| {point['axis']} | {point['factor']:g} | {' | '.join(cells)}"
            f" | {point['seconds']:.1f} | {point['peak'] / 1e9:.2f}"
            f" | {point['database'] / 1e9:.2f} |"
        )


def print_exponents(points: list[dict]) -> None:
    """Print the fitted exponent of every stage along every axis."""
    axes = list(dict.fromkeys(point["axis"] for point in points))
    print("\n| exponent of | " + " | ".join(axes) + " |")
    print("|---|" + "---:|" * len(axes))
    rows = {stage: lambda point, stage=stage: point["stages"][stage]["seconds"] for stage in STAGES}
    rows |= {"all seconds": lambda point: point["seconds"], "peak": lambda point: point["peak"]}
    for name, cost in rows.items():
        cells = []
        for axis in axes:
            own = [point for point in points if point["axis"] == axis]
            fitted = exponent([point["factor"] for point in own], [cost(point) for point in own])
            cells.append(f"{fitted:.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
