"""Levers: what may be done on a field, what it does per dose, and who says so.

An effect is a normal on the log scale, per unit of dose. That of an amount is
of the carbon that a unit of dose brings; that of a factor multiplies plant
input or decomposition. Published factors of carbon stocks are read as ratios of
two steady states, of which input over decomposition is the cause. Factors that
were learned from pairs are those that a structure of the core needs to make them
in the time they took; a ratio of stocks is never taken for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from socbayes.datasets import learned_file
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.labels import same_name
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import pandas as pd

ASSUMED = "assumed"
EFFECTS_FILE = "lever_effects.json"
"""Stored posteriors of what levers do, which take the place of the priors below where the file is there."""

FEWEST_STUDIES = 8
"""Studies from which on what was learned of a lever takes the place of a published prior: fewer hardly tell how far
studies differ."""

ACTIONS = {
    "plant_factor": "factor on plant input",
    "plant_share": "plant input times one plus the dose",
    "plant_added": "added plant carbon",
    "manure_added": "added carbon of manure and composts",
    "rate_factor": "factor on decomposition",
    "plant_cover": "share of each month with plants",
    "temperature": "degrees added to the air",
    "rain": "rain times one plus the dose",
    "evaporation": "potential evapotranspiration times one plus the dose",
}
"""What a lever can act on, in words."""
FACTORS = {"plant_factor": "input", "rate_factor": "decomposition"}
"""Actions that are factors, by what :mod:`socbayes.models.effects.factors` calls them."""
UNCERTAIN = ("plant_factor", "plant_added", "manure_added", "rate_factor")
"""Actions of which the effect of a unit of dose is not known exactly."""
LOWEST = dict.fromkeys((*UNCERTAIN, "plant_cover"), 0.0) | dict.fromkeys(("plant_share", "rain", "evaporation"), -1.0)
"""Smallest dose that can be, by what is acted on: no more can be taken away than is there."""
OF_CLIMATE = ("temperature", "rain", "evaporation")


@dataclass(frozen=True)
class Lever:
    """Something that may be done on a field, or happen to it.

    Parameters
    ----------
    name, title
        Name in a plan, and in words.
    acts_on
        What it acts on, of :data:`ACTIONS`.
    unit
        Unit of a dose.
    evidence
        Smallest and largest dose that the evidence is of.
    mean, sd
        Of the effect of a unit of dose, on the log scale; of added carbon, of the logarithm of t C/ha/year. Both are
        zero where the dose itself says all.
    source
        Where these are from, or the word "assumed" and why.
    excludes
        Levers that a plan cannot have on one plot at the same time.
    studies, pairs
        How many the effect rests on; 0 where nobody counted.
    through
        Mean and spread by structure, where the effect was learned through structures of the core.
    """

    name: str
    title: str
    acts_on: str
    unit: str
    evidence: tuple[float, float]
    mean: float = 0.0
    sd: float = 0.0
    source: str = ASSUMED
    excludes: tuple[str, ...] = ()
    studies: int = 0
    pairs: int = 0
    through: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def effect(self, standard: np.ndarray, structure: str = "") -> np.ndarray:
        """Effect of a unit of dose for every draw, on the log scale, (sample,).

        Parameters
        ----------
        standard
            Standard normals, (sample,).
        structure
            Structure that is run: the effect is that which was learned through it, or, where none was, that of all.

        Examples
        --------
        >>> LEVERS["no_tillage"].effect(np.zeros(1)).round(3).tolist()
        [-0.063]
        """
        mean, sd = self.through.get(structure, (self.mean, self.sd))
        return mean + sd * standard


def ratio_of(*factors: tuple[float, float], over: Sequence[tuple[float, float]] = ()) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of published factors, between and within climates.

    Parameters
    ----------
    *factors
        Factor, and two standard deviations in percent of it, by climate.
    over
        Factors of the same climates that these are divided by.

    Examples
    --------
    >>> mean, sd = ratio_of((1.10, 4.0), (1.04, 4.0))
    >>> round(mean, 3), round(sd, 3)
    (0.067, 0.034)
    """
    logs, errors = np.log([value for value, _ in factors]), np.array([error for _, error in factors]) / 200.0
    if over:
        logs = logs - np.log([value for value, _ in over])
        errors = np.hypot(errors, np.array([error for _, error in over]) / 200.0)
    return float(logs.mean()), float(np.sqrt(logs.var() + (errors**2).mean()))


def amount_of(mean: float, sd: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of an amount, of which they are known as it is.

    Parameters
    ----------
    mean, sd
        Of the amount, both above zero.

    Examples
    --------
    >>> location, scale = amount_of(2.0, 1.0)
    >>> round(float(np.exp(location + scale**2 / 2)), 6)
    2.0
    """
    variance = np.log1p((sd / mean) ** 2)
    return float(np.log(mean) - variance / 2), float(np.sqrt(variance))


def _faster(ratio: tuple[float, float]) -> tuple[float, float]:
    """Effect on decomposition that makes a ratio of steady states."""
    return -ratio[0], ratio[1]


_IPCC = "IPCC 2019 Refinement, Vol. 4, Table 5.5, temperate climates, as a ratio of steady states"
_GRASS = "IPCC 2019 Refinement, Vol. 4, Table 6.2, temperate climates, as a ratio of steady states"
# Cool moist, cool dry, warm moist, warm dry: factor, and two standard deviations in percent.
_NO_TILLAGE = ratio_of((1.09, 4.0), (1.03, 4.0), (1.10, 4.0), (1.04, 3.0))
_REDUCED = ratio_of((1.04, 4.0), (0.98, 5.0), (1.05, 4.0), (0.99, 3.0))
_HIGH_INPUT = ratio_of((1.11, 10.0), (1.04, 13.0), (1.11, 10.0), (1.04, 13.0))
_LOW_INPUT = ratio_of((0.92, 14.0), (0.95, 13.0), (0.92, 14.0), (0.95, 13.0))
_IMPROVED = ratio_of((1.14, 11.0))
_GRAZED = ratio_of((0.90, 8.0))
_SET_ASIDE = ratio_of(
    (0.82, 17.0),
    (0.93, 11.0),
    (0.82, 17.0),
    (0.93, 11.0),
    over=((0.70, 12.0), (0.77, 14.0), (0.69, 16.0), (0.76, 12.0)),
)
_CROPPING = ("cover_crop", "residue_return", "straw_removal", "no_tillage", "reduced_tillage", "organic_farming")
_SHARE = "share of years"
_CARBON = "t C/ha/year"

_EVERY = (
    Lever(
        "cover_crop", "Cover crop", "plant_added", _SHARE, (0.0, 1.0), *amount_of(1.79, 1.41),
        "shoot carbon stated in 23 studies of the synthesis of cover crops and carbon fractions (Agric. Ecosyst. Env. "
        "2023): mean 1.79 and spread 1.41 t C/ha/year; roots come on top", studies=23,
    ),
    Lever("residue_return", "Residues returned", "plant_factor", _SHARE, (0.0, 1.0), *_HIGH_INPUT,
          f"{_IPCC}: high input without manure over medium", ("straw_removal",)),
    Lever("straw_removal", "Straw removed", "plant_factor", _SHARE, (0.0, 1.0), *_LOW_INPUT,
          f"{_IPCC}: low input over medium", ("residue_return",)),
    Lever("carbon_input", "Change of plant input", "plant_share", "share of input", (0.05, 0.2), source=(
          "the dose says all; FAO GSOCseq 2021 plans 5, 10 and 20 %")),
    Lever("plant_carbon", "Plant carbon added", "plant_added", _CARBON, (0.0, 5.0), 0.0, 0.15,
          "assumed: weighed in, and known to 15 %"),
    Lever("manure", "Farmyard manure", "manure_added", _CARBON, (0.0, 4.0), 0.0, 0.2,
          "assumed: carbon of manure known to 20 %"),
    Lever("compost", "Compost", "manure_added", _CARBON, (0.0, 6.0), 0.0, 0.2,
          "assumed: enters as manure does, or as the compost that a fit has seen; carbon known to 20 %"),
    Lever("no_tillage", "No tillage", "rate_factor", _SHARE, (0.0, 1.0), *_faster(_NO_TILLAGE), _IPCC,
          ("reduced_tillage",)),
    Lever("reduced_tillage", "Reduced tillage", "rate_factor", _SHARE, (0.0, 1.0), *_faster(_REDUCED), _IPCC,
          ("no_tillage",)),
    Lever("irrigation", "Irrigation", "plant_factor", "share of area", (0.0, 1.0), 0.04, 0.1,
          "mean log ratio of carbon irrigated over rainfed, 35 pairs of 24 references (Emde et al. 2021, "
          "doi:10.1111/gcb.15680; the table states no licence and is not bundled), as a ratio "
          "of steady states; its spread is assumed", studies=24, pairs=35),
    Lever("organic_farming", "Organic farming", "plant_factor", "share of area", (0.0, 1.0), 0.0, 0.15,
          "assumed: lower yields and more leys, of either sign; manure is a lever of its own"),
    Lever("soil_cover", "Soil covered by plants", "plant_cover", "share of each month", (0.0, 1.0),
          source="the dose says all; what cover does is the structure's: months from a half on count as covered"),
    Lever("restoration", "Cropland set aside", "plant_factor", "share of area", (0.0, 1.0), *_SET_ASIDE,
          f"{_IPCC}: set aside over annual crops", _CROPPING),
    Lever("improved_grassland", "Improved grassland", "plant_factor", "share of area", (0.0, 1.0), *_IMPROVED, _GRASS,
          ("intensive_grazing", *_CROPPING)),
    Lever("intensive_grazing", "Intensive grazing", "plant_factor", "share of area", (0.0, 1.0), *_GRAZED, _GRASS,
          ("improved_grassland", *_CROPPING)),
    Lever("elevated_co2", "Elevated CO2", "plant_factor", "experiments' rise of CO2", (0.0, 1.0), 0.166, 0.155,
          "log ratio of plant biomass in 108 pairs of 98 experiments (Terrer et al. 2021), mean and spread", pairs=108),
    Lever("warming", "Warming", "temperature", "degC", (0.0, 5.0),
          source="the dose says all; what it does is the structure's"),
    Lever("rain", "Change of rain", "rain", "share of rain", (-0.5, 0.5),
          source="the dose says all; what it does is the structure's"),
    Lever("evaporation", "Change of evapotranspiration", "evaporation", "share of evapotranspiration", (-0.3, 0.3),
          source="the dose says all; what it does is the structure's"),
)  # fmt: skip


@lru_cache(maxsize=1)
def _stored() -> dict[str, dict[str, object]]:
    """Stored posteriors of effects by lever; nothing where none are bundled."""
    path = resources.files("socbayes.data").joinpath(EFFECTS_FILE)
    return dict(json.loads(learned_file(EFFECTS_FILE))) if path.is_file() else {}


def with_effects(effects: Mapping[str, Mapping[str, object]], every: Sequence[Lever] = _EVERY) -> dict[str, Lever]:
    """Levers whose priors are replaced by what was learned of them through structures of the core.

    Parameters
    ----------
    effects
        By lever: ``acts_on``, one of :data:`FACTORS`; ``through``, by structure ``mean`` and ``sd`` of the log factor
        in a new study; ``source``; ``studies`` and ``pairs``. What else is there, such as the log ratio of stocks, is
        not read, nor what fewer than :data:`FEWEST_STUDIES` studies say. A lever that adds carbon keeps its amount,
        unless the factor is known better than that (:func:`says_more`); one whose dose is carbon keeps it always.
    every
        The levers.

    Raises
    ------
    SocbayesError
        For an effect of no lever that is known, of one without an uncertain effect, or of the wrong form; for one that
        no structure was run for, such as a ratio of stocks; and for a factor on decomposition where the lever acts on
        input, or the other way round.

    Examples
    --------
    >>> learned = {"acts_on": "rate_factor", "through": {"rothc": {"mean": -0.05, "sd": 0.01}}, "source": "ours"}
    >>> learned |= {"studies": 12, "pairs": 40}
    >>> lever = with_effects({"no_tillage": learned})["no_tillage"]
    >>> lever.source, lever.mean
    ('ours', -0.05)
    """
    known = {lever.name: lever for lever in every}
    for name, effect in effects.items():
        lever = known.get(name)
        if lever is None or lever.acts_on not in UNCERTAIN:
            raise SocbayesError(f"{EFFECTS_FILE}: {name!r} is no lever with an effect to learn: " + ", ".join(
                one.name for one in every if one.acts_on in UNCERTAIN))  # fmt: skip
        learned = _learned(lever, effect)
        # A factor of pairs is of their usual dose: it says nothing of one by the ton.
        enough = learned.studies >= FEWEST_STUDIES
        if enough and (lever.acts_on in FACTORS or (lever.unit != _CARBON and says_more(learned, lever))):
            known[name] = learned
    return known


def _learned(lever: Lever, effect: Mapping[str, object]) -> Lever:
    """A lever with a factor that was learned through the core."""
    where = f"{EFFECTS_FILE}: {lever.name}"
    through, acts_on = effect.get("through"), str(effect.get("acts_on", ""))
    if not isinstance(through, Mapping) or not through or acts_on not in FACTORS:
        raise SocbayesError(
            f"{where}: acts_on ({' or '.join(FACTORS)}) and through, with mean and sd by structure, are needed: a log "
            "ratio of stocks is no effect on input or decomposition"
        )
    # What adds carbon acts on input, whether as an amount or as a factor.
    expected = lever.acts_on if lever.acts_on in FACTORS else "plant_factor"
    if acts_on != expected:
        raise SocbayesError(f"{where}: is a {ACTIONS[expected]}, not a {ACTIONS[acts_on]}")
    try:
        of = {str(name): (float(one["mean"]), float(one["sd"])) for name, one in through.items()}
        source = str(effect["source"])
        studies, pairs = (int(str(effect.get(key, 0))) for key in ("studies", "pairs"))
    except (KeyError, TypeError, ValueError) as error:
        raise SocbayesError(f"{where}: mean, sd and source are needed ({error})") from error
    for name, (mean, sd) in of.items():
        if not (np.isfinite(mean) and 0 < sd < np.inf):
            raise SocbayesError(f"{where}: mean {mean} and sd {sd} through {name} are no distribution")
    means, sds = np.array(list(of.values())).T
    mean, sd = float(means.mean()), float(np.sqrt((sds**2).mean() + means.var()))
    return replace(lever, mean=mean, sd=sd, source=source, acts_on=acts_on, studies=studies, pairs=pairs, through=of)


def says_more(learned: Lever, amount: Lever) -> bool:
    """Whether a learned factor is better known than the amount of carbon that a lever adds.

    What is compared is the spread over what the lever does: of a factor, over its distance from one.

    Parameters
    ----------
    learned
        The lever as a factor on input.
    amount
        The same as an amount.

    Examples
    --------
    >>> amount = LEVERS["cover_crop"]
    >>> says_more(replace(amount, mean=0.3, sd=0.1), amount), says_more(replace(amount, mean=0.3, sd=0.3), amount)
    (True, False)
    """
    factor = np.exp(learned.mean + learned.sd**2 / 2)
    relative = factor * np.sqrt(np.expm1(learned.sd**2)) / abs(factor - 1.0) if factor != 1.0 else np.inf
    return bool(relative < np.sqrt(np.expm1(amount.sd**2)))


LEVERS: dict[str, Lever] = with_effects({})
"""Every lever with its prior, by name."""


_LEARNABLE = frozenset(name for name, lever in LEVERS.items() if lever.acts_on in UNCERTAIN)


def known_levers() -> dict[str, Lever]:
    """Every lever by name, with what was learned of it where a stored posterior says so."""
    return with_effects({name: effect for name, effect in _stored().items() if name in _LEARNABLE})


def lever_called(name: str) -> Lever:
    """The lever of a name; spellings of one name are that name.

    Raises
    ------
    UnknownNameError
        For a lever there is not, with the nearest name.

    Examples
    --------
    >>> lever_called("No tillage").name
    'no_tillage'
    """
    every = known_levers()
    alike = [one for one in every.values() if same_name(name) in (same_name(one.name), same_name(one.title))]
    if name in every or alike:
        return every[name] if name in every else alike[0]
    hint = nearest(str(name), list(every))
    raise UnknownNameError(
        f"no lever named {name!r}" + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(every)}")
    )


def levers() -> pd.DataFrame:
    """All levers: what each acts on, its evidence, the prior of its effect with source, and what it excludes.

    Returns
    -------
    pandas.DataFrame
        One row per lever, ``lever`` as index. ``mean`` and ``sd`` are of the effect of a unit of dose on the log scale;
        NaN where the dose says all. ``learned_through`` names the structures that an effect was learned through, each
        with its own mean and spread in a plan. ``attrs["not_used"]`` names stored effects that no plan takes: of levers
        it does not know, and of those that keep the amount of carbon they add.

    Examples
    --------
    >>> levers().loc["no_tillage", "acts_on"]
    'factor on decomposition'
    """
    import pandas as pd

    rows = [
        {
            "lever": one.name,
            "title": one.title,
            "acts_on": ACTIONS[one.acts_on],
            "unit": one.unit,
            "lowest": one.evidence[0],
            "highest": one.evidence[1],
            "mean": one.mean if one.acts_on in UNCERTAIN else np.nan,
            "sd": one.sd if one.acts_on in UNCERTAIN else np.nan,
            "studies": one.studies,
            "pairs": one.pairs,
            "learned_through": ", ".join(one.through),
            "excludes": ", ".join(one.excludes),
            "source": one.source,
        }
        for one in known_levers().values()
    ]
    table = pd.DataFrame(rows).set_index("lever")
    taken = {one.name for one in known_levers().values() if one.through}
    table.attrs["not_used"] = sorted(set(_stored()) - taken)
    return table
