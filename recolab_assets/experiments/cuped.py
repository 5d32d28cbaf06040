"""Variance reduction: what users did before the test explains part of what they do in it."""

import numpy as np

from recolab_assets.experiments.arrays import FloatArray, IntArray
from recolab_assets.experiments.statistics import RatioEstimate, ratio_estimate


def cuped_estimates(
    numerator: FloatArray,
    denominator: FloatArray,
    arm: IntArray,
    n_arms: int,
    covariates: FloatArray,
) -> list[RatioEstimate]:
    """Estimate a ratio of sums in every arm, less what the covariates explain by chance.

    Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by
    utilizing pre-experiment data" (WSDM 2013): section 3.2, with the slope of equation 4 for
    several covariates, pooled over the arms so that all are adjusted alike. A ratio is adjusted
    through its linearisation, as in their appendix B: (numerator − ratio × denominator) / mean
    denominator takes the place of the outcome. Assignment does not depend on the covariates, so
    the expected adjustment is zero.

    Args:
        numerator: (n,) a user's count above the line.
        denominator: (n,) a user's count below the line.
        arm: (n,) number of each user's arm.
        n_arms: Number of arms.
        covariates: (n, C) known before the test.

    Returns:
        An estimate for each arm; of an arm without users, all is NaN.
    """
    members = [np.flatnonzero(arm == number) for number in range(n_arms)]
    estimates = [ratio_estimate(numerator[mine], denominator[mine]) for mine in members]
    linearised = np.zeros(numerator.size)
    centred = np.zeros_like(covariates)
    for mine, estimate in zip(members, estimates, strict=True):
        if estimate.n_users and not np.isnan(estimate.value):
            residuals = numerator[mine] - estimate.value * denominator[mine]
            linearised[mine] = residuals / denominator[mine].mean()
            centred[mine] = covariates[mine] - covariates[mine].mean(axis=0)
    slope = np.linalg.lstsq(centred, linearised, rcond=None)[0]
    residuals = linearised - centred @ slope
    overall = covariates.mean(axis=0) if arm.size else np.zeros(covariates.shape[1])
    adjusted = []
    for mine, estimate in zip(members, estimates, strict=True):
        if estimate.n_users < 2 or np.isnan(estimate.value):
            adjusted.append(estimate)
            continue
        n = estimate.n_users
        value = estimate.value - float((covariates[mine].mean(axis=0) - overall) @ slope)
        variance = float(residuals[mine] @ residuals[mine]) / (n - 1) / n
        adjusted.append(RatioEstimate(value, variance, n))
    return adjusted
