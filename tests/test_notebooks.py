"""The notebooks run from the first cell to the last."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9]*.py"))
LIMIT = 300  # seconds


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


def test_there_are_notebooks():
    assert "01_quickstart.py" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_draw_counts_come_from_one_helper(path):
    """So that running with few draws is one switch, not an edit of the text."""
    text = path.read_text(encoding="utf-8")
    assert text.count("SOCBAYES_FAST") >= 1
    assert text.count("def effort()") == 1
    calls = re.findall(r"(?:sb\.fit|leave_future_out)\((.*?)\)\n", text, re.DOTALL)
    assert calls
    assert all("**effort(" in call and "draws=" not in call for call in calls)


def test_quickstart_runs_and_writes_its_report(tmp_path, monkeypatch):
    path = next(path for path in NOTEBOOKS if path.name == "01_quickstart.py")
    notebook = executed(path, tmp_path, monkeypatch)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells), "every cell ran"
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert "did you mean `incubation_temperature`" in text
    assert "did you mean `forest`" in text
    assert "20 °C against 15 °C, in Hillside 2024" in text
    assert "20 °C against 15 °C, in a new study" in text
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    report = tmp_path / "report.html"
    assert report.stat().st_size > 50_000
    page = report.read_text(encoding="utf-8")
    assert "do not use" in page.lower(), "few draws must not pass for a result"
    assert "Hillside 2024" in page


@pytest.mark.parametrize(
    ("name", "pictures", "words"),
    [
        ("02_priming", 2, ("R-hat 1.0", "net balance", "average soil: ", "gains with probability")),
        ("03_cue", 5, ("R-hat 1.0", "from 1 h to 48 h", "microbial biomass stays", "how it was measured")),
        ("04_mcp_efficacy", 5, ("R-hat 1.0", "after 30 years, direction", "both gain in a new study", "median ΔE")),
    ],
)
def test_notebooks_on_stored_posteriors_run(name, pictures, words, tmp_path, monkeypatch):
    notebook = executed(next(path for path in NOTEBOOKS if path.stem == name), tmp_path, monkeypatch)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells), "every cell ran"
    outputs = [output for cell in cells for output in cell.outputs]
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert not [word for word in words if word not in text]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == pictures
    assert not list(tmp_path.iterdir()), "nothing was sampled"


def test_a_failing_cell_fails(tmp_path, monkeypatch):
    """The test above can fail."""
    from nbclient.exceptions import CellExecutionError

    (tmp_path / "bad.py").write_text("# %%\nimport os\nassert os.environ['SOCBAYES_FAST'] == '1'\n\n# %%\n1 / 0\n")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        executed(tmp_path / "bad.py", tmp_path, monkeypatch)
