"""How roots of crops are spread over depth, and what of them lies in a layer.

The share of roots below a depth falls exponentially (Gale and Grigal 1987), with the coefficient of crops of Jackson et
al. 1996. Rhizodeposits are taken to lie where roots do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from socbayes.errors import SocbayesError

LEFT_PER_CM = 0.961
"""Share of roots below a depth over that below a depth of one cm less, of crops: Jackson et al. 1996, Oecologia
108:389-411."""
DECLINE = -float(np.log(LEFT_PER_CM))
"""1/cm."""
DECLINE_SPREAD = 0.3
"""Standard deviation of its logarithm in a new study: assumed, so that temperate grassland (0.943) and tropical
grassland and savanna (0.972) of the same compilation are near the limits of the interval."""


def share_in_layer(top: Any, bottom: Any) -> tuple[Any, Any]:
    """Share of roots in a layer, and how much of it one standard deviation of the decline with depth is.

    Parameters
    ----------
    top, bottom
        Of the layer, cm; numbers or arrays.

    Returns
    -------
    share, error
        Numbers between 0 and 1, and changes of them, to first order.

    Raises
    ------
    SocbayesError
        For a layer that does not lie below the surface, or has no thickness.

    Examples
    --------
    >>> share, error = share_in_layer(0.0, 30.0)
    >>> round(float(share), 2), round(float(error), 2)
    (0.7, 0.11)
    """
    above, below = np.asarray(top, dtype="float64"), np.asarray(bottom, dtype="float64")
    if not ((above >= 0) & (below > above)).all():
        raise SocbayesError(
            f"a layer from {top} to {bottom} cm: expected a top at or below the surface, above a bottom"
        )
    left = [np.exp(-DECLINE * depth) for depth in (above, below)]
    return left[0] - left[1], DECLINE_SPREAD * np.abs(DECLINE * (below * left[1] - above * left[0]))


__all__ = ["DECLINE", "DECLINE_SPREAD", "LEFT_PER_CM", "share_in_layer"]
