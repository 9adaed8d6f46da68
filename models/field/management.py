"""What management says of every month of every plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from socbayes.frames import filled, numeric
from socbayes.models.blocks import group_means
from socbayes.models.field.amendments import carbon_by_kind
from socbayes.models.field.crops import SHOWN, Left, carbon_left, is_bare, sentences_on, with_nearest
from socbayes.models.field.matching import names_of, rows_of
from socbayes.models.field.roots import PlantCarbon, sentence_on_layers, share_of
from socbayes.models.field.yields import FromYields, from_yields, nothing_known
from socbayes.models.root_inputs.allocated import NEAR
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

#: Carbon of fresh farmyard manure: assumed, 3.0 t in the 35 t that Rothamsted's plots get in a year; no table has it.
CARBON_OF_FRESH_MANURE = 3.0 / 35.0
ASSUMED_INPUT = 3.0  # t C/ha/year
PAST_MONTHS = 360  # before a first sample, in which manure has made the soil that is sampled
USUAL_MONTHS = 60  # of manure and cover that go on: long enough for most rotations
LONGEST_CROP = 1.5
"""Years: a longer row holds a harvest in each of its years, a shorter one only one."""
MANAGED = ("plant", "manure", "cover", "modifier")
"""What management says of a month."""
_HAIR = 0.01  # months; years are written with few digits


@dataclass(eq=False)
class RowsTaken:
    """What became of each row of management; each (row,), the plan's after the others.

    Parameters
    ----------
    held
        Whether it holds for any plot.
    inside
        Whether it does so in a month of a run.
    beyond
        Whether it also begins before, or ends after, all runs that it holds for.
    before
        Whether it begins before any of them.
    gave
        By what management says of a month, whether the row says it of any.
    erred
        Whether its standard deviation of the plant input is used.
    """

    held: np.ndarray
    inside: np.ndarray
    beyond: np.ndarray
    before: np.ndarray
    erred: np.ndarray
    gave: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: int) -> RowsTaken:
        """Nothing yet, of so many rows."""
        held, inside, before, erred, *gave = (np.zeros(rows, dtype=bool) for _ in range(4 + len(MANAGED)))
        return cls(held, inside, np.ones(rows, dtype=bool), before, erred, dict(zip(MANAGED, gave, strict=True)))


class Managed:
    """What management says of every month of every plot.

    Of rows that name the plot, those of its treatment and those of its whole
    site, the first that say something of a column in a month count there. Rows
    of one kind and the same time add up. A gap takes means over the months that
    the fit saw, so that a longer table leaves the past as it was: those of the
    same treatment of the plot, else of the plot, else of all plots.

    Rows of a plan take the place of all others of a plot that they are about, from the first of them on. They count
    from the last sample that the fit saw.

    Parameters
    ----------
    table
        Of schema ``field_management``, or None.
    places
        Site and plot, one row per plot; also study, block, ``shared``, ``label``, and the limits of its layer,
        ``layer_top`` and ``layer_bottom``, cm, where they are known: roots count there only.
    treatment
        Of each month of each plot, (row, plot).
    start
        First month of each plot, (plot,).
    months
        Number of months that each plot needs, (plot,); all get as many as the longest.
    known
        Number of those months up to the last sample that the fit saw, (plot,).
    plan
        Of schema ``field_management``: what is done after that, or None.
    kinds
        Amendments with a quality of their own; what else is spread counts as manure.

    Attributes
    ----------
    plant, manure
        t C/ha/year, (row, plot).
    amendments
        t C/ha/year, (kind, row, plot).
    cover, modifier
        Share of the month with plants, and stated rate modifier, NaN where nothing is said.
    exuded
        Share of the plant carbon that is known to be rhizodeposits, (row, plot).
    roots, below
        Share that is taken to be roots, and roots or rhizodeposits, (row, plot): where it does not follow from a yield,
        as where it does.
    input_stated
        Whether any carbon input is stated in the known months.
    input_error
        Stated relative standard deviation of the plant input, (plot,), NaN where none is stated.
    from_yields
        Plant carbon that plots get in the known months, and what of it follows from yields.
    taken
        What became of each row.
    notes
        What was filled in.
    of_months
        Those of the notes that are on shares of months, each with what it is of the known months: see :func:`of_gaps`.
    """

    def __init__(
        self,
        table: pd.DataFrame | None,
        places: pd.DataFrame,
        treatment: np.ndarray,
        start: np.ndarray,
        months: np.ndarray,
        known: np.ndarray,
        plan: pd.DataFrame | None = None,
        kinds: Sequence[str] = (),
    ) -> None:
        import pandas as pd

        self.notes: tuple[str, ...] = ()
        self.of_months: dict[str, str] = {}
        shape = (int(months.max()), len(places))
        self.months = months
        self.known = np.clip(known, 1, months)
        self.plant = np.full(shape, np.nan)
        self.exuded, self.roots, self.below = np.zeros((3, *shape))
        self.manure = np.zeros(shape)
        self.kinds = tuple(kinds)
        self.amendments = np.zeros((len(kinds), *shape))
        self.cover = np.full(shape, np.nan)
        self.modifier = np.full(shape, np.nan)
        self.input_error = np.full(len(places), np.nan)
        self.from_yields = FromYields(*nothing_known(len(places)))
        given = [one for one in (table, plan) if one is not None and len(one)]
        self.taken = RowsTaken.of(sum(map(len, given)))
        if given:
            planned = np.repeat([one is plan for one in given], [len(one) for one in given])
            self._read(pd.concat(given, ignore_index=True), planned, places, treatment, start)
        seen = self.plant[np.arange(shape[0])[:, None] < self.known]
        # That fallows get nothing says nothing of other months.
        self.input_stated = bool((seen > 0).any() or np.isfinite(seen).all())
        self._fill(treatment, start, float(np.nanmean(seen)) if self.input_stated else ASSUMED_INPUT)

    def _read(
        self, table: pd.DataFrame, planned: np.ndarray, places: pd.DataFrame, treatment: np.ndarray, start: np.ndarray
    ) -> None:
        _, manure, notes = carbon_inputs(table)
        self.notes += notes
        entering = _converted(table)
        parts_of_plants = np.full((3, *self.plant.shape), np.nan)
        of_yields, layers = nothing_known(len(places)), set()
        manure, by_kind = carbon_by_kind(table, manure, self.kinds)
        begin, end = 12.0 * numeric(table, "start_year"), 12.0 * numeric(table, "end_year")
        season = of_one_season(table)
        deviation = numeric(table, "plant_carbon_input_sd")
        said = [manure, numeric(table, "plant_cover"), numeric(table, "rate_modifier")]
        without, went_on, ended = [], [], []
        named = names_of(table)
        for position, place in enumerate(places.to_dict("records")):
            called = str(place.get("label", place["plot"]))
            names, which = np.unique(treatment[:, position].astype(str), return_inverse=True)
            own, treated, everywhere = rows_of(named, place, names)
            rows = np.flatnonzero(own | treated.any(axis=0) | everywhere)
            if not rows.size:
                without.append(called)
                continue
            mine = (own | treated[which[-1]] | everywhere)[rows]
            soonest = start[position] + self.known[position]
            kinds = [own[rows], treated[:, rows][which], everywhere[rows]]

            def held(until: np.ndarray, rows=rows, mine=mine, soonest=soonest, kinds=kinds, first=start[position]):
                begins, ends = _with_plan(begin[rows], until[rows], planned[rows], mine, soonest)
                overlap = _overlap(begins, ends, first, len(self.plant))
                return [overlap * kind for kind in kinds], ends

            parts, ends = held(end)
            layer = (place["layer_top"], place["layer_bottom"]) if "layer_bottom" in place else None
            own = entering.of(rows, layer)
            carbon = own.plant
            giving = self._take(position, rows, parts, [carbon, *(values[rows] for values in said)], season[rows])
            parts_of_plants[:, :, position] = [_harvested(parts, one, season[rows]) for one in own.parts]
            given = np.where(giving, sum(parts)[: int(self.known[position])].sum(axis=0), 0.0)
            of_yields[:, position] = from_yields(carbon * given, own.common, own.study)
            if layer is not None and (np.isfinite(own.study) & (given > 0)).any():
                layers.add(layer)
            for kind, spread in enumerate(by_kind):
                spreads = [_sum(part, spread[rows], part) for part in parts]
                self.amendments[kind, :, position] = np.nan_to_num(_first_said(spreads))
            if season[rows].any():
                # Of its year a crop of one season says all: what grew beside it has a row of its own.
                year, _ = held(np.where(season, np.maximum(end, begin + 12.0), begin))
                idle = (sum(year)[:, season[rows]] > 0).any(axis=1) & ~np.isfinite(self.plant[:, position])
                self.plant[idle, position] = 0.0
            erred = giving & (carbon > 0) & np.isfinite(deviation[rows])
            if erred.any():
                self.input_error[position] = np.mean(deviation[rows][erred]) / np.mean(carbon[erred])
                self.taken.erred[rows[erred]] = True
            self._note_times(position, rows, sum(parts), begin[rows] - start[position], end[rows] - start[position])
            about = ends[planned[rows] & mine]
            if about.size and about.max() < start[position] + self.months[position] - _HAIR:
                ended.append(called)
            if self._go_on(position, sum(parts) > 0, int(start[position])):
                went_on.append(called)
        self.from_yields = FromYields(*of_yields)
        roots, exuded, of_crops = parts_of_plants
        self.exuded = share_of(exuded, self.plant, self.known)
        self.roots, self.below = (share_of(one, of_crops, self.known) for one in (roots, roots + exuded))
        if layers:
            seen = np.arange(len(of_crops))[:, None] < self.known
            told = np.where(seen, of_crops, np.nan)
            self.notes += (sentence_on_layers(float(np.nansum(told * self.below) / np.nansum(told)), layers),)
        if without:
            self.notes += (f"No management is stated for {_plots(without)}.",)
        if went_on:
            self.notes += (
                f"Management of {_plots(went_on)} ends before the run does: manure and cover go on as in its last "
                f"{USUAL_MONTHS // 12} years.",
            )
        if ended:
            self.notes += (f"The plan of {_plots(ended)} ends before the run does: what the fit knows goes on then.",)

    def _take(
        self, position: int, rows: np.ndarray, parts: list[np.ndarray], values: list[np.ndarray], season: np.ndarray
    ) -> np.ndarray:
        """Fill the months of a plot by what rows say, and say which rows give the plant input before its last sample.

        ``parts`` is the share of each month that rows of the plot, its treatment and its site take, (month, row).
        """
        carbon, manure, cover, modifier = values
        plants = _sums_of_harvests(parts, carbon, season)
        manures = [_sum(part, manure, part) for part in parts]
        covers, modifiers = ([_mean(part, one) for part in parts] for one in (cover, modifier))
        self.plant[:, position] = _first_said(plants)
        self.manure[:, position] = np.nan_to_num(_first_said(manures))
        self.cover[:, position] = _first_said(covers)
        self.modifier[:, position] = _first_said(modifiers)
        months = int(self.months[position])
        for name, one, what in zip(MANAGED, values, (plants, manures, covers, modifiers), strict=True):
            self.taken.gave[name][rows] |= _giving(parts, what, months) & np.isfinite(one)
        return _giving(parts, plants, int(self.known[position]))

    def _note_times(
        self, position: int, rows: np.ndarray, overlap: np.ndarray, begin: np.ndarray, end: np.ndarray
    ) -> None:
        """Keep which rows hold in the run of a plot and which reach beyond it; months are of its run."""
        months = int(self.months[position])
        self.taken.held[rows] = True
        self.taken.inside[rows] |= (overlap[:months] > 0).any(axis=0)
        self.taken.beyond[rows] &= (begin < -1.0) | (end > months + 1.0)
        self.taken.before[rows] |= begin < -1.0

    def _go_on(self, position: int, holds: np.ndarray, start: int) -> bool:
        """Let manure and cover go on after the table as in its last years, and say if they did.

        ``holds`` says in which months each row of management does, (month, row).
        Before a table there is no manure: what is stated as a treatment begins with it.
        """
        known = int(self.known[position])
        # What the fit did not see is a stretch of its own: no months before it become months without manure.
        seen = holds[:known].any(axis=0)
        inside = np.zeros(len(self.manure), dtype=bool)
        for rows in (seen, ~seen):
            when = np.flatnonzero(holds[:, rows].any(axis=1))
            if when.size:
                inside[when[0] : when[-1] + 1] = True
        told = np.flatnonzero(inside[:known])
        if not told.size:
            return False
        usual = slice(max(int(told[-1]) + 1 - USUAL_MONTHS, int(told[0])), int(told[-1]) + 1)
        spread = [self.manure[:, position], *self.amendments[:, :, position]]
        cover = self.cover[:, position]
        stated = bool(np.isfinite(cover[usual]).any())
        if not stated and not any(one[usual].any() for one in spread):
            return False
        month = np.arange(len(inside))
        after = ~inside & (month > told[0])

        def going_on(values: np.ndarray) -> np.ndarray:
            means = _month_means(values[usual], start + usual.start)
            return np.where(np.isfinite(means), means, values[usual].mean())[(start + month) % 12]

        for one in spread:  # views
            one[:] = np.where(after, going_on(one), one)
        if stated:
            # Months of the table that do not say otherwise are covered, also in the mean.
            self.cover[:, position] = np.where(after, going_on(np.where(np.isfinite(cover), cover, 1.0)), cover)
        return bool(after[: self.months[position]].any())

    def _fill(self, treatment: np.ndarray, start: np.ndarray, overall: float) -> None:
        """Fill months of unknown input: with the plot's mean of that month, all plots' mean, or what is assumed."""
        unknown, months = ~np.isfinite(self.plant), np.arange(len(self.plant))[:, None]
        # Months known first, and then those beyond.
        known_gaps = unknown[months < self.known]
        gaps = np.concatenate([known_gaps, unknown[(months >= self.known) & (months < self.months)]])
        if not self.input_stated:
            self.notes += (f"No carbon input is stated: {ASSUMED_INPUT:g} t C/ha/year is assumed, and learned about.",)
        elif gaps.any():
            self.of_months |= of_gaps(
                "Carbon input is unknown in {}: the plot's mean of that month is taken, or the mean of all plots.",
                gaps, known_gaps.size,
            )  # fmt: skip
            self.notes += tuple(self.of_months)
        for position, known in enumerate(self.known.tolist()):
            plant, named = self.plant[:, position], treatment[:, position]
            for one in set(named.tolist()):  # each treatment from its own months first
                its = filled_by_month(np.where(named == one, plant, np.nan), start[position], np.nan, known)
                plant = np.where(named == one, its, plant)
            bare = not (plant[:known] > 0).any()
            self.plant[:, position] = filled_by_month(plant, start[position], overall, 0 if bare else known)
            if np.isfinite(self.modifier[:known, position]).any():
                self.modifier[:, position] = filled_by_month(self.modifier[:, position], start[position], 1.0, known)


def spread_before(
    table: pd.DataFrame | None,
    places: pd.DataFrame,
    treatment: np.ndarray,
    start: np.ndarray,
    kinds: Sequence[str] = (),
) -> np.ndarray:
    """Mean manure and amendments of the years before each plot was first sampled, t C/ha/year, (1 + kind, plot).

    A month of which nothing is stated had none: what is stated as a treatment begins with it.

    Parameters
    ----------
    table
        Of schema ``field_management``, or None.
    places, kinds
        As for :class:`Managed`.
    treatment
        First treatment of each plot, (plot,).
    start
        First month of each plot, (plot,).
    """
    result = np.zeros((1 + len(kinds), len(places)))
    if table is None or not len(table):
        return result
    names = names_of(table)
    manure, by_kind = carbon_by_kind(table, carbon_inputs(table)[1], kinds)
    begin, end = 12.0 * numeric(table, "start_year"), 12.0 * numeric(table, "end_year")
    for position in range(len(places)):
        own, treated, everywhere = rows_of(names, places.iloc[position], treatment[[position]].astype(str))
        # A sample counts at a turn of a month: what begins in the month of it begins with it.
        overlap = _overlap(begin, end, int(start[position]) - PAST_MONTHS, PAST_MONTHS) * (begin < start[position] - 1)
        parts = [overlap * kind for kind in (own, treated[0], everywhere)]
        for kind, spread in enumerate([manure, *by_kind]):
            said = _first_said([_sum(part, spread, part) for part in parts])
            result[kind, position] = np.nan_to_num(said).mean()
    return result


def share_of_months(which: np.ndarray) -> str:
    """Say how many of some months are meant.

    Parameters
    ----------
    which
        True where they are.

    Examples
    --------
    >>> share_of_months(np.array([True, False])), share_of_months(np.array([True]))
    ('50 % of months', 'all months')
    """
    return "all months" if which.all() else f"{100 * which.mean():.0f} % of months"


def of_gaps(sentence: str, gaps: np.ndarray, known: int) -> dict[str, str]:
    """A note on how many months are missing, with what it is of the months known; empty where none of these is missing.

    Of months after the last sample that a fit has seen tables need not know anything, so they are no gaps of a fit.

    Parameters
    ----------
    sentence
        With ``{}`` in the place of the share.
    gaps
        Whether each month is missing.
    known
        How many of them, from the first, are known.

    Examples
    --------
    >>> of_gaps("Rain of {} is missing.", np.array([True, False, False, False, True]), 4)
    {'Rain of 40 % of months is missing.': 'Rain of 25 % of months is missing.'}
    """
    of_known = sentence.format(share_of_months(gaps[:known])) if gaps[:known].any() else ""
    return {sentence.format(share_of_months(gaps)): of_known}


def filled_by_month(values: np.ndarray, start: int, otherwise: float, known: int | None = None) -> np.ndarray:
    """Values with gaps filled by the mean of their calendar month, else the overall mean, else ``otherwise``.

    Only the first ``known`` values count in means, by default all of them.
    """
    gaps = ~np.isfinite(values)
    if not gaps.any():
        return values
    seen = values[:known]
    finite = np.isfinite(seen)
    overall = float(seen[finite].mean()) if finite.any() else otherwise
    means = _month_means(seen, start)
    return np.where(gaps, np.where(np.isfinite(means), means, overall)[(start + np.arange(values.size)) % 12], values)


def _month_means(values: np.ndarray, start: int) -> np.ndarray:
    """Mean of the finite values of each calendar month; NaN where there are none; (12,)."""
    return group_means(values, (start + np.arange(values.size)) % 12, 12)


def _with_plan(
    begin: np.ndarray, end: np.ndarray, planned: np.ndarray, mine: np.ndarray, soonest: int
) -> tuple[np.ndarray, np.ndarray]:
    """When rows of management begin and end on a plot with a plan, in months; ``mine`` says which are about it."""
    begin = np.where(planned, np.maximum(begin, soonest), begin)
    first = begin[planned & mine & (end > begin)].min(initial=np.inf)
    return begin, np.where(planned, end, np.minimum(end, first))


def _overlap(begin: np.ndarray, end: np.ndarray, start: int, months: int) -> np.ndarray:
    """Share of each month that each row of management takes; (month, row)."""
    month = start + np.arange(months)[:, None]
    overlap = np.clip(np.minimum(end, month + 1.0) - np.maximum(begin, month), 0.0, None)
    return np.where(overlap > _HAIR, overlap, 0.0)


def _first_said(kinds: list[np.ndarray]) -> np.ndarray:
    """What the first kind of rows says of each month, else the next; NaN where none does; (month,)."""
    result = kinds[0]
    for values in kinds[1:]:
        result = np.where(np.isfinite(result), result, values)
    return result


def _sums_of_harvests(parts: list[np.ndarray], carbon: np.ndarray, season: np.ndarray) -> list[np.ndarray]:
    """Plant carbon of each month by each kind of rows, (month,)."""
    # The harvest of a season is all there, also where it begins or ends within a month.
    whole = [np.where(season, part > 0, part) for part in parts]
    return [_sum(part, carbon, of) for part, of in zip(parts, whole, strict=True)]


def _harvested(parts: list[np.ndarray], carbon: np.ndarray, season: np.ndarray) -> np.ndarray:
    """Some of the plant carbon of rows in each month, (month,)."""
    return _first_said(_sums_of_harvests(parts, carbon, season))


def _giving(parts: list[np.ndarray], said: list[np.ndarray], known: int) -> np.ndarray:
    """Whether each row gives one of the first ``known`` months its value; (row,)."""
    giving = np.zeros(parts[0].shape[1], dtype=bool)
    free = np.arange(len(parts[0])) < known
    for part, values in zip(parts, said, strict=True):
        here = free & np.isfinite(values)
        giving |= (part[here] > 0).any(axis=0)
        free &= ~here
    return giving


def carbon_inputs(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Plant and manure carbon of every row of management, t C/ha/year, NaN where nothing is said; and notes.

    Parameters
    ----------
    table
        Of schema ``field_management``.
    """
    notes = []
    crop = filled(table, "crop", "").astype(str)
    _, of_harvest, _ = _yields(table)
    converted = _converted(table)
    plant, left, without = converted.plant, converted.left, converted.without
    known = [name for name, one in left.items() if one.crop]
    turned = (crop.isin(known) & ~np.isfinite(numeric(table, "plant_carbon_input"))).to_numpy() & np.isfinite(plant)
    notes += sentences_on(left)
    notes += _of_far_yields(table, crop, turned, left)
    if (turned & np.isfinite(numeric(table, "fertilizer_nitrogen"))).any():
        notes.append("Roots beside yields follow fertilizer_nitrogen where a row states it.")
    if (turned & of_harvest).any():
        notes.append(
            f"Yields are those of one harvest: a row of up to {LONGEST_CROP:g} years has one, a longer row one a year."
        )
    if (turned & ~of_harvest).any():
        notes.append("Yields are per year, as their unit says, however long a row is.")
    if missing := [name for name, one in left.items() if not one.crop]:
        notes.append(
            f"No allocation of carbon is known of {with_nearest(missing)}: their inputs are unknown, and what their "
            "yields leave is not taken. Perennials have none, nor a depth of roots: state their plant_carbon_input, "
            "of the layer that is sampled."
        )
    if without:
        notes.append(
            f"Rows of {with_nearest(without)} state neither a yield nor a plant_carbon_input: their inputs are "
            "unknown. Nothing enters a fallow."
        )
    manure, fresh = numeric(table, "manure_carbon_input"), numeric(table, "manure_fresh")
    if (fresh[~np.isfinite(manure)] > 0).any():
        notes.append(f"Fresh manure is assumed to hold {100 * CARBON_OF_FRESH_MANURE:.1f} % carbon.")
    return plant, np.where(np.isfinite(manure), manure, fresh * CARBON_OF_FRESH_MANURE), tuple(notes)


def _of_far_yields(table: pd.DataFrame, crop: pd.Series, turned: np.ndarray, left: dict[str, Left]) -> list[str]:
    """Which rows have yields so far from the usual one that inputs are taken in proportion to them."""
    when = numeric(table, "start_year")
    years: dict[str, list[str]] = {}
    for name in [name for name, one in left.items() if one.crop]:
        for row in np.flatnonzero(turned & (crop == name).to_numpy())[left[name].far]:
            years.setdefault(f"{name} at {table['site'].iloc[row]}", []).append(f"{when[row]:g}")
    if not years:
        return []
    told = [
        f"{what} (from {', '.join(some[:3])}{f' and {counted(len(some) - 3, "row")} more' if len(some) > 3 else ''})"
        for what, some in list(years.items())[:SHOWN]
    ]
    more = f" and {counted(len(years) - SHOWN, 'other')}" if len(years) > SHOWN else ""
    return [
        f"Yields below 1/{NEAR:g} or above {NEAR:g} times the usual one of the crop, where inputs are taken in "
        f"proportion to them: {', '.join(told)}{more}."
    ]


def input_errors(table: pd.DataFrame) -> np.ndarray:
    """Errors of the log of the plant carbon of each row that follows from a yield, NaN else; (2, row).

    Standard deviations of what all studies have in common, and of what each has of its own.

    Parameters
    ----------
    table
        Of schema ``field_management``.
    """
    converted = _converted(table)
    return np.stack([converted.common, converted.study])


def _converted(table: pd.DataFrame) -> PlantCarbon:
    """Plant carbon of each row, as stated or from its yield."""
    plant, crop = numeric(table, "plant_carbon_input"), filled(table, "crop", "").astype(str)
    harvest, _, years = _yields(table)
    nitrogen = numeric(table, "fertilizer_nitrogen")
    plant = np.where(~np.isfinite(plant) & crop.map(is_bare).to_numpy(bool), 0.0, plant)
    common, study, roots, exuded = np.full((4, len(table)), np.nan)
    left, without = {}, []
    for name in sorted(set(crop) - {""}):
        rows = (crop == name).to_numpy() & ~np.isfinite(plant)
        told = rows & np.isfinite(harvest)
        if told.any():
            # Shares depend on what one harvest brings, not on how much that is a year.
            left[name] = one = carbon_left(name, harvest[told] * years[told], nitrogen[told])
            plant[told], roots[told], exuded[told] = one.carbon / years[told], one.roots, one.exuded
            common[told], study[told] = one.common, one.study
        if (rows & ~told).any():
            without.append(name)
    return PlantCarbon(plant, common, study, roots, exuded, left, without)


def of_one_season(table: pd.DataFrame) -> np.ndarray:
    """Whether the plant carbon of a row is that of one harvest in less than a year; (row,).

    Parameters
    ----------
    table
        Of schema ``field_management``.
    """
    length = numeric(table, "end_year") - numeric(table, "start_year")
    named = filled(table, "crop", "").astype(str)
    crop = ~(named.eq("") | named.map(is_bare)).to_numpy(bool)
    turned = crop & ~np.isfinite(numeric(table, "plant_carbon_input")) & _yields(table)[1]
    return turned & (length < 1.0 - _HAIR)


def _yields(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Harvested dry matter of each row, t/ha/year, NaN where nothing is said; if of one harvest; its years."""
    once = numeric(table, "yield_per_harvest")
    length = numeric(table, "end_year") - numeric(table, "start_year")
    years = np.where((length > 0) & (length <= LONGEST_CROP), length, 1.0)
    of_harvest = np.isfinite(once)
    years = np.where(of_harvest, years, 1.0)
    return np.where(of_harvest, once / years, numeric(table, "yield_dry_matter")), of_harvest, years


def _plots(names: Sequence[str]) -> str:
    """Some plots in words: a single one by its name, else their number and the first names."""
    if len(names) == 1:
        return f"plot {names[0]}"
    return f"{len(names)} plots ({', '.join(names[:3])}{' and others' if len(names) > 3 else ''})"


def _sum(overlap: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What flows in each month, over the part of it that is known; NaN where nothing is; (row,)."""
    total = (known * np.isfinite(values)).sum(axis=1)
    amount = (overlap * np.nan_to_num(values)).sum(axis=1)
    return np.divide(amount, np.minimum(total, 1.0), out=np.full(len(total), np.nan), where=total > 0)


def _mean(overlap: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean over each month of what is stated; NaN where nothing is; (row,)."""
    weight = overlap * np.isfinite(values)
    total = weight.sum(axis=1)
    return np.divide(
        (weight * np.nan_to_num(values)).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0
    )
