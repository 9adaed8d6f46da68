"""The notebooks that fit models of their own run too, and say that few draws are no result."""

from __future__ import annotations

import pytest
from run_notebook import printed


@pytest.mark.parametrize(
    ("name", "pictures", "words"),
    [
        ("05_one_posterior", 2, ("conflict: carbon_use_efficiency is lower in", "carbon use efficiency of this soil")),
        ("06_field_data", 2, ("did you mean", "DID NOT CONVERGE", "variance, (t/ha)", "t CO2/ha at the end of 2034")),
        ("07_which_structure", 2, ("later ones to foresee", "process noise", "bound the 89 % interval")),
        (
            "08_levers_and_credits",
            6,
            ("DID NOT CONVERGE", "Computed as in Verra", "medians over draws", "a rise is seen when", "report.html"),
        ),
    ],
)
def test_notebook_runs(name, pictures, words, tmp_path, monkeypatch):
    text, warned, shown = printed(name, tmp_path, monkeypatch)
    assert not [word for word in words if word not in text]
    assert shown == pictures
    assert "DID NOT PASS ITS CHECKS" in warned
