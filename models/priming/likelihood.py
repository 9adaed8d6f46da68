"""What is seen of a run: increments of CO2 between sampling days, and pools on the last one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from socbayes.models.priming.incubations import MILLIGRAM, Incubations
from socbayes.models.priming.jars import biomass_known

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable

    from socbayes.priors import Priors

#: Degrees of freedom of the misfit: single intervals may be far off.
FREEDOM = 4.0
#: Label that need not be found where the CO2 left it.
RECOVERED = ("substrate_carbon_in_particulate_fraction", "substrate_carbon_in_soil")


def increments_likelihood(
    name: str,
    data: Incubations,
    cumulative: TensorVariable,
    scatter: TensorVariable,
    persistence: TensorVariable,
) -> None:
    """Increments of one kind of series, on a scale that is logarithmic above the noise and linear within.

    ``asinh(rate / 2 floor)`` is ``log(rate / floor)`` for rates far above the
    floor and passes through zero, so increments at or below zero stay in.

    Parameters
    ----------
    name
        Kind of series.
    data
        The incubations.
    cumulative
        CO2 of the runs, shape (row, site).
    scatter, persistence
        Log of the scatter, and how far misfit lasts from one interval to the next, by study.
    """
    import pymc as pm
    import pytensor.tensor as pt

    seen = data.increments[name]
    rate = (cumulative[seen.end, seen.site] - cumulative[seen.start, seen.site]) / seen.days
    first = seen.previous < 0
    lasting = pt.where(first, 0.0, persistence[seen.study])
    spread = pt.exp(scatter)[seen.study] / pt.where(first, pt.sqrt(1.0 - persistence[seen.study] ** 2), 1.0)
    pm.modelcontext(None).add_coord(f"increment_{name}", seen.label)
    logp, random = lasting_misfit(seen.previous)
    pm.CustomDist(
        f"co2_{name}",
        pt.arcsinh(rate / (2.0 * seen.floor)),
        spread,
        lasting,
        logp=logp,
        random=random,
        signature="(i),(i),(i)->(i)",
        observed=np.arcsinh(seen.rate / (2.0 * seen.floor)),
        dims=f"increment_{name}",
    )


def lasting_misfit(previous: np.ndarray) -> tuple[Callable[..., TensorVariable], Callable[..., np.ndarray]]:
    """Log density and draws of series whose misfit carries over from one interval to the next.

    Parameters
    ----------
    previous
        Position of the interval before each, -1 for the first of a series.
    """
    import pymc as pm

    before = np.maximum(previous, 0)  # where there is none, nothing lasts
    rounds = [np.flatnonzero(previous < 0)]
    while (following := np.flatnonzero(np.isin(previous, rounds[-1]))).size:
        rounds.append(following)

    def logp(
        value: TensorVariable, expected: TensorVariable, spread: TensorVariable, lasting: TensorVariable
    ) -> TensorVariable:
        mean = expected + lasting * (value - expected)[before]
        return pm.logp(pm.StudentT.dist(nu=FREEDOM, mu=mean, sigma=spread), value)

    def random(expected, spread, lasting, rng=None, size=None):
        shape = np.shape(expected) if size is None else (*size, previous.size)
        misfit = spread * rng.standard_t(FREEDOM, shape)
        for rows in rounds[1:]:
            misfit[..., rows] += lasting[..., rows] * misfit[..., before[rows]]
        return expected + misfit

    return logp, random


def final_likelihood(
    data: Incubations, final: Mapping[str, TensorVariable], biomass_error: TensorVariable, prior: Priors
) -> list[str]:
    """Pools of the last day where they were measured; the names of what is observed.

    Label found in the soil, or in its particles, need not be what the CO2 left
    there: a recovery by run says which share of it was found. Biomass at the
    end was extracted as it was at the start, so the same error is taken off.

    Parameters
    ----------
    data
        The incubations.
    final
        Pools of the treated on the last day, shape (site,).
    biomass_error
        Log error of extracted biomass, by study.
    prior
        Priors of the model.
    """
    import pymc as pm
    import pytensor.tensor as pt

    measured = _measured(data, final)
    if not measured:
        return []
    model = pm.modelcontext(None)
    model.add_coord("final", list(measured))
    recovered = [name for name in RECOVERED if name in measured]
    if recovered:
        model.add_coord("recovered", recovered)
        recovery = prior.sample("recovery", dims=("recovered", "run"))
    extraction = biomass_error[data.controls["study"].to_numpy()] * biomass_known(data)
    scatter = pt.exp(prior.sample("final_scatter", dims="final"))
    for position, (name, jars) in enumerate(measured.items()):
        members = data.jars.iloc[jars]
        model.add_coord(f"jar_{name}", members["jar_key"].tolist())
        # Chosen before the logarithm: a pool that is empty elsewhere would spoil the gradient.
        expected = pt.log(final[name][members["treatment_index"].to_numpy()])
        if name in recovered:
            expected = expected + recovery[recovered.index(name)][members["run_index"].to_numpy()]
        else:
            expected = expected - extraction[members["control_index"].to_numpy()]
        observed = np.log(members[name].to_numpy() * MILLIGRAM)
        pm.StudentT(name, nu=FREEDOM, mu=expected, sigma=scatter[position], observed=observed, dims=f"jar_{name}")
    return list(measured)


def _measured(data: Incubations, final: Collection[str]) -> dict[str, np.ndarray]:
    """Positions of the jars in which each pool was measured on the last day; pools of no jar are left out."""
    dissolved = ~data.treatments["solid"].to_numpy()[data.jars["treatment_index"]]
    # Only what was added as a solid can lie in particles: the pump makes none from glucose.
    usable = {name: True for name in final} | {"substrate_carbon_in_particulate_fraction": ~dissolved}
    measured = {name: np.flatnonzero((data.jars[name] > 0) & usable[name]) for name in final}
    return {name: jars for name, jars in measured.items() if jars.size}
