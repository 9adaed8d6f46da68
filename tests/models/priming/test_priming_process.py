"""The process model of priming: its layout, its equations, and known values it must find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import stats

from socbayes.datasets import load_dataset
from socbayes.errors import SocbayesError
from socbayes.inference.fit import fit
from socbayes.models.priming import process as priming_process
from socbayes.models.priming import scenarios as outcomes
from socbayes.models.priming.incubations import MILLIGRAM, SERIES, incubations
from socbayes.models.priming.jars import log_dose, runs
from socbayes.models.priming.likelihood import lasting_misfit
from socbayes.spec import ModelSpec

DAYS = (1.0, 2.0, 4.0, 7.0, 10.0, 14.0, 21.0, 28.0)
KNOWN = {"nitrogen_mean": -0.8, "efficiency_mean": 0.4, "elasticity_mean": 0.0}


@pytest.fixture(scope="module")
def tables():
    return load_dataset("priming_time_series"), load_dataset("priming_endpoints")


@pytest.fixture(scope="module")
def model(tables):
    return priming_process.build(*tables)


def skeleton(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two studies without CO2: one gives glucose each week with and without nitrogen, one litter once."""
    jars = []
    for study, soils in (("Weekly", 4), ("Once", 3)):
        for soil in range(soils):
            for jar in range(4):
                jars.append(
                    {
                        "study": study,
                        "jar": f"{study}{soil}{jar}",
                        "soil": f"{study} soil {soil}",
                        "run": study,
                        "control": f"{study} {soil}",
                        "added_nitrogen": "yes" if study == "Weekly" and jar % 2 else "no",
                        "substrate": "glucose" if study == "Weekly" else "litter",
                        "microbial_biomass": rng.uniform(150.0, 500.0) if jar == 0 else np.nan,
                        "microbial_biomass_final": np.nan,
                        "substrate_carbon_in_soil": np.nan,
                        "soil_organic_carbon": 15.0,
                        "soil_carbon_to_nitrogen": 12.0,
                    }
                )
    endpoints = pd.DataFrame(jars)
    endpoints["microbial_biomass"] = endpoints["microbial_biomass"].ffill()
    table = endpoints.merge(pd.DataFrame({"incubation_day": DAYS}), how="cross")
    weekly = 300.0 * np.ceil(table["incubation_day"] / 7.0)
    table["substrate_dose"] = np.where(table["study"] == "Weekly", weekly, 2000.0)
    for column in SERIES.values():
        table[column] = table["incubation_day"]
    return table.drop(columns=list(endpoints.columns[6:])), endpoints


def known_values(data, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Sampled variables at chosen values."""
    sizes = {"control": len(data.controls), "soil_run": len(data.soil_runs), "soil": len(data.soils)}
    treatments, studies = data.treatments, len(data.studies)

    def about(mean: float, spread: float, size: int) -> np.ndarray:
        return mean + spread * rng.normal(size=size)

    values = {
        "respiration": about(-4.8, 0.4, sizes["control"]),
        "supply": about(-0.3, 0.2, sizes["soil_run"]),
        "depletion": about(-4.6, 0.3, sizes["soil_run"]),
        "efficiency": about(KNOWN["efficiency_mean"], 0.2, sizes["soil_run"]),
        "dissolved_turnover": about(0.0, 0.3, len(data.runs)),
        "elasticity": about(KNOWN["elasticity_mean"], 0.3, sizes["soil"]),
        "biomass_log_error": np.zeros(studies),
        "half_saturation": np.zeros(studies),
        "residue_share": np.full(studies, 0.4),
        "addition": np.array([0.05, 0.1]),
        "nitrogen": about(KNOWN["nitrogen_mean"], 0.1, 4),
        "nitrogen_on_efficiency": np.array(0.2),
        "nitrogen_on_uptake": np.array(0.1),
        "solid_decay": np.full(int(treatments["solid"].sum()), -4.0),
        "soluble": np.full(int(treatments["solid"].sum()), -1.0),
    }
    contrast = treatments["nitrogen"].to_numpy(dtype=float)
    soil = treatments["soil"].to_numpy()
    place = np.searchsorted(np.unique(soil[contrast > 0]), soil).clip(0, 3)
    values["efficiency_treated"] = values["efficiency"][treatments["soil_run"]] + 0.2 * contrast
    dosed = values["addition"][treatments["run"]] * log_dose(data)
    values["depolymerisation"] = dosed + contrast * values["nitrogen"][place]
    return values


def simulate(seed: int = 1, scatter: float = 0.05):
    """Tables whose CO2 follows from known values, with scatter, and those values."""
    rng = np.random.default_rng(seed)
    table, endpoints = skeleton(rng)
    data = incubations(table, endpoints)
    values = known_values(data, rng)
    states, _ = runs(data, priming_process.basal(values, data, np.exp), priming_process.treated(values, data, np.exp))
    table = table.sort_values(["study", "jar", "incubation_day"], ignore_index=True)
    order = table["study"].astype(str) + ": " + table["jar"]
    assert order.is_monotonic_increasing
    for name, column in SERIES.items():
        seen, cumulative = data.increments[name], states[name].eval()
        rate = (cumulative[seen.end, seen.site] - cumulative[seen.start, seen.site]) / seen.days
        rate = rate * np.exp(scatter * rng.normal(size=rate.size))
        total = (rate * seen.days).reshape(-1, len(DAYS)).cumsum(axis=1) / MILLIGRAM
        if name == "control":
            sites = seen.site.reshape(-1, len(DAYS))[:, 0]
            total = total[np.argsort(sites)][data.jars["control_index"]]
        table[column] = total.ravel()
    return table, endpoints, values


def test_every_jar_is_laid_out(tables):
    data = incubations(*tables)
    table = tables[0]
    assert len(data.jars) == table.groupby("study")["jar"].nunique().sum()
    given = data.treatments["dose"] + (data.doses * data.steps[:, data.treatments["study"]]).sum(axis=0)
    last = table.groupby(["study", "jar"])["substrate_dose"].last()
    for jar in data.jars.itertuples():
        expected = last[jar.study, jar.jar]
        if np.isfinite(expected):
            assert given[jar.treatment_index] / MILLIGRAM == pytest.approx(expected, rel=0.01)
    ends = table.groupby("study")["incubation_day"].max()
    np.testing.assert_allclose(data.steps.sum(axis=0), ends[data.studies])


def test_increments_add_up_to_the_last_day(tables):
    data = incubations(*tables)
    seen = data.increments["substrate"]
    jar = np.cumsum(seen.previous < 0) - 1
    totals = np.bincount(jar, weights=seen.rate * seen.days) / MILLIGRAM
    last = tables[0].sort_values("incubation_day").groupby(["study", "jar"])["substrate_co2"].last()
    expected = [last[row.study, row.jar] for row in data.jars.itertuples()]
    np.testing.assert_allclose(totals, expected, rtol=1e-9, atol=1e-6)


def test_shared_controls_enter_once(tables):
    data = incubations(*tables)
    control = data.increments["control"]
    assert len(data.controls) < len(data.jars)
    assert np.unique(control.site).size == len(data.controls)
    assert len(set(control.label)) == len(control.label)


def test_gradient_is_finite_wherever_chains_may_start(model):
    gradient = model.compile_dlogp(mode="FAST_COMPILE")
    point = model.initial_point()
    rng = np.random.default_rng(5)
    for spread in (0.0, 0.5, 1.0):
        at = {name: value + spread * rng.uniform(-1, 1, size=np.shape(value)) for name, value in point.items()}
        assert np.isfinite(gradient(at)).all()


@pytest.mark.filterwarnings("ignore:.*Cannot cache compiled function")  # drivers of a megabyte
def test_error_of_the_steps_is_below_the_scatter(tables):
    """Ten times finer steps move increments by a percent in the median, a third of the scatter in root mean square."""
    rates = {}
    # A jar of every treatment is enough.
    jars = tables[1].drop_duplicates(["study", "soil", "run", "added_nitrogen", "substrate"])
    table = tables[0].merge(jars[["study", "jar"]])
    for finer in (1, 10):
        data = incubations(table, jars, finer=finer)
        values = typical_values(data)
        states, _ = runs(
            data, priming_process.basal(values, data, np.exp), priming_process.treated(values, data, np.exp)
        )
        for name in SERIES:
            seen, cumulative = data.increments[name], states[name].eval()
            rate = (cumulative[seen.end, seen.site] - cumulative[seen.start, seen.site]) / seen.days
            rates[name, finer] = np.arcsinh(rate / (2 * seen.floor))
    for name in SERIES:
        error = np.abs(rates[name, 1] - rates[name, 10])
        assert np.sqrt(np.mean(error**2)) < 0.08
        assert np.median(error) < 0.01


def test_misfit_that_lasts_is_drawn_as_it_is_scored():
    previous = np.array([-1, 0, 1, -1, 3])
    expected, spread = np.array([1.0, 2.0, 3.0, -1.0, 0.0]), np.array([0.5, 0.3, 0.3, 0.2, 0.1])
    lasting = np.array([0.0, 0.6, 0.6, 0.0, 0.4])
    logp, random = lasting_misfit(previous)
    drawn = random(expected, spread, lasting, rng=np.random.default_rng(1), size=(100_000,))
    misfit = drawn - expected
    fresh = misfit.copy()
    for row in (1, 2, 4):
        fresh[:, row] -= lasting[row] * misfit[:, previous[row]]
    # What does not last is as scattered as the likelihood says, and knows nothing of the interval before.
    assert np.quantile(fresh / spread, 0.975, axis=0) == pytest.approx(stats.t.ppf(0.975, 4), abs=0.06)
    assert np.abs(np.corrcoef(np.clip(fresh, -2, 2).T) - np.eye(5)).max() < 0.02
    value = drawn[0]
    found = logp(pt.as_tensor(value), expected, spread, lasting).eval()
    np.testing.assert_allclose(found, stats.t.logpdf(fresh[0], 4, 0.0, spread), rtol=1e-8)


def typical_values(data) -> dict[str, np.ndarray]:
    """Sampled variables at the means of their priors."""
    treatments = data.treatments
    by_dim = {
        "respiration": (-4.8, len(data.controls)),
        "supply": (-0.3, len(data.soil_runs)),
        "depletion": (-5.3, len(data.soil_runs)),
        "efficiency": (0.3, len(data.soil_runs)),
        "dissolved_turnover": (-0.5, len(data.runs)),
        "elasticity": (0.0, len(data.soils)),
        "biomass_log_error": (0.0, len(data.studies)),
        "half_saturation": (0.0, len(data.studies)),
        "residue_share": (0.4, len(data.studies)),
        "efficiency_treated": (0.3, len(treatments)),
        "depolymerisation": (0.0, len(treatments)),
        "solid_decay": (-7.0, int(treatments["solid"].sum())),
        "soluble": (-3.0, int(treatments["solid"].sum())),
    }
    values = {name: np.full(size, value) for name, (value, size) in by_dim.items()}
    return values | {"dose_unknown": np.array(-1.0)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.assign(control=t["control"].mask(t.index == 3)), "control"),
        (lambda t: pd.concat([t, t.iloc[[5]]], ignore_index=True), "twice"),
        (lambda t: t.assign(substrate_co2=t["substrate_co2"].mask(t.index == 9, 0.0)), "falls"),
        (
            lambda t: t.assign(native_co2_control=t["native_co2_control"] * (1 + (t.index == 9))),
            "different values|falls",
        ),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t[t["incubation_day"] < 2], "two are needed"),
    ],
)
def test_faults_are_named(change, says):
    table, endpoints = skeleton(np.random.default_rng(0))
    with pytest.raises(SocbayesError, match=says):
        incubations(change(table), endpoints)


def fit_at(values: dict[str, np.ndarray], data, beta: float = 1.0) -> xr.DataTree:
    """A fit of one draw with these values."""
    dims = {
        "respiration": "control", "supply": "soil_run", "depletion": "soil_run", "efficiency": "soil_run",
        "dissolved_turnover": "run", "elasticity": "soil", "biomass_log_error": "study", "half_saturation": "study",
        "residue_share": "study", "addition": "run", "nitrogen": "soil_with_nitrogen",
        "solid_decay": "treatment_with_solid", "soluble": "treatment_with_solid", "efficiency_treated": "treatment",
        "depolymerisation": "treatment",
    }  # fmt: skip
    coords = {name: labels for name, labels in priming_process.coords(data).items() if name != "series"}
    posterior = xr.Dataset(
        {
            name: (("chain", "draw", *([dims[name]] if name in dims else [])), value[None, None])
            for name, value in values.items()
        },
        coords=coords,
    )
    spec = ModelSpec(model="priming_process", question="", choices={"beta": beta})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs = {"converged": 1, "failures": "[]", "spec": spec.to_json()}
    return tree


def test_outcomes_follow_the_turnover_that_was_fitted():
    table, endpoints, values = simulate()
    data = incubations(table, endpoints)
    first, second = (outcomes.jar_outcomes(fit_at(values, data, beta), data)["priming"] for beta in (1.0, 2.0))
    assert float(abs(first - second).max()) > 1.0


def test_outcomes_refuse_incubations_of_other_soils():
    table, endpoints, values = simulate()
    fitted = fit_at(values, incubations(table, endpoints))
    fewer = incubations(table[table["study"] == "Weekly"], endpoints)
    for ask in (outcomes.jar_outcomes, lambda fit, data: outcomes.dose_response(fit, data, [100.0])):
        with pytest.raises(SocbayesError, match="differ in study: Once"):
            ask(fitted, fewer)


def test_carbon_is_conserved_and_priming_has_two_parts():
    table, endpoints, values = simulate()
    data = incubations(table, endpoints)
    result = outcomes.jar_outcomes(fit_at(values, data), data)
    assert result.attrs["converged"] == 0, "one draw is no sample of a posterior, whatever is said of it"
    np.testing.assert_allclose(result["priming"], result["priming_real"] + result["priming_apparent"], atol=1e-6)
    np.testing.assert_allclose(result["net_balance"], result["substrate_kept"] - result["priming"], atol=1e-9)
    last = table.groupby(["study", "jar"]).last()
    observed = last["native_co2_treated"] - last["native_co2_control"]
    expected = [observed[jar.study, jar.jar] for jar in data.jars.itertuples()]
    found = result["priming"].to_numpy()[0][data.jars["treatment_index"]]
    assert np.corrcoef(found, expected)[0, 1] > 0.95


def test_biomass_at_the_end_is_extracted_as_at_the_start():
    """Soil with half as much again as extracted is expected to yield what was extracted, at both ends."""
    table, endpoints = skeleton(np.random.default_rng(3))
    endpoints["microbial_biomass_final"] = np.where(endpoints["study"] == "Weekly", 300.0, np.nan)
    model = priming_process.build(table, endpoints)
    data = incubations(table, endpoints)
    seen = model["microbial_biomass_final"].owner
    (expected,) = model.replace_rvs_by_values([seen.op.dist_params(seen)[1]])
    evaluate = model.compile_fn(expected, inputs=model.value_vars, on_unused_input="ignore", mode="FAST_COMPILE")
    names = [*(variable.name for variable in model.free_RVs), "dissolved_turnover"]
    values = model.replace_rvs_by_values([model[name] for name in names])
    natural = model.compile_fn(values, inputs=model.value_vars, on_unused_input="ignore", mode="FAST_COMPILE")
    for error in (0.0, np.log(1.5)):
        point = model.initial_point() | {"biomass_log_error": np.full(2, error)}
        at = dict(zip(names, natural(point), strict=True))
        _, final = runs(data, priming_process.basal(at, data, np.exp), priming_process.treated(at, data, np.exp))
        jars = data.jars[data.jars["microbial_biomass_final"] > 0]
        there = final["microbial_biomass_final"].eval(mode="FAST_COMPILE")[jars["treatment_index"]]
        np.testing.assert_allclose(evaluate(point), np.log(there) - error, rtol=1e-9)


def test_label_in_particles_and_soil_has_a_recovery_each(model):
    assert model.coords["recovered"] == (
        "substrate_carbon_in_particulate_fraction",
        "substrate_carbon_in_soil",
    )
    assert model.named_vars_to_dims["recovery"] == ("recovered", "run")


def test_known_values_are_recovered(tmp_path):
    table, endpoints, values = simulate()
    fitted = fit(
        priming_process.build(table, endpoints),
        draws=150,
        tune=250,
        chains=2,
        seed=2,
        store=tmp_path / "run",
        progress=False,
    )
    posterior = fitted["posterior"].to_dataset()
    for name in ("respiration", "efficiency", "nitrogen", "depolymerisation"):
        draws = posterior[name]
        mean, spread = draws.mean(("chain", "draw")).to_numpy(), draws.std(("chain", "draw")).to_numpy()
        assert np.abs((mean - values[name]) / spread).max() < 5.0, name
    assert float(posterior["nitrogen_mean"].mean()) == pytest.approx(KNOWN["nitrogen_mean"], abs=0.3)
    assert float(posterior["efficiency_mean"].mean()) == pytest.approx(KNOWN["efficiency_mean"], abs=0.3)
