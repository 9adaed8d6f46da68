"""What is left of biochar after years in soil, by draws of the bundled posterior.

The summary is of series under CC BY-SA 4.0 (Azzi et al. 2024, Geoderma 441:116761), whose terms bind it too; the series
themselves are not bundled. ``benchmarks/biochar.py`` writes it from a converged fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.datasets import learned_file
from socbayes.errors import SocbayesError
from socbayes.models.biochar.model import CENTRE, LEAST_RATE
from socbayes.vocabulary import CI_PROB

if TYPE_CHECKING:
    import pandas as pd

SUMMARY = "biochar_persistence.json"
DRAWN = (
    "labile_level", "labile_slope", "labile_rate", "labile_rate_sd", "slow_level", "slow_slope", "log_q10",
    "study_sd_labile", "study_sd_slow", "series_sd_labile", "series_sd_slow",
)  # fmt: skip
"""Parameters of which the summary holds draws."""

RATIOS = (0.0, 0.7)
"""Molar ratios of hydrogen to organic carbon of biochars that were fitted: chars of more are hardly carbonised."""

BY_TEMPERATURE = {(350, 450): 0.65, (450, 600): 0.80, (600, 1500): 0.89}
"""Share left after 100 years by range of pyrolysis temperatures, degC: IPCC 2019 Refinement, volume 4, appendix 4,
Table 4AP.2, as quoted in programs after VM0044 1.2, table 3; neither original was at hand."""

REGRESSION = {"intercept": 1.04, "slope": -0.635, "temperature": 14.9}
"""Share left after 100 years by H/C, in soil of a temperature, degC: Woolf et al. 2021, Environmental Science and
Technology 55:14795-14805, as quoted in programs that use it; the original was not at hand."""


@dataclass(frozen=True)
class PublishedPools:
    """Two pools of biochar that others fitted to incubations.

    Parameters
    ----------
    citation
        Where they stand; both abstracts were read.
    labile_share
        Share of the carbon; None where the abstract gives none.
    labile_years, persistent_years
        Mean residence times.
    """

    citation: str
    labile_share: float | None
    labile_years: float
    persistent_years: float


POOLS = (
    PublishedPools("Wang J., Xiong Z. & Kuzyakov Y. 2016, GCB Bioenergy 8:512-523", 0.03, 108.0 / 365.25, 556.0),
    PublishedPools("Singh N. et al. 2012, Biogeosciences 9:2847-2857", None, 3.0, 870.0),
)
"""Wang et al.: 128 observations of 24 studies; Singh et al.: 54 of 16, also of char from fires."""


def published_left(hydrogen_to_carbon: float) -> float:
    """Share left after 100 years at 14.9 degC by :data:`REGRESSION`.

    Examples
    --------
    >>> round(published_left(0.4), 3)
    0.786
    """
    return REGRESSION["intercept"] + REGRESSION["slope"] * hydrogen_to_carbon


def summary() -> dict[str, np.ndarray]:
    """Draws of the population of biochars, each (draw,), by name of :data:`DRAWN`.

    Examples
    --------
    >>> sorted(summary())[:2]
    ['labile_level', 'labile_rate']
    """
    return {name: np.array(_stored()["draws"][name]) for name in DRAWN}


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    """What the package carries of the fit."""
    return dict(json.loads(learned_file(SUMMARY)))


def beside_published() -> pd.DataFrame:
    """Share left after 100 years at 15 degC by pyrolysis temperature: ours, of the mean ratio, and published ones.

    Returns
    -------
    pandas.DataFrame
        By ``range`` of temperatures, degC: ``hydrogen_to_carbon``, the mean of the series made at them; ``median``,
        ``lower`` and ``upper`` of the mean over all studies; ``new_lower`` and ``new_upper`` of a new study;
        ``published`` (:data:`BY_TEMPERATURE`); and ``regression`` (:func:`published_left`). All are shares.

    Examples
    --------
    >>> beside_published().shape
    (3, 8)
    """
    import pandas as pd

    rows = {}
    for (low, high), ratio in zip(BY_TEMPERATURE, _stored()["ratios"], strict=True):
        ours, other = (carbon_left([ratio], new=new).iloc[0] for new in (False, True))
        rows[f"{low}-{high}"] = {
            "hydrogen_to_carbon": ratio, "median": ours["median"], "lower": ours["lower"], "upper": ours["upper"],
            "new_lower": other["lower"], "new_upper": other["upper"],
            "published": BY_TEMPERATURE[low, high], "regression": published_left(ratio),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("range")


def traits(
    hydrogen_to_carbon: float, temperature: float, *, new: bool = True, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labile share, and rates of labile and persistent carbon in 1/year, each (draw,).

    Parameters
    ----------
    hydrogen_to_carbon
        Molar ratio.
    temperature
        Of the soil, degC.
    new
        Whether of a biochar of a study that nobody has seen; else of the mean over all.
    seed
        Of what a new biochar has of its own.
    """
    draws = summary()
    excess = hydrogen_to_carbon - CENTRE["hydrogen_to_carbon"]
    rng = np.random.default_rng(seed)
    size = draws["slow_level"].shape

    def own(trait: str) -> np.ndarray:
        spread: np.ndarray = np.hypot(draws[f"study_sd_{trait}"], draws[f"series_sd_{trait}"])
        return spread * rng.standard_normal(size) * new

    warm = np.exp(draws["log_q10"] * (temperature - CENTRE["incubation_temperature"]) / 10.0)
    labile = -np.expm1(-np.exp(draws["labile_level"] + draws["labile_slope"] * excess + own("labile")))
    fast = draws["labile_rate"] + draws["labile_rate_sd"] * rng.standard_normal(size) * new
    slow = np.exp(draws["slow_level"] + draws["slow_slope"] * excess + own("slow"))
    return labile, warm * np.exp(np.maximum(fast, LEAST_RATE)), warm * slow


def amendment(draws: Mapping[str, np.ndarray] | None = None) -> dict[str, float]:
    """What a new biochar with H/C 0.4 is to a field at 15 degC, for the prior of the amendment of that name.

    Parameters
    ----------
    draws
        As of :func:`summary`, which are taken by default.

    Returns
    -------
    dict
        Log-odds of its persistent share (``log_odds``) and the log of its rate, 1/year (``log_decay``), with their
        standard deviations (``spread``, ``decay_spread``): those of studies and of series, and what is not known of
        the means.
    """
    draws = summary() if draws is None else draws
    spreads = {
        trait: float(np.sqrt(np.mean(draws[f"study_sd_{trait}"] ** 2 + draws[f"series_sd_{trait}"] ** 2)))
        for trait in ("labile", "slow")
    }
    levels = {"labile": draws["labile_level"], "slow": draws["slow_level"]}
    return {
        "log_odds": -float(np.log(np.expm1(np.exp(levels["labile"]))).mean()),
        "spread": float(np.hypot(spreads["labile"], levels["labile"].std())),
        "log_decay": float(levels["slow"].mean()),
        "decay_spread": float(np.hypot(spreads["slow"], levels["slow"].std())),
    }


def carbon_left(
    hydrogen_to_carbon: Sequence[float] = (0.2, 0.4, 0.6),
    years: float = 100.0,
    temperature: float = 15.0,
    *,
    new: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Share of the carbon of biochar that is left after some years, with its interval.

    Parameters
    ----------
    hydrogen_to_carbon
        Molar ratios, within :data:`RATIOS`.
    years
        In soil. Most series last a year or two and none nine: more is an extrapolation, and the interval says how far
        the two pools carry, not whether two pools are enough.
    temperature
        Of the soil, degC.
    new, seed
        As for :func:`traits`.

    Returns
    -------
    pandas.DataFrame
        By ratio: ``median``, ``lower`` and ``upper``, shares, and ``published`` at 100 years and 15 degC
        (:func:`published_left`), NaN for others.

    Raises
    ------
    SocbayesError
        For years below zero, a temperature that is no number, or a ratio outside :data:`RATIOS`.

    Examples
    --------
    >>> left = carbon_left([0.2, 0.6])
    >>> bool(left.loc[0.2, "median"] > left.loc[0.6, "median"])
    True
    """
    import pandas as pd

    if not (np.isfinite(years) and years >= 0):
        raise SocbayesError(f"years have to be zero or more, not {years!r}")
    if not np.isfinite(temperature):
        raise SocbayesError(f"temperature={temperature!r} has to be a number, degC")
    if beyond := [ratio for ratio in hydrogen_to_carbon if not RATIOS[0] <= ratio <= RATIOS[1]]:
        raise SocbayesError(
            f"hydrogen_to_carbon={beyond[0]!r} is of no biochar that was fitted; expected "
            f"{RATIOS[0]:g} to {RATIOS[1]:g}"
        )
    rows = {}
    for ratio in hydrogen_to_carbon:
        labile, fast, slow = traits(float(ratio), temperature, new=new, seed=seed)
        left = labile * np.exp(-fast * years) + (1.0 - labile) * np.exp(-slow * years)
        low, middle, high = np.quantile(left, [(1 - CI_PROB) / 2, 0.5, (1 + CI_PROB) / 2])
        same = years == 100.0 and temperature == 15.0
        rows[float(ratio)] = {
            "median": middle, "lower": low, "upper": high, "published": published_left(ratio) if same else np.nan
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("hydrogen_to_carbon")
