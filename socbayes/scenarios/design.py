"""The land that sampled plots stand for, and what else a credit sheet is told: a table, or a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import Fault, SocbayesError, TableFaultsError, UnreadableFileError
from socbayes.files import toml_of
from socbayes.observations import HEADER
from socbayes.scenarios.projected import plot_meant, plots_in
from socbayes.vocabulary import AREAS, nearest

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

KEYS = ("rules", "buffer", "every_point", "stratum")
"""What a TOML file of a design may say; ``stratum`` is a list of tables of ``STRATUM_KEYS``."""
STRATUM_KEYS = ("name", "hectares", "plots")


@dataclass(frozen=True)
class Design:
    """Which plots stand for how much land.

    Parameters
    ----------
    plots
        Labels of the projection.
    strata
        Of each plot.
    areas
        Hectares by stratum.
    rules, buffer, every_point
        As a file says them; None where it does not.
    notes
        What to know of it.
    """

    plots: tuple[str, ...]
    strata: tuple[str, ...]
    areas: Mapping[str, float]
    rules: tuple[str, ...] | None = None
    buffer: float | None = None
    every_point: bool | None = None
    notes: tuple[str, ...] = ()


def stated_design(
    projection: xr.Dataset, areas: str | os.PathLike[str] | pd.DataFrame | Design | None, every_point: bool | None
) -> Design | None:
    """Land as it is given, or as the plans of a projection state it; None where neither does.

    Parameters
    ----------
    projection
        Stocks under several plans.
    areas
        As :func:`design_of` reads it, or a design.
    every_point
        Whether the plots are all there are; what the design says if None.

    Raises
    ------
    TableFaultsError, SocbayesError
        As :func:`design_of`.
    """
    import pandas as pd

    if isinstance(areas, Design):
        return areas if every_point is None else replace(areas, every_point=every_point)
    if areas is None:
        if "area" not in projection.coords:
            return None
        of_plans = pd.DataFrame({"plot": plots_in(projection), "area [ha]": projection["area"].to_numpy()})
        of_plans.attrs["source"] = "areas of the plans"
        areas = of_plans
    return design_of(areas, plots_in(projection), every_point=every_point)


def design_of(
    source: str | os.PathLike[str] | pd.DataFrame, plots: Sequence[str], *, every_point: bool | None = None
) -> Design:
    """Read which of the plots of a projection stand for how much land.

    Parameters
    ----------
    source
        A table of schema ``AREAS`` (a file, or a frame): the land each plot stands for, so that the areas of the plots
        of a stratum sum to that of the stratum. Or a TOML file with a ``[[stratum]]`` for each stratum, its ``name``,
        ``hectares`` and list of ``plots``, and ``rules``, ``buffer``, ``every_point`` above them.
    plots
        Of the projection.
    every_point
        Whether the plots are all there are, such as fields of a programme, each of its own area; what the file says by
        default.

    Returns
    -------
    Design

    Raises
    ------
    TableFaultsError
        With every fault, such as plots that the projection does not have.
    SocbayesError
        For what is neither a file nor a frame.

    Examples
    --------
    >>> import pandas as pd
    >>> fields = pd.DataFrame({"plot": ["A1", "A2"], "area [ha]": [12.0, 12.0]})
    >>> design_of(fields, ["A1", "A2", "A3"]).areas
    {'area': 24.0}
    """
    import pandas as pd

    if isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() == ".toml":
        return _from_toml(Path(source), list(plots), every_point)
    if not isinstance(source, (str, os.PathLike, pd.DataFrame)):
        raise SocbayesError(
            f"areas are a table (a frame, or its file) or a TOML file, not a {type(source).__name__}: state a row with "
            "plot and area [ha] for each plot"
        )
    from socbayes.table import examine_table

    frame, faults = examine_table(source, AREAS)
    name = str(frame.attrs.get("source", "areas"))
    if {"plot", "area"} <= set(frame):
        frame.index = frame.index + HEADER
        faults = [*faults, *_unknown_plots(frame["plot"], list(plots))]
        if not every_point:
            faults += [*_blank_strata(frame), *_unequal(frame)]
    if faults:
        raise TableFaultsError(list(faults), name)
    meant = tuple(str(plot_meant(str(label), list(plots))) for label in frame["plot"])
    if every_point:
        return _of_fields(meant, frame["area"].tolist(), list(plots))
    strata = tuple(frame["stratum"].astype(str)) if "stratum" in frame else ("area",) * len(meant)
    areas = frame["area"].groupby(list(strata), sort=False).sum().to_dict()
    return Design(meant, strata, areas, notes=_left_out(meant, list(plots)))


def written_design(design: Design) -> str:
    """A design as the text of a TOML file, from which :func:`design_of` reads it again.

    Parameters
    ----------
    design
        Any design.

    Examples
    --------
    >>> print(written_design(Design(("A1", "A2"), ("field", "field"), {"field": 24.0}, buffer=0.12)))
    buffer = 0.12
    <BLANKLINE>
    [[stratum]]
    name = "field"
    hectares = 24
    plots = ["A1", "A2"]
    <BLANKLINE>
    """
    told = {"rules": design.rules, "buffer": design.buffer, "every_point": design.every_point}
    lines = [f"{key} = {toml_of(value)}" for key, value in told.items() if value is not None]
    for name, hectares in design.areas.items():
        plots = [label for label, stratum in zip(design.plots, design.strata, strict=True) if stratum == name]
        of_stratum = {"name": name, "hectares": hectares, "plots": plots}
        lines += [
            *([""] if lines else []),
            "[[stratum]]",
            *(f"{key} = {toml_of(of_stratum[key])}" for key in STRATUM_KEYS),
        ]
    return "\n".join(lines) + "\n"


def _unknown_plots(labels: pd.Series, plots: list[str]) -> list[Fault]:
    """Plots that the projection does not have, and two labels of one plot, row by row."""
    faults: list[Fault] = []
    seen: dict[str, str] = {}
    for row, label in labels.items():
        if not isinstance(label, str):
            continue
        meant = plot_meant(label, plots)
        if meant is None:
            hint = nearest(label, plots)
            advice = f"did you mean `{hint}`?" if hint else f"plots of the projection: {', '.join(plots)}"
            faults.append(Fault("unknown plot", int(row), "plot", repr(label), "a plot of the projection", advice))
        elif seen.setdefault(meant, label) != label:
            faults.append(
                Fault("duplicate plot", int(row), "plot", repr(label), f"each plot once: {seen[meant]!r} is the same")
            )
    return faults


def _blank_strata(frame: pd.DataFrame) -> list[Fault]:
    """Plots of no stratum where others have one."""
    if "stratum" not in frame:
        return []
    return [
        Fault("missing value", int(row), "stratum", "an empty cell", "the stratum of each plot, or of none",
              "name the stratum, also of plots that are one of their own")
        for row in frame.index[frame["stratum"].isna()]
    ]  # fmt: skip


def _unequal(frame: pd.DataFrame) -> list[Fault]:
    """Plots of a stratum that stand for unequal land: the rules count each of them alike."""
    strata = frame["stratum"] if "stratum" in frame else frame["plot"].map(lambda _: "area")
    faults = []
    for name, areas in frame["area"].groupby(strata, sort=False):
        first = areas.iloc[0]
        odd = areas[areas.notna() & ~np.isclose(areas, first)] if np.isfinite(first) else areas[:0]
        faults += [
            Fault(
                "unequal areas", int(row), "area", f"{value:g} ha", f"{first:g} ha, as the first of stratum {name}",
                "points of a stratum stand for equal parts of it: make strata of them, or say that these are all the "
                "fields there are (every_point, --every-point)",
            )
            for row, value in odd.items()
        ]  # fmt: skip
    return faults


def _of_fields(plots: tuple[str, ...], areas: list[float], known: list[str]) -> Design:
    """Fields that are all there are: each a stratum of its own."""
    return Design(
        plots, plots, dict(zip(plots, areas, strict=True)), every_point=True, notes=_left_out(plots, known)
    )  # fmt: skip


def _left_out(plots: Sequence[str], known: list[str]) -> tuple[str, ...]:
    others = [label for label in known if label not in plots]
    return (f"Plots of the projection without an area count for nothing: {', '.join(others)}.",) if others else ()


def _from_toml(path: Path, plots: list[str], every_point: bool | None) -> Design:
    """A design as a TOML file states it; all that is wrong with it at once."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFileError(f"there is no file {path} that can be read") from error
    except ValueError as error:  # of TOML, or of an encoding
        raise UnreadableFileError(f"{path.name} is no TOML in UTF-8: {error}") from error
    faults = [_unknown_key(key, KEYS) for key in told if key not in KEYS]
    strata = told.get("stratum")
    if not isinstance(strata, list) or not strata or not all(isinstance(one, dict) for one in strata):
        faults.append(_fault("stratum", "nothing" if strata is None else "no list", "[[stratum]], one for each"))
        strata = []
    faults += _wrong_kinds(told)
    for place, one in enumerate(strata, start=1):
        faults += _stratum_faults(one, f"stratum {place}", plots)
    labels = [str(label) for one in strata for label in _plots_of(one)]
    meant = [plot_meant(label, plots) or label for label in labels]
    faults += [
        _fault("plots", repr(label), "each plot once") for label in dict.fromkeys(meant) if meant.count(label) > 1
    ]
    names = [str(one.get("name")) for one in strata]
    faults += [
        _fault("name", repr(name), "each stratum once") for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    if faults:
        raise TableFaultsError(faults, path.name)
    all_points = told.get("every_point") if every_point is None else every_point
    of_plots = [str(one["name"]) for one in strata for _ in one["plots"]]
    rules = told.get("rules")
    return Design(
        tuple(meant),
        tuple(of_plots),
        {str(one["name"]): float(one["hectares"]) for one in strata},
        None if rules is None else tuple(rules),
        told.get("buffer"),
        all_points,
        _left_out(meant, plots),
    )


def _plots_of(stratum: Mapping[str, Any]) -> list[Any]:
    plots = stratum.get("plots")
    return plots if isinstance(plots, list) else []


def _stratum_faults(stratum: Mapping[str, Any], where: str, plots: list[str]) -> list[Fault]:
    """What is wrong with one stratum of a TOML file."""
    faults = [_unknown_key(key, STRATUM_KEYS, where) for key in stratum if key not in STRATUM_KEYS]
    if not str(stratum.get("name", "")).strip():
        faults.append(_fault(f"{where}, name", "nothing", "a name"))
    hectares = stratum.get("hectares")
    if isinstance(hectares, bool) or not isinstance(hectares, (int, float)) or not 0 < hectares < np.inf:
        found = "nothing" if hectares is None else repr(hectares)
        faults.append(_fault(f"{where}, hectares", found, "a positive number"))
    if not _plots_of(stratum):
        faults.append(_fault(f"{where}, plots", "nothing", "a list of plots of the projection"))
    for label in _plots_of(stratum):
        if plot_meant(str(label), plots) is None:
            hint = nearest(str(label), plots)
            advice = f"did you mean {hint!r}?" if hint else f"plots of the projection: {', '.join(plots)}"
            faults.append(_fault(f"{where}, plots", repr(label), "a plot of the projection", advice))
    return faults


def _wrong_kinds(told: Mapping[str, Any]) -> list[Fault]:
    """Settings of a TOML file that are not of their kind."""
    faults = []
    rules, buffer = told.get("rules", []), told.get("buffer", 0.0)
    if not isinstance(rules, list) or not all(isinstance(one, str) for one in rules):
        faults.append(_fault("rules", repr(rules), "a list of names of rules"))
    if isinstance(buffer, bool) or not isinstance(buffer, (int, float)):
        faults.append(_fault("buffer", repr(buffer), "a share, such as 0.12"))
    if not isinstance(told.get("every_point", False), bool):
        faults.append(_fault("every_point", repr(told["every_point"]), "true or false"))
    return faults


def _unknown_key(key: str, known: Sequence[str], where: str = "") -> Fault:
    hint = nearest(key, list(known))
    advice = f"did you mean {hint!r}?" if hint else f"known: {', '.join(known)}"
    return _fault(f"{where}, {key}" if where else key, "an unknown name", f"one of {', '.join(known)}", advice)


def _fault(column: str, found: str, expected: str, advice: str = "") -> Fault:
    return Fault("design", None, column, found, expected, advice)
