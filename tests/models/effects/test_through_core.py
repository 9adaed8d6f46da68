"""Effects through the core: responses beside full runs, and factors that pairs of several durations must give back."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytensor.gradient import verify_grad

import socbayes as sb
from socbayes.core.dimensions import per_year
from socbayes.core.environment import rothc_temperature
from socbayes.core.steady_state import find_steady_state
from socbayes.core.structure import StructureError
from socbayes.errors import SocbayesError, TooFewGroupsError, UnknownNameError
from socbayes.inference.runs import save
from socbayes.models.effects import factors
from socbayes.models.effects.layout import lay_out
from socbayes.models.effects.through_core import ENTRIES, MODIFIER, USUAL_STOCK, decline_of, left, ratio
from socbayes.priors import Priors
from socbayes.scenarios.levers import FACTORS, LEVERS, with_effects
from socbayes.spec import spec_of
from socbayes.structures import get
from socbayes.structures.forcing import roles_of
from socbayes.structures.rothc import inert_carbon
from socbayes.vocabulary import EVIDENCE_LEVERS

STRUCTURES = ("rothc", "icbm", "century", "two_pool_series", "two_pool_parallel", "two_pool_feedback")
FINER = {"century": {"scheme": "rk4", "steps": 1}}


def run(name, entry, log_factor, years, modifier=MODIFIER):
    """Ratio of stocks of two runs of the compiled core from the control's steady state."""
    structure = get(name)
    roles = roles_of(structure)
    unit = {part: 1e-2 * share for part, share in roles.plant.items()}
    usual = unit | {roles.modifier: modifier / structure.reference_modifier}
    pools = find_steady_state(structure, None, usual).pools[0]
    if structure.inert:
        total = pools.sum()
        share = float(inert_carbon(USUAL_STOCK)) / USUAL_STOCK
        pools[structure.pools.index(structure.inert[0])] = total * share / (1 - share)
    changed = dict(usual)
    for part in roles.plant if entry == "input" else [roles.modifier]:
        changed[part] *= np.exp(log_factor)
    interval = structure.step if structure.discrete else 1.0
    when = np.unique(np.rint(np.array(years) * per_year(structure.time_unit) / interval).astype(int))
    how = FINER.get(name, {})
    both = [
        sb.simulate(structure, drivers, initial=pools, times=when, interval=interval, **how)
        for drivers in (changed, usual)
    ]
    counted = structure.fractions.get("total", structure.pools)
    treated, control = (sum(one[pool] for pool in counted).to_numpy().ravel() for one in both)
    np.testing.assert_allclose(control, control[0], rtol=1e-6)
    return when * interval / per_year(structure.time_unit), treated / control


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("name", STRUCTURES)
def test_responses_are_those_of_full_runs(name, entry):
    for log_factor in (-0.5, 0.7):
        years, found = run(name, entry, log_factor, [1, 4, 13, 40, 172])
        expected = ratio(decline_of(name), entry, log_factor, MODIFIER * years)
        # RothC's month is a step: what decays in it reaches no other pool until the next, at whatever pace.
        tolerance = 3e-3 if (name, entry) == ("rothc", "decomposition") else 1e-6
        np.testing.assert_allclose(found, expected, rtol=tolerance)


@pytest.mark.parametrize("modifier", [0.2, 1.5])
def test_another_climate_is_another_pace(modifier):
    for name, tolerance in (("icbm", 1e-6), ("century", 1e-6), ("rothc", 2e-3)):
        years, found = run(name, "input", 0.3, [1, 10, 60], modifier)
        np.testing.assert_allclose(found, ratio(decline_of(name), "input", 0.3, modifier * years), rtol=tolerance)


def test_published_rates_are_those_of_the_decline():
    young, old = sorted(decline_of("icbm").rates, reverse=True)
    assert (young * 0.48, old * 0.48) == pytest.approx((0.8, 0.00605))
    assert decline_of("icbm").inert == 0
    assert decline_of("rothc").inert == pytest.approx(float(inert_carbon(USUAL_STOCK)) / USUAL_STOCK)


@given(
    st.sampled_from(STRUCTURES),
    st.floats(-3.0, 3.0),
    st.floats(0.01, 2.0),
    st.floats(1e-2, 1e3),
    st.floats(1.01, 10.0),
)
def test_responses_are_positive_and_grow_with_factor_and_time(name, log_factor, step, time, later):
    decline = decline_of(name)
    here, after = left(decline, np.array([time, time * later]))
    assert 0 <= after <= here <= 1
    for entry, sign in (("input", 1.0), ("decomposition", -1.0)):
        at = ratio(decline, entry, log_factor, time)
        assert at > 0
        assert sign * (ratio(decline, entry, log_factor + step, time) - at) > -1e-12
        ahead = ratio(decline, entry, log_factor, time * later)
        assert sign * np.sign(log_factor) * (ahead - at) > -1e-12
        limit = decline.inert + (1 - decline.inert) * np.exp(sign * log_factor)
        assert min(1.0, limit) - 1e-12 <= at <= max(1.0, limit) + 1e-12


@pytest.mark.parametrize("entry", ENTRIES)
def test_gradients_of_responses(entry):
    decline = decline_of("rothc")
    verify_grad(
        lambda factor, time: pt.log(ratio(decline, entry, factor, time, pt.exp)),
        [np.array([-0.4, 0.0, 0.6]), np.array([0.3, 4.0, 50.0])],
        rng=np.random.default_rng(0),
        eps=1e-6,
    )
    factor, time = pt.dvectors("factor", "time")
    graph = pytensor.function([factor, time], ratio(decline, entry, factor, time, pt.exp), mode="FAST_COMPILE")
    values = np.array([-0.4, 0.6]), np.array([0.3, 50.0])
    np.testing.assert_allclose(graph(*values), ratio(decline, entry, *values), rtol=1e-12)


def test_structures_without_a_decline_are_refused_in_words():
    from dataclasses import replace

    from socbayes.core.structure import Driver, Flow, Parameter, Structure

    with pytest.raises(StructureError, match="rate_modifier is expected"):
        decline_of("millennial")

    def flows(x, p, u):
        yield Flow("input", "soil", u.carbon_input)
        yield Flow("soil", "co2", u.rate_modifier * p.k * x.soil * x.soil)

    crowded = Structure(
        name="crowded",
        pools=("soil",),
        flows=flows,
        parameters=(Parameter("k", "m**2/g/year", 0.01, "assumed", 0.0),),
        drivers=(
            Driver("carbon_input", "g/m**2/year", "Input.", lower=0.0),
            Driver("rate_modifier", "1", "Climate.", 1.0, lower=0.0),
        ),
        time_unit="year",
    )
    with pytest.raises(StructureError, match="rates change with its pools"):
        decline_of(replace(crowded))
    with pytest.raises(StructureError, match="acts on input or on decomposition"):
        ratio(decline_of("icbm"), "inputs", 0.1, 1.0)


TRUTH = {"residue_return": 0.35, "no_tillage": -0.25}
STUDY_SD, START_SD, ERROR = 0.1, 0.03, 0.02
STATED = ERROR * np.sqrt(3)  # coefficient of variation of three replicates


def made(seed: int = 4, structure: str = "rothc", studies: int = 12) -> pd.DataFrame:
    """Pairs of two levers by the documented equations, of 2 to 40 years, sampled three times each."""
    rng = np.random.default_rng(seed)
    decline, rows = decline_of(structure), []
    for lever, log_factor in TRUTH.items():
        own = rng.standard_normal(studies)
        own = log_factor + STUDY_SD * (own - own.mean()) / own.std()
        for study in range(studies):
            last, start = np.exp(rng.uniform(np.log(2), np.log(40))), START_SD * rng.standard_normal()
            modifier = 0.5 * np.exp(0.2 * rng.standard_normal())
            for place, years in enumerate(last * np.array([0.4, 0.7, 1.0])):
                entry = ENTRIES[lever in factors.OF_DECOMPOSITION]
                level = np.log(ratio(decline, entry, own[study], modifier * years)) + start
                control, treated = np.exp(ERROR * rng.standard_normal(2)) * 20.0 * np.array([1.0, np.exp(level)])
                rows.append(
                    {
                        "observation": f"{lever} {study} {place}",
                        "study": f"{lever} {study}",
                        "lever": lever,
                        "fraction": factors.WHOLE,
                        "control_mean": control,
                        "treated_mean": treated,
                        "control_sd": STATED * control * np.exp(0.1 * rng.standard_normal()),
                        "treated_sd": STATED * treated * np.exp(0.1 * rng.standard_normal()),
                        "replicates": 3,
                        "duration": years,
                        "depth_bottom": 30.0,
                        "mean_annual_temperature": 9.3,
                    }
                )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fitted():
    return sb.fit(factors.build(made()), draws=400, tune=400, chains=2, cores=1, seed=5, climbs=0, progress=False)


def test_known_factors_are_recovered_where_mean_ratios_miss_them(fitted):
    posterior, table = fitted["posterior"], made()
    assert fitted.attrs["divergences"] == 0
    assert fitted.attrs["max_r_hat"] < 1.05
    ratios = np.log(table["treated_mean"] / table["control_mean"]).groupby(table["lever"])
    for lever, truth in TRUTH.items():
        draws = posterior["log_factor"].sel(lever=lever)
        mean, sd = float(draws.mean()), float(draws.std())
        assert sd < 0.15, "the data must tell more than the prior"
        assert abs(mean - truth) < 2.5 * sd
        # A mean of log ratios, with its sign turned for decomposition, falls short of the factor by half or more.
        naive = float(ratios.get_group(lever).mean()) * (1.0 if lever == "residue_return" else -1.0)
        error = float(ratios.get_group(lever).sem())
        assert abs(naive - truth) > 5 * error
        assert abs(naive) < 0.6 * abs(truth)
        assert abs(mean - truth) < 0.5 * abs(naive - truth)
    new = posterior["log_factor_new_study"]
    assert (new.std(("chain", "draw")) > posterior["log_factor"].std(("chain", "draw"))).all()


def test_what_a_fit_through_the_core_says_of_itself(fitted):
    from socbayes.facts import facts_of

    spec = facts_of(fitted).spec
    assert spec.choices["structure"] == "rothc"
    assert spec.choices["entries"] == {"no_tillage": "decomposition", "residue_return": "input"}
    assert "Taken to act on decomposition: no_tillage." in spec.notes
    assert set(spec.quantities) <= set(fitted["posterior"].data_vars)


@pytest.fixture
def effects(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    return importlib.import_module("effects")


def test_a_fit_that_is_there_is_taken_for_its_own_pairs_and_draws_only(fitted, effects, tmp_path, monkeypatch):
    others = dict.fromkeys(effects.CONVERTED)
    store = effects.in_folder(tmp_path / "effects", "rothc", trial=False)
    assert store != effects.in_folder(tmp_path / "effects", "rothc", trial=True)
    store.mkdir()
    save(fitted, store / "fit.nc")
    taken = effects.fitted({"table": made(), **others}, store, {"draws": 400}, "rothc")
    np.testing.assert_array_equal(taken["posterior"]["log_factor"], fitted["posterior"]["log_factor"])
    changed = made().assign(treated_mean=lambda table: table["treated_mean"] * 1.01)
    for pairs, draws, structure, why in (
        (made().iloc[:-1], 400, "rothc", "differs in .*name another --store"),
        (changed, 400, "rothc", "the values it observes.*name another --store"),
        (made(), 401, "rothc", "400 draws of a chain, not 401.*name another --store"),
        (made(), 400, "icbm", "differs in choices"),
    ):
        with pytest.raises(SystemExit, match=why):
            effects.fitted({"table": pairs, **others}, store, {"draws": draws}, structure)
    monkeypatch.setattr(factors, "UNKNOWN_YEARS", 0.5)
    with pytest.raises(SystemExit, match="differs in choices"):
        effects.fitted({"table": made(), **others}, store, {"draws": 400}, "rothc")


def test_a_run_that_was_cut_short_is_finished(effects, tmp_path, monkeypatch):
    store = tmp_path / "effects_rothc"
    store.mkdir()
    (store / "spec.json").touch()
    monkeypatch.setattr(effects, "read_settings", lambda folder: SimpleNamespace(draws=400))
    monkeypatch.setattr(effects.sb, "resume", lambda folder, model, progress: (folder, model))
    given = {"table": made(studies=2), **dict.fromkeys(effects.CONVERTED)}
    folder, model = effects.fitted(given, store, {"draws": 400}, "rothc")
    assert folder == store
    assert spec_of(model).choices["structure"] == "rothc"
    with pytest.raises(SystemExit, match="400 draws of a chain, not 500"):
        effects.fitted(given, store, {"draws": 500}, "rothc")


def test_what_is_written_is_what_plans_read(fitted, effects):
    found = effects.learned({"rothc": fitted}, made())
    levers = with_effects(found)
    assert levers["no_tillage"].acts_on == "rate_factor"
    assert (levers["no_tillage"].studies, levers["no_tillage"].pairs) == (12, 36)
    assert levers["no_tillage"].mean == pytest.approx(
        float(fitted["posterior"]["log_factor"].sel(lever="no_tillage").mean()), abs=1e-4
    )
    assert levers["residue_return"].mean > 0 > levers["no_tillage"].mean
    assert list(levers["residue_return"].through) == ["rothc"]
    table = effects.of_factors({"rothc": fitted}, found, None)
    assert any(line.startswith("| **no_tillage** | 36 | 12 | decomposition | not told | -0.") for line in table)


def test_fits_that_do_not_agree_what_a_lever_acts_on_are_refused(fitted, effects):
    other = fitted.copy()
    spec = json.loads(other.attrs["spec"])
    spec["choices"]["entries"]["no_tillage"] = "input"
    other.attrs["spec"] = json.dumps(spec)
    with pytest.raises(
        SystemExit, match="no_tillage: the fit through icbm is of a factor on plant input, others of a fa"
    ):
        effects.learned({"rothc": fitted, "icbm": other}, made())


def test_levers_of_plans_act_on_what_factors_are_learned_of():
    for lever in LEVERS.values():
        if lever.acts_on in FACTORS and lever.name in EVIDENCE_LEVERS:
            assert FACTORS[lever.acts_on] == ENTRIES[lever.name in factors.OF_DECOMPOSITION]


def test_a_figure_and_a_sentence_of_factors(fitted):
    from socbayes.models.effects.readings import READINGS

    (one,) = READINGS["effect_factors"]
    assert one.draw(fitted).axes
    assert "surely above one for residue return, on input and surely below for no tillage" in one.say(fitted)


def test_years_and_temperatures_that_nobody_states_are_drawn_and_said():
    rows = made(studies=4)
    rows.loc[rows["study"] == "no_tillage 0", ["duration", "mean_annual_temperature"]] = np.nan
    rows.loc[rows.index[rows["study"] == "no_tillage 1"][0], "duration"] = np.nan
    model = factors.build(rows)
    assert model.coords["study_without_years"] == ("no_tillage 0 | no_tillage: soil_organic_carbon",)
    assert model.coords["study_without_temperature"] == ("no_tillage 0",)
    notes = " ".join(spec_of(model).notes)
    assert "Years of 3 pairs of 1 study are drawn" in notes
    assert "1 pair is taken to last as long as others of the study" in notes
    assert "Mean temperature of 1 of 8 studies is drawn from those of the others" in notes


def test_a_year_of_months_is_warmer_to_decomposers_than_its_mean():
    # Inner Uppland round Uppsala, normals of 1991 to 2020: January -3, July 17 degrees Celsius, and months between on a
    # cosine: SMHI, "Upplands klimat", smhi.se/kunskapsbanken/klimat/klimatet-i-sveriges-landskap/upplands-klimat-1.4918
    uppsala = 7.0 - 10.0 * np.cos(np.pi / 6 * np.arange(12))
    weather = sb.load_dataset("field_weather").dropna(subset="temperature")
    rothamsted = weather.groupby("month")["temperature"].mean().to_numpy(dtype=float)
    assert rothamsted.shape == (12,)
    for months in (uppsala, rothamsted):
        mean = np.array([months.mean()])
        assert factors._warmth(mean)[0] == pytest.approx(rothc_temperature(months).mean(), rel=0.15)
        assert factors._warmth(mean)[0] > 1.02 * rothc_temperature(mean)[0]
    assert factors._warmth(np.array([7.0]))[0] > 1.2 * rothc_temperature(7.0)
    rows = made(studies=2).assign(mean_annual_temperature=7.0)
    with pm.Model(coords={"study": sorted(set(rows["study"]))}) as model:
        pace, _ = factors._log_modifier(Priors(factors.PRIORS), rows, lay_out(rows))
        warm = model.compile_fn(pace - model["moisture_and_cover"], inputs=[], on_unused_input="ignore", point_fn=False)
    np.testing.assert_allclose(warm(), np.log(factors._warmth(np.array([7.0]))[0]))


@pytest.mark.parametrize(("stating", "least", "most"), [(1, 0.6, 0.8), (2, 0.6, 0.8), (4, 0.05, 0.2)])
def test_years_are_as_unsure_as_the_studies_that_state_them_are_few(stating, least, most):
    rows = made(studies=5)
    rows = rows[rows["lever"] == "no_tillage"].reset_index(drop=True)
    own = rows["study"].str.split().str[-1].astype(int)
    rows["duration"] = np.where(own < stating, 10.0 * 1.1**own, np.nan)
    pairs = lay_out(rows)
    with pm.Model():
        years, _ = factors._log_years(rows, pairs)
        drawn = pm.draw(years[int(np.flatnonzero(own == 4)[0])], 2000, random_seed=1)
    assert least < drawn.std() < most


def test_pairs_that_cannot_tell_a_factor_are_left_out_and_said():
    rows = made(studies=4)
    rows.loc[0, "duration"] = 0.0
    rows.loc[1, "duration"] = 2010.0
    rows.loc[rows["lever"] == "no_tillage", "duration"] = np.nan
    kept, said = factors.timed(rows)
    assert set(kept["lever"]) == {"residue_return"}
    assert len(kept) == 11
    assert np.isnan(kept["duration"].iloc[0])
    assert any("Years of 1 pair are years of the calendar" in note for note in said)
    assert any("No study of no_tillage states for how many years: 12 pairs" in note for note in said)
    assert any("Left out: 1 pair sampled when the lever was pulled" in note for note in said)
    with pytest.raises(TooFewGroupsError):
        factors.build(rows[rows["study"] == "residue_return 1"])


def test_pairs_of_tillage_are_of_all_depths_between_which_it_moves_carbon():
    rows = made(studies=4)
    kept, said = factors.timed(rows)
    assert (len(kept), said) == (24, [])
    places = rows.index[rows["lever"] == "no_tillage"]
    rows.loc[places[0], "depth_bottom"] = 10.0
    rows.loc[places[1], "depth_top"] = 10.0
    rows.loc[places[2], "depth_bottom"] = np.nan
    rows.loc[rows["lever"] == "residue_return", "depth_bottom"] = 5.0
    kept, said = factors.timed(rows)
    assert kept["observation"].tolist() == rows["observation"].drop(places[:3]).tolist()
    assert said == [
        "3 pairs of tillage are not of a layer from the surface to 30 cm or more and left out: tillage moves "
        "carbon between depths."
    ]


def test_entries_are_of_levers_that_are_there():
    rows = made(studies=4)
    model = factors.build(rows, structure="icbm", entries={"no_tillage": "input"})
    assert spec_of(model).choices["entries"]["no_tillage"] == "input"
    with pytest.raises(UnknownNameError, match="did you mean 'no_tillage'"):
        factors.build(rows, entries={"no_tilage": "input"})
    with pytest.raises(SocbayesError, match="acts on input or on decomposition"):
        factors.build(rows, entries={"no_tillage": "protection"})
    with pytest.raises(StructureError, match="millennial"):
        factors.build(rows, structure="millennial")
