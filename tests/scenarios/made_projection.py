"""A projection of a farm that does not exist, as the scenarios engine makes them: one pool, plots, paired draws."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

PLOTS = ("A1", "A2", "A3", "B1", "B2", "B3")
YEARS = tuple(float(year) for year in range(2025, 2056, 5))


def made_projection(
    *, samples: int = 800, seed: int = 0, converged: bool = True, more: float = 0.5, plots: tuple[str, ...] = PLOTS
) -> xr.Dataset:
    """Stocks of one linear pool: dS/dt = input - k S, of which the plan has more input; drawn inputs, k and starts."""
    rng = np.random.default_rng(seed)
    rate = 0.025 * np.exp(0.2 * rng.standard_normal(samples))
    extra = {"usual": np.zeros(samples), "cover": more * np.exp(0.3 * rng.standard_normal(samples))}
    extra["straw off"] = -0.4 * np.exp(0.2 * rng.standard_normal(samples))
    elapsed = np.array(YEARS) - YEARS[0]
    kinds = {"known": plots, "new": ("Farm, usual", "Farm, cover")}
    data = {}
    for kind, labels in kinds.items():
        spread = 0.03 if kind == "known" else 0.15
        places = np.linspace(-0.1, 0.1, len(labels))
        start = 48 * np.exp(places + spread * rng.standard_normal((samples, len(labels))))
        own = 1.1 * np.exp(0.1 * rng.standard_normal((samples, len(labels))))
        runs = []
        for added in extra.values():
            balance = (own + added[:, None] * (1 + 2 * places)) / rate[:, None]
            left = np.exp(-rate[:, None, None] * elapsed)
            total = balance[..., None] + (start - balance)[..., None] * left
            runs.append(np.stack([total, 0.2 * total], axis=-1))
        dims = ("plan", "sample", "plot" if kind == "known" else "new_plot", "year", "fraction")
        data[kind] = (dims, np.stack(runs), {"units": "t/ha"})
    failures = [] if converged else ["11 divergent transitions of 1600"]
    return xr.Dataset(
        data,
        coords={
            "plan": list(extra), "plot": list(plots), "new_plot": list(kinds["new"]), "year": list(YEARS),
            "fraction": ["total", "particulate"], "structure": ("sample", ["one pool"] * samples),
        },
        attrs={"baseline": "usual", "converged": int(converged), "failures": json.dumps(failures), "notes": ""},
    )  # fmt: skip
