"""Fixtures of the shop's tests: logs on disk, made up or real."""

from collections.abc import Callable
from pathlib import Path

import pytest

REAL_LOGS = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def real_log() -> Callable[[str], Path]:
    """The folder of a real log; skips the test where it is not at hand."""

    def folder(name: str) -> Path:
        path = REAL_LOGS / name
        if not path.is_dir():
            pytest.skip(f"the real log {name} is not at hand ({path})")
        return path

    return folder
