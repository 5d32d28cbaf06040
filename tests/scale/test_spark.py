"""Spark as real processes on this machine: the same tables as without it."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from recolab_assets.config import SplitConfig
from recolab_assets.evaluation import splits
from recolab_assets.models import MODELS
from recolab_assets.models.als import ALS
from recolab_assets.models.product_blocks import SCORED
from recolab_assets.models.training import TrainingData
from recolab_assets.scale import HoldOut, Training, blocks, engine_of
from recolab_assets.scale.item_side import ItemSide
from recolab_assets.shop.synthetic import SyntheticShop
from recolab_assets.sql import Select
from recolab_assets.storage import ParquetDataset, StoredTable
from recolab_assets.storage.contract import TableError
from recolab_assets.tables import TABLES
from tests.scale.cluster import CLUSTER, needs_spark
from tests.scale.conftest import SHOP
from tests.small_lab import WITHOUT_CHECKS, Lab

pytestmark = [needs_spark, pytest.mark.slow]

PER_USER = SplitConfig(method="per_user_latest")
WITHOUT_FACTORS = ["popularity", "item_cf", "content_based"]


def stored(lab: Lab, name: str) -> StoredTable:
    return StoredTable(lab.resource.database, TABLES[name].schema, name)


def rows_of(dataset: ParquetDataset) -> pa.Table:
    return pa.concat_tables(map(pq.read_table, sorted(dataset.folder.glob("*.parquet"))))


def assert_same_rows(found: pa.Table, expected: pa.Table) -> None:
    """Row for row and bit for bit, whatever the schemas say of absent values."""
    assert expected.num_rows
    assert found.column_names == expected.column_names
    for name in expected.column_names:
        assert found[name].to_pylist() == expected[name].to_pylist(), name


@pytest.mark.parametrize(
    "name",
    [
        "interactions",
        "train_interactions",
        "validation_interactions",
        "test_interactions",
        "train_pairs",
        "user_features",
        "item_features",
        "popularity",
        "item_cf",
        "content_based",
    ],
)
def test_tables_are_the_same_row_for_row(local: Lab, distributed: Lab, name: str) -> None:
    assert_same_rows(stored(distributed, name).select(), stored(local, name).select())


@pytest.mark.parametrize("name", ["recommendations", "user_metrics"])
def test_what_does_not_rest_on_als_is_the_same(local: Lab, distributed: Lab, name: str) -> None:
    of_others = f"model IN ({', '.join('?' * len(WITHOUT_FACTORS))})"
    found, expected = (
        stored(lab, name).select(where=of_others, params=WITHOUT_FACTORS)
        for lab in (distributed, local)
    )
    assert_same_rows(found, expected)


def test_large_tables_are_files_and_small_ones_rows_of_the_database(distributed: Lab) -> None:
    with distributed.resource.database.read() as connection:
        views = connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    names = {name for (name,) in views}
    assert names == {
        "interactions",
        "train_interactions",
        "validation_interactions",
        "test_interactions",
        "train_pairs",
        "user_features",
        "item_features",
        "popularity",
        "als_user_factors",
        "item_cf",
        "recommendations",
        "user_metrics",
    }
    folders = distributed.folder.glob("lab.duckdb.tables/*/*")
    assert {folder.parent.name for folder in folders} == {
        TABLES[name].qualified_name for name in names
    }
    assert not list(distributed.folder.glob("spark-*"))


def test_als_is_about_as_good(local: Lab, distributed: Lab) -> None:
    ndcg = "model = 'als' AND k = 10"
    there, here = (
        pc.mean(stored(lab, "user_metrics").select(["ndcg"], ndcg)["ndcg"]).as_py()
        for lab in (distributed, local)
    )
    # Other solvers find other factors, which on a shop this small moves the figure by some per cent
    # either way.
    assert here > 0.05
    assert there == pytest.approx(here, rel=0.05)


def test_scores_of_als_decompose_into_the_shares_that_explain_them(distributed: Lab) -> None:
    data = TrainingData.from_tables(
        *(stored(distributed, name).select() for name in ("train_pairs", "products", "popularity")),
        n_users=stored(distributed, "users").count(),
    )
    tables = {
        name: stored(distributed, name).select()
        for name in ("als", "als_user_factors", "als_item_factors")
    }
    model = ALS.from_tables(tables, data)
    user = tables["als_user_factors"]["user_id"][7].as_py()
    lists = model.recommend([user], 3)
    for product, score in zip(lists.products[0], lists.scores[0], strict=True):
        _, shares = model.contributions(user, int(product))
        assert shares.sum() == pytest.approx(score, abs=2e-4)


def assert_ranks_as_this_machine(engine, lab: Lab) -> None:
    training = Training(*(stored(lab, name) for name in ("users", "products", "train_pairs")))
    told = []
    dataset = engine.recommend(
        {model: stored(lab, model) for model in MODELS},
        training,
        lab.config.model,
        lambda done, total: told.append((done, total)),
    )
    assert_same_rows(rows_of(dataset), stored(lab, "recommendations").select())
    assert told == [(5_000, 5_000)]


def test_the_same_factors_give_the_same_lists(engine, local: Lab) -> None:
    assert_ranks_as_this_machine(engine, local)


def test_blocks_of_products_give_the_same_lists(engine, wide: Lab) -> None:
    # 5,000 products are three blocks; Spark itself is that of the engine.
    scale = {**CLUSTER, "spark": {**CLUSTER["spark"], "products_per_block": 2048}}
    config = Lab.create(wide.folder / "spark", **SHOP, scale=scale).config
    in_blocks = engine_of(config, wide.resource.database)
    assert in_blocks.session is engine.session
    assert_ranks_as_this_machine(in_blocks, wide)
    fallback = stored(wide, "recommendations").select(["is_fallback"])["is_fallback"]
    assert set(fallback.to_pylist()) == {False, True}
    assert not list(wide.folder.glob("spark-*"))


def test_what_an_executor_holds_falls_with_the_blocks(wide: Lab) -> None:
    fitted = {model: stored(wide, model) for model in MODELS}
    config = wide.config.model
    sent = [len(pickle.dumps(ItemSide.of_all(fitted, 5_000, config)))]
    for n_blocks in (2, 3):
        sides = [ItemSide.of_block(fitted, 5_000, config, n_blocks, at) for at in range(n_blocks)]
        rows = [sum(side.tables[name].num_rows for side in sides) for name in SCORED]
        assert rows == [stored(wide, name).count() for name in SCORED]
        sent.append(max(len(pickle.dumps(side)) for side in sides))
    assert sent[1] < 0.95 * sent[0]
    assert sent[2] < 0.7 * sent[0]


def test_the_same_lists_give_the_same_metrics(engine, local: Lab) -> None:
    hold_out = HoldOut(
        *(stored(local, name) for name in ("recommendations", "test_interactions", "train_pairs"))
    )
    dataset = engine.user_metrics(
        hold_out, local.config.evaluation.k_values, exclude_seen=local.config.model.exclude_seen
    )
    assert_same_rows(rows_of(dataset), stored(local, "user_metrics").select())


@pytest.mark.parametrize(
    ("name", "select"),
    [
        ("train_interactions", splits.train_interactions(PER_USER)),
        ("validation_interactions", splits.validation_interactions(PER_USER)),
    ],
)
def test_each_user_can_have_a_cut(engine, local: Lab, name: str, select: Select) -> None:
    found = rows_of(engine.select(name, select))
    assert_same_rows(found, stored(local, name).query(*select))


def test_a_failure_leaves_no_files(engine, local: Lab) -> None:
    folder = local.folder / "lab.duckdb.tables" / "models.popularity"
    before = sorted(folder.glob("*"))
    fails = Select(
        "SELECT product_id, CAST(title AS DOUBLE) AS score, 1 AS popularity_rank FROM raw.products"
    )
    with pytest.raises(Exception, match="CAST_INVALID_INPUT"):
        engine.select("popularity", fails)
    assert sorted(folder.glob("*")) == before


def test_an_imported_log_becomes_files_once(engine, tmp_path: Path) -> None:
    lines = [f"u{n % 7},p{n % 5},2024-01-{n % 28 + 1:02d} 10:{n % 60:02d}:00" for n in range(400)]
    (tmp_path / "log.csv").write_text("\n".join(["who,what,moment", *lines]))
    columns = {"user": "who", "item": "what", "time": "moment"}
    source = {"directory": str(tmp_path), "files": ["log.csv"], "columns": columns}
    stages = dg.AssetSelection.assets("train_interactions").upstream() & WITHOUT_CHECKS
    here, there = (
        Lab.create(
            tmp_path / name, source=source, experiment={"response_model": "replay"}, **sections
        )
        for name, sections in (("here", {}), ("there", {"scale": CLUSTER}))
    )
    for lab in (here, there):
        lab.run(stages)
    [folder] = there.folder.glob("lab.duckdb.tables/raw.interactions/*")
    assert rows_of(ParquetDataset(folder)).num_rows == len(lines)
    assert_same_rows(stored(there, "interactions").select(), stored(here, "interactions").select())


def test_an_import_that_fails_leaves_no_files(engine, local: Lab) -> None:
    rows = stored(local, "interactions").select()
    absent = rows.set_column(1, rows.field(1), pa.nulls(rows.num_rows, rows.field(1).type))
    folder = local.folder / "lab.duckdb.tables" / "raw.interactions"
    with pytest.raises(TableError, match=rows.field(1).name):
        engine.log(absent.to_reader())
    assert not list(folder.glob("*"))


def test_a_lost_executor_costs_its_shards_only(engine, make_config, tmp_path, monkeypatch) -> None:
    shop = SyntheticShop(make_config(data={"n_users": 45_000, "n_interactions": 90_000}))
    tables = shop.users(), shop.products(), shop.editorial()
    expected = shop.interactions(*tables).read_all()
    generate, once = blocks.generate, tmp_path / "killed"

    def deadly(log):
        run = generate(log)

        def kills_its_executor_once(batches):
            for batch in run(batches):
                try:
                    with once.open("x") as killed:
                        # A worker is forked by a daemon, and that is a child of the executor.
                        with Path(f"/proc/{os.getppid()}/stat").open() as daemon:
                            executor = int(daemon.read().rpartition(")")[2].split()[1])
                        with Path(f"/proc/{executor}/cmdline").open() as command:
                            assert "CoarseGrainedExecutorBackend" in command.read()
                        killed.write(str(executor))
                        killed.flush()
                        os.kill(executor, signal.SIGKILL)
                        time.sleep(60)
                except FileExistsError:
                    pass
                yield batch

        return kills_its_executor_once

    monkeypatch.setattr(blocks, "generate", deadly)
    dataset = engine.events(shop, *tables, lambda done, total: None)
    executor = int(once.read_text())
    assert not Path(f"/proc/{executor}").exists()
    assert_same_rows(rows_of(dataset), expected)


DRIVER = """
import sys, time
from pathlib import Path
import dagster as dg
from recolab_assets.definitions import build_definitions
from recolab_assets.scale import blocks

def stuck(log, here=sys.argv[2]):
    def run(batches):
        import time, pathlib
        pathlib.Path(here).touch()
        for _ in range(600):
            time.sleep(0.1)
            if not pathlib.Path(here).exists():
                break
        yield from ()
    return run

blocks.generate = stuck
definitions = build_definitions(Path(sys.argv[1]))
dg.materialize(definitions.assets, selection=["interactions"], resources=definitions.resources)
"""


def test_a_killed_driver_leaves_the_former_table(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    needed = dg.AssetSelection.assets("interactions").upstream() & WITHOUT_CHECKS
    lab.run(needed)
    before = lab.digest("raw.interactions")
    spark = Lab.create(
        tmp_path / "spark",
        scale={"engine": "spark", "spark": {"master": "local[1]"}},
        storage={"database": str(lab.database_path)},
    )
    at_work = tmp_path / "at_work"
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(spark.config_path), str(at_work)])
    try:
        deadline = time.monotonic() + 300
        while not at_work.exists() and driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert at_work.exists(), "the stage did not start"
    finally:
        driver.kill()
        driver.wait()
    assert lab.digest("raw.interactions") == before
    at_work.unlink()
    # What the killed run left is removed when the table is next written.
    assert list(lab.folder.glob("lab.duckdb.tables/raw.interactions/*"))
    lab.run(dg.AssetSelection.assets("interactions") & WITHOUT_CHECKS)
    assert not list(lab.folder.glob("lab.duckdb.tables/raw.interactions/*"))
    assert lab.digest("raw.interactions") == before
