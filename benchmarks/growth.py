"""How cost grows with the shop: `uv run python benchmarks/growth.py --json data/growth.json`.

Scales users, products and interactions of the default shop, one at a time with the others as they
are and all together, by ¼, ½, 1, 2 and 4 (`--all 10` adds a point at which all are tenfold), and
materialises the graph up to the offline metrics, every point in a process and a database of its
own. Times of stages come from Dagster's event log; memory is the process's resident set. Prints
medians of `--rounds 3` by point with the range of the whole, and the exponent of each stage along
each axis: the slope of a straight line through the logarithms, so 1 is proportional. `--base 0.1`
does the same around a shop of a tenth. What the file of `--json` has from a former run, perhaps one
that was broken off, is not measured again.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
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
    parser.add_argument("--rounds", type=int, default=3, help="rounds behind each median")
    parser.add_argument("--json", type=Path, help="file that keeps the figures of a base")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once is not None:
        measure(arguments.once)
        return
    kept = arguments.json is not None and arguments.json.exists()
    former = json.loads(arguments.json.read_text()) if kept else []
    rounds = {size_of(point): point["rounds"] for point in former}
    asked = [(axis, factor) for axis in (*AXES, "all") for factor in FACTORS]
    asked += [("all", factor) for factor in arguments.all]
    # What the file has besides is kept, and measured as often as the others.
    asked += [(point["axis"], point["factor"]) for point in former]
    places = [
        (axis, factor, sizes_at(axis, factor, arguments.base))
        for axis, factor in dict.fromkeys(asked)
    ]
    # Round by round, so that a run that is broken off has something of every point.
    for number in range(1, arguments.rounds + 1):
        for axis, factor, sizes in places:
            # The shop as it is lies on every axis: measured once.
            found = rounds.setdefault(size_of(sizes), [])
            if len(found) >= number:
                continue
            found.append(measured(sizes))
            print(f"{axis} × {factor:g}: {found[-1]['seconds']:.1f} s", file=sys.stderr, flush=True)
            if arguments.json is not None:
                points = points_of(places, rounds)
                arguments.json.write_text(json.dumps(points, indent=1))
    points = points_of(places, rounds)
    print_points(points)
    print_exponents(points)


def size_of(sizes: Mapping) -> tuple[int, ...]:
    """Return what tells a point from others."""
    return tuple(sizes[name] for name in AXES)


def points_of(
    places: Iterable[tuple[str, float, dict]], rounds: Mapping[tuple[int, ...], list[dict]]
) -> list[dict]:
    """Return every point that was measured, with the medians of its rounds."""
    return [
        {"axis": axis, "factor": factor, **{name: sizes[name] for name in AXES}, **medians(found)}
        for axis, factor, sizes in places
        if (found := rounds.get(size_of(sizes)))
    ]


def medians(rounds: list[dict]) -> dict:
    """Return the median of everything that was measured, and the rounds."""

    def median(value: Callable[[dict], float]) -> float:
        return statistics.median(map(value, rounds))

    return {
        **{name: median(itemgetter(name)) for name in ("pairs", "seconds", "peak", "database")},
        "stages": {
            stage: {
                "seconds": median(lambda found, stage=stage: found["stages"][stage]["seconds"]),
                "peak": median(lambda found, stage=stage: found["stages"][stage]["peak"]),
            }
            for stage in STAGES
        },
        "rounds": rounds,
    }


def sizes_at(axis: str, factor: float, base: float) -> dict[str, int]:
    """Return how many of each there are at a point."""
    data = load_config(ROOT / "config" / "config.yaml").data
    return {
        name: round(getattr(data, f"n_{name}") * base * (factor if axis in {name, "all"} else 1))
        for name in (*AXES, "editorial")
    }


def measured(sizes: Mapping[str, int]) -> dict:
    """Measure one point once, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        settings["data"] |= {f"n_{name}": size for name, size in sizes.items()}
        settings["storage"] = {**settings.get("storage", {}), "database": f"{folder}/lab.duckdb"}
        file = Path(folder) / "config.yaml"
        file.write_text(yaml.safe_dump(settings))
        command = [sys.executable, __file__, "--once", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        found: dict = json.loads((Path(folder) / "found.json").read_text())
    return found


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
    """Print seconds of every stage at every point, and how far apart the rounds were."""
    print("| axis | factor | " + " | ".join(STAGES) + " | all s | range | peak GB | file GB |")
    print("|---|---:|" + "---:|" * (len(STAGES) + 4))
    for point in points:
        whole = [found["seconds"] for found in point["rounds"]]
        cells = [f"{point['stages'][stage]['seconds']:.2f}" for stage in STAGES]
        print(
            f"| {point['axis']} | {point['factor']:g} | {' | '.join(cells)}"
            f" | {point['seconds']:.1f} | {min(whole):.1f}–{max(whole):.1f}"
            f" | {point['peak'] / 1e9:.2f}"
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
