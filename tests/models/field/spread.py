"""A trial written out: one plot without amendments, and one of each of four kinds, run by RothC itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

import socbayes as sb
from socbayes.structures import get
from socbayes.structures.amendments import with_amendments

HUMIFIED = {"straw": 0.05, "farmyard_manure": 0.22, "sewage_sludge": 0.35, "peat": 0.60}
"""Shares that the trial is run with: none of them the published one."""
SPREAD, PLANTS, FIRST, YEARS = 2.0, 1.5, 1960, 40
"""t C/ha/year of amendments and of plants; years of the trial."""
POOLS = {"dpm": 0.2, "rpm": 5.0, "bio": 0.9, "hum": 34.0, "iom": 3.0}
SITE = {"site": "Trial", "clay": 20.0}


def stocks(kind: str, years: np.ndarray, stop: float = np.inf) -> np.ndarray:
    """Carbon of a plot after some years, t/ha; spreading stops after ``stop`` of them."""
    months = int(12 * max(years))
    drivers = {"plant_input": PLANTS / 12.0, "rate_modifier": 0.5}
    if kind in HUMIFIED:
        drivers[f"{kind}_input"] = np.where(np.arange(months) < 12 * stop, SPREAD / 12.0, 0.0)
    run = sb.simulate(
        with_amendments(get("rothc"), list(HUMIFIED)),
        drivers,
        parameters={f"{name}_humified": share for name, share in HUMIFIED.items()} | {"clay": SITE["clay"]},
        initial=POOLS,
        times=12 * np.asarray(years),
    )
    return run["soil_organic_carbon"].to_numpy().ravel()


def observations(noise: float = 0.02, every: int = 5, seed: int = 1) -> pd.DataFrame:
    """Samples of the trial."""
    rng, years = np.random.default_rng(seed), np.arange(0, YEARS + 1, every)
    rows = [
        SITE | {"plot": kind, "treatment": kind, "year": float(FIRST + year), "soc_stock": stock}
        for kind in ("none", *HUMIFIED)
        for year, stock in zip(years, stocks(kind, years), strict=True)
    ]
    table = pd.DataFrame(rows)
    return table.assign(soc_stock=table["soc_stock"] * np.exp(noise * rng.standard_normal(len(table))))


def management() -> pd.DataFrame:
    """What each plot gets."""
    rows = [
        {
            "site": SITE["site"], "treatment": kind, "start_year": float(FIRST), "end_year": float(FIRST + YEARS),
            "plant_carbon_input": PLANTS, "rate_modifier": 0.5,
            **({"amendment": kind, "amendment_carbon_input": SPREAD} if kind in HUMIFIED else {}),
        }
        for kind in ("none", *HUMIFIED)
    ]  # fmt: skip
    return pd.DataFrame(rows)
