"""Plans read from a file or a dict, and judged all at once; and written to a file again."""

from __future__ import annotations

import datetime
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from socbayes.errors import Fault, SocbayesError, TableFaultsError, UnknownNameError, UnreadableFileError
from socbayes.files import toml_key, toml_of
from socbayes.scenarios.levers import LEVERS, LOWEST, OF_CLIMATE, lever_called
from socbayes.scenarios.plan_checks import idle_plans, impossible_doses, names_alike, notes_on
from socbayes.scenarios.plans import (
    COLUMNS,
    DIRECT,
    EFFICIENCIES,
    USUAL,
    Climate,
    Dose,
    Override,
    Plan,
    Plans,
    Stage,
)
from socbayes.vocabulary import nearest
from socbayes.wording import counted

_YEARS = ("start", "end", "year")
"""Keys of which the number is a year."""


def read_plans(source: str | os.PathLike[str] | Mapping[str, Any] | Plans) -> Plans:
    """Read plans, and find every fault of them at once.

    A file, or dict, holds ``plans``, by name each with ``levers`` (tables of ``lever``, ``dose``, ``start``, ``end``
    and ``ramp``), ``management`` (tables of columns of management with their value, ``start`` and ``end``),
    ``adoption`` (tables of ``year`` and ``share`` of the area, or ``plots``), ``climate`` and ``plots``. Beside them
    stand ``baseline``, the name of the plan that is business as usual (one that changes nothing by default),
    ``climate`` for all plans that have none of their own (``warming`` in degC, ``rain`` and ``evaporation`` as
    factors, ``start``, ``ramp``, ``resample``, ``table`` and ``efficiency``) and ``areas`` of plots in ha.

    Parameters
    ----------
    source
        Path of a TOML file, a dict of the same form, or plans that were read.

    Returns
    -------
    Plans
        With notes on doses beyond the evidence.

    Raises
    ------
    UnreadableFileError
        For a file that is not there, or no TOML.
    TableFaultsError
        For everything that cannot be right: unknown levers, columns and keys with the nearest name, numbers that are
        none, levers that exclude each other.

    Examples
    --------
    >>> plans = read_plans({"plans": {"cover": {"levers": [{"lever": "cover_crop", "dose": 1.0, "start": 2026}]}}})
    >>> list(plans.plans), plans.baseline
    (['business as usual', 'cover'], 'business as usual')
    """
    if isinstance(source, Plans):
        return source
    if not isinstance(source, Mapping | str | os.PathLike):
        raise refused([Fault("no plans", None, "plans", _shown(source), "a path, a dict, or plans")])
    given, called, folder = (source, "plans", Path()) if isinstance(source, Mapping) else _from_file(Path(source))
    faults: list[Fault] = []
    _known_keys(given, ("plans", "baseline", "climate", "areas"), "", faults)
    common = _climate(given["climate"], "climate", faults, folder) if "climate" in given else None
    written = given.get("plans")
    if not isinstance(written, Mapping) or not written:
        faults.append(Fault("no plans", None, "plans", _shown(written), "a table of plans by name",
                            'such as [plans.cover] with levers = [{ lever = "cover_crop", dose = 1 }]'))  # fmt: skip
        written = {}
    plans = {str(name): _plan(str(name), body, common, faults, folder) for name, body in written.items()}
    baseline = str(given.get("baseline", USUAL))
    if baseline not in plans:
        if "baseline" in given and baseline != USUAL:
            faults.append(_misspelt("plan", baseline, list(plans), "baseline"))
        plans = {baseline: Plan(baseline), **plans}
    areas = _areas(given.get("areas", {}), faults)
    faults += names_alike(list(plans))
    for plan in plans.values():
        faults += [*_exclusions(plan), *impossible_doses(plan)]
    if faults:
        raise refused(faults, called)
    ordered = {name: plans[name] for name in (baseline, *(name for name in plans if name != baseline))}
    ordered = {name: plan if plan.climate else replace(plan, climate=common) for name, plan in ordered.items()}
    result = Plans(ordered, baseline, areas)
    notes = [note for plan in ordered.values() for note in notes_on(plan)]
    return replace(result, notes=tuple(dict.fromkeys([*notes, *idle_plans(result)])))


def refused(faults: Sequence[Fault], called: str = "plans") -> TableFaultsError:
    """What is raised of plans with faults, each with its place in the file.

    Parameters
    ----------
    faults
        All of them.
    called
        What the plans are called.
    """
    return TableFaultsError([replace(one, place="at") for one in faults], called)


def under(plans: Plans, climate: Mapping[str, Any]) -> Plans:
    """The same plans, the baseline among them, in another climate.

    Parameters
    ----------
    plans
        Of :func:`read_plans`.
    climate
        As the table ``climate`` of a file of plans.

    Raises
    ------
    TableFaultsError
        For everything that cannot be right.

    Examples
    --------
    >>> plans = read_plans({"plans": {"cover": {"levers": {"cover_crop": 1.0}}}})
    >>> under(plans, {"warming": 2.0})["cover"].climate.changes[0].dose
    2.0
    """
    faults: list[Fault] = []
    read = _climate(climate, "climate", faults, Path())
    if faults:
        raise refused(faults, "climate")
    changed = {name: replace(plan, climate=read) for name, plan in plans.plans.items()}
    notes = [note for plan in changed.values() for note in notes_on(plan)]
    if replaced := [name for name, plan in plans.plans.items() if plan.climate]:
        notes.append(f"The climate of {', '.join(replaced)} is replaced.")
    return replace(plans, plans=changed, notes=tuple(dict.fromkeys(notes)))


YOUR_WEATHER = "YOUR_WEATHER"
"""What a table of weather is called in plans that are written out: the table itself is not."""
_CHANGES = ("warming", "rain", "evaporation")


def written_plans(plans: Plans) -> str:
    """Plans as the text of a TOML file, from which they are read again as they are.

    Parameters
    ----------
    plans
        Any plans; parts that end before they begin are left out. A table of weather is named ``YOUR_WEATHER`` with a
        number: the file is to be put in its place.

    Examples
    --------
    >>> print(written_plans(read_plans({"plans": {"cover": {"levers": {"cover_crop": 1.0}, "plots": ["A1"]}}})))
    baseline = "business as usual"
    <BLANKLINE>
    [plans."business as usual"]
    <BLANKLINE>
    [plans.cover]
    levers = [
        { lever = "cover_crop", dose = 1 },
    ]
    plots = ["A1"]
    <BLANKLINE>
    """
    tables = list({
        id(plan.climate.table): plan.climate.table for plan in plans.plans.values()
        if plan.climate is not None and plan.climate.table is not None
    }.values())  # fmt: skip
    names = {id(table): f"{YOUR_WEATHER}_{place}.csv" for place, table in enumerate(tables, start=1)}
    lines = [
        f"# {names[id(table)]}: a table of weather of {counted(len(table), 'row')}, which is not kept."
        for table in tables
    ]
    lines.append(f"baseline = {toml_of(plans.baseline)}")
    # Plans that share the climate of the baseline go on to share it.
    usual = plans[plans.baseline].climate
    common = usual if usual is not None and not _climate_told(usual, names)[1] else None
    if common is not None:
        lines += ["", "[climate]", *_lines(_climate_told(common, names)[0])]
    for name, plan in plans.plans.items():
        lines += ["", f"[plans.{toml_key(name)}]"]
        climate, more = ({}, []) if plan.climate is None else _climate_told(plan.climate, names)
        lines += _lines({
            "levers": [
                _timed({"lever": one.lever.name, "dose": one.dose}, one) for one in (*plan.doses, *more) if _lasts(one)
            ],
            "management": [_timed({one.column: one.value}, one) for one in plan.overrides if _lasts(one)],
            "adoption": [
                {"year": one.year} | ({"plots": one.plots} if one.share is None else {"share": one.share})
                for one in plan.adoption
            ],
            "plots": plan.plots,
        })  # fmt: skip
        if plan.climate is not common:
            lines.append(f"climate = {toml_of(climate)}")
    if plans.areas:
        lines += ["", "[areas]", *(f"{toml_key(name)} = {toml_of(area)}" for name, area in plans.areas.items())]
    return "\n".join(lines) + "\n"


def _lines(told: Mapping[str, Any]) -> list[str]:
    """A line for each key that says something; of a list of tables one for each of them."""
    lines = []
    for key, value in told.items():
        if isinstance(value, list) and value:
            lines += [f"{key} = [", *(f"    {toml_of(one)}," for one in value), "]"]
        elif value not in ([], ()):
            lines.append(f"{key} = {toml_of(value)}")
    return lines


def _lasts(one: Dose | Override) -> bool:
    return one.start is None or one.end is None or one.start < one.end


def _timed(told: dict[str, Any], one: Dose | Override) -> dict[str, Any]:
    """What a table says, with its years as far as it has any."""
    times = {"start": one.start, "end": one.end, "ramp": getattr(one, "ramp", 0.0) or None}
    return told | {key: value for key, value in times.items() if value is not None}


def _climate_told(climate: Climate, names: Mapping[int, str]) -> tuple[dict[str, Any], list[Dose]]:
    """The table of a climate, and those of its changes that it cannot hold: a table has one start, end and ramp."""
    told: dict[str, Any] = {}
    more: list[Dose] = []
    for one in climate.changes:
        name, first = one.lever.name, climate.changes[0]
        value = one.dose + (0.0 if name == "warming" else 1.0)
        alike = (one.start, one.end, one.ramp) == (first.start, first.end, first.ramp)
        fits = alike and not more and _CHANGES.index(name) > max((_CHANGES.index(each) for each in told), default=-1)
        # A factor that is read again as another dose by a rounding error is kept as a dose.
        if fits and value - (0.0 if name == "warming" else 1.0) == one.dose and (name == "warming" or value >= 0.0):
            told[name] = value
        else:
            more.append(one)
    if told:
        told = _timed(told, climate.changes[0])
    told |= {"resample": True} if climate.resample else {}
    told |= {} if climate.table is None else {"table": names[id(climate.table)]}
    told |= {} if climate.efficiency == DIRECT else {"efficiency": climate.efficiency}
    return told, more


def _from_file(path: Path) -> tuple[Mapping[str, Any], str, Path]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), str(path), path.parent
    except FileNotFoundError:
        raise UnreadableFileError(f"{path} is not there") from None
    except IsADirectoryError:
        raise UnreadableFileError(f"{path} is a folder; name a TOML file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableFileError(f"{path} is no TOML file: {error}") from error


def _plan(name: str, body: Any, common: Climate | None, faults: list[Fault], folder: Path) -> Plan:
    where = f"plans.{name}"
    if not isinstance(body, Mapping):
        faults.append(Fault("no plan", None, where, _shown(body), "a table"))
        return Plan(name)
    _known_keys(body, ("levers", "management", "adoption", "climate", "plots"), where, faults)
    climate = _climate(body["climate"], f"{where}.climate", faults, folder) if "climate" in body else common
    doses = [one for place, each in _listed(body, "levers", where, faults) if (one := _dose(each, place, faults))]
    overrides = [
        one for place, each in _listed(body, "management", where, faults) for one in _overrides(each, place, faults)
    ]
    stages = [_stage(each, place, faults) for place, each in _listed(body, "adoption", where, faults)]
    years, shares = [one.year for one in stages], [one.share for one in stages if one.share is not None]
    if years != sorted(years) or shares != sorted(shares):
        faults.append(Fault("adoption goes back", None, f"{where}.adoption", _shown(body["adoption"]),
                            "years and shares that rise from stage to stage"))  # fmt: skip
    of_climate = [one for one in doses if one.lever.acts_on in OF_CLIMATE]
    if of_climate:
        climate = replace(climate or Climate(), changes=(*(climate.changes if climate else ()), *of_climate))
    kept = tuple(one for one in doses if one.lever.acts_on not in OF_CLIMATE)
    return Plan(
        name, kept, tuple(overrides), tuple(stages), climate, _names(body.get("plots", ()), f"{where}.plots", faults)
    )


def _listed(
    body: Mapping[str, Any], key: str, where: str, faults: list[Fault]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Tables of a list, each with its place; levers may also be a table of doses by name."""
    given = body.get(key, ())
    if key == "levers" and isinstance(given, Mapping):
        given = [{"lever": name, "dose": dose} for name, dose in given.items()]
    if isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, Sequence) or isinstance(given, str):
        faults.append(Fault("no list", None, f"{where}.{key}", _shown(given), "a list of tables"))
        return
    for number, each in enumerate(given, start=1):
        place = f"{where}.{key} {number}"
        if isinstance(each, Mapping):
            yield place, each
        else:
            faults.append(Fault("no table", None, place, _shown(each), "a table"))


def _dose(each: Mapping[str, Any], place: str, faults: list[Fault]) -> Dose | None:
    _known_keys(each, ("lever", "dose", "start", "end", "ramp"), place, faults)
    lever = None
    if "lever" in each:
        try:
            lever = lever_called(str(each["lever"]))
        except UnknownNameError:
            faults.append(_misspelt("lever", str(each["lever"]), list(LEVERS), place))
    else:
        faults.append(Fault("no lever", None, place, "nothing", "lever, the name of one",
                            "socbayes levers lists them"))  # fmt: skip
    lowest = LOWEST.get(lever.acts_on, -np.inf) if lever else -np.inf
    dose = _number(each, "dose", place, faults, lowest=lowest)
    ramp = _number(each, "ramp", place, faults, default=0.0, lowest=0.0)
    start, end = _times(each, place, faults)
    return None if lever is None else Dose(lever, float(dose or 0.0), start, end, float(ramp or 0.0))


def _overrides(each: Mapping[str, Any], place: str, faults: list[Fault]) -> Iterator[Override]:
    _known_keys(each, (*COLUMNS, "start", "end"), place, faults)
    start, end = _times(each, place, faults)
    if not any(column in each for column in COLUMNS):
        faults.append(Fault("nothing managed", None, place, _shown(dict(each)), f"one of {', '.join(COLUMNS)}"))
    for column in COLUMNS:
        if column in each:
            yield Override(column, float(_number(each, column, place, faults, lowest=0.0) or 0.0), start, end)


def _stage(each: Mapping[str, Any], place: str, faults: list[Fault]) -> Stage:
    _known_keys(each, ("year", "share", "plots"), place, faults)
    year = _number(each, "year", place, faults)
    share = _number(each, "share", place, faults, lowest=0.0) if "share" in each else None
    if ("share" in each) == ("plots" in each) or (share or 0.0) > 1.0:
        percent = share if share is not None and 1.0 < share <= 100.0 else 0.0
        faults.append(Fault("no stage", None, place, _shown(dict(each)), "a share of the area from 0 to 1, or plots",
                            f"{percent:g} percent is {percent / 100:g}" if percent else ""))  # fmt: skip
    return Stage(float(year or 0.0), share, _names(each.get("plots", ()), f"{place}.plots", faults))


def _climate(given: Any, where: str, faults: list[Fault], folder: Path) -> Climate:
    if not isinstance(given, Mapping):
        faults.append(Fault("no climate", None, where, _shown(given), "a table"))
        return Climate()
    known = (*_CHANGES, "start", "end", "ramp", "resample", "table", "efficiency")
    _known_keys(given, known, where, faults)
    start, end = _times(given, where, faults)
    ramp = float(_number(given, "ramp", where, faults, default=0.0, lowest=0.0) or 0.0)
    changes = []
    for name in _CHANGES:
        if name in given:
            value = _number(given, name, where, faults, lowest=-np.inf if name == "warming" else 0.0)
            # Rain is given as a factor, and a lever has what it departs from one.
            dose = float(value or 0.0) - (0.0 if name == "warming" else 1.0)
            changes.append(Dose(LEVERS[name], dose, start, end, ramp))
    table = _weather(given.get("table"), f"{where}.table", faults, folder)
    resample = given.get("resample", False)
    if not isinstance(resample, bool):
        faults.append(Fault("no switch", None, f"{where}.resample", _shown(resample), "true or false"))
    efficiency = given.get("efficiency", DIRECT)
    if not isinstance(efficiency, str) or efficiency not in EFFICIENCIES:
        faults.append(_misspelt("answer of efficiency", str(efficiency), list(EFFICIENCIES), f"{where}.efficiency"))
        efficiency = DIRECT
    if not changes and {"start", "end", "ramp"} & set(given):
        found = ", ".join(key for key in ("start", "end", "ramp") if key in given)
        faults.append(Fault("nothing that begins or ends", None, where, found, "warming, rain or evaporation beside it",
                            "a table of weather has its own years" if "table" in given else ""))  # fmt: skip
    return Climate(tuple(changes), bool(resample), table, efficiency)


def _weather(given: Any, place: str, faults: list[Fault], folder: Path) -> Any:
    """Table of weather that a climate names; None where it names none, or one that cannot be read."""
    if given is None or hasattr(given, "columns"):
        return given
    if not isinstance(given, str | os.PathLike):
        faults.append(Fault("no table", None, place, _shown(given), "the path of a table of weather"))
        return None
    from socbayes.table import read_table

    try:
        return read_table(folder / given, "field_weather")
    except TableFaultsError as error:
        faults += error.faults
    except SocbayesError as error:
        faults.append(Fault("no table", None, place, repr(str(given)), "a table of weather", str(error)))
    return None


def _exclusions(plan: Plan) -> Iterator[Fault]:
    """Doses of one plan at one time whose levers exclude each other."""
    for place, one in enumerate(plan.doses):
        for other in plan.doses[:place]:
            begin = max(_or(one.start, -np.inf), _or(other.start, -np.inf))
            together = begin < min(_or(one.end, np.inf), _or(other.end, np.inf))
            if together and (one.lever.name in other.lever.excludes or other.lever.name in one.lever.excludes):
                yield Fault("levers exclude each other", None, f"plans.{plan.name}.levers",
                            f"{other.lever.name} and {one.lever.name} at one time", "one of them",
                            "let one end before the other begins, or make two plans")  # fmt: skip


def _known_keys(given: Mapping[str, Any], known: Sequence[str], where: str, faults: list[Fault]) -> None:
    faults += [_misspelt("key", str(key), list(known), where) for key in given if key not in known]


def _misspelt(kind: str, found: str, known: list[str], where: str) -> Fault:
    hint = nearest(found, known)
    return Fault(
        f"unknown {kind}", None, where, repr(found), ", ".join(known), f"did you mean {hint!r}?" if hint else ""
    )


def _times(each: Mapping[str, Any], place: str, faults: list[Fault]) -> tuple[float | None, float | None]:
    start, end = (_number(each, key, place, faults) if key in each else None for key in ("start", "end"))
    if start is not None and end is not None and end <= start:
        faults.append(Fault("ends before it begins", None, place, f"{start:g} to {end:g}", "an end after the start"))
    return start, end


def _number(
    each: Mapping[str, Any], key: str, place: str, faults: list[Fault], *, default: float | None = None,
    lowest: float = -np.inf,
) -> float | None:  # fmt: skip
    value = each.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value) or value < lowest:
        at_least = "" if lowest == -np.inf else f", {lowest:g} or more"
        kind = "a year as a number, such as 2026 or 2026.5" if key in _YEARS else f"a number{at_least}"
        faults.append(Fault("no number", None, f"{place}.{key}", _shown(value), kind, _as_number(key, value)))
        return None
    return float(value)


def _as_number(key: str, value: Any) -> str:
    """How somebody may have meant what is no number."""
    if key in _YEARS and isinstance(value, datetime.date):
        length = (datetime.date(value.year + 1, 1, 1) - datetime.date(value.year, 1, 1)).days
        return f"write {value.year + (value.timetuple().tm_yday - 1) / length:.2f}".removesuffix("0").removesuffix(".0")
    if isinstance(value, str):
        try:
            return f"write {float(value):g} without quotation marks"
        except ValueError:
            return ""
    if key in ("rain", "evaporation") and isinstance(value, int | float) and -1.0 <= value < 0.0:
        return f"a factor: {1.0 + value:g} is {-100 * value:g} percent less"
    return ""


def _names(given: Any, place: str, faults: list[Fault]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        faults.append(Fault("no list", None, place, _shown(given), "a list of names of plots"))
        return ()
    if not given and not isinstance(given, tuple):
        faults.append(Fault("no plots", None, place, "an empty list", "names of plots, or nothing for all of them"))
    return tuple(str(name) for name in given)


def _areas(given: Any, faults: list[Fault]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        faults.append(Fault("no areas", None, "areas", _shown(given), "a table of hectares by plot"))
        return {}
    areas = {str(name): float(_number(given, name, "areas", faults, lowest=0.0) or 0.0) for name in given}
    if areas and not any(areas.values()) and all(isinstance(one, int | float) for one in given.values()):
        faults.append(Fault("no land", None, "areas", "no area above zero", "hectares of at least one plot"))
    return areas


def _shown(value: Any) -> str:
    if isinstance(value, datetime.date):
        return str(value)
    return "nothing" if value is None else repr(value)[:80]


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
