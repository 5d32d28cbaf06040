"""The scoring kernel against its floor: `uv run python benchmarks/kernel.py`.

Ranks the exact top 20 of all products for every user of the default shop, seen products excluded,
by the ALS factors that the lab fits. The floor is the product of the two matrices of factors alone,
a group of users at a time into one buffer a thread: nothing that scores every product exactly can
be faster. All contestants have the same factors, two outer threads (or what `--threads` says) and
BLAS on one thread each. Times are medians over the rounds, in which all take turns, with the range;
seconds of the processor are summed over the threads and depend less on what else the machine does.
Prints Markdown.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from work import shop_tables

from recolab_assets.config import ROOT, load_config
from recolab_assets.models.als import ALS
from recolab_assets.models.blas import single_blas_thread
from recolab_assets.models.training import TrainingData

K = 20
GROUP = 128
BLOCK = 4096
AIM = 1.8
"""How many times the product the lab's kernel may take."""


def main() -> None:
    """Fit, let all take turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds behind each median")
    parser.add_argument("--threads", type=int, default=2, help="outer threads")
    arguments = parser.parse_args()
    config = load_config(ROOT / "config" / "config.yaml")
    tables = shop_tables(config)
    data = TrainingData.from_tables(
        tables["pairs"],
        tables["products"],
        np.bincount(tables["pairs"]["product_id"], minlength=config.data.n_products),
        config.data.n_users,
    )
    kernels = contestants(data, ALS.fit(data, config.model, config.data.random_seed))
    with single_blas_thread(), ThreadPoolExecutor(arguments.threads) as pool:
        lists = {name: ranked(pool) for name, ranked in kernels.items()}
        timed: dict[str, list[tuple[float, float]]] = {name: [] for name in kernels}
        for _ in range(arguments.rounds):
            for name, ranked in kernels.items():
                began = time.perf_counter(), time.process_time()
                ranked(pool)
                ended = time.perf_counter(), time.process_time()
                timed[name].append((ended[0] - began[0], ended[1] - began[1]))
    print_table(timed, {name: found for name, found in lists.items() if found is not None})


def contestants(
    data: TrainingData, model: ALS
) -> dict[str, Callable[[ThreadPoolExecutor], np.ndarray | None]]:
    """Return what ranks, by name; each returns (n_users, K) products, the product nothing."""
    tables = model.to_tables()
    products = tables["als_item_factors"]["product_id"].to_numpy()
    of_users, of_products = (
        np.stack(tables[f"als_{side}_factors"]["factors"].to_numpy()) for side in ("user", "item")
    )
    users = tables["als_user_factors"]["user_id"].to_numpy()
    seen = csr_matrix(data.pairs[users][:, products])
    library = AlternatingLeastSquares(factors=of_users.shape[1], num_threads=0)
    library.user_factors, library.item_factors = of_users, of_products
    groups = [slice(low, low + GROUP) for low in range(0, len(users), GROUP)]
    blocks = [users[low : low + BLOCK] for low in range(0, len(users), BLOCK)]

    def multiplied(pool: ThreadPoolExecutor) -> None:
        workers = pool._max_workers  # noqa: SLF001  # no public way to ask
        parts = [groups[start::workers] for start in range(workers)]
        list(pool.map(partial(multiply, of_users, of_products), parts))

    def argpartition(pool: ThreadPoolExecutor) -> np.ndarray:
        rank = partial(partitioned, of_users, of_products, seen)
        return products[np.concatenate(list(pool.map(rank, groups)))]

    def by_library(pool: ThreadPoolExecutor) -> np.ndarray:
        # Its own threads, as many as there are cores.
        return products[library.recommend(np.arange(len(users)), seen, N=K)[0]]

    def by_recolab(pool: ThreadPoolExecutor) -> np.ndarray:
        found = pool.map(lambda block: model.candidates(block, K).products, blocks)
        return np.concatenate(list(found))

    return {
        "matrix product alone": multiplied,
        "RecoLab": by_recolab,
        "implicit's top K": by_library,
        "numpy argpartition": argpartition,
    }


def multiply(of_users: np.ndarray, of_products: np.ndarray, groups: list[slice]) -> None:
    """Score groups of users into one buffer."""
    buffer = np.empty((GROUP, len(of_products)), np.float32)
    for group in groups:
        own = of_users[group]
        np.matmul(own, of_products.T, out=buffer[: len(own)])


def partitioned(
    of_users: np.ndarray, of_products: np.ndarray, seen: np.ndarray, group: slice
) -> np.ndarray:
    """Rank one group with numpy."""
    scores = of_users[group] @ of_products.T
    scores[seen[group].nonzero()] = -np.inf
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def print_table(timed: dict[str, list[tuple[float, float]]], lists: dict[str, np.ndarray]) -> None:
    """Print times, their ratio to the floor, and how many lists are those of RecoLab."""
    floor = np.median(np.array(timed["matrix product alone"]), axis=0)
    print("| | seconds | range | × product | processor s | × product | same lists |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, measured in timed.items():
        wall, processor = zip(*measured, strict=True)
        seconds, worked = statistics.median(wall), statistics.median(processor)
        same = "–"
        if name in lists:
            same = f"{(lists[name] == lists['RecoLab']).all(axis=1).mean():.2%}"
        print(
            f"| {name} | {seconds:.2f} | {min(wall):.2f}–{max(wall):.2f} | {seconds / floor[0]:.2f}"
            f" | {worked:.2f} | {worked / floor[1]:.2f} | {same} |"
        )
    print(
        f"\nAim: RecoLab within {AIM} times the product. Other lists differ where scores are equal"
        " but for rounding."
    )


if __name__ == "__main__":
    main()
