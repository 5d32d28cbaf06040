"""When tests of Spark can run: Java and the extra are there, or this is the gate."""

import os

import pytest

from recolab_assets.scale import EngineError
from recolab_assets.scale.session import spark_resource
from recolab_assets.scale_sections import SparkConfig


def _missing() -> str:
    try:
        spark_resource(SparkConfig())
    except EngineError as error:
        return str(error)
    return ""


REASON = _missing()
needs_spark = pytest.mark.skipif(bool(REASON) and os.environ.get("CI") != "true", reason=REASON)
