"""The layer of each plot that is modelled: layers of a visit that adjoin are summed to a depth that all visits reach.

Structures have one layer. It begins at the uppermost depth that a plot was sampled from, and ends where all visits of
all plots of a site have a limit of a layer: at the deepest such limit within 30 cm, the topsoil of inventories, and if
there is none so high, at the highest. Layers above the mineral soil are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.errors import Fault
from socbayes.frames import numeric
from socbayes.models.field.plots import ASSUMED_DEPTH, plot_of_rows
from socbayes.models.field.soil_mass import fine_earth_density
from socbayes.observations import HEADER, OBSERVATIONS, Stock
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

TOPSOIL = 30.0
"""cm: what inventories count, and the soil that rates of structures were found for."""
DEPTH_TOLERANCE = 1.1
"""Ratio of thicknesses that still count as one depth, as layers of equal mass differ by a few percent."""
ADJOINING = 0.5
"""cm between two layers that still adjoin, as limits are rounded."""
OF_SOIL = ("clay", "silt_and_clay", "ph", "total_nitrogen")
STOCKS = tuple(kind for kind in OBSERVATIONS if isinstance(kind, Stock))


class Visit(NamedTuple):
    """Samples of one plot at one time that state a depth in the mineral soil.

    Parameters
    ----------
    site, plot
        Positions of the site, which is one of its study, and of the plot.
    begin
        Top of the layer of the plot, cm.
    rows
        Positions of its rows.
    chains
        By depth, cm, the adjoining layers from the top of the plot down to it, each the positions of its rows.
    """

    site: int
    plot: int
    begin: float
    rows: np.ndarray
    chains: dict[float, list[np.ndarray]]


class Sampled(NamedTuple):
    """Samples of the layer that is modelled.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``, a row for each.
    origin
        Position of each in the table given; of layers that were summed that of the uppermost, (row,).
    layers
        Positions in the table given of the layers that each consists of, each the rows that are samples of it; one
        layer of one row where nothing was summed.
    density
        Fine earth over the volume of the soil, g/cm3, NaN where it was not measured, (row,).
    notes
        What was summed and left out.
    """

    obs: pd.DataFrame
    origin: np.ndarray
    layers: list[list[np.ndarray]]
    density: np.ndarray
    notes: tuple[str, ...]

    @property
    def thickness(self) -> np.ndarray:
        """cm, NaN where no depth is stated, (row,)."""
        return thickness_of(self.obs)


def thickness_of(obs: pd.DataFrame) -> np.ndarray:
    """Thickness of the layer of each row, cm, NaN where it ends nowhere; one without a top begins at the surface.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    """
    return numeric(obs, "depth_bottom") - np.nan_to_num(numeric(obs, "depth_top"))


def layer_modelled(obs: pd.DataFrame, seen: int | None = None) -> Sampled:
    """Samples of the layer of each plot that is modelled.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    seen
        Rows, from the first, that the fit saw; all by default. The layer does not rest on the others.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"site": "Farm", "plot": "1", "year": [2000.0, 2000.0, 2010.0], "soc_stock": [30.0, 20.0, 52.0]}
    >>> obs = pd.DataFrame(rows | {"depth_top": [0.0, 10.0, 0.0], "depth_bottom": [10.0, 30.0, 30.0]})
    >>> layer_modelled(obs).obs["soc_stock"].tolist()
    [50.0, 52.0]
    """
    visits, depths = visits_and_depths(obs, seen)
    # Rows without a depth are taken for samples of the layer.
    layers = [[np.array([row])] for row in np.flatnonzero(~np.isfinite(numeric(obs, "depth_bottom")))]
    for visit in visits:
        if (reached := nearest_depth(visit, depths[visit.plot])) is not None:
            chain = visit.chains[reached]
            layers += [chain] if len(chain) > 1 else [[np.array([row])] for row in chain[0]]
    layers.sort(key=lambda chain: chain[0][0])
    origin = np.array([chain[0][0] for chain in layers], dtype="int64")
    result, density = obs.iloc[origin].reset_index(drop=True), fine_earth_density(obs)
    own, lost = density[origin], 0
    several = [place for place, chain in enumerate(layers) if len(chain) > 1]
    if several:
        filled = _filled(obs, density)
        made = {name: result[name].to_numpy().copy() for name in result if result[name].dtype == "float64"}
        for place in several:
            for name, value in _summed(obs, layers[place], filled).items():
                made[name][place] = value
            own[place] = _mean_density(obs, layers[place], density)
        result = result.assign(**made)
        lost = sum(_lost(obs, layers[place], result.iloc[place]) for place in several)
    used = np.concatenate([np.concatenate(chain) for chain in layers]) if layers else np.zeros(0, dtype="int64")
    notes = tuple(_said(obs, visits, depths, np.isin(np.arange(len(obs)), used), len(several)))
    if lost:
        notes += (
            f"{counted(lost, 'value')} that not all layers of a visit have {'is' if lost == 1 else 'are'} left out.",
        )
    return Sampled(result, origin, layers, own, notes)


def visits_and_depths(obs: pd.DataFrame, seen: int | None = None) -> tuple[list[Visit], dict[int, float]]:
    """Visits of the plots, and down to which depth each plot is modelled, cm, by its position.

    Parameters
    ----------
    obs, seen
        As for :func:`layer_modelled`.
    """
    top, bottom = np.nan_to_num(numeric(obs, "depth_top")), numeric(obs, "depth_bottom")
    learned = np.arange(len(obs)) < (len(obs) if seen is None else seen)
    plot = plot_of_rows(obs)
    site = sites_of_rows(obs)
    mineral = np.isfinite(bottom) & (bottom > 0)
    visits, known = [], []
    for rows in rows_of_visits(obs, mineral):
        of_plot = (plot == plot[rows[0]]) & mineral
        decide = of_plot & learned
        begin = float(top[decide if decide.any() else of_plot].min())
        visits.append(Visit(int(site[rows[0]]), int(plot[rows[0]]), begin, rows, chains_from(begin, rows, top, bottom)))
        known.append(learned[rows].all())
    depths: dict[int, float] = {}
    for place in {visit.site for visit in visits}:
        here = [visit for visit in visits if visit.site == place]
        seen_here = [visit for visit, one in zip(visits, known, strict=True) if visit.site == place and one] or here
        common = _common(seen_here)
        for position in {visit.plot for visit in here}:
            own = [visit for visit in seen_here if visit.plot == position] or [v for v in here if v.plot == position]
            depths[position] = common or _common(own) or _usual(own)
    return visits, depths


def sites_of_rows(obs: pd.DataFrame) -> np.ndarray:
    """Position of the site of each row, which is one of its study."""
    names = [name for name in ("study", "site") if name in obs]
    return obs.groupby(names, sort=False, dropna=False).ngroup().to_numpy()


def rows_of_visits(obs: pd.DataFrame, which: np.ndarray) -> list[np.ndarray]:
    """Positions of those of some rows that are of one plot at one time, by visit in order of appearance.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    which
        Whether a row counts, (row,).
    """
    place = np.flatnonzero(which)
    keys = [plot_of_rows(obs)[place], np.round(numeric(obs, "year")[place], 3)]
    visits = [place[rows] for rows in obs.iloc[place].groupby(keys, sort=False).indices.values()]
    return sorted(visits, key=lambda rows: int(rows[0]))


def chains_from(begin: float, rows: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> dict[float, list[np.ndarray]]:
    """Adjoining layers from ``begin`` down to each depth that they reach, as few as possible.

    Parameters
    ----------
    begin
        cm.
    rows
        Positions of the rows of a visit.
    top, bottom
        Limits of the layers of all rows, cm, (row,).
    """
    chains: dict[float, list[np.ndarray]] = {begin: []}
    layers = sorted({(top[row], -bottom[row]) for row in rows})
    for first, last in layers:
        before = [depth for depth in chains if abs(depth - first) <= ADJOINING and depth < -last]
        for depth in before:
            same = rows[(top[rows] == first) & (bottom[rows] == -last)]
            chain = [*chains[depth], same]
            if -last not in chains or len(chain) < len(chains[-last]):
                chains[-last] = chain
    return {depth: chain for depth, chain in chains.items() if chain}


def nearest_depth(visit: Visit, depth: float) -> float | None:
    """Depth that the layers of a visit reach and that counts as the one asked for, if there is any."""
    close = [one for one in visit.chains if _alike(one - visit.begin, depth - visit.begin)]
    return min(close, key=lambda one: abs(one - depth)) if close else None


def _alike(one: float, other: float) -> bool:
    """Whether two thicknesses count as one."""
    return max(one, other) <= DEPTH_TOLERANCE * min(one, other)


def _common(visits: list[Visit]) -> float | None:
    """Depth that the layers of all visits reach: the deepest in the topsoil, else the highest, if there is any."""
    every = sorted({depth for visit in visits for depth in visit.chains})
    shared = [depth for depth in every if all(nearest_depth(visit, depth) is not None for visit in visits)]
    high = [depth for depth in shared if depth <= TOPSOIL + ADJOINING]
    return max(high) if high else min(shared, default=None)


def _usual(visits: list[Visit]) -> float:
    """Depth that the layers of most visits reach."""
    every = sorted({depth for visit in visits for depth in visit.chains}) or [TOPSOIL]
    return max(every, key=lambda depth: sum(nearest_depth(visit, depth) is not None for visit in visits))


def _filled(obs: pd.DataFrame, density: np.ndarray) -> np.ndarray:
    """Fine earth of each row, that of other samples of its layer where it has none, else of all layers alike."""
    layer = [np.nan_to_num(numeric(obs, "depth_top")), numeric(obs, "depth_bottom")]
    result = obs.assign(density=density)["density"]
    for keys in ([plot_of_rows(obs), *layer], [obs["site"], *layer], layer):
        result = result.fillna(result.groupby(keys, dropna=False).transform("mean"))
    return result.fillna(1.0).to_numpy()


def _mean_density(obs: pd.DataFrame, chain: list[np.ndarray], density: np.ndarray) -> float:
    """Fine earth over the volume of several layers, NaN where it was not measured in all of them."""
    thickness = np.array([thickness_of(obs)[layer[0]] for layer in chain])
    return float(np.average([density[layer].mean() for layer in chain], weights=thickness))


def _summed(obs: pd.DataFrame, chain: list[np.ndarray], density: np.ndarray) -> dict[str, float]:
    """Numbers of several layers as one: stocks are summed, contents and what else is of soil weighted by fine earth."""
    thickness = np.array([thickness_of(obs)[layer[0]] for layer in chain])
    mass = np.array([density[layer].mean() for layer in chain]) * thickness
    weight = mass / mass.sum()

    def of(name: str) -> np.ndarray:
        values = [numeric(obs, name)[layer] for layer in chain]
        return np.array([one[np.isfinite(one)].mean() if np.isfinite(one).any() else np.nan for one in values])

    result = {}
    for column in OF_SOIL:
        known = np.isfinite(of(column))
        result[column] = float(np.average(of(column)[known], weights=weight[known])) if known.any() else np.nan
    for kind in STOCKS:
        stock, content = of(kind.stock), of(kind.concentration) * kind.grams
        both = np.where(np.isfinite(stock), stock, 0.1 * content * mass)
        all_stocks = bool(np.isfinite(stock).all())
        result |= {
            kind.stock: float(both.sum()) if np.isfinite(stock).any() else np.nan,
            f"{kind.stock}_sd": float(np.sqrt((of(f"{kind.stock}_sd") ** 2).sum())) if all_stocks else np.nan,
            kind.concentration: float((weight * of(kind.concentration)).sum()),
            f"{kind.concentration}_sd": float(np.sqrt(((weight * of(f"{kind.concentration}_sd")) ** 2).sum())),
        }
    result["depth_top"] = float(np.nan_to_num(numeric(obs, "depth_top"))[chain[0][0]])
    result["depth_bottom"] = float(numeric(obs, "depth_bottom")[chain[-1][0]])
    result["replicates"] = float(np.min(of("replicates")))
    return {name: value for name, value in result.items() if name in obs}


def _lost(obs: pd.DataFrame, chain: list[np.ndarray], summed: pd.Series) -> int:
    """How many values of some layers have no sum."""
    rows = np.concatenate(chain)
    lost = 0
    for kind in STOCKS:
        values = np.stack([numeric(obs, name)[rows] for name in kind.columns])
        if not any(np.isfinite(summed.get(name, np.nan)) for name in kind.columns):
            lost += int(np.isfinite(values).any(axis=0).sum())
    return lost


def faults_of_layers(obs: pd.DataFrame) -> Iterator[Fault]:
    """Layers without thickness, across the surface, or to other depths than others of their plot or site.

    Parameters
    ----------
    obs
        Table of schema ``field_soc``.
    """
    top, bottom = np.nan_to_num(numeric(obs, "depth_top")), numeric(obs, "depth_bottom")
    flat, across = bottom == top, (top < 0) & ~(bottom <= 0)
    for row in np.flatnonzero(flat):
        expected = "a lower limit below the upper one"
        advice = "correct it, or leave both empty where they are not known"
        yield Fault("layer without thickness", int(row) + HEADER, "depth_bottom", f"{top[row]:g} to {bottom[row]:g} cm",
                    expected, advice)  # fmt: skip
    for row in np.flatnonzero(across):
        found = f"{top[row]:g} cm to " + (f"{bottom[row]:g} cm" if np.isfinite(bottom[row]) else "nowhere")
        expected = "a layer of the mineral soil, from 0 cm down, or one above it, up to 0 cm"
        advice = "the mineral soil is modelled: give what is above it as a row of its own, or leave it out"
        yield Fault("layer across the surface", int(row) + HEADER, "depth_top", found, expected, advice)
    if (top < 0).any() and not (bottom > 0).any():
        yield Fault("no mineral soil", None, "depth_top", "layers above the mineral soil only", "samples of that, from "
                    "0 cm down", "organic layers are not what structures of soil carbon were made for")  # fmt: skip
    if flat.any() or across.any() or not (bottom > 0).any():
        return
    visits, depths = visits_and_depths(obs)
    yield from _of_other_depths(obs, visits, depths)


def _of_other_depths(obs: pd.DataFrame, visits: list[Visit], depths: dict[int, float]) -> Iterator[Fault]:
    """Visits to another depth than the plot is modelled to, and plots to another one than those of their site."""
    top, bottom = np.nan_to_num(numeric(obs, "depth_top")), numeric(obs, "depth_bottom")
    advice = "add layers up to one depth, or leave rows of another depth out"
    for visit in visits:
        if visit.chains and nearest_depth(visit, depths[visit.plot]) is None:
            row = next(iter(visit.chains.values()))[0][0]
            begin = top[row]
            yield Fault("several depths", int(row) + HEADER, "depth_bottom", f"{begin:g} to {bottom[row]:g}",
                        f"a layer of {depths[visit.plot] - begin:g} cm, as in other rows of plot "
                        f"{obs['plot'].iloc[row]}", advice)  # fmt: skip
    for place in dict.fromkeys(visit.site for visit in visits):
        here = {visit.plot: visit for visit in reversed(visits) if visit.site == place}
        values, counts = np.unique([depths[plot] for plot in here], return_counts=True)
        usual = float(values[counts.argmax()])
        for visit in sorted(here.values(), key=lambda one: one.rows[0]):
            if not _alike(depths[visit.plot] - visit.begin, usual - visit.begin):
                row = visit.rows[0]
                yield Fault("plots of several depths", int(row) + HEADER, "depth_bottom",
                            f"down to {depths[visit.plot]:g} cm on plot {obs['plot'].iloc[row]}",
                            f"down to {usual:g} cm, as on other plots of {obs['site'].iloc[row]}",
                            f"{advice}, or give these plots as a site of their own")  # fmt: skip


def _said(
    obs: pd.DataFrame, visits: list[Visit], depths: dict[int, float], used: np.ndarray, several: int
) -> Iterator[str]:
    """What was summed, left out and assumed of depths."""
    top, bottom = numeric(obs, "depth_top"), numeric(obs, "depth_bottom")
    stocks = [name for kind in STOCKS for name in kind.columns]
    sampled = np.isfinite(np.stack([numeric(obs, name) for name in stocks])).any(axis=0)
    if several:
        reached = ", ".join(f"{depth:g}" for depth in sorted(set(depths.values())))
        yield f"Adjoining layers of {several} visits are summed: the soil down to {reached} cm is modelled."
    if (organic := bottom <= 0).any():
        yield (
            f"{counted(int(organic.sum()), 'row is', 'rows are')} of layers above the mineral soil, which is "
            "what is modelled: they are left out."
        )
    missing = np.zeros(len(obs), dtype=bool)
    for visit in visits:
        missing[visit.rows] = nearest_depth(visit, depths[visit.plot]) is None
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        yield (
            f"{counted(int(missing.sum()), 'row is', 'rows are')} of visits without the uppermost layer of "
            "their plot, the first of them "
            f"plot {obs['plot'].iloc[row]} in {obs['year'].iloc[row]:.2f}: they are left out."
        )
    if (deeper := ~used & ~missing & ~organic).any():
        rows = counted(int(deeper.sum()), "row of another layer is", "rows of other layers are")
        yield f"{rows} left out, as not all visits reach so deep, or to the same depth."
    if (unstated := sampled & ~np.isfinite(bottom)).any():
        known = sampled & np.isfinite(bottom)
        yield (
            f"{counted(int(unstated.sum()), 'sample states', 'samples state')} no depth: taken to be of the layer of "
            "the others."
            if known.any()
            else f"No sample states the depth of its layer: {ASSUMED_DEPTH:g} cm are taken where it counts."
        )
    if (from_top := used & np.isfinite(bottom) & ~np.isfinite(top)).any() and np.isfinite(top).any():
        yield f"{counted(int(from_top.sum()), 'sample states', 'samples state')} no depth_top: taken from the surface."
    begin = np.nan_to_num(top)[used & sampled]
    if begin.size and begin.min() > 0:
        yield f"The uppermost samples begin at {begin.min():g} cm: no topsoil is modelled."
