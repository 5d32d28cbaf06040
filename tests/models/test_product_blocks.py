"""Blocks of products: slices, ranked apart and merged, are the lists of all products at once."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from recolab_assets.config import ModelConfig
from recolab_assets.models import MODELS, als, fit_models, load_models, product_blocks
from recolab_assets.models.product_blocks import Shard, best_of_block, lists_of_blocks
from recolab_assets.models.recommend import recommend_blocks
from tests.models.conftest import training_data

HYBRID = ("hybrid_pop_weight", "hybrid_als_weight", "hybrid_itemcf_weight", "hybrid_cb_weight")
TOP_K, DEPTH = 5, 7
SETTINGS = [
    ModelConfig(
        als_factors=2,
        als_iterations=1,
        itemcf_k_neighbours=3,
        top_k=TOP_K,
        candidate_depth=DEPTH,
        **dict(zip(HYBRID, weights, strict=True)),
    )
    for weights in [(0.1, 0.4, 0.3, 0.2), (0.0, 0.5, 0.5, 0.0), (1.0, 0.0, 0.0, 0.0)]
]


def pairs_of(data):
    pairs = data.pairs.tocoo()
    users, products = (ids.astype(np.int32) for ids in pairs.coords)
    return pa.table({"user_id": users, "product_id": products, "weight": pairs.data})


def tables_of(models):
    return {name: table for model in models.values() for name, table in model.to_tables().items()}


def slice_of(tables, products):
    """What an executor is sent of the models' tables for a block of products."""
    sliced = {name: table for name, table in tables.items() if name != "als_user_factors"}
    for name, column in product_blocks.SCORED.items():
        rows = tables[name]
        sliced[name] = rows.filter(pc.is_in(rows[column], pa.array(products, pa.int32())))
    return sliced


def by_blocks(tables, data, blocks, *, top_k=TOP_K, depth=DEPTH, exclude_seen=True):
    pairs = pairs_of(data)
    own = {"als_user_factors": tables["als_user_factors"]}
    for name in (name for model in MODELS.values() for name in model.profiling):
        rows = tables[name]
        own[name] = rows.filter(pc.is_in(rows["product_id"], pairs["product_id"]))
    shard = Shard(data.n_users, pairs, own)
    found = [
        best_of_block(slice_of(tables, block), shard, max(top_k, depth), exclude_seen=exclude_seen)
        for block in blocks
    ]
    (lists,) = lists_of_blocks(
        pa.concat_tables(found[::-1]),
        {"hybrid": tables["hybrid"]},
        shard,
        top_k=top_k,
        candidate_depth=depth,
        exclude_seen=exclude_seen,
    )
    return lists


def whole(tables, data, *, top_k=TOP_K, depth=DEPTH, exclude_seen=True):
    (lists,) = recommend_blocks(
        load_models(tables, data),
        data,
        top_k=top_k,
        candidate_depth=depth,
        exclude_seen=exclude_seen,
        n_threads=1,
    )
    return lists


def assert_same(found, expected):
    assert list(found) == list(expected) == list(MODELS)
    for name, lists in expected.items():
        assert found[name].to_table(name) == lists.to_table(name), name


@st.composite
def small_shops(draw):
    """Training data, the models' tables, and blocks: with many ties, and sums that are exact."""
    n_users, n_products = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    cells = st.tuples(st.integers(0, n_users - 1), st.integers(0, n_products - 1))
    pairs = [(*cell, draw(st.sampled_from([0.0, 1.0, 2.0]))) for cell in draw(st.sets(cells))]
    few = st.sampled_from([None, "a", "b"])
    attributes = {
        name: pa.array(draw(st.lists(few, min_size=n_products, max_size=n_products)), pa.string())
        for name in ("category", "brand")
    }
    popularity = draw(
        st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=n_products, max_size=n_products)
    )
    data = training_data(pairs, n_users, n_products, attributes, np.array(popularity))
    tables = tables_of(fit_models(data, draw(st.sampled_from(SETTINGS)), 3))
    # Whole numbers as factors: sums of theirs are exact, in whatever shape BLAS is given them.
    for name in ("als_user_factors", "als_item_factors"):
        ids = tables[name].column_names[0]
        factors = [
            draw(st.lists(st.integers(-1, 1), min_size=2, max_size=2)) for _ in tables[name][ids]
        ]
        made = pa.array(factors, tables[name].schema.field("factors").type)
        tables[name] = tables[name].set_column(1, "factors", made)
    block_of = draw(st.lists(st.integers(0, 3), min_size=n_products, max_size=n_products))
    blocks = [np.flatnonzero(np.array(block_of) == block) for block in set(block_of)]
    return data, tables, blocks


@given(shop=small_shops(), exclude_seen=st.booleans())
@examples(max_examples=150, deadline=None)
def test_any_blocks_give_the_lists_of_all_products(shop, exclude_seen):
    data, tables, blocks = shop
    expected = whole(tables, data, exclude_seen=exclude_seen)
    assert_same(by_blocks(tables, data, blocks, exclude_seen=exclude_seen), expected)


@pytest.mark.parametrize("n_blocks", [1, 2, 6])
def test_blocks_of_whole_stretches_give_the_same_bits(shop, settings, monkeypatch, n_blocks):
    monkeypatch.setattr(als, "STRETCH", 16)
    tables = tables_of(fit_models(shop.data, settings, 5))
    sizes = {"top_k": settings.top_k, "depth": settings.candidate_depth}
    blocks = list(blocks_of(tables, 16, n_blocks))
    assert sum(map(len, blocks)) == shop.data.n_products
    found = by_blocks(tables, shop.data, blocks, **sizes)
    assert_same(found, whole(tables, shop.data, **sizes))


def blocks_of(tables, stretch, n_blocks):
    """The products of each block, by the SQL that reads them from the database."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA models")
        for name in ("popularity", "als_item_factors"):
            connection.register("rows", tables[name])
            connection.execute(f"CREATE TABLE models.{name} AS FROM rows")
        for block in range(n_blocks):
            sizes = [stretch, n_blocks, block]
            found = connection.execute(f"FROM {product_blocks.OF_BLOCK}", sizes)
            yield found.fetchnumpy()["product_id"]


def test_a_block_begins_where_a_stretch_of_als_does(make_data, settings):
    # Products 0 and 3 are popular, but nothing is learned of them.
    pairs = [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0), (1, 4, 1.0), (1, 0, 0.0)]
    data = make_data(pairs, 2, 5, popularity=np.array([9.0, 1.0, 3.0, 8.0, 1.0]))
    tables = tables_of(fit_models(data, settings, 5))
    assert [set(block.tolist()) for block in blocks_of(tables, 2, 2)] == [{2, 1, 3}, {4, 0}]
    assert [set(block.tolist()) for block in blocks_of(tables, 2, 3)] == [{2, 1}, {4, 0}, {3}]


def test_a_user_who_has_seen_all_of_a_block_and_one_who_has_seen_everything(make_data, settings):
    attributes = {"category": ["a", "a", "b", "b", "a", "b"]}
    pairs = [(0, product, 1.0) for product in range(3)]
    pairs += [(1, product, 1.0) for product in range(6)] + [(2, 5, 1.0), (2, 0, 2.0)]
    data = make_data(pairs, 4, 6, attributes)
    tables = tables_of(fit_models(data, settings, 5))
    tables["als_item_factors"] = tables["als_item_factors"].slice(0, 0)
    expected = whole(tables, data)
    for blocks in (
        [[0, 1, 2], [3, 4, 5]],
        [[5, 0], [4], [1, 2, 3]],
        [[0], [1], [2], [3], [4], [5]],
    ):
        assert_same(by_blocks(tables, data, blocks), expected)
    assert expected["item_cf"].lengths.tolist() == [3, 0, 4, 5]
    assert expected["als"].is_fallback.all()
