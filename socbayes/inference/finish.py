"""What follows the last draw: the posterior written whole, then what checks need and only the model can give."""

from __future__ import annotations

import json
import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socbayes.errors import said_by
from socbayes.facts import TABLES, facts_of
from socbayes.inference.climbs import climbed
from socbayes.inference.diagnostics import convergence_table, gate
from socbayes.inference.enough import SPARE, Lack, lack_of, more_words
from socbayes.inference.runs import FIT, Settings, clear_stream, read_tables, save
from socbayes.inference.sampling import compile_for_sampling, reproducible, warm_up_again
from socbayes.inference.streams import Stream, read_draws, streams
from socbayes.inference.until import Ending
from socbayes.spec import joined, spec_of
from socbayes.wording import counted

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

log = logging.getLogger("socbayes")

PLAIN = {"mode": "FAST_COMPILE"}
"""How functions called a few thousand times only are compiled: quick to make, not quick to run."""
MANY_DRAWS = 4000
"""Draws of all chains from which on what is computed of each of them repays compilation."""
PREDICTIVE_DRAWS = 200
"""Draws per chain kept of prior and posterior predictions: enough for every check drawn from them."""
NOT_YET = "not computed yet"


def posterior_whole(
    model: pm.Model, folder: Path, settings: Settings, ending: Ending, effort: Mapping[str, Any]
) -> xr.DataTree:
    """Write the posterior of a run with its data and tables as ``fit.nc``.

    Parameters
    ----------
    model
        Of the run.
    folder
        Of the run.
    settings
        How it was sampled.
    ending
        Where it ended; all chains have as many draws, or more, of which none is kept.
    effort
        Seconds and tops, as :func:`socbayes.inference.sampling.sample_missing` says.
    """
    found = streams(folder)
    result = read_draws(folder, ending.draws, found)
    _add_data(result, model)
    if (tables := read_tables(folder)) is not None:
        result[TABLES] = tables
    result.attrs |= _facts(result, model, settings, found) | {
        **{name: value for name, value in effort.items() if name != "tops"},
        "tops": json.dumps(effort.get("tops", [])),
        "complete": int(result["posterior"].sizes["chain"] == settings.chains)
        * int(result["posterior"].sizes["draw"] == ending.draws),
        "ended": ending.said,
        "climbs_asked": settings.climbs,
        "missing": json.dumps(dict.fromkeys([*(GROUPS if model.observed_RVs else ()), "climbs"], NOT_YET)),
    }
    save(result, folder / FIT)
    return result


def completed(result: xr.DataTree, model: pm.Model, folder: Path, compiled: Any = None) -> xr.DataTree:
    """Add what a fit lacks, judge it and write it; what fails is named with its reason.

    The stream of its draws is removed, unless the fit lacks nothing but more of them.

    Parameters
    ----------
    result
        A fit with its posterior; groups are added in place.
    model
        Of the fit.
    folder
        Of its run.
    compiled
        What its chains moved on (:func:`socbayes.inference.sampling.compile_for_sampling`); compiled where it is
        needed and not given.
    """
    started = time.perf_counter()
    missing = {}
    with warnings.catch_warnings(), quiet_sampling_log(), default_starts(model), reproducible():
        # A prior that is a distribution of our own is called back to once a draw.
        warnings.filterwarnings("ignore", "Numba will use object mode", UserWarning)
        for name in facts_of(result).missing:
            try:
                if name == "climbs":
                    _add_climbs(result, model, compiled)
                else:
                    GROUPS[name](result, model)
            except Exception as error:  # a library's, of any class: the posterior is whole without the group
                missing[name] = f"{type(error).__name__}: {said_by(error)}"
                log.warning("%s of the fit could not be computed: %s", name, missing[name])
    result.attrs |= {"missing": json.dumps(missing), "after_seconds": time.perf_counter() - started}
    table = convergence_table(result)
    lack = lack_of(result, table)
    result.attrs["lacks"] = _said_of_lacking(result, lack) if lack and lack.mended else ""
    gate(result, table)
    save(result, folder / FIT)
    if not result.attrs["lacks"]:
        clear_stream(folder)
    result.attrs["store"] = str(folder)
    return result


def _facts(result: xr.DataTree, model: pm.Model, settings: Settings, found: Sequence[Stream]) -> dict[str, Any]:
    """What a fit says of itself, but for how it went."""
    spec = spec_of(model)
    sizes = result["posterior"].sizes
    limits = {"most_draws": settings.most_draws, "most_minutes": settings.most_minutes}
    return {
        **{name: value for name, value in limits.items() if value is not None},
        "spec": spec.to_json(),
        "model": spec.model,
        "continued": json.dumps(_said_of_continuing(found, settings)),
        "seed": settings.seed,
        "draws": sizes["draw"],
        "tune": settings.tune,
        "chains": settings.chains,
        "data_sha256": settings.data,
        # Of the draws, as every graph that is evaluated would be compiled.
        "parameters": sum(prod(result["posterior"][rv.name].shape[2:]) for rv in model.free_RVs),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps(versions()),
    }


def _said_of_lacking(result: xr.DataTree, lack: Lack) -> str:
    """What a fit lacks, what that takes and how it goes on, in a sentence."""
    draws = result["posterior"].sizes["draw"]
    more = more_words(lack, draws, result.attrs.get("seconds_per_draw"))
    most = -(-round(lack.wanted * SPARE) // 100) * 100
    return f"It has {lack.what}; {more}: `socbayes resume RUN --most-draws {most}` goes on."


def _said_of_continuing(found: Sequence[Stream], settings: Settings) -> list[str]:
    """How chains were gone on with after the run had been cut short, in sentences."""
    said = []
    for chain in range(settings.chains):
        first, *later = [int(one.written[one.chains.index(chain)]) for one in found if chain in one.chains]
        if later and first:
            said.append(
                f"Chain {chain} stopped after {counted(first, 'draw')} and went on from its last one after "
                f"{warm_up_again(settings.tune):,} new steps of warm-up, with {joined([f'{n:,}' for n in later])} more."
            )
        elif later:
            said.append(f"Chain {chain} had no draws when the run was cut short and was begun anew.")
    return said


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries a result depends on."""
    names = ("socbayes", "pymc", "pytensor", "nutpie", "arviz", "numba", "numpy", "xarray", "pandas")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def _add_data(result: xr.DataTree, model: pm.Model) -> None:
    """Add what a model observes and what it holds constant."""
    from arviz import dict_to_dataset
    from pymc.backends.arviz import coords_and_dims_for_inferencedata, find_constants, find_observations

    coords, dims = coords_and_dims_for_inferencedata(model)
    for name, values in (("observed_data", find_observations(model)), ("constant_data", find_constants(model))):
        if values:
            result[name] = dict_to_dataset(values, coords=coords, dims=dims, sample_dims=[])


def _add_log_likelihood(result: xr.DataTree, model: pm.Model) -> None:
    import pymc as pm

    fast = {} if _many(result) else _compiling(model)
    pm.compute_log_likelihood(result, model=model, progressbar=False, compile_kwargs=fast)


def _add_log_prior(result: xr.DataTree, model: pm.Model) -> None:
    from pymc.stats import compute_log_prior

    compute_log_prior(result, model=model, progressbar=False, compile_kwargs={} if _many(result) else PLAIN)


def _add_posterior_predictive(result: xr.DataTree, model: pm.Model) -> None:
    import pymc as pm
    import xarray as xr

    step = max(1, result["posterior"].sizes["draw"] // PREDICTIVE_DRAWS)
    kept = result["posterior"].to_dataset().isel(draw=slice(None, None, step))
    predicted = pm.sample_posterior_predictive(
        xr.DataTree.from_dict({"posterior": kept}),
        model=model,
        var_names=[variable.name for variable in model.observed_RVs],
        freeze_vars=[variable.name for variable in model.free_RVs],
        random_seed=facts_of(result).seed,
        progressbar=False,
        compile_kwargs=_compiling(model, drawing=True),
    )
    result["posterior_predictive"] = predicted["posterior_predictive"].to_dataset()


def _add_prior_predictive(result: xr.DataTree, model: pm.Model) -> None:
    import pymc as pm

    prior = pm.sample_prior_predictive(
        draws=2 * PREDICTIVE_DRAWS,
        model=model,
        var_names=[variable.name for variable in model.observed_RVs],
        random_seed=facts_of(result).seed,
        compile_kwargs=_compiling(model, drawing=True),
    )
    result["prior_predictive"] = prior["prior_predictive"].to_dataset()


def _add_climbs(result: xr.DataTree, model: pm.Model, compiled: Any) -> None:
    """Say in ``attrs`` where climbs from draws and from points of the prior end."""
    asked = int(result.attrs["climbs_asked"])
    if asked and compiled is None:
        compiled = compile_for_sampling(model)
    result.attrs["climbs"] = climbed(result, model, compiled, asked, facts_of(result).seed)


GROUPS: Mapping[str, Callable[[xr.DataTree, pm.Model], None]] = {
    "log_likelihood": _add_log_likelihood,
    "log_prior": _add_log_prior,
    "posterior_predictive": _add_posterior_predictive,
    "prior_predictive": _add_prior_predictive,
}
"""Groups that are computed from the posterior, each by a function that adds it to a fit."""


def _many(result: xr.DataTree) -> bool:
    """Whether a fit has so many draws that what is called for each of them is better compiled."""
    sizes = result["posterior"].sizes
    return bool(sizes["chain"] * sizes["draw"] >= MANY_DRAWS)


def _compiling(model: pm.Model, *, drawing: bool = False) -> dict[str, Any]:
    """How what follows sampling is compiled."""
    from pymc.distributions.custom import CustomDistRV

    # A distribution of our own draws in Python, which compiled code would only call back.
    if drawing and any(isinstance(variable.owner.op, CustomDistRV) for variable in model.observed_RVs):
        return PLAIN
    # A run of the core, month by month, repays its compilation; a formula does not.
    return {} if runs_the_core(model) else PLAIN


def runs_the_core(model: pm.Model) -> bool:
    """Whether the likelihood of a model is made of runs of the core."""
    from pytensor.graph.traversal import ancestors

    from socbayes.core.integrate import Integrate

    return any(v.owner is not None and isinstance(v.owner.op, Integrate) for v in ancestors(model.observed_RVs))


@contextmanager
def default_starts(model: pm.Model) -> Iterator[None]:
    """Take the caller's ``initval=`` off a model for a while: PyMC copies no model that has any.

    They say where chains begin, which matters no more once they have been drawn.
    """
    given = dict(model.rvs_to_initial_values)
    model.rvs_to_initial_values.update(dict.fromkeys(given))
    try:
        yield
    finally:
        model.rvs_to_initial_values.update(given)


@contextmanager
def quiet_sampling_log() -> Iterator[None]:
    """Silence PyMC's own announcements, which progress bars and checks make redundant."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
