"""Spark's session: what it needs from the system, and its settings."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recolab_assets.scale.engine import EngineError
from recolab_assets.scale_sections import SparkConfig

if TYPE_CHECKING:
    from dagster_pyspark import LazyPySparkResource

_JAVA: Final = 17
_LOOPBACK: Final = "127.0.0.1"


def spark_resource(config: SparkConfig) -> "LazyPySparkResource":
    """Return Dagster's resource of a Spark session that starts when it is first used.

    Args:
        config: Where Spark runs, and with what.

    Raises:
        EngineError: The extra ``spark`` is not installed, or Java is missing or too old.
    """
    _require_packages()
    _require_java()
    from dagster_pyspark import LazyPySparkResource  # noqa: PLC0415 - an extra

    _prepare_environment(config)
    return LazyPySparkResource(spark_config=spark_settings(config))


def spark_settings(config: SparkConfig) -> dict[str, str]:
    """Return the settings of the session by Spark's names."""
    settings = {
        "spark.app.name": "recolab",
        "spark.master": config.master,
        "spark.driver.memory": config.driver_memory,
        "spark.executor.memory": config.executor_memory,
        "spark.sql.shuffle.partitions": str(config.shards),
        # Moments of the lab are UTC and know no time zone.
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    if config.master.startswith("local"):
        settings |= {"spark.driver.host": _LOOPBACK, "spark.driver.bindAddress": _LOOPBACK}
    return settings | config.settings


def _require_packages() -> None:
    missing = [name for name in ("dagster_pyspark", "pyspark", "sqlglot") if not find_spec(name)]
    if missing:
        raise EngineError(
            f"scale.engine: 'spark' needs {', '.join(missing)}, which is not installed;"
            " run with the extra spark (uv run --extra spark …), or set scale.engine to local."
        )


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    needs = f"scale.engine: 'spark' needs Java {_JAVA} or newer"
    advice = "install it (Debian: openjdk-17-jre-headless), or set scale.engine to local."
    if java is None:
        raise EngineError(f"{needs}, and there is no java on PATH or under JAVA_HOME; {advice}")
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise EngineError(f"{needs}, and {java} does not run ({error}); {advice}") from error
    version = re.search(r'version "(\d+)', told.stderr)
    if version is None or int(version[1]) < _JAVA:
        found = told.stderr.partition("\n")[0] or "an unknown version"
        raise EngineError(f"{needs}, and {java} is {found}; {advice}")


def _prepare_environment(config: SparkConfig) -> None:
    """Let Spark's processes use this Python and, on one machine, talk over loopback only."""
    import pyspark  # noqa: PLC0415 - an extra

    # The package holds all that the processes of local-cluster are started from.
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if config.master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", _LOOPBACK)
