"""Syntheses that are read and fitted but not bundled: what their cells mean, and that their terms are said."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sources():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("effect_sources")
    sys.modules.pop("effect_sources")


@pytest.fixture(scope="module")
def curation():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "data" / "curation"))
        yield importlib.import_module("curation")
    for name in ("curation", "fitted"):
        sys.modules.pop(name)


YEARS = {
    "15-20": 17.5,
    ">30": 30.0,
    "42, ~160 y of agriculture": 42.0,
    "Farmed 100y, Restored 65 ya": 65.0,
    "47 ya restored, farmed 113 y": 47.0,
    "farmed 49 years, 12 ya": 12.0,
    "converted from pasture in 2010": np.nan,
    "Deforested in 1986, reforested in 1987": np.nan,
    "corn and rice since the 1700's": np.nan,
    "since 1850-1900": np.nan,
    "1200": np.nan,
    "0": np.nan,
}


def test_years_since_a_change_are_neither_dates_nor_those_of_the_use_before(sources):
    found = sources._years(pd.Series(list(YEARS)))
    assert found.tolist() == pytest.approx(list(YEARS.values()), nan_ok=True)


def test_clay_of_hedgerows_is_that_of_the_farm_where_another_farm_has_one_arm(sources, tmp_path):
    folder = tmp_path / "chiartas_hedgerow_soil_carbon"
    folder.mkdir()
    cores = [
        {"Site": site, "Upper_Depth": 0, "Lower_Depth": 10, "HR_age": 12, "clay": 10.0 * site, "Treatment": arm,
         "Location": place, "per_C": 1.0 + 0.1 * place + (arm == "H")}
        for site, arms in ((1, "R"), (2, "RH"), (3, "RH"))
        for arm in arms
        for place in (1, 2, 3)
    ]  # fmt: skip
    pd.DataFrame(cores).to_csv(folder / "hedgerow_soil_layers.csv", index=False)
    pairs, read = sources.hedgerows(tmp_path)
    assert pairs.set_index("site")["clay"].to_dict() == {"farm 2": 20.0, "farm 3": 30.0}
    assert pairs["control_mean"].tolist() == pytest.approx([12.0, 12.0])
    assert pairs["treated_mean"].tolist() == pytest.approx([22.0, 22.0])
    assert read == len(cores)


def test_ratios_that_cannot_be_are_left_out_and_counted(sources):
    pairs = pd.DataFrame({"control_mean": [10.0, 10.0, 1.0], "treated_mean": [11.0, 30.0, 10.0]})
    kept, said = sources.plausible(pairs, "one", 7)
    assert kept["observation"].tolist() == ["one-0001", "one-0002"]
    assert kept["compilation"].tolist() == ["one", "one"]
    assert said == "one: 2 pairs of 7 rows; 1 with a log ratio beyond 1.5."


def test_terms_of_every_synthesis_that_is_fitted_are_said(sources, curation, tmp_path):
    from fitted import EFFECT_TABLES, EFFECTS_FILE, FITTED

    resources = json.loads((ROOT / "data" / "datapackage.json").read_text("utf-8"))["resources"]
    assert EFFECTS_FILE not in curation.licences_text(resources, tmp_path)
    assert list(FITTED) == list(sources.READERS)
    rests_on = {"manure": {"source": f"hierarchical log response ratio of {', '.join(sources.READERS)}"}}
    (tmp_path / EFFECTS_FILE).write_text(json.dumps(rests_on))
    said = curation.licences_text(resources, tmp_path)
    for name in sources.READERS:
        (line,) = [line for line in said.splitlines() if line.startswith(f"- {name}: ")]
        assert "Licence: unstated" in line or "not to be repackaged" in line
        assert "https://" in line
    for name in EFFECT_TABLES:
        assert f"`{name}` (commercial use " in said
    assert "`necromass_pairs` (commercial use not allowed)" in said


def test_syntheses_that_a_posterior_does_not_rest_on_are_not_named(curation, tmp_path):
    from fitted import EFFECTS_FILE

    resources = json.loads((ROOT / "data" / "datapackage.json").read_text("utf-8"))["resources"]
    (tmp_path / EFFECTS_FILE).write_text('{"manure": {"source": "SoDaH, AgEvidence"}}')
    said = curation.licences_text(resources, tmp_path)
    assert "- AgEvidence: " in said
    assert "SoilHealthDB" not in said


def test_the_licences_file_is_that_of_the_bundled_tables_and_posteriors(curation):
    resources = json.loads((ROOT / "data" / "datapackage.json").read_text("utf-8"))["resources"]
    assert (ROOT / "data" / "LICENSES.md").read_text("utf-8") == curation.licences_text(resources)
