"""A credit sheet: the figures of `credit` for every plan and rule, marked and refused where they must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_projection import PLOTS, made_projection

from socbayes.errors import ConvergenceError, SocbayesError, TableFaultsError, UnreadableFileError
from socbayes.scenarios.credit_sheet import KNOWN, credit_sheet
from socbayes.scenarios.credits import FORMULA, credit
from socbayes.scenarios.design import design_of
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.projected import read_projection

MADE = made_projection()
AREAS = pd.DataFrame({"plot": PLOTS, "stratum": ["low"] * 3 + ["high"] * 3, "area [ha]": [20.0] * 3 + [10.0] * 3})


def value(sheet, plan, quantity, group=KNOWN, rule="vm0042_v2_2"):
    table = sheet.table.set_index(["plan", "group", "rule", "quantity"])
    return table.loc[(plan, group, rule, quantity), "value"]


def test_a_sheet_holds_what_credit_returns():
    sheet = credit_sheet(MADE, AREAS, buffer=0.12)
    stocks = MADE["known"].sel(fraction="total").transpose("plan", "sample", "plot", "year")
    one = credit(
        stocks.sel(plan="cover", year=2055), stocks.sel(plan="usual", year=2055),
        start=stocks.sel(plan="usual", year=2025), strata=["low"] * 3 + ["high"] * 3,
        area={"low": 60.0, "high": 30.0}, buffer=0.12,
    )  # fmt: skip
    for row in one.table.itertuples():
        assert value(sheet, "cover", row.quantity) == pytest.approx(row.value, rel=1e-12)
    assert value(sheet, "cover", "area") == 90
    assert one.sampling_sd > 0
    assert value(sheet, "cover", "reductions") + value(sheet, "cover", "removals") == pytest.approx(one.credited * 90)


def test_every_plan_rule_and_group_has_its_rows():
    sheet = credit_sheet(MADE, AREAS, rules=["vm0042_v2_2", "rainbow"])
    table = sheet.table
    assert set(table["plan"]) == {"cover", "straw off"}
    assert set(table["group"]) == {KNOWN, "a new plot: Farm, usual", "a new plot: Farm, cover"}
    assert len(table) == 2 * 3 * 2 * 11
    assert (table["gas"] == "CO2").all()
    assert (table["converged"] == 1).all()
    assert value(sheet, "cover", "credited", rule="rainbow") < value(sheet, "cover", "credited")
    assert value(sheet, "cover", "sampling_sd", "a new plot: Farm, cover") == 0
    assert value(sheet, "straw off", "credited") < value(sheet, "straw off", "gain") < 0


def test_text_says_computed_as_in_and_what_is_not_counted():
    said = credit_sheet(MADE, AREAS, plan="cover").text
    assert len(said) == 3
    assert said[0].startswith(f"cover against usual, {KNOWN}, 2025 to 2055, CO2 of the soil only. Computed as in Verra")
    assert "conform" not in " ".join(said)


def test_a_failed_fit_is_refused_then_marked_in_every_row():
    failed = made_projection(converged=False)
    with pytest.raises(ConvergenceError, match="11 divergent transitions"):
        credit_sheet(failed, AREAS)
    sheet = credit_sheet(failed, AREAS, allow_failed=True)
    assert (sheet.table["converged"] == 0).all()
    assert sheet.text[0] == sheet.table.attrs["notes"][0] == DO_NOT_USE
    silent = made_projection()
    del silent.attrs["converged"]
    with pytest.raises(ConvergenceError, match="no reason is given"):
        credit_sheet(silent, AREAS)


def test_a_gain_near_zero_is_told_by_its_quantile_only():
    near = made_projection(more=1e-9)
    noise = np.random.default_rng(1).normal(0, 1, near.sizes["sample"])
    near["known"][dict(plan=1)] += (noise - noise.mean() + 0.05).reshape(-1, 1, 1, 1) * (
        near["year"] > 2025
    ).to_numpy()[:, None]
    sheet = credit_sheet(near, AREAS, plan="cover", buffer=0.2)
    assert all(np.isnan(value(sheet, "cover", name)) for name in FORMULA)
    assert np.isfinite(value(sheet, "cover", "quantile"))
    how = sheet.table.set_index(["group", "quantity"]).loc[(KNOWN, "net"), "how"]
    assert "the quantile is the figure to read" in how
    assert "read the quantile. Exceeded with probability 0.667: -" in sheet.text[0]


def test_fields_that_are_all_there_are_have_their_own_areas():
    fields = AREAS.drop(columns="stratum").assign(**{"area [ha]": [1.0, 2, 3, 4, 5, 6]})
    sheet = credit_sheet(MADE, fields, every_point=True, plan="cover")
    gain = (MADE["known"].sel(plan="cover") - MADE["known"].sel(plan="usual")).sel(year=2055, fraction="total")
    weighted = gain.mean("sample").to_numpy() @ np.arange(1, 7) / 21 * 44 / 12
    assert value(sheet, "cover", "gain") == pytest.approx(weighted)
    assert value(sheet, "cover", "sampling_sd") == 0
    with pytest.raises(TableFaultsError, match=r"unequal areas: found 2 ha, expected 1 ha"):
        credit_sheet(MADE, fields)


def test_a_toml_file_says_it_all(tmp_path):
    file = tmp_path / "design.toml"
    file.write_text(
        'rules = ["rainbow"]\nbuffer = 0.2\n'
        '[[stratum]]\nname = "low"\nhectares = 60\nplots = ["a1", "A2", "A3"]\n'
        '[[stratum]]\nname = "high"\nhectares = 30\nplots = ["B1", "B2"]\n',
        encoding="utf-8",
    )
    sheet = credit_sheet(MADE, file, plan="cover")
    assert set(sheet.table["rule"]) == {"rainbow"}
    assert value(sheet, "cover", "buffer", rule="rainbow") > 0
    assert sheet.notes == ("Plots of the projection without an area count for nothing: B3.",)
    assert credit_sheet(MADE, file, rules=["vm0042_v2_2"]).lines[0].credit.rule.name == "vm0042_v2_2"


def test_all_faults_of_a_toml_file_come_at_once(tmp_path):
    file = tmp_path / "design.toml"
    file.write_text(
        'rule = "rainbow"\nbuffer = "much"\nevery_point = 1\n'
        '[[stratum]]\nname = "low"\nhectare = 60\nplots = ["A1", "A9"]\n'
        '[[stratum]]\nname = "low"\nhectares = -1\nplots = ["A1"]\n',
        encoding="utf-8",
    )
    with pytest.raises(TableFaultsError) as told:
        design_of(file, PLOTS)
    text = str(told.value)
    for part in ("did you mean 'rules'", "'much'", "true or false", "did you mean 'hectares'", "'A9'",
                 "stratum 1, hectares", "stratum 2, hectares", "each stratum once", "each plot once"):  # fmt: skip
        assert part in text, part
    (tmp_path / "bad.toml").write_text("a = ", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="no TOML"):
        design_of(tmp_path / "bad.toml", PLOTS)


def test_all_faults_of_a_table_come_at_once():
    frame = pd.DataFrame({"plot": ["A1", "a1", "C7"], "area [ha]": ["20", "-2", "x"], "strata": "low"})
    with pytest.raises(TableFaultsError) as told:
        credit_sheet(MADE, frame)
    kinds = {(fault.row, fault.kind) for fault in told.value.faults}
    assert {(None, "unknown column"), (3, "duplicate plot"), (4, "unknown plot"), (3, "out of range"),
            (4, "text in a number")} <= kinds  # fmt: skip


def test_all_other_faults_come_at_once():
    with pytest.raises(ExceptionGroup) as told:
        credit_sheet(made_projection(converged=False), AREAS, rules=["vm0042", "rainbow", "vm0042_v2_2"], buffer=0.05,
                     year=2031, plan="covr")  # fmt: skip
    text = " ".join(map(str, told.value.exceptions))
    for part in ("failed its checks", "vm0042_v2_2", "from 0.12 to 0.6", "nearest is 2030", "did you mean 'cover'"):
        assert part in text, part


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda made: made.drop_vars("known"), "lacks known"),
        (lambda made: made.rename(plot="field"), "dimension plot of known"),
        (lambda made: made.assign_attrs(baseline="none"), "which of its plans is the baseline"),
        (lambda made: made.sel(plan=["usual"]), "holds its baseline 'usual' only"),
        (lambda made: made.sel(year=[2025.0]), "ends in 2025 where it begins"),
        (lambda made: made.assign(known=made["known"].where(made["plot"] != "A2")), "no stock of A2 in 2025"),
        (lambda made: made.drop_sel(fraction="total"), "no fraction named 'total'"),
    ],
)
def test_what_is_no_projection_is_refused(change, complaint):
    with pytest.raises(SocbayesError, match=complaint):
        credit_sheet(change(MADE), AREAS)


def test_a_start_that_is_predicted_is_said_to_be_and_one_soon_after_the_samples_is_not():
    said = "Stocks of 2025 are predicted: the last sample is of 2010."
    assert said in credit_sheet(made_projection().assign_attrs(last_sample=2010.5), AREAS).text
    for other in (made_projection(), made_projection().assign_attrs(last_sample=2024.5)):
        assert not any("are predicted" in sentence for sentence in credit_sheet(other, AREAS).text)


def test_a_plan_that_began_before_the_projection_is_named():
    (note,) = credit_sheet(MADE.sel(year=slice(2030, None)), AREAS).notes
    assert note.startswith("cover, straw off: stocks differ from the baseline in 2030 already")


def test_a_projection_comes_back_from_its_file(tmp_path):
    MADE.to_netcdf(tmp_path / "projection.nc")
    back = read_projection(tmp_path / "projection.nc")
    assert credit_sheet(back, AREAS).table.equals(credit_sheet(MADE, AREAS).table)
    with pytest.raises(UnreadableFileError, match=r"did you mean 'projection\.nc'"):
        read_projection(tmp_path / "projektion.nc")
    (tmp_path / "text.nc").write_text("text")
    with pytest.raises(UnreadableFileError, match="cannot be read as netCDF"):
        read_projection(tmp_path / "text.nc")


def test_land_of_the_plans_is_taken_where_none_is_given():
    with pytest.raises(SocbayesError, match="what land the plots stand for"):
        credit_sheet(MADE)
    made = MADE.assign_coords(area=("plot", [1.0, 2, 3, 4, 5, 6]))
    with pytest.raises(TableFaultsError, match="unequal areas"):
        credit_sheet(made)
    fields = AREAS.drop(columns="stratum").assign(**{"area [ha]": [1.0, 2, 3, 4, 5, 6]})
    sheet = credit_sheet(made, every_point=True)
    assert sheet.table.equals(credit_sheet(MADE, fields, every_point=True).table)


def test_a_new_plot_without_a_line_is_named():
    made = made_projection()
    made["new"][dict(plan=1, sample=7, new_plot=0, year=-1)] = np.nan
    sheet = credit_sheet(made, AREAS)
    assert sheet.notes == ("A new plot: Farm, usual is not credited under cover: 1 of 800 draws has no stock of it.",)
    groups = {(line.plan, line.group) for line in sheet.lines}
    assert ("cover", "a new plot: Farm, usual") not in groups
    assert ("straw off", "a new plot: Farm, usual") in groups


def test_every_point_counts_beside_a_design_that_was_read():
    design = design_of(AREAS, PLOTS)
    sheet = credit_sheet(MADE, design, every_point=True, plan="cover")
    assert value(sheet, "cover", "sampling_sd") == 0
    assert value(credit_sheet(MADE, design, plan="cover"), "cover", "sampling_sd") > 0


def test_a_rule_that_is_asked_for_twice_is_credited_once():
    assert len(credit_sheet(MADE, AREAS, rules=["rainbow", "rainbow"]).table) == 2 * 3 * 11


def test_a_blank_stratum_is_a_fault_of_its_row():
    with pytest.raises(TableFaultsError) as told:
        credit_sheet(MADE, AREAS.assign(stratum=["low", None, "low", "high", "high", None]))
    assert [(fault.row, fault.column) for fault in told.value.faults] == [(3, "stratum"), (7, "stratum")]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"rules": "rainbow"}, r"such as \['rainbow'\]"),
        ({"buffer": "0.12"}, "a share, such as 0.12"),
        ({"areas": {"A1": 20.0}}, "not a dict"),
        ({"areas": [20.0] * 6}, "not a list"),
        ({"year": "2030"}, "a year is a number"),
        ({"year": float("nan")}, "no year nan"),
    ],
)
def test_what_is_of_another_kind_is_refused_in_words(arguments, complaint):
    with pytest.raises(SocbayesError, match=complaint):
        credit_sheet(MADE, **({"areas": AREAS} | arguments))
