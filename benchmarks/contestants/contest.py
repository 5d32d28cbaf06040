"""What every contestant shares: the data, the clock, the report. Needs only numpy and pyarrow."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

FACTORS, ITERATIONS, REGULARIZATION, ALPHA = 64, 20, 80.0, 40.0
NEIGHBOURS = 50
K = 20


class Contest:
    """The work of one contestant, in the folder that the command line names.

    Attributes:
        folder: Where the data lie and the results go.
        pairs: Training pairs: columns user_id, product_id, weight.
        relevant: What the users meet after the cut: columns user_id, product_id.
        users: (n,) the users of ``relevant``, ascending: who gets lists.
    """

    def __init__(self) -> None:
        self.folder, self._name = Path(sys.argv[1]), sys.argv[2]
        self.pairs = pq.read_table(self.folder / "pairs.parquet")
        self.relevant = pq.read_table(self.folder / "relevant.parquet")
        self.users = np.unique(self.relevant["user_id"].to_numpy())
        self._seconds: dict[str, float] = {}
        self._lists: dict[str, np.ndarray] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; steps of the same name add up."""
        began = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began

    def keep(self, model: str, users: np.ndarray, products: np.ndarray) -> None:
        """Keep lists, so that one ruler can measure those of all contestants.

        Args:
            model: popularity, als or item_cf.
            users: (n,) owners of the lists.
            products: (n, K) products, best first, -1 pads; or (n,) with repeated users, rows in
                the order of ranks.
        """
        if products.ndim == 1:
            order = np.argsort(users, kind="stable")
            owners, starts, counts = np.unique(users, return_index=True, return_counts=True)
            lists = np.full((len(owners), K), -1)
            places = np.arange(len(users)) - np.repeat(starts, counts)
            lists[np.repeat(np.arange(len(owners)), counts), places] = products[order]
            users, products = owners, lists
        self._lists[f"{model}_users"], self._lists[f"{model}_products"] = users, products

    def report(self, version: str) -> None:
        """Write what was measured beside the data."""
        np.savez(self.folder / f"{self._name}.npz", **self._lists)
        report = {
            "version": version,
            "seconds": self._seconds,
            "peak": peak_bytes(),
        }
        (self.folder / f"{self._name}.json").write_text(json.dumps(report))


def peak_bytes() -> int:
    """Return the most memory that this process has had resident; not its parent's, as getrusage."""
    [line] = [
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return int(line.split()[1]) * 1024
