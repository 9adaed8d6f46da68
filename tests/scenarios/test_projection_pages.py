"""Figures and chapters on plans, credits and measurements: true to their draws, loud where a fit failed."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_projection import PLOTS, made_projection

import socbayes as sb
from socbayes.errors import SocbayesError
from socbayes.plots.projections import drawn_gains, shares_of
from socbayes.report import report
from socbayes.report.projections import chapters_of
from socbayes.scenarios import Errors, Measurement, credit_sheet, next_measurements
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.vocabulary import INTERVAL_NAME

AREAS = pd.DataFrame({"plot": PLOTS, "area [ha]": 15.0})
CANDIDATES = [Measurement("2035", 2035.0, cores=5), Measurement("2045", 2045.0, cores=5, cost=1000.0)]
MADE, FAILED = made_projection(), made_projection(converged=False)


def everything(projection):
    sheet = credit_sheet(projection, AREAS, buffer=0.12, allow_failed=True)
    return projection, sheet, next_measurements(projection, CANDIDATES, errors=Errors(cores=0.1))


def words(figure) -> str:
    from matplotlib.text import Text

    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_gain_paths_show_median_interval_and_unit():
    figure = sb.plots.gain_paths(MADE)
    known = figure.axes[0]
    lines = {line.get_label(): line.get_ydata() for line in known.get_lines()}
    gain = drawn_gains(MADE, "cover")
    np.testing.assert_allclose(lines["cover"], np.median(gain, axis=0))
    band = known.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(np.quantile(gain[:, -1], 0.945))
    assert "gain against usual (t C/ha)" in words(figure)
    assert INTERVAL_NAME in words(figure)
    assert DO_NOT_USE not in words(figure)
    assert DO_NOT_USE in words(sb.plots.gain_paths(FAILED))


def test_the_band_of_a_new_plot_is_that_of_any_one_and_areas_are_named_where_there_are_any():
    """Two kinds of new plots of different gains: the band holds the draws of both, not of their mean."""
    made = MADE.copy()
    made["new"] = MADE["new"] + 2.0 * (MADE["new_plot"] == "Farm, cover") * (MADE["plan"] == "cover")
    figure = sb.plots.gain_paths(made)
    gain = (made["new"].sel(plan="cover") - made["new"].sel(plan="usual")).sel(year=2055, fraction="total").to_numpy()
    band = figure.axes[1].collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(np.quantile(gain.ravel(), 0.945))
    assert band.max() > np.quantile(gain.mean(axis=1), 0.945) + 0.5
    assert [ax.get_title("left") for ax in figure.axes] == ["plots measured", "a plot not measured"]
    of_areas = sb.plots.gain_paths(made.assign_coords(area=("plot", np.arange(1.0, 7.0))))
    assert of_areas.axes[0].get_title("left") == "plots measured, by their area"


def test_gain_against_dose_marks_what_nobody_measured():
    doses = [1.0, 2.0, 4.0]
    curve = pd.DataFrame({
        "dose": doses, "kind": "new", "plot": "Farm, cover", "gain": [1.0, 2.0, 4.0], "gain_lower": [0.5, 1.0, 2.0],
        "gain_upper": [2.0, 4.0, 8.0], "p_gain": 1.0, "within_evidence": [True, True, False],
    })  # fmt: skip
    figure = sb.plots.gain_against_dose(curve, "cover_crop")
    said = words(figure)
    assert "dose of cover crop (" in said
    assert "dose beyond the evidence" in said
    assert INTERVAL_NAME in said
    (line,) = [line for line in figure.axes[0].get_lines() if line.get_label() == "Farm, cover"]
    assert list(line.get_ydata()) == [1.0, 2.0, 4.0]
    within = sb.plots.gain_against_dose(curve[:2], "cover_crop", passed=False)
    assert "beyond" not in words(within)
    assert DO_NOT_USE in words(within)
    with pytest.raises(SocbayesError, match="two doses"):
        sb.plots.gain_against_dose(curve[:1], "cover_crop")
    with pytest.raises(SocbayesError, match="known plots"):
        sb.plots.gain_against_dose(curve, "cover_crop", kind="known")


def parts_of(variances: dict[str, float]) -> xr.Dataset:
    """Parts of the variance of a gain, as `gain_variance` returns them, of two plots and a start without any."""
    values = np.array(list(variances.values()))[:, None, None, None] * np.ones((1, 1, 2, 1)) * [0.0, 1.0]
    return xr.Dataset(
        {"known": (("part", "plan", "plot", "year"), values)},
        coords={"part": list(variances), "plan": ["cover_crop"], "plot": ["A", "B"], "year": [2025.0, 2055.0]},
        attrs={"baseline": "usual", "converged": 1},
    )


def test_variance_shares_sum_to_one():
    parts = parts_of({"parameters": 1.4, "levers": 0.8, "inputs": -0.2})
    assert shares_of(parts).to_numpy().ravel() == pytest.approx([0.7, 0.4, -0.1])
    figure = sb.plots.variance_shares(parts)
    widths = sorted(patch.get_width() for patch in figure.axes[0].patches)
    assert widths == pytest.approx([-10, 40, 70])
    assert "share of the variance of the gain (percent)" in words(figure)
    with pytest.raises(SocbayesError, match="no gain of 2025 varies"):
        sb.plots.variance_shares(parts, year=2025.0)


def test_a_waterfall_ends_at_what_is_left():
    sheet = credit_sheet(MADE, AREAS, buffer=0.12)
    one = sheet.lines[0].credit
    figure = sb.plots.credit_waterfall(one, title="cover")
    tops = [patch.get_y() + patch.get_height() for patch in figure.axes[0].patches]
    assert tops[0] == pytest.approx(one.gain)
    assert tops[2] == pytest.approx(one.credited)  # after both deductions
    assert tops[4] == pytest.approx(one.net / one.area)
    assert tops[5] == pytest.approx(one.net / one.area)
    assert "computed as in Verra VM0042 v2.2" in words(figure)
    without = credit_sheet(MADE, AREAS).lines[0].credit
    assert len(sb.plots.credit_waterfall(without).axes[0].patches) == 4


def test_a_step_that_nobody_sees_is_none(monkeypatch):
    one = credit_sheet(MADE, AREAS, buffer=0.12).lines[0].credit
    steps = [("gain", one.gain, "C0", True), ("sampling", -1e-4 * one.gain, "C1", False)]
    monkeypatch.setattr("socbayes.plots.credits._steps", lambda _: steps)
    figure = sb.plots.credit_waterfall(one)
    assert [text.get_text() for text in figure.axes[0].texts[:2]] == [f"{one.gain:,.3g}", "0"]


def test_a_ranking_is_drawn_best_first():
    ranked = next_measurements(MADE, CANDIDATES, errors=Errors(cores=0.1))
    figure = sb.plots.measurement_ranking(ranked)
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert widths == pytest.approx((100 * ranked["narrowing"]).tolist())
    assert "t CO2e credited" in words(figure)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    report(*everything(MADE), path=path)
    return path.read_text(encoding="utf-8")


def test_chapters_have_figures_tables_and_sentences(page):
    assert "<h1>Plans, credits and what to measure next</h1>" in page
    assert "Not drawn" not in page
    assert page.count("<figure>") == 1 + 2 + 1
    for words_of in (
        "4 per 1000 by 2045", "4 per 1000 by 2055", "new: Farm, cover", "Computed as in Verra VM0042 v2.2",
        "a new plot: Farm, cover", "It is expected to remove", "no statement that a project conforms",
    ):  # fmt: skip
        assert words_of in page, words_of
    assert 'class="alarm"' not in page
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page


def test_numbers_of_the_table_are_those_of_the_draws(page):
    gain = drawn_gains(MADE, "cover")[:, -1]
    assert f"{np.median(gain):+.1f} ({np.quantile(gain, 0.055):+.1f} to {np.quantile(gain, 0.945):+.1f})" in page


def test_each_note_of_a_projection_is_told_once():
    """A note a line; what the chapter of the fit says is not said again."""
    made = MADE.assign_attrs(notes="Of 3 plots nothing was seen.\nA new plot follows every plan.\n")
    (chapter, *_) = chapters_of([made], [], [])
    assert chapter.notes == ["Of 3 plots nothing was seen.", "A new plot follows every plan."]
    (chapter, *_) = chapters_of([made], [], [], {"Of 3 plots nothing was seen."})
    assert chapter.notes == ["A new plot follows every plan."]


def test_a_ranking_that_lost_its_mark_is_refused(tmp_path):
    ranked = next_measurements(MADE, CANDIDATES, errors=Errors(cores=0.1)).drop(columns="converged")
    with pytest.raises(SocbayesError, match="no column converged"):
        report(ranked, path=tmp_path / "report.html")
    with pytest.raises(SocbayesError, match="no column converged"):
        sb.plots.measurement_ranking(ranked)


def test_levers_and_necromass_are_told_where_there_are_any(tmp_path):
    made = MADE.assign_attrs(factors='{"cover_crop": {"one pool": ""}}')
    necromass = (0.3 * MADE.sel(fraction="total")).assign_coords(fraction="necromass")
    rise = xr.DataArray(np.linspace(1.05, 1.15, MADE.sizes["sample"]), dims="sample")
    necromass = necromass * xr.where(MADE["plan"] == "cover", rise, 1.0)
    made = xr.concat([made, necromass], "fraction").assign_attrs(made.attrs)
    made = made.assign({kind: made[kind].transpose(*MADE[kind].dims) for kind in ("known", "new")})
    report(made, path=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Levers</h2>" in text
    assert sb.levers().loc["cover_crop", "title"] in text
    assert sb.levers().loc["no_tillage", "title"] not in text
    assert "necromass in carbon changes by 3.0\N{NO-BREAK SPACE}percentage points (1.7 to 4.3)" in text
    assert "straw off: the share of necromass" not in text


def test_chapters_of_a_failed_fit_are_said_first(tmp_path):
    failed = FAILED.assign_attrs(factors='{"cover_crop": {"one pool": ""}}')
    report(*everything(failed), path=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("DO NOT USE THESE NUMBERS") == 3
    assert text.index("11 divergent transitions") < text.index("<nav")
    assert text.count("A FIT BEHIND THIS CHAPTER DID NOT PASS") == 3
    assert "<h2>Levers</h2>" in text  # known from elsewhere, whatever this fit did


@pytest.mark.parametrize(("mean", "dashes"), [(0.1, 5), (-0.1, 4)])
def test_a_gain_near_zero_is_a_dash(mean, dashes, tmp_path):
    """A loss is made larger, however small: what is credited of it is told."""
    near = made_projection(more=1e-9)
    noise = np.random.default_rng(1).normal(0, 1, near.sizes["sample"])
    noise += mean - noise.mean()
    near["known"][dict(plan=1)] = (
        near["known"].sel(plan="usual") + noise.reshape(-1, 1, 1, 1) * (near["year"] > 2025).to_numpy()[:, None]
    )
    report(credit_sheet(near, AREAS, plan="cover", rules=["vm0042_v2_2", "rainbow"]), path=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    row = next(row for row in re.findall(r"<tr>.*?</tr>", text) if "plots measured" in row)
    assert row.count("–") == dashes
    assert "rainbow" in text


@pytest.mark.parametrize("item", [pd.DataFrame({"a": [1]}), xr.Dataset({"a": 1})])
def test_other_tables_are_refused(item, tmp_path):
    with pytest.raises(SocbayesError):
        report(item, path=tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
