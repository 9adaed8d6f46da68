"""How long plans take on fitted field plots, beside forecasts made one after the other, and how many fields fit.

    python benchmarks/scenarios.py                 # 12 plots, 2 structures, 5 plans, 30 years, 1,000 draws of each
    python benchmarks/scenarios.py --fields 10000  # many fields of one fit, in pieces

Fits are made by hand, of plots that have weather, with draws about published
parameters: how long a run takes does not rest on how draws were got. The same
plans are projected, and forecast as tables of management, structure by
structure; both have been called once before, so that nothing is compiled while
the clock runs. Projections and forecasts take turns; medians over the rounds.
With `--fields` the fields are projected by `project_portfolio` through dask, which
comes with the packages of the tests, and the most memory that the process held is printed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import dask
import pandas as pd

HERE = Path(__file__).resolve().parent.parent
# Fits without sampling are those of the tests.
sys.path.insert(0, str(HERE / "tests" / "scenarios"))

from made_field import LAST, fit_of, weather  # noqa: E402

from socbayes.models.field import forecast  # noqa: E402
from socbayes.scenarios import project, project_portfolio  # noqa: E402

STRUCTURES = ("rothc", "icbm")
YEARS = 30


def plots(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples and management of some plots of one site, in two treatments."""
    names = [f"P{number:05d}" for number in range(count)]
    rows = [
        {"site": "Farm", "plot": name, "treatment": ("usual", "cover")[number % 2], "year": year,
         "soc_stock": 40.0 + number % 7}
        for number, name in enumerate(names)
        for year in (2012.0, LAST)
    ]  # fmt: skip
    managed = [
        {"site": "Farm", "treatment": name, "start_year": 2012.0, "end_year": LAST, "plant_carbon_input": carbon}
        for name, carbon in (("usual", 2.4), ("cover", 3.6))
    ]
    return pd.DataFrame(rows), pd.DataFrame(managed)


def plans_of(names: list[str]) -> tuple[dict[str, Any], list[pd.DataFrame | None]]:
    """Five plans for projecting, and tables of management that say about the same for forecasts."""
    plans = {
        "usual": {},
        "cover crop": {"levers": {"cover_crop": 1.0}},
        "no tillage": {"levers": {"no_tillage": 1.0}},
        "more input": {"levers": {"carbon_input": 0.2}},
        "both": {"levers": {"cover_crop": 1.0, "no_tillage": 1.0}},
    }
    tables = [None] + [
        pd.DataFrame(
            {"site": "Farm", "plot": names, "start_year": LAST, "end_year": LAST + YEARS, "plant_carbon_input": carbon}
        )
        for carbon in (4.0, 2.5, 3.6, 4.2)
    ]
    return {"plans": plans, "baseline": "usual"}, tables


def timed(call: Any) -> tuple[float, float]:
    """Seconds that a call takes: of the clock, and of the processor."""
    start, worked = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - worked


def side_by_side(draws: int, rounds: int) -> None:
    """Print seconds of one projection and of the forecasts it stands for."""
    samples, managed = plots(12)
    fits = {name: fit_of(name, samples, managed, weather(), draws=draws // 2) for name in STRUCTURES}
    plans, tables = plans_of(sorted(samples["plot"].unique()))
    years = [LAST + year for year in range(YEARS + 1)]

    def projected() -> None:
        project(fits, plans, years=years, draws=draws * len(fits))

    def forecasts() -> None:
        for fitted in fits.values():
            for table in tables:
                forecast(fitted, years=years, management=table, draws=draws)

    first = timed(projected)
    timed(lambda: forecast(fits["icbm"], years=years, draws=2))
    seconds = [(timed(projected), timed(forecasts)) for _ in range(rounds)]
    print(
        f"12 plots, {len(fits)} structures, 5 plans, {YEARS} years, {draws:,} draws of each structure; {rounds} rounds"
    )
    print(f"  first projection of the process  {first[0]:8.2f} s of the clock")
    for place, called in enumerate(("clock", "processor")):
        mine, theirs = (statistics.median(one[place] for one in each) for each in zip(*seconds, strict=True))
        print(f"  projection                       {mine:8.2f} s of the {called}")
        print(f"  forecasts, one for each plan     {theirs:8.2f} s of the {called}, {theirs / mine:.1f} times as long")


def through_dask(function: Any, pieces: Any) -> Any:
    """Results for all pieces of a portfolio, as tasks of dask on threads."""
    tasks = [dask.delayed(function, pure=False, traverse=False)(piece) for piece in pieces]
    return dask.compute(*tasks, traverse=False, scheduler="threads")


def many_fields(fields: int, draws: int, piece: int) -> None:
    """Print seconds and memory of a portfolio of many fields of one fit."""
    samples, managed = plots(fields)
    plans = {"plans": {"cover crop": {"levers": {"cover_crop": 1.0}}}}
    years = [LAST, LAST + YEARS / 2, LAST + YEARS]
    # Making up a fit is not what is timed; what is compiled, is with a few fields of another.
    few = plots(4)
    project_portfolio(fit_of("rothc", *few, weather(), draws=2), plans, years=years, draws=4)
    fitted = fit_of("rothc", samples, managed, weather(), draws=draws // 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    found: list[Any] = []
    clock, worked = timed(
        lambda: found.append(project_portfolio(fitted, plans, years=years, draws=draws, piece=piece, each=through_dask))
    )
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{fields:,} fields, {YEARS} years, {draws:,} draws, {piece} fields at a time")
    print(f"  {clock:.1f} s of the clock, {worked:.1f} s of processors")
    print(f"  {held:.2f} GB at most, {before:.2f} GB of it before, while the fit was made")
    whole = found[0]
    print(f"  sd of the mean gain {float(whole['gain_sd'][-1, -1]):.3f} t/ha; were errors of fields independent, "
          f"{float(whole['gain_sd_if_independent'][-1, -1]):.4f}")  # fmt: skip


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fields", type=int, default=0)
    parser.add_argument("--field-draws", type=int, default=200)
    parser.add_argument("--piece", type=int, default=250)
    given = parser.parse_args()
    if given.fields:
        many_fields(given.fields, given.field_draws, given.piece)
    else:
        side_by_side(given.draws, given.rounds)


if __name__ == "__main__":
    main()
