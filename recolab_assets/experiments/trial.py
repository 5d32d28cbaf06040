"""What the scorecard repeats: models shown to a population, and how often."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from recolab_assets.experiments.ab_replicates import Outcomes
from recolab_assets.experiments.arrays import FloatArray, IntArray, check_lists
from recolab_assets.experiments.judgement import is_tied
from recolab_assets.experiments.null_arms import arms_of_equal_truth
from recolab_assets.experiments.readings import Readings
from recolab_assets.experiments.response import ClickModel
from recolab_assets.experiments.sensitivity import Comparisons
from recolab_assets.experiments.users_needed import UsersNeeded, users_for_effects
from recolab_assets.parallel import in_order
from recolab_assets.randomness import stream

SIZES = (200, 1_000, 5_000, 20_000)
"""Users of the experiments that are tried; the whole population comes on top."""
MAX_POPULATION = 100_000
"""From a larger population that many users are sampled once: it bounds memory."""


def experiment_sizes(n_users: int, largest: int | None = None) -> list[int]:
    """Sizes to try in a population: those of ``SIZES`` that fit, then all, up to a largest."""
    most = n_users if largest is None else min(n_users, largest)
    return [size for size in SIZES if size < most] + [most]


@dataclass(frozen=True)
class ShownLists:
    """Lists that arms can show, and how shoppers answer them.

    Attributes:
        rankings: (n, L, K) products of L lists; -1 pads.
        attraction: (n, L, K) their attraction.
        click_model: Response model.
    """

    rankings: IntArray
    attraction: FloatArray
    click_model: ClickModel

    @cached_property
    def click_counts(self) -> FloatArray:
        """(n, L, K + 1) exact distribution of the number of clicks on each list."""
        shown = self.attraction.swapaxes(0, 1)
        return np.stack(list(in_order(self.click_model.click_counts, shown)), axis=1)

    @cached_property
    def outcomes(self) -> Outcomes:
        """The same as what A/B tests are drawn from, every user seeing a list once."""
        return Outcomes.of(self.click_counts, self.rankings.shape[2])


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Lists, how shoppers answer them, and how often experiments are repeated.

    Attributes:
        users: (n,) the population.
        lists: What arms can show.
        arms: (M,) number of the list that each arm shows.
        comparisons: The arms, the control and the truth.
        replicates: Simulated experiments behind each value.
        seed: Seed.
    """

    users: IntArray
    lists: ShownLists
    arms: IntArray
    comparisons: Comparisons
    replicates: int
    seed: int

    @classmethod
    def of(
        cls,
        users: IntArray,
        lists: Mapping[str, IntArray],
        click_model: ClickModel,
        *,
        control: str,
        alpha: float,
        replicates: int,
        seed: int,
    ) -> tuple[Self, IntArray]:
        """Set the models of a shop up, with at most ``MAX_POPULATION`` of its users.

        Args:
            users: (n,) the population.
            lists: For each model (n, K) product ids, best first; -1 pads.
            click_model: Response model.
            control: Name of the control.
            alpha: Significance level.
            replicates: Simulated experiments behind each value.
            seed: Seed.

        Returns:
            The trial, and the rows of ``users`` that take part.

        Raises:
            ValueError: The lists do not align, there is one model only, or the control is none.
        """
        check_lists(users, lists)
        if control not in lists:
            raise ValueError(f"the control {control!r} is none of the models {list(lists)}")
        if len(lists) < 2:
            raise ValueError("a scorecard needs at least two models to choose from")
        rows = np.arange(users.size)
        if users.size > MAX_POPULATION:
            rows = stream(seed, "scorecard.population").permutation(users.size)[:MAX_POPULATION]
            rows.sort()
        rankings = np.stack([products[rows] for products in lists.values()], axis=1)
        found = in_order(
            lambda products: click_model.attraction(users[rows], products[rows]), lists.values()
        )
        attraction = np.stack(list(found), axis=1)
        names = list(lists)
        trial = cls(
            users=users[rows],
            lists=ShownLists(rankings, attraction, click_model),
            arms=np.arange(len(names)),
            comparisons=Comparisons(
                names, names.index(control), expected_clicks(click_model, attraction), alpha
            ),
            replicates=replicates,
            seed=seed,
        )
        return trial, rows

    @property
    def n_arms(self) -> int:
        """Number M of arms."""
        return self.arms.size

    @property
    def n_slots(self) -> int:
        """Length K of the lists."""
        return int(self.lists.rankings.shape[2])

    @property
    def click_model(self) -> ClickModel:
        """Response model."""
        return self.lists.click_model

    @cached_property
    def rankings(self) -> IntArray:
        """(n, M, K) lists of the arms; -1 pads."""
        return self.lists.rankings[:, self.arms]

    @cached_property
    def attraction(self) -> FloatArray:
        """(n, M, K) attraction of the arms' lists."""
        return self.lists.attraction[:, self.arms]

    @property
    def control(self) -> int:
        """Number of the control."""
        return self.comparisons.control

    @property
    def expected(self) -> FloatArray:
        """(M,) true expected clicks of a user."""
        return self.comparisons.expected

    @property
    def true_rate_differences(self) -> FloatArray:
        """(M,) true difference in clicks per slot to the control."""
        differences: FloatArray = (self.expected - self.expected[self.control]) / self.n_slots
        return differences

    def click_counts(self) -> FloatArray:
        """(n, M, K + 1) exact distribution of the number of clicks on each list."""
        return self.lists.click_counts[:, self.arms]

    def showing(self, arms: Sequence[int], control: int | None = None) -> Self:
        """Return the trial with other arms: numbers of its own, which may come more than once.

        Args:
            arms: Numbers of the arms.
            control: Which of them is the control; by default what is the control now.
        """
        chosen, names = list(arms), self.comparisons.models
        comparisons = replace(
            self.comparisons,
            models=[names[arm] for arm in chosen],
            control=chosen.index(self.control if control is None else control),
            expected=self.expected[chosen],
        )
        return replace(self, arms=self.arms[chosen], comparisons=comparisons)

    def cloned(self) -> Self:
        """Return the trial with one more arm, which shows the best model's lists again."""
        best = int(self.expected.argmax())
        shown = self.showing([*range(self.n_arms), best])
        names = [*self.comparisons.models, f"{self.comparisons.models[best]} again"]
        return replace(shown, comparisons=replace(shown.comparisons, models=names))

    def closest(self) -> Self | None:
        """Return the trial of the two models that are worth nearly the same, the worse the control.

        Of the models that are worth more than the control, so that there is something to choose;
        None if there are no two that differ.
        """
        better = [model for model, sign in self.comparisons if sign > 0]
        ranked = sorted(better, key=lambda model: float(self.expected[model]))
        pairs = [
            pair for pair in itertools.pairwise(ranked) if not is_tied(*self.expected[list(pair)])
        ]
        if not pairs:
            return None
        worse, best = min(pairs, key=lambda pair: self.expected[pair[1]] / self.expected[pair[0]])
        return self.showing([worse, best], control=worse)

    def identical(self) -> Self:
        """Return the trial with as many arms, all of which show the control's lists."""
        return self.showing([self.control] * self.n_arms)

    def of_equal_truth(self) -> Self | None:
        """Return the trial with different lists worth as much as the control's, if there are."""
        made = arms_of_equal_truth(
            self.users,
            self.rankings,
            self.attraction,
            self.click_model,
            self.control,
            self.seed,
        )
        if made is None:
            return None
        rankings, attraction = made
        comparisons = replace(
            self.comparisons,
            models=[f"arm {number}" for number in range(rankings.shape[1])],
            control=0,
            expected=expected_clicks(self.click_model, attraction),
        )
        lists = ShownLists(rankings, attraction, self.click_model)
        arms = np.arange(rankings.shape[1])
        return replace(self, lists=lists, arms=arms, comparisons=comparisons)


def expected_clicks(click_model: ClickModel, attraction: FloatArray) -> FloatArray:
    """Exact mean number of clicks on each arm's lists, (M,).

    Args:
        click_model: Response model.
        attraction: (n, M, K).
    """
    return np.array(
        [
            click_model.click_probability(attraction[:, arm]).sum(axis=1).mean()
            for arm in range(attraction.shape[1])
        ]
    )


def needed_by_effects(trial: Trial, readings: Readings, n_users: int) -> dict[int, UsersNeeded]:
    """Users for 80% power by model, from the effects and errors of the largest experiments.

    Args:
        trial: The models.
        readings: What a method reads at each size; effects in any unit.
        n_users: Users of the largest size.
    """
    needed = {}
    for model, sign in trial.comparisons:
        effects, errors = (
            values[:, -1, model] for values in (readings.effects * sign, readings.errors)
        )
        needed[model] = users_for_effects(effects, errors, n_users, trial.comparisons.alpha)
    return needed
