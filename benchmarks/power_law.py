"""How cost grows: the exponent of a power law through measured points."""

from collections.abc import Sequence

import numpy as np


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Fit cost = c × size^e by least squares of the logarithms, and return e.

    Args:
        sizes: At least two sizes, above 0.
        costs: Their costs, above 0.

    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    logs = np.log(np.asarray(sizes, float))
    centred = logs - logs.mean()
    return float(centred @ np.log(np.asarray(costs, float)) / (centred @ centred))
