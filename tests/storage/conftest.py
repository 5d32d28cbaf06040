"""Fixtures of the storage tests."""

from pathlib import Path

import pytest

from recolab_assets.storage import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return a file that does not exist yet, in a folder that does not exist yet."""
    return Database(tmp_path / "folder" / "lab.duckdb", lock_timeout_seconds=5)
