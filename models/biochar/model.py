r"""Biochar in soil: a labile and a persistent pool, hierarchical over series and studies.

Carbon left after time t at temperature T is

.. math::

    R(t) = f\,e^{-k_1 g t} + (1 - f)\,e^{-k_2 g t}, \quad f = 1 - e^{-a}, \quad g = Q_{10}^{(T - 15)/10}

with the labile carbon a and both rates of each series about a level of their study, and those of studies about a level
of all; a and the persistent rate depend on the molar ratio of hydrogen to carbon. Where a study states no ratio, it is
drawn about what the highest temperature of pyrolysis says of it. What is compared are logs of the carbon lost, at a few
dates of each series, spread over its duration: all dates of a cumulative series say little more, and are no independent
measurements. Dates spread over the logarithm of time would have the labile pool explain the first days, and the
persistent one the months after them, so that it would be lost too soon in a century.

Most series follow two pools to some percent of what they lose, with a labile rate of their own, and some scatter ten
times as much, so rates and errors are of series and studies. What a series tells well is what it lost in all, less well
how much of that was labile, so these two are sampled (:func:`_by_losses`).

Series last for months or years, so the share left after a century is an extrapolation: its rate rests on the slow loss
at the end of the longer series, and on the prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import EmptyTableError, SocbayesError
from socbayes.frames import filled, numeric
from socbayes.models.biochar.told import shares, shares_of_scatter, traits_about
from socbayes.models.blocks import groups, partly_centred
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, joined, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pymc.distributions.transforms import Transform
    from pytensor.tensor import TensorVariable

CENTRE = {"hydrogen_to_carbon": 0.4, "pyrolysis_temperature": 500.0, "incubation_temperature": 15.0}
"""Values at which levels are stated."""
DATES = 6
"""Dates of a series that are compared, where it has as many."""
LEAST_DATES = 5
"""Dates that a series has, of those, to be taken: fewer hardly tell two pools and a scatter apart."""
LEAST_DURATION = 364
"""Days, 52 weeks, that a series lasts to be taken: while labile carbon is still being lost, it cannot tell the
persistent rate, and share and rates trade places along a curve that chains hardly get along."""
LEAST_RATE = 0.0
"""Log of the rate, 1/year, below which carbon is not called labile: it is gone within some years. Without it the two
pools of a series that loses carbon at one pace, or by the seasons of a field, change places."""
LEAST_LOSS = 2e-4
"""Share of the carbon below which a loss is within the error of its tracer, and its logarithm means nothing."""
DAYS = 365.25

_DECADES = "biochar of 0.4 is lost by a per mille to a percent a year once labile carbon is gone (Wang et al. 2016)"

PRIORS = (
    Prior("labile_level", "Normal", {"mu": -4.5, "sigma": 1.5}, "log", "a per mille to a tenth: Wang et al. 2016, 3 %"),
    Prior("labile_slope", "Normal", {"mu": 0.0, "sigma": 3.0}, "log", "per unit of H/C, of which biochars span 0.6"),
    Prior("labile_rate", "Normal", {"mu": 1.2, "sigma": 0.7}, "log 1/year", "108 days at mean: Wang et al. 2016"),
    Prior("slow_level", "Normal", {"mu": -6.3, "sigma": 1.0}, "log 1/year", f"{_DECADES}: 556 years"),
    Prior("slow_slope", "Normal", {"mu": 2.0, "sigma": 2.0}, "log", "per unit of H/C; more hydrogen, faster loss"),
    Prior(
        "log_q10",
        "Normal",
        {"mu": 0.6, "sigma": 0.3},
        "log",
        "about 1.8 between 10 and 30 degC: pairs of Nguyen et al. 2010 in Azzi et al. 2024",
    ),
    Prior("study_sd", "HalfNormal", {"sigma": 1.0}, "log", "laboratories, soils and fields differ up to tenfold"),
    Prior(
        "series_sd", "HalfNormal", {"sigma": 0.7}, "log", "biochars of one ratio differ within a factor of two or four"
    ),
    Prior("ratio_level", "Normal", {"mu": 0.5, "sigma": 0.2}, "1", "H/C of biochar made at 500 degC"),
    Prior("ratio_slope", "Normal", {"mu": -0.12, "sigma": 0.1}, "1", "per 100 degC: hotter biochar has less hydrogen"),
    Prior("ratio_sd", "HalfNormal", {"sigma": 0.2}, "1", "feedstocks and times differ"),
    Prior("labile_rate_sd", "HalfNormal", {"sigma": 0.7}, "log", "as between studies: labile carbon is of many kinds"),
    Prior("error_level", "Normal", {"mu": -3.0, "sigma": 1.0}, "log", "about 5 % of a cumulative loss"),
    Prior("error_sd", "HalfNormal", {"sigma": 1.0}, "log", "tracers and dates of studies differ"),
)

TRAITS = ("labile carbon", "persistent rate")
"""What each series has of its own, as logs: labile carbon a, of which the labile share is 1 - exp(-a), nearly the same
where it is small; and the rate, 1/year."""

QUANTITIES: dict[str, dict[str, str]] = {
    "labile_level": {"unit": "log", "meaning": "labile carbon of biochar with H/C 0.4, nearly its share"},
    "labile_slope": {"unit": "log", "meaning": "what it rises by with a unit of H/C"},
    "labile_rate": {"unit": "log 1/year", "meaning": "decay rate of labile carbon at 15 degC"},
    "slow_level": {"unit": "log 1/year", "meaning": "decay rate of persistent carbon at 15 degC with H/C 0.4"},
    "slow_slope": {"unit": "log", "meaning": "what it rises by with a unit of H/C"},
    "log_q10": {"unit": "log", "meaning": "factor on both rates by 10 degC"},
    "study_sd": {"unit": "log", "meaning": "spread between studies of labile carbon and persistent rate"},
    "series_sd": {"unit": "log", "meaning": "spread between series of a study, likewise"},
    "labile_rate_sd": {"unit": "log", "meaning": "spread between studies of the labile rate"},
    "error_level": {"unit": "log", "meaning": "scatter of cumulative losses about a series, of the usual study"},
    "error_sd": {"unit": "log", "meaning": "spread of that scatter between studies"},
}


COLUMNS = (
    "study", "series", "incubation_day", "carbon_left", "pyrolysis_temperature", "incubation_temperature",
    "hydrogen_to_carbon",
)  # fmt: skip
"""Of a table of series: names; days since biochar was added; share of its carbon that is left; degC; degC; molar ratio
of hydrogen to organic carbon, NaN where it is not stated."""


def compared(table: pd.DataFrame) -> np.ndarray:
    """Positions of the rows of a table that are compared: five or six dates of each series of 52 weeks or more, evenly.

    Parameters
    ----------
    table
        With :data:`COLUMNS`.
    """
    days, lost = numeric(table, "incubation_day"), 1.0 - numeric(table, "carbon_left")
    chosen: list[int] = []
    series = filled(table, "study", "").astype(str) + "/" + table["series"].astype(str)
    for rows in series.groupby(series, sort=False).indices.values():
        usable = rows[(days[rows] > 0) & (lost[rows] > LEAST_LOSS)]
        if usable.size and days[usable].max() >= LEAST_DURATION:
            wanted = days[usable].max() * np.arange(1, DATES + 1) / DATES
            nearest = usable[np.unique(np.abs(days[usable][:, None] - wanted).argmin(axis=0))]
            chosen += nearest.tolist() if nearest.size >= LEAST_DATES else []
    return np.array(sorted(chosen), dtype="int64")


def build(table: pd.DataFrame, *, priors: Mapping[str, Override] | None = None) -> pm.Model:
    """Build the model of decomposing biochar; nothing is sampled.

    Parameters
    ----------
    table
        With :data:`COLUMNS`: the share of its carbon that is left, by series and day.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coords study, series and pool_trait, of :data:`TRAITS`.

    Raises
    ------
    EmptyTableError
        For a table of which no row shows a loss.
    SocbayesError
        For columns that are not there, and for missing values in those that have to be known.

    Examples
    --------
    >>> import pandas as pd
    >>> days = [0.0, 30.0, 120.0, 180.0, 240.0, 300.0, 365.0]
    >>> left = [1.0, 0.992, 0.984, 0.979, 0.976, 0.973, 0.97]
    >>> one = pd.DataFrame({"study": "a", "series": "1", "incubation_day": days, "carbon_left": left,
    ...     "hydrogen_to_carbon": 0.4, "pyrolysis_temperature": 550.0, "incubation_temperature": 20.0})
    >>> build(one).coords["series"]
    ('a/1',)
    """
    import pymc as pm
    import pytensor.tensor as pt

    if absent := [name for name in COLUMNS if name not in table]:
        raise SocbayesError(f"series of biochar have no {joined(absent)}: expected columns {joined(COLUMNS)}")
    if not len(table) or not (rows := compared(table)).size:
        raise EmptyTableError(
            f"no series of {LEAST_DURATION} days or more has {LEAST_DATES} dates with more than {100 * LEAST_LOSS:g} % "
            "of its carbon lost: nothing to fit"
        )
    used = table.iloc[rows].reset_index(drop=True)
    for name in COLUMNS[2:6]:
        if (missing := ~np.isfinite(numeric(used, name))).any():
            raise SocbayesError(f"{int(missing.sum())} of {len(used)} rows of series of biochar have no {name}")
    labels, series = groups(filled(used, "study", "").astype(str) + "/" + used["series"].astype(str))
    first = np.unique(series, return_index=True)[1]
    studies, study = groups(used["study"].astype(str).iloc[first].reset_index(drop=True))
    own = Priors(PRIORS, priors)
    years = numeric(used, "incubation_day") / DAYS
    last = np.zeros(len(labels))
    np.maximum.at(last, series, years)
    warmth = (numeric(used, "incubation_temperature") - CENTRE["incubation_temperature"]) / 10.0
    warm = warmth[first]
    stated, made = (numeric(used, name)[first] for name in ("hydrogen_to_carbon", "pyrolysis_temperature"))
    lost = 1.0 - numeric(used, "carbon_left")
    rough, residuals = traits_about(years, lost, series)
    told = shares(rough, np.column_stack([np.where(np.isfinite(stated), stated, 0.5), made / 100.0, warm]), study)
    with pm.Model(coords={"study": studies, "series": labels, "pool_trait": list(TRAITS)}) as model:
        ratio = _ratios(own, stated, made)
        traits, fast = _traits(own, ratio - CENTRE["hydrogen_to_carbon"], warm, study, last, told)
        labile, slow = -pt.expm1(-pt.exp(traits[:, 0]))[series], pt.exp(traits[:, 1])[series]
        expected = labile * -pt.expm1(-fast[series] * years) - (1.0 - labile) * pt.expm1(-slow * years)
        usual, spread = own.sample("error_level"), own.sample("error_sd")
        error = usual + partly_centred("log_error", usual, spread, shares_of_scatter(residuals, series, study), "study")
        pm.StudentT("log_lost", nu=5.0, mu=pt.log(expected), sigma=pt.exp(error)[study[series]], observed=np.log(lost))
    every = (table["study"].astype(str) + "/" + table["series"].astype(str)).nunique()
    notes = (
        f"Of {len(table):,} rows {rows.size:,} are compared, up to {DATES} dates of a series.",
        *(
            [
                f"Not used: {every - len(labels)} of {every} series, as they end within {LEAST_DURATION} days, or "
                f"have fewer than {LEAST_DATES} dates with more than {100 * LEAST_LOSS:g} % lost."
            ]
            if every > len(labels)
            else []
        ),
    )
    attach(
        model,
        ModelSpec(
            model="biochar", question="How long does the carbon of biochar stay in soil?", quantities=QUANTITIES,
            observed=("log_lost",), adaptation="low_rank", priors=prior_records(own), notes=notes,
        ),
        {"table": table},
    )  # fmt: skip
    return model


def _traits(
    prior: Priors, excess: Any, warm: np.ndarray, study: np.ndarray, last: np.ndarray, told: np.ndarray
) -> tuple[Any, Any]:
    """Traits of each series, (series, pool_trait), and its labile rate, 1/year, (series,), as they were incubated.

    What is sampled is at the ratio and temperature of a series, or at the means of a study: there its data tell it,
    whatever slopes and the factor of temperature are. ``last`` are years, (series,), at the last date of a series;
    ``told`` says how far the series of a study tell its traits, (study, pool_trait).
    """
    import pymc as pm
    import pytensor.tensor as pt

    own = (study == np.arange(study.max() + 1)[:, None]).astype(float)
    own /= own.sum(axis=1, keepdims=True)
    q10, dims = prior.sample("log_q10"), "pool_trait"
    levels = pt.stack([prior.sample("labile_level"), prior.sample("slow_level")])
    slopes = pt.stack([prior.sample("labile_slope"), prior.sample("slow_slope")])
    at = slopes * excess[:, None] + warm[:, None] * pt.stack([0.0, q10])
    mean = own @ at
    between, within = (prior.sample(name, dims=dims) for name in ("study_sd", "series_sd"))
    usual = levels + mean
    of_study = usual + partly_centred("study_trait", usual, between, told, ("study", dims))
    traits = pm.Normal(
        "series_trait", of_study[study] + at - mean[study], within, dims=("series", dims),
        default_transform=_by_losses(last),
    )  # fmt: skip
    warmed = own @ warm
    rate = pm.TruncatedNormal(
        "study_labile_rate",
        prior.sample("labile_rate") + q10 * warmed,
        prior.sample("labile_rate_sd"),
        lower=LEAST_RATE,
        dims="study",
    )
    return traits, pt.exp(rate[study] + q10 * (warm - warmed[study]))


def _by_losses(last: np.ndarray) -> Transform:
    """Transform of the traits of series to what they tell: how much was lost, and how much of it was labile.

    Of a series of T years, labile carbon a and rate k, sampled are log(a + k T) and log(a / (k T)). A series holds the
    first within its scatter whatever the second is; of a and k themselves, either may be next to nothing where the
    other explains all that was lost, a bent valley. The determinant of the transform of log a and log k is one.

    Parameters
    ----------
    last
        Years at the last date of each series, (series,).
    """
    import pytensor.tensor as pt
    from pymc.distributions import transforms

    log_last = np.log(last)

    class ByLosses(transforms.Transform):
        name = "losses"

        def forward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
            labile, slow = value[:, 0], value[:, 1] + log_last
            return pt.stack([pt.logaddexp(labile, slow), labile - slow], axis=-1)

        def backward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
            lost, odds = value[:, 0], value[:, 1]
            return pt.stack([lost - pt.softplus(-odds), lost - pt.softplus(odds) - log_last], axis=-1)

        def log_jac_det(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
            return pt.zeros_like(value[:, 0])

    return ByLosses()


def _ratios(prior: Priors, ratio: np.ndarray, temperature: np.ndarray) -> Any:
    """Ratio of hydrogen to carbon of each series: as stated, else drawn about what the temperature says of it."""
    import pymc as pm
    import pytensor.tensor as pt

    hotter = (temperature - CENTRE["pyrolysis_temperature"]) / 100.0
    expected = prior.sample("ratio_level") + prior.sample("ratio_slope") * hotter
    spread, known = prior.sample("ratio_sd"), np.isfinite(ratio)
    if known.any():
        pm.Normal("ratio_stated", expected[np.flatnonzero(known)], spread, observed=ratio[known])
    values = pt.as_tensor(np.nan_to_num(ratio))
    if (missing := np.flatnonzero(~known)).size:
        drawn = pm.Normal("ratio_standardised", shape=missing.size)
        values = pt.set_subtensor(values[missing], expected[missing] + spread * drawn)
    return values


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of this model, after the caller's replacements.

    Parameters
    ----------
    priors
        Replacements by parameter name.

    Examples
    --------
    >>> prior_table().loc["log_q10", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()
