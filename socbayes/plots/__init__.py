"""Figures of fits and scenario comparisons.

Every function takes a fit, returns the figure it drew on and touches neither
pyplot nor the settings of matplotlib; ``ax=`` draws a single panel into a
figure of yours.
"""

from socbayes.plots.calibration import calibration_ecdf
from socbayes.plots.cue import cue_by_method_and_ecosystem, spread_shares, temperature_slopes
from socbayes.plots.cue_process import intrinsic_by_ecosystem, printed_efficiency
from socbayes.plots.field import field_plots
from socbayes.plots.mcp import efficacy_change, necromass_share, pump_plane, pump_practices, pump_sectors
from socbayes.plots.mcp_process import pump_contraction, pump_forecast_efficacy, pump_forecast_sectors, pump_levers
from socbayes.plots.priming import nitrogen_effect_by_soil, priming_by_dose, priming_by_soil, priming_new_study
from socbayes.plots.priming_process import (
    addition_balance,
    nitrogen_on_depolymerisation,
    priming_of_jars,
    priming_parts,
)
from socbayes.plots.scenarios import scenario_differences

__all__ = [
    "addition_balance",
    "calibration_ecdf",
    "cue_by_method_and_ecosystem",
    "efficacy_change",
    "field_plots",
    "intrinsic_by_ecosystem",
    "necromass_share",
    "nitrogen_effect_by_soil",
    "nitrogen_on_depolymerisation",
    "priming_by_dose",
    "priming_by_soil",
    "priming_new_study",
    "priming_of_jars",
    "priming_parts",
    "printed_efficiency",
    "pump_contraction",
    "pump_forecast_efficacy",
    "pump_forecast_sectors",
    "pump_levers",
    "pump_plane",
    "pump_practices",
    "pump_sectors",
    "scenario_differences",
    "spread_shares",
    "temperature_slopes",
]
