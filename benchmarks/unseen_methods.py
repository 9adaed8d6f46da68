"""How well efficiencies are foretold that were measured by a method of which a fit has no data.

    python benchmarks/unseen_methods.py                        # three fits: minutes on idle cores
    python benchmarks/unseen_methods.py --draws 300 --tune 300 --chains 2

Each method of the bundled table is left out in turn, the baseline of carbon use efficiency is fitted to the rest (and
the temperature gradient), and the rows left out are predicted as those of new studies: as a method of their own,
whose level is drawn from the spread between methods, and as the method that most of the other rows were measured by;
the mean of a new study, and one measurement. Printed is the share of the measured values inside the intervals, over
rows and over studies that weigh the same, and how wide the interval of one measurement is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import socbayes as sb
from socbayes.vocabulary import CI_PROB

if TYPE_CHECKING:
    import xarray as xr

KEPT = ["observation", "study", "ecosystem", "substrate_class", "incubation_temperature", "incubation_time"]
PROBABILITIES = (0.5, CI_PROB)


def main() -> None:
    """Leave each method out in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("draws", 500), ("tune", 500), ("chains", 4), ("seed", 20261128)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--store", type=Path, help="folder that keeps the fits; those there are not made again")
    effort = vars(parser.parse_args())
    store = effort.pop("store")
    table, gradient = sb.load_dataset("cue"), sb.load_dataset("cue_temperature_gradient")
    counts = table["measurement_method"].value_counts()
    print("| left out | rows | studies | taken as | predicted | " + " | ".join(HEADS) + " |")
    print("|" + " --- |" * (5 + len(HEADS)))
    for method in counts.index:
        usual = next(name for name in counts.index if name != method)
        unseen = table["measurement_method"] == method
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            fitted = fit_of(table[~unseen], gradient, (store or Path(folder)) / method, effort)
            for taken in (usual, method):
                for of in ("mean", "measurement"):
                    numbers = inside(fitted, table[unseen], taken, of, effort["seed"])
                    studies = table.loc[unseen, "study"].nunique()
                    cells = [method, f"{unseen.sum()}", f"{studies}", taken, of, *(f"{x:.2f}" for x in numbers)]
                    print("| " + " | ".join(cells) + " |", flush=True)
        went = f"R-hat up to {float(fitted.attrs['max_r_hat']):.3f}, {time.perf_counter() - start:.0f} s"
        print(f"<!-- without {method}: {went} -->", flush=True)


HEADS = [f"inside {100 * p:.0f} %, {over}" for over in ("rows", "studies") for p in PROBABILITIES] + ["width"]


def fit_of(table: pd.DataFrame, gradient: pd.DataFrame, store: Path, effort: dict[str, int]) -> xr.DataTree:
    """The baseline without the rows left out."""
    if store.exists():
        return sb.load(store)
    model = sb.models.cue.build(table.reset_index(drop=True), gradient=gradient)
    return sb.fit(model, store=store, progress=False, **effort)


def inside(fitted: xr.DataTree, rows: pd.DataFrame, method: str, of: str, seed: int) -> list[float]:
    """Shares of rows, and of studies, inside each interval, and the median width of the widest."""
    given = rows[KEPT].assign(measurement_method=method)
    drawn = sb.predict_new(fitted, given, of=of, seed=seed).to_numpy()
    measured, within, width = rows["carbon_use_efficiency"].to_numpy(), [], np.zeros(0)
    for probability in PROBABILITIES:
        lower, upper = np.quantile(drawn, [(1 - probability) / 2, (1 + probability) / 2], axis=0)
        within.append(pd.Series((measured >= lower) & (measured <= upper)))
        width = upper - lower
    by_row = [one.mean() for one in within]
    by_study = [one.groupby(rows["study"].to_numpy()).mean().mean() for one in within]
    return [*by_row, *by_study, float(np.median(width))]


if __name__ == "__main__":
    main()
