"""ALS on Spark: MLlib's implicit ALS, in the terms of the lab's own."""

from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from recolab_assets.config import ModelConfig
from recolab_assets.scale.blocks import SHARD_USERS
from recolab_assets.scale.half_steps import Factors, matrix_of
from recolab_assets.sql import Select
from recolab_assets.tables import TABLES

PAIRS: Final = Select(
    f"""
    SELECT user_id // {SHARD_USERS} AS shard, user_id, product_id, weight
    FROM processed.train_pairs WHERE weight > 0
    """
)
"""What is learned from."""

OWN_ITERATIONS: Final = 2
"""Iterations after MLlib's that are the lab's own half-steps: they lead from the minimum under
MLlib's penalty towards that under the lab's. What each of them does: docs/scale.md."""


CHECKPOINTED_EVERY: Final = 4
"""Iterations of MLlib after which the factors go to the session's checkpoint folder: Java's stack
overflows on a plan that reaches back through twenty."""


def product_factors(pairs: DataFrame, config: ModelConfig, seed: int, n_blocks: int) -> Factors:
    """Run MLlib's ALS; return the products' factors in the terms of the lab's.

    Both minimise Σ c (p − x·y)² with c = 1 + alpha × weight. The lab adds λ (Σ|x|² + Σ|y|²), MLlib
    μ (Σ n_x |x|² + Σ n_y |y|²), where n is the number of pairs (Zhou et al., "Large-scale parallel
    collaborative filtering for the Netflix prize", AAIM 2008). Since x·y stays the same when x
    grows as y shrinks, only the product of both penalties counts: with mean numbers of pairs N_x
    and N_y, μ = λ / √(N_x N_y) regularises as much on average. MLlib's products then have the
    penalty λ √(N_y / N_x); longer by the fourth root of N_y / N_x they have the lab's, and users
    can be solved against them with λ itself.

    Args:
        pairs: Rows with user_id, product_id and weight above 0.
        config: factors, iterations, regularization and alpha.
        seed: Seed of the first factors.
        n_blocks: Blocks of users and of products.
    """
    row = pairs.agg(
        f.count("*").alias("n"),
        f.count_distinct("user_id").alias("n_users"),
        f.count_distinct("product_id").alias("n_products"),
    ).first()
    if row is None or not row["n"]:
        return np.empty(0, np.int32), np.empty((0, config.als_factors), np.float32)
    of_user, of_product = row["n"] / row["n_users"], row["n"] / row["n_products"]
    model = ALS(
        rank=config.als_factors,
        maxIter=config.als_iterations,
        regParam=config.als_regularization / (of_user * of_product) ** 0.5,
        implicitPrefs=True,
        alpha=config.als_alpha,
        userCol="user_id",
        itemCol="product_id",
        ratingCol="weight",
        seed=seed,
        numUserBlocks=n_blocks,
        numItemBlocks=n_blocks,
        checkpointInterval=CHECKPOINTED_EVERY,
    ).fit(pairs)
    found = model.itemFactors.orderBy("id").toArrow()
    longer = np.float32((of_product / of_user) ** 0.25)
    return found["id"].to_numpy(), matrix_of(found["features"], config.als_factors) * longer


def item_side(factors: Factors, config: ModelConfig) -> dict[str, pa.Table]:
    """Return the tables ``als`` and ``als_item_factors``."""
    products, vectors = factors
    settings = {
        "factors": [config.als_factors],
        "iterations": [config.als_iterations],
        "regularization": [config.als_regularization],
        "alpha": [config.als_alpha],
    }
    offsets = np.arange(len(products) + 1, dtype=np.int32) * config.als_factors
    columns = {
        "product_id": products,
        "factors": pa.ListArray.from_arrays(offsets, np.ascontiguousarray(vectors).ravel()),
    }
    return {
        "als": pa.table(settings, TABLES["als"].arrow_schema),
        "als_item_factors": pa.table(columns, TABLES["als_item_factors"].arrow_schema),
    }
