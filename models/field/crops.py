"""Crops as people write them: which of them say that nothing grows, and what carbon others leave with a yield."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from socbayes.labels import tidied
from socbayes.models.root_inputs.allocated import (
    CARBON_OF_DRY_MATTER,
    NEAR,
    WHOLE,
    allocation_of,
    below_ground_shares,
    crop_of,
    entering_of,
    known_crops,
    plant_input,
)
from socbayes.vocabulary import CI_PROB, nearest
from socbayes.wording import counted

SHOWN = 8
"""Names of a sentence; of the rest the number is said."""
# In any order. A fallow of which more is said (green, weedy, bush) has plants.
_BARE = [
    set(words.split())
    for words in (
        "fallow", "bare", "bare fallow", "bare soil", "bare ground", "black fallow", "clean fallow", "chemical fallow",
        "cultivated fallow", "tilled fallow", "summer fallow", "long fallow", "no crop", "no plants", "no vegetation",
        "uncropped", "unplanted",
    )
]  # fmt: skip


def words_of(crop: str) -> set[str]:
    """Words of the name of a crop, whose order and case do not matter.

    Parameters
    ----------
    crop
        As typed.

    Examples
    --------
    >>> sorted(words_of("Wheat, winter"))
    ['wheat', 'winter']
    """
    return set(re.findall(r"[^\W_]+", tidied(crop).casefold()))


def is_bare(crop: str) -> bool:
    """Whether the name of a crop says that nothing grows.

    Parameters
    ----------
    crop
        As typed.

    Examples
    --------
    >>> is_bare("Fallow, bare"), is_bare("green fallow")
    (True, False)
    """
    return words_of(crop) in _BARE


def with_nearest(crops: Sequence[str]) -> str:
    """Names of crops, each that nobody knows with the nearest one that is known.

    Parameters
    ----------
    crops
        As typed.

    Examples
    --------
    >>> with_nearest(["falow", "pasture"])
    "'falow' (did you mean 'fallow'?), 'pasture'"
    """
    from socbayes.datasets import load_dataset

    table = ["fallow", *load_dataset("crop_carbon_allocation")["crop"], *known_crops()]
    known = {" ".join(sorted(words_of(name))): name for name in reversed(table)}
    said = []
    for crop in crops[:SHOWN]:
        # A green or a weedy fallow is no slip of the pen for a bare one.
        understood = "fallow" in words_of(crop) or any(words_of(crop) <= words_of(name) for name in known)
        hint = None if understood else nearest(" ".join(sorted(words_of(crop))), list(known))
        said.append(f"{crop!r} (did you mean {known[hint]!r}?)" if hint else f"{crop!r}")
    return ", ".join(said) + (f" and {counted(len(crops) - SHOWN, 'other')}" if len(crops) > SHOWN else "")


class Left(NamedTuple):
    """Carbon that a crop leaves in the soil with its yields.

    Parameters
    ----------
    carbon
        Centre for a new study, t C/ha, (row,); NaN where the crop is not known.
    error
        Standard deviation of its logarithm, (row,).
    common
        Of it, what all studies have in common, (row,): how sure the typical study is.
    coefficients
        The same carbon by point coefficients, (row,); NaN where there are none.
    crop
        Crop that the name is taken for; empty where none is known.
    far
        Whether the yield is so far from the usual one that carbon is taken in proportion to it, (row,).
    roots, exuded
        Shares of the carbon that are roots and rhizodeposits, (row,).
    """

    carbon: np.ndarray
    error: np.ndarray
    common: np.ndarray
    coefficients: np.ndarray
    crop: str
    far: np.ndarray
    roots: np.ndarray
    exuded: np.ndarray

    @property
    def study(self) -> np.ndarray:
        """Standard deviation of what a study has of its own, (row,)."""
        own: np.ndarray = np.sqrt(np.maximum(self.error**2 - self.common**2, 0.0))
        return own


def carbon_left(crop: str, dry_matter: Any, fertilizer_nitrogen: Any = None) -> Left:
    """Plant carbon that enters the soil with a harvest: straw, roots and rhizodeposits.

    Parameters
    ----------
    crop
        Name; the order of its words does not matter.
    dry_matter
        Yield, t/ha.
    fertilizer_nitrogen
        kg/ha/year, (row,); what coefficients hold at where None or NaN.

    Examples
    --------
    >>> left = carbon_left("winter wheat", 5.0)
    >>> left.crop, round(float(left.coefficients), 2), bool(1 < left.carbon < 4)
    ('wheat', 1.87, True)
    """
    grain = np.asarray(dry_matter, dtype="float64")
    found = crop_of(crop)
    if not found:
        unknown = np.full(grain.shape, np.nan)
        return Left(unknown, unknown, unknown, unknown, "", np.zeros(grain.shape, dtype=bool), unknown, unknown)
    carbon, error = plant_input(crop, grain, fertilizer_nitrogen)
    _, common = plant_input(crop, grain, fertilizer_nitrogen, typical=True)
    roots, exuded = below_ground_shares(crop, grain, fertilizer_nitrogen)
    usual = allocation_of(crop).usual_yield
    far = (grain > 0) & ((grain < usual / NEAR) | (grain > usual * NEAR))
    return Left(carbon, error, common, _by_coefficients(crop, grain), found, far, roots, exuded)


def _by_coefficients(crop: str, dry_matter: np.ndarray) -> np.ndarray:
    """Plant carbon by the shares of ``crop_carbon_allocation``, in proportion to the yield; NaN for other crops."""
    from socbayes.datasets import load_dataset

    table = load_dataset("crop_carbon_allocation").dropna(subset=["carbon_share_product"]).set_index("crop")
    words, found = words_of(crop), crop_of(crop)
    same = [name for name in map(str, table.index) if crop_of(name) == found and (WHOLE in name) == (WHOLE in words)]
    if not same:
        return np.full(dry_matter.shape, np.nan)
    # As typed before as understood before any kind of the crop.
    row = table.loc[min(same, key=lambda name: (words_of(name) != words, words_of(name) != words_of(found)))]
    entering = sum(
        row[f"carbon_share_{part}"] * row[f"input_share_{part}"] for part in ("straw", "roots", "rhizodeposits")
    )
    by_share: np.ndarray = dry_matter * CARBON_OF_DRY_MATTER * entering / row["carbon_share_product"]
    return by_share


def sentences_on(left: dict[str, Left]) -> list[str]:
    """What became of yields, and what point coefficients would have made of them.

    Parameters
    ----------
    left
        By name of a crop, the carbon of its rows.
    """
    known = {name: one for name, one in left.items() if one.crop}
    if not known:
        return []
    said = "; ".join(_told(name, one) for name, one in known.items())
    return [
        f"Carbon inputs follow from yields by how crops share out their carbon: {said}. Most of that error is common "
        "to plots of like yield at one site."
    ]


def _told(name: str, left: Left) -> str:
    """Carbon of one crop with its error, and that by coefficients."""
    from scipy.stats import norm

    reach = np.exp(float(norm.ppf((1 + CI_PROB) / 2)) * float(np.mean(left.error)))
    called = name if words_of(name) == words_of(left.crop) else f"{name} as {left.crop}"
    share = entering_of(name)
    of_straw = f"{100 * share.straw:.0f} % of the straw enters" + (f", {share.said}" if share.said else "")
    point = float(np.mean(left.coefficients))
    other = f"{point:.2f} by point coefficients" if np.isfinite(point) else "no point coefficients"
    mean = float(np.mean(left.carbon))
    return f"{called} {mean:.2f} t C/ha a harvest, good to a factor of {reach:.1f} ({other}; {of_straw})"
