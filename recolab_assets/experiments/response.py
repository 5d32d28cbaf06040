"""How a shopper answers a list: the interface of response models, and the ones that RecoLab has."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import numpy as np

from recolab_assets.experiments.arrays import BoolArray, FloatArray, IntArray, blocks
from recolab_assets.experiments.calibration import (
    demand_attraction,
    purchase_probability,
    solve_demand_draws,
    solve_purchase_share,
)
from recolab_assets.randomness import stream

ProductProbability = Callable[[IntArray, IntArray], FloatArray]
"""p(i | u, t) over the test window: (n,) users and (n, K) products give (n, K); pads give 0."""


class ClickModel(Protocol):
    """What an experiment asks of a response model.

    A list is answered in two steps, so that a drafted list is answered like any other:
    ``attraction`` looks the products up, the other methods need nothing but attraction.
    """

    def attraction(self, users: IntArray, products: IntArray) -> FloatArray:
        """P(click | examined) of each shown product, (n, K); 0 at pads."""

    def click_probability(self, attraction: FloatArray) -> FloatArray:
        """Exact P(click) at each position of the list, (n, K)."""

    def click_counts(self, attraction: FloatArray) -> FloatArray:
        """Exact distribution of the number of clicks on the list, (n, K + 1)."""

    def draw_clicks(self, attraction: FloatArray, rng: np.random.Generator) -> BoolArray:
        """One shopper's clicks on each list, (n, K)."""

    def purchase_given_click(self, users: IntArray, products: IntArray) -> FloatArray:
        """P(purchase | click) of each shown product, (n, K)."""


def poisson_binomial(probabilities: FloatArray) -> FloatArray:
    """Distribution of the number of successes of independent trials, by adding a trial at a time.

    Args:
        probabilities: (n, K) success probabilities.

    Returns:
        (n, K + 1) probabilities of 0 … K successes.
    """
    n, k = probabilities.shape
    counts = np.zeros((k + 1, n))
    counts[0] = 1.0
    for trial in range(k):
        p = np.ascontiguousarray(probabilities[:, trial])
        for successes in range(trial + 1, 0, -1):
            counts[successes] += p * (counts[successes - 1] - counts[successes])
        counts[0] *= 1.0 - p
    return np.ascontiguousarray(counts.T)


@dataclass(frozen=True, kw_only=True)
class DemandShoppers(ABC):
    """Shoppers of the synthetic shop, as far as they are the same under every model of clicking.

    Attraction is the probability that the product comes up at least once among κ draws of a
    Poisson demand spread over the catalogue by p(i | u, t): 1 − exp(−κ p).

    Attributes:
        probability: p(i | u, t), the shop's truth.
        demand_draws: κ.
        purchase_share: P(purchase | click) of a product whose purchase factor is 1.
        purchase_factor: Relative readiness to buy what was clicked, (n,) users and (n, K)
            products to (n, K); None: the same for every product.
    """

    probability: ProductProbability
    demand_draws: float
    purchase_share: float
    purchase_factor: ProductProbability | None = None

    @classmethod
    def calibrate(
        cls,
        probability: ProductProbability,
        users: IntArray,
        control: IntArray,
        *,
        control_ctr: float,
        control_purchase_rate: float,
        purchase_factor: ProductProbability | None = None,
        **clicking: float,
    ) -> Self:
        """Choose κ and the purchase share that give the control its expected rates, exactly.

        Args:
            probability: p(i | u, t).
            users: (n,) the experiment's population.
            control: (n, K) lists of the control model.
            control_ctr: Clicks per impression to reach, over the whole population.
            control_purchase_rate: Purchases per impression to reach.
            purchase_factor: Relative readiness to buy what was clicked.
            clicking: The attributes of the model of clicking.

        Raises:
            ValueError: No κ gives the control that click rate, or purchases exceed clicks.
        """
        if control_purchase_rate > control_ctr:
            raise ValueError(
                f"experiment.control_purchase_rate {control_purchase_rate:g} must not be above"
                f" experiment.control_ctr {control_ctr:g}"
            )
        shoppers = cls(
            probability=probability,
            demand_draws=1.0,
            purchase_share=control_purchase_rate / control_ctr,
            purchase_factor=purchase_factor,
            **clicking,
        )
        rows = [rows for _, rows in blocks(users.size)]
        wanted = [probability(users[r], control[r]) for r in rows]
        impressions = int((control >= 0).sum())
        draws = solve_demand_draws(wanted, impressions, shoppers.click_probability, control_ctr)
        shoppers = replace(shoppers, demand_draws=draws)
        if purchase_factor is None:
            return shoppers
        share = solve_purchase_share(
            [shoppers.click_probability(demand_attraction(p, draws)) for p in wanted],
            [purchase_factor(users[r], control[r]) for r in rows],
            control_purchase_rate * impressions,
        )
        return replace(shoppers, purchase_share=share)

    def attraction(self, users: IntArray, products: IntArray) -> FloatArray:
        """P(the product comes up among κ draws of the shopper's demand), (n, K)."""
        return demand_attraction(self.probability(users, products), self.demand_draws)

    @abstractmethod
    def click_probability(self, attraction: FloatArray) -> FloatArray:
        """Exact P(click) at each position, (n, K): what a model of clicking is."""

    def purchase_given_click(self, users: IntArray, products: IntArray) -> FloatArray:
        """The calibrated share × the product's factor, at most 1, (n, K)."""
        if self.purchase_factor is None:
            return np.full(products.shape, self.purchase_share)
        return purchase_probability(self.purchase_share, self.purchase_factor(users, products))


@dataclass(frozen=True, kw_only=True)
class SimulatedShoppers(DemandShoppers):
    """Shoppers of the synthetic shop, who look down the list and click what they want.

    Position-based model (Craswell, Zoeter, Taylor and Ramsey, "An experimental comparison of
    click position-bias models", WSDM 2008, section 3): P(click on i at j) = examination of j ×
    attraction of i. Examination falls geometrically.

    Attributes:
        examination_decay: P(position j + 1 is examined) over P(position j is examined).
    """

    examination_decay: float

    def click_probability(self, attraction: FloatArray) -> FloatArray:
        """Examination × attraction, (n, K)."""
        return attraction * examination(attraction.shape[1], self.examination_decay)

    def click_counts(self, attraction: FloatArray) -> FloatArray:
        """Positions are clicked independently of each other: Poisson-binomial, (n, K + 1)."""
        return poisson_binomial(self.click_probability(attraction))

    def draw_clicks(self, attraction: FloatArray, rng: np.random.Generator) -> BoolArray:
        """Independent clicks with the model's probabilities, (n, K)."""
        clicks: BoolArray = rng.random(attraction.shape) < self.click_probability(attraction)
        return clicks


@dataclass(frozen=True)
class HoldoutReplay:
    """Shoppers who do again what the log says they did: every position is examined.

    A shown product is clicked if the user interacted with it in the hold-out, and bought if the
    hold-out holds a purchase of it. There is no randomness, and products that the user never met
    count as unwanted, which favours what was popular or shown at the time.

    Attributes:
        interacted: Sorted distinct keys of the (user, product) pairs of the hold-out.
        purchased: Sorted distinct keys of the pairs with a purchase.
    """

    interacted: IntArray
    purchased: IntArray

    @classmethod
    def from_events(cls, users: IntArray, products: IntArray, is_purchase: BoolArray) -> Self:
        """Index the product events of the hold-out.

        Args:
            users: (m,) user of each event.
            products: (m,) product of each event.
            is_purchase: (m,) whether the event is a purchase.
        """
        keys = _pair_keys(users, products)
        return cls(np.unique(keys), np.unique(keys[is_purchase]))

    def attraction(self, users: IntArray, products: IntArray) -> FloatArray:
        """1 where the user interacted with the product in the hold-out, (n, K)."""
        return _contained(self.interacted, users, products)

    def click_probability(self, attraction: FloatArray) -> FloatArray:
        """Every position is examined: the attraction itself."""
        return attraction

    def click_counts(self, attraction: FloatArray) -> FloatArray:
        """All mass on the number of products that the user interacted with, (n, K + 1)."""
        return poisson_binomial(attraction)

    def draw_clicks(self, attraction: FloatArray, rng: np.random.Generator) -> BoolArray:
        """The clicks that the log holds; nothing is drawn."""
        return attraction > 0

    def purchase_given_click(self, users: IntArray, products: IntArray) -> FloatArray:
        """1 where the hold-out has a purchase of the product, (n, K)."""
        return _contained(self.purchased, users, products)


def _pair_keys(users: IntArray, products: IntArray) -> IntArray:
    return (users.astype(np.int64) << 32) | products.astype(np.int64)


def _contained(keys: IntArray, users: IntArray, products: IntArray) -> FloatArray:
    shown = products >= 0
    wanted = _pair_keys(np.broadcast_to(users[:, None], products.shape)[shown], products[shown])
    found = np.zeros(products.shape)
    if keys.size:
        place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        found[shown] = keys[place] == wanted
    return found


def examination(length: int, decay: float) -> FloatArray:
    """P(position j is examined) = decay^(j − 1) for j = 1 … length."""
    positions: FloatArray = decay ** np.arange(length, dtype=np.float64)
    return positions


@dataclass(frozen=True)
class SessionDepth:
    """Pages of a session: a Pareto base times (1 + factor × the user's own click rate).

    Simulated under every response model, hold-out replay included, since no log says how deep a
    session under another list would have been. The base belongs to the user, whatever the arm.

    Attributes:
        shape: Shape a of the Pareto law; at 2 and below the depth has a mean but no variance.
        minimum: Its scale, the least depth.
        ctr_factor: Weight of the click rate.
    """

    shape: float
    minimum: float
    ctr_factor: float

    @classmethod
    def calibrate(
        cls, *, control_depth: float, control_ctr: float, minimum: float, ctr_factor: float
    ) -> Self:
        """Solve the shape for the control's expected depth.

        E depth = a m / (a − 1) × (1 + factor × mean click rate), since base and clicks are
        independent; so a = b / (b − m) with b the mean that the base must have.

        Args:
            control_depth: Mean depth that a click rate of ``control_ctr`` is to give.
            control_ctr: Mean of the control users' click rates.
            minimum: Least depth m.
            ctr_factor: Weight of the click rate.

        Raises:
            ValueError: The mean base would not exceed its minimum.
        """
        base = control_depth / (1 + ctr_factor * control_ctr)
        if base <= minimum:
            raise ValueError(
                f"experiment.control_session_depth {control_depth:g} is too small: with"
                f" depth_ctr_factor {ctr_factor:g} and control_ctr {control_ctr:g} it must be"
                f" above {minimum * (1 + ctr_factor * control_ctr):g}, the depth that"
                f" depth_minimum {minimum:g} alone gives"
            )
        return cls(base / (base - minimum), minimum, ctr_factor)

    @property
    def mean_base(self) -> float:
        """Expected Pareto base, a m / (a − 1)."""
        return self.shape * self.minimum / (self.shape - 1)

    def expected(self, mean_click_rate: float) -> float:
        """Expected depth of users whose click rates have this mean."""
        return self.mean_base * (1 + self.ctr_factor * mean_click_rate)

    def draw(self, users: IntArray, click_rates: FloatArray, seed: int) -> FloatArray:
        """Depth of each user's session, (n,).

        Draw number ``user_id`` of the stream is the user's, so it does not depend on who else is
        asked for, or in which order.
        """
        if not users.size:
            return np.empty(0)
        uniforms = 1.0 - stream(seed, "experiments.session_depth").random(int(users.max()) + 1)
        base = self.minimum * uniforms[users] ** (-1 / self.shape)
        depth: FloatArray = base * (1 + self.ctr_factor * click_rates)
        return depth


class ExpectedOutcomes(NamedTuple):
    """Exact expected values of showing every user of a population one model's list."""

    ctr: float
    """Clicks per impression (ratio of sums)."""
    clicks_per_user: float
    """Clicks per user."""
    purchase_rate: float
    """Purchases per impression (ratio of sums)."""
    session_depth: float
    """Mean pages a session."""


def expected_outcomes(
    click_model: ClickModel, users: IntArray, products: IntArray, depth: SessionDepth
) -> ExpectedOutcomes:
    """Expected click rate, clicks, purchase rate and depth, in closed form.

    Args:
        click_model: Response model.
        users: (n,) population.
        products: (n, K) list of each user; -1 pads.
        depth: Session depth.

    Returns:
        Expected values; NaN where nothing is shown to anybody.
    """
    impressions, clicks, purchases, user_rates = 0, 0.0, 0.0, 0.0
    for _, rows in blocks(users.size):
        shown = products[rows]
        probability = click_model.click_probability(click_model.attraction(users[rows], shown))
        user_impressions = (shown >= 0).sum(axis=1)
        user_clicks = probability.sum(axis=1)
        bought = probability * click_model.purchase_given_click(users[rows], shown)
        impressions += int(user_impressions.sum())
        clicks += float(user_clicks.sum())
        purchases += float(bought.sum())
        user_rates += float((user_clicks / np.maximum(user_impressions, 1)).sum())
    if not impressions:
        return ExpectedOutcomes(np.nan, np.nan, np.nan, np.nan)
    return ExpectedOutcomes(
        clicks / impressions,
        clicks / users.size,
        purchases / impressions,
        depth.expected(user_rates / users.size),
    )
