"""Posterior draws of the field model, run side by side.

What comes after sampling: forecasts of plots that were measured and of new
ones. Values of draws come as plain arrays by variable, shape (sample, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from socbayes.models.field.layout import Layout, month_of
from socbayes.models.field.model import trajectories
from socbayes.models.field.noise import Visits, walks

BLOCKS: dict[str, tuple[str, ...]] = {
    "parameters": ("rate", "rate_constant"),
    "inputs": ("plant", "manure"),
    "initial state": ("stock", "log_share"),
    "process noise": ("process",),
}
"""What makes draws of a stock differ: log factors by part, as far as the model has them."""
INTERACTION = "interaction"


def departing_pools(data: Layout, posterior: Any) -> np.ndarray:
    """Which pools depart from the steady state, (pool,): all but the largest."""
    named = posterior["departing_pool"].to_numpy() if "departing_pool" in posterior.coords else []
    return np.isin(data.structure.pools, named)


def shared_effects(data: Layout, values: Mapping[str, np.ndarray], plots: np.ndarray) -> dict[str, np.ndarray]:
    """What a plot has from its site and treatments, (sample, plot), and (sample, plot, period) for rates and inputs."""
    samples = values["site_stock"].shape[0]
    site, treatment = data.site_of_plot[plots], data.treatment_of_plot[plots]
    none, always = np.zeros((samples, plots.size)), np.zeros((samples, *treatment.shape))
    level = values["input_level" if "input_level" in values else "input_level_unstated"]
    rate, plant = always, always + level[:, None, None]
    if "site_rate" in values:
        rate = rate + values["site_rate"][:, site, None]
    if "rate_effect" in values:
        rate = rate + values["rate_effect"][:, treatment]
        plant = plant + values["treatment_input"][:, treatment]
    carried = {
        name: np.repeat(values[called][:, None], plots.size, axis=1)
        for name, called in data.structure.carried.items()
        if called in values and name not in data.constants
    }
    return carried | {
        "rate": rate,
        "plant": plant,
        "manure": none + values["manure_level"][:, None] if "manure_level" in values else none,
        "stock": none + (data.initial + values["site_stock"])[:, site],
        "log_share": np.log(values["initial_share"])[:, site] if "initial_share" in values else none[..., None],
        "rate_constant": np.repeat(values["rate_constant"][:, None], plots.size, axis=1),
    }


def with_all_treatments(
    data: Layout, values: Mapping[str, np.ndarray], posterior: Any, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Values with effects of all treatments of a layout, and the treatments that the fit did not see.

    Effects of those are drawn from the spread between treatments; they have none where there was but one.
    """
    first = [data.treatments[data.treatment_of_plot[0, 0]]]
    seen = posterior["treatment"].to_numpy().astype(str).tolist() if "rate_effect" in values else first
    strangers = [name for name in data.treatments if name not in seen]
    result = dict(values)
    for effect, spread in (("rate_effect", "treatment_rate_sd"), ("treatment_input", "treatment_input_sd")):
        if effect in values:
            normal = values[spread][:, None] * rng.standard_normal((len(values[spread]), len(strangers)))
            every = np.concatenate([values[effect], np.arcsinh(normal)], axis=1)
            result[effect] = every[:, [[*seen, *strangers].index(name) for name in data.treatments]]
    return result, strangers


def known_plots(data: Layout, values: Mapping[str, np.ndarray], departing: np.ndarray) -> dict[str, np.ndarray]:
    """Each plot as it was learned, (sample, plot)."""
    shared = shared_effects(data, values, np.arange(len(data.plots)))
    own = values["plot_input"][..., None] if "plot_input" in values else 0.0
    departure = np.zeros(shared["log_share"].shape)
    if departing.any():
        departure[..., departing] = values["plot_departure"]
    return shared | {
        "plant": shared["plant"] + own,
        "stock": values["log_initial_stock"],
        "log_share": shared["log_share"] + departure,
    }


def new_plots(
    data: Layout,
    values: Mapping[str, np.ndarray],
    departing: np.ndarray,
    firsts: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """A further plot of each site and treatment, (sample, plot)."""
    shared = shared_effects(data, values, firsts)
    shape = shared["log_share"].shape
    normal = rng.standard_normal(shape) * departing
    spread = {name: values[f"plot_{name}_sd"][:, None] if f"plot_{name}_sd" in values else np.zeros((1, 1))
              for name in ("stock", "departure", "input")}  # fmt: skip
    return shared | {
        "plant": shared["plant"] + (spread["input"] * rng.standard_normal(shape[:-1]))[..., None],
        "stock": shared["stock"] + spread["stock"] * rng.standard_normal(shape[:-1]),
        "log_share": shared["log_share"] + np.arcsinh(spread["departure"][..., None] * normal),
    }


def stocks_of(
    data: Layout, plots: np.ndarray, at: Mapping[str, np.ndarray], years: np.ndarray, weights: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Stocks in t/ha, (sample, plot, year, fraction), NaN outside the run: all draws of all plots side by side."""
    samples = at["rate"].shape[0]
    many = _repeated(data, plots, samples)
    month = month_of(years) - data.start[plots][:, None]
    # A plot of one site is not asked for years of another that lie beyond the drivers.
    when, place = np.unique(np.clip(month, 0, data.rows), return_inverse=True)
    flat = {name: value.reshape(samples * plots.size, *value.shape[2:]) for name, value in at.items()}
    flat["rate_constant"] = flat["rate_constant"].T
    # Run once: interpreted, it is done before a compiler would be.
    states = trajectories(many, flat, when).eval(mode="FAST_COMPILE")
    pools = states[..., : len(data.structure.pools)].reshape(when.size, samples, plots.size, -1)
    chosen = pools[place.reshape(month.shape), :, np.arange(plots.size)[:, None]]  # (plot, year, sample, pool)
    result = np.stack([(chosen * weight).sum(axis=-1) for weight in weights.values()], axis=-1)
    result[(month < 0) | (month > data.rows)] = np.nan
    result = np.moveaxis(result, 2, 0)
    return result * np.exp(at["process"])[..., None] if "process" in at else result


def process_noise(
    data: Layout,
    values: Mapping[str, np.ndarray],
    known: Visits | None,
    plots: np.ndarray,
    years: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Log factors of the process on plots, (sample, plot, year), at their visits as learned; nothing without noise.

    Without visits the plots are new.
    """
    if "process_step" not in values:
        return {}
    none = np.zeros(0, dtype="int64")
    month = month_of(years) - data.start[plots][:, None]
    return {"process": walks(known or Visits(none, none), values, plots, month, rng)}


def variance_parts(
    run: Callable[[Mapping[str, np.ndarray]], np.ndarray],
    at: Mapping[str, np.ndarray],
    carried: Collection[str] = (),
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Result of all draws, and what its variance over them is made of.

    One part varies as drawn while the others stay at their means. A part of
    the variance is the covariance of that result with the full one, so what
    two parts do against each other (more input, faster decay) is taken off
    both of them; what is left is their interaction. Parts sum to the variance.

    Parameters
    ----------
    run
        From log factors to results, (sample, ...).
    at
        Log factors by name, (sample, ...).
    carried
        Names of further parameters of the structure, which have a carried prior.

    Returns
    -------
    result, parts
        (sample, ...), and by name of the part, (...).

    Examples
    --------
    >>> draws = np.random.default_rng(0).standard_normal((2, 1000))
    >>> at = {"rate": draws[0], "plant": draws[1], "stock": np.zeros(1000)}
    >>> result, parts = variance_parts(lambda at: 2 * at["rate"] + at["plant"] + at["stock"], at)
    >>> {name: round(float(part)) for name, part in parts.items()}
    {'parameters': 4, 'inputs': 1, 'initial state': 0, 'interaction': 0}
    """
    full = run(at)
    away = full - full.mean(axis=0)
    parts = {}
    blocks = BLOCKS | {"parameters": (*BLOCKS["parameters"], *carried)}
    for part, names in blocks.items():
        if not at.keys() & set(names):
            continue
        held = {
            name: value if name in names else np.broadcast_to(value.mean(axis=0), value.shape)
            for name, value in at.items()
        }
        parts[part] = (away * run(held)).mean(axis=0)
    parts[INTERACTION] = full.var(axis=0) - sum(parts.values())
    return full, parts


def _repeated(data: Layout, plots: np.ndarray, samples: int) -> Layout:
    """The runs of some plots once for every draw."""

    def tiled(value: Any) -> Any:
        return value if np.ndim(value) == 0 else np.tile(np.asarray(value)[..., plots], samples)

    return replace(
        data,
        plots=[data.plots[position] for position in plots] * samples,
        drivers={name: np.tile(value[:, plots], (1, samples)) if np.ndim(value) else value
                 for name, value in data.drivers.items()},
        constants={name: tiled(value) for name, value in data.constants.items()},
        carbon=tiled(data.carbon),
    )  # fmt: skip
