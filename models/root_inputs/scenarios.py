"""What a fitted model says of how a crop shares out its carbon, in a known or a new study."""

from __future__ import annotations

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.root_inputs.baseline import KINDS, NITROGEN_RESPONSE, USUAL_NITROGEN
from socbayes.scenarios.draws import Draws, Predicted, known_label
from socbayes.vocabulary import ALLOCATION_RATIOS

STRAW, ROOT, _ = ALLOCATION_RATIOS


def ratio(
    draws: Draws,
    *,
    crop: str | None = None,
    allocation_ratio: str | None = None,
    yield_dry_matter: float | None = None,
    fertilizer_nitrogen: float | None = None,
) -> Predicted:
    """Ratio of two parts of the annual carbon of a mature crop in a field.

    Parameters
    ----------
    draws
        Of a fit of ``models.root_inputs``.
    crop
        Of those of the fit.
    allocation_ratio
        ``"straw_to_product"``, ``"root_to_shoot"`` (assumed where not given) or ``"rhizodeposit_to_root"``.
    yield_dry_matter
        t/ha/year; the usual one of the crop is assumed where not given.
    fertilizer_nitrogen
        kg/ha/year, of which only roots over shoot depend; what coefficients hold at is assumed where not given.

    Returns
    -------
    Predicted
        On the scale of log ratios.

    Raises
    ------
    UnknownNameError
        For a crop or ratio that the fit does not have, with the nearest name.
    SocbayesError
        If no crop is given, or a yield is not above zero.
    """
    if crop is None:
        raise SocbayesError(f"crop is not given: expected one of {', '.join(draws.labels('crop'))}")
    crop = known_label(crop, draws.labels("crop"), "crop")
    assumed, not_used = [], []
    if allocation_ratio is None:
        allocation_ratio = ROOT
        assumed.append(f"allocation_ratio = {ROOT}")
    name = known_label(allocation_ratio, list(ALLOCATION_RATIOS), "allocation ratio")
    chosen = facts_of(draws.fitted).spec.choices
    group, usual = chosen["groups"][crop], chosen["yields"].get(crop)
    centre = draws("log_ratio", allocation_ratio=name, crop=crop)
    if yield_dry_matter is not None:
        if not yield_dry_matter > 0:
            raise SocbayesError(f"yield_dry_matter={yield_dry_matter:g} cannot be used: expected a number above zero")
        if usual is None or name not in (STRAW, ROOT):
            not_used.append("yield_dry_matter, as the fit has no slope on it for this ratio and crop")
        else:
            slope = draws("root_yield") if name == ROOT else (
                draws("straw_yield_mean") + draws("straw_yield", crop_group=group)
            )  # fmt: skip
            centre = centre + slope * np.log(yield_dry_matter / usual)
    elif name in (STRAW, ROOT) and usual is not None:
        assumed.append(f"yield_dry_matter = {usual:.3g}")
    if fertilizer_nitrogen is not None:
        if name == ROOT:
            beyond = (fertilizer_nitrogen - USUAL_NITROGEN) / 100
            centre = centre + draws("root_nitrogen") * NITROGEN_RESPONSE[group] * beyond
        else:
            not_used.append("fertilizer_nitrogen, on which only roots over shoot depend")
    own = [f"{name}: {kind}: {draws.study}" for kind in KINDS]
    known = next((label for label in own if label in draws.labels("study_ratio")), None)
    drawn: tuple[str, ...] = ()
    if known is None:
        of_study = draws("study_sd", allocation_ratio=name, kind=KINDS[0]) * draws.noise(f"study, {name}")
        drawn = (f"effect of the study, as it has no {name.replace('_', ' ')} ratio",) if draws.study else ()
    else:
        of_study = draws("study_effect", study_ratio=known)
    return Predicted(
        centre=centre + of_study,
        scatter=draws("scatter", allocation_ratio=name, kind=KINDS[0]),
        shown=np.exp,
        quantity=name.replace("_", " ") + " ratio",
        unit="1",
        integrated=drawn,
        assumed=tuple(assumed),
        not_used=tuple(not_used),
    )


PREDICTORS = {"root_inputs": ratio}
"""What each model predicts; see :mod:`socbayes.scenarios.predict`."""
