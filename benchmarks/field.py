"""Fit structures to the bundled field data and say what each foresaw.

    python benchmarks/field.py --store runs/field
    python benchmarks/field.py --data "Hoosfield barley" --structures RothC ICBM --skip-fits

A table per data set: rows, parameters, seconds, effective draws a second,
R-hat and divergences of the fit to all rows, and what its forecast ten years
ahead is uncertain about; scores of the last third of the years, and of each
site where there are several. Fits that are in the folder already are read, not
repeated.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

import socbayes as sb
from socbayes.inference.foresight import leave_future_out, leave_one_site_out
from socbayes.scenarios.field import forecast

SEED = 1
SURE = {"mu": -6.0, "sigma": 0.1}
"""Log-normal of a spread that is nearly none."""
PUBLISHED: dict[str, Any] = {
    "structure": "rothc",
    "parameters": {"k_rpm": 0.07, "clay": 16.0},
    "priors": {
        "rate_constant": ("Normal", {"mu": 0.0, "sigma": 0.05}),
        "treatment_rate_sd": ("LogNormal", {"mu": 0.0, "sigma": 0.01}),
        "treatment_input_sd": ("LogNormal", SURE),
        "plot_input_sd": ("LogNormal", SURE),
    },
}
"""Pagendam et al. 2024 as far as the field model goes: rates to 5 %, one effect on all rates per treatment, unpooled.

Theirs takes inputs as stated and has noise in every pool and month; ours has no such noise and learns one input level.
"""

ROTHC: dict[str, Any] = {"structure": "rothc"}
NOISY: dict[str, Any] = ROTHC | {"process_noise": True}
ICBM, TWO_POOLS = {"structure": "icbm"}, {"structure": "two_pool_series"}
CASES: dict[str, tuple[list[str], dict[str, dict[str, Any]]]] = {
    "Millennium Tillage Trial": (
        ["Millennium Tillage Trial"],
        {
            "RothC": ROTHC,
            "RothC, k_rpm 0.07": {"structure": "rothc", "parameters": {"k_rpm": 0.07}},
            "published priors": PUBLISHED,
            "published priors, process noise": PUBLISHED | {"process_noise": True},
        },
    ),
    "Tarlee and Brigalow": (
        ["Tarlee", "Brigalow"],
        {
            "RothC": ROTHC,
            "RothC, process noise": NOISY,
            "RothC, k_rpm 0.07": {"structure": "rothc", "parameters": {"k_rpm": 0.07}},
        },
    ),
    "Hoosfield barley": (
        ["Hoosfield barley"],
        {"RothC": ROTHC, "RothC, process noise": NOISY, "ICBM": ICBM, "two pools": TWO_POOLS},
    ),
    "Broadbalk wheat": (
        ["Broadbalk wheat"],
        {"RothC": ROTHC, "RothC, process noise": NOISY, "ICBM": ICBM, "two pools": TWO_POOLS},
    ),
}
"""By data set: its studies, and the structures that can show all that was measured."""


def tables(studies: list[str]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]:
    """Observations, management and weather of some studies."""
    obs = sb.load_dataset("field_soc")
    obs = obs[obs["study"].isin(studies)].reset_index(drop=True)
    management = sb.load_dataset("field_management")
    weather = sb.load_dataset("field_weather")
    weather = weather[weather["site"].isin(obs["site"])]
    return obs, management[management["study"].isin(studies)], weather if len(weather) else None


def fit_row(
    settings: dict[str, Any], data: tuple[Any, Any, Any], folder: Path, effort: dict[str, int]
) -> dict[str, Any]:
    """Speed and convergence of one fit to all rows, and shares of the variance of its forecast."""
    if (folder / "fit.nc").exists():
        fit = sb.load(folder)
    else:
        model = sb.models.field.build(*data, **settings)
        fit = sb.fit(model, store=folder, seed=SEED, progress=False, **effort)
    a = fit.attrs
    last = float(data[0]["year"].max())
    plain = {name: value for name, value in settings.items() if name not in ("priors", "process_noise")}
    ahead = forecast(fit, *data, years=[last + 10.0], draws=200, seed=SEED, parts=True, **plain)
    parts = ahead["known_variance"].sel(fraction="total").mean(("plot", "year")).to_series()
    shares = 100.0 * parts / parts.sum()
    return {
        "rows": len(data[0]),
        "parameters": a["parameters"],
        "seconds": round(a["sampling_seconds"]),
        "ESS/s": round(a["min_ess_bulk"] / a["sampling_seconds"], 1),
        "R-hat": round(a["max_r_hat"], 4),
        "divergences": a["divergences"],
        **{f"{name}, %": round(value) for name, value in shares.items()},
    }


def scored(score: Any, name: str, folder: Path, **arguments: Any) -> pd.DataFrame:
    """A table of scores, read where it was made before."""
    path = folder / f"{name}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        score(store=folder / name, seed=SEED, progress=False, **arguments).to_csv(path)
    return pd.read_csv(path, index_col=0)


def main() -> None:
    """Fit, score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/field"))
    parser.add_argument("--data", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--structures", nargs="*", help="labels; all by default")
    parser.add_argument("--skip-fits", action="store_true", help="only the scores")
    parser.add_argument("--skip-scores", action="store_true", help="only the fits")
    parser.add_argument("--draws", type=int, default=1500)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    effort = {"draws": arguments.draws, "tune": arguments.tune, "chains": 4, "cores": arguments.cores}
    for name in arguments.data:
        studies, structures = CASES[name]
        chosen = {label: structures[label] for label in arguments.structures or structures}
        data = tables(studies)
        folder = arguments.store / name
        print(f"\n{name}")
        if not arguments.skip_fits:
            rows = {label: fit_row(one, data, folder / label, effort) for label, one in chosen.items()}
            print(pd.DataFrame(rows).T.to_string())
        if arguments.skip_scores:
            continue
        obs, management, weather = data
        with_tables = {"obs": obs, "management": management, "weather": weather, "structures": chosen, **effort}
        print(
            "last third of the years\n" + scored(leave_future_out, "future", folder, **with_tables).round(3).to_string()
        )
        if obs["site"].nunique() > 1:
            print(
                "each site in turn\n" + scored(leave_one_site_out, "sites", folder, **with_tables).round(3).to_string()
            )


if __name__ == "__main__":
    main()
