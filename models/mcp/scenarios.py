"""What fitted models of the carbon pump say of practices: changes, levers, forecasts, and what the data told.

The baseline predicts changes. Those of the process model are runs of the core
on posterior draws, made after sampling, so that the sampled graph stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.facts import facts_of
from socbayes.models.mcp import process as mcp_process
from socbayes.models.mcp.baseline import EQUIVALENCE_BAND, SECTORS, sector
from socbayes.models.mcp.pairs import RESPONSES
from socbayes.models.mcp.process import LEVERS
from socbayes.scenarios.draws import Draws, Predicted, known_label, student_factor, values_of, verdict
from socbayes.vocabulary import ECOSYSTEMS, PRACTICES

if TYPE_CHECKING:
    import xarray as xr

STUDIES = ("average study", "new study")
SHARE = "necromass_share"
NO_CHANGE = "no_change"
"""Practice of a scenario in which everything stays as it is."""


def change(
    draws: Draws, *, practice: str | None = None, response: str = SHARE, ecosystem: str | None = None
) -> Predicted:
    """Change with a practice by the baseline model.

    Parameters
    ----------
    draws
        Of a fit of ``models.mcp.baseline``.
    practice
        What is done, or ``"no_change"``. Without one, and for a practice that no pair of the fit is of, one more
        practice is drawn.
    response
        ``"necromass_share"``, ``"necromass"`` or ``"soil_organic_carbon"``.
    ecosystem
        Whose necromass share changes; drawn where it is not given.

    Returns
    -------
    Predicted
        On the scale of log ratios.
    """
    response = known_label(response, [*RESPONSES, SHARE], "response")
    ratio, of_practice = _practice_part(draws, practice)
    if practice != NO_CHANGE:
        ratio = ratio + _study_part(draws)
    scale = draws("residual_sd") * student_factor(draws, 1 + draws("degrees_of_freedom"))[:, None]
    if response != SHARE:
        place = RESPONSES.index(response)
        return Predicted(
            centre=ratio[:, place],
            scatter=scale[:, place],
            shown=lambda ratio: 100 * np.expm1(ratio),
            quantity=f"change of {response.replace('_', ' ')}",
            unit="percent",
            not_used=() if ecosystem is None else (f"ecosystem, as {response} does not depend on it",),
            **of_practice,
        )
    share, of_share = _share_part(draws, ecosystem)
    both = 2 * draws("residual_correlation") * scale[:, 0] * scale[:, 1]
    return Predicted(
        centre=ratio[:, 0] - ratio[:, 1],
        scatter=np.sqrt(np.maximum(scale[:, 0] ** 2 + scale[:, 1] ** 2 - both, 0.0)),
        shown=lambda ratio: share * np.expm1(ratio),
        quantity="change of the necromass share",
        unit="1",
        **{name: of_practice.get(name, ()) + of_share.get(name, ()) for name in ("integrated", "assumed")},
    )


def _correlated(draws: Draws, scale: str, correlation: str, noise: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Effects on both responses, (sample, response)."""
    size, together = draws(scale), draws(correlation)
    second = together * noise[0] + np.sqrt(1 - together**2) * noise[1]
    return np.stack([size[:, 0] * noise[0], size[:, 1] * second], axis=1)


def _practice_part(draws: Draws, practice: str | None) -> tuple[np.ndarray, dict[str, tuple[str, ...]]]:
    """Log ratios of a practice (sample, response), and what had to be drawn or assumed."""
    if practice == NO_CHANGE:
        return np.zeros((draws.size, 2)), {}
    said: dict[str, tuple[str, ...]] = {}
    if practice is None and (practice := draws.only("practice")) is not None:
        said = {"assumed": (f"practice = {practice}",)}
    if practice is not None:
        known = [*draws.labels("practice"), *PRACTICES, NO_CHANGE]
        if (practice := known_label(practice, known, "practice")) in draws.labels("practice"):
            return draws("log_ratio", practice=practice), said
    names = [f"{response} with the practice {practice}" for response in RESPONSES]
    first, second = (draws.noise(name, "study" if practice is None else "all") for name in names)
    effect = _correlated(draws, "practice_sd", "practice_correlation", (first, second))
    drawn = "practice" if practice is None else f"effect of the practice {practice}"
    return draws("practice_mean") + effect, {"integrated": (drawn,)}


def _study_part(draws: Draws) -> np.ndarray:
    """Effects of the study on both responses, (sample, response)."""
    if draws.study is not None:
        return draws("study_effect", pair_study=draws.study)
    noise = draws.noise("study, necromass"), draws.noise("study, carbon")
    return _correlated(draws, "study_effect_sd", "study_correlation", noise)


def _share_part(draws: Draws, ecosystem: str | None) -> tuple[np.ndarray, dict[str, tuple[str, ...]]]:
    """Necromass share that changes, and what had to be drawn or assumed."""
    own = draws.only("ecosystem") if ecosystem is None else None
    if own in draws.labels("ecosystem"):
        return draws("necromass_share", ecosystem=str(own)), {"assumed": (f"ecosystem = {own}",)}
    known = draws.labels("ecosystem")
    if ecosystem is not None and (found := known_label(ecosystem, [*known, *ECOSYSTEMS], "ecosystem")) in known:
        return draws("necromass_share", ecosystem=found), {}
    noise = draws.noise("ecosystem") if ecosystem is None else draws.noise(f"ecosystem {ecosystem}", "all")
    share = np.exp(draws("share_level") + draws("share_ecosystem_sd") * noise)
    drawn = "ecosystem" if ecosystem is None else f"necromass share of the ecosystem {ecosystem}"
    return share, {"integrated": (drawn,)}


STUDY = "pair_study"
"""Dimension of the studies that a change is predicted for."""
PREDICTORS = {"mcp": change}
"""What each model predicts; see :mod:`socbayes.scenarios.predict`."""


def forecast(
    fitted: xr.DataTree, years: Sequence[float] = (10.0, 30.0, 100.0), *, draws: int = 500, seed: int = 0
) -> xr.Dataset:
    """Necromass and carbon after a practice has lasted so many years, in the average and in a new study.

    Parameters
    ----------
    fitted
        Fit of ``models.mcp.process``.
    years
        Durations.
    draws
        Posterior draws run.
    seed
        Seed of their choice and of the new studies.

    Returns
    -------
    xarray.Dataset
        ``log_ratio`` (sample, study, practice, year, response) and
        ``efficacy_change``, the change of the necromass share. Controls start
        at the share of the ecosystem the practice was mostly studied in and
        at the turnover of 10 degC; a new study departs from both. ``attrs``
        say whether the fit converged.

    Examples
    --------
    >>> import socbayes as sb
    >>> fitted = sb.open_run("runs/pump")  # doctest: +SKIP
    >>> forecast(fitted)["efficacy_change"].mean("sample")  # doctest: +SKIP
    """
    import xarray as xr

    values = values_of(fitted, draws, seed)
    rng = np.random.default_rng(seed)
    practices = fitted["posterior"]["practice"].to_numpy().tolist()
    controls, levers = _situations(fitted, values, practices, rng)
    duration = np.asarray(years, dtype=float)
    shape = (*levers.shape[:-1], duration.size)
    treatments = np.repeat(levers[..., None, :], duration.size, axis=-2)
    ratio, share = _run(fitted, values, controls, treatments, duration, shape)
    dims = ("sample", "study", "practice", "year")
    coords = {"study": list(STUDIES), "practice": practices, "year": duration, "response": list(RESPONSES)}
    change = share * np.expm1(ratio[..., 0] - ratio[..., 1])
    return xr.Dataset(
        {"log_ratio": ((*dims, "response"), ratio), "efficacy_change": (dims, change)},
        coords=coords,
        attrs=verdict(fitted),
    )


def sector_probabilities(log_ratio: xr.DataArray, band: float = EQUIVALENCE_BAND) -> xr.DataArray:
    """Probability of each sector of the (n, s) plane; sums to one over ``sector``.

    Parameters
    ----------
    log_ratio
        Draws of the log ratios, with a dimension ``response``: ``log_ratio_new_study`` of the posterior of the
        baseline, or ``log_ratio`` of :func:`forecast`.
    band
        Log ratios both within it count as no practical change.

    Returns
    -------
    xarray.DataArray
        Averaged over ``sample``, or over ``chain`` and ``draw``.

    Examples
    --------
    >>> import xarray as xr
    >>> ratio = xr.DataArray([[0.3, 0.1], [-0.1, 0.2]], dims=("sample", "response"))
    >>> found = sector_probabilities(ratio.assign_coords(response=list(RESPONSES)))
    >>> float(found.sel(sector="carbon up, necromass down"))
    0.5
    """
    import xarray as xr

    necromass, carbon = (log_ratio.sel(response=name, drop=True) for name in RESPONSES)
    place = xr.apply_ufunc(sector, necromass, carbon, band)
    names = {"sector": list(SECTORS)}
    inside = place == xr.DataArray(np.arange(len(SECTORS)), dims="sector", coords=names)
    return inside.mean([dim for dim in ("sample", "chain", "draw") if dim in inside.dims])


def pulled(fitted: xr.DataTree, years: float = 30.0, *, draws: int = 500, seed: int = 0) -> xr.Dataset:
    """What each lever of a practice does by itself, in the average study.

    Parameters
    ----------
    fitted, draws, seed
        As for :func:`forecast`.
    years
        Duration.

    Returns
    -------
    xarray.Dataset
        ``alone`` (sample, practice, lever, response), the log ratio when this
        lever alone is pulled; ``share``, its size over the sizes of all four;
        ``together`` (sample, practice, response), all pulled at once; and
        ``by_unit`` (sample, practice, lever, response), the slope at a lever of zero.
    """
    import xarray as xr

    values = values_of(fitted, draws, seed)
    practices = fitted["posterior"]["practice"].to_numpy().tolist()
    controls, levers = _situations(fitted, values, practices, np.random.default_rng(seed))
    controls, levers = {name: value[:, :1] for name, value in controls.items()}, levers[:, 0]
    one = np.eye(len(LEVERS))
    small = 0.01
    pulls = np.concatenate(
        [
            levers[:, :, None, :] * one,
            levers[:, :, None, :],
            np.broadcast_to(small * one, (*levers.shape[:2], *one.shape)),
        ],
        axis=2,
    )
    shape = (levers.shape[0], 1, len(practices), pulls.shape[2])
    ratio = _run(fitted, values, controls, pulls[:, None], np.full(pulls.shape[2], float(years)), shape)[0][:, 0]
    alone, together, slope = ratio[:, :, :4], ratio[:, :, 4], ratio[:, :, 5:] / small
    size = np.abs(alone)
    dims = ("sample", "practice", "lever", "response")
    return xr.Dataset(
        {
            "alone": (dims, alone),
            "share": (dims, size / size.sum(axis=2, keepdims=True)),
            "together": (("sample", "practice", "response"), together),
            "by_unit": (dims, slope),
        },
        coords={"practice": practices, "lever": list(LEVERS), "response": list(RESPONSES)},
        attrs=verdict(fitted),
    )


def contraction(fitted: xr.DataTree) -> xr.DataArray:
    """How far the data narrow each lever: one less posterior over prior variance, by practice and lever.

    Levers are counted in units of their spread between practices, whose prior
    variance is one. Zero: nothing was learned; one: everything.

    Parameters
    ----------
    fitted
        Fit of ``models.mcp.process``.

    Returns
    -------
    xarray.DataArray
    """
    return 1.0 - fitted["posterior"].to_dataset()["practice_lever_standardised"].var(("chain", "draw"))


def _situations(
    fitted: xr.DataTree, values: dict[str, np.ndarray], practices: list[str], rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Share and turnover of controls, (sample, study, practice), and levers with a last dimension more."""
    spec = facts_of(fitted).spec
    ecosystems = fitted["posterior"]["ecosystem"].to_numpy().tolist()
    mostly = [spec.choices["ecosystem_of_practice"][practice] for practice in practices]
    by_ecosystem = values["share_mean"]
    start = np.stack(
        [
            by_ecosystem[:, ecosystems.index(name)] if name in ecosystems else by_ecosystem.mean(axis=1)
            for name in mostly
        ],
        axis=1,
    )
    samples = start.shape[0]

    def both(mean: Any, spread: np.ndarray) -> np.ndarray:
        mean = np.broadcast_to(mean, (samples, len(practices), *spread.shape[1:]))
        return np.stack([mean, mean + spread[:, None] * rng.standard_normal(mean.shape)], axis=1)

    controls = {
        "share": both(start, values["share_sd"]),
        "turnover": both(values["turnover_mean"][:, None], values["turnover_sd"]),
    }
    return controls, both(values["practice_lever"], values["trial_lever_sd"])


def _run(
    fitted: xr.DataTree,
    values: dict[str, np.ndarray],
    controls: dict[str, np.ndarray],
    levers: np.ndarray,
    duration: np.ndarray,
    shape: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Log ratios (*shape, response) and necromass shares of controls (*shape); the last axis has its ``duration``."""
    sampled = {name: np.broadcast_to(value[..., None], shape).ravel() for name, value in controls.items()}
    each = int(np.prod(shape[1:]))
    everywhere = {name: np.repeat(values[name], each) for name in mcp_process.CONTROL}
    choices = facts_of(fitted).spec.choices
    beta = choices["beta"]
    at = mcp_process.properties(sampled | everywhere, np.exp)
    # A fit stored before there was a choice has none.
    pools, rates = mcp_process.control_state(at, beta, choices.get("kinetics", "reverse"))
    years = np.broadcast_to(duration, shape).ravel()
    flat = np.broadcast_to(levers, (*shape, len(LEVERS))).reshape(-1, len(LEVERS))
    ratio = mcp_process.log_ratios(pools, rates, flat, years, beta=beta).eval()
    share = pools["necromass"] + pools["mineral_necromass"]
    return ratio.reshape(*shape, len(RESPONSES)), share.reshape(shape)
