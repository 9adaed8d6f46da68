"""Which model foresees a study it has not seen: baselines, process models and variants of them.

    python benchmarks/left_out.py                         # everything, hours on two cores
    python benchmarks/left_out.py --only cue cue_process

Each model is fitted several times without a part of the studies, and the rows
of these are predicted as those of a new study. Results are kept in ``--store`` and read from there when they exist:
remove the file of a model to make it again. By default that is ``docs/left_out/results``, and the page
``docs/left_out/README.md`` is written; ``--effort '{"draws": 100}' --store runs/trial`` tries things out and prints it.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import xarray as xr

from socbayes.files import replacing, write_text
from socbayes.inference.diagnostics import MAX_R_HAT, MIN_ESS
from socbayes.inference.left_out import MIN_EFFECTIVE, Case, Comparison, passed, ranked_left_out
from socbayes.subjects import subjects

PAGE = Path(__file__).resolve().parents[1] / "docs" / "left_out" / "README.md"
ROWS = PAGE.with_name("rows.csv")
RESULTS = PAGE.with_name("results")
EFFORT = {"seed": 20261122, "draws": 1200, "tune": 500, "chains": 4, "redraws": 2, "longer": 1}

TRIALS = [trials for subject in subjects() if hasattr(trials := subject.part("trials"), "LEFT_OUT")]
CASES: dict[str, Case] = {name: case for trials in TRIALS for name, case in trials.LEFT_OUT.items()}
COMPARED: list[Comparison] = [comparison for trials in TRIALS for comparison in trials.COMPARED]
BY_ROW = "Rows left out one by one, within studies that were seen"
FITS = "How the fits went"


def result_of(name: str, store: Path, effort: dict[str, int]) -> xr.Dataset:
    """The result in the folder, made first if it is not there."""
    path = store / f"{name}.nc"
    if not path.exists():
        start = time.perf_counter()
        result = CASES[name].result(effort)
        result.attrs |= {"seconds": time.perf_counter() - start, "date": datetime.now(UTC).date().isoformat()}
        store.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            result.to_netcdf(temporary)
        print(f"{name}: {result.attrs['seconds']:.0f} s, R-hat up to {float(result['max_r_hat'].max()):.3f}")
    return xr.load_dataset(path)


def table_of(results: dict[str, xr.Dataset], score: str) -> str:
    """A ranking in Markdown."""
    table = ranked_left_out(results, score)
    rows = [
        "| model | elpd | difference to the best | weight | inside 50 % | inside 89 % | studies |",
        "|" + " --- |" * 7,
    ]
    for label, row in table.iterrows():
        difference = "–"
        if row["elpd_difference"] < 0:
            difference = f"{row['elpd_difference']:.1f} ± {row['elpd_difference_se']:.1f}"
        inside = [f"{100 * row[f'inside_{p}']:.0f} ± {100 * row[f'inside_{p}_se']:.0f} %" for p in (50, 89)]
        rows.append(
            f"| {label} | {row['elpd']:.1f} ± {row['elpd_se']:.1f} | {difference} | {row['weight']:.2f} | "
            f"{inside[0]} | {inside[1]} | {row['groups']:.0f} |"
        )
    return "\n".join(rows)


def table_of_crps(results: dict[str, xr.Dataset]) -> str:
    """Scores in the unit of the measurement, studies weighing the same, in Markdown."""
    rows = ["| model | CRPS | difference to the best | inside 50 % | inside 89 % | studies |", "|" + " --- |" * 6]
    means = {label: one[["crps", "inside"]].groupby(one["group_of"]).mean() for label, one in results.items()}
    best = min(means, key=lambda label: float(means[label]["crps"].mean()))
    for label in sorted(means, key=lambda label: float(means[label]["crps"].mean())):
        by_study = means[label]
        count = by_study.sizes["group_of"]
        difference = (by_study["crps"] - means[best]["crps"]).to_numpy()
        apart = "–" if label == best else f"{difference.mean():.3f} ± {difference.std(ddof=1) / count**0.5:.3f}"
        inside = [f"{100 * float(share):.0f} %" for share in by_study["inside"].mean("group_of")]
        rows.append(f"| {label} | {float(by_study['crps'].mean()):.3f} | {apart} | {' | '.join(inside)} | {count} |")
    head = "| study | jars | " + " | ".join(means) + " |"
    rows += ["", "CRPS by study:", "", head, "|" + " --- |" * (2 + len(means))]
    jars = results[best]["group_of"].to_series().value_counts()
    for study in means[best]["group_of"].to_numpy():
        values = " | ".join(f"{float(one['crps'].sel(group_of=study)):.3f}" for one in means.values())
        rows.append(f"| {study} | {jars[study]} | {values} |")
    return "\n".join(rows)


def table_of_rows(rows: pd.DataFrame) -> str:
    """Comparison by rows in Markdown."""
    lines = [
        "| model | elpd | difference to the best | weight | rows of Pareto k above 0.7 | converged |",
        "|" + " --- |" * 6,
    ]
    for row in rows.to_dict("records"):
        apart = "–" if row["elpd_diff"] == 0 else f"{row['elpd_diff']:.1f} ± {row['dse']:.1f}"
        lines.append(
            f"| {row['fit']} | {row['elpd']:.1f} ± {row['se']:.1f} | {apart} | {row['weight']:.2f} | "
            f"{row['pareto_k_above']} | {'yes' if row['converged'] else 'NO'} |"
        )
    return "\n".join(lines)


def apart(results: dict[str, xr.Dataset], count: int = 6) -> str:
    """Studies that make most of the difference between two models, rows jointly, in Markdown."""
    labels, (first, second) = list(results), results.values()
    used = ((first["effective"] >= MIN_EFFECTIVE) & (second["effective"] >= MIN_EFFECTIVE)).to_numpy()
    difference = (second["jointly"] - first["jointly"]).to_series()[used]
    largest = difference.reindex(difference.abs().sort_values(ascending=False).index[:count])
    rows = [f"| {study} | {value:+.1f} |" for study, value in largest.items()]
    head = f"| study | {labels[1]} less {labels[0]}, jointly |"
    return "\n".join([head, "| --- | --- |", *rows, f"| all {difference.size} | {difference.sum():+.1f} |"])


def section(comparison: Comparison, found: dict[str, xr.Dataset]) -> str:
    """One comparison of the results that are there in Markdown; empty for less than two."""
    there = {f"{name} ({CASES[name].label})": found[name] for name in comparison.cases if name in found}
    if len(there) < 2:
        return ""
    said = [comparison.said] if comparison.said else []
    if not all("jointly" in one for one in there.values()):
        return "\n\n".join([*said, table_of_crps(there)])
    parts = []
    for score, what in (("one_by_one", "Rows one by one"), ("jointly", "Rows of a study jointly")):
        parts.append(f"{what}:\n\n{table_of(there, score)}")
    if len(there) == 2:
        parts.append(f"Where they differ most:\n\n{apart(there)}")
    return "\n\n".join([*said, *parts])


def how_fits_went(found: dict[str, xr.Dataset], earlier: str) -> str:
    """One line of Markdown per model: what was just read, else what the page said before."""
    lines = {line.split("|")[1].strip(): line for line in earlier.splitlines() if line.startswith("| ")}
    for name, one in found.items():
        a = one.attrs
        lines[name] = (
            f"| {name} | {a['folds']} | {passed(one).sum()} | {a['draws']:,} | {float(one['max_r_hat'].max()):.3f} | "
            f"{float(one['min_ess'].min()):.0f} | {int(one['divergences'].sum())} | "
            f"{a['seconds']:.0f} | {a['date']} | {a['seed']} |"
        )
    text = [
        f"A fit passes with an R-hat of at most {MAX_R_HAT} and at least {MIN_ESS} effective draws of all that studies",
        "share, and no divergence.",
        "",
        "| model | folds | passed | draws | largest R-hat | effective draws | divergences | seconds | date | seed |",
        "|" + " --- |" * 10,
    ]
    return "\n".join([*text, *(lines[name] for name in CASES if name in lines)])


def page(store: Path) -> str:
    """The page of all comparisons; those of less than two results stay as they were last written."""
    found = {name: xr.load_dataset(store / f"{name}.nc") for name in CASES if (store / f"{name}.nc").exists()}
    before = PAGE.read_text("utf-8") if PAGE.exists() else ""
    sections = {title: text.strip() for title, _, text in (part.partition("\n") for part in before.split("\n## ")[1:])}
    made = {comparison.title: section(comparison, found) for comparison in COMPARED}
    sections |= {title: text for title, text in made.items() if text}
    if ROWS.exists():
        sections[BY_ROW] = (
            "PSIS-LOO of fits to all rows (`python benchmarks/literature.py`). A row is easily foreseen from others\n"
            "of its study, so this says less of a new study than the tables above.\n\n"
            f"{table_of_rows(pd.read_csv(ROWS))}"
        )
    sections[FITS] = how_fits_went(found, sections.get(FITS, ""))
    head = [
        "# Studies that were left out",
        "",
        "Every study predicted from the others as a study nobody has done (`socbayes.inference.left_out`; written by",
        "`python benchmarks/left_out.py`). Each model is fitted once for each fold, without the studies of the fold;",
        "what studies have of their own (levels, slopes, scatter, levers, durations, errors of controls) is then drawn",
        "anew. `elpd` is the sum of log predictive densities, with standard errors that count a study as one",
        "independent part. *One by one* sums the densities of the single rows; *jointly* takes the density of all rows",
        f"of a study together, where it rests on at least {MIN_EFFECTIVE:.0f} effective draws in every model. The",
        "weights are those of the mixture of models that foresees best (stacking). Inside: the mean over studies of",
        "the share of measurements in the equal-tailed intervals, with its standard error.",
    ]
    order = [*made, BY_ROW, FITS]
    parts = ["\n".join(head), *(f"## {title}\n\n{sections[title]}" for title in order if title in sections)]
    notes = PAGE.with_name("notes.md")
    return "\n\n".join([*parts, notes.read_text("utf-8") if notes.exists() else ""]).rstrip() + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--store", type=Path, default=RESULTS)
    parser.add_argument("--effort", type=json.loads, default={}, help="settings to replace, as JSON")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in given.only:
        result_of(name, given.store, EFFORT | CASES[name].effort | given.effort)
    text = page(given.store)
    if given.store == RESULTS:
        write_text(PAGE, text)
    print(text)


if __name__ == "__main__":
    main()
