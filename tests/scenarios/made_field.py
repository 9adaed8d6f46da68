"""A fit of field plots without sampling: draws of the prior, told about these plots, kept as a fit."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

from socbayes import models
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


def fit_of(structure, *tables, seed=1, converged=1, **settings) -> xr.DataTree:
    """Draws of the prior of a field model, as a fit."""
    model = models.field.build(*(tables or (samples(), management())), structure=structure, **settings)
    prior = pm.sample_prior_predictive(CHAINS * DRAWS, model=model, random_seed=seed)["prior"].to_dataset()
    chains = [prior.isel(chain=0, draw=slice(n * DRAWS, (n + 1) * DRAWS)).assign_coords(draw=range(DRAWS)) for n in range(CHAINS)]
    posterior = xr.concat(chains, dim=pd.RangeIndex(CHAINS, name="chain"))
    tree = xr.DataTree.from_dict({"posterior": posterior})
    spec = spec_of(model)
    tree.attrs = {"spec": spec.to_json(), "model": "field", "converged": converged,
                  "failures": "[]" if converged else '["R-hat of 1.4"]'}  # fmt: skip
    with_tables(tree, model.socbayes_tables)
    tree.attrs["judged"] = fingerprint(tree)
    return tree


@lru_cache(maxsize=8)
def fit_called(structure: str) -> xr.DataTree:
    """The same for every test that asks for it."""
    return fit_of(structure)
