"""Names of crops as people write them: which of them say that nothing grows, and which one may be meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

from socbayes.labels import tidied
from socbayes.vocabulary import nearest

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

    table = ["fallow", *load_dataset("crop_carbon_allocation")["crop"]]
    known = {" ".join(sorted(words_of(name))): name for name in table}
    said = []
    for crop in crops[:SHOWN]:
        # A green or a weedy fallow is no slip of the pen for a bare one.
        understood = "fallow" in words_of(crop) or any(words_of(crop) <= words_of(name) for name in known)
        hint = None if understood else nearest(" ".join(sorted(words_of(crop))), list(known))
        said.append(f"{crop!r} (did you mean {known[hint]!r}?)" if hint else f"{crop!r}")
    return ", ".join(said) + (f" and {len(crops) - SHOWN} others" if len(crops) > SHOWN else "")
