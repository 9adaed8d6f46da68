"""What stays of gains after levers are given up: closed forms, a warmer climate, the figure and the chapter."""

from __future__ import annotations

import re

import numpy as np
import pytest
from made_field import fit_of, fit_with_weather, management, one_pool, samples

import socbayes as sb
from socbayes.errors import SocbayesError, TableFaultsError
from socbayes.report import report
from socbayes.scenarios import lasting, permanence, project, read_plans, under, with_transit
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.endings import AS_PLANNED, warmer
from socbayes.vocabulary import INTERVAL_NAME

RATE = 0.05
YEARS = (2022.0, 2032.0, *np.arange(2033.0, 2083.0, 1.0).tolist())
PLANS = {
    "plans": {"plants": {"levers": {"plant_carbon": 1.0}}, "slower": {"levers": {"no_tillage": 1.0}}},
    "areas": {"A1": 1.0, "A2": 3.0, "B1": 2.0, "B2": 2.0},
}


@pytest.fixture(scope="module")
def pool():
    own = one_pool(RATE)
    fitted = fit_of(own, samples(), management(), spread=0.0)
    return lasting(fitted, PLANS, 2032, years=YEARS, warming=None, draws=50, structures={"one_pool": own})


@pytest.fixture(scope="module")
def warmed():
    years = (2022.0, 2032.0, 2037.0, 2042.0, 2052.0, 2082.0)
    return lasting(fit_with_weather(), PLANS, 2032, years=years, warming=3.0, draws=100, seed=2)


def words(figure) -> str:
    from matplotlib.text import Text

    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_of_one_pool_half_life_and_transit_time_are_those_of_its_rate(pool):
    row = pool.table.set_index("plan").loc["plants"]
    assert row["half_life"] == pytest.approx(np.log(2.0) / RATE, rel=1e-3)
    assert row["transit_time"] == pytest.approx(1.0 / RATE, rel=1e-6)
    assert row["gain_last"] == pytest.approx(row["gain_then"] * np.exp(-RATE * 50.0), rel=1e-4)
    # The gain that was credited is gone to the part that decays in 50 years.
    assert row["expected_loss"] == pytest.approx(1.0 - np.exp(-RATE * 50.0), rel=1e-4)
    assert row["p_reversal_baseline"] > 0.99
    assert np.isnan(pool.table.set_index("plan").loc["slower", "transit_time"])
    assert list(pool.paths) == [AS_PLANNED]


def test_a_warmer_climate_is_that_of_the_plans_with_degrees_added(warmed):
    assert list(warmed.paths) == [AS_PLANNED, "+3 degC"]
    fitted, years = fit_with_weather(), warmed.paths[AS_PLANNED]["year"].to_numpy().tolist()
    plans = under(read_plans(PLANS), {"warming": 3.0}).stopped(2032)
    again = project(fitted, plans, years=years, draws=100, seed=2)
    np.testing.assert_array_equal(again["known"], warmed.paths["+3 degC"]["known"])
    times = with_transit(again, fitted, plans, year=2032)["transit_time"].sel(plan="plants").to_numpy()
    area = np.array([1.0, 3.0, 2.0, 2.0])
    middle = np.quantile((times * area).sum(axis=1) / area.sum(), 0.5, method="nearest")
    row = warmed.table.query("climate == '+3 degC' and plan == 'plants'").iloc[0]
    assert row["transit_time"] == middle
    cool = warmed.table.query("climate == @AS_PLANNED and plan == 'plants'").iloc[0]
    assert row["transit_time"] < 0.9 * cool["transit_time"]
    assert row["half_life"] < cool["half_life"]
    # What was credited is what was promised without warming.
    assert row["credited"] == cool["credited"] == pytest.approx(cool["gain_then"])
    assert row["expected_loss"] > cool["expected_loss"]


def test_degrees_come_on_top_of_the_climate_of_each_plan():
    plans = read_plans({
        "climate": {"warming": 1.0, "efficiency": "acclimates"},
        "plans": {"p": {"levers": {"plant_carbon": 1.0}}, "q": {"climate": {"rain": 0.9}}},
    })  # fmt: skip
    found = warmer(plans, 2.0)
    assert found["p"].climate is found[plans.baseline].climate
    assert sum(one.dose for one in found["p"].climate.changes) == 3.0
    assert found["p"].climate.efficiency == "acclimates"
    assert [one.lever.name for one in found["q"].climate.changes] == ["rain", "warming"]
    assert "7 degC of warming is beyond" in " ".join(warmer(plans, 7.0).notes)


def test_plots_credits_and_marks_of_failed_fits_are_kept():
    years = (2022.0, 2032.0, 2052.0)
    failed = fit_of("icbm", converged=0)
    found = lasting(
        failed, PLANS | {"areas": {}}, 2032, years=years, warming=None, credited={"plants": 2.5}, buffer=0.2,
        plots=["A1"], draws=50, allow_failed=True,
    )  # fmt: skip
    table = found.table.set_index("plan")
    assert table.loc["plants", "credited"] == 2.5
    assert table.loc["slower", "credited"] == pytest.approx(table.loc["slower", "gain_then"])
    assert (table["buffer"] == 0.2).all()
    assert (table["converged"] == 0).all()
    assert not found.converged
    assert found.failures == ["icbm: R-hat of 1.4"]
    assert DO_NOT_USE in words(sb.plots.gains_after(found))
    alone = permanence(found.paths[AS_PLANNED].drop_vars("transit_time"), 2032, credited={"plants": 2.5})
    assert alone.set_index("plan").loc["plants", "half_life"] == table.loc["plants", "half_life"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"warming": 0.0}, "not zero"), ({"warming": "two"}, "in degrees"), ({"stopped": "later"}, "has to be a year"),
        ({"stopped": 2082.0}, "others after it"), ({"credited": {"cover": 1.0}}, "cover"),
        ({"plots": ["A1", "A9"]}, "no plot named 'A9'; plots are A1, A2, B1, B2"), ({"plots": []}, "names none"),
        ({"alow_failed": True}, "no setting called 'alow_failed'; did you mean 'allow_failed'"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_in_words(settings, text):
    given = {"stopped": 2032.0, "warming": None} | settings
    with pytest.raises(SocbayesError, match=text):
        lasting(fit_of("icbm"), PLANS, given.pop("stopped"), years=(2022.0, 2082.0), draws=20, **given)


def test_warming_that_a_fit_cannot_show_is_refused():
    with pytest.raises(TableFaultsError, match="no weather to change: found warming, expected a fit that"):
        lasting(fit_of("icbm"), PLANS, 2032, years=(2022.0, 2082.0), draws=20)


def test_the_figure_has_a_panel_for_each_climate_the_year_and_half_lives(warmed):
    figure = sb.plots.gains_after(warmed)
    assert [ax.get_title("left") for ax in figure.axes] == [AS_PLANNED, "+3 degC"]
    said = words(figure)
    for part in ("gain against business as usual (t C/ha)", INTERVAL_NAME, "levers given up, 2032", "half-life"):
        assert part in said
    for ax, climate in zip(figure.axes, warmed.paths, strict=True):
        stocks = warmed.paths[climate]["known"].sel(fraction="total").transpose("plan", "sample", "year", "plot")
        gain = (stocks * [1.0, 3.0, 2.0, 2.0] / 8.0).sum("plot")
        drawn = np.median(gain.sel(plan="plants") - gain.sel(plan="business as usual"), axis=0)
        (line,) = [line for line in ax.get_lines() if line.get_label() == "plants"]
        np.testing.assert_allclose(line.get_ydata(), drawn, rtol=1e-6, atol=1e-9)
        rows = warmed.table[warmed.table["climate"] == climate]
        rings = [line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() == "o" and len(line.get_xdata())]
        expected = [2032.0 + one for one in rows["half_life"] if np.isfinite(one)]
        assert rings == pytest.approx(expected)


def tons_of(value):
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def test_the_report_has_a_chapter_of_it_or_says_how_to_get_one(warmed, tmp_path):
    projection = warmed.paths[AS_PLANNED]
    text = report(projection, warmed, path=tmp_path / "with.html").read_text("utf-8")
    assert "What stays when levers are given up in 2032" in text
    assert "Not drawn" not in text
    assert text.count("<figure>") == 2
    assert "What stays of these gains" not in text
    row = warmed.table.query("climate == '+3 degC' and plan == 'plants'").iloc[0]
    plain = text.replace("\N{NO-BREAK SPACE}", " ")
    assert f"of {tons_of(row['gain_then'])} t C/ha gained by 2032" in plain
    lost = f"{100 * row['expected_loss']:.0f} % of the {tons_of(row['credited'])} that were credited are lost"
    assert f"{lost}, more than the 12 % of the buffer" in plain
    assert "<th>credited</th>" in re.sub(r"<th[^>]*>", "<th>", text)
    without = report(projection, path=tmp_path / "without.html").read_text("utf-8")
    assert "What stays of these gains once levers are given up is not on this page" in without
