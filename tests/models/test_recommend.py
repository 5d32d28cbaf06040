"""The pass over all users: each model once a block, streamed in order, bounded in memory."""

import threading
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.models import MODELS, fit_models, load_models
from recolab_assets.models.recommend import recommend_blocks, recommendation_batches
from recolab_assets.tables import MODEL_TABLES, TABLES

ORDER = [("model", "ascending"), ("user_id", "ascending"), ("rank", "ascending")]


@pytest.fixture(scope="module")
def models(shop, settings):
    return fit_models(shop.data, settings, 5)


def stream(models, data, **changes):
    return recommendation_batches(models, data, **{"top_k": 10, "candidate_depth": 40, **changes})


def test_stream_is_the_table_of_the_registry(models, shop):
    reader = stream(models, shop.data, block_size=100)
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema.equals(TABLES["recommendations"].arrow_schema)
    table = reader.read_all()
    assert table.num_rows == 5 * 260 * 10
    keys = table.select(["model", "user_id", "rank"]).to_pylist()
    names = list(MODELS)
    expected = [
        {"model": name, "user_id": user, "rank": rank}
        for block in (range(100), range(100, 200), range(200, 260))
        for name in names
        for user in block
        for rank in range(1, 11)
    ]
    assert keys == expected


def test_stream_of_loaded_models_is_that_of_fitted_ones(models, shop):
    tables = {name: t for model in models.values() for name, t in model.to_tables().items()}
    assert set(tables) == {name for names in MODEL_TABLES.values() for name in names}
    loaded = load_models(tables, shop.data)
    fitted = stream(models, shop.data).read_all()
    assert stream(loaded, shop.data, block_size=33).read_all().sort_by(ORDER) == fitted.sort_by(
        ORDER
    )


def test_every_model_ranks_each_block_once(models, shop, monkeypatch):
    calls, lock = Counter(), threading.Lock()
    for name, model in models.items():

        def counted(users, depth, *rest, _name=name, _rank=model._rank):
            with lock:
                calls[_name, int(users[0]), depth] += 1
            return _rank(users, depth, *rest)

        monkeypatch.setattr(model, "_rank", counted)
    list(recommend_blocks(models, shop.data, top_k=10, candidate_depth=40, block_size=130))
    assert set(calls.values()) == {1}
    depths = {name: 10 if name == "hybrid" else 40 for name in MODELS}
    assert set(calls) == {(name, first, depths[name]) for name in MODELS for first in (0, 130)}


def test_blocks_are_worked_on_no_faster_than_they_are_taken(models, shop, monkeypatch):
    started = []
    popular = models["popularity"]
    rank = popular._rank
    monkeypatch.setattr(
        popular, "_rank", lambda users, *rest: (started.append(users[0]), rank(users, *rest))[1]
    )
    blocks = recommend_blocks(
        {"popularity": popular}, shop.data, top_k=3, candidate_depth=3, block_size=10, n_threads=2
    )
    next(blocks)
    blocks.close()
    assert len(started) <= 3


def test_progress_counts_users(models, shop):
    told = []
    for _ in recommend_blocks(
        models,
        shop.data,
        top_k=5,
        candidate_depth=5,
        block_size=100,
        progress=lambda done, total: told.append((done, total)),
    ):
        pass
    assert told == [(100, 260), (200, 260), (260, 260)]


def test_some_users_get_the_lists_they_get_among_all(models, shop):
    some = np.array([1, 40, 131, 250, 255], np.int32)
    blocks = list(
        recommend_blocks(models, shop.data, top_k=10, candidate_depth=40, users=some, block_size=2)
    )
    (whole,) = recommend_blocks(models, shop.data, top_k=10, candidate_depth=40)
    assert [block["als"].users.tolist() for block in blocks] == [[1, 40], [131, 250], [255]]
    for name in MODELS:
        found = np.vstack([block[name].products for block in blocks])
        np.testing.assert_array_equal(found, whole[name].products[some])


def test_candidate_depth_bounds_what_the_hybrid_sees(models, shop, settings):
    shallow = settings.model_copy(update={"candidate_depth": 10})
    hybrid = MODELS["hybrid"].fit(shop.data, shallow, 5, models)
    given = {**models, "hybrid": hybrid}
    (lists,) = recommend_blocks(given, shop.data, top_k=10, candidate_depth=10)
    for user in range(50):
        union = {p for name in hybrid.components for p in lists[name].products[user].tolist()}
        assert set(lists["hybrid"].products[user].tolist()) <= union


def test_allowed_repeats_reach_every_model(models, shop):
    (lists,) = recommend_blocks(models, shop.data, top_k=10, candidate_depth=40, exclude_seen=False)
    seen = np.asarray(shop.data.pairs.todense()) > 0
    for name in MODELS:
        assert seen[np.arange(260)[:, None], lists[name].products].any(), name


def test_an_error_in_a_model_reaches_the_caller(models, shop, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory left")

    monkeypatch.setattr(models["als"], "_rank", fail)
    with pytest.raises(RuntimeError, match="no memory left"):
        list(recommend_blocks(models, shop.data, top_k=5, candidate_depth=5, block_size=50))


@pytest.mark.parametrize("name", ["top_k", "candidate_depth", "block_size"])
def test_sizes_below_one_are_refused(models, shop, name):
    sizes = {"top_k": 5, "candidate_depth": 5, "block_size": 5, name: 0}
    with pytest.raises(ValueError, match="must be at least 1"):
        list(recommend_blocks(models, shop.data, **sizes))


def test_a_shop_without_users_streams_no_rows(make_data, settings):
    data = make_data([], 0, 3)
    table = stream(fit_models(data, settings, 1), data).read_all()
    assert table.num_rows == 0
