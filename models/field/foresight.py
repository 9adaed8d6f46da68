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
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.files import file_name
from socbayes.inference.fit import Sampling, fit, resume
from socbayes.inference.runs import FIT, SPEC, load, read_settings, read_spec
from socbayes.inference.scores import COVERED, covered, crps, log_mean_exp, ranked
from socbayes.models.field.draws import Draws, draws_of, fitted_to, largest_pool, process_noise, readings_of
from socbayes.models.field.effects import of_known_plots
from socbayes.models.field.faults import require_sound
from socbayes.models.field.layout import Layout, lay_out
from socbayes.models.field.model import model_of
from socbayes.models.field.noise import visits
from socbayes.models.field.occasions import drawn_errors, errors_at
from socbayes.models.field.plots import plot_of_rows
from socbayes.models.field.setup import Setup, setup_of
from socbayes.models.field.tables import FieldTables, judged
from socbayes.observations import DENSITY_ERROR, KINDS, OBSERVATIONS
from socbayes.spec import spec_of

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    import xarray as xr

log = logging.getLogger("socbayes")

SCORED_DRAWS = 1000
SAMPLING: Sampling = {"draws": 1000, "tune": 1000, "chains": 4, "seed": 0}
"""How fits are sampled where the caller says nothing."""
_SETUP = ("structure", "fractions", "drivers", "parameters", "stocks")


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
    plot = plot_of_rows(obs)
    follows = np.isin(plot, plot[~later.to_numpy()])
    return past, obs[later & follows]


def leave_future_out(
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    structures: Mapping[str, Mapping[str, Any]],
    store: str | Path,
    share: float = 1.0 / 3.0,
    **sampling: Unpack[Sampling],
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
        Folder for the runs, one subfolder each, called as :func:`socbayes.files.file_name` calls the label.
        Fits found there, of the same data and settings, are read, and what was cut short goes on. Not so with
        structures or carried priors of your own, as a fit holds only their names.
    share
        Part of each site's time that is left out.
    **sampling
        ``draws`` (1000), ``tune`` (1000), ``chains`` (4), ``cores``, ``seed`` (0) and ``progress``, as for
        :func:`socbayes.fit`.

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
    tables = judged(obs, management, weather)
    past, future = split_future(tables.obs, share)
    if len(future) == 0 or len(past) == 0:
        raise SocbayesError(
            f"leaving out the last {100 * share:.0f} % of time leaves nothing to learn from or to foresee"
        )
    return _compared({"": (past, future)}, tables, structures, Path(store), SAMPLING | sampling, until=None)


def split_site(
    obs: pd.DataFrame, site: str, learned: Collection[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observations known, and left out, when a site is new and only its first stocks are measured.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    site
        Which one is left out.
    learned
        Those of the others that are known; all of them by default.

    Returns
    -------
    known, left_out
        All of the other sites that are known, and the total at the first sample of each plot of this one; its later
        samples.

    Examples
    --------
    >>> import pandas as pd
    >>> obs = pd.DataFrame({"site": ["a", "a", "b", "b"], "plot": "1", "year": [2000.0, 2005.0] * 2, "soc_stock": 50.0})
    >>> known, left_out = split_site(obs, "b")
    >>> len(known), left_out["year"].tolist()
    (3, [2005.0])
    """
    here = (obs["site"] == site).to_numpy()
    first = (obs["year"] == obs.groupby(plot_of_rows(obs))["year"].transform("min")).to_numpy()
    others = ~here if learned is None else ~here & obs["site"].isin(list(learned)).to_numpy()
    known = obs[others | (here & first)].copy()
    parted = {column for kind in OBSERVATIONS for column in kind.columns} - set(KINDS["total"].columns)
    fractions = [column for column in known.columns if column.removesuffix("_sd") in parted]
    known.loc[known["site"] == site, fractions] = np.nan
    return known, obs[here & ~first]


def leave_one_site_out(
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    structures: Mapping[str, Mapping[str, Any]],
    store: str | Path,
    **sampling: Unpack[Sampling],
) -> pd.DataFrame:
    """Fit each structure without each site in turn and score it on the site left out, as a new one.

    What is known of the new site is its management and weather and the first
    total of each of its plots, as for a farm that begins a project. Its rate,
    its shares of pools and the inputs of its plots come from the population of
    sites and plots; a treatment that no other site has from that of treatments.

    Parameters
    ----------
    obs, management, weather, structures, store, **sampling
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
    tables = judged(obs, management, weather)
    parts = site_parts(tables.obs)
    until = float(tables.obs["year"].max())
    return _compared(parts, tables, structures, Path(store), SAMPLING | sampling, until)


def site_parts(
    obs: pd.DataFrame, learned: Collection[str] | None = None
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Observations known and left out by the site that is left out; see :func:`split_site`.

    Raises
    ------
    SocbayesError
        If there are not two sites, or nothing is left out.

    Examples
    --------
    >>> import pandas as pd
    >>> obs = pd.DataFrame({"site": ["a", "a", "b", "b"], "plot": "1", "year": [2000.0, 2005.0] * 2, "soc_stock": 50.0})
    >>> list(site_parts(obs))
    ['a', 'b']
    """
    sites = sorted(obs["site"].unique())
    if len(sites) < 2:
        raise SocbayesError(f"leaving out the only site, {sites[0]!r}, leaves nothing to learn from")
    parts = {site: split_site(obs, site, learned) for site in sites}
    parts = {site: (known, left_out) for site, (known, left_out) in parts.items() if len(left_out)}
    if not parts:
        raise SocbayesError("no plot has a second sample to foresee")
    return parts


def _compared(
    parts: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    tables: FieldTables,
    structures: Mapping[str, Mapping[str, Any]],
    store: Path,
    sampling: Sampling,
    until: float | None,
) -> pd.DataFrame:
    """Scores of each structure on what each split leaves out, best first."""
    scores: dict[str, list[dict[str, np.ndarray]]] = {label: [] for label in structures}
    converged = dict.fromkeys(structures, True)
    for run in runs_without(parts, tables, structures, store, sampling, until):
        scores[run.label].append(_scores(run))
        converged[run.label] &= facts_of(run.fitted).converged
    rows, densities = {}, {}
    for label, of_parts in scores.items():
        joined = {name: np.concatenate([score[name] for score in of_parts]) for name in of_parts[0]}
        densities[label] = joined["density"]
        rows[label] = {
            "crps": joined["crps"].mean(),
            **{f"coverage_{round(100 * p)}": joined["inside"][:, k].mean() for k, p in enumerate(COVERED)},
            "measurements": joined["density"].size,
            "converged": converged[label],
        }
    return ranked(densities, rows).rename_axis("structure")


class Without(NamedTuple):
    """A fit without a part of the data, and that part laid out beside what it learned from."""

    label: str
    """Of the structure."""
    part: str
    fitted: xr.DataTree
    data: Layout
    """Rows from ``seen`` on are those left out."""
    seen: int
    seed: int


def runs_without(
    parts: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    tables: FieldTables,
    structures: Mapping[str, Mapping[str, Any]],
    store: Path,
    sampling: Sampling,
    until: float | None,
) -> Iterator[Without]:
    """Fit every structure without each part in turn; what cannot be is said before the first fit.

    Parameters
    ----------
    parts
        By name: observations that are known, and those left out.
    tables
        All tables, as judged.
    structures, store, sampling
        As for :func:`leave_future_out`.
    until
        Year up to which drivers are known; the last that is fitted if None.
    """
    setups, layouts = {}, {}
    for label, settings in structures.items():
        setups[label] = setup_of(**{name: settings[name] for name in _SETUP if name in settings})
        require_sound(tables, setups[label])
        layouts[label] = _laid_out(label, parts, tables, setups[label], until)
    for label, settings in structures.items():
        options = {name: value for name, value in settings.items() if name not in _SETUP}
        for part, (known, _) in parts.items():
            model = model_of(tables.with_obs(known), setups[label], until=until, **options)
            fitted = _fitted(model, _run_folder(store, label, part), sampling, told=_told(settings))
            facts = facts_of(fitted)
            if not facts.converged:
                log.warning(
                    "%s: its scores are unsure, as the fit did not converge: %s",
                    f"{label} {part}".strip(),
                    "; ".join(facts.failures),
                )
            yield Without(label, part, fitted, layouts[label][part], len(known), sampling["seed"])


def _laid_out(
    label: str,
    parts: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    tables: FieldTables,
    setup: Setup,
    until: float | None,
) -> dict[str, Layout]:
    """What is known and what is left out of each split, laid out together."""
    import pandas as pd

    layouts = {}
    for part, (known, left_out) in parts.items():
        if known.groupby(plot_of_rows(known))["year"].nunique().max() < 2:
            raise SocbayesError(
                f"{part or 'what is learned from'}: no plot has two dates, so there is no change to fit"
            )
        both = tables.with_obs(pd.concat([known, left_out], ignore_index=True))
        layouts[part] = lay_out(both, setup, until=until, seen=len(known), known_until=until)
        unforeseen = [note for note in layouts[part].notes if note.endswith("cannot be foreseen.")]
        if unforeseen:
            log.warning("%s: %s", label, " ".join(unforeseen))
    return layouts


def _run_folder(store: Path, label: str, part: str) -> Path:
    """Folder of the run of a structure without one part of the data, inside the store whatever their names are."""
    folder = store / file_name(label)
    return folder / file_name(part) if part else folder


def _told(settings: Mapping[str, Any]) -> bool:
    """Whether a specification tells a model from others: of what callers wrote themselves it holds names only."""
    return isinstance(settings.get("structure", ""), str) and isinstance(settings.get("prior") or "", str)


def _fitted(model: pm.Model, folder: Path, sampling: Sampling, told: bool) -> xr.DataTree:
    """The fit in the folder, if it can be told to be of this model and sampled like this; else a new one.

    One that was cut short goes on, or is kept beside the new one if it is of another model. One that is finished and of
    another model is in the way: nothing is fitted.
    """
    if told and (folder / SPEC).exists() and read_spec(folder).to_json() == spec_of(model).to_json():
        finished = (folder / FIT).exists()
        facts = facts_of(load(folder)) if finished else read_settings(folder)
        # One that drew until it passed has more draws than it was first looked at.
        most = sampling.get("most_draws") or sampling["draws"]
        drawn = sampling["draws"] <= facts.draws <= max(most, sampling["draws"])
        if drawn and all(getattr(facts, name) == sampling[name] for name in ("tune", "chains", "seed")):
            # One that ended short of draws goes on where more are allowed now.
            short = most > facts.draws and not getattr(facts, "converged", True)
            return resume(folder, model, most_draws=most if short else None, progress=sampling.get("progress", True))
    if (folder / SPEC).exists() and not (folder / FIT).exists():
        kept = folder.with_name(f"{folder.name} cut short {datetime.now():%Y%m%d-%H%M%S}")
        log.info("a fit that was cut short is of another model or settings; its draws are kept in %s", kept)
        folder.rename(kept)
    return fit(model, store=folder, **sampling)


def _scores(run: Without) -> dict[str, np.ndarray]:
    """Log density, CRPS in t/ha and whether intervals cover, of each measurement left out."""
    foreseen = foreseen_by(run)
    return {
        "density": log_mean_exp(foreseen.density),
        "crps": crps(foreseen.values, np.exp(foreseen.observed)),
        "inside": covered(np.log(foreseen.values), foreseen.observed),
    }


class Foreseen(NamedTuple):
    """What a fit foresees of measurements it did not see."""

    row: np.ndarray
    """Row of the tables laid out together, (measurement,)."""
    kind: np.ndarray
    """Name of the kind of each, (measurement,)."""
    observed: np.ndarray
    """Logarithms of what was measured, (measurement,)."""
    mean: np.ndarray
    """Logarithms of what would read without error, (sample, measurement)."""
    values: np.ndarray
    """Measurements drawn, with their errors, t/ha, (sample, measurement); those of one date share that of the date."""
    density: np.ndarray
    """Log density of what was measured, each by itself, (sample, measurement)."""


def foreseen_by(run: Without) -> Foreseen:
    """Draw what a fit foresees of the measurements left out of it.

    Parameters
    ----------
    run
        Of :func:`runs_without`.
    """
    data, seen = run.data, run.seen
    posterior = run.fitted["posterior"].to_dataset()
    every = max(1, posterior.sizes["chain"] * posterior.sizes["draw"] // SCORED_DRAWS)
    thinned = posterior.isel(draw=slice(None, None, every)).stack(sample=("chain", "draw"))
    drawn = draws_of(
        posterior, {str(name): value.transpose("sample", ...).to_numpy() for name, value in thinned.data_vars.items()}
    )
    measured, names = data.measured, drawn.labels["fraction"]
    # One got by difference at the sites that were seen is no measurement there, so its error was not learned.
    foreseeable = np.isin(measured.names, names)[measured.kind]
    left_out = np.flatnonzero((measured.row >= seen) & measured.scored & foreseeable)
    rng = np.random.default_rng(run.seed)
    mean = _foreseen(data, drawn, left_out, seen, rng)
    mean, shared = _with_density_error(mean, data, left_out, drawn)
    learned = drawn.values["error"][:, [names.index(measured.names[k]) for k in measured.kind[left_out]]]
    spread = np.sqrt(measured.stated_error[left_out] ** 2 + shared**2 + learned**2 / measured.replicates[left_out])
    observed = measured.observed[left_out]
    # What a date adds is in what is measured, not in what would read without error.
    of_date, unknown = errors_at(data, left_out, drawn.values, drawn.labels)
    drawn_anew = drawn_errors(measured.occasion[left_out], unknown, rng)
    about, wide = mean + of_date, np.sqrt(spread**2 + unknown**2)
    density, values = np.empty(mean.shape), np.empty(mean.shape)
    classes = [type(kind) for kind in measured.kinds]
    for one in dict.fromkeys(classes):
        its = np.array([other is one for other in classes])[measured.kind[left_out]]
        density[:, its] = one.log_density(observed[its], about[:, its], wide[:, its])
        values[:, its] = one.replicates((about + drawn_anew)[:, its], spread[:, its], rng)
    kind = np.array(measured.names)[measured.kind[left_out]]
    return Foreseen(measured.row[left_out], kind, observed, mean, values, density)


def _foreseen(data: Layout, drawn: Draws, left_out: np.ndarray, seen: int, rng: np.random.Generator) -> np.ndarray:
    """Logs of what measurements left out would read without error, (sample, measurement)."""
    measured = data.measured
    values, strangers = fitted_to(data, drawn, rng)
    if strangers:
        how = "are drawn from the spread between treatments" if "rate_effect" in values else "are taken as none"
        log.warning("effects of treatments that nobody saw %s: %s", how, ", ".join(strangers))
    mean = readings_of(data, of_known_plots(data, values, largest_pool(data, drawn)), left_out)
    plot = measured.plot[left_out]
    months = np.unique(measured.month[left_out] + data.plots.start[plot])
    everywhere = np.arange(len(data.plots.labels))
    noise = process_noise(data, values, visits(data, seen), everywhere, months / 12.0, rng)
    if noise:
        when = np.searchsorted(months, measured.month[left_out] + data.plots.start[plot])
        mean = mean + noise["process"][:, plot, when]
    return mean


def _with_density_error(
    mean: np.ndarray, data: Layout, chosen: np.ndarray, drawn: Draws
) -> tuple[np.ndarray, np.ndarray]:
    """Log means with the error of borrowed bulk densities as learned, and its spread where none was learned."""
    density = data.measured.density[chosen]
    plots = [data.plots.labels[k] if k >= 0 else "" for k in density]
    known = drawn.labels.get("plot_without_density", [])
    learned = np.isin(plots, known)
    if learned.any():
        mean = mean.copy()
        places = [known.index(plots[k]) for k in np.flatnonzero(learned)]
        mean[:, learned] += drawn.values["density_error"][:, places]
    return mean, np.where((density >= 0) & ~learned, DENSITY_ERROR[1], 0.0)
