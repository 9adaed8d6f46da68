r"""The control of a pair in its own steady state: pools and rates from shares of its carbon.

What is sampled are shares of the
control's carbon (necromass, biomass, minerals) and where its flows go; rates
follow from the balance of every pool, so nothing is solved for. With input I
and pools per carbon, carbon use efficiency e, share s of dead microbes that
stays particulate and release :math:`\rho` from minerals:

.. math::

    U = I / (1 - e), \quad x = \rho I\, Mn / (s e U), \quad N \to Mn = s e U x / (1 + x), \quad
    N \to D = s e U / (1 + x), \quad k_M = \rho I / (1 + x)

so minerals release about alike whether they hold much necromass or little.
With the share of necromass that they take up as the parameter, a soil of
little necromass exchanged several times its input with its minerals, and the
microbes of its treated twin starved or feasted.

Everything is a share of the control's carbon, so the unit of carbon, and with
it any multiplier of the necromass conversion, cancels in n - s; where the
share of necromass itself enters, the conversion factor of each study is part
of the error with which it is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socbayes.errors import SocbayesError

BETA = 2.0
"""Exponent of biomass in turnover: a crowd dies faster (Georgiou et al. 2017, Nature Communications 8:1223)."""
CONTROL = (
    "efficiency", "residue_share", "mineral_release", "mineral_necromass", "mineral_plant", "saturation", "elasticity",
    "soluble", "biomass", "dissolved", "half_saturation",
)  # fmt: skip
"""Properties of the control that all soils share."""


def properties(sampled: Mapping[str, Any], exp: Any) -> dict[str, Any]:
    """Natural-scale properties of controls from sampled ones.

    Parameters
    ----------
    sampled
        ``share`` (logit) and ``turnover`` (log), one per control, and the rest
        of the variables :data:`CONTROL`; tensors or arrays that broadcast.
    exp
        Exponential of whatever ``sampled`` is made of.

    Returns
    -------
    dict
        What :func:`control_state` takes.

    Examples
    --------
    >>> import numpy as np
    >>> sampled = dict.fromkeys(CONTROL, 0.0) | {"share": 0.0, "turnover": 0.0}
    >>> natural = properties(sampled, np.exp)
    >>> float(natural["share"]), float(natural["turnover"])
    (0.5, 1.0)
    """
    logarithmic = ("turnover", "biomass", "dissolved", "half_saturation", "mineral_release")
    return {
        name: exp(sampled[name]) if name in logarithmic else logistic(sampled[name], exp)
        for name in ("share", "turnover", *CONTROL)
    }


def logistic(logit: Any, exp: Any) -> Any:
    """Share from its logit.

    Parameters
    ----------
    logit
        Numbers, arrays or tensors.
    exp
        Exponential of whatever ``logit`` is.
    """
    return 1.0 / (1.0 + exp(-logit))


def control_state(
    at: Mapping[str, Any], beta: float = BETA, kinetics: str = "reverse"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pools of a control as shares of its carbon, and the rates of ``mcp`` that hold it in balance.

    Parameters
    ----------
    at
        ``turnover`` (carbon over input, years); ``biomass`` and ``dissolved``
        as shares of carbon; ``share`` of necromass in the rest;
        ``mineral_necromass`` and ``mineral_plant``, shares of necromass and of
        what is left that lie on minerals; ``saturation`` of the minerals;
        ``efficiency``; ``residue_share`` of dead microbes that stays
        particulate; ``mineral_release``, turnover of carbon over residence on
        minerals where little of it is there; ``elasticity`` of
        depolymerisation to biomass, or to the pool where kinetics are forward; ``half_saturation`` of uptake over
        dissolved carbon; ``soluble`` share of the input.
    beta
        Exponent of biomass in turnover.
    kinetics
        ``"reverse"`` or ``"forward"``: what saturates depolymerisation.

    Returns
    -------
    pools, rates
        Pools by name; parameters of ``mcp``, or of ``mcp_forward``, per year, and ``input``.

    Raises
    ------
    SocbayesError
        For other kinetics.

    Examples
    --------
    >>> at = dict(turnover=20.0, biomass=0.02, dissolved=0.002, share=0.4, mineral_necromass=0.7, mineral_plant=0.7)
    >>> at |= dict(saturation=0.4, efficiency=0.4, residue_share=0.6, mineral_release=1.0, elasticity=0.5)
    >>> at |= dict(half_saturation=1.0, soluble=0.2)
    >>> pools, rates = control_state(at)
    >>> round(sum(pools.values()), 12), round(1 / rates["k_mineral"])
    (1.0, 34)
    """
    pools = _pools(at)
    income = 1.0 / at["turnover"]
    uptake = income / (1.0 - at["efficiency"])
    growth = at["efficiency"] * uptake
    formed = at["residue_share"] * growth
    # What minerals release they must have taken up, and no more than is formed of it.
    demand = at["mineral_release"] * income * pools["mineral_necromass"] / formed
    sorbed = formed * demand / (1.0 + demand)
    recycled = formed / (1.0 + demand)
    release = sorbed / pools["mineral_necromass"]
    vacant = 1.0 - at["saturation"]
    decayed = {"particulate": income * (1.0 - at["soluble"]), "necromass": recycled}
    rates = {
        "input": income,
        **_depolymerisation(at, pools, decayed, kinetics),
        "v_dissolved": uptake / at["biomass"] * (1.0 + at["half_saturation"]),
        "k_dissolved": at["half_saturation"] * at["dissolved"],
        "e_ref": at["efficiency"],
        "k_death": growth / at["biomass"] ** beta,
        "necromass_share": at["residue_share"],
        "k_necromass_sorption": sorbed / pools["necromass"] / vacant,
        "k_dissolved_sorption": release * pools["mineral_plant"] / at["dissolved"] / vacant,
        "k_mineral": release,
        "capacity": (pools["mineral_necromass"] + pools["mineral_plant"]) / at["saturation"],
        "soluble_share": at["soluble"],
    }
    return pools, rates


def _pools(at: Mapping[str, Any]) -> dict[str, Any]:
    """Pools of a control as shares of its carbon."""
    biomass, dissolved = at["biomass"], at["dissolved"]
    rest = 1.0 - biomass - dissolved
    necromass = at["share"] * rest
    other = rest - necromass
    return {
        "particulate": other * (1.0 - at["mineral_plant"]),
        "dissolved": dissolved + 0.0 * other,
        "microbes": biomass + 0.0 * other,
        "necromass": necromass * (1.0 - at["mineral_necromass"]),
        "mineral_necromass": necromass * at["mineral_necromass"],
        "mineral_plant": other * at["mineral_plant"],
    }


def _depolymerisation(
    at: Mapping[str, Any], pools: Mapping[str, Any], decayed: Mapping[str, Any], kinetics: str
) -> dict[str, Any]:
    """Rates at which what decays of each pool does."""
    # Elasticity is K / (K + X): the attack X / (K + X) is one less it, X the biomass or the pool.
    attack = 1.0 - at["elasticity"]
    half = at["elasticity"] / attack
    if kinetics == "reverse":
        rates = {f"v_{name}": flow / pools[name] / attack for name, flow in decayed.items()}
        return rates | {"k_particulate": at["biomass"] * half}
    if kinetics == "forward":
        rates = {f"v_{name}": flow / at["biomass"] / attack for name, flow in decayed.items()}
        return rates | {f"k_{name}": pools[name] * half for name in decayed}
    raise SocbayesError(f"kinetics {kinetics!r} are neither 'reverse' nor 'forward'")
