"""Root finding that gives the control of a simulated experiment exactly the rates it is to have."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq

from recolab_assets.experiments.arrays import FloatArray


def demand_attraction(wanted: FloatArray, draws: float) -> FloatArray:
    """P(a product comes up at least once among Poisson(κ p) draws of demand) = 1 − exp(−κ p)."""
    attraction: FloatArray = -np.expm1(-draws * wanted)
    return attraction


def solve_demand_draws(
    wanted: Sequence[FloatArray],
    impressions: int,
    click_probability: Callable[[FloatArray], FloatArray],
    control_ctr: float,
) -> float:
    """Choose κ so that the control is clicked at a given rate.

    Works for every response model whose expected clicks on a list rise with attraction and whose
    P(click) is nowhere above attraction.

    Args:
        wanted: Blocks of (n, K) p(i | u, t) of the control's lists; 0 at pads.
        impressions: Products shown in all blocks together.
        click_probability: From attraction to P(click), (n, K) → (n, K).
        control_ctr: Clicks per impression to reach.

    Raises:
        ValueError: No κ gives the control that click rate.
    """

    def click_rate(attracted: Callable[[FloatArray], FloatArray]) -> float:
        clicks = sum(float(click_probability(attracted(p)).sum()) for p in wanted)
        return clicks / max(impressions, 1)

    highest = click_rate(lambda p: (p > 0).astype(np.float64))
    if highest <= control_ctr:
        raise ValueError(
            f"experiment.control_ctr {control_ctr:g} cannot be reached: under this"
            " experiment.response_model and experiment.examination_decay the control's click rate"
            f" stays below {highest:.4g} however strong the attraction"
        )

    def excess(log_draws: float) -> float:
        return click_rate(lambda p: demand_attraction(p, np.exp(log_draws))) - control_ctr

    # P(click) <= attraction <= κ p, so the linear solution is a lower bound of the root.
    low = float(np.log(control_ctr * impressions / sum(float(p.sum()) for p in wanted)))
    high = low + 1.0
    while excess(high) < 0:
        high += 2.0
    return float(np.exp(brentq(excess, low - 1e-9, high, xtol=1e-13, rtol=1e-14)))


def purchase_probability(share: float, factor: FloatArray) -> FloatArray:
    """P(purchase | click) = share × factor, at most 1."""
    return np.minimum(1.0, share * factor)


def solve_purchase_share(
    clicks: Sequence[FloatArray], factors: Sequence[FloatArray], purchases: float
) -> float:
    """Choose the share whose product with the factors gives an expected number of purchases.

    Args:
        clicks: Blocks of (n, K) P(click) of the control's lists.
        factors: For each block (n, K) relative readiness to buy what was clicked.
        purchases: Expected purchases to reach, at most the expected clicks.
    """

    def expected(share: float) -> float:
        return sum(
            float((p * purchase_probability(share, f)).sum())
            for p, f in zip(clicks, factors, strict=True)
        )

    clicked = [p > 0 for p in clicks]
    linear = purchases / sum(float((p * f).sum()) for p, f in zip(clicks, factors, strict=True))
    strongest = max(float(f[c].max()) for f, c in zip(factors, clicked, strict=True) if c.any())
    if linear * strongest <= 1:
        return linear
    # Some products are bought whenever they are clicked; the others must make up for the rest.
    weakest = min(float(f[c].min()) for f, c in zip(factors, clicked, strict=True) if c.any())
    if expected(1 / weakest) <= purchases:
        return 1 / weakest
    root = brentq(lambda share: expected(share) - purchases, linear, 1 / weakest, xtol=1e-14)
    return float(root)
