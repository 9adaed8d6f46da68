"""From a yield, or all carbon that a crop fixed, to product, straw, roots and rhizodeposits, with their error.

What a fit learned of each crop is bundled (``root_inputs.json``); nothing is sampled here. A log ratio of two parts
is normal about that of the typical study, with the spread of new studies; ratios are taken to be independent.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from socbayes.datasets import learned_file, load_dataset
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.labels import tidied
from socbayes.models.root_inputs.baseline import NITROGEN_RESPONSE, RHIZODEPOSIT, ROOT, STRAW, USUAL_NITROGEN
from socbayes.vocabulary import CI_PROB, nearest

if TYPE_CHECKING:
    import pandas as pd

STORED = "root_inputs.json"
PARTS = ("product", "straw", "roots", "rhizodeposits")
"""Parts of the annual carbon of a crop."""
CARBON_OF_DRY_MATTER = 0.45
QUALIFIERS = frozenset(
    ("winter", "spring", "summer", "autumn", "grain", "silage", "durum", "seed", "dry", "rainfed", "irrigated",
     "first", "second", "third", "crop")
)  # fmt: skip
"""Words that a name of a crop may have beside the crop."""
WHOLE = "silage"
"""Word that says that the whole shoot is harvested."""
SAME_AS = {"fodder beet": "sugar beet", "corn": "maize", "field pea": "pea", "field bean": "faba bean"}
"""Crops that are taken for another; what is assumed is said."""
KINDS = frozenset(name.split()[0] for name in (*SAME_AS, SAME_AS["fodder beet"]) if " " in name)
"""Words of names of crops that alone are no crop, as field, fodder and sugar."""
NEAR = 4.0
"""Factor about the usual yield within which shares follow the yield; beyond it inputs are in proportion to it."""
DRAWS = 2000
NODES = 9
"""Of the Gauss-Hermite rule, for each ratio."""


@dataclass(frozen=True)
class Allocation:
    """What is known of one crop.

    Parameters
    ----------
    crop, group
        Names.
    usual_yield
        t/ha/year of what is harvested, at which the ratios hold.
    log_ratio, log_sd
        Of straw over product, roots over shoot and rhizodeposits over roots: mean and standard deviation in the
        typical study, (ratio,).
    spread
        Standard deviation of a new study about the typical one, (ratio,).
    yield_slope, yield_slope_sd
        Of the log ratios on the log of the yield, (ratio,).
    nitrogen, nitrogen_sd
        Slope of the log of roots over shoot per 100 kg/ha/year of nitrogen.
    rows, studies
        Numbers that the ratios rest on.
    whole
        Whether the whole shoot is harvested.
    """

    crop: str
    group: str
    usual_yield: float
    log_ratio: np.ndarray
    log_sd: np.ndarray
    spread: np.ndarray
    yield_slope: np.ndarray
    yield_slope_sd: np.ndarray
    nitrogen: float
    nitrogen_sd: float
    rows: int
    studies: int
    whole: bool = False


class Entering(NamedTuple):
    """Share of each part that enters the soil; ``said`` is empty where the crop states it."""

    straw: float
    roots: float
    rhizodeposits: float
    said: str = ""


@cache
def _stored() -> dict[str, Any]:
    """The bundled posterior."""
    content: dict[str, Any] = json.loads(learned_file(STORED))
    return content


def known_crops() -> tuple[str, ...]:
    """Crops of which allocation is known.

    Examples
    --------
    >>> known_crops()[:3]
    ('barley', 'bean', 'chickpea')
    """
    return tuple(_stored()["crops"])


def crop_of(name: str) -> str:
    """Known crop that a name means, and empty for none; the order of words does not matter.

    Parameters
    ----------
    name
        As typed. A word of it may be missing, or be one that says which kind of the crop.

    Examples
    --------
    >>> crop_of("Wheat, winter"), crop_of("bean, faba"), crop_of("winter wheat and vetch")
    ('wheat', 'faba bean', '')
    """
    names = {frozenset(known.split()): known for known in known_crops()}
    names |= {frozenset(other.split()): known for other, known in SAME_AS.items() if known in names.values()}
    singular = QUALIFIERS.union(*names)
    typed = re.findall(r"[^\W_]+", tidied(name).casefold())
    words = frozenset(_singular(word, singular) for word in typed) - QUALIFIERS
    if not words - KINDS:
        return ""
    if words in names:
        return names[words]
    return next((known for has, known in names.items() if words <= has), "")


def _singular(word: str, known: frozenset[str]) -> str:
    """A word without the ending of its plural, where that makes a known one of it."""
    return next((one for one in (word, word.removesuffix("s"), word.removesuffix("es")) if one in known), word)


def allocation_of(name: str) -> Allocation:
    """What is known of a crop.

    Parameters
    ----------
    name
        As for :func:`crop_of`.

    Raises
    ------
    UnknownNameError
        For a crop that is not known, with the nearest name.
    SocbayesError
        If the name is none.
    """
    if not isinstance(name, str):
        raise SocbayesError(f"crop={name!r}: expected the name of a crop, such as 'winter wheat'")
    crop = crop_of(name)
    if not crop:
        hint = nearest(str(name), list(known_crops()))
        said = f"; did you mean {hint!r}?" if hint else "."
        raise UnknownNameError(f"no allocation is known of the crop {name!r}{said} Known: {', '.join(known_crops())}")
    stored = _stored()
    one = stored["crops"][crop]
    straw, root = stored["straw_yield"][one["group"]], stored["root_yield"]
    whole = WHOLE in tidied(name).casefold()
    return Allocation(
        crop=crop,
        group=one["group"],
        # What is harvested of a whole shoot is its straw too.
        usual_yield=one["usual_yield"] * (1 + float(np.exp(one["log_ratio"][STRAW])) if whole else 1.0),
        log_ratio=np.array(one["log_ratio"]),
        log_sd=np.array(one["log_sd"]),
        spread=np.array(stored["spread"]),
        yield_slope=np.array([straw[0], root[0], 0.0]),
        yield_slope_sd=np.array([straw[1], root[1], 0.0]),
        nitrogen=stored["root_nitrogen"][0] * NITROGEN_RESPONSE[one["group"]],
        nitrogen_sd=stored["root_nitrogen"][1] * NITROGEN_RESPONSE[one["group"]],
        rows=one["rows"],
        studies=one["studies"],
        whole=whole,
    )


def entering_of(name: str) -> Entering:
    """Share of straw, roots and rhizodeposits of a crop that enter the soil.

    Parameters
    ----------
    name
        As for :func:`crop_of`.

    Examples
    --------
    >>> entering_of("winter wheat").straw, entering_of("rice").said
    (0.15, 'as of other cereals')
    """
    allocation = allocation_of(name)
    table = load_dataset("crop_carbon_allocation").dropna(subset=["carbon_share_product"])
    shares = [f"input_share_{part}" for part in PARTS[1:]]
    own = table[[crop_of(str(known)) == allocation.crop for known in table["crop"]]]
    kind = own["crop"].str.contains(WHOLE)
    if len(own):
        row = (own[kind] if allocation.whole and kind.any() else own[~kind] if (~kind).any() else own).iloc[0]
        straw, roots, rhizodeposits = (float(row[share]) for share in shares)
        return Entering(straw, roots, rhizodeposits)
    of_group = [
        row
        for row in table.to_dict("records")
        if (known := crop_of(str(row["crop"]))) and allocation_of(known).group == allocation.group
    ]
    straw, roots, rhizodeposits = (float(np.median([row[share] for row in of_group])) for share in shares)
    return Entering(straw, roots, rhizodeposits, said=f"as of other {allocation.group.replace('_', ' ')}s")


def log_moments(allocation: Allocation, dry_matter: Any, nitrogen: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the log ratios of a new study at a yield; each (ratio, ...).

    Parameters
    ----------
    allocation
        Of a crop.
    dry_matter
        Yield, t/ha/year.
    nitrogen
        Mineral nitrogen, kg/ha/year; what coefficients hold at where None or NaN.
    """
    relative = np.log(np.asarray(dry_matter, dtype="float64") / allocation.usual_yield)
    relative = np.clip(relative, -np.log(NEAR), np.log(NEAR))  # slopes are not known further off
    shape = (-1,) + (1,) * relative.ndim
    mean = allocation.log_ratio.reshape(shape) + allocation.yield_slope.reshape(shape) * relative
    variance = (allocation.log_sd**2 + allocation.spread**2).reshape(shape) + (
        allocation.yield_slope_sd.reshape(shape) * relative
    ) ** 2
    if nitrogen is not None:
        beyond = np.nan_to_num((np.asarray(nitrogen, dtype="float64") - USUAL_NITROGEN) / 100)
        mean[ROOT] += allocation.nitrogen * beyond
        variance[ROOT] += (allocation.nitrogen_sd * beyond) ** 2
    return mean, variance


def plant_input(
    crop: str, dry_matter: Any, fertilizer_nitrogen: Any = None, *, typical: bool = False
) -> tuple[Any, Any]:
    """Plant carbon that enters the soil with a harvest: its centre, t C/ha, and the error of its logarithm.

    Straw, roots and rhizodeposits, each by the share of it that enters. Centre and error are the mean, raised to a
    power of e, and the standard deviation of the logarithm in a new study: plots of like yield share most of it.
    Below a quarter and above four times the usual yield the input is in proportion to the yield.

    Parameters
    ----------
    crop
        As for :func:`crop_of`.
    dry_matter
        Yield, t/ha; NaN and zero give themselves.
    fertilizer_nitrogen
        kg/ha/year, of the shape of the yield; what coefficients hold at where None or NaN.
    typical
        Of the typical study, without what a new study differs by.

    Raises
    ------
    UnknownNameError
        For a crop that is not known, with the nearest name.
    SocbayesError
        For a yield or nitrogen that is no number, below zero or infinite.

    Examples
    --------
    >>> carbon, error = plant_input("winter wheat", 5.0)
    >>> bool(0.3 < carbon < 3.0), bool(0.1 < error < 1.5)
    (True, True)
    """
    allocation, share = allocation_of(crop), entering_of(crop)
    grain = _amounts("dry_matter", dry_matter)
    nitrogen = None if fertilizer_nitrogen is None else _amounts("fertilizer_nitrogen", fertilizer_nitrogen)
    mean, variance = log_moments(allocation, np.where(grain > 0, grain, allocation.usual_yield), nitrogen)
    if typical:
        variance = variance - (allocation.spread**2).reshape((-1,) + (1,) * grain.ndim)
    node, weight = np.polynomial.hermite_e.hermegauss(NODES)
    weight = weight / weight.sum()
    ratio = np.exp(mean[:, None] + np.sqrt(variance)[:, None] * node.reshape((-1,) + (1,) * grain.ndim))
    first, second = np.zeros((2, *grain.shape))
    for straw, of_straw in zip(ratio[STRAW], weight, strict=True):
        for root, of_root in zip(ratio[ROOT], weight, strict=True):
            log = np.log(entering_carbon(share, 0.0 * straw if allocation.whole else straw, root, ratio[RHIZODEPOSIT]))
            of_node = of_straw * of_root * weight
            first += np.tensordot(of_node, log, 1)
            second += np.tensordot(of_node, log**2, 1)
    return CARBON_OF_DRY_MATTER * grain * np.exp(first), np.sqrt(second - first**2)


def entering_carbon(share: Entering, straw: Any, root: Any, rhizodeposit: Any) -> Any:
    """Carbon that enters the soil over that of the product.

    Parameters
    ----------
    share
        Of each part that enters.
    straw, root, rhizodeposit
        Ratios of straw over product, roots over shoot and rhizodeposits over roots.
    """
    return share.straw * straw + (1 + straw) * root * (share.roots + share.rhizodeposits * rhizodeposit)


def below_ground_shares(crop: str, dry_matter: Any, fertilizer_nitrogen: Any = None) -> tuple[Any, Any]:
    """Shares of the carbon of :func:`plant_input` that are roots and rhizodeposits, at the centre of each ratio.

    Parameters
    ----------
    crop, dry_matter, fertilizer_nitrogen
        As for :func:`plant_input`.

    Raises
    ------
    UnknownNameError
        For a crop that is not known, with the nearest name.
    SocbayesError
        For a yield or nitrogen that is no number, below zero or infinite.

    Examples
    --------
    >>> roots, rhizodeposits = below_ground_shares("winter wheat", 5.0)
    >>> bool(0.3 < roots < 0.6), bool(0.1 < rhizodeposits < 0.5)
    (True, True)
    """
    allocation, share = allocation_of(crop), entering_of(crop)
    grain = _amounts("dry_matter", dry_matter)
    nitrogen = None if fertilizer_nitrogen is None else _amounts("fertilizer_nitrogen", fertilizer_nitrogen)
    ratio = np.exp(log_moments(allocation, np.where(grain > 0, grain, allocation.usual_yield), nitrogen)[0])
    straw = 0.0 * ratio[STRAW] if allocation.whole else ratio[STRAW]
    every = entering_carbon(share, straw, ratio[ROOT], ratio[RHIZODEPOSIT])
    of_roots = entering_carbon(share, straw, ratio[ROOT], 0.0) / every
    return of_roots - entering_carbon(share, straw, 0.0, 0.0) / every, 1.0 - of_roots


def _amounts(name: str, given: Any) -> np.ndarray:
    """Numbers not below zero, or NaN."""
    values = np.asarray(given)
    if values.dtype.kind not in "fiu" or (values < 0).any() or np.isinf(values).any():
        raise SocbayesError(f"{name}={given!r}: expected numbers that are finite and not below zero")
    return values.astype("float64")


def _number(name: str, given: Any, least: str) -> float:
    """One finite number that is above zero, or not below it."""
    values = np.asarray(given)
    sound = values.ndim == 0 and values.dtype.kind in "fiu" and bool(np.isfinite(values))
    if not sound or values < 0 or (least == "above zero" and values == 0):
        raise SocbayesError(f"{name}={given!r}: expected one finite number {least}")
    return float(values)


def carbon_by_part(
    crop: str,
    yield_dry_matter: float | None = None,
    *,
    plant_carbon: float | None = None,
    fertilizer_nitrogen: float | None = None,
    typical: bool = False,
    seed: int | None = None,
) -> pd.DataFrame:
    """Carbon of product, straw, roots and rhizodeposits of a crop in a new study, with intervals.

    Parameters
    ----------
    crop
        Name, such as ``"winter wheat"``.
    yield_dry_matter
        Harvested product, t/ha/year; of a whole shoot as silage.
    plant_carbon
        In place of a yield: all carbon of the four parts, t C/ha/year.
    fertilizer_nitrogen
        kg/ha/year, not below zero; what coefficients hold at where None.
    typical
        Of the typical study, without what a new study differs by.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        By part, ``below_ground``, ``all``, and what of straw, roots and rhizodeposits ``enters`` the soil:
        ``median``, ``lower`` and ``upper`` of the 89 % interval, t C/ha/year, and ``share`` of all carbon, its median.

    Raises
    ------
    UnknownNameError
        For a crop that is not known.
    SocbayesError
        If neither or both of a yield and plant carbon are given, or one is not above zero; if nitrogen is below it.

    Examples
    --------
    >>> parts = carbon_by_part("maize", 8.0, seed=1)
    >>> bool(parts.loc["roots", "lower"] < parts.loc["roots", "median"] < parts.loc["all", "median"])
    True
    """
    import pandas as pd

    if (yield_dry_matter is None) == (plant_carbon is None):
        raise SocbayesError(f"yield_dry_matter={yield_dry_matter}, plant_carbon={plant_carbon}: give one of them")
    if fertilizer_nitrogen is not None:
        fertilizer_nitrogen = _number("fertilizer_nitrogen", fertilizer_nitrogen, "not below zero")
    allocation, share = allocation_of(crop), entering_of(crop)
    # All carbon says little of the yield before it is shared out: ratios are then those at the usual yield.
    grain = allocation.usual_yield
    if yield_dry_matter is not None:
        grain = _number("yield_dry_matter", yield_dry_matter, "above zero")
    else:
        plant_carbon = _number("plant_carbon", plant_carbon, "above zero")
    mean, variance = log_moments(allocation, grain, fertilizer_nitrogen)
    if typical:
        variance = variance - allocation.spread**2
    drawn = np.random.default_rng(seed).standard_normal((len(mean), DRAWS))
    ratio = np.exp(mean[:, None] + np.sqrt(variance)[:, None] * drawn)
    straw = np.zeros(DRAWS) if allocation.whole else ratio[STRAW]
    roots = (1 + straw) * ratio[ROOT]
    over_product = np.stack([np.ones(DRAWS), straw, roots, roots * ratio[RHIZODEPOSIT]])
    total = over_product.sum(axis=0)
    product = CARBON_OF_DRY_MATTER * grain if plant_carbon is None else plant_carbon / total
    carbon = over_product * product
    named = dict(zip(PARTS, carbon, strict=True)) | {"below_ground": carbon[2:].sum(axis=0), "all": carbon.sum(axis=0)}
    named |= {"enters": product * entering_carbon(share, straw, ratio[ROOT], ratio[RHIZODEPOSIT])}
    edges = [(1 - CI_PROB) / 2, 0.5, (1 + CI_PROB) / 2]
    rows = {
        name: [*np.quantile(values, edges)[[1, 0, 2]], float(np.median(values / carbon.sum(axis=0)))]
        for name, values in named.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["median", "lower", "upper", "share"])
