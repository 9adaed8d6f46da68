r"""What the literatures say together of the parameters they share.

Carbon use efficiency, turnover of biomass, the biomass at which
depolymerisation is half-saturated and the share of dead microbes that stays
particulate appear in the process models of carbon use efficiency, of priming
and of pump efficacy. Each model is fitted to its own literature; what that
literature says of the shared parameters is its posterior over its prior, a
multivariate normal on the unconstrained scale,

.. math::

    \hat\theta_l \sim N(\theta_l, S_l), \quad S_l^{-1} = V_l^{-1} - V_{0l}^{-1}, \quad
    \hat\theta_l = S_l (V_l^{-1} m_l - V_{0l}^{-1} m_{0l}),

with mean m and covariance V of the posterior, and of the prior where marked 0.
So no prior is counted twice (Lunn et al. 2013, Statistics in Medicine
32:3970, two stages). The literatures need not agree: each has a value of its
own about a common one,

.. math::

    \theta_{lj} \sim N(\mu_j, \tau_j),

and :math:`\tau` says how far laboratories with labels, jars with glucose and
fields over decades differ beyond their own uncertainty. With two or three
literatures it is known little better than its prior, and the value of a new
soil, drawn about the common one, is that much less certain.

Turnover is that of 15 degC, with a Q10 of two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.datasets import learned_file
from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.models.shared import SHARED, Sharing
from socbayes.priors import Override, Prior, Priors
from socbayes.spec import ModelSpec, attach, prior_records
from socbayes.subjects import subjects

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

# Two standard deviations hold what is published: the range is given as the source.
PRIORS = (
    Prior("carbon_use_efficiency_common", "Normal", {"mu": 0.0, "sigma": 0.7}, "logit", "0.2 to 0.8"),
    Prior("microbial_turnover_common", "Normal", {"mu": -3.9, "sigma": 0.9}, "log", "8 days to 10 months"),
    Prior("half_saturating_biomass_common", "Normal", {"mu": 0.0, "sigma": 0.8}, "log", "a fifth to five times"),
    Prior("residue_share_common", "Normal", {"mu": 0.4, "sigma": 0.4}, "logit", "0.4 to 0.77"),
    Prior(
        "conflict_sd",
        "LogNormal",
        {"mu": -1.4, "sigma": 0.6},
        "1",
        "median 0.25 between literatures: two or three cannot show that they agree",
    ),
)

DRAWS = 20_000
"""Draws from the priors of a literature, from which the moments of its shared parameters are taken."""
LEAST_LEARNED = 0.1
"""Share of the prior variance that a literature takes off a parameter, below which it cannot disagree about it."""


@dataclass(frozen=True)
class Literature:
    """What one literature says of the parameters it shares: moments of its posterior and of its prior.

    Parameters
    ----------
    name
        Of the literature.
    parameters
        Which of :data:`SHARED` it has.
    mean, covariance
        Of the posterior.
    prior_mean, prior_covariance
        Of the prior.
    """

    name: str
    parameters: tuple[str, ...]
    mean: np.ndarray
    covariance: np.ndarray
    prior_mean: np.ndarray
    prior_covariance: np.ndarray

    def contraction(self) -> dict[str, float]:
        """One less posterior over prior variance, by parameter: 0, nothing was learned; 1, everything."""
        share = 1.0 - np.diag(self.covariance) / np.diag(self.prior_covariance)
        return dict(zip(self.parameters, share.tolist(), strict=True))


def sharings() -> dict[str, Sharing]:
    """What each model of a literature shares, by model: ``SHARING`` of ``sharing`` in the folders of subjects.

    Examples
    --------
    >>> sharings()["mcp_process"].literature
    'pump efficacy'
    """
    modules = (subject.part("sharing") for subject in subjects())
    return {model: one for module in modules for model, one in getattr(module, "SHARING", {}).items()}


def literature(fitted: Any, *, seed: int = 0) -> Literature:
    """What the literature behind a fit says of the shared parameters.

    Parameters
    ----------
    fitted
        Converged fit of a model that shares parameters: see :func:`sharings`.
    seed
        Seed of the draws from the prior.

    Raises
    ------
    SocbayesError
        For a fit of another model, with priors of the caller's, or one that did not converge.
    """
    facts = facts_of(fitted)
    spec = facts.spec
    known = sharings()
    if spec.model not in known:
        raise SocbayesError(f"{spec.model} shares no parameters with other models; known: {', '.join(known)}")
    if not facts.converged:
        raise SocbayesError(f"the fit of {spec.model} did not converge: {'; '.join(facts.failures)}")
    own = known[spec.model]
    if changed := sorted(set(spec.choices.get("priors", ())) & set(own.used)):
        raise SocbayesError(f"the fit of {spec.model} has priors of its own for {', '.join(changed)}")
    posterior = fitted["posterior"].to_dataset()
    after = own.shared({key: posterior[key].to_numpy().ravel() for key in own.used})
    rng = np.random.default_rng(seed)
    parameters = {prior.name: prior.parameters for prior in own.priors}
    drawn = {key: rng.normal(parameters[key]["mu"], parameters[key]["sigma"], DRAWS) for key in own.used}
    before = own.shared(drawn)
    moments = [
        (columns.mean(axis=0), np.cov(columns, rowvar=False))
        for columns in (np.stack(list(values.values()), axis=1) for values in (after, before))
    ]
    (mean, covariance), (prior_mean, prior_covariance) = moments
    return Literature(own.literature, tuple(after), mean, covariance, prior_mean, prior_covariance)


def likelihood(source: Literature) -> tuple[np.ndarray, np.ndarray]:
    """Estimate and covariance that a literature adds to its prior.

    Directions in which the data say nothing (posterior as wide as the prior)
    keep a hundredth of the prior's precision, so that the covariance exists.

    Examples
    --------
    >>> one = np.eye(1)
    >>> source = Literature("example", ("residue_share",), np.array([1.0]), 0.5 * one, np.array([0.0]), one)
    >>> estimate, covariance = likelihood(source)
    >>> float(estimate[0]), float(covariance[0, 0])
    (2.0, 1.0)
    """
    before = np.linalg.inv(source.prior_covariance)
    # In coordinates in which the prior is standard, what was learned is an ordinary matrix.
    root = np.linalg.cholesky(source.prior_covariance)
    inner = root.T @ np.linalg.inv(source.covariance) @ root - np.eye(len(source.mean))
    values, vectors = np.linalg.eigh((inner + inner.T) / 2.0)
    values = np.maximum(values, 0.01)
    back = np.linalg.inv(root)
    precision = back.T @ (vectors * values) @ vectors.T @ back
    covariance = np.linalg.inv(precision)
    return covariance @ ((precision + before) @ source.mean - before @ source.prior_mean), covariance


def to_json(sources: Sequence[Literature], origin: Mapping[str, Mapping[str, Any]]) -> str:
    """Literatures as JSON text, each with where it comes from."""
    entries = [
        {
            "name": source.name,
            "origin": dict(origin[source.name]),
            "parameters": list(source.parameters),
            "mean": source.mean.tolist(),
            "covariance": source.covariance.tolist(),
            "prior_mean": source.prior_mean.tolist(),
            "prior_covariance": source.prior_covariance.tolist(),
        }
        for source in sources
    ]
    return json.dumps(entries, indent=1) + "\n"


def literatures() -> tuple[Literature, ...]:
    """Literatures as bundled: moments of converged fits of the process models to the bundled tables.

    Examples
    --------
    >>> [source.name for source in literatures()][:2]
    ['carbon use efficiency', 'pump efficacy']
    """
    text = learned_file("literature_moments.json").decode("utf-8")
    moments = ("mean", "covariance", "prior_mean", "prior_covariance")
    return tuple(
        Literature(entry["name"], tuple(entry["parameters"]), *(np.array(entry[key]) for key in moments))
        for entry in json.loads(text)
    )


def disagreement(sources: Sequence[Literature]) -> pd.DataFrame:
    """Difference between two literatures over its standard error, by parameter.

    A literature that narrowed its prior of a parameter by less than
    ``LEAST_LEARNED`` has no estimate to differ by: what its posterior moved by,
    over next to no precision, is a number of any size.

    Returns
    -------
    pandas.DataFrame
        Index parameter, those that both narrowed; columns first, second, difference, standard_error, z.

    Examples
    --------
    >>> worst = disagreement(literatures())["z"].abs()
    >>> worst.idxmax()
    'carbon_use_efficiency'
    """
    import pandas as pd

    rows = []
    told = [(source, *likelihood(source), source.contraction()) for source in sources]
    for (first, a, va, narrowed), (second, b, vb, also) in combinations(told, 2):
        for name in first.parameters:
            if min(narrowed[name], also.get(name, 0.0)) < LEAST_LEARNED:
                continue
            j, k = first.parameters.index(name), second.parameters.index(name)
            error = float(np.sqrt(va[j, j] + vb[k, k]))
            rows.append((name, first.name, second.name, float(a[j] - b[k]), error, float(a[j] - b[k]) / error))
    columns = ["parameter", "first", "second", "difference", "standard_error", "z"]
    return pd.DataFrame(rows, columns=columns).set_index("parameter")


def build(sources: Sequence[Literature] | None = None, *, priors: Mapping[str, Override] | None = None) -> pm.Model:
    """Build the joint model of the shared parameters; nothing is sampled.

    Parameters
    ----------
    sources
        Two literatures or more: see :func:`literature`. The bundled ones by default.
    priors
        Distributions by parameter name that replace the defaults in ``PRIORS``.

    Returns
    -------
    pymc.Model
        With each parameter of :data:`SHARED` for a soil of no literature, on
        its natural scale; ``<parameter>_common``, without bounds; and
        ``conflict_sd``.

    Raises
    ------
    SocbayesError
        For fewer than two literatures.

    Examples
    --------
    >>> model = build()
    >>> "conflict_sd" in model.named_vars
    True
    """
    import pymc as pm
    import pytensor.tensor as pt

    sources = literatures() if sources is None else sources
    if len(sources) < 2:
        raise SocbayesError(f"a joint posterior needs two literatures or more, got {len(sources)}")
    prior = Priors(PRIORS, priors)
    named = {source.name: source for source in sources}
    with pm.Model(coords={"parameter": list(SHARED), "literature": list(named)}) as model:
        common = {name: prior.sample(f"{name}_common") for name in SHARED}
        conflict = prior.sample("conflict_sd", dims="parameter")
        for source in named.values():
            places = [list(SHARED).index(name) for name in source.parameters]
            estimate, covariance = likelihood(source)
            # The literature's own value is integrated out: sampled, it makes a funnel with the conflict.
            pm.MvNormal(
                f"estimate_{source.name.replace(' ', '_')}",
                pt.stack([common[name] for name in source.parameters]),
                cov=pt.as_tensor(covariance) + pt.diag(conflict[places] ** 2),
                observed=estimate,
            )
        for place, (name, text) in enumerate(SHARED.items()):
            free = common[name] + conflict[place] * pm.Normal(f"{name}_departure")
            pm.Deterministic(name, pt.exp(free) if text["scale"] == "log" else pm.math.sigmoid(free))
    attach(model, _spec(list(named.values()), prior, priors))
    return model


def _spec(sources: Sequence[Literature], prior: Priors, priors: Mapping[str, Override] | None) -> ModelSpec:
    """Describe the model."""
    quantities = {
        name: {"unit": text["unit"], "meaning": text["meaning"] + ", soil of no literature"}
        for name, text in SHARED.items()
    }
    quantities |= {
        f"{name}_common": {"unit": text["scale"], "meaning": text["meaning"] + ", common to the literatures"}
        for name, text in SHARED.items()
    }
    quantities["conflict_sd"] = {"unit": "1", "meaning": "spread between literatures beyond their own uncertainty"}
    notes = (
        f"The literature on {source.name} narrows "
        + ", ".join(f"{name} by {100 * share:.0f} %" for name, share in source.contraction().items())
        + " (variance)."
        for source in sources
    )
    return ModelSpec(
        model="joint",
        question="What do the literatures say together of the parameters they share, and where do they disagree?",
        quantities=quantities,
        observed=tuple(f"estimate_{source.name.replace(' ', '_')}" for source in sources),
        priors=prior_records(prior),
        choices={"priors": sorted(priors or {}), "literatures": [source.name for source in sources]},
        notes=tuple(notes),
    )


def prior_table(priors: Mapping[str, Override] | None = None) -> pd.DataFrame:
    """Priors of the model: distribution, unit and source by parameter name.

    Examples
    --------
    >>> prior_table().loc["microbial_turnover_common", "unit"]
    'log'
    """
    return Priors(PRIORS, priors).table()
