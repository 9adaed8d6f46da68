"""Roots of crops with yields: what of them lies in the layer of a plot, and what a run makes of them.

Shares of roots follow from yields alone. What else is stated, and what is not, is taken to have the shares of the
others: how an input came to be known says nothing of its quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from socbayes.models.root_inputs.depths import share_in_layer
from socbayes.priors import Prior
from socbayes.structures.roots import ROOT_HUMIFIED, ROOTS, root_ratio
from socbayes.wording import counted

if TYPE_CHECKING:
    from socbayes.models.field.crops import Left
    from socbayes.priors import Priors

ROOT_PRIORS = (
    Prior(
        "root_quality",
        "Normal",
        {"mu": 0.0, "sigma": 1.0},
        "spreads of log-odds",
        f"share of root carbon that is humified at once about the published one, over its spread: {ROOTS.source}",
    ),
)


class PlantCarbon(NamedTuple):
    """Plant carbon of rows of management, and what of it is of roots.

    Parameters
    ----------
    plant
        t C/ha/year, (row,); NaN where nothing is known.
    common, study
        Standard deviations of its logarithm that all studies have in common, and that each has of its own, (row,); NaN
        where it does not follow from a yield.
    roots, rhizodeposits
        Shares of it, (row,); NaN where it does not follow from a yield.
    left
        By crop with yields.
    without
        Crops with neither a yield nor a stated input.
    """

    plant: np.ndarray
    common: np.ndarray
    study: np.ndarray
    roots: np.ndarray
    rhizodeposits: np.ndarray
    left: dict[str, Left]
    without: list[str]

    def of(self, rows: np.ndarray, layer: tuple[float, float] | None) -> PlantCarbon:
        """Of some rows, on a plot of which a layer is modelled; roots and rhizodeposits below it do not count.

        Parameters
        ----------
        rows
            Positions.
        layer
            Its top and bottom, cm; all roots count where None.
        """
        plant, common, study, roots, rhizodeposits = (column[rows] for column in self[:5])
        if layer is not None:
            share, error = share_in_layer(*layer)
            below = roots + rhizodeposits
            within = 1.0 - below * (1.0 - share)
            # Stated inputs are those of the layer.
            plant = plant * np.where(np.isfinite(within), within, 1.0)
            study = np.hypot(study, below * error / within)
            roots, rhizodeposits = roots * share / within, rhizodeposits * share / within
        return PlantCarbon(plant, common, study, roots, rhizodeposits, self.left, self.without)

    @property
    def parts(self) -> np.ndarray:
        """Carbon of roots, of rhizodeposits, and all that follows from yields, t C/ha/year, (part, row)."""
        told = np.isfinite(self.roots)
        shares = np.stack([np.nan_to_num(self.roots), np.nan_to_num(self.rhizodeposits), np.where(told, 1.0, 0.0)])
        return self.plant * shares


def share_of(part: np.ndarray, whole: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Share of some carbon in other carbon, (row, plot); in months without any that of the plot, else of all.

    Parameters
    ----------
    part, whole
        (row, plot); NaN where nothing is known.
    known
        Number of months of each plot that count in shares of plots, (plot,).
    """
    seen = np.arange(len(whole))[:, None] < known
    of_plot, all_of_it = (np.nansum(np.where(seen, one, np.nan), axis=0) for one in (part, whole))
    overall = of_plot.sum() / all_of_it.sum() if all_of_it.sum() > 0 else 0.0
    usual = np.divide(of_plot, all_of_it, out=np.full(len(of_plot), overall), where=all_of_it > 0)
    share = np.broadcast_to(usual, whole.shape).copy()
    np.divide(np.nan_to_num(part), whole, out=share, where=whole > 0)
    return share


def sentence_on_layers(below: float, layers: set[tuple[float, float]]) -> str:
    """What of roots is counted in the layers of plots.

    Parameters
    ----------
    below
        Share of roots and rhizodeposits in what plots get from yields.
    layers
        Tops and bottoms, cm.
    """
    said = [f"{100 * float(share_in_layer(*one)[0]):.0f} % in {one[0]:g} to {one[1]:g} cm" for one in sorted(layers)]
    more = f" and {counted(len(said) - 3, 'other layer')}" if len(said) > 3 else ""
    return (
        "Of roots and rhizodeposits beside yields only those in the layer of a plot count "
        f"({', '.join(said[:3])}{more}): they are {100 * below:.0f} % of what plots get of these crops."
    )


def sample_roots(prior: Priors) -> dict[str, Any]:
    """Register the share of root carbon that is humified at once, and return it by name.

    Parameters
    ----------
    prior
        Priors of the model.
    """
    import pymc as pm

    share = pm.math.sigmoid(ROOTS.log_odds + ROOTS.spread * prior.sample("root_quality"))
    pm.Deterministic("root_ratio", root_ratio(share))
    return {ROOT_HUMIFIED: pm.Deterministic(ROOT_HUMIFIED, share)}


def drawn_roots(values: Mapping[str, np.ndarray], samples: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws of that share of the published prior where a fit has none; nothing where it has.

    Parameters
    ----------
    values
        Draws of a fit by variable.
    samples
        How many draws there are.
    rng
        Source of what is drawn anew.
    """
    if ROOT_HUMIFIED in values:
        return {}
    odds = ROOTS.log_odds + ROOTS.spread * rng.standard_normal(samples)
    return {ROOT_HUMIFIED: 1.0 / (1.0 + np.exp(-odds))}


__all__ = ["ROOT_PRIORS", "PlantCarbon", "drawn_roots", "sample_roots", "sentence_on_layers", "share_of"]
