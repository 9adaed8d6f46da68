"""Run a notebook as a reader would, with few draws."""

from __future__ import annotations

from pathlib import Path

import jupytext
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9]*.py"))
LIMIT = 1200  # seconds a cell, on a machine with other work


def executed(path: Path, folder: Path, monkeypatch):
    """The notebook after running it in ``folder`` with few draws."""
    monkeypatch.setenv("SOCBAYES_FAST", "1")
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = jupytext.read(path)
    client = NotebookClient(
        notebook, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return notebook


def printed(name: str, folder: Path, monkeypatch) -> tuple[str, str, int]:
    """What the notebook called ``name`` prints and warns of, and how many pictures it shows; all cells have run."""
    notebook = executed(next(path for path in NOTEBOOKS if path.stem == name), folder, monkeypatch)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells), "every cell ran"
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    said, warned = (
        "".join(output.text for output in outputs if output.output_type == "stream" and output.name == stream)
        for stream in ("stdout", "stderr")
    )
    return said, warned, sum("image/png" in output.get("data", {}) for output in outputs)
