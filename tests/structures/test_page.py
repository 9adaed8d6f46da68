"""The page on what structures are tested against has them all, once, and names tests that are there."""

import re
from pathlib import Path

from socbayes.structures import list_structures

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "structures" / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


def test_every_structure_stands_in_the_table_once():
    assert sorted(row[0].strip("`") for row in ROWS) == sorted(list_structures())


def test_what_is_claimed_is_tested():
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for _, against, by, close, named in ROWS:
        assert bool(by) == bool(close) == bool(named) == ("nothing" not in against)
        for name in re.findall(r"`(\w+)`", named):
            assert f"def {name}(" in tests
            for bound in re.findall(r"\d\.?\d*e-\d+", close):
                assert bound in tests
