"""Fit the evidence on levers and write what the package carries of it.

    python benchmarks/effects.py --store runs/effects
    python benchmarks/effects.py --literature FOLDER --store runs/effects_of_literature

Fits the bundled pairs, with ``--literature`` together with those of syntheses that
may not be bundled (``benchmarks/effect_sources.py``), prints what evidence there is before any
number, and writes ``data/lever_effects.json``, what each lever does to carbon in
a new study, and ``docs/effects``. A fit that is in the folder already is read,
not repeated; one that did not converge writes nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from effect_sources import read_all

import socbayes as sb
from socbayes.facts import facts_of
from socbayes.files import write_text
from socbayes.models.effects.covered import coverage, summary
from socbayes.models.effects.layout import STUDIES_FOR_A_SLOPE
from socbayes.models.effects.pooled import CONVERTED, evidence
from socbayes.plots.style import flat
from socbayes.report.readings import published_rows
from socbayes.subjects import model_record
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME
from socbayes.wording import said

if TYPE_CHECKING:
    import xarray as xr

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "data" / "lever_effects.json"
DOCS = ROOT / "docs" / "effects"
WHOLE = "soil_organic_carbon"
SEED = 23
FEW = 3
"""Studies below which an effect is said to rest on next to none."""


def tables(literature: Path | None) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Tables of the model by role, pairs of the literature among them where it is given, and what was left out."""
    record = model_record("effects")
    bundled = {one.role: sb.load_dataset(one.bundled) for one in record.tables}
    if literature is None:
        return bundled, ["Syntheses that may not be bundled are not in this fit."]
    found, notes = read_all(literature)
    bundled["table"] = pd.concat([bundled["table"], found], ignore_index=True)
    return bundled, notes


def together(given: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """All pairs, each study once, as the model counts them."""
    return evidence([given["table"], *(CONVERTED[role](given[role]) for role in CONVERTED)])


def fitted(given: dict[str, pd.DataFrame], store: Path) -> xr.DataTree:
    """The fit in the folder, made or finished first where it is not there."""
    if (store / "fit.nc").exists():
        return sb.load(store)
    record = model_record("effects")
    return sb.fit(record.build(given), seed=SEED, chains=4, cores=2, store=store, progress=False, **record.effort)


def numbers(fit: xr.DataTree, pairs: pd.DataFrame) -> dict[str, dict[str, object]]:
    """What a new study of each effect would find, by effect."""
    posterior = fit["posterior"].to_dataset()
    counted = summary(pairs)
    found = {}
    for effect in posterior["effect"].to_numpy():
        lever, fraction = str(effect).split(": ")
        mean, new = (flat(posterior[name].sel(effect=effect)) for name in ("log_ratio", "log_ratio_new_study"))
        row = counted.loc[(lever, fraction)]
        of_sources = str(row["compilations"])
        found[str(effect)] = {
            "mean": round(float(mean.mean()), 4),
            "sd": round(float(new.std()), 4),
            "mean_sd": round(float(mean.std()), 4),
            "interval": [round(float(limit), 4) for limit in np.quantile(new, [(1 - CI_PROB) / 2, (1 + CI_PROB) / 2])],
            "source": f"hierarchical log response ratio of {of_sources}",
            "studies": int(row["studies"]),
            "pairs": int(row["pairs"]),
            "gains": round(float(row["gains"]), 3),
            "fraction": fraction,
        }
    return found


def by_lever(found: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Effects on total carbon by lever, with those on its fractions beside them; levers without it are left out."""
    result: dict[str, dict[str, object]] = {}
    for effect, entry in found.items():
        lever, fraction = effect.split(": ")
        if fraction == WHOLE:
            others = {
                key.split(": ")[1]: other
                for key, other in found.items()
                if key.split(": ")[0] == lever and not key.endswith(WHOLE)
            }
            result[lever] = entry | ({"fractions": others} if others else {})
    return result


def page(fit: xr.DataTree, pairs: pd.DataFrame, notes: list[str], found: dict[str, dict[str, object]]) -> str:
    """The page of results: evidence first, then effects, then published numbers."""
    posterior = fit["posterior"].to_dataset()
    covered = coverage(pairs)
    empty = int((covered["pairs"] == 0).sum())
    facts = fit.attrs
    lines = [
        "# What levers do to carbon",
        "",
        "Written by `benchmarks/effects.py`. Intervals are the " + INTERVAL_NAME + ".",
        "",
        "## What evidence there is",
        "",
        f"{len(pairs)} pairs of {pairs['study'].nunique()} studies. Of lever by ecosystem by climate, {empty} of "
        f"{len(covered)} cells hold no data; those that do, for total organic carbon, are in `coverage.csv`.",
        "",
        *(f"- {note}" for note in notes),
        "",
        "## Effects",
        "",
        "Log ratio, with the lever over without it, at the mean conditions of its studies; a star marks fewer than",
        "three studies, whose spread is that of other levers. What large studies alone say is told of levers of which",
        f"at least {STUDIES_FOR_A_SLOPE} studies state how many samples they took.",
        "",
        "| effect | pairs | studies | gains | typical study | new study | large studies alone |",
        "|" + " --- |" * 7,
    ]
    for effect, entry in found.items():
        draws = [flat(posterior[name].sel(effect=effect)) for name in ("log_ratio", "log_ratio_new_study")]
        large = "not told"
        if "effect_counted" in posterior and effect in posterior["effect_counted"].to_numpy():
            large = said(flat(posterior["log_ratio_large_study"].sel(effect_counted=effect)))
        star = " *" if int(str(entry["studies"])) < FEW else ""
        gains = f"{100 * float(str(entry['gains'])):.0f} %"
        cells = " | ".join([*(said(one) for one in draws), large])
        lines.append(f"| {effect}{star} | {entry['pairs']} | {entry['studies']} | {gains} | {cells} |")
    lines += ["", "## Beside published results", "", "| what | published | ours | verdict | why they need not agree |"]
    lines.append("|" + " --- |" * 5)
    for row in published_rows(fit):
        lines.append(f"| {row['what']} | {row['published']} | {row['ours']} | {row['verdict']} | {row['caveat']} |")
    lines += [
        "",
        f"{facts['parameters']} parameters, seed {SEED}; R-hat at most {facts['max_r_hat']:.4f}, effective samples at "
        f"least {facts['min_ess_bulk']:.0f} in the bulk and {facts['min_ess_tail']:.0f} in the tails, "
        f"{facts['divergences']} divergences.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Fit, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--literature", type=Path, help="folder of raw files; bundled pairs alone where left out")
    parser.add_argument("--store", type=Path, default=Path("runs/effects"))
    arguments = parser.parse_args()
    given, notes = tables(arguments.literature)
    pairs, dropped = together(given)
    notes += dropped
    covered = coverage(pairs)
    print(summary(pairs).to_string())
    print(covered[covered["pairs"] > 0]["said"].to_string())
    print(*notes, sep="\n")
    fit = fitted(given, arguments.store)
    if not facts_of(fit).converged:
        raise SystemExit(f"nothing is written: {fit.attrs['failures']}")
    found = numbers(fit, pairs)
    write_text(RESULT, json.dumps(by_lever(found), indent=1, ensure_ascii=False) + "\n")
    DOCS.mkdir(parents=True, exist_ok=True)
    covered[covered["pairs"] > 0].round(3).to_csv(DOCS / "coverage.csv", lineterminator="\n")
    write_text(DOCS / "README.md", page(fit, pairs, notes, found))


if __name__ == "__main__":
    main()
