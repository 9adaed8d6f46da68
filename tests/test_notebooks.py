"""The notebooks run from the first cell to the last."""

from __future__ import annotations

import re

import pytest
from run_notebook import NOTEBOOKS, executed, printed


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
    text, _, pictures = printed("01_quickstart", tmp_path, monkeypatch)
    assert "did you mean `incubation_temperature`" in text
    assert "did you mean `forest`" in text
    assert "20 °C against 15 °C, in Hillside 2024" in text
    assert "20 °C against 15 °C, in a new study" in text
    assert pictures == 3
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
    text, _, shown = printed(name, tmp_path, monkeypatch)
    assert not [word for word in words if word not in text]
    assert shown == pictures
    assert not list(tmp_path.iterdir()), "nothing was sampled"


def test_a_failing_cell_fails(tmp_path, monkeypatch):
    """The test above can fail."""
    from nbclient.exceptions import CellExecutionError

    (tmp_path / "bad.py").write_text("# %%\nimport os\nassert os.environ['SOCBAYES_FAST'] == '1'\n\n# %%\n1 / 0\n")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        executed(tmp_path / "bad.py", tmp_path, monkeypatch)
