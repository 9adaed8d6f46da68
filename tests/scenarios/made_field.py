"""Fits of field plots made by hand: draws of the right names about chosen centres, without sampling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import xarray as xr

from socbayes import models
from socbayes.core import Driver, Flow, Parameter, Structure
from socbayes.facts import with_tables
from socbayes.inference.diagnostics import fingerprint
from socbayes.spec import spec_of

CHAINS, DRAWS = 2, 100
PLOTS = {"A1": "usual", "A2": "usual", "B1": "cover", "B2": "cover"}
INPUTS = {"usual": 2.4, "cover": 3.6}
LAST = 2022.0
YEARS = tuple(range(2022, 2053))


def samples(**columns) -> pd.DataFrame:
    """Samples of four plots."""
    rows = [
        {"site": "Farm", "plot": plot, "treatment": treatment, "year": year, "soc_stock": 40.0 + place}
        for place, (plot, treatment) in enumerate(PLOTS.items())
        for year in (2012.0, LAST)
    ]
    return pd.DataFrame(rows).assign(**columns)


def management(**columns) -> pd.DataFrame:
    """What each treatment adds."""
    rows = [
        {"site": "Farm", "treatment": name, "start_year": 2012.0, "end_year": LAST, "plant_carbon_input": carbon}
        for name, carbon in INPUTS.items()
    ]
    return pd.DataFrame(rows).assign(**columns)


def weather(years=range(2012, 2022)) -> pd.DataFrame:
    """Every month of every year; odd years are warmer."""
    rows = [
        {
            "site": "Farm", "year": year, "month": month,
            "temperature": 10.0 + year % 2 - 8.0 * np.cos(np.pi * month / 6.0),
            "rain": 60.0, "open_pan_evaporation": 70.0 - 50.0 * np.cos(np.pi * month / 6.0),
        }
        for year in years
        for month in range(1, 13)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def fit_of(structure, *tables, seed=1, converged=1, spread=0.1, still=(), draws=DRAWS, **settings) -> xr.DataTree:
    """Draws about published parameters, as a fit of a field model."""
    model = models.field.build(*(tables or (samples(), management())), structure=structure, **settings)
    rng, sizes = np.random.default_rng(seed), {name: len(labels) for name, labels in model.coords.items()}

    def drawn(*dims, centre=0.0, width=spread):
        shape = (CHAINS, draws, *(sizes[dim] for dim in dims))
        return ("chain", "draw", *dims), centre + width * rng.standard_normal(shape)

    unstated = any(name.startswith("input_level_unstated") for name in model.named_vars)
    variables = {
        "input_level_unstated" if unstated else "input_level": drawn(),
        "rate_constant": drawn("constant"),
        "rate_effect": drawn("treatment"),
        "treatment_input": drawn("treatment"),
        "plot_input": drawn("plot"),
        "site_stock": drawn("site"),
        "log_initial_stock": drawn("plot", centre=np.log(40.0)),
        "error": drawn("fraction", centre=0.05, width=0.0),
        **{name: drawn(centre=0.1, width=0.0) for name in model.named_vars if name.endswith("_sd")},
        **{name: drawn(centre=0.0) for name in model.named_vars if name == "manure_level"},
    }
    if sizes["pool"] > 1:
        variables["plot_departure"] = drawn("plot", "departing_pool")
        shares = np.exp(drawn("site", "pool")[1])
        variables["initial_share"] = (("chain", "draw", "site", "pool"), shares / shares.sum(axis=-1, keepdims=True))
    for name in still:
        variables[name][1][:] = 0.0
    coords = {dim: list(model.coords[dim]) for dim in sizes} | {"chain": range(CHAINS), "draw": range(draws)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coords)})
    failures = "[]" if converged else '["R-hat of 1.4"]'
    tree.attrs = {"spec": spec_of(model).to_json(), "model": "field", "converged": converged, "failures": failures}
    with_tables(tree, model.socbayes_tables)
    tree.attrs["judged"] = fingerprint(tree)
    return tree


@lru_cache(maxsize=8)
def fit_called(structure: str) -> xr.DataTree:
    """The same for every test that asks for it."""
    return fit_of(structure)


@lru_cache(maxsize=2)
def fit_with_weather(structure: str = "rothc") -> xr.DataTree:
    """A fit that was given weather."""
    return fit_of(structure, samples(), management(), weather())


def one_pool(rate=0.05):
    """One pool that decays at one rate: gains have a closed form."""

    def flows(x, p, u):
        yield Flow("input", "soil", u.carbon_input)
        yield Flow("soil", "co2", p.k * x.soil)

    return Structure(
        name="one_pool",
        pools=("soil",),
        flows=flows,
        parameters=(Parameter("k", "1/year", rate, "assumed", 0.0),),
        drivers=(Driver("carbon_input", "t/ha/year", "Carbon input.", lower=0.0),),
        carbon_unit="t/ha",
        time_unit="year",
        scheme="rk4",
        step=1.0 / 12.0,
        reference="none",
    )
