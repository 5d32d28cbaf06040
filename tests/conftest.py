"""Fixtures of all tests: small shops, and no configuration taken from the environment."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import settings

from recolab_assets.config import LabConfig
from tests.small_lab import Lab

# The same examples on every run and every machine, however slow it is.
settings.register_profile("lab", derandomize=True, deadline=None)
settings.load_profile("lab")

LONGEST = (
    "test_spark.py",
    "test_accessibility.py",
    "test_browser.py",
    "test_downloads.py",
    "test_online_retail.py",
    "test_ready_configurations.py",
    "test_malformed.py",
    "test_screenshots.py",
    "test_variants.py",
    "test_ingest.py",
)
"""Files that take longest: first, so that no worker is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within them, and after them, the order stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


REAL_LOGS = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_log() -> Callable[[str], Path]:
    """The folder of a real log; skips the test where it is not at hand."""

    def folder(name: str) -> Path:
        path = REAL_LOGS / name
        if not path.is_dir():
            pytest.skip(f"the real log {name} is not at hand ({path})")
        return path

    return folder


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """Tests must not depend on the shell that they are started from."""
    for variable in ("RECOLAB_CONFIG", "RECOLAB_SOURCE_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def make_config():
    """Return a builder of small shops; sections are merged over a shop of a few hundred users."""

    def make(**sections):
        values = {
            "data": {
                "n_users": 400,
                "n_products": 200,
                "n_editorial": 40,
                "n_interactions": 12_000,
            },
            "shop": {"n_categories": 4, "n_subcategories": 3, "n_brands": 6},
        }
        for name, section in sections.items():
            values[name] = {**values.get(name, {}), **section}
        return LabConfig.model_validate(values)

    return make


@pytest.fixture(scope="session")
def config(make_config):
    """The small shop's configuration."""
    return make_config()


@pytest.fixture(scope="session")
def instance():
    """Dagster's memory of what ``lab`` has materialised."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(scope="session")
def lab_run(tmp_path_factory, instance):
    """A small laboratory, and the result of the one run that filled all its tables."""
    lab = Lab.create(tmp_path_factory.mktemp("lab"))
    return lab, lab.run(instance=instance)


@pytest.fixture(scope="session")
def lab(lab_run):
    """A small laboratory with all its tables; tests that change them work on a copy."""
    return lab_run[0]


@pytest.fixture(scope="session")
def result(lab_run):
    """The run that filled the tables of ``lab``."""
    return lab_run[1]
