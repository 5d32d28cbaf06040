"""Sections of the configuration that say where the large stages run."""

from typing import Annotated, Literal

from pydantic import Field

from recolab_assets.sections import Count, Section

Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*[mg]$")]


class SparkConfig(Section):
    """Spark's session; only read when scale.engine is spark."""

    master: Annotated[
        str,
        Field(
            pattern=r"^(local(\[(\*|[1-9]\d*)(,\d+)?\])?|local-cluster\[\d+,\d+,\d+\]|\S+://\S+|yarn)$"
        ),
    ] = "local[*]"
    """Where Spark runs: local[threads], local-cluster[executors,cores,MB], spark://host:port, yarn
    or k8s://…; executors must see the database's folder and have this package installed."""
    shards: Count = 8
    """Parts that a stage's rows are dealt into; a part must fit an executor's memory."""
    products_per_block: Annotated[int, Field(ge=2048, multiple_of=2048)] | None = None
    """Products that an executor holds at once to rank them: a multiple of 2048, or null for all;
    the lists are the same."""
    driver_memory: Memory = "1g"
    """Memory of the driver's JVM, as 512m or 2g."""
    executor_memory: Memory = "1g"
    """Memory of the JVM of each executor; not of its Python processes."""
    settings: dict[Annotated[str, Field(pattern=r"^spark\.")], str] = {}
    """Further settings of Spark by name, over those that the lab makes."""


class ScaleConfig(Section):
    """Which engine runs the stages that grow with the log; all tables but als's are the same."""

    engine: Literal["local", "spark"] = "local"
    """This machine (DuckDB and numpy), or Spark: needs the extra spark and Java 17."""
    spark: SparkConfig = SparkConfig()
