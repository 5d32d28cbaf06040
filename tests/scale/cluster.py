"""The Spark of the tests, and when they can run: Java and the extra are there, or in the gate."""

import os

import pytest

from recolab_assets.scale import EngineError
from recolab_assets.scale.session import spark_resource
from recolab_assets.scale_sections import SparkConfig

CLUSTER = {
    "engine": "spark",
    # Two executors beside the driver, each a process with one core.
    "spark": {"master": "local-cluster[2,1,1024]", "shards": 2, "executor_memory": "768m"},
}


def _missing() -> str:
    try:
        spark_resource(SparkConfig())
    except EngineError as error:
        return str(error)
    return ""


REASON = _missing()
needs_spark = pytest.mark.skipif(bool(REASON) and os.environ.get("CI") != "true", reason=REASON)
