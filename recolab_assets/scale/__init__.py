"""Where the stages that grow with the log run: on this machine, or on Spark."""

from recolab_assets.config import LabConfig
from recolab_assets.scale.engine import Engine, EngineError, HoldOut, Training
from recolab_assets.scale.local import LocalEngine
from recolab_assets.scale.session import spark_resource
from recolab_assets.storage import Database

__all__ = ["Engine", "EngineError", "HoldOut", "Training", "engine_of"]


def engine_of(config: LabConfig, database: Database) -> Engine:
    """Return the engine that the configuration names.

    Args:
        config: The whole configuration.
        database: The file that it names.

    Raises:
        EngineError: It is Spark, and Spark cannot run here.
    """
    if config.scale.engine == "local":
        return LocalEngine()
    spark = config.scale.spark
    resource = spark_resource(spark)
    from recolab_assets.scale.spark import SparkEngine  # noqa: PLC0415 - an extra

    return SparkEngine(resource, database, spark.shards, spark.products_per_block)
