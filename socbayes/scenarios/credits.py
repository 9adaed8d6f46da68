"""What paired draws of a project and its baseline are worth as carbon credits, computed as rules of crediting print it.

A rule does not credit the mean gain: it credits a low quantile of what the mean
of the whole project area may be. Two errors make that quantile: that of the
model, which all points of a project share, and that of the points, of which
there are few. They are kept apart here, as the rules ask.

"Computed as in" a rule is all that is said; whether a project conforms to it
is for its verifier to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from socbayes.errors import SocbayesError
from socbayes.scenarios.rules import USUAL_RULE, Rule, require_buffer, rule_named
from socbayes.wording import counted

if TYPE_CHECKING:
    import pandas as pd

CO2_PER_C = 44 / 12
"""Mass of CO2 per mass of carbon, as the rules write it."""
FEW_DRAWS = 100
"""VM0042 v2.2 accepts 100 to 2,000 draws and suggests 500 to 1,000."""


OF_THE_GAIN = ("deduction", "reductions", "removals")
"""Figures that are parts of the gain, and say nothing of a gain, or loss, that is no larger than its deduction."""
FORMULA = (*OF_THE_GAIN, "credited", "buffer", "net")
"""Figures that rest on a deduction by formula, which says nothing of a gain that is no larger."""


@dataclass(frozen=True, eq=False)
class Credit:
    """What a gain is worth, and what that rests on; masses are t CO2e for the whole area.

    Parameters
    ----------
    rule
        What it was computed as in.
    area
        Hectares.
    gain
        Mean of project less baseline, t CO2e/ha.
    model_sd, sampling_sd
        Standard deviation of the area's mean that the draws have, and that the choice of points adds, t CO2e/ha.
    degrees_of_freedom
        Of the sampling design; infinite if every point of the area was taken.
    deduction
        Percent of the gain that is not credited; NaN where it would exceed the gain itself.
    credited
        Gain less its deduction, t CO2e/ha, by the rule's formula; the quantile where the rule is by draws.
    quantile
        The same quantile read from the draws, each with the error of sampling about it, t CO2e/ha: the formula takes
        the distribution for symmetric.
    reductions, removals
        Parts of the credited total: losses that were avoided, and carbon beyond the start; NaN where no start is given,
        or where the deduction would exceed the gain.
    buffer, net
        Withheld against reversals, and what is left; NaN where no buffer is given.
    notes
        What to know before using it.
    """

    rule: Rule
    area: float
    gain: float
    model_sd: float
    sampling_sd: float
    degrees_of_freedom: float
    deduction: float
    credited: float
    quantile: float
    reductions: float
    removals: float
    buffer: float
    net: float
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> bool:
        """Whether the rule says what is credited: a formula does not of a gain that is no larger than its deduction."""
        return self.rule.by_draws or self.gain < 0 or bool(np.isfinite(self.deduction))

    @property
    def table(self) -> pd.DataFrame:
        """One row for each figure: quantity, value, unit, and how it came about; what says nothing is empty."""
        import pandas as pd

        per_area, total = "t CO2e/ha", "t CO2e"
        spread = f"Student's t at {self.rule.level:g} times both, of the gain"
        lost = "gain less deduction; a loss is made larger"
        rows = [
            ("gain", self.gain, per_area, "mean over draws of project less baseline, over the whole area"),
            ("model_sd", self.model_sd, per_area, "spread over draws of the mean of the area"),
            ("sampling_sd", self.sampling_sd, per_area, "spread between points of a stratum, by their number"),
            (
                "deduction",
                self.deduction,
                "percent",
                "gain less quantile, of the gain" if self.rule.by_draws else spread,
            ),
            ("credited", self.credited, per_area, "the quantile, as the rule asks" if self.rule.by_draws else lost),
            ("quantile", self.quantile, per_area, f"exceeded with probability {self.rule.level:g}, from the draws"),
            ("reductions", self.reductions, total, "credited part that is a loss avoided"),
            ("removals", self.removals, total, "credited part that is carbon beyond the start"),
            ("buffer", self.buffer, total, "withheld against reversals"),
            ("net", self.net, total, "credited on the whole area, less the buffer"),
        ]
        if not np.isfinite(self.deduction):
            empty = OF_THE_GAIN if self.told else FORMULA
            why = "not told: the gain is no larger than its deduction"
            why += "" if self.told else ", so the quantile is the figure to read"
            rows = [(row[0], np.nan, row[2], why) if row[0] in empty else row for row in rows]
        return pd.DataFrame(rows, columns=["quantity", "value", "unit", "how"])

    @property
    def text(self) -> str:
        """The figures in a sentence or two."""
        sentence = f"Computed as in {self.rule.title}: a gain of {self.gain:.3g} t CO2e/ha on {self.area:g} ha"
        quantile = f"Exceeded with probability {self.rule.level:g}: {self.quantile:.3g} t CO2e/ha."
        if not self.told:
            return " ".join([sentence + ".", *self.notes, quantile])
        kept = "" if np.isnan(self.net) else f"; {self.net:.3g} t CO2e after a buffer of {self.buffer:.3g}"
        return " ".join([f"{sentence}, of which {self.credited:.3g} t CO2e/ha are credited{kept}.", *self.notes])


def credit(
    project: ArrayLike,
    baseline: ArrayLike,
    *,
    start: ArrayLike | None = None,
    strata: Sequence[str] | None = None,
    area: Mapping[str, float] | float = 1.0,
    rule: str = USUAL_RULE,
    buffer: float | None = None,
    every_point: bool = False,
) -> Credit:
    r"""Turn paired draws of stocks under a project and under its baseline into a credited quantity.

    Parameters
    ----------
    project, baseline
        Stocks at the end, t C/ha, (sample, point): posterior predictive, of the same draws, points as
        :func:`socbayes.models.field.forecast` returns them. Points that no fit has seen are foreseen as new ones.
    start
        Stocks at the start, (sample, point) or (point,); tells losses avoided from carbon gained.
    strata
        Stratum of each point; one by default.
    area
        Hectares of each stratum, or of the whole area where there is one stratum.
    rule
        One of ``RULES``.
    buffer
        Share withheld against reversals, from the rule's own risk assessment.
    every_point
        Whether the points are all there are, such as fields of a programme, not a sample of them.

    Returns
    -------
    Credit

    Raises
    ------
    UnknownNameError
        If there is no such rule.
    SocbayesError
        If draws are not paired, not finite or too few; a stratum has one point or no area; the buffer is outside
        the rule's limits.

    Notes
    -----
    With :math:`y_{hil}` the gain of draw :math:`l` at point :math:`i` of stratum :math:`h`, its area :math:`A_h` and
    :math:`n_h` points, the project's gain is :math:`\tau_l = \sum_h A_h / n_h \sum_i y_{hil}`; the model's variance
    is that of :math:`\tau_l`, for all strata at once because they share parameters; the sampling variance is
    :math:`\sum_h A_h^2 / (n_h (n_h - 1)) \sum_i (\bar y_{hi} - \bar y_h)^2` (VM0042 v2.2, equations 65-69). The
    deduction is Student's t at 66.7 % times the standard deviation of the mean (equation 74). A rule by draws credits
    the quantile of :math:`\tau_l` with an error of sampling about each, Student's t of the design's degrees of freedom.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> before = rng.normal(50, 2, (1000, 6))
    >>> gained = rng.normal(1.0, 0.3, (1000, 1)) + rng.normal(0, 0.2, 6)
    >>> sheet = credit(before + gained, before, start=before, area=120.0, buffer=0.15)
    >>> bool(0 < sheet.credited < sheet.gain)
    True
    """
    chosen = rule_named(rule)
    with_project, without = _paired(project, baseline)
    points = with_project.shape[1]
    labels = np.zeros(points, dtype=int).astype(str) if strata is None else np.asarray(strata, dtype=str)
    areas = _areas(labels, points, area, every_point)
    require_buffer(buffer, chosen)
    weight = np.array([areas[label] / np.sum(labels == label) for label in labels]) / sum(areas.values())

    gains = (with_project - without) * CO2_PER_C
    of_area = gains @ weight
    gain, model_variance = float(of_area.mean()), float(of_area.var(ddof=1))
    sampling_sd = 0.0 if every_point else np.sqrt(sampling_variance(gains.mean(axis=0), labels, areas))
    freedom = np.inf if every_point else float(points - len(areas))
    quantile = exceeded(of_area, sampling_sd, chosen.level, freedom)
    by_formula = student(chosen.level, freedom) * float(np.sqrt(model_variance + sampling_sd**2))
    credited = quantile if chosen.by_draws else gain - by_formula
    lost = gain - credited
    notes = _notes(gain, lost, len(gains), chosen)
    parts = _parts(with_project, without, start, weight)
    total = credited * sum(areas.values())
    told = abs(gain) > lost  # else a small gain is the difference of two parts that are not
    shares = [float(total * part / gain) if told else np.nan for part in parts]
    withheld = np.nan if buffer is None else buffer * max(total, 0.0)
    return Credit(
        rule=chosen,
        area=sum(areas.values()),
        gain=gain,
        model_sd=float(np.sqrt(model_variance)),
        sampling_sd=float(sampling_sd),
        degrees_of_freedom=freedom,
        deduction=float(100 * lost / abs(gain)) if told else np.nan,
        credited=credited,
        quantile=quantile,
        reductions=shares[0],
        removals=shares[1],
        buffer=withheld,
        net=total - withheld,
        notes=notes,
    )


def _paired(project: ArrayLike, baseline: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as (sample, point), finite and of one shape."""
    arrays = [np.asarray(stocks, dtype=np.float64) for stocks in (project, baseline)]
    if arrays[0].ndim != 2 or arrays[0].shape != arrays[1].shape:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise SocbayesError(f"project and baseline are {shapes}, but both must be (sample, point), draw by draw")
    if len(arrays[0]) < 2 or not arrays[0].shape[1]:
        raise SocbayesError(
            f"{counted(len(arrays[0]), 'draw')} of {counted(arrays[0].shape[1], 'point')}: no spread can be "
            "told from them"
        )
    for name, array in zip(("project", "baseline"), arrays, strict=True):
        if not np.isfinite(array).all():
            raise SocbayesError(f"{np.sum(~np.isfinite(array)):,} stocks of the {name} are no finite numbers")
    return arrays[0], arrays[1]


def _areas(
    labels: NDArray[np.str_], points: int, area: Mapping[str, float] | float, every_point: bool
) -> dict[str, float]:
    """Hectares of every stratum, in order of appearance."""
    if labels.shape != (points,):
        raise SocbayesError(
            f"{counted(len(labels), 'stratum', 'strata')} for {counted(points, 'point')}: state one stratum per point"
        )
    names = list(dict.fromkeys(labels.tolist()))
    given = {str(name): float(value) for name, value in area.items()} if isinstance(area, Mapping) else None
    if given is None and len(names) > 1:
        raise SocbayesError(f"state the area of each stratum, as area={{{names[0]!r}: ..., {names[1]!r}: ...}}")
    found = given or {names[0]: float(area)}  # type: ignore[arg-type]
    if set(found) != set(names):
        odd = sorted(set(found) ^ set(names))
        raise SocbayesError(f"strata of points and of areas differ: {', '.join(odd)}")
    if not all(0 < value < np.inf for value in found.values()):
        raise SocbayesError(f"areas must be positive hectares, not {found}")
    alone = [name for name in names if np.sum(labels == name) < 2]
    if alone and not every_point:
        raise SocbayesError(
            f"stratum {alone[0]} has one point, so its spread between points is unknown: "
            "join strata, add points, or say every_point=True (--every-point) if these are all the points there are"
        )
    return {name: found[name] for name in names}


def sampling_variance(
    means: NDArray[np.float64], labels: NDArray[np.str_], areas: Mapping[str, float], further: int = 0
) -> float:
    """Variance of the mean of the area that comes from the choice of points, as the rules have it.

    Parameters
    ----------
    means
        Mean gain of each point, (point,).
    labels
        Stratum of each, (point,).
    areas
        Hectares by stratum.
    further
        Points that each stratum has beside these, taken to scatter alike.
    """
    parts = [area**2 * means[labels == name].var(ddof=1) / (np.sum(labels == name) + further)
             for name, area in areas.items()]  # fmt: skip
    return float(sum(parts) / sum(areas.values()) ** 2)


def student(level: float, freedom: float) -> float:
    """Student's t below which a share of it lies.

    Parameters
    ----------
    level
        The share.
    freedom
        Degrees of freedom; infinite for a normal.
    """
    from scipy import stats

    return float(stats.norm.ppf(level) if np.isinf(freedom) else stats.t.ppf(level, freedom))


def exceeded(of_area: NDArray[np.float64], sampling_sd: float, level: float, freedom: float) -> float:
    """What is exceeded with a probability: draws, each with the error of sampling about it.

    Parameters
    ----------
    of_area
        Draws, (sample,).
    sampling_sd
        Standard deviation of the error of sampling.
    level
        The probability.
    freedom
        Degrees of freedom of the error of sampling; infinite for a normal.
    """
    if sampling_sd == 0:
        return float(np.quantile(of_area, 1 - level))
    from scipy import optimize, stats

    error = stats.norm() if np.isinf(freedom) else stats.t(freedom)

    def beyond(value: float) -> float:
        return float(error.sf((value - of_area) / sampling_sd).mean() - level)

    reach = (1 + abs(student(level, freedom))) * sampling_sd
    return float(optimize.brentq(beyond, of_area.min() - reach, of_area.max() + reach))


def _parts(
    project: NDArray[np.float64], baseline: NDArray[np.float64], start: ArrayLike | None, weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Mean gain that is a loss avoided, and that is carbon beyond the start, t CO2e/ha; they sum to the gain."""
    if start is None:
        return np.nan, np.nan
    before = np.asarray(start, dtype=np.float64)
    if before.shape not in (project.shape, project.shape[1:]) or not np.isfinite(before).all():
        raise SocbayesError(
            f"start has shape {before.shape}: state a finite stock for each of {project.shape[1]} points"
        )
    with_project, without = project - before, baseline - before
    avoided = np.minimum(with_project, 0) - np.minimum(without, 0)
    gained = np.maximum(with_project, 0) - np.maximum(without, 0)
    return float((avoided.mean(axis=0) @ weight) * CO2_PER_C), float((gained.mean(axis=0) @ weight) * CO2_PER_C)


def _notes(gain: float, lost: float, draws: int, rule: Rule) -> tuple[str, ...]:
    """What to know before using the figures."""
    notes = []
    if draws < FEW_DRAWS:
        notes.append(f"{draws} draws are too few to tell a quantile: take {FEW_DRAWS} or more.")
    if abs(gain) <= lost:
        kind, told = ("loss", True) if gain < 0 else ("gain", rule.by_draws)
        notes.append(
            f"The {kind} of {abs(gain):.3g} t CO2e/ha is no larger than its deduction of {lost:.3g}: "
            "a deduction in percent says nothing here" + ("." if told else "; read the quantile.")
        )
    return tuple(notes)
