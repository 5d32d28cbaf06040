"""A policy that randomises what it shows with known probabilities, and the log that it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from recolab_assets.experiments.arrays import BoolArray, FloatArray, IntArray, blocks, check_lists
from recolab_assets.experiments.response import ClickModel
from recolab_assets.randomness import stream


@dataclass(frozen=True)
class SlotPolicy:
    """Fills each slot of a list by itself: now and then by chance, else by a fixed first choice.

    π0(a | u, j) = (1 − ε) · 1[a is u's first choice at j] + ε · g(a | u), with g a law over the
    candidates of the user. Uniform g is the ε-mixed first choice. With ε = 1 and g ∝ exp(utility)
    every slot is drawn by Luce's choice rule, a Plackett–Luce ranking of length one.

    Slots are independent, so a product may stand twice in a list. That buys exact probabilities of
    every product at every position. A Plackett–Luce list drawn without replacement has none in
    closed form, and its probabilities given the slots above are no substitute: a product already
    shown above cannot be drawn, so weights by them would lose those clicks.

    Attributes:
        first_choice: (n, K) products; -1 where there is none, and the slot is left to chance.
        keys: (m,) ascending ``row << 32 | product`` of the candidates of all rows.
        chance: (m,) g of each candidate; sums to 1 in each row that has candidates.
        epsilon: ε, in (0, 1].
    """

    first_choice: IntArray
    keys: IntArray
    chance: FloatArray
    epsilon: float

    @classmethod
    def over_lists(
        cls,
        lists: Mapping[str, IntArray],
        first_choice: IntArray,
        *,
        epsilon: float,
        utility: FloatArray | None = None,
    ) -> Self:
        """Let chance choose among all products that any of the lists has for the user.

        Args:
            lists: For each model (n, K) products; -1 pads.
            first_choice: (n, K) products; -1 pads. Products of the lists.
            epsilon: Probability that chance fills the slot.
            utility: (n_products,) g ∝ exp(utility); by default uniform.

        Raises:
            ValueError: ε is not in (0, 1], so that some product of the lists is never shown.
        """
        if not 0 < epsilon <= 1:
            raise ValueError(f"epsilon must be above 0 and at most 1, not {epsilon:g}")
        # Sorted row by row, since the hash table of numpy's unique is slow at millions of keys.
        every = np.sort(np.hstack(list(lists.values())), axis=1)
        is_new = every >= 0
        is_new[:, 1:] &= every[:, 1:] != every[:, :-1]
        rows, columns = np.nonzero(is_new)
        keys = _keys(rows, every[rows, columns])
        row, product = keys >> 32, keys & 0xFFFFFFFF
        strength = np.ones(keys.size)
        if utility is not None:
            strength = np.exp(utility[product] - utility[product].max(initial=-np.inf))
        total = np.bincount(row, strength, minlength=every.shape[0])
        return cls(first_choice, keys, strength / total[row], epsilon)

    @cached_property
    def exploring(self) -> FloatArray:
        """Probability that chance fills each slot, (n, K): ε, and 1 without a first choice."""
        return np.where(self.first_choice >= 0, self.epsilon, 1.0)

    def draw(self, rng: np.random.Generator) -> IntArray:
        """Fill every slot, (n, K) products; -1 for users without candidates."""
        n, _ = shape = self.first_choice.shape
        explored = rng.random(shape) < self.exploring
        uniforms = rng.random(shape)
        if not self.keys.size:
            return np.full(shape, -1, np.int64)
        # Row i holds the stretch (i', i' + 1] of the running sum, i' its number among rows with
        # candidates: one search finds the draw of every slot.
        row = self.keys >> 32
        size = np.bincount(row, minlength=n)
        ends = np.cumsum(size)
        before = np.cumsum(size > 0) - 1
        place = np.searchsorted(np.cumsum(self.chance), before[:, None] + uniforms, side="right")
        # Sums are rounded: a draw at the edge must not leave its row.
        place = np.clip(place, (ends - size)[:, None], (ends - 1)[:, None])
        drawn = np.where(size[:, None] > 0, self.keys[place] & 0xFFFFFFFF, -1)
        return np.where(explored, drawn, self.first_choice)

    def chance_of(self, products: IntArray) -> FloatArray:
        """g(product | user) of each product, (n, K); 0 at pads and outside the candidates."""
        found = np.zeros(products.shape)
        rows, columns = np.nonzero(products >= 0)
        if self.keys.size:
            wanted = _keys(rows, products[rows, columns])
            place = np.minimum(np.searchsorted(self.keys, wanted), self.keys.size - 1)
            found[rows, columns] = np.where(self.keys[place] == wanted, self.chance[place], 0.0)
        return found

    def propensity(self, products: IntArray) -> FloatArray:
        """π0(product at its own slot | user), (n, K); 0 at pads."""
        chosen = (products == self.first_choice) & (products >= 0)
        return (1 - self.exploring) * chosen + self.exploring * self.chance_of(products)

    def exposure(self, products: IntArray, examination: FloatArray) -> FloatArray:
        """Σ over slots k of P(k is examined) · π0(product at k | user), (n, K); 0 at pads."""
        exposure = self.chance_of(products) * (self.exploring @ examination)[:, None]
        for slot, examined in enumerate(examination):
            first = self.first_choice[:, [slot]]
            chosen = (products == first) & (products >= 0)
            exposure += examined * (1 - self.exploring[:, [slot]]) * chosen
        return exposure


def _keys(rows: IntArray, products: IntArray) -> IntArray:
    return (rows.astype(np.int64) << 32) | products.astype(np.int64)


@dataclass(frozen=True)
class SlotLog:
    """What a policy showed to each user, slot by slot, and what was clicked.

    Attributes:
        users: (n,) user of each list.
        policy: The policy that filled the slots, which knows the propensities.
        shown: (n, K) products; -1 where nothing was shown.
        clicked: (n, K).
    """

    users: IntArray
    policy: SlotPolicy
    shown: IntArray
    clicked: BoolArray

    @classmethod
    def simulate(
        cls, users: IntArray, policy: SlotPolicy, click_model: ClickModel, *, seed: int
    ) -> Self:
        """Show every user one list of the policy.

        Args:
            users: (n,) distinct user ids.
            policy: Policy over the same rows.
            click_model: How the users answer.
            seed: The configuration's ``data.random_seed``.
        """
        check_lists(users, {"first choice": policy.first_choice})
        shown = policy.draw(stream(seed, "experiments.logging_policy"))
        clicked = np.zeros(shown.shape, np.bool_)
        for shard, rows in blocks(users.size):
            attraction = click_model.attraction(users[rows], shown[rows])
            rng = stream(seed, "experiments.logged_clicks", shard)
            clicked[rows] = click_model.draw_clicks(attraction, rng)
        return cls(users, policy, shown, clicked & (shown >= 0))
