"""Simulated field trials of shapes that no bundled trial has, so that samplers are not tuned to trials that are scored.

``fifteen_treatments`` has a plot for each of 15 treatments, 64 years, total carbon only: whatever a plot does
differently may be its input, its decomposition or chance. ``changing_rotations`` has 80 plots of which half change
from one rotation of crops to another on the way. Both are runs of RothC from stated true values, given out as tables
that a user would have: samples, management as it was written down, and weather.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import socbayes as sb
from socbayes.structures.rothc import PAN_COEFFICIENT, inert_carbon, modifiers

if TYPE_CHECKING:
    import xarray as xr

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
"""Samples, management and weather."""

CLAY, DEPTH = 20.0, 23.0
"""Percent and cm."""
SPIN_UP = 12 * 5000
"""Months in which humus comes to rest under the inputs before a trial."""


@dataclass(frozen=True)
class Truth:
    """What is true of a simulated trial; spreads are of logarithms.

    Parameters
    ----------
    input_level
        Of all inputs of plants over what is stated.
    past_input
        Input before the trial, t C/ha/year.
    treatment_rate, treatment_input
        Spreads of decomposition and of input between treatments, beyond what is stated.
    plot_input, plot_stock
        Spreads between plots of inputs and of initial stocks.
    rate_constant
        Spread of rate constants about the published ones.
    error
        Of a measured stock.
    """

    input_level: float = 0.1
    past_input: float = 2.5
    treatment_rate: float = 0.15
    treatment_input: float = 0.15
    plot_input: float = 0.1
    plot_stock: float = 0.08
    rate_constant: float = 0.15
    error: float = 0.05


TRUTH = Truth()


def weather_of(site: str, first: int, years: int, rng: np.random.Generator) -> pd.DataFrame:
    """Monthly weather of a temperate site that warms by a degree in fifty years."""
    month = np.arange(12 * years)
    season = np.cos(2 * np.pi * (month % 12 - 6.5) / 12)
    temperature = 9.5 + 6.5 * season + 0.02 * month / 12 + rng.normal(0.0, 1.2, month.size)
    return pd.DataFrame(
        {
            "site": site,
            "year": first + month // 12,
            "month": month % 12 + 1,
            "temperature": temperature.round(2),
            "rain": rng.gamma(4.0, 14.0, month.size).round(1),
            "potential_evapotranspiration": (45.0 + 35.0 * season + rng.normal(0.0, 4.0, month.size))
            .clip(2.0)
            .round(1),
        }
    )


def fifteen_treatments(
    seed: int = 1, *, truth: Truth = TRUTH, treatments: int = 15, years: int = 64, samples: int = 24
) -> Tables:
    """A trial of one plot for each treatment: carbon inputs of plants and of manure that are stated by treatment.

    Parameters
    ----------
    seed
        Of all that is random.
    truth
        What is true of it.
    treatments, years, samples
        How many treatments, years of the trial, and samples of each plot.
    """
    rng = np.random.default_rng(seed)
    site, first = "Simulated fifteen", 1955
    plants = np.linspace(1.0, 3.8, treatments).round(2)
    manure = np.where(np.arange(treatments) % 3 == 2, 1.5, 0.0)
    names = [f"T{number:02d}" for number in range(1, treatments + 1)]
    stated = np.broadcast_to(plants / 12.0, (12 * years, treatments))
    spread = np.broadcast_to(manure / 12.0, stated.shape)
    management = pd.DataFrame(
        {
            "site": site,
            "treatment": names,
            "start_year": float(first),
            "end_year": float(first + years),
            "plant_carbon_input": plants,
            "manure_carbon_input": manure,
        }
    )
    when = np.unique(np.linspace(0, years - 1, samples).round().astype(int))
    group = np.broadcast_to(np.arange(treatments), stated.shape)
    weather = weather_of(site, first, years, rng)
    stocks = simulated(truth, weather, stated, spread, group, when, rng)
    obs = sampled(site, [f"plot {name}" for name in names], first + when, stocks, group[12 * when], names)
    return obs, management, weather


ROTATIONS = {
    "arable": (1.4, 1.2, 1.5, 1.3, 1.4),
    "arable with roots": (1.4, 0.6, 1.5, 0.7, 1.4),
    "three years of ley": (3.2, 3.4, 3.6, 1.4, 1.3),
    "grazed ley": (3.6, 3.8, 4.0, 1.5, 1.4),
    "clover": (2.2, 2.4, 2.3, 1.5, 1.3),
    "permanent grass": (3.9, 3.9, 3.9, 3.9, 3.9),
}
"""Carbon input of plants in each year of a rotation, t C/ha."""


def changing_rotations(
    seed: int = 1, *, truth: Truth = TRUTH, plots: int = 80, years: int = 50, samples: int = 11
) -> Tables:
    """A trial of many plots, each somewhere in a rotation of five years, half of which change to the next rotation.

    Parameters
    ----------
    seed
        Of all that is random.
    truth
        What is true of it.
    plots, years, samples
        How many plots, years of the trial, and samples of each plot.
    """
    rng = np.random.default_rng(seed)
    site, first = "Simulated rotations", 1960
    names, course = list(ROTATIONS), np.array(list(ROTATIONS.values()))
    begun = np.arange(plots) % len(names)
    phase = np.arange(plots) // len(names) % course.shape[1]
    changed = np.where(np.arange(plots) % 2 == 1, rng.integers(years // 3, 2 * years // 3 + 1, plots), years)
    year = np.arange(years)[:, None]
    rotation = np.where(year < changed, begun, (begun + 1) % len(names))
    inputs = course[rotation, (year + phase) % course.shape[1]]
    labels = [f"plot {number:02d}" for number in range(1, plots + 1)]
    management = pd.DataFrame(
        {
            "site": site,
            "plot": np.tile(labels, years),
            "treatment": np.array(names)[rotation].ravel(),
            "start_year": np.repeat(first + np.arange(float(years)), plots),
            "end_year": np.repeat(first + np.arange(float(years)) + 1.0, plots),
            "plant_carbon_input": inputs.ravel(),
        }
    )
    when = np.unique(np.linspace(0, years - 1, samples).round().astype(int))
    weather = weather_of(site, first, years, rng)
    months = np.repeat(rotation, 12, axis=0)
    stated = np.repeat(inputs, 12, axis=0) / 12.0
    stocks = simulated(truth, weather, stated, np.zeros_like(stated), months, when, rng)
    obs = sampled(site, labels, first + when, stocks, months[12 * when], names)
    return obs, management, weather


def simulated(
    truth: Truth,
    weather: pd.DataFrame,
    stated: np.ndarray,
    manure: np.ndarray,
    treatment: np.ndarray,
    when: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Measured stocks, t/ha, (sample, plot): RothC from its steady state before the trial.

    Parameters
    ----------
    truth
        What is true.
    weather
        Of the site, by month.
    stated, manure
        Inputs of plants as they are written down, and of manure, t C/ha/month, (month, plot).
    treatment
        Which one a plot has, (month, plot).
    when
        Years from the start at which samples are taken.
    rng
        Of all that is random.
    """
    rates, inputs = (
        rng.normal(0.0, spread, treatment.max() + 1) for spread in (truth.treatment_rate, truth.treatment_input)
    )
    plots = stated.shape[1]
    of_plot, of_stock = rng.normal(0.0, truth.plot_input, plots), rng.normal(0.0, truth.plot_stock, plots)
    constants = {
        name: sb.structures.get("rothc").defaults()[name] * np.exp(rng.normal(0.0, truth.rate_constant))
        for name in ("k_dpm", "k_rpm", "k_bio", "k_hum")
    }
    climate = modifiers(
        weather["temperature"],
        weather["rain"],
        weather["potential_evapotranspiration"] / PAN_COEFFICIENT,
        np.ones(len(weather), dtype=bool),
        CLAY,
        DEPTH,
    )["rate_modifier"]
    parameters = constants | {"clay": CLAY}
    before = sb.simulate(
        "rothc",
        {"plant_input": truth.past_input / 12.0, "rate_modifier": float(np.mean(climate))},
        parameters,
        times=[SPIN_UP],
    )
    pools = {name: float(before[name].item()) for name in ("dpm", "rpm", "bio", "hum")}
    pools["iom"] = float(inert_carbon(sum(pools.values())))
    run = sb.simulate(
        "rothc",
        {
            "plant_input": stated * np.exp(truth.input_level + inputs[treatment] + of_plot),
            "manure_input": manure,
            "rate_modifier": climate[:, None] * np.exp(rates[treatment]),
        },
        parameters,
        initial={name: value * np.exp(of_stock) for name, value in pools.items()},
        times=12 * when,
    )
    carbon = total(run)
    return carbon * np.exp(rng.normal(0.0, truth.error, carbon.shape))


def total(run: xr.Dataset) -> np.ndarray:
    """Organic carbon, t/ha, (time, plot)."""
    return run["soil_organic_carbon"].transpose("time", "site").to_numpy()


def sampled(
    site: str,
    plots: Sequence[str],
    years: np.ndarray,
    stocks: np.ndarray,
    treatment: np.ndarray,
    names: Sequence[str],
) -> pd.DataFrame:
    """Samples as a table: ``stocks`` and ``treatment`` are (sample, plot), ``names`` those of treatments."""
    count, size = stocks.shape
    return pd.DataFrame(
        {
            "site": site,
            "plot": np.tile(plots, count),
            "treatment": np.array(names)[treatment].ravel(),
            "year": np.repeat(years.astype(float), size),
            "depth_top": 0.0,
            "depth_bottom": DEPTH,
            "soc_stock": stocks.ravel().round(2),
            "clay": CLAY,
        }
    )


SHAPES = {"fifteen treatments": fifteen_treatments, "changing rotations": changing_rotations}
"""Simulated trials by name."""
