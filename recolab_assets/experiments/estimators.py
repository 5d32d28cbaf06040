"""Estimators of the click rate that another policy would have had, from a log with propensities."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self

import numpy as np
from scipy.stats import norm

from recolab_assets.experiments.arrays import BoolArray, FloatArray, IntArray

LEAST_USERS: Final = 10
"""Users with a click of positive weight below which no error or interval is given."""


@dataclass(frozen=True)
class TargetLog:
    """A log as one target policy sees it; every array is (n,), an entry an impression.

    Attributes:
        users: Cluster of each impression, 0 … n_users − 1; clusters are taken as independent.
        clicked: 1 where the impression was clicked.
        counted: 1 where the target shows something in this context; 0 leaves the context out of
            the click rate.
        weight: π(logged product) / π0(logged product) in its context.
        bound: Least upper bound of the weights, over what the log might have held too.
        exposure_weight: Ratio of the examined exposure of the logged product, target to log.
        predicted_logged: A reward model's click rate of the logged product.
        predicted_target: Its expected click rate under the target, 0 where not counted.
        fitted_error: Contribution of the impression to the error of the sum of
            ``predicted_target`` that comes from fitting the reward model.
    """

    users: IntArray
    clicked: FloatArray
    counted: FloatArray
    weight: FloatArray
    bound: float
    exposure_weight: FloatArray
    predicted_logged: FloatArray
    predicted_target: FloatArray
    fitted_error: FloatArray

    @classmethod
    def of(
        cls,
        users: IntArray,
        clicked: BoolArray,
        propensity: FloatArray,
        target: FloatArray,
        *,
        bound: float | None = None,
    ) -> Self:
        """Take a log in which the target shows something in every context.

        No reward model: predictions are 0. Positions do not differ: exposure weights are weights.

        Args:
            users: (n,) any labels of the clusters.
            clicked: (n,).
            propensity: (n,) π0(logged product).
            target: (n,) π(logged product).
            bound: Least upper bound of π / π0; by default the largest of the log.

        Raises:
            ValueError: A logged product has propensity 0.
        """
        if (propensity <= 0).any():
            raise ValueError("a product that was shown must have a propensity above 0")
        weight, nothing = target / propensity, np.zeros(clicked.size)
        return cls(
            users=np.unique(users, return_inverse=True)[1],
            clicked=clicked.astype(np.float64),
            counted=np.ones(clicked.size),
            weight=weight,
            bound=float(weight.max(initial=0.0)) if bound is None else bound,
            exposure_weight=weight,
            predicted_logged=nothing,
            predicted_target=nothing,
            fitted_error=nothing,
        )

    def with_reward_model(
        self, logged_cells: IntArray, target_cells: IntArray, n_cells: int
    ) -> Self:
        """Predict click rates by the cell that an impression falls in.

        A cell's rate is its clicks over its impressions, drawn to the rate of the whole log by the
        weight of one expected click. Users of even number are predicted from those of odd number
        and the other way round, so that no click predicts itself: this keeps the doubly robust
        estimate unbiased (Chernozhukov et al., "Double/debiased machine learning", 2018,
        definition 3.2).

        Args:
            logged_cells: (n,) cell of the logged product.
            target_cells: (n,) cell of what the target shows there; any where it shows nothing.
            n_cells: Number of cells.
        """
        fold = self.users % 2
        logged, target, error = (np.zeros(fold.size) for _ in range(3))
        for held_out in (0, 1):
            fit, use = fold != held_out, fold == held_out
            rate = float(self.clicked[fit].mean()) if fit.any() else 0.0
            prior = 1 / rate if rate else 1.0
            size = np.bincount(logged_cells[fit], minlength=n_cells) + prior
            clicks = np.bincount(logged_cells[fit], self.clicked[fit], minlength=n_cells)
            cell_rate = (clicks + prior * rate) / size
            logged[use] = cell_rate[logged_cells[use]]
            target[use] = cell_rate[target_cells[use]] * self.counted[use]
            leverage = np.bincount(target_cells[use], self.counted[use], minlength=n_cells) / size
            residual = self.clicked[fit] - cell_rate[logged_cells[fit]]
            # The second part: all cells are drawn to one rate, which has an error as well.
            pull = (leverage * cell_rate).sum() * prior**2 / max(fit.sum(), 1)
            error[fit] = leverage[logged_cells[fit]] * residual
            error[fit] += pull * (self.clicked[fit] - rate)
        return replace(self, predicted_logged=logged, predicted_target=target, fitted_error=error)


class Estimate(NamedTuple):
    """Estimated click rate of a target policy; NaN where the log does not give it."""

    value: float
    ci_low: float
    """Lower end of the normal interval."""
    ci_high: float
    """Upper end of the normal interval."""
    standard_error: float
    effective_sample_size: float
    """(Σ weight)² / Σ weight², Kish's; NaN for an estimator without weights."""
    largest_weight: float
    """Largest weight used; NaN likewise."""


def _ratio(
    log: TargetLog,
    numerator: FloatArray,
    denominator: FloatArray,
    weight: FloatArray | None,
    confidence: float,
    error: FloatArray | None = None,
) -> Estimate:
    """Σ numerator / Σ denominator with its delta-method error over users.

    Users are taken as drawn from a larger population, so the error is a little too large for a
    statement on the users of the log alone. It is NaN where too few users tell for a normal law.
    """
    total = denominator.sum()
    value = float(numerator.sum() / total) if total > 0 else np.nan
    deviation = numerator - value * denominator
    if error is not None:
        deviation += error
    by_user = np.bincount(log.users, deviation)
    n_users = by_user.size
    used = log.clicked if weight is None else log.clicked * (weight > 0)
    standard_error = np.nan
    if np.count_nonzero(np.bincount(log.users, used)) >= LEAST_USERS and total > 0:
        standard_error = float(np.sqrt(n_users / (n_users - 1) * (by_user**2).sum()) / total)
    half = float(norm.ppf((1 + confidence) / 2)) * standard_error
    size = largest = np.nan
    if weight is not None:
        squares = float((weight**2).sum())
        size = float(weight.sum() ** 2 / squares) if squares else 0.0
        largest = float(weight.max(initial=0.0))
    return Estimate(value, value - half, value + half, standard_error, size, largest)


def replay(log: TargetLog, confidence: float, rng: np.random.Generator) -> Estimate:
    """Click rate of the impressions that a rejection sampler keeps as if the target drew them.

    Li, Chu, Langford and Wang, "Unbiased offline evaluation of contextual-bandit-based news
    article recommendation algorithms", WSDM 2011, for uniform propensities: keep what the target
    shows too. For others an impression is kept with probability weight / bound, the rejection
    sampler of von Neumann, "Various techniques used in connection with random digits", 1951.
    """
    kept = (rng.random(log.weight.size) * log.bound < log.weight).astype(np.float64)
    return _ratio(log, kept * log.clicked, kept, kept, confidence)


def ips(log: TargetLog, confidence: float) -> Estimate:
    """Inverse propensity score: 1/n Σ weight × click.

    Horvitz and Thompson, "A generalization of sampling without replacement from a finite
    universe", JASA 1952, whose estimator of a total this is, over n.
    """
    return _ratio(log, log.weight * log.clicked, log.counted, log.weight, confidence)


def snips(log: TargetLog, confidence: float) -> Estimate:
    """Self-normalised: Σ weight × click / Σ weight; consistent, biased by order 1/n.

    Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NIPS
    2015.
    """
    return _ratio(log, log.weight * log.clicked, log.weight, log.weight, confidence)


def clipped_ips(log: TargetLog, confidence: float) -> Estimate:
    """IPS with no weight above √n, n the impressions: biased low, of bounded variance.

    Ionides, "Truncated importance sampling", Journal of Computational and Graphical Statistics
    2008: weights above √n times their mean, here 1, are set to it.
    """
    weight = np.minimum(log.weight, np.sqrt(log.counted.sum()))
    return _ratio(log, weight * log.clicked, log.counted, weight, confidence)


def direct_method(log: TargetLog, confidence: float) -> Estimate:
    """1/n Σ q(x, π), what the reward model expects under the target; as biased as that model is.

    Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011.
    The error includes that of fitting the cells' rates, by the delta method.
    """
    return _ratio(log, log.predicted_target, log.counted, None, confidence, log.fitted_error)


def doubly_robust(log: TargetLog, confidence: float) -> Estimate:
    """The direct method and the weighted errors of its model: 1/n Σ q(x, π) + w (click − q(x, a)).

    Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011. Unbiased
    where the propensities are right, whatever the model; sharper the better the model.
    """
    corrected = log.predicted_target + log.weight * (log.clicked - log.predicted_logged)
    return _ratio(log, corrected, log.counted, log.weight, confidence)


def position_based_ips(log: TargetLog, confidence: float) -> Estimate:
    """A click at any position counts for wherever the target would put the product.

    With P(click) = θ of the position × attraction of the product, a click on product a weighs
    Σ_k θ_k π(a at k) / Σ_k θ_k π0(a at k), the examined exposure under the target over that under
    the log: Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay and Wen, "Offline evaluation of
    ranking policies with click models", KDD 2018, their position-based estimator. θ is taken as
    known, as in Joachims, Swaminathan and Schnabel, "Unbiased learning-to-rank with biased
    feedback", WSDM 2017.
    """
    weight = log.exposure_weight
    return _ratio(log, weight * log.clicked, log.counted, weight, confidence)


ESTIMATORS: Final[dict[str, Callable[[TargetLog, float], Estimate]]] = {
    "ips": ips,
    "snips": snips,
    "clipped_ips": clipped_ips,
    "direct_method": direct_method,
    "doubly_robust": doubly_robust,
    "position_based_ips": position_based_ips,
}
"""Every estimator that needs no random numbers, by name."""
