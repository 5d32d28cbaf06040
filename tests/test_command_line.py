"""The commands of the README, as a shell runs them."""

import os
import subprocess
import sys

import pytest

from recolab_assets.config import ROOT
from tests.small_lab import Lab

pytestmark = pytest.mark.slow


@pytest.fixture
def dagster(tmp_path):
    """Run a dagster command, with its history in a folder of the test."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def run(*arguments, config):
        return subprocess.run(
            [sys.executable, "-m", "dagster", *arguments],
            cwd=ROOT,
            env={**os.environ, "RECOLAB_CONFIG": str(config), "DAGSTER_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


MATERIALIZE = ("asset", "materialize", "-m", "recolab_assets.definitions", "--select")


def test_a_broken_configuration_is_one_clear_line_and_nothing_is_written(dagster, tmp_path):
    lab = Lab.create(tmp_path / "lab")
    text = lab.config_path.read_text().replace("n_users: 300", "n_users: 0")
    lab.config_path.write_text(text + "colour: blue\n")
    done = dagster(*MATERIALIZE, "users", config=lab.config_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    first, second = done.stderr.splitlines()[-2:]
    assert first.startswith(f"Error: {lab.config_path}: data.n_users: 0 is not allowed;")
    assert "greater than or equal to 1" in first
    assert second.startswith(f"{lab.config_path}: colour: unknown key (value 'blue'); allowed: ")
    assert not (tmp_path / "lab" / "lab.duckdb").exists()


def test_definitions_are_valid_for_the_web_server(dagster):
    done = dagster("definitions", "validate", "-w", "workspace.yaml", config="config/small.yaml")
    assert done.returncode == 0, done.stderr
    assert "recolab_assets.definitions" in done.stderr + done.stdout
