"""What treatments do is foreseen, and judged, at sites that a fit did not see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from socbayes.errors import SocbayesError
from socbayes.models.field import differences
from socbayes.models.field.differences import differences_left_out, score_differences
from socbayes.models.field.foresight import Foreseen, leave_one_site_out

ICBM = {"ICBM": {"structure": "icbm"}}


@pytest.fixture(scope="module")
def two_sites():
    """Two sites of two plots each, half of them under twice the input, whose young carbon follows it."""
    rng = np.random.default_rng(3)
    rows, managed = [], []
    for site in ("Farm", "Hill"):
        for plot, (treatment, carbon) in enumerate({"usual": 2.0, "more": 4.0}.items()):
            managed += [{"site": site, "treatment": treatment, "start_year": 2000.0, "end_year": 2011.0,
                         "plant_carbon_input": carbon}]  # fmt: skip
            for year in np.arange(2000.0, 2010.5, 1.25):
                # Input of 2 t C keeps 40 t; 2 t more add young carbon that decays at 0.8 a year, and some old.
                more = (carbon - 2.0) * ((1 - np.exp(-0.8 * (year - 2000.0))) / 0.8 + 0.13 * (year - 2000.0))
                stock = (40.0 + more) * np.exp(rng.normal(0.0, 0.015))
                rows.append({"site": site, "plot": f"P{plot}", "treatment": treatment, "year": year,
                             "soc_stock": stock})  # fmt: skip
    return pd.DataFrame(rows), pd.DataFrame(managed)


def test_a_difference_at_a_new_site_is_foreseen(two_sites, tmp_path):
    """Also where stocks follow from contents and densities."""
    obs, management = two_sites
    depth = {"depth_top": 0.0, "depth_bottom": 20.0, "bulk_density": 1.25}
    obs = obs.drop(columns="soc_stock").assign(soil_organic_carbon=obs["soc_stock"] / (1.25 * 20.0 * 0.1), **depth)
    settings = {"structures": ICBM, "store": tmp_path, "draws": 150, "tune": 250, "chains": 2, "progress": False}
    leave_one_site_out(obs, management, **settings)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fit.nc")}
    table = differences_left_out(obs, management, against={"Farm": "usual", "Hill": "usual"}, **settings)
    obs = obs.assign(soc_stock=obs["soil_organic_carbon"] * 1.25 * 20.0 * 0.1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fit.nc")} == before  # fits are shared
    assert set(table["site"]) == {"Farm", "Hill"}
    begun = obs[obs["year"] == 2000.0].pivot_table(index="site", columns="treatment", values="soc_stock")
    gap = (begun["more"] - begun["usual"]).loc[table["site"]]
    np.testing.assert_allclose(table["at_first"], gap, rtol=1e-10)
    assert set(table["treatment"]) == {"more"}
    assert len(table) == 2 * 8
    last = table[table["year"] == 2010]
    by_hand = obs[(obs["year"] == 2010.0)].pivot_table(index="site", columns="treatment", values="soc_stock")
    np.testing.assert_allclose(last["observed"], by_hand["more"] - by_hand["usual"], rtol=1e-10)
    assert (last["mean"] > 1.0).all()
    assert ((table["low"] < table["mean"]) & (table["mean"] < table["high"])).all()
    assert (table["measurement_sd"] < table["sd"]).all()
    scores = score_differences(table).loc["ICBM"]
    assert scores["coverage_89"] >= 0.75
    assert scores["rmse"] < scores["rmse_at_first"]


def test_what_cannot_be_compared_is_refused_at_once(two_sites, tmp_path):
    obs, management = two_sites
    wrong = {"Farm": "usuall", "Hil": "x"}
    common = ("did you mean 'usual'", "against: no site 'Hil' to leave out; did you mean 'Hill'")
    # Where it is not said which sites are learned from, all of several treatments are left out.
    for learned, own in (
        (None, "'Hill' has no treatment to measure"),
        (["Fram"], "learned: no site 'Fram'; did you mean 'Farm'"),
    ):
        with pytest.raises(SocbayesError) as raised:
            differences_left_out(obs, management, structures=ICBM, store=tmp_path, against=wrong, learned=learned)
        for part in (*common, own):
            assert part in str(raised.value)
    with pytest.raises(SocbayesError, match="column 'treatment'"):
        differences_left_out(
            obs.drop(columns="treatment"), management.drop(columns="treatment"), structures=ICBM, store=tmp_path,
            against={},
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_differences_are_of_means_of_one_calendar_year():
    left_out = pd.DataFrame({"treatment": ["a", "a", "b", "b", "c"], "year": [2001.2, 2001.7, 2001.0, 2002.0, 2003.0]})
    stocks = np.array([30.0, 34.0, 25.0, 26.0, 50.0])
    truth = np.log(np.tile(stocks, (3, 1)))
    values = np.exp(truth) + np.array([-1.0, 0.0, 1.0])[:, None] * np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    foreseen = Foreseen(np.arange(5) + 7, np.array(["total"] * 5), np.log(stocks + 1.0), truth, values, truth)
    first = pd.DataFrame({"a": [np.nan, 20.0], "b": [31.0, 19.0]}, index=[1990.0, 2000.0])
    table = differences._differences(foreseen, left_out, 7, "b", first)
    assert table[["treatment", "year"]].to_numpy().tolist() == [["a", 2001]]
    row = table.iloc[0]
    np.testing.assert_allclose([row["observed"], row["mean"], row["at_first"]], [7.0, 7.0, 1.0])
    np.testing.assert_allclose(row["measurement_sd"], np.sqrt(2 / 3))


def test_treatments_begun_in_different_years_have_no_first_difference():
    left_out = pd.DataFrame({"treatment": ["a", "b"], "year": [2001.0, 2001.0]})
    stocks = np.log([[30.0, 25.0]])
    foreseen = Foreseen(np.arange(2), np.array(["total"] * 2), stocks[0], stocks, np.exp(stocks), stocks)
    first = pd.DataFrame({"a": [np.nan, 20.0], "b": [31.0, np.nan]}, index=[1990.0, 2000.0])
    table = differences._differences(foreseen, left_out, 0, "b", first)
    assert np.isnan(table.loc[0, "at_first"])
    seen = pd.concat([table, table.assign(at_first=3.0, observed=6.0)]).assign(structure="x", converged=True)
    scores = score_differences(seen).loc["x"]
    assert scores[["differences", "compared"]].tolist() == [2, 1]
    np.testing.assert_allclose(scores[["rmse_compared", "rmse_at_first"]].astype(float), [1.0, 3.0])
