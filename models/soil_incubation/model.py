r"""Two pools with feedback, fitted to the cumulative CO2 of one soil incubation.

The model of the Stan case study on soil carbon (Carpenter 2014, after Sierra and Müller 2014):

.. math::

    \dot C_1 = -k_1 C_1 + \alpha_{12} k_2 C_2, \quad
    \dot C_2 = -k_2 C_2 + \alpha_{21} k_1 C_1, \quad
    C(0) = total\,(\gamma, 1 - \gamma)

    CO_2(t) \sim N(total - C_1(t) - C_2(t),\ \sigma)

Carbon left after time t is two exponentials, :math:`p\,e^{-rt} + (1 - p)\,e^{-ft}`, so the data know a slow rate
r, a fast rate f and a share p, and five parameters make these three. What remains are two curved ridges that
touch, and where :math:`\alpha_{12} \alpha_{21} > 1` carbon grows without limit. A sampler that moves in the
five parameters does not get along the ridges and may start, and stay, where carbon explodes.

So others are sampled, in one-to-one correspondence, with the density that the stated priors give them:

- r, and the distance of f from it;
- where :math:`k_1` lies between r and f (the one rate is as far above r as the other is below f);
- the share :math:`\gamma`;
- the level p, on a scale on which the ridges are straight. Given the other four, p is a hyperbolic cosine of
  :math:`\log(\alpha_{21} / \alpha_{12})`, so two pairs of transfers make the same p, one on each ridge, and no
  data can tell them apart;
- which of the two it is. Its probability follows from the priors alone. The level has the density of both
  pairs together, and an independent variable decides between them.

The fold of the ridges is thereby summed over exactly, and no chain has to cross it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from socbayes.errors import EmptyTableError, SocbayesError
from socbayes.frames import numeric
from socbayes.models.blocks import require_values
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, joined, prior_records

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from pytensor.tensor import TensorVariable

    Pair = tuple[TensorVariable, TensorVariable]
    """The transfers alpha12 and alpha21."""

_CASE_STUDY = "as in the Stan case study on soil carbon (Carpenter 2014)"

PRIORS = (
    Prior("k1", "HalfNormal", {"sigma": 1.0}, "1/day", _CASE_STUDY),
    Prior("k2", "HalfNormal", {"sigma": 1.0}, "1/day", _CASE_STUDY),
    Prior("alpha12", "HalfNormal", {"sigma": 1.0}, "1", f"{_CASE_STUDY}; a share above one would create carbon"),
    Prior("alpha21", "HalfNormal", {"sigma": 1.0}, "1", f"{_CASE_STUDY}; a share above one would create carbon"),
    Prior("gamma", "Beta", {"alpha": 10.0, "beta": 1.0}, "1", f"{_CASE_STUDY}: most carbon starts in the first pool"),
    Prior("sigma", "HalfCauchy", {"beta": 1.0}, "g/kg", _CASE_STUDY),
)

QUANTITIES: dict[str, dict[str, str]] = {
    "k1": {"unit": "1/day", "meaning": "decay rate of the first pool"},
    "k2": {"unit": "1/day", "meaning": "decay rate of the second pool"},
    "alpha12": {"unit": "1", "meaning": "share of the decay of the second pool that enters the first"},
    "alpha21": {"unit": "1", "meaning": "share of the decay of the first pool that enters the second"},
    "gamma": {"unit": "1", "meaning": "share of carbon in the first pool at the start"},
    "sigma": {"unit": "g/kg", "meaning": "standard deviation of cumulative CO2 about the model"},
    "slow_rate": {"unit": "1/day", "meaning": "rate at which carbon is lost in the long run; negative where it grows"},
    "fast_rate": {"unit": "1/day", "meaning": "rate at which the pools approach their common decline"},
}

PARAMETERS = ("k1", "k2", "alpha12", "alpha21", "gamma")
COORDINATES = ("slow_rate", "rate_difference", "position", "start", "level", "ridge")
SUPPORTS = {
    name: ("HalfNormal", "LogNormal", "Gamma", "Exponential", "HalfCauchy", "HalfStudentT", "Weibull")
    for name in ("k1", "k2", "alpha12", "alpha21")
} | {"gamma": ("Beta", "Kumaraswamy", "LogitNormal")}
"""Distributions that cover all values a parameter can take: the coordinates know no other limits."""
LEVEL_SCALE = 0.2
"""Change of p that counts as one unit of its coordinate where the ridges touch; sets efficiency, not results."""


class _Rates(NamedTuple):
    """What follows from slow rate, fast rate and the position of k1 between them."""

    slow: TensorVariable
    fast: TensorVariable
    k1: TensorVariable
    k2: TensorVariable
    k1_above_slow: TensorVariable
    k2_above_slow: TensorVariable


class _Ridges(NamedTuple):
    """What follows from the rates and the share at the start."""

    weight1: TensorVariable
    """Square root of the weight with which alpha21 raises the level."""
    weight2: TensorVariable
    scale: TensorVariable
    """Distance from the lowest level, as a square root, at which the ridges are held in place."""
    width: TensorVariable
    """Relative width of a unit of the level coordinate there."""


def build(table: pd.DataFrame, *, priors: Mapping[str, Override] | None = None) -> pm.Model:
    """Build the two-pool model with feedback for one incubated soil; nothing is sampled.

    Parameters
    ----------
    table
        Table of schema ``soil_incubation_cumulative``: cumulative CO2 of one
        soil on several days, beside its carbon at the start.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With coord day, the free variables ``coordinates`` and ``sigma``, and
        k1, k2, alpha12, alpha21, gamma, slow_rate, fast_rate as deterministics.

    Raises
    ------
    EmptyTableError
        If there are no rows.
    SocbayesError
        If rows differ in soil carbon at the start or in study, a value cannot mean what its column says, or a prior
        does not cover all values of its parameter.

    Examples
    --------
    >>> import socbayes as sb
    >>> model = sb.models.soil_incubation.build(sb.load_dataset("soil_incubation_cumulative"))
    >>> "alpha21" in model.named_vars
    True
    """
    import pymc as pm

    soil = _soil_of(table)
    prior = Priors(PRIORS, priors)
    _require_support(prior)
    with pm.Model(coords={"day": [f"{day:g}" for day in soil.days], "coordinate": list(COORDINATES)}) as model:
        _variables(prior, soil)
    above = int((soil.respired > soil.total).sum())
    exceed = "exceeds" if above == 1 else "exceed"
    said = f"{above} of {len(table)} observations {exceed} the carbon at the start, {soil.total:g} g/kg."
    attach(
        model,
        ModelSpec(
            model="soil_incubation",
            question="How fast do two pools that feed each other decay, and how much of the decay passes between them?",
            quantities=QUANTITIES,
            observed=("cumulative_co2",),
            priors=prior_records(prior),
            choices={"priors": sorted(priors or {})},
            notes=(said,) if above else (),
            target_accept=0.97,
        ),
        {"table": table},
    )
    return model


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["gamma", "distribution"]
    'Beta(alpha=10, beta=1)'
    """
    return Priors(PRIORS, priors).table()


class _Soil(NamedTuple):
    """Days and CO2 respired by them, and carbon at the start: g/kg, as the priors of the case study have it."""

    days: np.ndarray
    respired: np.ndarray
    total: float

    @property
    def last_day(self) -> float:
        return float(self.days.max())


def _soil_of(table: pd.DataFrame) -> _Soil:
    """Check a table of one incubation and lay it out."""
    if len(table) == 0:
        raise EmptyTableError("the table has no rows: nothing to fit")
    require_values(table, ["incubation_day", "cumulative_co2"])
    require_values(table, ["soil_organic_carbon"], positive=True)
    for column in ("study", "soil_organic_carbon"):
        if column in table and table[column].nunique() > 1:
            raise SocbayesError(f"column {column!r} has {table[column].nunique()} values: this model is of one soil")
    days, respired = numeric(table, "incubation_day"), numeric(table, "cumulative_co2") / 1000.0
    if not days.max() > 0:
        raise SocbayesError("no row is later than day 0")
    return _Soil(days, respired, float(numeric(table, "soil_organic_carbon")[0]))


def _require_support(prior: Priors) -> None:
    """Refuse priors that do not cover all values of their parameter."""
    for name, allowed in SUPPORTS.items():
        if prior[name].distribution not in allowed:
            raise SocbayesError(
                f"the prior of {name} must cover all its values, as {joined(allowed)} do; "
                f"{prior[name].distribution} is not among them"
            )


def _variables(prior: Priors, soil: _Soil) -> None:
    """Add every variable to the model at hand."""
    import pymc as pm
    import pytensor.tensor as pt

    last_day = soil.last_day
    for name in PARAMETERS:
        prior.use(name)
    coordinates = pm.CustomDist(
        "coordinates",
        dist=lambda size: _drawn(prior, last_day),
        logp=lambda value: _log_density(value, prior, last_day),
        # Decline over the time of the observations, and the middle of everything else.
        support_point=lambda rv, size: pt.as_tensor(np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])),
        ndim_supp=1,
        dims="coordinate",
    )
    sigma = prior.sample("sigma")
    rates, share = _rates(coordinates, last_day), _normal_cdf(coordinates[3])
    ridges = _ridges(rates, share)
    root, _ = _level(coordinates[4], ridges)
    alpha12, alpha21 = _chosen(coordinates[5], _transfers(root, rates, ridges), prior)
    values = (rates.k1, rates.k2, alpha12, alpha21, share, rates.slow, rates.fast)
    for name, value in zip((*PARAMETERS, "slow_rate", "fast_rate"), values, strict=True):
        pm.Deterministic(name, value)
    level = 1 - (ridges.weight1 - ridges.weight2) ** 2 + root**2
    left = level * pt.exp(-rates.slow * soil.days) + (1 - level) * pt.exp(-rates.fast * soil.days)
    observed = pm.Data("cumulative_co2_recorded", soil.respired, dims="day")
    pm.Normal("cumulative_co2", soil.total * (1 - left), sigma, observed=observed, dims="day")


def _rates(coordinates: TensorVariable, last_day: float) -> _Rates:
    import pytensor.tensor as pt

    slow, difference = pt.sinh(coordinates[0]) / last_day, pt.exp(coordinates[1])
    decline, growth = pt.maximum(slow, 0), pt.maximum(-slow, 0)
    below, above = difference * _normal_cdf(coordinates[2]), difference * _normal_cdf(-coordinates[2])
    return _Rates(slow, difference + pt.abs(slow), decline + below, decline + above, growth + below, growth + above)


def _ridges(rates: _Rates, share: TensorVariable) -> _Ridges:
    """Weights of the transfers in the level, and the scale on which the ridges are straight.

    With q the position of k1 and x half the log ratio of the transfers, the
    level is that of the lowest point plus ``(weight1 e^x - weight2 e^-x)**2``.
    On either ridge the level is about one, and a little more for slower rates.
    """
    import pytensor.tensor as pt

    distance = rates.fast - rates.slow
    weight1 = pt.sqrt(share * rates.k1_above_slow / distance)
    weight2 = pt.sqrt((1 - share) * rates.k2_above_slow / distance)
    relative = rates.fast / distance
    square = (weight1 - weight2) ** 2 + pt.maximum(relative - 1, 0) + LEVEL_SCALE * relative
    return _Ridges(weight1, weight2, pt.sqrt(square), LEVEL_SCALE * relative / square)


def _level(coordinate: TensorVariable, ridges: _Ridges) -> tuple[TensorVariable, TensorVariable]:
    """Square root of the height above the lowest level, and its derivative; a coordinate of 0 is on the ridge."""
    import pytensor.tensor as pt

    unit = ridges.scale * ridges.width / 2
    place = coordinate + _softplus_inverse(2 / ridges.width)
    return unit * pt.softplus(place), unit * pt.sigmoid(place)


def _level_coordinate(root: TensorVariable, ridges: _Ridges) -> TensorVariable:
    """Inverse of :func:`_level`."""
    return _softplus_inverse(2 * root / (ridges.scale * ridges.width)) - _softplus_inverse(2 / ridges.width)


def _transfers(root: TensorVariable, rates: _Rates, ridges: _Ridges) -> tuple[Pair, Pair]:
    """The two pairs (alpha12, alpha21) that have the level: of the second ridge, and of the first."""
    import pytensor.tensor as pt

    reach = (root + pt.sqrt(root**2 + 4 * ridges.weight1 * ridges.weight2)) / 2
    pairs = tuple(
        (rates.k2_above_slow / (rates.k2 * ratio), ratio * rates.k1_above_slow / rates.k1)
        for ratio in ((ridges.weight2 / reach) ** 2, (reach / ridges.weight1) ** 2)
    )
    return pairs[0], pairs[1]


def _chosen(coordinate: TensorVariable, pairs: tuple[Pair, Pair], prior: Priors) -> Pair:
    """The pair of transfers that the ridge coordinate, standard normal by itself, decides for."""
    import pytensor.tensor as pt

    first = _normal_cdf(coordinate) < _share_of_first(pairs, prior)
    return pt.switch(first, pairs[1][0], pairs[0][0]), pt.switch(first, pairs[1][1], pairs[0][1])


def _share_of_first(pairs: tuple[Pair, Pair], prior: Priors) -> TensorVariable:
    """Prior probability of the first ridge, given the level and all else."""
    import pytensor.tensor as pt

    second, first = (_log_prior(prior, alpha12=pair[0], alpha21=pair[1]) for pair in pairs)
    return pt.sigmoid(first - second)


def _log_density(value: TensorVariable, prior: Priors, last_day: float) -> TensorVariable:
    """Log density of the coordinates: the stated priors, times how the parameters stretch with the coordinates."""
    import pytensor.tensor as pt

    rates, share = _rates(value, last_day), _normal_cdf(value[3])
    ridges = _ridges(rates, share)
    root, root_slope = _level(value[4], ridges)
    pairs = _transfers(root, rates, ridges)
    both = pt.logaddexp(*(_log_prior(prior, alpha12=pair[0], alpha21=pair[1]) for pair in pairs))
    distance = rates.fast - rates.slow
    stretch = (
        # k1, k2 and the product of the transfers, by slow rate, fast rate and position ...
        pt.log(distance / (rates.k1 * rates.k2))
        # ... the log ratio of the transfers by the level, the same on either ridge ...
        + pt.log(2 * root_slope / pt.sqrt(root**2 + 4 * ridges.weight1 * ridges.weight2))
        # ... and slow rate, distance, position and share by their coordinates.
        + pt.log(pt.cosh(value[0]) / last_day)
        + 2 * value[1]
        + _normal_log_density(value[2])
        + _normal_log_density(value[3])
    )
    return _log_prior(prior, k1=rates.k1, k2=rates.k2, gamma=share) + both + stretch + _normal_log_density(value[5])


def _drawn(prior: Priors, last_day: float) -> TensorVariable:
    """Coordinates of a draw of the parameters from their priors; shape (6,)."""
    import pymc as pm
    import pytensor.tensor as pt

    k1, k2, alpha12, alpha21, gamma = (_distribution(prior, name) for name in PARAMETERS)
    half = pt.sqrt((k1 - k2) ** 2 / 4 + alpha12 * alpha21 * k1 * k2)
    fast = (k1 + k2) / 2 + half
    slow = k1 * k2 * (1 - alpha12 * alpha21) / fast
    growth = pt.maximum(-slow, 0)
    k1_above_slow = _larger_root((k1 - k2) / 2, half, alpha12 * alpha21 * k1 * k2)
    k2_above_slow = _larger_root((k2 - k1) / 2, half, alpha12 * alpha21 * k1 * k2)
    rates = _Rates(slow, fast, k1, k2, k1_above_slow, k2_above_slow)
    ridges = _ridges(rates, gamma)
    ratio = pt.sqrt(alpha21 * k1 / k1_above_slow)
    root = ridges.weight1 * ratio - ridges.weight2 / ratio
    share = _share_of_first(_transfers(pt.abs(root), rates, ridges), prior)
    chance = pm.Uniform.dist(0.0, 1.0)
    ridge = pt.switch(root > 0, share * chance, share + (1 - share) * chance)
    difference = fast - pt.abs(slow)
    return pt.stack(
        [
            pt.arcsinh(slow * last_day),
            pt.log(difference),
            _normal_quantile((k1_above_slow - growth) / difference),
            _normal_quantile(gamma),
            _level_coordinate(pt.abs(root), ridges),
            _normal_quantile(ridge),
        ]
    )


def _larger_root(middle: TensorVariable, half: TensorVariable, product: TensorVariable) -> TensorVariable:
    """``middle + half`` without cancellation, where ``half**2 - middle**2`` is ``product``."""
    import pytensor.tensor as pt

    return pt.switch(middle > 0, middle + half, product / (half - middle))


def _distribution(prior: Priors, name: str) -> TensorVariable:
    import pymc as pm

    return getattr(pm, prior[name].distribution).dist(**prior[name].parameters)


def _log_prior(prior: Priors, **values: TensorVariable) -> TensorVariable:
    """Sum of the log prior densities of parameters."""
    import pymc as pm

    return sum(pm.logp(_distribution(prior, name), value) for name, value in values.items())


def _normal_cdf(x: TensorVariable) -> TensorVariable:
    import pytensor.tensor as pt

    return 0.5 * pt.erfc(-x / np.sqrt(2))


def _normal_quantile(probability: TensorVariable) -> TensorVariable:
    import pytensor.tensor as pt

    return -np.sqrt(2) * pt.erfcinv(2 * probability)


def _normal_log_density(x: TensorVariable) -> TensorVariable:
    return -0.5 * x**2 - 0.5 * np.log(2 * np.pi)


def _softplus_inverse(x: TensorVariable) -> TensorVariable:
    import pytensor.tensor as pt

    return x + pt.log(-pt.expm1(-x))
