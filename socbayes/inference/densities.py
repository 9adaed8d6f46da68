"""Log densities of a model as graphs of its random variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymc as pm


def in_variables(model: pm.Model, density: Any) -> Any:
    """A density of the unconstrained values that PyMC samples as one of the model's random variables.

    Parameters
    ----------
    model
        Any PyMC model.
    density
        Graph made by ``model.logp``.

    Returns
    -------
    TensorVariable
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


def rows_density(model: pm.Model, name: str) -> Any:
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
    (density,) = model.logp(vars=[model[name]], jacobian=False, sum=False)
    return in_variables(model, density)
