"""Records of decisions are complete, short, numbered and listed, and name files that are there."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "decisions"
INDEX = FOLDER / "README.md"
RECORDS = sorted(path for path in FOLDER.iterdir() if path != INDEX)
SECTIONS = ("Context", "Evidence", "Decision", "What would change it")
NAMED = re.compile(r"\b(?:models|socbayes|tests|benchmarks|docs|data)/[\w./-]*\w")
LONGEST, WIDEST = 60, 120


def sections_of(text: str) -> list[tuple[str, str]]:
    """Heading and text of each section, in order."""
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    return [(heading, body.strip()) for heading, body in zip(parts[::2], parts[1::2], strict=True)]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_title_date_status_and_four_sections(path):
    text = path.read_text(encoding="utf-8")
    head = re.match(r"# \S.*\n\nDate: (\d{4}-\d{2}-\d{2})\n\nStatus: accepted\n\n## ", text)
    assert head, "title, date and status come first, each a paragraph"
    date.fromisoformat(head[1])
    found = sections_of(text)
    assert tuple(heading for heading, _ in found) == SECTIONS
    assert not [heading for heading, body in found if not body], "sections are not empty"


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_at_most_a_page(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST
    assert not [line for line in lines if len(line) > WIDEST]


@pytest.mark.parametrize("path", [*RECORDS, INDEX], ids=lambda path: path.stem)
def test_files_that_are_named_exist(path):
    named = set(NAMED.findall(path.read_text(encoding="utf-8")))
    missing = sorted(name for name in named if not (ROOT / name).exists())
    assert not missing, f"{path.name} names {missing}"


def test_records_are_numbered_without_gaps():
    names = [path.name for path in RECORDS]
    assert [name for name in names if not re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", name)] == []
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_the_index_lists_every_record_once_by_its_title():
    """And nothing else, with a sentence to each."""
    entries = re.findall(r"^- \[(.+)\]\((.+)\):\n  (\S.+)$", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    titles = [(path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "), path.name) for path in RECORDS]
    assert [(title, name) for title, name, _ in entries] == titles
    assert len(re.findall(r"\]\(", INDEX.read_text(encoding="utf-8"))) == len(entries)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_functions_that_are_named_are_where_the_record_says(path):
    """A record that says "`name` in `file`" is right."""
    named = re.findall(r"`(\w+)` (?:in|of)\s+`((?:models|socbayes)/[\w/]+\.py)`", path.read_text(encoding="utf-8"))
    missing = [(name, file) for name, file in named
               if not re.search(rf"\b{name}\b", (ROOT / file).read_text(encoding="utf-8"))]  # fmt: skip
    assert not missing
