"""Two spellings of one name, and two names."""

import pytest

from socbayes.labels import same_name, spelled_alike, tidied


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A1", "a1"),
        ("A1", "A01"),
        ("A1", "A 1"),
        ("A1", "A-1"),
        ("cover crop", "Cover_Crop"),
        ("no-till", "No till"),
        ("Farm", "Farm\u00a0"),
        ("Farm", "Far\u200bm"),
        ("caf\u00e9", "cafe\u0301"),
        ("Straße", "STRASSE"),
        ("plot ２", "plot 2"),
        ("1", "001"),
    ],
)
def test_spellings_of_one_name(one, other):
    assert same_name(one) == same_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A1 1", "A11"),
        ("1-12", "11-2"),
        ("N 0", "N"),
        ("+N", "-N"),
        ("-N", "N"),
        ("N+P", "NP"),
        ("0.5 t", "5 t"),
        ("0.05", "0.5"),
        ("Müller", "Muller"),
        ("10", "1"),
    ],
)
def test_names_that_differ(one, other):
    assert same_name(one) != same_name(other)


def test_groups_stand_in_order_of_appearance():
    assert spelled_alike(["b", "A", "B", "a", "c", "b"]) == [("b", "B"), ("A", "a")]


def test_what_is_shown_keeps_case_and_single_blanks():
    assert tidied("\ufeff Long\u00a0\u00a0Term ") == "Long Term"
