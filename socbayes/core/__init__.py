"""The compiled, differentiable carbon core: knows no PyMC and no data.

Declare a :class:`Structure`, then :func:`integrate` it inside a PyTensor graph,
or run it on arrays with :func:`socbayes.structures.simulate`.
"""

from socbayes.core import numba_dispatch  # noqa: F401  (registers the compiled implementations)
from socbayes.core.ages import Ages, ages, compartmental
from socbayes.core.balance import steady_rates
from socbayes.core.clock import with_clock
from socbayes.core.depth import soil_temperature
from socbayes.core.factors import with_factors
from socbayes.core.integrate import integrate
from socbayes.core.layers import with_layers
from socbayes.core.meters import with_flows
from socbayes.core.profiles import by_layer, layer_ages, layer_carbon
from socbayes.core.reduce import without
from socbayes.core.steady_state import find_steady_state, periodic_state, scale_to_total, steady_state
from socbayes.core.structure import INPUT, Driver, Flow, Parameter, Structure, StructureError
from socbayes.core.tracer import label_initial, priming, with_label, with_radiocarbon

__all__ = [
    "INPUT",
    "Ages",
    "Driver",
    "Flow",
    "Parameter",
    "Structure",
    "StructureError",
    "ages",
    "by_layer",
    "compartmental",
    "find_steady_state",
    "integrate",
    "label_initial",
    "layer_ages",
    "layer_carbon",
    "periodic_state",
    "priming",
    "scale_to_total",
    "soil_temperature",
    "steady_rates",
    "steady_state",
    "with_clock",
    "with_factors",
    "with_flows",
    "with_label",
    "with_layers",
    "with_radiocarbon",
    "without",
]
