"""Structures judged by the years, and by the sites, they did not see.

Leaving out single rows of a time series flatters a model: the neighbours in
time give the answer away. Here every plot's last years are left out, or all of
a site but the stock it starts from. The model is fitted to the rest, and each
measurement left out is compared with its predictive distribution, measurement
error included. Fluxes are learned from and not scored; nor is a fraction that
only what is left out has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.inference.fit import FIT, SPEC, fit, load
from socbayes.inference.scores import COVERED, covered, crps, log_mean_exp, ranked
from socbayes.models.field import model as field
from socbayes.models.field.draws import departing_pools, known_plots, process_noise, stocks_of, with_all_treatments
from socbayes.models.field.faults import COLUMNS, FLUX, field_tables
from socbayes.models.field.layout import DENSITY_ERROR, Layout, lay_out, uppermost_layer
from socbayes.models.field.noise import visits
from socbayes.spec import spec_of
from socbayes.structures import get

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    import xarray as xr

log = logging.getLogger("socbayes")

SCORED_DRAWS = 1000


def split_future(obs: pd.DataFrame, share: float = 1.0 / 3.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observations up to, and after, the point at which a share of each site's time is still to come.

    Plots first sampled after that point are in neither.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    share
        Part of the time from first to last sample that is left out.

    Returns
    -------
    past, future

    Examples
    --------
    >>> import pandas as pd
    >>> obs = pd.DataFrame({"site": "a", "plot": "1", "year": [2000.0, 2003.0, 2006.0, 2009.0], "soc_stock": 50.0})
    >>> past, future = split_future(obs)
    >>> past["year"].tolist(), future["year"].tolist()
    ([2000.0, 2003.0, 2006.0], [2009.0])
    """
    by_site = obs.groupby("site")["year"]
    cut = by_site.transform("max") - share * (by_site.transform("max") - by_site.transform("min"))
    later = obs["year"] > cut + 1e-9
    past = obs[~later]
    known = set(zip(past["site"], past["plot"], strict=True))
    follows = np.array([pair in known for pair in zip(obs["site"], obs["plot"], strict=True)], dtype=bool)
    return past, obs[later & follows]


def leave_future_out(
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    structures: Mapping[str, Mapping[str, Any]],
    store: str | Path,
    share: float = 1.0 / 3.0,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    cores: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Fit each structure to the past of the plots and score it on their future.

    Parameters
    ----------
    obs, management, weather
        Tables of the field model. Drivers of the years left out are known to
        the model: it is soil, not weather and yields, that is forecast.
    structures
        By label, the arguments of ``models.field.build`` that differ:
        ``{"RothC": {"structure": "rothc"}, "ICBM": {"structure": "icbm"}}``.
        Give all of them the same observations, or their scores compare nothing.
    store
        Folder for the runs, one subfolder each. Finished fits found there, of the same data and settings, are
        read: what was cut short goes on. Not so with structures, fractions or carried priors of your own, as a
        fit holds only their names.
    share
        Part of each site's time that is left out.
    draws, tune, chains, cores, seed, progress
        As for :func:`socbayes.fit`.

    Returns
    -------
    pandas.DataFrame
        By label: ``elpd``, the sum of log predictive densities of the log
        measurements left out, with its standard error; ``elpd_difference`` to
        the best and its standard error, paired by measurement; ``weight`` of
        each in the best mixture (stacking); ``crps`` in
        t/ha; coverage of the 50 and 89 % intervals; numbers of ``measurements``
        and whether the fit ``converged``. Best first.

    Raises
    ------
    SocbayesError
        If nothing is left out, or a structure cannot show what was measured.

    Examples
    --------
    >>> import socbayes as sb
    >>> table = leave_future_out(obs, management, structures=two, store="runs/future")  # doctest: +SKIP
    """
    obs, management, weather = field_tables(obs, management, weather)
    past, future = split_future(uppermost_layer(obs)[0], share)
    if len(future) == 0 or len(past) == 0:
        raise SocbayesError(
            f"leaving out the last {100 * share:.0f} % of time leaves nothing to learn from or to foresee"
        )
    effort = {"draws": draws, "tune": tune, "chains": chains, "cores": cores, "seed": seed, "progress": progress}
    parts = {"": (past, future)}
    return _compared(parts, management, weather, structures, Path(store), effort, until=None)


def split_site(obs: pd.DataFrame, site: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observations known, and left out, when a site is new and only its first stocks are measured.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    site
        Which one is left out.

    Returns
    -------
    known, left_out
        All of the other sites and the total at the first sample of each plot of this one; its later samples.

    Examples
    --------
    >>> import pandas as pd
    >>> obs = pd.DataFrame({"site": ["a", "a", "b", "b"], "plot": "1", "year": [2000.0, 2005.0] * 2, "soc_stock": 50.0})
    >>> known, left_out = split_site(obs, "b")
    >>> len(known), left_out["year"].tolist()
    (3, [2005.0])
    """
    here = (obs["site"] == site).to_numpy()
    first = (obs["year"] == obs.groupby(["site", "plot"])["year"].transform("min")).to_numpy()
    known = obs[~here | first].copy()
    stocks = {column for pair in COLUMNS.values() for column in pair[:2]} - set(COLUMNS["total"][:2]) | {FLUX}
    fractions = [column for column in known.columns if column.removesuffix("_sd") in stocks - {""}]
    known.loc[known["site"] == site, fractions] = np.nan
    return known, obs[here & ~first]


def leave_one_site_out(
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    structures: Mapping[str, Mapping[str, Any]],
    store: str | Path,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    cores: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Fit each structure without each site in turn and score it on the site left out, as a new one.

    What is known of the new site is its management and weather and the first
    total of each of its plots, as for a farm that begins a project. Its rate,
    its shares of pools and the inputs of its plots come from the population of
    sites and plots; a treatment that no other site has from that of treatments.

    Parameters
    ----------
    obs, management, weather, structures, store, draws, tune, chains, cores, seed, progress
        As for :func:`leave_future_out`; each structure and site has a run of its own.

    Returns
    -------
    pandas.DataFrame
        As for :func:`leave_future_out`. Errors take measurements as
        independent; those of one site are not, so with few sites the errors are
        lower bounds.

    Raises
    ------
    SocbayesError
        If there are not two sites, or nothing is left out.

    Examples
    --------
    >>> import socbayes as sb
    >>> table = leave_one_site_out(obs, management, structures=two, store="runs/sites")  # doctest: +SKIP
    """
    obs, management, weather = field_tables(obs, management, weather)
    upper = uppermost_layer(obs)[0]
    sites = sorted(upper["site"].unique())
    if len(sites) < 2:
        raise SocbayesError(f"leaving out the only site, {sites[0]!r}, leaves nothing to learn from")
    parts = {site: split_site(upper, site) for site in sites}
    parts = {site: (known, left_out) for site, (known, left_out) in parts.items() if len(left_out)}
    if not parts:
        raise SocbayesError("no plot has a second sample to foresee")
    effort = {"draws": draws, "tune": tune, "chains": chains, "cores": cores, "seed": seed, "progress": progress}
    return _compared(parts, management, weather, structures, Path(store), effort, until=float(upper["year"].max()))


def _compared(
    parts: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    management: pd.DataFrame | None,
    weather: pd.DataFrame | None,
    structures: Mapping[str, Mapping[str, Any]],
    store: Path,
    effort: Mapping[str, Any],
    until: float | None,
) -> pd.DataFrame:
    """Scores of each structure on what each split leaves out, best first."""
    import pandas as pd

    rows, densities = {}, {}
    layouts: dict[str, dict[str, Layout]] = {label: {} for label in structures}
    for label, settings in structures.items():  # before any fit, so that what cannot be is said at once
        chosen = settings.get("structure", "rothc")
        plain = {name: settings[name] for name in ("fractions", "drivers", "parameters") if name in settings}
        for part, (known, left_out) in parts.items():
            data = lay_out(
                pd.concat([known, left_out], ignore_index=True),
                management,
                weather,
                structure=get(chosen) if isinstance(chosen, str) else chosen,
                until=until,
                seen=len(known),
                **plain,
            )
            unforeseen = [note for note in data.notes if note.endswith("cannot be foreseen.")]
            if unforeseen:
                log.warning("%s: %s", label, " ".join(unforeseen))
            layouts[label][part] = data
    for label, settings in structures.items():
        scores, converged = [], []
        for part, (known, _) in parts.items():
            model = field.build(known, management, weather, until=until, **settings)
            fitted = _fitted(model, store / label / part, effort, told=_told(settings))
            scores.append(_scores(fitted, layouts[label][part], len(known), effort["seed"]))
            facts = facts_of(fitted)
            converged.append(facts.converged)
            if not converged[-1]:
                failures = "; ".join(facts.failures)
                log.warning(
                    "%s: its scores are unsure, as the fit did not converge: %s", f"{label} {part}".strip(), failures
                )
        joined = {name: np.concatenate([score[name] for score in scores]) for name in scores[0]}
        densities[label] = joined["density"]
        rows[label] = {
            "crps": joined["crps"].mean(),
            **{f"coverage_{round(100 * p)}": joined["inside"][:, k].mean() for k, p in enumerate(COVERED)},
            "measurements": joined["density"].size,
            "converged": all(converged),
        }
    return ranked(densities, rows).rename_axis("structure")


def _told(settings: Mapping[str, Any]) -> bool:
    """Whether a specification tells a model from others: of what callers wrote themselves it holds names only."""
    named = isinstance(settings.get("structure", ""), str) and isinstance(settings.get("prior") or "", str)
    return named and not settings.get("fractions")


def _fitted(model: pm.Model, folder: Path, effort: Mapping[str, Any], told: bool) -> xr.DataTree:
    """The finished fit in the folder, if it can be told to be of this model with this effort; else a new one."""
    if told and (folder / FIT).exists():
        earlier = load(folder)
        same = all(earlier.attrs[name] == effort[name] for name in ("draws", "tune", "chains", "seed"))
        if same and earlier.attrs["spec"] == spec_of(model).to_json():
            return earlier
    if (folder / SPEC).exists() and not (folder / FIT).exists():
        kept = folder.with_name(f"{folder.name} cut short {datetime.now():%Y%m%d-%H%M%S}")
        log.info("a fit that was cut short is made anew; its draws are kept in %s", kept)
        folder.rename(kept)
    return fit(model, store=folder, **effort)


def _scores(fitted: xr.DataTree, data: Layout, seen: int, seed: int) -> dict[str, np.ndarray]:
    """Log density, CRPS in t/ha and whether intervals cover, of each measurement in rows from ``seen`` on."""
    posterior = fitted["posterior"].to_dataset()
    every = max(1, posterior.sizes["chain"] * posterior.sizes["draw"] // SCORED_DRAWS)
    posterior = posterior.isel(draw=slice(None, None, every)).stack(sample=("chain", "draw"))
    values = {str(name): value.transpose("sample", ...).to_numpy() for name, value in posterior.data_vars.items()}
    departing = departing_pools(data, fitted["posterior"])
    names = [str(name) for name in fitted["posterior"]["fraction"].to_numpy()]
    # One got by difference at the sites that were seen is no measurement there, so its error was not learned.
    foreseeable = np.isin(data.fractions, names)[data.fraction]
    left_out = np.flatnonzero((data.row >= seen) & ~data.fraction_is_flux & foreseeable)
    months = np.unique(data.month[left_out] + data.start[data.plot[left_out]])
    weights = {name: data.weights[k] for k, name in enumerate(data.fractions)}
    plots, years, rng = np.arange(len(data.plots)), months / 12.0, np.random.default_rng(seed)
    values, strangers = with_all_treatments(data, values, fitted["posterior"], rng)
    if strangers:
        how = "are drawn from the spread between treatments" if "rate_effect" in values else "are taken as none"
        log.warning("effects of treatments that nobody saw %s: %s", how, ", ".join(strangers))
    at = known_plots(data, values, departing)
    at |= process_noise(data, values, visits(data, seen), plots, years, rng)
    runs = stocks_of(data, plots, at, years, weights)
    when = np.searchsorted(months, data.month[left_out] + data.start[data.plot[left_out]])
    mean = np.log(runs[:, data.plot[left_out], when, data.fraction[left_out]])
    mean, shared = _with_density_error(mean, data, left_out, fitted["posterior"], values)
    learned = values["error"][:, [names.index(data.fractions[k]) for k in data.fraction[left_out]]]
    variance = data.stated_error[left_out] ** 2 + shared**2 + learned**2 / data.replicates[left_out]
    observed = data.observed[left_out]
    log_density = -0.5 * (observed - mean) ** 2 / variance - 0.5 * np.log(2.0 * np.pi * variance)
    density = log_mean_exp(log_density)
    drawn = rng.normal(mean, np.sqrt(variance))
    return {"density": density, "crps": crps(np.exp(drawn), np.exp(observed)), "inside": covered(drawn, observed)}


def _with_density_error(
    mean: np.ndarray, data: Layout, chosen: np.ndarray, posterior: Any, values: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Log means with the error of borrowed bulk densities as learned, and its spread where none was learned."""
    plots = [data.plots[k] if k >= 0 else "" for k in data.density[chosen]]
    known = [str(name) for name in posterior["plot_without_density"].to_numpy()] if "density_error" in values else []
    learned = np.isin(plots, known)
    if learned.any():
        mean = mean.copy()
        mean[:, learned] += values["density_error"][:, [known.index(plots[k]) for k in np.flatnonzero(learned)]]
    return mean, np.where((data.density[chosen] >= 0) & ~learned, DENSITY_ERROR[1], 0.0)
