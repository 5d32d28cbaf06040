"""What Spark's executors run on Arrow batches: the functions of one machine, a shard at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from implicit.nearest_neighbours import NearestNeighboursScorer
from scipy.sparse import csr_matrix

from recolab_assets.config import ModelConfig
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import user_metrics
from recolab_assets.models import MODELS, load_models
from recolab_assets.models.als import confidence_of, solve_users
from recolab_assets.models.item_cf import nearest
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.recommend import recommend_blocks
from recolab_assets.models.training import TrainingData
from recolab_assets.shop.synthetic import EventLog
from recolab_assets.tables import TABLES

SHARD_USERS: Final = 4096
"""Users of a shard; a multiple of the group that ALS scores at once, so that no score changes."""

Batches = Iterator[pa.RecordBatch]
T_co = TypeVar("T_co", covariant=True)


class Shared(Protocol[T_co]):
    """What Spark sends to every executor once."""

    @property
    def value(self) -> T_co:
        """The value."""


def of_shards(function: Callable[[int, pa.Table], pa.Table]) -> Callable[[Batches], Batches]:
    """Let a function see the rows of a shard together.

    Args:
        function: Takes the number of a shard and its rows.

    Returns:
        What ``mapInArrow`` takes; its rows must be ordered by their first column, the shard.
    """

    def run(batches: Batches) -> Batches:
        for shard, rows in _shards(batches):
            yield from function(shard, rows).to_batches()

    return run


def _shards(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    """Cut ordered batches where the shard changes, and join what belongs together."""
    waiting: list[pa.RecordBatch] = []
    current = -1
    for batch in batches:
        shards = batch.column(0).to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(shards)) + 1).tolist(), len(shards)]
        for low, high in pairwise(cuts):
            if low == high:
                continue
            if shards[low] != current and waiting:
                yield current, pa.Table.from_batches(waiting)
                waiting = []
            current = int(shards[low])
            waiting.append(batch.slice(low, high - low))
    if waiting:
        yield current, pa.Table.from_batches(waiting)


def generate(log: Shared[EventLog]) -> Callable[[Batches], Batches]:
    """Generate the events of the shards whose numbers come in."""

    def run(batches: Batches) -> Batches:
        schema = TABLES["interactions"].arrow_schema
        for batch in batches:
            for shard in batch.column(0).to_pylist():
                events = pa.Table.from_batches([log.value.batch(shard)])
                yield from events.cast(schema).to_batches()

    return run


@dataclass(frozen=True)
class ItemSide:
    """All of the models but their users: small enough to be everywhere.

    Attributes:
        tables: Tables of the models by name, but for ``als_user_factors``.
        products: ``raw.products``.
        n_users: Users of the shop.
        config: Settings of the models.
    """

    tables: Mapping[str, pa.Table]
    products: pa.Table
    n_users: int
    config: ModelConfig


def rank(side: Shared[ItemSide]) -> Callable[[Batches], Batches]:
    """Rank products for the users of each shard.

    Rows are (shard, user_id, product_id, weight, factors): a training pair, a user's factors, or
    neither, so that a shard without any is there too.
    """

    def one(shard: int, rows: pa.Table) -> pa.Table:
        known, config = side.value, side.value.config
        low = shard * SHARD_USERS
        # Users of a shard are numbered from 0, as those of a shop of their own.
        rows = rows.set_column(1, "user_id", pc.subtract(rows["user_id"], low).cast(pa.int32()))
        pairs = rows.filter(pc.is_valid(rows["product_id"]))
        factors = rows.filter(pc.is_valid(rows["factors"])).select(["user_id", "factors"])
        data = TrainingData.from_tables(
            pairs, known.products, known.tables["popularity"], min(SHARD_USERS, known.n_users - low)
        )
        models = load_models({**known.tables, "als_user_factors": factors}, data)
        lists = recommend_blocks(
            models,
            data,
            top_k=config.top_k,
            candidate_depth=config.candidate_depth,
            exclude_seen=config.exclude_seen,
            block_size=SHARD_USERS,
            n_threads=1,
        )
        found = pa.concat_tables(
            part.to_table(name) for block in lists for name, part in block.items()
        )
        users = pc.add(found["user_id"], low).cast(pa.int32())
        return found.set_column(found.column_names.index("user_id"), "user_id", users)

    return of_shards(one)


def measure(k_values: Sequence[int], *, exclude_seen: bool) -> Callable[[Batches], Batches]:
    """Measure the lists of the users of each shard.

    Rows are (shard, model, user_id, rank, product_id): a place in a list, or without a model a
    product of the hold-out, which has rank 0, or of training, which has none.
    """

    def one(shard: int, rows: pa.Table) -> pa.Table:
        listed = pc.is_valid(rows["model"])
        of_user = rows.filter(pc.invert(listed))
        withheld = of_user.filter(pc.is_valid(of_user["rank"]))
        events = withheld.select(["user_id"]).append_column("item_id", withheld["product_id"])
        relevance = Relevance.from_tables(
            events.append_column("item_type", pa.repeat("product", events.num_rows)),
            of_user.filter(pc.is_null(of_user["rank"])),
            exclude_seen=exclude_seen,
        )
        k = max(k_values)
        lists = rows.filter(listed)
        by_model = (
            (
                model,
                RecommendationLists.from_table(lists.filter(pc.equal(lists["model"], model)), k),
            )
            for model in MODELS
        )
        return user_metrics(by_model, relevance, k_values).read_all()

    return of_shards(one)


def solve(
    product_factors: Shared[tuple[np.ndarray, np.ndarray]], alpha: float, regularization: float
) -> Callable[[Batches], Batches]:
    """Solve the users' half-step of ALS for the users of each shard.

    Args:
        product_factors: (p,) ids, ascending, and (p, f) float32 factors.
        alpha: Confidence that a unit of weight adds.
        regularization: λ of each user.

    Returns:
        A function of rows (shard, user_id, product_id, weight), the pairs with a weight above 0.
    """

    def one(shard: int, rows: pa.Table) -> pa.Table:
        products, factors = product_factors.value
        users, owners = np.unique(rows["user_id"].to_numpy(), return_inverse=True)
        columns = np.searchsorted(products, rows["product_id"].to_numpy())
        pairs = csr_matrix(
            (rows["weight"].to_numpy(), (owners, columns)), (len(users), len(products))
        )
        solved = solve_users(factors, confidence_of(pairs, alpha), regularization)
        offsets = np.arange(len(users) + 1, dtype=np.int32) * factors.shape[1]
        lists = pa.ListArray.from_arrays(offsets, solved.ravel())
        return pa.table({"user_id": users.astype(np.int32), "factors": lists})

    return of_shards(one)


def neighbours(n_products: int, k: int) -> Callable[[Batches], Batches]:
    """Find the neighbours of the products of each block, as ``implicit`` does for all at once.

    Returns:
        A function of rows (block, user_id, product_id, value, is_own): all pairs of the users who
        have a product of the block, with the pairs of products of the block marked as its own.
        Values are of unit length a product.
    """

    def one(block: int, rows: pa.Table) -> pa.Table:
        users, owners = np.unique(rows["user_id"].to_numpy(), return_inverse=True)
        # The scorer keeps its sums in as many places as there are rows.
        shape = (max(len(users), n_products), n_products)
        columns, values = rows["product_id"].to_numpy(), rows["value"].to_numpy()
        pairs = csr_matrix((values, (owners, columns)), shape)
        pairs.sort_indices()
        own = rows["is_own"].to_numpy()
        by_product = csr_matrix((values[own], (columns[own], owners[own])), shape[::-1])
        by_product.sort_indices()
        scorer = NearestNeighboursScorer(pairs)
        found = []
        for product in np.unique(columns[own]):
            row = slice(by_product.indptr[product], by_product.indptr[product + 1])
            who, weights = by_product.indices[row], by_product.data[row]
            ends = np.array([0, len(who)], np.int32)
            # One more, since a product counts as its own neighbour.
            ids, scores = scorer.recommend(ends, who, weights, K=k + 1, remove_own_likes=False)
            found.append((np.full(len(ids), product, np.int32), ids, scores))
        parts = [np.concatenate(part) for part in zip(*found, strict=True)]
        products, others, similarities = nearest(parts[0], parts[1], parts[2], k)
        return pa.table(
            {
                "product_id": products,
                "neighbour_id": others.astype(np.int32),
                "similarity": similarities,
            }
        )

    return of_shards(one)
