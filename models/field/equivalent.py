"""Stocks of an equivalent mass of soil instead of an equal depth: see :mod:`socbayes.models.field.soil_mass`.

The mass is that of the fine earth of the layer at the first visits, mean over the plots of a site. What a visit holds
in it is read off its layers, those below the one that is modelled among them; where a visit has no layer below, soil is
taken to have the content of its lowest one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from socbayes.frames import numeric
from socbayes.models.blocks import group_means
from socbayes.models.field.layers import (
    STOCKS,
    Sampled,
    chains_from,
    rows_of_visits,
    thickness_of,
)
from socbayes.models.field.plots import plot_of_rows
from socbayes.models.field.soil_mass import carbon_in_mass, fine_earth_density

if TYPE_CHECKING:
    import pandas as pd

EQUAL_DEPTH, EQUIVALENT_MASS = STOCKS_ON = ("equal_depth", "equivalent_mass")
"""Soil that stocks are of."""
SMALL = 0.02
"""Share of a stock below which nothing is said."""


def stocks_on(sampled: Sampled, given: pd.DataFrame, stocks: str, seen: int | None = None) -> Sampled:
    """Samples whose contents give stocks of the soil asked for, with notes on how much the choice matters.

    Parameters
    ----------
    sampled
        Of the layer that is modelled.
    given
        The table that it is of.
    stocks
        One of :data:`STOCKS_ON`.
    seen
        Rows of that table, from the first, that the fit saw.
    """
    wanted = _reference(sampled, len(given) if seen is None else seen)
    turned, ratio = _on_mass(sampled, given, wanted)
    notes = (*sampled.notes, *_how_much(sampled, ratio, stocks))
    if stocks == EQUAL_DEPTH:
        return sampled._replace(notes=notes)
    # The same mass everywhere, also where nobody measured it.
    density = np.where(np.isfinite(sampled.density), wanted / sampled.thickness, np.nan)
    return sampled._replace(obs=turned, density=density, notes=notes)


def _reference(sampled: Sampled, seen: int) -> np.ndarray:
    """Fine earth of the layer at the first visits that the fit saw, mean over plots of a site, g/cm2, (row,)."""
    obs, plot = sampled.obs, plot_of_rows(sampled.obs)
    mass = np.where(sampled.origin < seen, sampled.density * sampled.thickness, np.nan)
    first = obs["year"].where(np.isfinite(mass)).groupby(plot).transform("min").to_numpy()
    site = (
        obs.groupby([name for name in ("study", "site") if name in obs], sort=False, dropna=False).ngroup().to_numpy()
    )
    of_plot = group_means(np.where(obs["year"] == first, mass, np.nan), plot, int(plot.max()) + 1)
    where = site[np.unique(plot, return_index=True)[1]]
    return group_means(of_plot, where, int(site.max()) + 1)[site]


def _on_mass(sampled: Sampled, given: pd.DataFrame, wanted: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows with the mean contents of the mass wanted, and stocks of organic carbon in it over those above the depth."""
    top, bottom = np.nan_to_num(numeric(given, "depth_top")), numeric(given, "depth_bottom")
    density, thickness = fine_earth_density(given), thickness_of(given)
    visit_of = {int(row): rows for rows in rows_of_visits(given, bottom > 0) for row in rows}
    columns = [kind.concentration for kind in STOCKS if kind.concentration in given]
    made = {name: sampled.obs[name].to_numpy(dtype=float, copy=True) for name in columns}
    ratio = np.full(len(sampled.obs), np.nan)
    for place in np.flatnonzero(np.isfinite(sampled.density * wanted)):
        chain = sampled.layers[place]
        end = float(bottom[chain[-1][0]])
        below = chains_from(end, visit_of[int(chain[0][0])], top, bottom)
        layers = [*chain, *(below[max(below)] if below else [])]
        mass = np.array([density[rows].mean() * thickness[rows[0]] for rows in layers])
        for name in columns:
            content = np.array([numeric(given, name)[rows].mean() for rows in layers])
            known = int(np.cumprod(np.isfinite(content * mass)).sum())
            if known >= len(chain):
                carbon = carbon_in_mass(mass[:known], (content * mass)[:known], float(wanted[place]))
                made[name][place] = carbon / wanted[place]
                if name == STOCKS[0].concentration:
                    ratio[place] = carbon / (content * mass)[: len(chain)].sum()
    return sampled.obs.assign(**made), ratio


def _how_much(sampled: Sampled, ratio: np.ndarray, stocks: str) -> tuple[str, ...]:
    """Say which soil stocks are of, where it makes a difference."""
    turned = np.isfinite(ratio) & ~np.isfinite(numeric(sampled.obs, STOCKS[0].stock))
    if not turned.any() or np.abs(ratio[turned] - 1.0).max() < SMALL:
        return ()
    low, high = 100.0 * (ratio[turned].min() - 1.0), 100.0 * (ratio[turned].max() - 1.0)
    notes = [
        f"Bulk density changes: stocks of an equivalent mass of soil are {low:+.0f} to {high:+.0f} % off those to an "
        f"equal depth. Stocks are those {'to an equal depth' if stocks == EQUAL_DEPTH else 'of an equivalent mass'} "
        f"(stocks={stocks!r})."
    ]
    stated = np.isfinite(numeric(sampled.obs, STOCKS[0].stock))
    if stocks == EQUIVALENT_MASS and stated.any():
        notes.append(f"{int(stated.sum())} stocks are taken as stated, whatever soil they are of.")
    return tuple(notes)
