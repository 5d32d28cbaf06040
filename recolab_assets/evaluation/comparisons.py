"""Paired comparisons of quantities measured on the same users."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairedComparisons:
    """Paired differences; arrays are ``(m,)``, an entry a column.

    Attributes:
        difference: Mean of a − b over users.
        low: Lower end of its t interval; NaN with fewer than two users.
        high: Upper end; NaN likewise.
        effect_size: Cohen's d_z, the mean over the standard deviation of the differences; NaN
            where they do not vary.
        p_value: Two-sided paired t test.
        n: Users compared.
    """

    difference: Values
    low: Values
    high: Values
    effect_size: Values
    p_value: Values
    n: int


def compare_paired(a: Values, b: Values, *, confidence: float) -> PairedComparisons:
    """Compare columns of a with those of b user by user.

    The interval and the test come from the same t statistic of the differences, so the interval
    leaves out 0 exactly when the uncorrected p-value is below 1 − confidence. By the central limit
    theorem they hold for metrics as discrete as these from a few hundred users on; Urbano, Lima
    and Hanjalic, "Statistical significance testing in information retrieval", SIGIR 2019, find
    the paired t test the best behaved of the usual ones. d_z is eq. 2.3.5 of Cohen, "Statistical
    Power Analysis for the Behavioral Sciences", 1988, for differences.

    Differences that do not vary need no test: where all are 0, p is 1; where all are the same
    other number, p is 0. One user alone gives p = 1.

    Args:
        a: ``(n, m)``, a row a user, a column a quantity; n at least 1.
        b: ``(n, m)``, the same users and quantities of the other model.
        confidence: Confidence of the intervals, between 0 and 1.

    >>> a, b = np.array([[1.0], [0.5], [0.5], [1.0]]), np.array([[0.5], [0.5], [0.0], [0.0]])
    >>> compared = compare_paired(a, b, confidence=0.95)
    >>> compared.difference, compared.effect_size.round(3), compared.p_value.round(3)
    (array([0.5]), array([1.225]), array([0.092]))
    """
    differences = a - b
    n, m = differences.shape
    mean = differences.mean(axis=0)
    if n < 2:
        absent = np.full(m, np.nan)
        return PairedComparisons(mean, absent, absent, absent, np.ones(m), n)
    deviation = differences.std(axis=0, ddof=1)
    # Differences that are equal on paper differ by rounding errors, which must not pass for spread.
    varies = deviation > 1e-9 * np.abs(mean)
    effect_size = np.divide(mean, deviation, out=np.full(m, np.nan), where=varies)
    p_value = 2 * stdtr(n - 1, -np.abs(effect_size) * np.sqrt(n))
    p_constant = np.where(mean == 0, 1.0, 0.0)
    margin = stdtrit(n - 1, (1 + confidence) / 2) * deviation / np.sqrt(n)
    return PairedComparisons(
        mean, mean - margin, mean + margin, effect_size, np.where(varies, p_value, p_constant), n
    )


def holm(p_values: npt.ArrayLike) -> Values:
    """Correct families of p-values for their size; holds whatever their dependence.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6(2), 1979.

    Args:
        p_values: (…, m) a family on the last axis. NaN stays NaN and does not count as a
            comparison.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    family = np.asarray(p_values, np.float64)
    order = family.argsort(axis=-1)  # NaN last
    n_comparisons = (~np.isnan(family)).sum(axis=-1, keepdims=True)
    ascending = np.take_along_axis(family, order, axis=-1)
    # The smallest is multiplied by the number of hypotheses, the next by one less, and so on; none
    # may come out below one that was smaller.
    stepped = ascending * (n_comparisons - np.arange(family.shape[-1]))
    adjusted = np.empty_like(family)
    np.put_along_axis(
        adjusted, order, np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0), axis=-1
    )
    return adjusted
