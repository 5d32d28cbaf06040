"""The notebook runs from top to bottom on what a run leaves."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from recolab_assets.config import ROOT

NOTEBOOK = ROOT / "notebooks" / "explore.ipynb"


def test_the_notebook_is_stored_without_output():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)


@pytest.mark.slow
def test_every_cell_runs(lab, monkeypatch):
    monkeypatch.setenv("RECOLAB_CONFIG", str(lab.config_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": Path.cwd()}}
    ).execute()
    shown = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type in ("execute_result", "stream")
    ]
    assert len(shown) >= 8
    [measured] = [
        output["data"]["text/plain"]
        for output in shown
        if "ndcg" in str(output) and "hit_rate" in str(output)
    ]
    for model in ("popularity", "als", "item_cf", "content_based", "hybrid"):
        assert model in measured
