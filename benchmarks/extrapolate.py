"""What larger shops would cost, from measured growth: `benchmarks/extrapolate.py data/growth.json`.

Reads what `benchmarks/growth.py --json` keeps. The seconds of a stage are taken as a power law in
each axis on its own, through the largest measured point, index 1:

    seconds(u, p, n) = seconds₁ × (u / u₁)^e_users × (p / p₁)^e_products × (n / n₁)^e_interactions

with the exponents that growth.py prints. That is rough beyond what was measured (an exponent that
was fitted near a fixed cost is too small), so a floor stands beside it: the operations that the
method cannot do without, at the rate that the largest point reached. The larger of both counts.
Interactions grow with the users. Prints Markdown.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from power_law import exponent

FACTORS, NEIGHBOURS, TOP_K, MODELS = 64, 50, 20, 5
ITERATIONS, SWEEPS = 20, 4
"""Sweeps of the pairs in a half-step: the residual and three steps of conjugate gradients."""
EVENTS_OF_USER, PAIRS_OF_USER = 30, 11.1
"""Of the default shop: 3M events and 1.11M training pairs of 100,000 users."""
SHOPS = [(users, products) for users in (10**7, 10**8) for products in (10**6, 10**7)]
AXES = ("users", "products", "interactions")
CORES = 2
EXECUTOR_CORES, EXECUTOR_GIGABYTES = 16, 64
"""One executor of the cluster, as clouds rent them."""
EFFICIENCY = 0.5
"""Share of a cluster's cores that shuffles, stragglers and starting leave for the work."""
HOURS = 4.0
"""How long the whole run may take."""
BYTES_EVENT, BYTES_PAIR, BYTES_ROW = 40, 12, 21
"""An event as Parquet before compression; a pair in a sparse matrix; a row of recommendations."""


class Shop(NamedTuple):
    """A size, in which everything else is counted."""

    users: float
    products: float

    @property
    def interactions(self) -> float:
        """Events of the log."""
        return self.users * EVENTS_OF_USER

    @property
    def pairs(self) -> float:
        """Training pairs."""
        return self.users * PAIRS_OF_USER


def operations(shop: Shop) -> dict[str, float]:
    """Count what each stage cannot do without: rows read, or multiplications and additions."""
    rows = shop.users + shop.products
    return {
        "generation": shop.interactions,
        "splits": shop.interactions,
        "popularity": shop.interactions,
        "als": ITERATIONS * SWEEPS * (2 * 2 * FACTORS * shop.pairs + FACTORS**2 * rows),
        "item_cf": shop.pairs * PAIRS_OF_USER,
        "content_based": shop.products,
        "hybrid": 1.0,
        "recommending": shop.users * shop.products * (FACTORS + MODELS),
        "metrics": MODELS * TOP_K * shop.users,
    }


def sizes(shop: Shop) -> dict[str, tuple[float, float]]:
    """Return bytes of each stage: what it writes, and what one process must hold at once."""
    factors = 4 * FACTORS * (shop.users + shop.products)
    pairs = BYTES_PAIR * shop.pairs
    neighbours = BYTES_PAIR * NEIGHBOURS * shop.products
    lists = BYTES_ROW * MODELS * TOP_K * shop.users
    return {
        "generation": (BYTES_EVENT * shop.interactions, 0.0),
        "splits": (BYTES_EVENT * shop.interactions + 2 * pairs, 0.0),
        "popularity": (16 * shop.products, 16 * shop.products),
        # The pairs by user and by product.
        "als": (factors, factors + 2 * pairs),
        "item_cf": (neighbours, neighbours + 2 * pairs),
        "content_based": (4 * BYTES_PAIR * shop.products, 4 * BYTES_PAIR * shop.products),
        "hybrid": (0.0, 0.0),
        "recommending": (lists, factors + neighbours + pairs),
        "metrics": (8 * 12 * MODELS * shop.users, lists / MODELS),
    }


def seconds(points: Sequence[Mapping], shop: Shop) -> dict[str, float]:
    """Return seconds of each stage on the machine that the points were measured on."""
    base = max(points, key=lambda point: point["users"] * point["products"])
    measured = Shop(base["users"], base["products"])
    needed, did = operations(shop), operations(measured)
    growth = {axis: getattr(shop, axis) / base[axis] for axis in AXES}
    costs = {}
    for stage, found in base["stages"].items():
        by_growth = found["seconds"]
        for axis in AXES:
            own = [point for point in points if point["axis"] == axis]
            slope = exponent(
                [point["factor"] for point in own],
                [point["stages"][stage]["seconds"] for point in own],
            )
            # No stage gets cheaper with the shop; below 0 is noise.
            by_growth *= growth[axis] ** max(slope, 0.0)
        by_operations = found["seconds"] * needed[stage] / did[stage]
        costs[stage] = max(by_growth, by_operations)
    return costs


def main() -> None:
    """Print a table for each shop and one of clusters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("growth", type=Path, help="what growth.py --json kept")
    points = json.loads(parser.parse_args().growth.read_text())
    clusters = []
    for users, products in SHOPS:
        shop = Shop(users, products)
        print(f"\n### {users / 1e6:,.0f}M users × {products / 1e6:,.0f}M products\n")
        print("| stage | written GB | held at once GB | operations | hours on one machine |")
        print("|---|---:|---:|---:|---:|")
        costs, space = seconds(points, shop), sizes(shop)
        for stage, needed in operations(shop).items():
            written, held = space[stage]
            print(
                f"| {stage} | {written / 1e9:,.1f} | {held / 1e9:,.1f} | {needed:.1e}"
                f" | {costs[stage] / 3600:,.1f} |"
            )
        clusters.append(cluster(shop, sum(costs.values()), max(held for _, held in space.values())))
    print("\n### Clusters\n")
    print(
        "| users | products | core-hours | held at once GB"
        f" | executors of {EXECUTOR_CORES} cores and {EXECUTOR_GIGABYTES} GB | hours |"
    )
    print("|---:|---:|---:|---:|---:|---:|")
    print("\n".join(clusters))


def cluster(shop: Shop, whole_seconds: float, held: float) -> str:
    """Return the row of the cluster that is done in ``HOURS`` and holds what must be held."""
    core_hours = whole_seconds * CORES / 3600
    by_time = core_hours / EFFICIENCY / HOURS / EXECUTOR_CORES
    by_memory = held / (EFFICIENCY * EXECUTOR_GIGABYTES * 1e9)
    executors = max(1, round(max(by_time, by_memory) + 0.5))
    hours = core_hours / EFFICIENCY / EXECUTOR_CORES / executors
    return (
        f"| {shop.users / 1e6:,.0f}M | {shop.products / 1e6:,.0f}M | {core_hours:,.0f}"
        f" | {held / 1e9:,.0f} | {executors:,} | {hours:,.1f} |"
    )


if __name__ == "__main__":
    main()
