"""Ranking where the products do not fit whole: block after block, then the best of all blocks.

A product's score depends on its own rows of a model's tables and on the user, so a block of
products is ranked with nothing of the others. Ids are made dense for a block, as those of a shop of
its own, in the order that they have: sums are then added, and ties broken, as with all products.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.models import MODELS
from recolab_assets.models.base import Candidates, Ranker
from recolab_assets.models.lists import NO_PRODUCT, RecommendationLists
from recolab_assets.models.ranking import empty_keys, top_of_lists, unpack
from recolab_assets.models.recommend import recommend_blocks
from recolab_assets.models.training import TrainingData
from recolab_assets.tables import MODEL_TABLES

BASE: Final = tuple(name for name, model in MODELS.items() if not model.components)
"""Models that are ranked by blocks; what blends them follows from their best."""

SCORED: Final = {table: column for name in BASE for table, column in MODELS[name].scored.items()}
"""By table, the column of the product that a row helps to score."""

OF_BLOCK: Final = """(
    SELECT product_id FROM (
        SELECT p.product_id, row_number() OVER (
            ORDER BY f.product_id IS NULL, p.score DESC, p.product_id
        ) - 1 AS place
        FROM models.popularity AS p LEFT JOIN models.als_item_factors AS f USING (product_id)
    ) WHERE place // ? % ? = ?
)"""
"""SQL of the products of a block, given the size of a stretch, the number of blocks, and its own.

ALS scores its products in popularity order, a stretch at a time, and BLAS rounds by the shape of a
stretch. So products with factors come first, and stretches are kept whole. They are dealt to the
blocks in turn, since popular products have more rows.
"""

_PRODUCT_COLUMNS = ("product_id", "neighbour_id")


@dataclass(frozen=True, eq=False)
class Shard:
    """What is known of a shard of users.

    Attributes:
        n_users: Users, numbered from 0.
        pairs: user_id, product_id and weight of their training pairs.
        tables: ``als_user_factors`` of the users; of tables that are ``profiling``, the rows of
            products in the pairs.
    """

    n_users: int
    pairs: pa.Table
    tables: Mapping[str, pa.Table]


def best_of_block(
    block: Mapping[str, pa.Table], shard: Shard, depth: int, *, exclude_seen: bool
) -> pa.Table:
    """Rank the products of one block for the users of a shard, with every base model.

    Args:
        block: Tables of the models but those of ``shard``; of ``SCORED``, the rows of the block.
        shard: Its pairs are with products of all blocks.
        depth: Most products a list.
        exclude_seen: Leave out what a user has in training.

    Returns:
        A row a model and user: user_id, model, and lists of products (best first), their scores
        and their popularity.
    """
    own = np.sort(block["popularity"]["product_id"].to_numpy())
    known = np.union1d(own, shard.pairs["product_id"].to_numpy())
    offered = np.isin(known, own)
    tables = {name: _renumbered(table, known) for name, table in block.items()}
    for name, rows in shard.tables.items():
        if name in tables:
            others = rows.filter(pc.invert(pc.is_in(rows["product_id"], pa.array(own))))
            both = [block[name], others.select(block[name].column_names)]
            tables[name] = _renumbered(pa.concat_tables(both, promote_options="permissive"), known)
        else:
            tables[name] = rows
    popularity = np.zeros(len(known))
    popularity[tables["popularity"]["product_id"].to_numpy()] = tables["popularity"]["score"]
    data = _data(shard.pairs, known, popularity, shard.n_users, offered)
    users = np.arange(shard.n_users, dtype=np.int32)
    parts = []
    for name in BASE:
        model = MODELS[name].from_tables({t: tables[t] for t in MODEL_TABLES[name]}, data)
        found = model.candidates(users, depth, exclude_seen=exclude_seen)
        parts.append(_to_rows(name, found, known, popularity))
    return pa.concat_tables(parts)


def lists_of_blocks(
    found: pa.Table,
    tables: Mapping[str, pa.Table],
    shard: Shard,
    *,
    top_k: int,
    candidate_depth: int,
    exclude_seen: bool,
) -> Iterator[dict[str, RecommendationLists]]:
    """Yield the lists of every model, as ``recommend_blocks`` does, from the best of all blocks.

    Args:
        found: Rows of :func:`best_of_block` of all blocks, to a depth of at least ``top_k`` and
            ``candidate_depth``.
        tables: Tables of the models that blend.
        shard: Its users; no table is needed.
        top_k: Length of the lists.
        candidate_depth: Candidates that each model hands to a blend.
        exclude_seen: Leave out what a user has in training.
    """
    lengths = found["products"].combine_chunks().value_lengths().to_numpy()
    met = pa.array(_flat(found, "products")).dictionary_encode()
    order = np.argsort(met.dictionary.to_numpy())
    # A user's best by popularity are among them, so short lists are filled up as from all.
    known = met.dictionary.to_numpy()[order]
    products = np.argsort(order).astype(np.int32)[met.indices.to_numpy()]
    popularity = np.empty(len(known))
    popularity[products] = _flat(found, "popularity")
    data = _data(shard.pairs, known, popularity, shard.n_users)
    found = found.drop_columns(["products", "popularity"]).append_column(
        "products", pa.ListArray.from_arrays(_starts(lengths), products)
    )
    depth = max(top_k, candidate_depth)
    models: dict[str, Ranker] = {}
    for name, model in MODELS.items():
        if model.components:
            models[name] = model.from_tables({t: tables[t] for t in MODEL_TABLES[name]}, data)
        else:
            models[name] = _Found(data, found.filter(pc.equal(found["model"], name)), depth)
    for lists in recommend_blocks(
        models,
        data,
        top_k=top_k,
        candidate_depth=candidate_depth,
        exclude_seen=exclude_seen,
        block_size=max(shard.n_users, 1),
        n_threads=1,
    ):
        yield {
            name: replace(own, products=_named(own.products, known)) for name, own in lists.items()
        }


class _Found(Ranker):
    """The best of the candidates that a model found in all blocks."""

    name = "found"

    def __init__(self, data: TrainingData, found: pa.Table, depth: int) -> None:
        """Take rows of :func:`best_of_block` of one model, with the ids of ``data``."""
        super().__init__(data)
        keys = empty_keys(data.n_users, depth)
        top_of_lists(
            np.array(found["user_id"], np.int32),
            _starts(found["products"].combine_chunks().value_lengths().to_numpy()),
            _flat(found, "products"),
            _flat(found, "scores"),
            data.popularity_position,
            keys,
        )
        self._best = Candidates(*unpack(keys, data.popularity_order))

    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        return Candidates(self._best.products[users, :depth], self._best.scores[users, :depth])


def _data(
    pairs: pa.Table,
    known: np.ndarray,
    popularity: np.ndarray,
    n_users: int,
    offered: np.ndarray | None = None,
) -> TrainingData:
    """Build training data of the products that are known here."""
    products = pa.table({"product_id": np.arange(len(known))})
    return TrainingData.from_tables(
        _renumbered(pairs, known), products, popularity, n_users, offered
    )


def _renumbered(table: pa.Table, known: np.ndarray) -> pa.Table:
    """Keep the rows whose products are among some, and number these from 0."""
    for name in _PRODUCT_COLUMNS:
        if name in table.column_names:
            table = table.filter(pc.is_in(table[name], pa.array(known)))
            places = pa.array(np.searchsorted(known, table[name].to_numpy()), pa.int32())
            table = table.set_column(table.column_names.index(name), name, places)
    return table


def _named(products: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give products that were numbered from 0 the ids that they have."""
    listed = products != NO_PRODUCT
    named = products.copy()
    named[listed] = known[products[listed]]
    return named


def _starts(lengths: np.ndarray) -> np.ndarray:
    """(n + 1,) int32 where each of n lists begins."""
    starts = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _flat(rows: pa.Table, name: str) -> np.ndarray:
    """Join a column of lists; a copy, as compiled code has another type for Arrow's arrays."""
    return np.array(rows[name].combine_chunks().flatten())


def _to_rows(model: str, found: Candidates, known: np.ndarray, popularity: np.ndarray) -> pa.Table:
    """Return a row a user, with the candidates of one model as lists without pads."""
    listed = found.products != NO_PRODUCT
    offsets = _starts(listed.sum(axis=1))
    products = found.products[listed]
    columns = {
        "products": known[products].astype(np.int32),
        "scores": found.scores[listed],
        "popularity": popularity[products],
    }
    rows = {name: pa.ListArray.from_arrays(offsets, flat) for name, flat in columns.items()}
    users = pa.array(np.arange(len(listed), dtype=np.int32))
    return pa.table({"user_id": users, "model": pa.repeat(model, len(users)), **rows})
