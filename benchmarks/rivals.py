"""The same work with RecoLab and with others: `uv run python benchmarks/rivals.py`.

The work: fit popularity, ALS (64 factors, 20 iterations) and cosine item neighbours (50) on the
training pairs of the default shop, rank the top 20 for every user of the hold-out who has training
pairs, take precision, recall and NDCG. Each contestant gets the same Parquet files and a virtual
environment of its own with pinned versions (made below data/rivals with uv; LensKit brings PyTorch,
several GB), works in a process of its own, and takes its turn in every round. Times are medians
over the rounds, without reading files and importing. The lists of all contestants are measured by
the same ruler afterwards. LensKit ranks for a sample of the users in one process; its recommending
and metrics are scaled up to all. Prints Markdown.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from work import shop_tables

from recolab_assets.config import ROOT, load_config
from recolab_assets.evaluation.metrics import ndcg, precision, recall
from recolab_assets.evaluation.relevance import Relevance

CONTESTANTS = {
    "recolab": (),
    "implicit": ("implicit==0.7.3", "numpy==2.4.6", "scipy==1.17.1", "pyarrow==26.0.1"),
    "rectools": (
        "rectools==0.19.0",
        "implicit==0.7.3",
        "numpy==1.26.4",
        "pandas==2.3.3",
        "scipy==1.17.1",
        "pyarrow==18.1.0",
    ),
    "lenskit": (
        "lenskit==2025.8.1",
        "torch==2.15.0",
        "numpy==2.4.6",
        "pandas==2.3.3",
        "scipy==1.17.1",
        "pyarrow==26.0.1",
    ),
}
"""What each contestant's environment holds; RecoLab's is the project's."""
STEPS = ("prepare", "popularity", "als", "item_cf", "recommend", "metrics")
BY_USERS = ("recommend", "metrics")
"""Steps whose time grows with the users who are served."""
MODELS = ("popularity", "als", "item_cf")
K = 20
AIM = 2.0
"""How many times as fast as RecTools the work should be."""


def main() -> None:
    """Prepare, let all work in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds behind each median")
    parser.add_argument("--users", type=int, default=10_000, help="users that LensKit serves")
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "rivals")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    pythons = {name: environment(name, folder) for name in arguments.only}
    for name, table in shop_tables(load_config(ROOT / "config" / "config.yaml")).items():
        pq.write_table(table, folder / f"{name}.parquet")
    runs: dict[str, list[dict]] = {name: [] for name in arguments.only}
    for _ in range(arguments.rounds):
        for name, python in pythons.items():
            script = Path(__file__).parent / "contestants" / f"with_{name}.py"
            command = [str(python), str(script), str(folder), name, str(arguments.users)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            runs[name].append(json.loads((folder / f"{name}.json").read_text()))
            seconds = sum(runs[name][-1]["seconds"].values())
            print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    print_results(folder, runs)


def environment(name: str, folder: Path) -> Path:
    """Return the contestant's Python, with its packages installed."""
    if not CONTESTANTS[name]:
        return Path(sys.executable)
    python = folder / f"{name}-environment" / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", str(python.parent.parent)], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), *CONTESTANTS[name]]
    # From elsewhere: the project's own pins are not meant for them.
    subprocess.run(install, check=True, cwd=tempfile.gettempdir())
    return python


def print_results(folder: Path, runs: dict[str, list[dict]]) -> None:
    """Print seconds by step, memory, and the quality of the lists."""
    relevant = pq.read_table(folder / "relevant.parquet")
    relevance = Relevance.from_pairs(
        relevant["user_id"].to_numpy(), relevant["product_id"].to_numpy()
    )
    n_pairs = pq.read_metadata(folder / "pairs.parquet").num_rows
    lists = {name: np.load(folder / f"{name}.npz") for name in runs}
    n_served = {name: len(lists[name]["als_users"]) for name in runs}
    print(f"{n_pairs:,} training pairs, {len(relevance.users):,} users served\n")
    print("| | " + " | ".join(f"{step} s" for step in STEPS) + " | all s | spread | peak GB |")
    print("|---|" + "---:|" * (len(STEPS) + 3))
    whole = {}
    for name, of_name in runs.items():
        factor = len(relevance.users) / n_served[name]
        steps = [scaled(run["seconds"], factor) for run in of_name]
        totals = [sum(run.values()) for run in steps]
        whole[name] = statistics.median(totals)
        cells = [f"{statistics.median(run[step] for run in steps):.2f}" for step in STEPS]
        peak = statistics.median(run["peak"] for run in of_name) / 1e9
        print(
            f"| {name} {of_name[0]['version']} | {' | '.join(cells)} | {whole[name]:.1f}"
            f" | {max(totals) - min(totals):.1f} | {peak:.2f} |"
        )
    for name, served in n_served.items():
        if served < len(relevance.users):
            print(
                f"\n{name} served {served:,} users; its {' and '.join(BY_USERS)} are scaled to all."
            )
    if {"recolab", "rectools"} <= whole.keys():
        ratio = whole["rectools"] / whole["recolab"]
        print(f"\nRecoLab is {ratio:.1f} times as fast as RecTools (aim: {AIM:.0f}).")
    print(f"\n| model | by | precision@{K} | recall@{K} | NDCG@{K} |")
    print("|---|---|---:|---:|---:|")
    for model in MODELS:
        for name, of_name in lists.items():
            # One denominator for all its models: a user without a list counts as nothing found.
            own = relevance.of_users(of_name["als_users"])
            hits = own.hits(of_name[f"{model}_users"], of_name[f"{model}_products"])
            values = [
                metric(hits, own.n_relevant, K).mean() for metric in (precision, recall, ndcg)
            ]
            print(f"| {model} | {name} | " + " | ".join(f"{value:.4f}" for value in values) + " |")


def scaled(seconds: dict[str, float], factor: float) -> dict[str, float]:
    """Scale the steps that serve users to all of them."""
    return {step: seconds.get(step, 0.0) * (factor if step in BY_USERS else 1.0) for step in STEPS}


if __name__ == "__main__":
    main()
