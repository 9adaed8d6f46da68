"""A trial written out: four plots of two treatments, sampled four times, with management and monthly weather."""

from __future__ import annotations

import numpy as np
import pandas as pd

VISITS = (2010.8, 2014.5, 2018.2, 2021.8)
INPUTS = {"usual": 2.4, "cover": 3.6}
PLOTS = {"A1": "usual", "A2": "usual", "B1": "cover", "B2": "cover"}


def plots(**columns) -> pd.DataFrame:
    """Samples of the plots."""
    rows = [
        {"site": "Farm", "plot": plot, "treatment": treatment, "year": year, "soc_stock": 40.0 + place + 0.3 * visit}
        for place, (plot, treatment) in enumerate(PLOTS.items())
        for visit, year in enumerate(VISITS)
    ]
    return pd.DataFrame(rows).assign(**columns)


def management(**columns) -> pd.DataFrame:
    """What each treatment adds."""
    rows = [
        {"site": "Farm", "treatment": name, "start_year": 2010.8, "end_year": 2021.8, "plant_carbon_input": carbon}
        for name, carbon in INPUTS.items()
    ]
    return pd.DataFrame(rows).assign(**columns)


def weather(years=range(2010, 2022), **columns) -> pd.DataFrame:
    """Every month of every year."""
    rows = [
        {
            "site": "Farm", "year": year, "month": month, "temperature": 10.0 - 8.0 * np.cos(np.pi * month / 6.0),
            "rain": 60.0, "open_pan_evaporation": 70.0 - 50.0 * np.cos(np.pi * month / 6.0),
        }
        for year in years
        for month in range(1, 13)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def carbon_of(data) -> dict[str, np.ndarray]:
    """Plant carbon of every month of each plot of a layout of ICBM, t/ha/year."""
    return dict(zip(data.plots.labels, 10.0 * data.forcing.drivers["carbon_input"].T, strict=True))  # from kg/m2
