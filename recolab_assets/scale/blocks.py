"""What Spark's executors run on Arrow batches: the functions of one machine, a shard at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from implicit.nearest_neighbours import NearestNeighboursScorer
from scipy.sparse import csr_matrix

from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import user_metrics
from recolab_assets.models import MODELS, load_models
from recolab_assets.models.item_cf import nearest
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.product_blocks import Shard, best_of_block, lists_of_blocks
from recolab_assets.models.recommend import recommend_blocks
from recolab_assets.models.training import TrainingData
from recolab_assets.scale.item_side import ItemSide
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


def rank(side: Shared[ItemSide]) -> Callable[[Batches], Batches]:
    """Rank products for the users of each shard.

    Rows are (shard, user_id, product_id, weight, factors): a training pair, a user's factors, or
    neither, so that a shard without any is there too.
    """

    def one(shard: int, rows: pa.Table) -> pa.Table:
        known, config = side.value, side.value.config
        rows = _moved(rows, -shard * SHARD_USERS)
        popularity = known.tables["popularity"]
        data = TrainingData.from_tables(
            rows.filter(pc.is_valid(rows["product_id"])),
            popularity.select(["product_id"]),
            popularity,
            _n_users(known, shard),
        )
        models = load_models({**known.tables, "als_user_factors": _factors(rows)}, data)
        lists = recommend_blocks(
            models,
            data,
            top_k=config.top_k,
            candidate_depth=config.candidate_depth,
            exclude_seen=config.exclude_seen,
            block_size=SHARD_USERS,
            n_threads=1,
        )
        return _listed(shard, lists)

    return of_shards(one)


def rank_block(block: Shared[ItemSide]) -> Callable[[Batches], Batches]:
    """Rank the products of one block for the users of each shard.

    Rows are those of :func:`rank` with a column term: where it is there, the row is a term of a
    product that a user of the shard has, with its weight.

    Returns:
        A function whose rows are (shard, user_id, model, products, scores, popularity): the best of
        the block by every model that blends no others.
    """

    def one(shard: int, rows: pa.Table) -> pa.Table:
        known, config = block.value, block.value.config
        rows = _moved(rows, -shard * SHARD_USERS)
        is_term = pc.is_valid(rows["term"])
        users = Shard(
            _n_users(known, shard),
            rows.filter(pc.and_(pc.is_valid(rows["product_id"]), pc.invert(is_term))),
            {"als_user_factors": _factors(rows), "content_based": rows.filter(is_term)},
        )
        depth = max(config.top_k, config.candidate_depth)
        found = best_of_block(known.tables, users, depth, exclude_seen=config.exclude_seen)
        shards = pa.repeat(pa.scalar(shard, pa.int64()), found.num_rows)
        return _moved(found.add_column(0, "shard", shards), shard * SHARD_USERS)

    return of_shards(one)


def merge_blocks(blends: ItemSide) -> Callable[[Batches], Batches]:
    """Make the lists of the users of each shard from the best of all blocks of products.

    Args:
        blends: Of the tables, those of models that blend others.

    Returns:
        A function of rows (shard, user_id, product_id, weight, model, products, scores,
        popularity): training pairs, and what :func:`rank_block` gave.
    """

    def one(shard: int, rows: pa.Table) -> pa.Table:
        config = blends.config
        rows = _moved(rows, -shard * SHARD_USERS)
        lists = lists_of_blocks(
            rows.filter(pc.is_valid(rows["model"])),
            blends.tables,
            Shard(_n_users(blends, shard), rows.filter(pc.is_valid(rows["product_id"])), {}),
            top_k=config.top_k,
            candidate_depth=config.candidate_depth,
            exclude_seen=config.exclude_seen,
        )
        return _listed(shard, lists)

    return of_shards(one)


def _n_users(side: ItemSide, shard: int) -> int:
    """Return how many users a shard has."""
    return min(SHARD_USERS, side.n_users - shard * SHARD_USERS)


def _moved(rows: pa.Table, by: int) -> pa.Table:
    """Number users otherwise: those of a shard from 0, as those of a shop of their own, or back."""
    users = pc.add(rows["user_id"], by).cast(pa.int32())
    return rows.set_column(rows.column_names.index("user_id"), "user_id", users)


def _factors(rows: pa.Table) -> pa.Table:
    """Take the rows that hold a user's factors."""
    return rows.filter(pc.is_valid(rows["factors"])).select(["user_id", "factors"])


def _listed(shard: int, lists: Iterable[Mapping[str, RecommendationLists]]) -> pa.Table:
    """Return the rows of all models' lists for the users of a shard."""
    parts = [part.to_table(name) for block in lists for name, part in block.items()]
    return _moved(pa.concat_tables(parts), shard * SHARD_USERS)


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
