"""Check the exact truth by simulation: `uv run python benchmarks/truth.py`.

Shows every model's lists, and the oracle's, to ten million users drawn with replacement from the
visitors of the database that the configuration names, under position-based and cascade shoppers,
and prints each exact expectation beside the simulated mean. Exits with 1 if any differs by more
standard errors than chance allows. Materialise `recommendations` and `train_pairs` first.

Session depth is compared through its expectation given a user's clicks: the Pareto base has no
variance at its calibrated shape, so that a plain mean of drawn depths would not settle.
"""

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np
from scipy import stats

from recolab_assets.assets.experiments import Laboratory, session_depth
from recolab_assets.config import load_config
from recolab_assets.experiments.arrays import IntArray, blocks
from recolab_assets.experiments.response import ClickModel, SessionDepth, expected_outcomes
from recolab_assets.experiments.truth import ORACLE
from recolab_assets.models import MODELS
from recolab_assets.models.training import TrainingData
from recolab_assets.randomness import stream
from recolab_assets.storage import Database, StoredTable
from recolab_assets.tables import TABLES

CHANCE = 0.01
"""Chance that a sound truth fails: the bound on all comparisons together."""


def simulate(
    shoppers: ClickModel, users: IntArray, lists: IntArray, depth: SessionDepth, n: int, name: str
) -> Iterator[tuple[str, float, float]]:
    """Yield each outcome with its mean over n simulated users and the standard error of that."""
    attraction = shoppers.attraction(users, lists)
    buying = shoppers.purchase_given_click(users, lists)
    shown = (lists >= 0).sum(axis=1)
    if (shown != lists.shape[1]).any():
        raise SystemExit("lists that are not full make the click rate a ratio: not compared here")
    sums = np.zeros((4, 2))
    for shard, rows in blocks(n):
        rng = stream(0, f"benchmark.truth.{name}", shard)
        drawn = rng.integers(0, users.size, rows.stop - rows.start)
        clicked = shoppers.draw_clicks(attraction[drawn], rng)
        bought = clicked & (rng.random(clicked.shape) < buying[drawn])
        clicks = clicked.sum(axis=1)
        pages = depth.mean_base * (1 + depth.ctr_factor * clicks / lists.shape[1])
        outcomes = (clicks / lists.shape[1], clicks, bought.sum(axis=1) / lists.shape[1], pages)
        for place, values in enumerate(outcomes):
            sums[place] += values.sum(), (values.astype(np.float64) ** 2).sum()
    for metric, (total, squares) in zip(
        ("ctr", "clicks_per_user", "purchase_rate", "session_depth"), sums, strict=True
    ):
        mean = total / n
        yield metric, mean, float(np.sqrt((squares / n - mean**2) / (n - 1)))


def main() -> int:
    """Compare and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000_000, help="simulated users of a model")
    n = parser.parse_args().users
    config = load_config()
    database = Database(config.database_path, config.storage.lock_timeout_seconds)

    def stored(name: str) -> StoredTable:
        return StoredTable(database, TABLES[name].schema, name)

    products = stored("products").select()
    seen = TrainingData.from_tables(
        stored("train_pairs").select(),
        products,
        np.zeros(products.num_rows),
        stored("users").count(),
    ).pairs
    worst, compared = 0.0, 0
    print("| shoppers | model | metric | exact | simulated | standard error | z |")
    print("|---|---|---|---:|---:|---:|---:|")
    for kind in ("simulated", "cascade"):
        experiment = config.experiment.model_copy(update={"response_model": kind})
        laboratory = Laboratory(
            config.model_copy(update={"experiment": experiment}),
            *(stored(name) for name in ("recommendations", "test_interactions", "users")),
            products,
        )
        users, k = laboratory.visitors, config.model.top_k
        lists = laboratory.lists(list(MODELS), k)
        lists[ORACLE] = laboratory.oracle_lists(k, seen)
        shoppers, depth = laboratory.click_model(), session_depth(config)
        for model, products_of in lists.items():
            exact = expected_outcomes(shoppers, users, products_of, depth)._asdict()
            began = time.monotonic()
            for metric, mean, error in simulate(
                shoppers, users, products_of, depth, n, f"{kind}.{model}"
            ):
                z = (mean - exact[metric]) / error
                worst, compared = max(worst, abs(z)), compared + 1
                print(
                    f"| {kind} | {model} | {metric} | {exact[metric]:.7g} | {mean:.7g} |"
                    f" {error:.1e} | {z:+.2f} |"
                )
            sys.stderr.write(f"{kind} {model}: {time.monotonic() - began:.0f} s\n")
    bound = float(stats.norm.isf(CHANCE / compared / 2))
    print(f"\nLargest |z| {worst:.2f} of {compared}; allowed {bound:.2f} ({n:,} users a model).")
    return int(worst > bound)


if __name__ == "__main__":
    sys.exit(main())
