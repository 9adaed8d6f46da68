"""Leave each bundled trial out, and compare what its treatments did with what was foreseen.

    python benchmarks/gains.py --store runs/gains

A stock that hardly moves is foreseen by anyone; what a plan is judged by is the
difference between treatments. Each structure is fitted to the totals of the
trials of few plots, less the one left out, and foresees that one from its
management, its weather and the first total of each plot. Fits stay in
``--store``; differences are kept in ``docs/gains/results``, by structure and
trial, and read from there when they exist: remove a file to make it again.
Writes ``docs/gains/README.md`` from all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from field import markdown

import socbayes as sb
from socbayes.facts import facts_of
from socbayes.files import write_text
from socbayes.models.field import differences_left_out, score_differences

PAGE = Path(__file__).resolve().parents[1] / "docs" / "gains" / "README.md"
RESULTS = PAGE.with_name("results")
AGAINST = {
    "Brigalow": "cropping",
    "Broadbalk wheat": "Nil",
    "Fosters ley-arable": "A",
    "Highfield ley-arable": "Gc",
    "Hoosfield barley": "Unfertilized",
    "Millennium Tillage Trial": "pasture",
    "Tarlee": "continuous wheat",
    "Woburn ley-arable": "AF",
}
"""By trial, the treatment that others are measured against: nothing added, or what was usual there."""
LEARNED = ("Brigalow", "Broadbalk wheat", "Hoosfield barley", "Tarlee")
"""Trials that are learned from, of 3 to 6 plots; the others have 29 to 81, which would all be in every fit."""
UNFED = ("Brigalow", "Fosters ley-arable", "Highfield ley-arable", "Woburn ley-arable")
"""Trials whose treatments differ in inputs that no table tells, but for the zero of bare fallows."""
MADE_WITH = ("draws", "tune", "seed")
STRUCTURES: dict[str, dict[str, Any]] = {"ICBM": {"structure": "icbm"}, "RothC": {"structure": "rothc"}}
FRACTIONS = ["particulate_carbon_stock", "humus_carbon_stock", "resistant_carbon_stock"]


def trials() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Totals, management and weather of the trials, each a site of its own, so that trials of one farm are left out."""
    obs, management, weather = map(sb.load_dataset, ("field_soc", "field_management", "field_weather"))
    bulked = obs["plot"].str.contains("bulked|all blocks")  # a sample of several treatments at once
    where = obs[["study", "site"]].drop_duplicates("study").set_index("study")["site"]
    obs = obs[obs["study"].isin(AGAINST) & ~bulked].reset_index(drop=True).drop(columns=FRACTIONS)
    management = management[management["study"].isin(AGAINST)]
    weather = pd.concat([weather[weather["site"] == where[trial]].assign(site=trial) for trial in AGAINST])
    return (
        obs.assign(site=obs["study"]),
        management.assign(site=management["study"]),
        weather.reset_index(drop=True),
    )


def differences(label: str, trial: str, store: Path, effort: dict[str, int]) -> pd.DataFrame:
    """Differences of one structure at one trial, read where they were made before."""
    kept = RESULTS / label / f"{trial}.csv"
    if not kept.exists():
        table = differences_left_out(
            *trials(), structures={label: STRUCTURES[label]}, against={trial: AGAINST[trial]}, learned=LEARNED,
            store=store, progress=False, **effort,
        )  # fmt: skip
        table = table.round(4).assign(**made_with(store, label, trial))
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, table.to_csv(index=False, lineterminator="\n"))
    return pd.read_csv(kept)


def made_with(store: Path, label: str, trial: str) -> dict[str, int]:
    """Draws of each chain, steps of warm-up and seed of the fit that a trial is foreseen by."""
    facts = facts_of(sb.load(store / label / trial))
    return {name: int(getattr(facts, name)) for name in MADE_WITH}


def shown(table: pd.DataFrame, by: str) -> str:
    """Scores in Markdown."""
    scores = score_differences(table, by)
    rows = pd.DataFrame(
        {
            "inside 50 %": (100 * scores["coverage_50"]).round().astype(int),
            "inside 89 %": (100 * scores["coverage_89"]).round().astype(int),
            "bias, t/ha": scores["bias"].round(2),
            "error of measurement, t/ha": scores["measurement_sd"].round(2),
            "RMSE, t/ha": scores["rmse"].round(2),
            "differences": scores["differences"].astype(int),
            "RMSE where the first difference is known, t/ha": scores["rmse_compared"].round(2),
            "RMSE if it stays so, t/ha": scores["rmse_at_first"].round(2),
            "of": scores["compared"].astype(int),
            "converged": ["yes" if one else "NO" for one in scores["converged"]],
        }
    )
    if by == "site":
        rows = rows.join(table.groupby(by)[list(MADE_WITH)].first().rename(columns={"tune": "warm-up"}))
    return markdown(rows.rename_axis(by))


def page(tables: dict[str, pd.DataFrame]) -> str:
    """The page of all differences that are kept."""
    every = pd.concat(tables.values(), ignore_index=True)
    inputs = every["site"].isin(UNFED).map({True: "inputs not known", False: "inputs known"})
    every = every.assign(inputs=every["structure"] + ", " + inputs)
    foreseen = [trial for trial in AGAINST if trial in set(every["site"])]
    aside = [trial for trial in AGAINST if trial not in foreseen]
    text = [
        "# What treatments do at trials that were not seen",
        "",
        "Written by `python benchmarks/gains.py`. Each trial is left out in turn; known of it are management, weather",
        f"and the first total of each plot. Learned from are {', '.join(LEARNED[:-1])} and {LEARNED[-1]}, less the one",
        "left out, as plots of the others are many. A difference is that of the mean stock of a treatment and of the",
        "one it is measured against, in one year:",
        "",
        *(f"- {trial}: {AGAINST[trial]}" for trial in foreseen),
        "",
        *([f"Not foreseen yet, for the time that takes: {', '.join(aside)}.", ""] if aside else []),
        "Bias is what was measured less what was foreseen. The last columns say whether the model foresees more than",
        "that differences stay as at the first samples. Broadbalk, Fosters, Highfield and Hoosfield are of one farm:",
        "where one is left out others tell of its soil and weather. Differences of one trial go together: of few",
        "trials, shares inside intervals are rough.",
        "",
        "Of pastures, leys and the crops of ley-arable trials no input is known, and the mean of all plots is taken.",
        "So at Brigalow, with the pastures of Tarlee, and at the ley-arable trials but for their bare fallows, nothing",
        "tells a gain beforehand: there it is the intervals that are tried. What stands in for an input that nobody",
        "knows has the error of its site, and that by which treatments differ where inputs are known; none of its own.",
        "Inputs of the Millennium Tillage Trial are estimates of its authors.",
        "",
        shown(every, "inputs"),
    ]
    for label, table in tables.items():
        text += ["", f"## {label}", "", shown(table, "site")]
    return "\n".join(text) + "\n"


def main() -> None:
    """Fit, compare and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/gains"))
    parser.add_argument("--structures", nargs="*", default=list(STRUCTURES), choices=list(STRUCTURES))
    parser.add_argument("--trials", nargs="*", default=list(AGAINST), choices=list(AGAINST), help="that are foreseen")
    parser.add_argument("--draws", type=int, default=600, help="of each chain at which a fit is first looked at")
    parser.add_argument("--most-draws", type=int, default=4000, help="after which it ends in any case")
    parser.add_argument("--tune", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    effort = {
        "draws": given.draws,
        "most_draws": given.most_draws,
        "tune": given.tune,
        "chains": 4,
        "cores": given.cores,
        "seed": given.seed,
    }
    for label in given.structures:
        for trial in given.trials:
            differences(label, trial, given.store, effort)
    kept = {label: sorted((RESULTS / label).glob("*.csv")) for label in STRUCTURES}
    tables = {label: pd.concat(map(pd.read_csv, found), ignore_index=True) for label, found in kept.items() if found}
    write_text(PAGE, page(tables))
    print(PAGE.read_text("utf-8"))


if __name__ == "__main__":
    main()
