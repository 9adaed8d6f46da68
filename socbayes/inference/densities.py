"""Log densities of a model as graphs of its random variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.graph.basic import Variable
    from pytensor.tensor import TensorVariable


def in_variables(model: pm.Model, density: TensorVariable) -> Variable:
    """A density of the unconstrained values that PyMC samples as one of the model's random variables.

    Parameters
    ----------
    model
        Any PyMC model.
    density
        Graph made by ``model.logp``.

    Returns
    -------
    pytensor.graph.basic.Variable
        The same number in terms of the free random variables, so that it can
        become a deterministic or a potential of the model.

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model() as model:
    ...     spread = pm.HalfNormal("spread")
    ...     value = pm.Normal("value", 0.0, spread, observed=[1.0, 2.0])
    >>> density = in_variables(model, model.logp(vars=[value], jacobian=False))
    >>> round(float(density.eval({spread: 2.0})), 2)
    -3.85
    """
    from pytensor.graph.replace import graph_replace

    unconstrained = {}
    for variable in model.free_RVs:
        transform = model.rvs_to_transforms[variable]
        unconstrained[model.rvs_to_values[variable]] = (
            variable if transform is None else transform.forward(variable, *variable.owner.inputs)
        )
    return graph_replace(density, unconstrained, strict=False)


def rows_density(model: pm.Model, name: str) -> TensorVariable:
    """Log density of each row of an observed variable as a graph of the random variables of the model.

    Parameters
    ----------
    model
        Any PyMC model.
    name
        An observed variable.

    Returns
    -------
    TensorVariable
        Shape (row,).
    """
    import pymc as pm
    from pytensor.graph.replace import graph_replace

    # Not by way of the unconstrained values: a graph that differs by a transform and its inverse is computed twice.
    values = model.rvs_to_values
    held = {variable: variable.clone() for variable in model.free_RVs}
    others = {variable: values[variable] for variable in model.observed_RVs if variable.name != name}
    (alone,) = graph_replace([model[name]], held | others, strict=False)
    density = pm.logp(alone, values[model[name]])
    return graph_replace(density, {clone: variable for variable, clone in held.items()}, strict=False)
