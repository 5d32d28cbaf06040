"""The cascade: shoppers who look down the list and leave once they have found what they wanted."""

from dataclasses import dataclass

import numpy as np

from recolab_assets.experiments.arrays import BoolArray, FloatArray
from recolab_assets.experiments.response import DemandShoppers


@dataclass(frozen=True, kw_only=True)
class CascadeShoppers(DemandShoppers):
    """Shoppers of the synthetic shop who leave when satisfied.

    The cascade of Craswell, Zoeter, Taylor and Ramsey (WSDM 2008, section 3.4) in the form of the
    dynamic Bayesian network of Chapelle and Zhang, "A dynamic Bayesian network click model for
    web search ranking" (WWW 2009, section 3, equations 1a–1g): the first position is examined; an
    examined product is clicked with its attraction a; a click satisfies with probability s, and
    whoever is satisfied leaves; whoever is not goes on to the next position with probability γ.
    So P(examined at j + 1 | examined at j) = γ (1 − s a). With s = 1 and γ = 1 it is the plain
    cascade of at most one click; with s = 0 the expected clicks are the position-based ones.

    Expected clicks of a list rise with the attraction of each position and are highest when the
    most attractive come first, because γ s times the clicks still to come is below 1; so ranking
    by p(i | u, t) is the oracle here too.

    Attributes:
        continuation: γ, P(looking further | not satisfied).
        satisfaction: s, P(satisfied | click).
    """

    continuation: float
    satisfaction: float

    def click_probability(self, attraction: FloatArray) -> FloatArray:
        """P(examined) × attraction by recursion over positions, (n, K)."""
        # (1 - s a) = P(not leaving satisfied | examined).
        staying = self.continuation * (1.0 - self.satisfaction * attraction[:, :-1])
        clicked = attraction.copy()
        clicked[:, 1:] *= staying.cumprod(axis=1)
        return clicked

    def click_counts(self, attraction: FloatArray) -> FloatArray:
        """Distribution of the number of clicks, by recursion over positions, (n, K + 1).

        Keeps for every number of clicks so far the probability of still looking, and moves what
        leaves at each position to the result.
        """
        n, k = attraction.shape
        left = np.zeros((k + 1, n))
        looking = np.zeros((k + 1, n))
        looking[0] = 1.0
        for position in range(k):
            a = np.ascontiguousarray(attraction[:, position])
            reached = position + 2
            clicked = np.zeros((reached, n))
            clicked[1:] = looking[: reached - 1] * a
            unsatisfied = looking[:reached] * (1.0 - a) + clicked * (1.0 - self.satisfaction)
            left[:reached] += clicked * self.satisfaction + unsatisfied * (1.0 - self.continuation)
            looking[:reached] = unsatisfied * self.continuation
        return np.ascontiguousarray((left + looking).T)

    def draw_clicks(self, attraction: FloatArray, rng: np.random.Generator) -> BoolArray:
        """Walk every shopper down the list, (n, K)."""
        n, k = attraction.shape
        clicks = np.zeros((n, k), np.bool_)
        looking = np.arange(n)
        for position in range(k):
            clicked = rng.random(looking.size) < attraction[looking, position]
            clicks[looking, position] = clicked
            stays = self.continuation * np.where(clicked, 1.0 - self.satisfaction, 1.0)
            looking = looking[rng.random(looking.size) < stays]
        return clicks
