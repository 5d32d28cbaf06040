"""What one method reads out of many simulated experiments: scores, signs, p-values, intervals."""

from typing import NamedTuple

import numpy as np

from recolab_assets.experiments.arrays import FloatArray


class Readings(NamedTuple):
    """R experiments on M models, each read at S sizes; all arrays are (R, S, M).

    Whatever is said about the control compared with itself is NaN, and 0 for the sign.
    """

    scores: FloatArray
    """What the models are ranked by."""
    signs: FloatArray
    """Whether the method puts the model above (1) or below (−1) the control; 0 if neither."""
    p_values: FloatArray
    """Two-sided, of no difference to the control; 1 where the experiment says nothing."""
    effects: FloatArray
    """Estimated difference to the control; NaN if the method gives none."""
    errors: FloatArray
    """Standard error of ``effects``; NaN likewise."""
    low: FloatArray
    """Lower end of the interval of ``effects``; NaN likewise."""
    high: FloatArray
    """Upper end of the interval of ``effects``; NaN likewise."""


def without(values: FloatArray, control: int) -> FloatArray:
    """Leave the control out of the last axis."""
    return np.delete(values, control, axis=-1)
