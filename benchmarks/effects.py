"""Fit the evidence on levers and write what the package carries of it.

    python benchmarks/effects.py --store runs/effects
    python benchmarks/effects.py --literature FOLDER --store runs/effects_of_literature

Fits the bundled pairs, with ``--literature`` together with those of syntheses that
may not be bundled (``benchmarks/effect_sources.py``), prints what evidence there is before any
number, and writes ``docs/effects`` and ``data/lever_effects.json``: the factor on
plant input or decomposition that each lever is in a new study, learned through
structures of the core, with the log ratio of stocks beside it. Fits are those of
log ratios, in the folder ``--store``, and one for each structure, in folders named
after it. A fit that is in its folder already is read, not repeated, and one that was cut short is
finished; one of other pairs or of fewer draws is refused. Of one that did not converge nothing
is written but its name. ``--levers`` and ``--draws`` are for a trial, which prints and writes
nothing but its fits, in folders of their own.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from effect_sources import read_all
from learned import write_learned

import socbayes as sb
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.files import write_text
from socbayes.inference.rebuild import model_of_run
from socbayes.inference.runs import FIT, SPEC, read_settings
from socbayes.models.effects import factors
from socbayes.models.effects.covered import coverage, summary
from socbayes.models.effects.layout import STUDIES_FOR_A_SLOPE
from socbayes.models.effects.pooled import CONVERTED, evidence
from socbayes.plots.style import flat
from socbayes.report.readings import published_rows
from socbayes.scenarios.levers import ACTIONS, FACTORS, LEVERS, UNCERTAIN, with_effects
from socbayes.subjects import model_record
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME
from socbayes.wording import counted, said

if TYPE_CHECKING:
    import xarray as xr

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "data" / "lever_effects.json"
DOCS = ROOT / "docs" / "effects"
WHOLE = "soil_organic_carbon"
SEED = 23
STRUCTURES = ("rothc", "icbm")
"""Structures through which factors are learned: that of the inventories, and the simplest of field trials."""
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
    others = (CONVERTED[role](given[role]) for role in CONVERTED if given.get(role) is not None)
    return evidence([given["table"], *others])


def fitted(given: dict[str, pd.DataFrame], store: Path, effort: dict[str, int], structure: str = "") -> xr.DataTree:
    """The fit in the folder, made or finished first where it is not there; through a structure where one is named.

    A fit of other pairs, of another model or of fewer draws than asked for is never taken for it.
    """
    record = model_record("effect_factors" if structure else "effects")
    model = record.build(given, **({"structure": structure} if structure else {}))
    asked: dict[str, Any] = {**record.effort, **effort}
    if not ((store / FIT).exists() or (store / SPEC).exists()):
        return sb.fit(model, seed=SEED, chains=4, cores=2, store=store, progress=False, **asked)
    try:
        if (store / FIT).exists():
            there = sb.load(store)
            has = int(there["posterior"].sizes["draw"])
            model_of_run(facts_of(there).spec, None, str(there.attrs.get("data_sha256", "")), model)
        else:
            has = read_settings(store).draws
        if has < asked.get("draws", has):
            raise SocbayesError(f"the run is of {has} draws of a chain, not {asked['draws']}")
        return sb.resume(store, model, progress=False)
    except SocbayesError as error:
        raise SystemExit(f"{store}: {error}; name another --store, or remove the folder") from error


def in_folder(store: Path, model: str, *, trial: bool) -> Path:
    """Folder of a fit; those of trials are apart, so that nothing else is ever taken from them."""
    return store.with_name("_".join([store.name, *([model] if model else []), *(["trial"] if trial else [])]))


def limits(draws: np.ndarray) -> list[float]:
    """Ends of the interval of draws."""
    return [round(float(limit), 4) for limit in np.quantile(draws, [(1 - CI_PROB) / 2, (1 + CI_PROB) / 2])]


def learned(fits: dict[str, xr.DataTree], pairs: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Factor on what each lever acts on, by lever: in a new study, through each structure, with what it rests on."""
    rows, _ = factors.timed(pairs)
    summed = summary(rows)
    called = {entry: action for action, entry in FACTORS.items()}
    found: dict[str, dict[str, object]] = {}
    for structure, fit in fits.items():
        posterior = fit["posterior"].to_dataset()
        for lever, entry in facts_of(fit).spec.choices["entries"].items():
            typical, new = (flat(posterior[name].sel(lever=lever)) for name in ("log_factor", "log_factor_new_study"))
            row = summed.loc[(lever, WHOLE)]
            said_of = f"log factor on {entry}, learned from pairs of {row['compilations']} as runs of {', '.join(fits)}"
            one = found.setdefault(lever, {"acts_on": called[entry], "through": {}, "source": said_of})
            if one["acts_on"] != called[entry]:
                raise SystemExit(
                    f"{lever}: the fit through {structure} is of a {ACTIONS[called[entry]]}, others of a "
                    f"{ACTIONS[str(one['acts_on'])]}; name another --store"
                )
            one |= {"studies": int(row["studies"]), "pairs": int(row["pairs"])}
            through = one["through"]
            assert isinstance(through, dict)
            through[structure] = {
                "mean": round(float(typical.mean()), 4),
                "sd": round(float(new.std()), 4),
                "mean_sd": round(float(typical.std()), 4),
                "interval": limits(new),
            }
    return found


def numbers(fit: xr.DataTree, pairs: pd.DataFrame) -> dict[str, dict[str, object]]:
    """What a new study of each effect would find, by effect."""
    posterior = fit["posterior"].to_dataset()
    summed = summary(pairs)
    found = {}
    for effect in posterior["effect"].to_numpy():
        lever, fraction = str(effect).split(": ")
        mean, new = (flat(posterior[name].sel(effect=effect)) for name in ("log_ratio", "log_ratio_new_study"))
        row = summed.loc[(lever, fraction)]
        of_sources = str(row["compilations"])
        found[str(effect)] = {
            "mean": round(float(mean.mean()), 4),
            "sd": round(float(new.std()), 4),
            "mean_sd": round(float(mean.std()), 4),
            "interval": limits(new),
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


def of_ratios(fit: xr.DataTree, found: dict[str, dict[str, object]]) -> list[str]:
    """Lines on log ratios: effects, then what was published."""
    posterior = fit["posterior"].to_dataset()
    lines = [
        "## Log ratios",
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
    return [*lines, ""]


def of_factors(
    fits: dict[str, xr.DataTree], factors_of: dict[str, dict[str, object]], ratios: xr.DataTree | None
) -> list[str]:
    """Lines on factors through the core, the log ratio of stocks beside them."""
    known = {name: one for name, one in factors_of.items() if name in LEVERS and LEVERS[name].acts_on in UNCERTAIN}
    used = {name for name, lever in with_effects(known).items() if lever.through}
    columns = ["lever", "pairs", "studies", "acts on", "log ratio of stocks"]
    columns += [f"log factor through {name}, {kind}" for name in fits for kind in ("typical study", "new study")]
    lines = [
        "## What levers act on",
        "",
        "A log ratio of stocks holds how long a lever has been pulled. The log factor on plant input, or on",
        "decomposition, is what a structure needs from the balance of the control to make the ratios of all pairs in",
        "the years that each states. Both are of total organic carbon. Above zero, more input raises carbon and faster",
        "decomposition lowers it. For tillage the log ratio is of all layers, the factor of those that hold all carbon",
        "it moves, from the surface down. A star marks fewer than three studies; levers in bold take their effect in",
        "plans from here, all others from the sources that `sb.levers()` names.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + " --- |" * len(columns),
    ]
    for lever, entry in factors_of.items():
        cells = []
        for fit in fits.values():
            posterior = fit["posterior"].to_dataset()
            names = ("log_factor", "log_factor_new_study")
            cells += [
                said(flat(posterior[name].sel(lever=lever))) if lever in posterior["lever"] else "" for name in names
            ]
        ratio = "not told"
        if ratios is not None:
            ratio = said(flat(ratios["posterior"]["log_ratio"].sel(effect=f"{lever}: {WHOLE}")))
        star = " *" if int(str(entry["studies"])) < FEW else ""
        name = f"**{lever}**" if lever in used else lever
        acts = FACTORS[str(entry["acts_on"])]
        lines.append(
            f"| {name}{star} | " + " | ".join([f"{entry['pairs']}", f"{entry['studies']}", acts, ratio, *cells]) + " |"
        )
    notes = dict.fromkeys(note for fit in fits.values() for note in facts_of(fit).spec.notes)
    return [*lines, "", *(f"- {note}" for note in notes), ""]


def page(fits: dict[str, xr.DataTree], pairs: pd.DataFrame, notes: list[str], body: list[str]) -> str:
    """The page of results: evidence first, then what is in ``body``, then the fits it rests on."""
    covered = coverage(pairs)
    empty = int((covered["pairs"] == 0).sum())
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
        *body,
        "## Fits",
        "",
    ]
    for name, fit in fits.items():
        facts = fit.attrs
        lines.append(
            f"- {name}: {facts['parameters']} parameters, seed {SEED}; R-hat at most {facts['max_r_hat']:.4f}, "
            f"effective samples at least {facts['min_ess_bulk']:.0f} in the bulk and {facts['min_ess_tail']:.0f} in "
            f"the tails, {counted(int(facts['divergences']), 'divergence')}."
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Fit, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--literature", type=Path, help="folder of raw files; bundled pairs alone where left out")
    parser.add_argument("--store", type=Path, default=Path("runs/effects"))
    parser.add_argument("--structures", nargs="+", default=list(STRUCTURES), help="through which factors are learned")
    parser.add_argument("--levers", nargs="+", help="levers of a trial, which writes nothing")
    parser.add_argument("--draws", type=int, help="draws and warm-up of a trial, which writes nothing")
    arguments = parser.parse_args()
    given, notes = tables(arguments.literature)
    if arguments.levers:
        whole, _ = together(given)
        given = {"table": whole[whole["lever"].isin(arguments.levers)].reset_index(drop=True)} | dict.fromkeys(
            CONVERTED
        )
    pairs, dropped = together(given)
    notes += dropped
    covered = coverage(pairs)
    print(summary(pairs).to_string())
    print(covered[covered["pairs"] > 0]["said"].to_string())
    print(*notes, sep="\n")
    effort = {"draws": arguments.draws, "tune": arguments.draws} if arguments.draws else {}
    trial = bool(arguments.levers or arguments.draws)
    folders = {name: in_folder(arguments.store, name, trial=trial) for name in ("", *arguments.structures)}
    fits = {name: fitted(given, folder, effort, name) for name, folder in folders.items()}
    failed = {name: fit for name, fit in fits.items() if not facts_of(fit).converged}
    for name, fit in failed.items():
        notes.append(f"Nothing is told of the fit of {name or 'log ratios'}, which failed: {fit.attrs['failures']}")
        print(notes[-1])
    told = {name: fit for name, fit in fits.items() if trial or name not in failed}
    ratios, through = told.get(""), {name: fit for name, fit in told.items() if name}
    found = numbers(ratios, pairs) if ratios is not None else {}
    effects = learned(through, pairs)
    of_stocks = by_lever(found)
    stored = {
        lever: effect | ({"log_ratio": of_stocks[lever]} if lever in of_stocks else {})
        for lever, effect in effects.items()
    }
    text = json.dumps(stored, indent=1, ensure_ascii=False) + "\n"
    if trial or not stored:
        print(text, *of_factors(through, effects, ratios), sep="\n")
        raise SystemExit("nothing is written: " + ("a trial" if trial else "no fit through the core passed its checks"))
    write_learned(RESULT, text)
    body = of_factors(through, effects, ratios) + (of_ratios(ratios, found) if ratios is not None else [])
    DOCS.mkdir(parents=True, exist_ok=True)
    covered[covered["pairs"] > 0].round(3).to_csv(DOCS / "coverage.csv", lineterminator="\n")
    named = {f"factors through {name}" if name else "log ratios": fit for name, fit in told.items()}
    write_text(DOCS / "README.md", page(named, pairs, notes, body))


if __name__ == "__main__":
    main()
