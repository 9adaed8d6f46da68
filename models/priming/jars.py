r"""Soils and jars as runs of the microbial carbon pump, written in what the data determine.

With :math:`r_0` the respiration of the
unamended soil at the start, :math:`e` carbon use efficiency and :math:`B_0`
biomass, biomass in balance takes up :math:`U_0 = r_0 / (1 - e)` and turns over
at :math:`k_B = e U_0 / B_0`. Depolymerisation at the start is

.. math::

    A_0 = \phi \, U_0 (1 - (1 - s) e)

where a supply :math:`\phi = 1` sustains the biomass; it falls as the
decomposable pool :math:`F = A_0 / \lambda` empties. It responds to biomass with
an elasticity :math:`\eta` at :math:`B_0`, so :math:`K_P = B_0 \eta / (1 - \eta)`.
Dissolved carbon turns over at :math:`k_u = U_0 / D_0` at the start. A treated
jar differs from its control by the substrate, and by a factor on
depolymerisation, :math:`(1 + dose / B_0)^{addition_{run}} \exp(nitrogen_{soil} + jar)`,
which a dose of nothing leaves at one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.models.priming.incubations import MILLIGRAM, Incubations

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable

    from socbayes.core.structure import Structure

#: Biomass over organic carbon where it was not measured (Xu, Thornton & Post 2013), and organic carbon (mg/g) likewise.
BIOMASS_SHARE, ORGANIC = 0.017, 20.0
#: Dose (mg C/g) that stands for an unknown one where a guess is enough: the median of its prior.
DOSE = 0.37
#: Most of the carbon taken up that microbes keep. Growth on glucose allows 0.84: electrons 4.2 / 4.0 (biomass
#: CH1.8O0.5N0.2 on ammonium), and 1 mol ATP for 28.8 g of cells (Stouthamer 1973, doi:10.1007/BF02578899) at 38 ATP
#: per glucose: 1 / (1.05 + 24.6 / 28.8 / (38 / 6)). Monomers taken up as they are allow 0.85 (31.9 g), storage more.
GREATEST_EFFICIENCY = 0.88
#: Exponent of biomass in turnover.
BETA = 1.0
#: Pools left out: exchange with minerals is too slow to show in the CO2 of weeks.
MINERAL = ("mineral_necromass", "mineral_plant")


def pump() -> Structure:
    """The pump without its mineral pools, which take no part in weeks, and with a clock of its own.

    Examples
    --------
    >>> pump().pools
    ('particulate', 'dissolved', 'microbes', 'necromass')
    """
    from socbayes.core import with_clock, without
    from socbayes.structures import get

    return with_clock(without(get("mcp"), MINERAL))


def log_dose(data: Incubations) -> np.ndarray:
    """``log(1 + dose / biomass)`` of each treatment from what is stated, or guessed from priors; shape (treatment,)."""
    steps = data.steps[:, data.treatments["study"].to_numpy()]
    given = data.treatments["dose"].fillna(DOSE).to_numpy() + (data.doses * steps).sum(axis=0)
    return np.log1p(given / biomass_guess(data)[data.treatments["control"].to_numpy()])


def biomass_guess(data: Incubations) -> np.ndarray:
    """Biomass (mg C/g) of each control as measured, else from organic carbon; shape (control,)."""
    controls = data.controls
    typical = BIOMASS_SHARE * controls["organic_carbon"].fillna(ORGANIC).to_numpy()
    return np.where(np.isfinite(controls["biomass"]), controls["biomass"] * MILLIGRAM, typical)


def biomass_known(data: Incubations) -> np.ndarray:
    """Whether the biomass of each control was measured, (control,)."""
    return np.isfinite(data.controls["biomass"].to_numpy())


def basal(sampled: Mapping[str, Any], data: Incubations, exp: Any) -> dict[str, Any]:
    """Natural-scale values by control, from sampled ones: tensors, or arrays with draws in front.

    Parameters
    ----------
    sampled
        Variables of the model by name.
    data
        The incubations.
    exp
        Exponential of whatever ``sampled`` is made of.

    Returns
    -------
    dict
        What :func:`start` takes, by control.
    """
    controls = data.controls
    study, soil, soil_run = (controls[name].to_numpy() for name in ("study", "soil", "soil_run"))
    # Where biomass was not measured it is twice as uncertain.
    error = sampled["biomass_log_error"][..., study] * np.where(biomass_known(data), 1.0, 2.0)
    return {
        "respiration": exp(sampled["respiration"]),
        "supply": exp(sampled["supply"])[..., soil_run],
        "depletion": exp(sampled["depletion"])[..., soil_run],
        "efficiency": efficiency(sampled["efficiency"], exp)[..., soil_run],
        "turnover": exp(sampled["dissolved_turnover"])[..., data.run_of_soil[soil_run]],
        "saturation": exp(sampled["elasticity"])[..., soil],
        "biomass": biomass_guess(data) * exp(error),
        "half_saturation": exp(sampled["half_saturation"])[..., study],
        "residue_share": _share(sampled["residue_share"], exp)[..., study],
    }


def treated(sampled: Mapping[str, Any], data: Incubations, exp: Any) -> dict[str, Any]:
    """Natural-scale values by treatment, from sampled ones: tensors, or arrays with draws in front.

    Parameters
    ----------
    sampled, data, exp
        As for :func:`basal`.

    Returns
    -------
    dict
        What :func:`treat` takes, by treatment.
    """
    treatments = data.treatments
    none = 0.0 * sampled["depolymerisation"]
    dose, decay, soluble = none + treatments["dose"].fillna(0.0).to_numpy(), none, none + 1.0
    if "dose_unknown" in sampled:
        dose = dose + treatments["dose"].isna().to_numpy() * exp(sampled["dose_unknown"])[..., None]
    if "solid_decay" in sampled:
        solid = treatments["solid"].to_numpy()
        place = np.cumsum(solid) - solid
        decay = solid * exp(sampled["solid_decay"])[..., np.minimum(place, solid.sum() - 1)]
        soluble = 1.0 - solid * (1.0 - _share(sampled["soluble"], exp)[..., np.minimum(place, solid.sum() - 1)])
    uptake = none + 1.0
    if "nitrogen" in sampled:
        uptake = exp(sampled["nitrogen_on_uptake"][..., None] * treatments["nitrogen"].to_numpy(dtype="float64"))
    return {
        "control": treatments["control"].to_numpy(),
        "efficiency": efficiency(sampled["efficiency_treated"], exp),
        "uptake": uptake,
        "depolymerisation": exp(sampled["depolymerisation"]),
        "decay": decay,
        "soluble": soluble,
        "dose": dose,
    }


def efficiency(logit: Any, exp: Any) -> Any:
    """Carbon use efficiency from its unbounded scale, the logit of its share of the greatest allowed.

    Parameters
    ----------
    logit
        Numbers, arrays or tensors.
    exp
        Exponential of whatever ``logit`` is.

    Examples
    --------
    >>> import numpy as np
    >>> float(efficiency(0.0, np.exp))
    0.44
    """
    return GREATEST_EFFICIENCY * _share(logit, exp)


def _share(logit: Any, exp: Any) -> Any:
    return 1.0 / (1.0 + exp(-logit))


def start(basal: Mapping[str, Any], beta: float = BETA) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pools at the start (mg C/g) and parameters of ``mcp`` from what the data determine.

    Parameters
    ----------
    basal
        Basal respiration, supply, depletion, efficiency, turnover of dissolved
        carbon, saturation (half-saturating over initial biomass), biomass,
        half_saturation and residue_share; numbers, arrays or tensors of one shape.
    beta
        Exponent of biomass in turnover.

    Returns
    -------
    pools, parameters
        Dissolved, microbes and necromass; rates of ``mcp`` by name.

    Examples
    --------
    >>> basal = dict(respiration=0.01, supply=0.5, depletion=0.005, efficiency=0.5, turnover=1.0)
    >>> basal |= dict(saturation=1.0, biomass=0.3, half_saturation=0.05, residue_share=0.6)
    >>> pools, rates = start(basal)
    >>> round(pools["necromass"], 3), pools["dissolved"], round(rates["k_death"], 3)
    (1.6, 0.02, 0.033)
    """
    e, share, biomass = basal["efficiency"], basal["residue_share"], basal["biomass"]
    uptake = basal["respiration"] / (1.0 - e)
    depolymerised = basal["supply"] * uptake * (1.0 - (1.0 - share) * e)
    pools = {
        "dissolved": uptake / basal["turnover"],
        "microbes": biomass,
        "necromass": depolymerised / basal["depletion"],
    }
    parameters = {
        "v_necromass": basal["depletion"] * (1.0 + basal["saturation"]),
        "k_particulate": basal["saturation"] * biomass,
        "v_dissolved": (uptake + basal["turnover"] * basal["half_saturation"]) / biomass,
        "k_dissolved": basal["half_saturation"],
        "e_ref": e,
        "k_death": e * uptake / biomass**beta,
        "beta": 0.0 * e + beta,
        "necromass_share": share,
    }
    return pools, parameters


def treat(
    pools: Mapping[str, Any], parameters: Mapping[str, Any], basal: Mapping[str, Any], treated: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Native pools, labelled pools and parameters of treated jars from those of their controls.

    Parameters
    ----------
    pools, parameters, basal
        Of the controls: see :func:`start`.
    treated
        Position of the control, efficiency, factors on uptake and
        depolymerisation, decay of a solid, its soluble share, and the dose.

    Returns
    -------
    native, label, parameters
    """
    at = treated["control"]
    native = {name: value[..., at] for name, value in pools.items()}
    dissolved = treated["dose"] * treated["soluble"]
    label = {"dissolved": dissolved, "particulate": treated["dose"] - dissolved}
    changed = {name: value[..., at] for name, value in parameters.items()}
    changed["e_ref"] = treated["efficiency"]
    changed["v_dissolved"] = changed["v_dissolved"] * treated["uptake"]
    changed["v_necromass"] = changed["v_necromass"] * treated["depolymerisation"]
    changed["v_particulate"] = treated["decay"] * (1.0 + basal["saturation"][..., at])
    return native, label, changed


def _initial(names: tuple[str, ...], pools: Mapping[str, Any], count: int) -> TensorVariable:
    """Pools by name as (site, pool), zero where none is given."""
    import pytensor.tensor as pt

    return pt.stack([pools.get(name, pt.zeros(count)) for name in names], axis=1)


def runs(
    data: Incubations, basal_values: Mapping[str, Any], treated_values: Mapping[str, Any], beta: float = BETA
) -> tuple[dict[str, TensorVariable], dict[str, TensorVariable]]:
    """Cumulative CO2 (row, site) of each kind of series, and pools of the treated on the last day (site,).

    Parameters
    ----------
    data
        The incubations.
    basal_values, treated_values
        What :func:`basal` and :func:`treated` return.
    beta
        Exponent of biomass in turnover.
    """
    from socbayes.core import integrate, with_label

    plain = pump()
    labelled = with_label(plain)
    times = np.arange(len(data.steps) + 1)
    pools, parameters = start(basal_values, beta)
    of_control = {"litter_input": 0.0, "step_length": data.steps[:, data.controls["study"]]}
    initial = _initial(plain.pools, pools, len(data.controls))
    control = integrate(plain, initial, parameters, of_control, times=times, interval=1.0)
    native, label, changed = treat(pools, parameters, basal_values, treated_values)
    both = {f"{name}_native": value for name, value in native.items()}
    both |= {f"{name}_label": value for name, value in label.items()}
    lengths = data.steps[:, data.treatments["study"]]
    of_treated = {"litter_input": 0.0, "step_length": lengths, "exudate_input": data.doses, "label_dissolved": 1.0}
    initial = _initial(labelled.pools, both, len(data.treatments))
    outcome = integrate(labelled, initial, changed, of_treated, times=times, interval=1.0)
    at = {name: outcome[:, :, position] for position, name in enumerate(labelled.state)}
    given = treated_values["dose"] + (data.doses * lengths).sum(axis=0)
    final = {
        "microbial_biomass_final": (at["microbes_native"] + at["microbes_label"])[-1],
        "substrate_carbon_in_microbial_biomass": at["microbes_label"][-1],
        "substrate_carbon_in_particulate_fraction": at["particulate_label"][-1],
        "substrate_carbon_in_soil": given - at["co2_label"][-1],
    }
    control_co2 = control[:, :, plain.state.index("co2")]
    return {"control": control_co2, "native": at["co2_native"], "substrate": at["co2_label"]}, final
