"""The model of pump efficacy: its equations, its sectors, and the known values it must find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from socbayes.models.mcp import pairs as _pairs
from socbayes.models.mcp.baseline import EQUIVALENCE_BAND, SECTORS, sector
from socbayes.spec import spec_of

PRACTICES = ("biochar", "manure", "nitrogen_addition", "no_tillage", "warming")
RESPONSES = ("necromass", "soil_organic_carbon")


def test_sampling_went_well(mcp_fit):
    assert mcp_fit.fit.attrs["max_r_hat"] < 1.05
    assert mcp_fit.fit.attrs["divergences"] <= 5


@pytest.mark.parametrize("practice", PRACTICES)
@pytest.mark.parametrize("response", RESPONSES)
def test_log_ratio_is_recovered(mcp_fit, recovered, practice, response):
    truth = mcp_fit.truth["log_ratio"][practice][RESPONSES.index(response)]
    recovered(mcp_fit, "log_ratio", (practice, response), truth, 0.13)


#: Variable, label, and the posterior standard deviation these data must reach (a fraction of that of the prior).
KNOWN = (
    ("necromass_share", "cropland", 0.04),
    ("necromass_share", "forest", 0.03),
    ("necromass_share", "grassland", 0.05),
    ("share_depth", None, 0.03),
    ("share_clay", None, 0.003),
    ("share_study_sd", None, 0.06),
    ("study_correlation", None, 0.25),
    ("residual_correlation", None, 0.2),
)


@pytest.mark.parametrize(("variable", "label", "reach"), KNOWN)
def test_known_value_is_recovered(mcp_fit, recovered, variable, label, reach):
    truth = mcp_fit.truth[variable] if label is None else mcp_fit.truth[variable][label]
    recovered(mcp_fit, variable, label, truth, reach)


@pytest.mark.parametrize("response", RESPONSES)
def test_spread_between_studies_and_samples_is_recovered(mcp_fit, recovered, response):
    position = RESPONSES.index(response)
    recovered(mcp_fit, "study_effect_sd", response, mcp_fit.truth["study_effect_sd"][position], 0.06)
    recovered(mcp_fit, "residual_sd", response, mcp_fit.truth["residual_sd"][position], 0.02)


def test_study_effects_are_recovered(mcp_fit):
    estimated = mcp_fit.fit.posterior["study_effect"].sel(response="necromass").mean(("chain", "draw")).to_series()
    truth = pd.Series(mcp_fit.effects)[estimated.index]
    assert np.corrcoef(estimated, truth)[0, 1] > 0.8


def test_treated_soils_do_not_enter_the_shares(mcp_fit):
    used = set(mcp_fit.model.coords["obs"])
    treated = set(mcp_fit.levels.loc[mcp_fit.levels["arm"] == "treatment", "observation"])
    assert treated
    assert used == set(mcp_fit.levels["observation"]) - treated
    assert any(
        note.startswith(f"{len(treated)} of {len(mcp_fit.levels)} soils") for note in spec_of(mcp_fit.model).notes
    )


def test_likelihood_of_the_pairs_follows_the_documented_equation(mcp_fit):
    table = mcp_fit.table
    log_ratios = np.column_stack(
        [np.log(table[f"{name}_treatment"] / table[f"{name}_control"]).to_numpy() for name in RESPONSES]
    )
    for chain, draw in ((0, 10), (1, 400)):
        at = mcp_fit.fit.posterior.isel(chain=chain, draw=draw)
        controls = at["shared_control"].to_numpy().tolist()
        r = float(at["residual_correlation"])
        scale = at["residual_sd"].to_numpy()
        shape = np.outer(scale, scale) * np.array([[1, r], [r, 1]])
        expected = []
        for i, row in enumerate(table.itertuples()):
            eta = (
                at["log_ratio"].sel(practice=row.practice).to_numpy()
                + at["study_effect"].sel(pair_study=row.study).to_numpy()
            )
            if row.control in controls:
                eta = eta - at["control_error"].sel(shared_control=row.control).to_numpy()
            t = stats.multivariate_t(eta, shape, df=1 + float(at["degrees_of_freedom"]))
            expected.append(t.logpdf(log_ratios[i]))
        found = mcp_fit.fit["log_likelihood/pair_log_ratio"].isel(chain=chain, draw=draw)
        np.testing.assert_allclose(found.sel(pair=table["observation"].tolist()), expected, rtol=1e-8)


def test_likelihood_of_the_shares_follows_the_documented_equation(mcp_fit):
    stated = mcp_fit.levels[(mcp_fit.levels["arm"] != "treatment") & mcp_fit.levels["clay"].notna()]
    at = mcp_fit.fit.posterior.isel(chain=1, draw=123)
    middle = (stated["depth_top"] + stated["depth_bottom"]) / 2
    fixed = (
        np.log(stated["ecosystem"].map(at["necromass_share"].to_series()))
        + float(at["share_depth"]) * np.log(middle / 10)
        + float(at["share_clay"]) * (stated["clay"] - 20)
    )
    effect = stated["study"].map(at["share_study_effect"].to_series())
    recorded = np.log(stated["necromass"] / stated["soil_organic_carbon"])
    expected = stats.norm(fixed + effect, stated["study"].map(at["scatter"].to_series())).logpdf(recorded)
    found = mcp_fit.fit["log_likelihood/log_share"].isel(chain=1, draw=123).sel(obs=stated["observation"].tolist())
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_quantities_follow_from_the_parameters(mcp_fit):
    at = mcp_fit.fit.posterior.to_dataset()
    n, s = (at["log_ratio"].sel(response=name) for name in RESPONSES)
    np.testing.assert_allclose(at["log_ratio_share"], n - s)
    mostly = {practice: "forest" if practice == "warming" else "cropland" for practice in PRACTICES}
    assert spec_of(mcp_fit.model).choices["share_from"] == mostly
    for practice, ecosystem in mostly.items():
        change = at["necromass_share"].sel(ecosystem=ecosystem) * (np.exp((n - s).sel(practice=practice)) - 1)
        np.testing.assert_allclose(at["efficacy_change"].sel(practice=practice), change)
    assert (np.sign(at["efficacy_change"]) == np.sign(n - s)).all()
    np.testing.assert_allclose(at["log_ratio_new_study"], at["log_ratio"] + at["new_study_effect"])
    spread = at["new_study_effect"].std(("chain", "draw")).mean("practice")
    np.testing.assert_allclose(spread, np.sqrt((at["study_effect_sd"] ** 2).mean(("chain", "draw"))), rtol=0.15)
    stated = mcp_fit.levels[mcp_fit.levels["arm"] != "treatment"]
    for ecosystem, rows in stated.groupby("ecosystem"):
        of_studies = at["necromass_share"].sel(ecosystem=ecosystem) * np.exp(
            at["share_study_effect"].sel(study=rows["study"].unique().tolist())
        )
        np.testing.assert_allclose(at["necromass_share_mean"].sel(ecosystem=ecosystem), of_studies.mean("study"))


LOG_RATIO = st.floats(-2, 2, allow_nan=False)


def condition(n: float, s: float, band: float) -> str:
    """The sector in words: which of the two moved, which way, and which moved more."""
    if max(abs(n), abs(s)) <= band:
        return "no practical change"
    if n > 0 and s > 0:
        return "both gain, necromass leads" if n > s else "both gain, diluted by other carbon"
    if n > 0:
        return "necromass up, carbon down"
    if s > 0:
        return "carbon up, necromass down"
    return "both lose, necromass spared" if n > s else "both lose, necromass leads"


@given(LOG_RATIO, LOG_RATIO, st.floats(0, 0.3))
def test_every_point_lies_in_the_one_sector_whose_condition_holds(n, s, band):
    assert SECTORS[int(sector(n, s, band))] == condition(n, s, band)


@given(LOG_RATIO, LOG_RATIO)
def test_share_rises_exactly_in_the_sectors_where_necromass_leads(n, s):
    name = SECTORS[int(sector(n, s, 0.0))]
    rises = {"both gain, necromass leads", "necromass up, carbon down", "both lose, necromass spared"}
    if n != s:
        assert (name in rises) == (np.sign(np.expm1(n - s)) > 0)


def test_sectors_of_arrays_and_the_band():
    n, s = np.array([0.3, 0.1, 0.2, -0.2, -0.1, -0.3, 0.01]), np.array([0.1, 0.3, -0.2, 0.2, -0.3, -0.1, -0.02])
    assert [SECTORS[i] for i in sector(n, s)] == list(SECTORS)
    assert len(set(SECTORS)) == 7
    edge = EQUIVALENCE_BAND
    assert SECTORS[int(sector(edge, -edge))] == "no practical change"
    assert SECTORS[int(sector(edge * 1.01, -edge))] == "necromass up, carbon down"
    assert sector(np.zeros((2, 3)), 0.4).shape == (2, 3)


def test_density_of_the_bivariate_t_is_the_textbook_one():
    rng = np.random.default_rng(8)
    value, centre = rng.standard_normal((2, 6, 2))
    scale, r, df = np.array([0.3, 0.8]), -0.4, 3.7
    shape = np.outer(scale, scale) * np.array([[1, r], [r, 1]])
    expected = [stats.multivariate_t(c, shape, df=df).logpdf(v) for v, c in zip(value, centre, strict=True)]
    found = _pairs.bivariate_t_logp(value, centre, scale, r, np.array(df)).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(found, expected)


def test_draws_of_the_bivariate_t_have_its_moments():
    centre, scale, r, df = np.array([1.0, -2.0]), np.array([0.3, 0.8]), 0.6, 9.0
    draws = _pairs.bivariate_t_random(centre, scale, r, df, rng=np.random.default_rng(1), size=(200_000,))
    assert draws.shape == (200_000, 2)
    np.testing.assert_allclose(draws.mean(axis=0), centre, atol=0.01)
    np.testing.assert_allclose(draws.std(axis=0), scale * np.sqrt(df / (df - 2)), rtol=0.02)
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(r, abs=0.01)
