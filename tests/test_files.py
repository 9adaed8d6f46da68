"""Files are whole or not there, replace nothing that is no file, and stay in their folder whatever a label is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socbayes.errors import SocbayesError
from socbayes.files import file_name, write_text, written_by_one


@pytest.mark.parametrize(
    "label",
    ["../../x", "..", ".", "", "/etc/passwd", "a/b", "a\\b", "C:\\x", "~", "a\0b", "a\nb", " a ", "a.",
     "CON:", "x" * 400,
     "ä" * 200, "%2E", "a#b", "a?b", "\ud800", "RothC, hot & dry", "-rf", "..."],
    ids=ascii,
)  # fmt: skip
def test_a_label_that_looks_like_a_path_stays_in_its_folder(label, tmp_path):
    name = file_name(label)
    path = tmp_path / name
    assert path.parent == tmp_path
    assert path.resolve().parent == tmp_path.resolve()
    assert name not in ("", ".", "..")
    path.mkdir()
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@given(st.lists(st.text(max_size=300), min_size=2, max_size=8, unique=True))
def test_different_labels_have_different_names(labels):
    names = [file_name(label) for label in labels]
    assert len(set(names)) == len(labels)
    assert all(len(os.fsencode(name)) <= 220 for name in names)


def test_plain_labels_are_their_own_names():
    for label in ("RothC", "site 1", "Büel", "a-b_c.d"):
        assert file_name(label) == label


def test_only_a_regular_file_is_replaced(tmp_path):
    folder, pipe, link, target = (tmp_path / name for name in ("folder", "pipe", "link", "target"))
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (folder, pipe, Path(os.devnull)):
        with pytest.raises(SocbayesError, match="nothing is written in its place"):
            write_text(path, "new")
    assert folder.is_dir()
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_file_of_the_callers_that_ends_in_part_is_left_alone(tmp_path):
    (tmp_path / "page.html.part").write_text("mine")
    write_text(tmp_path / "page.html", "page")
    write_text(tmp_path / "page.html", "page again")
    assert (tmp_path / "page.html.part").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "page.html.part"]


def test_what_one_process_writes_is_held(tmp_path):
    file = tmp_path / "spec.json"
    file.write_text("{}")
    with written_by_one(file), pytest.raises(SocbayesError, match="another process"), written_by_one(file):
        pass
    with written_by_one(file):
        pass
