"""What fitted models of carbon use efficiency predict.

The baseline predicts an efficiency. The process model says what each method
would print of one soil: runs of the core on posterior draws, made after sampling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.frames import numeric
from socbayes.models.cue.baseline import GRADIENT_METHOD, REFERENCE_TEMPERATURE, REFERENCE_TIME
from socbayes.models.cue.efficiency import CONDITION_SD, NOT_STATED, SHORTEST, USUAL_CONDITIONS, WITHOUT_SUBSTRATE
from socbayes.models.cue.process import LABEL, OVER_TIME, SHOWN_HOURS, TRACE, apparent_efficiency
from socbayes.scenarios.draws import Draws, Predicted, Shared, known_label, of_population, values_of, verdict
from socbayes.vocabulary import ECOSYSTEMS, MEASUREMENT_METHODS, QUANTITIES, SUBSTRATE_CLASSES

if TYPE_CHECKING:
    import xarray as xr

CAUSES = ("substrate", "incubation time", "method")

METHOD_SPREAD = (-0.4, 0.6)
"""Mean and standard deviation of the log of the standard deviation between the levels of methods, on the logit scale:
median 0.67, which is 0.16 CUE at a CUE of 0.5, as between studies."""
TIME_SPREAD = (-1.2, 0.6)
"""The same of their effects of time: median 0.3, which is 0.08 CUE per tenfold time at a CUE of 0.5."""


class _Part(NamedTuple):
    """What a setting adds to the logit, and what had to be drawn or assumed for it."""

    effect: np.ndarray | float = 0.0
    integrated: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    no_effect: tuple[str, ...] = ()


def efficiency(
    draws: Draws,
    *,
    temperature: float | None = None,
    method: str | None = None,
    ecosystem: str | None = None,
    substrate: str | None = None,
    hours: float | None = None,
    aeration: str | None = None,
    counted_products: str | None = None,
) -> Predicted:
    """Carbon use efficiency by the baseline model.

    What is not given is as the rows of a known study have it, where they agree; otherwise it is drawn from the
    distribution over studies that the model has of it. A method, an ecosystem or a substrate of the vocabulary that
    the fit has no data of is drawn from the spread between those it has.

    Parameters
    ----------
    draws
        Of a fit of ``models.cue.baseline``.
    temperature
        Of the incubation, degC.
    method
        How it is measured; by a labelled substrate where nothing else is known.
    ecosystem, substrate
        Of the soil, and what was added.
    hours
        Length of the incubation.
    aeration
        ``"oxic"`` unless stated.
    counted_products
        Carbon counted as lost: that of CO2 unless stated.

    Returns
    -------
    Predicted
        On the logit scale.
    """
    method, said = _method_of(draws, method)
    level, slope, new_method = _level_and_slope(draws, method)
    soils = method == GRADIENT_METHOD and "soil_sd" in draws  # else the fit has no gradient of soils
    parts = [
        said,
        new_method,
        _label_part(draws, "ecosystem", "ecosystem", ecosystem, ECOSYSTEMS),
        _substrate_part(draws, method, substrate),
        _time_part(draws, method, hours),
        _temperature_part(draws, slope, temperature, soils),
        _condition_part(draws, "aeration", aeration),
        _condition_part(draws, "counted_products", counted_products),
    ]
    if draws.study is None:
        study = draws("soil_sd" if soils else "study_sd") * draws.noise("study")
    else:
        study = draws("study_effect", study=draws.study)
    return Predicted(
        centre=level + study + sum(part.effect for part in parts),
        scatter=_scatter(draws, soils),
        shown=_logistic,
        quantity="carbon use efficiency",
        unit="1",
        integrated=tuple(name for part in parts for name in part.integrated),
        assumed=tuple(name for part in parts for name in part.assumed),
        no_effect=tuple(name for part in parts for name in part.no_effect),
    )


PREDICTORS = {"cue": efficiency}
"""What each model predicts; see :mod:`socbayes.scenarios.predict`."""
COLUMNS = {
    "temperature": "incubation_temperature",
    "method": "measurement_method",
    "substrate": "substrate_class",
    "hours": "incubation_time",
}
"""Quantity of tables that is meant by settings of another name."""


def _method_of(draws: Draws, method: str | None) -> tuple[str, _Part]:
    """The method, that of the study where it used one, or labelled substrates."""
    if method is not None:
        return method, _Part()
    found = draws.only("measurement_method") or LABEL
    return found, _Part(assumed=(f"method = {found}",))


def _level_and_slope(draws: Draws, method: str) -> tuple[np.ndarray, np.ndarray, _Part]:
    """Level and temperature slope of a method; of one without data, from the methods there are."""
    if draws.has("level", "measurement_method", method):
        at = {"measurement_method": method}
        return draws("level", **at), draws("slope_method", **at), _Part()
    known_label(method, [*draws.labels("measurement_method"), *MEASUREMENT_METHODS], "measurement method")
    level = of_population(draws("level"), METHOD_SPREAD, *_noise_of_method(draws, method, "level"))
    slope = draws("slope_mean") + draws("slope_sd_methods") * _noise_of_method(draws, method, "slope")[0]
    return level, slope, _Part(integrated=(f"level of the method {method}",))


def _noise_of_method(draws: Draws, method: str, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Noise of a number that a method has of its own, and of the spread of such numbers between methods."""
    shared: Shared = "study" if method == "other" else "all"  # "other" may be another method in every study
    return draws.noise(f"{what} of {method}", shared), draws.noise(f"{what} of {method}, spread", shared)


def _label_part(draws: Draws, name: str, column: str, label: str | None, classes: Sequence[str]) -> _Part:
    """Effect of one of several classes, such as ecosystems, that sum to zero."""
    effect, spread = f"{name}_effect", f"{name}_sd"
    if effect not in draws:
        return _Part(no_effect=() if label is None else (name,))
    if label is None and draws.study is not None:
        if draws.stated(column)[column].isna().all():  # as in the model: part of the study's own level
            return _Part()
        if (own := draws.only(column)) is not None:
            return _Part(draws(effect, **{name: own}), assumed=(f"{name} = {own}",))
    if label is None:
        return _Part(draws(spread) * draws.noise(name), (name,))
    if draws.has(effect, name, label):
        return _Part(draws(effect, **{name: label}))
    known_label(label, [*draws.labels(name), *classes], name)
    return _Part(draws(spread) * draws.noise(f"{name} {label}", "all"), (f"effect of the {name} {label}",))


def _substrate_part(draws: Draws, method: str, substrate: str | None) -> _Part:
    """Effect of the substrate; labelled water, and no addition, are the reference."""
    own = draws.only("substrate_class") if substrate is None else None
    if own in WITHOUT_SUBSTRATE:
        return _Part(assumed=(f"substrate = {own}",))
    if substrate in WITHOUT_SUBSTRATE or (substrate is None and method == "water_18O"):
        return _Part()
    unstated = draws.stated("substrate_class")["substrate_class"].isna().all()
    if substrate is None and unstated and draws.has("substrate_effect", "substrate", NOT_STATED):
        # Rows that say nothing of their substrate have a level of their own in the model.
        return _Part(draws("substrate_effect", substrate=NOT_STATED), ("substrate",))
    return _label_part(draws, "substrate", "substrate_class", substrate, SUBSTRATE_CLASSES)


def _time_part(draws: Draws, method: str, hours: float | None) -> _Part:
    """Effect of the length of the incubation; a method of which no study states it has none until it is asked for."""
    timed = draws.has("time_method", "timed_method", method)
    if hours is None and not timed:
        return _Part()
    if "time_method" not in draws:
        return _Part(no_effect=("hours",))
    integrated: tuple[str, ...] = ()
    if timed:
        by_decade = draws("time_method", timed_method=method)
    else:
        by_decade = of_population(draws("time_method"), TIME_SPREAD, *_noise_of_method(draws, method, "time"))
        integrated = (f"effect of hours on the method {method}",)
    if hours is not None:
        decades: np.ndarray | float = np.log10(max(hours, SHORTEST) / REFERENCE_TIME)
        return _Part(by_decade * decades, integrated)
    stated = np.log10(np.maximum(numeric(draws.stated("incubation_time").dropna(), "incubation_time"), SHORTEST))
    if stated.size:
        decades = stated.mean() - np.log10(REFERENCE_TIME)
        return _Part(by_decade * decades, assumed=(f"hours = {10 ** stated.mean():.3g}",))
    if "log_hours_mean" not in draws:
        return _Part(assumed=(f"hours = {REFERENCE_TIME:g}",))
    usual = draws("log_hours_mean") - np.log10(REFERENCE_TIME)
    if draws.study is not None:  # as in the model: the rest is part of the study's own level
        return _Part(by_decade * usual)
    return _Part(by_decade * (usual + draws("log_hours_sd") * draws.noise("hours")), ("hours",))


class _Warmth(NamedTuple):
    """How a study depends on temperature: shape (sample,)."""

    usual: np.ndarray
    """Mean temperature of the study less the reference."""
    level: np.ndarray
    """What it adds to the logit at that temperature."""
    slope: np.ndarray
    integrated: tuple[str, ...] = ()


def _temperature_part(draws: Draws, slope: np.ndarray, temperature: float | None, soils: bool) -> _Part:
    """Effect of temperature: between studies that of their mean, within a study that of the departure from it."""
    found = _warmth_of_new(draws, slope, soils) if draws.study is None else _warmth_of_known(draws, slope)
    if temperature is not None:
        return _Part(found.level + found.slope * (temperature - REFERENCE_TEMPERATURE - found.usual))
    usual = REFERENCE_TEMPERATURE + found.usual.mean()
    return _Part(found.level, found.integrated, () if found.integrated else (f"temperature = {usual:.3g}",))


def _warmth_of_new(draws: Draws, slope: np.ndarray, soils: bool) -> _Warmth:
    """Of a new study; soils of the gradient are all of one study, at the reference."""
    spread = "slope_sd_soils" if soils else "slope_sd_studies"
    slope = slope + (draws(spread) * draws.noise("slope") if spread in draws else 0.0)
    if soils or "temperature_mean" not in draws:
        return _Warmth(np.zeros(draws.size), np.zeros(draws.size), slope)
    usual = draws("temperature_mean") + draws("temperature_sd") * draws.noise("temperature") - REFERENCE_TEMPERATURE
    return _Warmth(usual, draws("slope_between") * usual, slope, ("temperature",))


def _warmth_of_known(draws: Draws, slope: np.ndarray) -> _Warmth:
    """Of a study of the data; one that states no temperature has the mean one, as in the model."""
    study = str(draws.study)
    if draws.has("study_slope", "study_with_temperatures", study):
        slope = draws("study_slope", study_with_temperatures=study)
    stated = numeric(draws.stated("incubation_temperature").dropna(), "incubation_temperature")
    mean = draws("temperature_mean") if "temperature_mean" in draws else REFERENCE_TEMPERATURE
    usual = np.broadcast_to(stated.mean() if stated.size else mean, (draws.size,)) - REFERENCE_TEMPERATURE
    at_reference = draws("study_warmth_effect", study=study) if "study_warmth_effect" in draws else 0.0
    return _Warmth(usual, at_reference + slope * usual, slope)


def _condition_part(draws: Draws, setting: str, condition: str | None) -> _Part:
    """Effect of an unusual condition, such as a lack of oxygen."""
    usual = USUAL_CONDITIONS[setting]
    if condition is None or condition == usual:
        asked = condition is None and bool(draws.labels("condition"))
        return _Part(assumed=(f"{setting} = {usual}",) if asked else ())
    if draws.has("condition_effect", "condition", condition):
        return _Part(draws("condition_effect", condition=condition))
    known_label(condition, QUANTITIES[setting].categories, setting)
    return _Part(CONDITION_SD * draws.noise(condition, "all"), (f"effect of {setting} {condition}",))


def _scatter(draws: Draws, soils: bool) -> np.ndarray:
    """Standard deviation of one measurement, on the logit scale."""
    if draws.study is not None:
        return draws("scatter", study=draws.study)
    if soils:
        return draws("scatter_gradient")
    spread = draws("scatter_log_sd") if "scatter_log_sd" in draws else 0.0
    return np.exp(draws("scatter_log_mean") + spread * draws.noise("scatter"))


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
    draws, seed
        Posterior draws run, and seed of their choice.

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
    methods = [str(name) for name in posterior["measurement_method"].to_numpy()]
    substrates = [str(name) for name in posterior["substrate"].to_numpy()]
    values = values_of(fitted, draws, seed)
    level = values["level"]
    place = substrates.index(known_label(substrate, substrates, "substrate"))
    on_substrate = level + values["substrate_effect"][:, place]
    after = _labelled(values, on_substrate, hours)
    gap = values["discrepancy"]
    of_label = gap[:, methods.index(LABEL)][:, None]
    causes = (on_substrate - level)[:, None], after - on_substrate[:, None], of_label
    instant = [place for place, name in enumerate(methods) if name not in OVER_TIME]
    return xr.Dataset(
        {
            "intrinsic": ("sample", _logistic(level)),
            "printed": (("sample", "measurement_method"), _logistic(level[:, None] + gap[:, instant])),
            "labelled": (("sample", "hours"), _logistic(after + of_label)),
            "difference": (("sample", "cause", "hours"), np.stack(np.broadcast_arrays(*causes), axis=1)),
        },
        coords={"measurement_method": [methods[k] for k in instant], "hours": list(hours), "cause": list(CAUSES)},
        attrs=verdict(fitted) | {"substrate": substrate},
    )


def _labelled(values: Mapping[str, np.ndarray], logit: np.ndarray, hours: Sequence[float]) -> np.ndarray:
    """Logit of what is left in biomass of a label after so many hours, (sample, hours)."""
    count = len(hours)

    def each(value: np.ndarray) -> np.ndarray:
        return np.repeat(value, count)

    seen = apparent_efficiency(
        each(_logistic(logit)),
        each(values["turnover"]),
        each(np.exp(values["log_uptake"])),
        each(_logistic(values["residue_share"])),
        np.tile(np.asarray(hours, dtype="float64"), logit.size),
        TRACE * np.ones(logit.size * count),
    ).eval()
    return np.log(seen / (1.0 - seen)).reshape(logit.size, count)


def _logistic(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))
