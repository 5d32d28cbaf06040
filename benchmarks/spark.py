"""Spark beside this machine: `uv run --extra spark python benchmarks/spark.py`.

Runs the stages that Spark runs on both engines, for the configuration in force (by default the
default shop), each in a process and a database of its own, on a `local-cluster`, whose executors
are processes too. Prints seconds of each stage, peak memory of every kind of process, whether the
tables are the same row for row and in the same order, whether the same factors give the same lists
and metrics, and NDCG@10 of `als`, whose solvers differ. `--seeds 3` fits `als` from further first
factors, to judge that difference by. `--kill als` (or another stage; several may be named) takes a
copy of what Spark has made, makes that stage anew, kills an executor when half of its time is over,
lets the run go on with recommendations and metrics, and compares again. Needs Java 17.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import yaml
from stages import repeatedly, run_of

from recolab_assets.config import LabConfig, config_path, load_config
from recolab_assets.evaluation.metrics import ndcg
from recolab_assets.models import MODELS
from recolab_assets.models.als import ALS
from recolab_assets.models.training import TrainingData
from recolab_assets.scale import Engine, HoldOut, Training, engine_of
from recolab_assets.scale.local import LocalEngine, relevance_of
from recolab_assets.storage import Database, ParquetDataset, StoredTable
from recolab_assets.storage.names import literal
from recolab_assets.tables import TABLES

STAGES = (
    "interactions",
    "train_interactions",
    "validation_interactions",
    "test_interactions",
    "train_pairs",
    "user_features",
    "item_features",
    "popularity",
    "als",
    "item_cf",
    "recommendations",
    "user_metrics",
)
"""Assets that Spark makes."""
SMALL = ("users", "products", "editorial", "content_based", "hybrid")
"""What they need and this machine makes."""
OF_ALS = ("als", "als_item_factors", "als_user_factors")
WITHOUT_FACTORS = ("popularity", "item_cf", "content_based")
SAMPLED_EVERY_SECONDS = 1.0


class Run(NamedTuple):
    """A run of all stages on one engine."""

    database: Database
    stages: dict[str, float]
    """Seconds of each."""
    memory: dict[str, int]
    """Peak resident bytes of the largest process of each kind."""


class Comparison(NamedTuple):
    """Two tables beside each other, row by row."""

    n_rows: int
    n_other: int
    n_different: int
    """Rows that are not the same as the row in the same place."""

    def __str__(self) -> str:
        if self.n_rows != self.n_other:
            return f"{self.n_other:,} rows"
        return f"{self.n_different:,} differ" if self.n_different else "same"


def main() -> None:
    """Run both engines, compare, and kill executors if asked to."""
    arguments = _parser().parse_args()
    if arguments.once is not None:
        measured = run_of(arguments.once, arguments.only or [*SMALL, *STAGES])
        arguments.once.with_name("run.json").write_text(json.dumps(measured))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        home = Path(folder)
        here = run(configure(home / "local", arguments, "local"))
        there = run(configure(home / "spark", arguments, "spark"))
        print_stages(here, there)
        print_models(here.database, there.database)
        for stage in arguments.kill:
            shutil.copytree(home / "spark", home / f"killed-{stage}")
            print_killed(stage, there, configure(home / f"killed-{stage}", arguments, "spark"))
        local_config = load_config(home / "local" / "config.yaml")
        spark_config = load_config(home / "spark" / "config.yaml")
        engine = engine_of(spark_config, here.database)
        print_same_factors(engine, local_config)
        if arguments.seeds:
            print_seeds({"here": LocalEngine(), "Spark": engine}, local_config, arguments.seeds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    for size in ("users", "products", "interactions"):
        parser.add_argument(f"--{size}", type=int, help="in place of the configuration's")
    parser.add_argument("--master", default="local-cluster[2,1,2048]", help="where Spark runs")
    parser.add_argument("--executor-memory", default="2048m", help="of each executor's JVM")
    parser.add_argument("--driver-memory", default="1g", help="of the driver's JVM")
    parser.add_argument("--shards", type=int, default=8, help="parts that rows are dealt into")
    parser.add_argument("--seeds", type=int, default=0, help="further fits of als on each engine")
    parser.add_argument("--kill", nargs="*", default=[], choices=STAGES, metavar="STAGE")
    parser.add_argument("--folder", type=Path, help="where databases are kept meanwhile")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="*", help=argparse.SUPPRESS)
    return parser


def configure(folder: Path, arguments: argparse.Namespace, engine: str) -> Path:
    """Write the configuration in force for one engine, with a database of its own."""
    folder.mkdir(exist_ok=True)
    values = yaml.safe_load(config_path().read_text()) or {}
    sizes = {
        f"n_{size}": getattr(arguments, size) for size in ("users", "products", "interactions")
    }
    values["data"] = {**values.get("data", {}), **{k: v for k, v in sizes.items() if v}}
    values["storage"] = {**values.get("storage", {}), "database": str(folder / "lab.duckdb")}
    values["scale"] = {
        "engine": engine,
        "spark": {
            "master": arguments.master,
            "shards": arguments.shards,
            "driver_memory": arguments.driver_memory,
            "executor_memory": arguments.executor_memory,
        },
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def run(config: Path, stage: str = "", kill_after: float = 0) -> Run:
    """Run all stages in a process of their own, or those that are done when one is disturbed.

    Args:
        config: The configuration.
        stage: In which an executor is killed, if in any; then lists and metrics are made anew too.
        kill_after: Seconds from the stage's beginning.
    """
    only = list(dict.fromkeys([stage, "recommendations", "user_metrics"])) if stage else []
    command = [sys.executable, __file__, "--once", str(config), "--only", *only]
    log = config.with_name("run.log")
    with (
        log.open("w", buffering=1) as errors,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as ran,
    ):
        with memory_of(ran.pid) as memory:
            for line in ran.stderr or ():
                errors.write(line)
                if stage and re.search(rf"- {stage} - STEP_START -", line):
                    threading.Timer(kill_after, kill_executor, [ran.pid, stage]).start()
        if ran.wait():
            sys.exit(f"the run failed:\n{log.read_text()[-4_000:]}")
    measured = json.loads(config.with_name("run.json").read_text())
    stages = {name: measured["steps"][name]["seconds"] for name in only or STAGES}
    return Run(Database(load_config(config).database_path), stages, dict(memory))


def kill_executor(pid: int, stage: str) -> None:
    """Kill one executor of a run, as a machine that goes down would."""
    for child, (kind, _) in descendants(pid).items():
        if kind == "executor":
            os.kill(child, signal.SIGKILL)
            print(f"\nexecutor {child} killed in {stage}", flush=True)
            return


@contextmanager
def memory_of(pid: int) -> Iterator[dict[str, int]]:
    """Yield the peak resident bytes of the largest process of each kind, kept up to date."""
    peak: dict[str, int] = defaultdict(int)

    def sample() -> None:
        for kind, size in descendants(pid).values():
            peak[kind] = max(peak[kind], size)

    with repeatedly(sample, SAMPLED_EVERY_SECONDS):
        yield peak


def descendants(pid: int) -> dict[int, tuple[str, int]]:
    """Return kind and resident bytes of a process and of all that it started."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,rss=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    parents = {int(row[0]): int(row[1]) for row in rows}
    found = {}
    for child, _, size, *arguments in rows:
        ancestor = int(child)
        while ancestor not in (0, pid):
            ancestor = parents.get(ancestor, 0)
        if ancestor == pid:
            found[int(child)] = (_kind(int(child) == pid, " ".join(arguments)), int(size) * 1024)
    return found


def _kind(is_first: bool, command: str) -> str:
    if is_first:
        return "run"
    if "CoarseGrainedExecutorBackend" in command:
        return "executor"
    if "pyspark.daemon" in command:
        return "executor's Python"
    return "driver" if "SparkSubmit" in command else "other"


def compare(one: Database, other: Database, source: str, second: str = "") -> Comparison:
    """Compare two tables, each row with the one in the same place.

    Args:
        one: A database.
        other: Another.
        source: What follows FROM in the first.
        second: What follows FROM in the second, if it is not the same.
    """
    copies = []
    for number, (database, table) in enumerate(((one, source), (other, second or source))):
        copies.append(other.path.with_name(f"compared-{number}.parquet"))
        with database.read() as connection:
            connection.execute(f"COPY (FROM {table}) TO {literal(str(copies[-1]))}")
    left, right = (literal(str(copy)) for copy in copies)
    with other.read() as connection:
        [row] = connection.execute(
            "SELECT count(a), count(b), count(*) FILTER (a IS DISTINCT FROM b)"
            f" FROM {left} AS a POSITIONAL JOIN {right} AS b"
        ).fetchall()
    for copy in copies:
        copy.unlink()
    return Comparison(*row)


def print_stages(here: Run, there: Run) -> None:
    """Print seconds and agreement of each stage, and memory of each kind of process."""
    print("\n| table | rows | here s | Spark s | rows of Spark |\n|---|---:|---:|---:|---|")
    for name in STAGES:
        times = f"{here.stages[name]:.1f} | {there.stages[name]:.1f}"
        if name == "als":
            print(f"| `{name}` | | {times} | other factors |")
            continue
        table, where = TABLES[name].qualified_name, ""
        if name in ("recommendations", "user_metrics"):
            where = f" WHERE model IN {WITHOUT_FACTORS}"
        found = compare(here.database, there.database, table + where)
        of = " (models without factors)" if where else ""
        print(f"| `{name}`{of} | {found.n_rows:,} | {times} | {found} |", flush=True)
    print(f"| all | | {sum(here.stages.values()):.1f} | {sum(there.stages.values()):.1f} | |")
    print("\n| largest process of a kind | here GB | Spark GB |\n|---|---:|---:|")
    for kind in there.memory:
        cells = [
            f"{ran.memory[kind] / 1e9:.2f}" if kind in ran.memory else "" for ran in (here, there)
        ]
        print(f"| {kind} | {' | '.join(cells)} |")


def print_models(here: Database, there: Database) -> None:
    """Print NDCG@10 of every model on both engines."""
    print("\n| NDCG@10 | here | Spark | ratio |\n|---|---:|---:|---:|")
    sql = "SELECT model, avg(ndcg) AS ndcg FROM evaluation.user_metrics WHERE k = 10 GROUP BY model"
    values = []
    for database in (here, there):
        rows = stored(database, "user_metrics").query(sql).to_pylist()
        values.append({row["model"]: row["ndcg"] for row in rows})
    for model in MODELS:
        one, other = (value[model] for value in values)
        print(f"| {model} | {one:.4f} | {other:.4f} | {other / one:.4f} |", flush=True)


def print_killed(stage: str, undisturbed: Run, config: Path) -> None:
    """Make a stage, lists and metrics anew, kill an executor in its middle, and compare."""
    after = undisturbed.stages[stage] / 2
    killed = run(config, stage, after)
    print(
        f"it had {undisturbed.stages[stage]:.1f} s, now {killed.stages[stage]:.1f} s, with the"
        f" executor lost after {after:.1f} s\n"
    )
    print("| table | rows | after the loss |\n|---|---:|---|")
    for name in (*STAGES, *OF_ALS[1:]):
        found = compare(undisturbed.database, killed.database, TABLES[name].qualified_name)
        print(f"| `{name}` | {found.n_rows:,} | {found} |", flush=True)
    ranked = "(SELECT model, user_id, rank, product_id FROM recommendations.recommendations)"
    found = compare(undisturbed.database, killed.database, ranked)
    print(f"| `recommendations`, but for scores | {found.n_rows:,} | {found} |", flush=True)
    print_models(undisturbed.database, killed.database)


def print_same_factors(engine: Engine, config: LabConfig) -> None:
    """Rank on Spark with the factors that this machine has fitted, and measure its lists."""
    database = Database(config.database_path)
    fitted = {model: stored(database, model) for model in MODELS}
    hold_out = HoldOut(*(stored(database, name) for name in HoldOut._fields))
    made = {
        "recommendations": engine.recommend(
            fitted, training_of(database), config.model, lambda done, total: None
        ),
        "user_metrics": engine.user_metrics(
            hold_out, config.evaluation.k_values, exclude_seen=config.model.exclude_seen
        ),
    }
    print("\n| from the same factors | rows | rows of Spark |\n|---|---:|---|")
    for name, dataset in made.items():
        if not isinstance(dataset, ParquetDataset):
            raise TypeError(f"{name} was not made on Spark")
        files = literal(f"{dataset.folder}/*.parquet")
        found = compare(database, database, TABLES[name].qualified_name, files)
        print(f"| `{name}`, all models | {found.n_rows:,} | {found} |", flush=True)


def print_seeds(engines: dict[str, Engine], config: LabConfig, n_seeds: int) -> None:
    """Fit als from several first factors on the same pairs; print NDCG@10 and its spread."""
    print(f"\n| NDCG@10 of als | {' | '.join(map(str, range(1, n_seeds + 1)))} | mean | sd |")
    print("|---|" + "---:|" * (n_seeds + 2))
    for name, engine in engines.items():
        values = [quality(engine, config, seed) for seed in range(1, n_seeds + 1)]
        spread = statistics.stdev(values) if n_seeds > 1 else 0.0
        cells = " | ".join(f"{value:.4f}" for value in values)
        mean = statistics.mean(values)
        print(f"| {name} | {cells} | {mean:.4f} | {spread:.4f} |", flush=True)


def quality(engine: Engine, config: LabConfig, seed: int) -> float:
    """Fit als on the pairs of the database, rank on this machine, and return NDCG@10."""
    database = Database(config.database_path)
    training = training_of(database)
    contents = engine.fit(ALS, training, config.model, seed)
    tables = {
        name: pq.read_table(rows.folder) if isinstance(rows, ParquetDataset) else rows
        for name, rows in contents.items()
    }
    data = TrainingData.from_tables(
        training.train_pairs.select(),
        training.products.select(),
        stored(database, "popularity").select(),
        training.users.count(),
    )
    exclude_seen = config.model.exclude_seen
    relevance = relevance_of(
        stored(database, "test_interactions"), training.train_pairs, exclude_seen=exclude_seen
    )
    model = ALS.from_tables(tables, data)
    lists = model.recommend(relevance.users, 10, exclude_seen=exclude_seen)
    hits = relevance.hits(lists.users, lists.products)
    return float(ndcg(hits, relevance.n_relevant, 10).mean())


def training_of(database: Database) -> Training:
    """Return what models learn from."""
    return Training(*(stored(database, name) for name in Training._fields))


def stored(database: Database, name: str) -> StoredTable:
    """Return a registered table where it is."""
    return StoredTable(database, TABLES[name].schema, name)


if __name__ == "__main__":
    main()
