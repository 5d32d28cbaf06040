"""Spark: the same SELECTs and the same functions of blocks of users, on many machines.

Rows are written as Parquet beside the database, where it reads them in place. Shards, shuffles and
retries are Spark's: a lost executor costs the shards that it held.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dagster_pyspark import LazyPySparkResource
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.pandas.functions import arrow_udf

from recolab_assets.config import ModelConfig
from recolab_assets.models import MODELS
from recolab_assets.models.base import Recommender
from recolab_assets.models.recommend import Progress
from recolab_assets.scale import blocks, factorisation, half_steps, neighbourhood
from recolab_assets.scale.dialect import POWER, to_spark
from recolab_assets.scale.engine import Engine, HoldOut, Training
from recolab_assets.scale.item_side import ItemSide
from recolab_assets.scale.local import LocalEngine
from recolab_assets.shop.synthetic import SyntheticShop
from recolab_assets.sql import Select
from recolab_assets.storage import Database, ParquetDataset, StoredTable
from recolab_assets.storage.contract import conform
from recolab_assets.storage.datasets import dataset_of, new_dataset
from recolab_assets.storage.names import literal, qualified
from recolab_assets.storage.stored_table import check_exists
from recolab_assets.storage.writer import Contents, gathered
from recolab_assets.tables import TABLES

_TYPES: Final = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "VARCHAR[]": "array<string>",
    "FLOAT[]": "array<float>",
}
"""Spark's types by those of the registry."""

_RANKED: Final = f"""
    SELECT user_id // {blocks.SHARD_USERS} AS shard, user_id, product_id, weight,
        CAST(NULL AS FLOAT[]) AS factors
    FROM processed.train_pairs
    UNION ALL
    SELECT user_id // {blocks.SHARD_USERS}, user_id, NULL, NULL, factors
    FROM models.als_user_factors
    UNION ALL
    SELECT user_id // {blocks.SHARD_USERS}, user_id, NULL, NULL, NULL
    FROM raw.users WHERE user_id % {blocks.SHARD_USERS} = 0
"""
_RANKED_BY_BLOCKS: Final = f"""
    SELECT shard, user_id, product_id, CAST(weight AS DOUBLE) AS weight, factors,
        CAST(NULL AS VARCHAR) AS term
    FROM ({_RANKED})
    UNION ALL
    SELECT m.shard, NULL, c.product_id, c.weight, NULL, c.term
    FROM (
        SELECT DISTINCT user_id // {blocks.SHARD_USERS} AS shard, product_id
        FROM processed.train_pairs
    ) AS m JOIN models.content_based AS c USING (product_id)
"""
"""A product's score by its content needs the terms of what the user has, of whichever block."""

_BEST_OF_BLOCK: Final = (
    "shard bigint, user_id int, model string, products array<int>, scores array<float>, "
    "popularity array<double>"
)
_MEASURED: Final = f"""
    SELECT user_id // {blocks.SHARD_USERS} AS shard, model, user_id, rank, product_id
    FROM recommendations.recommendations WHERE rank <= $k
    UNION ALL
    SELECT user_id // {blocks.SHARD_USERS}, NULL, user_id, 0, item_id
    FROM processed.test_interactions WHERE item_type = 'product'
    UNION ALL
    SELECT user_id // {blocks.SHARD_USERS}, NULL, user_id, NULL, product_id
    FROM processed.train_pairs
"""


class SparkEngine(Engine):
    """One Spark session, started when a stage first needs it."""

    def __init__(
        self,
        resource: LazyPySparkResource,
        database: Database,
        shards: int,
        products_per_block: int | None = None,
    ) -> None:
        """Bind to a session and a database.

        Args:
            resource: Dagster's Spark session.
            database: The file that tables are read from and written beside; its folder must be
                one that all executors see.
            shards: Parts that rows are dealt into.
            products_per_block: Products that an executor ranks at once; all by default.
        """
        self._resource = resource
        self._database = database
        self._shards = shards
        self._products_per_block = products_per_block
        self._local = LocalEngine()

    @property
    def session(self) -> SparkSession:
        """The session, with the functions that SELECTs use."""
        session: SparkSession = self._resource.spark_session
        session.udf.register(POWER, _power())
        return session

    def select(self, name: str, select: Select) -> Contents:
        """Run the SELECT as Spark SQL."""
        with self._frame(select) as frame:
            return self._written(frame, name)

    def events(
        self,
        shop: SyntheticShop,
        users: pa.Table,
        products: pa.Table,
        editorial: pa.Table,
        progress: Progress,
    ) -> Contents:
        """Generate each shard where there is room; a shard is a file."""
        log = shop.event_log(users, products, editorial)
        shared = self.session.sparkContext.broadcast(log)
        shards = self.session.range(0, log.n_shards, 1, log.n_shards)
        events = shards.mapInArrow(blocks.generate(shared), _columns("interactions"))
        written = self._written(events, "interactions")
        progress(users.num_rows, users.num_rows)
        return written

    def log(self, rows: pa.RecordBatchReader) -> Contents:
        """Write the rows as they come, so that no stage has to copy them out of the database."""
        table = TABLES["interactions"]
        with self._new("interactions") as dataset:
            dataset.folder.mkdir(parents=True)
            file = dataset.folder / "part-00000.parquet"
            with pq.ParquetWriter(file, table.arrow_schema) as writer:
                for part in gathered(rows):
                    writer.write_table(conform(part, table))
        return dataset

    def fit(
        self, model: type[Recommender], training: Training, config: ModelConfig, seed: int
    ) -> Mapping[str, Contents]:
        """Fit ALS by MLlib and item_cf by blocks of products; the others have no large part."""
        if model.name == "als" and config.als_regularization > 0:
            return self._fit_als(config, seed)
        if model.name == "item_cf":
            return self._fit_item_cf(training, config)
        return self._local.fit(model, training, config, seed)

    def _fit_als(self, config: ModelConfig, seed: int) -> Mapping[str, Contents]:
        with self._frame(factorisation.PAIRS) as selected, self._folder() as checkpoints:
            self.session.sparkContext.setCheckpointDir(str(checkpoints))
            pairs = selected.cache()
            products = factorisation.product_factors(pairs, config, seed, self._shards)
            for _ in range(factorisation.OWN_ITERATIONS):
                users = self._users_given(products, pairs, config).cache()
                products = self._products_given(users, pairs, config)
                users.unpersist()
            solved = self._users_given(products, pairs, config)
            written = self._written(solved, "als_user_factors")
            pairs.unpersist()
        return {**factorisation.item_side(products, config), "als_user_factors": written}

    def _users_given(
        self, products: half_steps.Factors, pairs: DataFrame, config: ModelConfig
    ) -> DataFrame:
        """Solve the users' half-step by shards of users, with the products' factors everywhere."""
        solve = half_steps.solve_users(
            self.session.sparkContext.broadcast(products),
            config.als_alpha,
            config.als_regularization,
        )
        return self._by_shard(pairs).mapInArrow(solve, _columns("als_user_factors"))

    def _products_given(
        self, users: DataFrame, pairs: DataFrame, config: ModelConfig
    ) -> half_steps.Factors:
        """Solve the products' half-step by blocks of products; pairs bring their users' factors."""
        n_factors = config.als_factors
        squares = users.select("factors").mapInArrow(
            half_steps.gram(n_factors), "gram array<double>"
        )
        summed = half_steps.matrix_of(squares.toArrow()["gram"], n_factors**2).sum(axis=0)
        solve = half_steps.solve_products(
            summed.reshape(n_factors, n_factors).astype(np.float32),
            config.als_alpha,
            config.als_regularization,
        )
        with_factors = pairs.join(users, "user_id").select(
            (f.col("product_id") % self._shards).alias("block"),
            *("user_id", "product_id", "weight", "factors"),
        )
        solved = self._by_shard(with_factors).mapInArrow(solve, _columns("als_item_factors"))
        found = solved.orderBy("product_id").toArrow()
        return found["product_id"].to_numpy(), half_steps.matrix_of(found["factors"], n_factors)

    def _fit_item_cf(self, training: Training, config: ModelConfig) -> Mapping[str, Contents]:
        find = blocks.neighbours(training.products.count(), config.itemcf_k_neighbours)
        with self._frame(neighbourhood.pairs_of_blocks(self._shards)) as pairs:
            found = self._by_shard(pairs).mapInArrow(find, _columns("item_cf"))
            order = [f.asc("product_id"), f.desc("similarity"), f.asc("neighbour_id")]
            return {"item_cf": self._written(found.orderBy(order), "item_cf")}

    def recommend(
        self,
        fitted: Mapping[str, StoredTable],
        training: Training,
        config: ModelConfig,
        progress: Progress,
    ) -> Contents:
        """Rank each shard of users where there is room, with the item side everywhere."""
        n_users, n_products = training.users.count(), training.products.count()
        n_blocks = -(-n_products // (self._products_per_block or n_products))
        if n_blocks > 1:
            read = partial(ItemSide.of_block, fitted, n_users, config, n_blocks)
            blends = ItemSide.of_blends(fitted, n_users, config)
            written = self._recommend_by_blocks(map(read, range(n_blocks)), blends)
        else:
            side = ItemSide.of_all(fitted, n_users, config)
            rank = blocks.rank(self.session.sparkContext.broadcast(side))
            with self._frame(Select(_RANKED)) as rows:
                lists = self._by_shard(rows).mapInArrow(rank, _columns("recommendations"))
                written = self._written(lists, "recommendations")
        progress(n_users, n_users)
        return written

    def _recommend_by_blocks(self, sides: Iterator[ItemSide], blends: ItemSide) -> ParquetDataset:
        """Rank one block of products after the other, then keep the best of all blocks."""
        with self._frame(Select(_RANKED_BY_BLOCKS)) as selected, self._folder() as folder:
            rows = self._by_shard(selected).cache()
            # Not a loop, whose variable would hold one block while the next is read.
            parts = list(map(partial(self._rank_block, rows, folder), sides))
            pairs = rows.where("product_id IS NOT NULL AND term IS NULL")
            both = pairs.select("shard", "user_id", "product_id", "weight").unionByName(
                self.session.read.parquet(*parts), allowMissingColumns=True
            )
            merge = blocks.merge_blocks(blends)
            lists = self._by_shard(both).mapInArrow(merge, _columns("recommendations"))
            written = self._written(lists, "recommendations")
            rows.unpersist()
        return written

    def _rank_block(self, rows: DataFrame, folder: Path, side: ItemSide) -> str:
        """Write the best of a block for all users; no executor keeps the block."""
        shared = self.session.sparkContext.broadcast(side)
        part = tempfile.mkdtemp(dir=folder)
        rank = blocks.rank_block(shared)
        rows.mapInArrow(rank, _BEST_OF_BLOCK).write.parquet(part, mode="overwrite")
        shared.destroy()
        return part

    def user_metrics(
        self, hold_out: HoldOut, k_values: Sequence[int], *, exclude_seen: bool
    ) -> Contents:
        """Measure each shard of users where there is room."""
        measure = blocks.measure(k_values, exclude_seen=exclude_seen)
        with self._frame(Select(_MEASURED, {"k": max(k_values)})) as rows:
            measured = self._by_shard(rows).mapInArrow(measure, _columns("user_metrics"))
            place = f.array_position(f.array(*map(f.lit, MODELS)), f.col("model"))
            return self._written(measured.orderBy(place, "k", "user_id"), "user_metrics")

    def _by_shard(self, rows: DataFrame) -> DataFrame:
        """Bring the rows of each shard, their first column, together and shards into order."""
        shard = rows.columns[0]
        dealt = rows.repartitionByRange(self._shards, shard)
        return dealt.sortWithinPartitions(shard, "user_id", "product_id")

    @contextmanager
    def _frame(self, select: Select) -> Iterator[DataFrame]:
        """Give the rows of a SELECT over the lab's tables; to be used up inside the block."""
        translated = to_spark(select)
        with self._folder() as folder:
            for (schema, name), view in translated.tables.items():
                source = self._files_of(schema, name, folder)
                self.session.read.parquet(str(source)).createOrReplaceTempView(view)
            yield self.session.sql(translated.sql, args=dict(translated.params))

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Give a folder beside the database, because executors must see it, and remove it."""
        parent = self._database.path.parent
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="spark-", dir=parent) as folder:
            yield Path(folder)

    def _files_of(self, schema: str, name: str, folder: Path) -> Path:
        """Return where a table's rows are as Parquet; what is in the database is copied out."""
        with self._database.read() as connection:
            check_exists(connection, schema, name)
            if dataset := dataset_of(connection, self._database, schema, name):
                return dataset.folder
            copy = folder / f"{schema}.{name}.parquet"
            connection.execute(
                f"COPY {qualified(schema, name)} TO {literal(str(copy))} (FORMAT parquet)"
            )
            return copy

    def _written(self, rows: DataFrame, name: str) -> ParquetDataset:
        """Write rows with the columns and types of a registered table, to a new folder."""
        columns = TABLES[name].columns
        chosen = [f.col(column.name).cast(_TYPES[column.type]) for column in columns]
        with self._new(name) as dataset:
            rows.select(*chosen).write.parquet(str(dataset.folder))
        return dataset

    @contextmanager
    def _new(self, name: str) -> Iterator[ParquetDataset]:
        """Name the folder that the rows of a table are written to; a failure leaves none of it."""
        dataset = new_dataset(self._database, TABLES[name].schema, name)
        try:
            yield dataset
        except BaseException:
            shutil.rmtree(dataset.folder, ignore_errors=True)
            raise


def _columns(name: str) -> str:
    """Return the columns of a registered table as Spark declares them."""
    return ", ".join(f"{column.name} {_TYPES[column.type]}" for column in TABLES[name].columns)


def _power() -> Any:
    """Return the C library's power function, on Arrow arrays."""

    @arrow_udf("double")  # type: ignore[call-overload, untyped-decorator]
    def power(base: pa.Array, exponent: pa.Array) -> pa.Array:
        return pc.power(base, exponent)

    return power
