"""Every structure with drivers at which it is alive."""

from socbayes.structures import get, list_structures

LITTER = {"input_acid": 1.6, "input_water": 1.1, "input_ethanol": 0.15, "input_insoluble": 0.65}
YASSO = LITTER | {"temperature": 6.0, "temperature_amplitude": 10.0, "precipitation": 600.0}
CLIMATE = {"temperature": 15.0, "water": 0.3, "npp": 1.0}
FORCING = {
    "amg": {"aboveground_input": 2.0, "belowground_input": 1.5, "temperature": 11.0, "water_balance": -200.0},
    "century": {"surface_input": 1.2, "soil_input": 1.8, "rate_modifier": 0.35},
    "century_millennial": CLIMATE,
    "corpse": {"temperature": 293.15, "saturation": 0.5, "input_fast": 0.15, "input_slow": 0.35},
    "corpse_daily": {"temperature": 293.15, "saturation": 0.5, "input_fast": 0.15, "input_slow": 0.35},
    "ctool": {"topsoil_input": 0.3, "subsoil_input": 0.03, "temperature": 8.0},
    "mcp": {"litter_input": 0.0018},
    "mcp_forward": {"litter_input": 0.0018},
    "millennial": CLIMATE,
    "millennial_eca": CLIMATE,
    "millennial_lin": CLIMATE,
    "mimics": {"temperature": 20.0, "npp": 500.0},
    "mimics_forward": {"temperature": 20.0, "npp": 500.0},
    "rothc": {"rate_modifier": 0.5, "plant_input": 0.15},
    "somic": {"rate_modifier": 0.5, "soluble_input": 0.09, "insoluble_input": 0.06},
    "two_pool_feedback": {"carbon_input": 200.0},
    "two_pool_parallel": {"carbon_input": 200.0},
    "two_pool_series": {"carbon_input": 200.0},
    "yasso15": YASSO,
    "yasso20": YASSO,
}
NAMES = list_structures()


def forcing(name):
    """Constant drivers, every driver given."""
    structure = get(name)
    return {d.name: d.default for d in structure.drivers} | FORCING.get(name, {})
