"""The process model of pump efficacy: its steady state, its steps, and known levers it must find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from socbayes.datasets import load_dataset
from socbayes.errors import SocbayesError
from socbayes.inference.fit import fit
from socbayes.models.mcp import process as mcp_process
from socbayes.models.mcp import scenarios as outcomes
from socbayes.models.mcp.baseline import SECTORS
from socbayes.models.mcp.process import CONTROL, LEVERS, PRIORS
from socbayes.scenarios.draws import values_of

PRIOR = {prior.name: prior.parameters for prior in PRIORS}
PRACTICES = {
    "bioenergy": (0.5, 0.0, 0.0, 0.0),
    "disturbance": (0.0, 0.0, 0.5, 0.0),
    "feeding": (0.0, 0.5, 0.0, 0.0),
    "liming": (0.0, 0.0, 0.0, 0.5),
}


@pytest.fixture(scope="module")
def tables():
    return load_dataset("necromass_pairs"), load_dataset("necromass_levels")


@pytest.fixture(scope="module")
def model(tables):
    return mcp_process.build(*tables)


def drawn_controls(
    rng: np.random.Generator, count: int, width: float = 1.0, kinetics: str = "reverse"
) -> tuple[dict, dict]:
    """Pools and rates of controls drawn from the priors, their spread times ``width``."""
    means = {"share": ("share_mean", 1.0), "turnover": ("turnover_mean", 1.0)} | {name: (name, 1.0) for name in CONTROL}
    sampled = {
        name: PRIOR[prior]["mu"] + width * PRIOR[prior]["sigma"] * rng.standard_normal(count)
        for name, (prior, _) in means.items()
    }
    return mcp_process.control_state(mcp_process.properties(sampled, np.exp), kinetics=kinetics)


def test_model_has_what_its_description_names(model, tables):
    spec = model.socbayes_spec
    assert set(spec.quantities) == set(mcp_process.QUANTITIES)
    assert spec.observed[0] == "pair_log_ratio"
    assert model.rvs_to_values[model["pair_log_ratio"]].data.shape == (len(tables[0]), 2)
    assert {prior["parameter"] for prior in spec.priors} == {prior.name for prior in PRIORS}


def test_pairs_of_one_run_are_of_one_practice_study_and_duration(tables):
    pairs = tables[0]
    data = mcp_process.trials_of(pairs)
    for position, site in enumerate(data.sites):
        rows = pairs[data.site == position]
        trial = data.trial_of_site[position]
        assert set(rows["practice"]) == {data.practices[data.practice_of_trial[trial]]}
        assert set(rows["study"]) == {data.studies[data.study_of_trial[trial]]}
        assert rows["duration"].nunique(dropna=False) == 1, site
        if rows["duration"].isna().any():
            assert data.undated[data.undated_of_site[position]] == rows["study"].iloc[0]
        else:
            assert data.duration_of_site[position] == rows["duration"].iloc[0]
            assert data.undated_of_site[position] == -1
    of_study = pairs.drop_duplicates("control").groupby("study")
    expected = of_study.apply(lambda t: np.log(t["necromass_control"] / t["soil_organic_carbon_control"]).mean())
    np.testing.assert_allclose(data.share, expected[data.studies])
    np.testing.assert_array_equal(data.share_pairs, of_study.size()[data.studies])


KINETICS = pytest.mark.parametrize(("kinetics", "structure"), [("reverse", "mcp"), ("forward", "mcp_forward")])


@KINETICS
def test_control_is_a_fixed_point(kinetics, structure):
    """Every pool of soils drawn from the priors gains what it loses, by the flows of the structure itself."""
    from socbayes.core.structure import Names
    from socbayes.structures import get

    pump = get(structure)
    pools, rates = drawn_controls(np.random.default_rng(1), 200, kinetics=kinetics)
    np.testing.assert_allclose(sum(pools.values()), 1.0)
    assert all((value > 0).all() for value in [*pools.values(), *rates.values()])
    given = {p.name: p.default for p in pump.parameters} | {"beta": mcp_process.BETA}
    given |= {k: v for k, v in rates.items() if k != "input"}
    drivers = {"litter_input": rates["input"], "exudate_input": 0.0, "temperature": 15.0, "moisture": 1.0}
    change, through = (dict.fromkeys((*pump.pools, "input", "co2"), 0.0) for _ in range(2))
    with np.errstate(all="raise"):
        for flow in pump.flows(Names("pool", pools), Names("parameter", given), Names("driver", drivers)):
            rate = flow.rate if isinstance(flow.rate, np.ndarray | float) else flow.rate.eval()
            change[flow.source], change[flow.target] = change[flow.source] - rate, change[flow.target] + rate
            through[flow.target] = through[flow.target] + rate
    for name in pump.pools:
        np.testing.assert_allclose(change[name] / through[name], 0.0, atol=1e-12)


@KINETICS
def test_levers_at_zero_change_nothing(kinetics, structure):
    pools, rates = drawn_controls(np.random.default_rng(2), 50, kinetics=kinetics)
    ratio = mcp_process.log_ratios(pools, rates, np.zeros((50, 4)), 30.0).eval()
    np.testing.assert_allclose(ratio, 0.0, atol=1e-10)


def test_kinetics_that_are_none_are_refused():
    with pytest.raises(SocbayesError, match="neither 'reverse' nor 'forward'"):
        drawn_controls(np.random.default_rng(2), 2, kinetics="backward")


@pytest.mark.parametrize("years", [1.0, 8.0, 30.0, 100.0])
def test_error_of_the_steps_is_small(years):
    """Ten times finer steps move log ratios by far less than their scatter of a tenth.

    Except where the levers let the microbes die out, which takes a sudden turn: one soil of a hundred.
    """
    rng = np.random.default_rng(3)
    pools, rates = drawn_controls(rng, 400)
    levers = 0.3 * rng.standard_normal((400, 4))
    coarse, fine = (mcp_process.log_ratios(pools, rates, levers, years, finer=finer).eval() for finer in (1, 10))
    error = np.abs(coarse - fine).max(axis=1)
    assert np.median(error) < 0.001
    assert np.quantile(error, 0.95) < 0.01
    assert np.quantile(error, 0.985) < 0.03


def test_each_lever_does_what_its_name_says():
    pools, rates = drawn_controls(np.random.default_rng(4), 40, width=0.5)
    sites = {name: np.repeat(value, 4) for name, value in pools.items()}
    speeds = {name: np.repeat(value, 4) for name, value in rates.items()}
    ratio = mcp_process.log_ratios(sites, speeds, np.tile(0.1 * np.eye(4), (40, 1)), 20.0).eval()
    n, s = np.moveaxis(ratio.reshape(40, 4, 2), 2, 0)
    at = dict(zip(LEVERS, range(4), strict=True))
    assert (s[:, at["input"]] > 0).all()
    assert (n[:, at["efficiency"]] > s[:, at["efficiency"]]).all()
    assert (s[:, at["depolymerisation"]] < 0).all()
    assert (s[:, at["protection"]] > 0).all()


def test_gradient_is_finite_wherever_chains_may_start(model):
    gradient = model.compile_dlogp(mode="FAST_COMPILE")
    point = model.initial_point()
    rng = np.random.default_rng(5)
    for spread in (0.0, 0.5, 1.0):
        at = {name: value + spread * rng.uniform(-1, 1, size=np.shape(value)) for name, value in point.items()}
        assert np.isfinite(gradient(at)).all()


def test_priors_of_minerals_are_those_of_measured_soils():
    """Mineral-associated carbon of drawn controls is centred where that of the bundled soils is."""
    table = load_dataset("mineral_associated_carbon")
    measured = (table["mineral_associated_organic_carbon"] / table["soil_organic_carbon"]).dropna()
    pools, _ = drawn_controls(np.random.default_rng(6), 4000)
    share = pools["mineral_necromass"] + pools["mineral_plant"]
    assert np.median(share) == pytest.approx(measured[measured < 1].median(), abs=0.05)


def simulated(seed: int = 1, scatter: float = 0.02) -> pd.DataFrame:
    """Pairs of practices that pull one lever each, in six studies each of two or three durations."""
    rng = np.random.default_rng(seed)
    rows = [
        {"practice": practice, "study": f"study {k} of {practice}", "duration": years, "replicate": replicate}
        for practice in PRACTICES
        for k in range(6)
        for years in rng.choice([3.0, 8.0, 20.0, 40.0], 2, replace=False)
        for replicate in range(3)
    ]
    table = pd.DataFrame(rows)
    sampled = {name: np.full(len(table), PRIOR[name]["mu"]) for name in CONTROL}
    sampled |= {"share": np.full(len(table), -0.3), "turnover": np.full(len(table), 3.0)}
    pools, rates = mcp_process.control_state(mcp_process.properties(sampled, np.exp))
    levers = np.array([PRACTICES[name] for name in table["practice"]])
    ratio = mcp_process.log_ratios(pools, rates, levers, table["duration"].to_numpy()).eval()
    ratio = ratio + scatter * rng.standard_normal(ratio.shape)
    share = pools["necromass"] + pools["mineral_necromass"]
    # One study does not say how long it lasted.
    table["duration"] = table["duration"].mask(table["study"] == "study 0 of feeding")
    table["observation"] = [f"pair {k}" for k in range(len(table))]
    table["control"] = [f"control {k}" for k in range(len(table))]
    table["ecosystem"] = "cropland"
    table["mean_annual_temperature"] = 10.0
    table["soil_organic_carbon_control"] = 15.0
    table["soil_organic_carbon_treatment"] = 15.0 * np.exp(ratio[:, 1])
    table["necromass_control"] = 15.0 * share
    table["necromass_treatment"] = 15.0 * share * np.exp(ratio[:, 0])
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.assign(duration=t["duration"].mask(t.index == 4, 0.0)), "duration"),
        (lambda t: t.assign(necromass_control=t["necromass_control"].mask(t.index == 4)), "necromass_control"),
        (lambda t: t.drop(columns="soil_organic_carbon_treatment"), "soil_organic_carbon_treatment"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t[t["study"] == t["study"].iloc[0]], "at least"),
    ],
)
def test_faults_are_named(change, says):
    with pytest.raises(SocbayesError, match=says):
        mcp_process.build(change(simulated()))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    store = tmp_path_factory.mktemp("pump") / "run"
    return fit(
        mcp_process.build(simulated()), draws=200, tune=300, chains=2, cores=2, seed=2, store=store, progress=False
    )


@pytest.mark.parametrize("practice", list(PRACTICES))
def test_known_levers_are_recovered(fitted, practice):
    draws = fitted["posterior"]["practice_lever"].sel(practice=practice)
    z = (draws.mean(("chain", "draw")) - np.array(PRACTICES[practice])) / draws.std(("chain", "draw"))
    assert np.abs(z).max() < 3.0


def test_efficiency_is_told_from_the_other_levers(fitted):
    """It moves necromass and hardly carbon, which no other lever does."""
    lever = fitted["posterior"]["practice_lever"].sel(lever="efficiency")
    others = lever.drop_sel(practice="feeding").max("practice")
    assert float((lever.sel(practice="feeding") > others).mean()) > 0.95
    learned = outcomes.contraction(fitted)
    assert learned.shape == (len(PRACTICES), len(LEVERS))
    assert float(learned.sel(practice="feeding", lever="efficiency")) < 1.0


def test_forecast_of_every_practice_and_its_sectors(fitted):
    result = outcomes.forecast(fitted, years=(10.0, 40.0), draws=60)
    assert dict(result["log_ratio"].sizes) == {"sample": 60, "study": 2, "practice": 4, "year": 2, "response": 2}
    assert np.isfinite(result["log_ratio"]).all()
    n, s = result["log_ratio"].transpose("response", ...)
    assert (np.sign(result["efficacy_change"]) == np.sign(n - s)).all()
    probability = outcomes.sector_probabilities(result["log_ratio"])
    assert probability["sector"].to_numpy().tolist() == list(SECTORS)
    np.testing.assert_allclose(probability.sum("sector"), 1.0)
    new, average = (result["log_ratio"].sel(study=name).std("sample") for name in ("new study", "average study"))
    assert float((new > average).mean()) > 0.9
    again = outcomes.forecast(fitted, years=(10.0, 40.0), draws=60)
    np.testing.assert_array_equal(result["log_ratio"], again["log_ratio"])


def test_forecast_is_close_to_what_was_simulated(fitted):
    found = outcomes.forecast(fitted, years=(8.0,), draws=200)["log_ratio"].sel(study="average study", year=8.0)
    table = simulated()
    at = table[table["duration"] == 8.0]
    for practice, rows in at.groupby("practice"):
        for response in ("necromass", "soil_organic_carbon"):
            seen = np.log(rows[f"{response}_treatment"] / rows[f"{response}_control"]).mean()
            draws = found.sel(practice=practice, response=response)
            assert abs(float(draws.mean()) - seen) < 3 * float(draws.std()) + 0.02


def test_levers_alone_share_what_is_explained(fitted):
    result = outcomes.pulled(fitted, years=20.0, draws=60)
    np.testing.assert_allclose(result["share"].sum("lever"), 1.0)
    lever = values_of(fitted, draws=60)["practice_lever"]
    for name, sign in (("input", 1.0), ("depolymerisation", -1.0)):
        alone = result["alone"].sel(lever=name, response="soil_organic_carbon")
        assert np.mean(np.sign(alone) == sign * np.sign(lever[..., LEVERS.index(name)])) > 0.99
    feeding = result["alone"].sel(practice="feeding", response="necromass").mean("sample")
    assert feeding["lever"][int(feeding.argmax("lever"))] == "efficiency"
