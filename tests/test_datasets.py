"""The bundled tables: complete, in canonical form, and the numbers they must give."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from socbayes import datasets
from socbayes.datasets import DatasetChangedError, dataset_hash, list_datasets, load_dataset
from socbayes.errors import UnknownNameError
from socbayes.vocabulary import QUANTITIES, SCHEMAS

DATA = Path(__file__).resolve().parents[1] / "data"
PACKAGE = json.loads((DATA / "datapackage.json").read_text("utf-8"))
ENTRIES = {entry["name"]: entry for entry in PACKAGE["resources"]}
NAMES = sorted(SCHEMAS)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {name: load_dataset(name) for name in NAMES}


def slope(x: pd.Series, y: pd.Series) -> tuple[float, float]:
    """Slope and intercept of an ordinary least-squares line."""
    both = x.notna() & y.notna()
    line = np.polyfit(x[both], y[both], 1)
    return float(line[0]), float(line[1])


# --- every table ------------------------------------------------------------


def test_every_schema_has_a_table_and_the_reverse():
    assert sorted(ENTRIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_columns_and_kinds_follow_the_schema(tables, name):
    table, schema = tables[name], SCHEMAS[name]
    assert set(table.columns) <= set(schema.columns)
    assert set(schema.required) <= set(table.columns)
    for column in table.columns:
        wanted = "float64" if QUANTITIES[column].kind == "number" else "str"
        assert str(table[column].dtype) == wanted, column
        assert table[column].notna().any(), column


@pytest.mark.parametrize("name", NAMES)
def test_required_cells_are_there(tables, name):
    assert not tables[name][list(SCHEMAS[name].required)].isna().to_numpy().any()


@pytest.mark.parametrize("name", NAMES)
def test_values_are_within_bounds_and_categories(tables, name):
    for column, values in tables[name].items():
        quantity, present = QUANTITIES[column], values.dropna()
        if quantity.lower is not None:
            assert present.min() >= quantity.lower, column
        if quantity.upper is not None:
            assert present.max() <= quantity.upper, column
        if quantity.categories:
            assert set(present) <= set(quantity.categories), column


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_unique_and_pairs_ordered(tables, name):
    table, schema = tables[name], SCHEMAS[name]
    if schema.key:
        assert not table.duplicated(list(schema.key)).any()
    assert not table.duplicated().any()
    for smaller, larger in schema.ordered:
        if {smaller, larger} <= set(table.columns):
            both = table[[smaller, larger]].dropna()
            assert (both[smaller] <= both[larger]).all()
    for group in schema.differ:
        assert not np.logical_and.reduce([table[a] == table[b] for a, b in group]).any()


@pytest.mark.parametrize("name", NAMES)
def test_metadata_agrees_with_the_table_and_the_vocabulary(tables, name):
    table, entry = tables[name], ENTRIES[name]
    fields = entry["schema"]["fields"]
    assert [field["name"] for field in fields] == list(table.columns)
    for field in fields:
        assert field["unit"] == QUANTITIES[field["name"]].unit
        assert field["description"] == QUANTITIES[field["name"]].meaning
    numbers = {column for column in table.columns if QUANTITIES[column].kind == "number"}
    assert table.attrs["units"] == {column: QUANTITIES[column].unit for column in table.columns if column in numbers}
    assert entry["rows"] == len(table)
    assert entry["raw_rows"] == len(table) + sum(item["rows"] for item in entry["exclusions"])
    assert all(item["reason"] for item in entry["exclusions"])
    assert entry["citation"]
    assert entry["sources"]
    assert entry["licenses"]


@pytest.mark.parametrize("name", NAMES)
def test_text_is_tidy_and_private(name):
    text = (DATA / f"{name}.csv").read_text("utf-8")
    assert "@" not in text
    assert "\r" not in text
    header = text.split("\n", 1)[0]
    assert "(" not in header
    assert "/work" not in text
    assert "@" not in json.dumps(ENTRIES[name])


def test_licences_file_names_every_table():
    text = (DATA / "LICENSES.md").read_text("utf-8")
    for name in NAMES:
        assert f"## {name}" in text
        assert f"| `{name}` |" in text


# --- the loader -------------------------------------------------------------


def test_list_datasets():
    listed = list_datasets().set_index("name")
    assert list(listed.columns) == ["rows", "columns", "what", "licence", "commercial_use"]
    assert listed.loc["necromass_pairs", "commercial_use"] == "not allowed"
    assert listed.loc["necromass_levels", "licence"] == "CC-BY-NC-4.0"
    assert listed.loc["cue", "commercial_use"] == "unstated"
    assert listed.loc["amino_sugar_factors", "commercial_use"] == "allowed"
    for name in NAMES:
        table = load_dataset(name)
        assert (listed.loc[name, "rows"], listed.loc[name, "columns"]) == table.shape


def test_attrs_say_where_a_table_comes_from(tables):
    attrs = tables["cue"].attrs
    assert attrs["name"] == "cue"
    assert "10.1038/s41598-019-42145-6" in attrs["citation"]
    assert attrs["licence"] == "BSD-3-Clause, unstated"
    assert attrs["units"]["incubation_time"] == "hour"
    assert len(attrs["sources"]) == 4
    assert attrs["sha256"] == hashlib.sha256((DATA / "cue.csv").read_bytes()).hexdigest()
    assert dataset_hash("cue") == attrs["sha256"]


@pytest.mark.parametrize(
    ("wrong", "meant"), [("cu", "cue"), ("necromas_pairs", "necromass_pairs"), ("gradient", "cue_temperature_gradient")]
)
def test_unknown_name_is_answered(wrong, meant):
    with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'") as caught:
        load_dataset(wrong)
    assert "priming_endpoints" in str(caught.value)


@pytest.mark.parametrize("wrong", ["zzz", "", 3, None])
def test_hopeless_name_lists_the_known_ones(wrong):
    with pytest.raises(UnknownNameError, match="Known data sets: cue,"):
        load_dataset(wrong)


def test_changed_file_is_refused(monkeypatch):
    real = datasets._read_bytes

    def one_digit_changed(filename: str) -> bytes:
        content = real(filename)
        return content.replace(b"0.96", b"0.97", 1) if filename == "cue.csv" else content

    monkeypatch.setattr(datasets, "_read_bytes", one_digit_changed)
    with pytest.raises(DatasetChangedError, match=r"cue\.csv has changed"):
        load_dataset("cue")
    assert len(load_dataset("priming_endpoints")) == 201


def test_loading_logs_a_restricted_licence_and_never_warns(caplog):
    with caplog.at_level(logging.INFO, logger="socbayes"):
        load_dataset("amino_sugar_factors")
        assert not caplog.records
        load_dataset("necromass_pairs")
    assert len(caplog.records) == 1
    assert "commercial use is not allowed" in caplog.text


# --- numbers the sources print or that follow from them ----------------------


def test_cue_counts(tables):
    cue = tables["cue"]
    assert len(cue) == 1210
    assert cue.groupby("compilation").size().to_dict() == {
        "Hu 2024": 73,
        "Qiao 2019": 755,
        "Stone 2021": 60,
        "Yu 2025": 322,
    }
    # Yu's own count of 18O rows is 208, one of which (Spohn 2016) is Qiao's.
    water = cue[cue["measurement_method"] == "water_18O"]
    assert water.groupby("compilation").size().to_dict() == {"Qiao 2019": 19, "Stone 2021": 36, "Yu 2025": 207}
    assert (cue["carbon_use_efficiency"] == 0).sum() == 1
    assert not cue.duplicated(["study", "compilation", "observation"]).any()


def test_qiao_mean_and_temperature_slope(tables):
    """Qiao 2019 prints 0.5 +/- 0.25 and -0.016 per degC over all 780 rows.

    Ours leave out 25 rows of litter and solution work, whose means the source
    gives; put back, the mean is that of all rows. The slope is that of the 712
    remaining rows with a temperature (718 in the source).
    """
    qiao = tables["cue"].query("compilation == 'Qiao 2019'")
    values = qiao["carbon_use_efficiency"]
    excluded = 5 * 0.218 + 14 * 0.625 + 6 * 0.41
    assert (values.sum() + excluded) / 780 == pytest.approx(0.500487, abs=2e-6)
    assert values.mean() == pytest.approx(0.500, abs=0.005)
    assert values.std() == pytest.approx(0.250, abs=0.005)
    b, a = slope(qiao["incubation_temperature"] - 20, values)
    assert qiao["incubation_temperature"].notna().sum() == 712
    assert b == pytest.approx(-0.0163, abs=0.0013)
    assert a == pytest.approx(0.487, abs=0.018)


def test_arizona_methods_contrast_on_one_soil(tables):
    """18O control of the grassland near 0.38, metabolic flux near 0.72."""
    stone = tables["cue"].query("study == 'Stone et al. 2021' and ecosystem == 'grassland'")
    control = stone[stone["substrate"].isin(["18O-water", "position-specific 13C tracer"])]
    means = control.groupby("measurement_method")["carbon_use_efficiency"].mean()
    assert means["water_18O"] == pytest.approx(0.38, abs=0.005)
    assert means["metabolic_flux"] == pytest.approx(0.72, abs=0.005)


def test_values_read_twice_carry_the_time_of_the_other_reading(tables):
    cue = tables["cue"]
    geyer = cue[(cue["study"] == "Geyer et al. 2019") & (cue["compilation"] == "Yu 2025")]
    glucose = geyer[geyer["substrate_class"] == "glucose"]
    assert glucose["incubation_time"].is_monotonic_increasing
    assert glucose["substrate_dose"].eq(50).all()
    assert geyer["ecosystem"].eq("forest").all()


def test_gradient_means_by_temperature(tables):
    gradient = tables["cue_temperature_gradient"]
    means = gradient.groupby("incubation_temperature")["carbon_use_efficiency"].mean()
    printed = {0: 0.250, 10: 0.250, 15: 0.243, 20: 0.201, 25: 0.181, 30: 0.131, 35: 0.078, 40: 0.032, 45: 0.013}
    for temperature, value in printed.items():
        assert means[temperature] == pytest.approx(value, abs=0.0006), temperature
    assert gradient["soil"].nunique() == 76
    assert gradient.dropna(subset=["ph"])["soil"].nunique() == 72


def test_gradient_efficiency_is_growth_over_uptake(tables):
    gradient = tables["cue_temperature_gradient"].dropna(subset=["bacterial_growth", "fungal_growth", "respiration"])
    growth = gradient["bacterial_growth"] + gradient["fungal_growth"]
    error = (growth / (growth + gradient["respiration"]) - gradient["carbon_use_efficiency"]).abs()
    assert error.median() < 1e-6
    assert (error < 1e-4).mean() > 0.85


def test_priming_jars(tables):
    jars = tables["priming_endpoints"]
    by_set = jars.groupby("dataset")
    assert by_set.size().to_dict() == {
        "elias2024": 40,
        "fontaine2007": 1,
        "lamps": 24,
        "liu_arizona": 64,
        "wooliver2025": 40,
        "wooliver_microplastic": 32,
    }
    assert by_set["control"].nunique().to_dict() == {
        "elias2024": 4,
        "fontaine2007": 1,
        "lamps": 24,
        "liu_arizona": 32,
        "wooliver2025": 10,
        "wooliver_microplastic": 2,
    }
    assert jars.loc[jars["dataset"].isin(["lamps", "fontaine2007"]), "substrate_dose"].isna().all()
    fontaine = jars.query("dataset == 'fontaine2007'").iloc[0]
    assert fontaine["native_co2_treated"] == pytest.approx(171.4, abs=0.05)
    assert fontaine["native_co2_control"] == pytest.approx(99.9, abs=0.05)


def test_arizona_end_points_are_those_of_the_archive(tables):
    jars = tables["priming_endpoints"].set_index("jar")
    jar = jars.loc["GL1_high_CN10"]
    assert jar["native_co2_treated"] == pytest.approx(96.286713, abs=1e-3)
    assert jar["native_co2_control"] == pytest.approx(62.825723, abs=1e-3)
    assert jar["substrate_co2"] == pytest.approx(1940.770985, abs=1e-2)
    assert jar["substrate_carbon_in_soil"] == pytest.approx(1006.420134, abs=1e-2)
    assert jar["microbial_biomass_final"] == pytest.approx(180.915285, abs=1e-3)
    # The two incubations differ in native CO2: 353 against 68 mg/kg for grassland.
    grassland = tables["priming_endpoints"].query("soil == 'Arizona grassland'").drop_duplicates("control")
    means = grassland.groupby("run")["native_co2_control"].mean()
    assert means["Arizona low dose"] == pytest.approx(353, abs=1)
    assert means["Arizona high dose"] == pytest.approx(68, abs=1)


def test_elias_label_is_found_again(tables):
    elias = tables["priming_endpoints"].query("dataset == 'elias2024'")
    found = elias[
        ["substrate_co2", "substrate_carbon_in_mineral_fraction", "substrate_carbon_in_particulate_fraction"]
    ].sum(axis=1)
    share = found / elias["substrate_dose"]
    assert share.between(0.75, 1.1).all()
    assert elias.groupby("substrate")["substrate_dose"].median().to_dict() == {
        "13C white clover litter": pytest.approx(5252, abs=2),
        "13C winter wheat litter": pytest.approx(5496, abs=6),
    }


def test_controls_and_series_hang_together(tables):
    series, ends = tables["priming_time_series"], tables["priming_endpoints"]
    jars = ["study", "jar"]
    last = series.sort_values("incubation_day").groupby(jars).last()
    shared = ends.set_index(jars).loc[last.index]
    for column in ("native_co2_control", "native_co2_treated", "substrate_co2", "incubation_day"):
        np.testing.assert_allclose(last[column], shared[column], rtol=1e-4, atol=1e-3)
    for column in ("control", "soil", "run", "added_nitrogen"):
        assert (last[column] == shared[column]).all()
    per_control = series.groupby(["study", "control", "incubation_day"])["native_co2_control"].nunique()
    assert per_control.max() == 1


def test_cumulative_series_fall_only_where_the_source_says(tables):
    series = tables["priming_time_series"].sort_values(["study", "jar", "incubation_day"])
    steps = series.groupby(["study", "jar"])[
        ["native_co2_control", "native_co2_treated", "substrate_co2", "substrate_dose"]
    ].diff()
    falls = steps < 0
    assert falls[["native_co2_control", "substrate_co2", "substrate_dose"]].sum().sum() == 0
    # The source counts 37 negative increments in 1,360 jar-days of elias2024.
    by_set = falls["native_co2_treated"].groupby(series["dataset"]).sum()
    assert by_set["elias2024"] == 37
    assert by_set["liu_arizona"] == 3
    assert by_set.sum() == 40
    assert (series["dataset"] == "elias2024").sum() == 1360


def test_necromass_pairs(tables):
    pairs = tables["necromass_pairs"]
    # 222 recommended pairs, less those that show no practice or a slip of unit.
    excluded = {item["reason"]: item["rows"] for item in pairs.attrs["exclusions"]}
    recommended = 338 - sum(n for why, n in excluded.items() if why.startswith("not recommended"))
    assert recommended == 222
    assert len(pairs) == 205
    assert pairs["study"].nunique() == 36
    assert (pairs["necromass_control"] / pairs["soil_organic_carbon_control"]).min() > 0.02
    controls = pairs.drop_duplicates("control")
    shared = pairs.merge(controls, on="control", suffixes=("", "_first"))
    assert np.allclose(shared["necromass_control"], shared["necromass_control_first"])
    assert np.allclose(shared["soil_organic_carbon_control"], shared["soil_organic_carbon_control_first"])
    assert not (pairs["comparison"] == "before_after").any()
    assert set(pairs.loc[pairs["practice"] == "warming", "practice_detail"].str.split(":").str[0]) == {"warming"}


def test_no_or_reduced_tillage_raises_necromass(tables):
    """Zhou 2023: about 20 % more necromass without tillage; ours must agree in sign."""
    pairs = tables["necromass_pairs"]
    tillage = pairs[pairs["practice"].isin(["no_tillage", "reduced_tillage"])]
    change = np.log(tillage["necromass_treatment"] / tillage["necromass_control"])
    assert 0.05 < change.groupby(tillage["study"]).mean().mean() < 0.4


def test_necromass_levels(tables):
    levels = tables["necromass_levels"]
    assert len(levels) == 1437
    assert levels["study"].nunique() == 137
    share = levels["necromass"] / levels["soil_organic_carbon"]
    assert (share > 1).sum() == 37
    # Wang 2021 prints 51, 47 and 35 % for cropland, grassland and forest.
    means = share.groupby(levels["ecosystem"]).mean()
    assert means["cropland"] == pytest.approx(0.51, abs=0.05)
    assert means["grassland"] == pytest.approx(0.47, abs=0.03)
    assert means["forest"] == pytest.approx(0.35, abs=0.05)
    assert not levels.duplicated(["glucosamine", "muramic_acid", "soil_organic_carbon", "study", "depth_top"])[
        levels["glucosamine"].notna() & (levels["study"] != "Samson et al. 2020")
    ].any()


def test_necromass_follows_from_amino_sugars(tables):
    levels = tables["necromass_levels"].dropna(subset=["glucosamine", "muramic_acid"])
    bacterial = levels["muramic_acid"] * 45 / 1000
    fungal = (levels["glucosamine"] / 179.17 - 2 * levels["muramic_acid"] / 251.23) * 179.17 * 9 / 1000
    error = (bacterial + fungal.clip(lower=0) - levels["necromass"]).abs() / levels["necromass"]
    assert (error < 1e-3).all()


def test_amino_sugar_factors(tables):
    factors = tables["amino_sugar_factors"]
    assert factors.groupby("organism_group").size().to_dict() == {
        "fungi": 781,
        "gram_negative_bacteria": 179,
        "gram_positive_bacteria": 262,
    }
    assert (factors["amino_sugar_content"] > 0).all()
    means = factors.groupby("organism_group")["amino_sugar_content"].mean()
    # Thick walls of Gram-positive bacteria: several times the muramic acid.
    assert means["gram_positive_bacteria"] > 4 * means["gram_negative_bacteria"]


def test_mineral_associated_carbon(tables):
    layers = tables["mineral_associated_carbon"]
    assert len(layers) == 1405
    assert (layers["compilation"] == "LUCAS").sum() > 300
    ratio = layers["mineral_associated_organic_carbon"] / layers["soil_organic_carbon"]
    assert ratio.max() <= 1.05 + 1e-5


def test_cover_crop_effects(tables):
    """Published lnRR: POC 0.135, MAOC 0.053, SOC 0.061, in 41, 22 and 42 studies."""
    pairs = tables["cover_crop_fractions"]
    by_fraction = pairs.groupby("fraction")
    assert by_fraction.size().to_dict() == {
        "mineral_associated_organic_carbon": 177,
        "particulate_organic_carbon": 335,
        "soil_organic_carbon": 326,
    }
    assert by_fraction["study"].nunique().to_dict() == {
        "mineral_associated_organic_carbon": 22,
        "particulate_organic_carbon": 41,
        "soil_organic_carbon": 42,
    }
    by_study = pairs.groupby(["fraction", "study"])["log_response_ratio"].mean().groupby("fraction").mean()
    assert by_study["particulate_organic_carbon"] == pytest.approx(0.135, abs=0.06)
    assert by_study["mineral_associated_organic_carbon"] == pytest.approx(0.053, abs=0.04)
    assert by_study["soil_organic_carbon"] == pytest.approx(0.061, abs=0.03)
    ratio = np.log(pairs["carbon_treatment"] / pairs["carbon_control"])
    assert (ratio - pairs["log_response_ratio"]).abs().max() < 0.001


def test_crop_shares_add_up(tables):
    crops = tables["crop_carbon_allocation"]
    shares = crops[[name for name in crops.columns if name.startswith("carbon_share_")]]
    assert np.allclose(shares.dropna().sum(axis=1), 1, atol=0.005)
    assert not crops["crop"].str.startswith("triticale").any()


# --- field plots, incubations, elevated CO2 ------------------------------------


def left_out(table: pd.DataFrame, words: str) -> int:
    """Rows that the exclusions count under a reason."""
    return sum(item["rows"] for item in table.attrs["exclusions"] if words in item["reason"])


def test_field_plots_are_counted_as_in_their_sources(tables):
    """The sources count 78 Broadbalk, 24 Hoosfield, 303, 226 and 960 ley-arable, 339 tillage, 9 and 36 rows."""
    plots = tables["field_soc"]
    assert plots.groupby("study").size().to_dict() == {
        "Brigalow": 36,
        "Broadbalk Wilderness (wooded)": 4,
        "Broadbalk wheat": 78,
        "Fosters ley-arable": 226 - 3,
        "Geescroft Wilderness": 4,
        "Highfield bare fallow": 32,
        "Highfield ley-arable": 303 - 10,
        "Hoosfield barley": 24,
        "Millennium Tillage Trial": 339,
        "Tarlee": 9,
        "Woburn ley-arable": 960 - 79,
    }
    assert left_out(plots, "wildernesses") == 24
    assert left_out(plots, "summary") == 51
    assert not plots.duplicated(["site", "plot", "year"]).any()
    assert plots.groupby("study")["plot"].nunique()["Millennium Tillage Trial"] == 42
    # SOC is there in one form or the other, and a stock or a bulk density with it.
    assert plots[["soc_stock", "soil_organic_carbon"]].notna().any(axis=1).all()


def test_rothamsted_values_are_those_of_the_archive(tables):
    """Broadbalk 10.23637/KeyRefOABKsoc-02, Hoosfield 10.23637/KeyRefOAHBsoc, Highfield rrs1-SOILCN1959-2014-01."""
    plots = tables["field_soc"].set_index(["plot", "date"])
    assert plots.loc[("Broadbalk 2.2", "2015"), "soc_stock"] == pytest.approx(84.2602)
    assert plots.loc[("Broadbalk 3", "1881"), "soil_organic_carbon"] == pytest.approx(9.3)
    assert plots.loc[("Broadbalk 2.2", "1843"), "value_origin"] == "estimated"
    assert plots.loc[("Broadbalk 3", "1865"), "value_origin"] == "derived"
    assert plots.loc[("Hoosfield 72", "1998"), "soc_stock"] == pytest.approx(93)
    fallow = plots.loc[("Highfield bare fallow 4", "2014-09-08")]
    assert fallow["soc_stock"] == pytest.approx(34.171)
    assert fallow["soil_organic_carbon"] == pytest.approx(11.93)
    assert fallow["year"] == pytest.approx(2014.685, abs=0.003)
    stock = plots["soil_organic_carbon"] * plots["bulk_density"] * plots["depth_bottom"] / 10
    bare = plots["study"] == "Highfield bare fallow"
    np.testing.assert_allclose(stock[bare], plots.loc[bare, "soc_stock"], rtol=2e-3)


def test_years_follow_the_sampling_not_the_label(tables):
    plots = tables["field_soc"]
    ley = plots[plots["study"].isin(["Highfield ley-arable", "Fosters ley-arable"])]
    assert (ley["date"] == "1982-01-05").sum() == 32
    assert (ley["date"] == "1985-04-01").sum() == 24
    assert np.allclose(ley.loc[ley["date"] == "1985-04-01", "year"], 1985.2479, atol=1e-3)
    # Days were filled in, one per row, where only the month was recorded.
    assert set(ley.loc[ley["date"].str.startswith(("1956", "1967")), "date"]) == {"1956", "1967-05"}
    woburn = plots[plots["site"] == "Woburn"]
    assert not woburn["year"].isin([1955, 1961]).any()
    assert (woburn["date"] == "1956").sum() == 32
    assert (woburn["date"] == "1963").sum() == 32
    assert (plots["date"].dropna().str[:4].astype(float) - plots["year"]).abs().max() < 1


def test_bulked_samples_stand_once(tables):
    pooled = tables["field_soc"].query("value_origin == 'pooled'")
    assert sorted(set(pooled["plot"])) == [
        "Fosters blocks 10-12, bulked",
        "Highfield 13/14",
        "Highfield 31/32",
        "Highfield block 1, bulked",
        "Highfield block 4, bulked",
        "Woburn, all blocks",
    ]
    assert len(pooled) == 8
    start = pooled.set_index("plot").loc["Woburn, all blocks"]
    assert start["soil_organic_carbon"] == pytest.approx(9.29)
    assert pooled.set_index("plot").loc["Fosters blocks 10-12, bulked", "replicates"] == 42


def test_fractions_of_field_plots(tables):
    """First plot of the tillage trial; fractions of Tarlee and Brigalow add up to the whole but for one row."""
    plots = tables["field_soc"]
    first = plots[(plots["site"] == "Millennium Tillage Trial") & (plots["plot"] == "1")].iloc[0]
    assert first[["soc_stock", "particulate_carbon_stock", "resistant_carbon_stock"]].tolist() == pytest.approx(
        [80.2107, 11.6212, 6.76866], rel=1e-4
    )
    trial = plots[plots["site"] == "Millennium Tillage Trial"]
    assert trial.groupby("treatment")["plot"].nunique().eq(3).all()
    assert trial["treatment"].nunique() == 14
    australia = plots[plots["site"].isin(["Tarlee", "Brigalow"])]
    stocks = ["particulate_carbon_stock", "humus_carbon_stock", "resistant_carbon_stock"]
    gap = (australia[stocks].sum(axis=1) - australia["soc_stock"]).abs()
    assert (gap > 0.011).sum() == 1
    row = australia.loc[gap.idxmax()]
    assert (row["site"], row["plot"], row["year"]) == ("Brigalow", "3", 1986)


def test_management_drives_the_plots_it_names(tables):
    plots, management = tables["field_soc"], tables["field_management"]
    assert management.groupby("study").size()["Millennium Tillage Trial"] == 42 * 113
    # 117 periods of Broadbalk and Hoosfield, 32 harvests of Tarlee, 47 of Brigalow.
    assert management["yield_dry_matter"].notna().sum() == 117 + 32 + 47
    known = set(zip(plots["site"], plots["plot"], strict=True))
    named = management.dropna(subset=["plot"])
    assert set(zip(named["site"], named["plot"], strict=True)) <= known
    by_treatment = management[management["plot"].isna()]
    assert set(zip(by_treatment["study"], by_treatment["treatment"], strict=True)) <= set(
        zip(plots["study"], plots["treatment"], strict=True)
    )
    assert (management["end_year"] > management["start_year"]).all()
    # Broadbalk 1852-61, farmyard manure: 2.41 t/ha of grain at 85 % dry matter.
    first = management[(management["plot"] == "Broadbalk 2.2") & (management["start_year"] == 1852)].iloc[0]
    assert first["yield_dry_matter"] == pytest.approx(2.41 * 0.85)
    assert (first["end_year"], first["manure_fresh"]) == (1862, 35)
    stopped = management[management["plot"] == "Hoosfield 71"]
    assert set(stopped.loc[stopped["manure_fresh"] > 0, "end_year"]) == {1862, 1872}
    assert named[named["manure_fresh"].between(6, 9)]["plot"].nunique() == 40
    # Months follow one another, and an input of 1.079178 t/ha is one of a month.
    trial = management[(management["site"] == "Millennium Tillage Trial") & (management["plot"] == "1")]
    np.testing.assert_allclose(trial["end_year"].iloc[:-1], trial["start_year"].iloc[1:], rtol=0, atol=1e-9)
    assert trial["plant_carbon_input"].iloc[1] / 12 == pytest.approx(1.079178, rel=1e-5)


def test_weather_of_rothamsted(tables):
    weather = tables["field_weather"].set_index(["year", "month"])
    assert len(weather) == 171 * 12 - 2
    assert weather["temperature"].notna().sum() == 32 * 12
    # A harvest year begins in October of the year before.
    assert weather.loc[(1985, 10), "temperature"] == pytest.approx(10.98)
    assert weather.loc[(1986, 1), "temperature"] == pytest.approx(2.91)
    assert weather.loc[(1855, 7), "rain"] == pytest.approx(167.2)
    assert weather["rain"].groupby("year").sum().loc[1854] == pytest.approx(480.5)
    means = weather["temperature"].groupby("year").mean().loc[1986:2016]
    annual = weather["annual_temperature"].groupby("year").first().loc[1986:2016]
    assert (means - annual).abs().max() < 0.06


def test_bare_fallows_decline(tables):
    fallow = tables["bare_fallow"]
    assert fallow.groupby("site").size().to_dict() == {"Askov": 11, "Grignon": 11, "Rothamsted": 32, "Versailles": 9}
    # Barre et al. 2010 lists the means of Rothamsted: 29.02, 22.55, 16.48 ... 9.97 g/kg.
    means = fallow[fallow["site"] == "Rothamsted"].groupby("duration")["soil_organic_carbon"].mean()
    assert means.iloc[:3].tolist() == pytest.approx([29.02, 22.55, 16.48], abs=0.02)
    assert means.iloc[6] == pytest.approx(9.975, abs=0.01)
    for _, plot in fallow.groupby("plot"):
        assert plot["soil_organic_carbon"].corr(plot["duration"]) < -0.85
    read = fallow["value_origin"] == "digitised"
    assert fallow.loc[read, "soil_organic_carbon_sd"].between(0.1, 0.2).all()
    assert fallow.loc[~read, "soil_organic_carbon_sd"].isna().all()


def test_incubations_release_less_carbon_than_they_hold(tables):
    """Of 811 series 532 have a unit that can be standardised; units of some studies are wrong all the same."""
    series, points = tables["incubation_series"], tables["incubation_time_series"]
    described = sum(
        left_out(series, words) for words in ("deviations", "isotope", "14C", "fall", "Wells", "per jar", "five points")
    )
    assert 811 - described == 532
    assert left_out(series, "mislabelled unit") == 104
    assert len(series) == 396
    assert left_out(points, "leaves out") + len(points) == 15836
    keys = ["study", "series"]
    assert set(map(tuple, points[keys].to_numpy())) == set(map(tuple, series[keys].to_numpy()))
    columns = ["respiration", "respiration_per_carbon", "cumulative_co2", "cumulative_co2_per_carbon"]
    assert (points[columns].notna().sum(axis=1) == 1).all()
    kinds = points.merge(series[[*keys, "measured_as"]], on=keys)
    filled = kinds[columns].notna().idxmax(axis=1)
    wanted = ["rate_per_soil", "rate_per_carbon", "cumulative_per_soil", "cumulative_per_carbon"]
    assert (filled == kinds["measured_as"].map(dict(zip(wanted, columns, strict=True)))).all()
    assert points.groupby(keys).size().min() >= 5
    last = points.groupby(keys)["cumulative_co2"].max()
    carbon = series.set_index(keys)["soil_organic_carbon"].reindex(last.index) * 1000
    assert not (last > carbon).any()
    assert points["cumulative_co2_per_carbon"].max() < 1000
    assert not {"Bradford2010", "Wang2010", "Crow2018", "Lavoie2011JGR", "Wells2022"} & set(series["study"])


def test_incubation_values_are_those_of_the_database(tables):
    """SIDb: 0.83906628 mg CO2/g/d is 228.99918 ug C/g/d (Andrews 2000); 3.59 % of carbon in Arevalo 2012."""
    points = tables["incubation_time_series"].set_index(["study", "series", "incubation_day"])
    assert points.loc[("Andrews2000SBB", "CO2_40_elev", 1), "respiration"] == pytest.approx(228.99918 / 24, rel=1e-5)
    sierra = tables["incubation_time_series"].query("study == 'Sierra2017BG'")
    assert sierra["respiration"].max() * 24 == pytest.approx(112.94, abs=0.01)
    soils = tables["incubation_series"].query("study == 'Arevalo2012'")
    assert soils.groupby("treatment")["soil_organic_carbon"].nunique().eq(1).all()
    assert soils["soil_organic_carbon"].nunique() == 5


def test_elevated_co2_effects(tables):
    """Terrer et al. 2021: 108 experiments, 10 imputed variances, 20 with fractions."""
    pairs = tables["elevated_co2_pairs"]
    assert pairs.groupby("fraction").size().to_dict() == {
        "mineral_associated_organic_carbon": 20,
        "particulate_organic_carbon": 20,
        "soil_organic_carbon": 108,
    }
    whole = pairs[pairs["fraction"] == "soil_organic_carbon"]
    assert (whole["variance_imputed"] == "yes").sum() == 10
    assert whole["log_response_ratio_variance"].notna().all()
    assert pairs["log_response_ratio_variance"].isna().sum() == 4
    maricopa = whole[whole["experiment"] == "ArizonaFACE - wheat - high N"].iloc[0]
    assert maricopa["log_response_ratio"] == pytest.approx(np.log(1400 / 1258), abs=1e-6)
    assert (maricopa["latitude"], maricopa["longitude"]) == pytest.approx((33.0628, -111.98))
    assert (whole["latitude"] < 0).sum() == 11
    assert (whole["co2_treatment"] > whole["co2_control"]).all()


def test_the_description_is_a_valid_data_package():
    """In a process of its own, as the validator warns about its own dependencies."""
    package = importlib.resources.files("socbayes.data") / "datapackage.json"
    command = [sys.executable, "-m", "frictionless", "validate", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("VALID") == len(list_datasets())
    assert "INVALID" not in done.stdout
