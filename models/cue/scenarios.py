"""What methods would print of one soil, by a fitted process model of carbon use efficiency.

Runs of the core on posterior draws, made after sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from socbayes.errors import UnknownNameError
from socbayes.models.cue.process import LABEL, SHOWN_HOURS, TRACE, apparent_efficiency
from socbayes.scenarios.draws import values_of, verdict
from socbayes.vocabulary import nearest

if TYPE_CHECKING:
    import xarray as xr

CAUSES = ("substrate", "incubation time", "method")


def printed(
    fitted: xr.DataTree,
    hours: Sequence[float] = SHOWN_HOURS,
    *,
    substrate: str = "glucose",
    draws: int = 500,
    seed: int = 0,
) -> xr.Dataset:
    """Efficiency that each method would print of the same microbes at 15 degC, in the typical study.

    Parameters
    ----------
    fitted
        Fit of ``models.cue.process``.
    hours
        Lengths of incubations with a labelled substrate.
    substrate
        What is labelled.
    draws
        Posterior draws run.
    seed
        Seed of their choice.

    Returns
    -------
    xarray.Dataset
        ``intrinsic`` (sample); ``printed`` (sample, measurement_method) of methods that
        see the moment; ``labelled`` (sample, hours) of the labelled substrate;
        and ``difference`` (sample, cause, hours), what the substrate, the
        incubation time and the method add to its logit. ``attrs`` say whether
        the fit converged.

    Raises
    ------
    UnknownNameError
        For a substrate the fit does not have, with the nearest name.

    Examples
    --------
    >>> import socbayes as sb
    >>> seen = printed(sb.load_posterior("cue_process"), draws=20)
    >>> bool((seen["labelled"].sel(hours=1) > seen["labelled"].sel(hours=48)).all())
    True
    """
    import xarray as xr

    posterior = fitted["posterior"].to_dataset()
    substrates = [str(name) for name in posterior["substrate"].to_numpy()]
    if substrate not in substrates:
        hint = nearest(substrate, substrates)
        raise UnknownNameError(
            f"no substrate named {substrate!r} in this fit"
            + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(substrates)}")
        )
    methods = [str(name) for name in posterior["measurement_method"].to_numpy()]
    values = values_of(fitted, draws, seed)
    level, count = values["level"], len(hours)
    on_substrate = level + values["substrate_effect"][:, substrates.index(substrate)]

    def each(value: np.ndarray) -> np.ndarray:
        return np.repeat(value, count)

    seen = apparent_efficiency(
        each(_logistic(on_substrate)),
        each(values["turnover"]),
        each(np.exp(values["log_uptake"])),
        each(_logistic(values["residue_share"])),
        np.tile(np.asarray(hours, dtype="float64"), level.size),
        TRACE * np.ones(level.size * count),
    ).eval()
    after = np.log(seen / (1.0 - seen)).reshape(level.size, count)
    gap = values["discrepancy"]
    of_label = gap[:, methods.index(LABEL)][:, None]
    difference = np.stack(
        np.broadcast_arrays((on_substrate - level)[:, None], after - on_substrate[:, None], of_label), axis=1
    )
    instant = [place for place, name in enumerate(methods) if name != LABEL]
    return xr.Dataset(
        {
            "intrinsic": ("sample", _logistic(level)),
            "printed": (("sample", "measurement_method"), _logistic(level[:, None] + gap[:, instant])),
            "labelled": (("sample", "hours"), _logistic(after + of_label)),
            "difference": (("sample", "cause", "hours"), difference),
        },
        coords={
            "measurement_method": [methods[place] for place in instant],
            "hours": list(hours),
            "cause": list(CAUSES),
        },
        attrs=verdict(fitted) | {"substrate": substrate},
    )


def _logistic(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))
