"""Rows of the scorecard on single comparisons with the control: power, and users needed for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recolab_assets.experiments.arrays import BoolArray, FloatArray
from recolab_assets.experiments.drafted_replicates import DraftedTests
from recolab_assets.experiments.judgement import is_tied, scorecard_row
from recolab_assets.experiments.preferences import pairs_of
from recolab_assets.experiments.replicates import ReplicatedTests
from recolab_assets.experiments.users_needed import (
    UsersNeeded,
    sign_test_p,
    users_for_means,
    users_for_preference,
    users_for_ranks,
)

REFERENCE = "ab_delta"
"""Method whose number of users the others are compared with."""


@dataclass(frozen=True)
class Comparisons:
    """The models that are compared with the control, and which of the two is truly better.

    Attributes:
        models: Names of the M models.
        control: Number of the control.
        expected: (M,) true expected clicks.
        alpha: Significance level of a single comparison, two-sided.
    """

    models: Sequence[str]
    control: int
    expected: FloatArray
    alpha: float

    def __iter__(self) -> Iterator[tuple[int, str, bool]]:
        """Number, setting and whether it beats the control, of each model that differs from it."""
        for model, name in enumerate(self.models):
            if model != self.control and not is_tied(*self.expected[[model, self.control]]):
                setting = f"{name} vs {self.models[self.control]}"
                yield model, setting, bool(self.expected[model] > self.expected[self.control])

    def ab_power(
        self, method: str, tests: ReplicatedTests, sizes: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Power and wrong signs of an A/B test of all models at once, at each size."""
        rows = []
        for model, setting, is_better in self:
            ahead = tests.scores[..., model] > tests.scores[..., self.control]
            significant = tests.p_values[..., model] < self.alpha
            rows += _power_rows(method, setting, sizes, significant, ahead == is_better)
        return rows

    def draft_power(
        self, method: str, tests: DraftedTests, sizes: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Power and wrong signs of sign tests in a test of all models at once, at each size."""
        rows = []
        significant = sign_test_p(tests.wins) < self.alpha
        for model, setting, is_better in self:
            place, is_first = self._pair(model)
            ahead = (tests.wins.a > tests.wins.b)[..., place] == is_first
            rows += _power_rows(method, setting, sizes, significant[..., place], ahead == is_better)
        return rows

    def users_needed(
        self, counts: Sequence[FloatArray], drafted: dict[str, DraftedTests]
    ) -> list[dict[str, Any]]:
        """Users for 80% power, and how many times fewer than the A/B test's they are.

        Of a test of the two alone (two arms; drafts of two), but for multileaving, whose drafts
        are of all models. Left out where the method points to the worse of the two, however many
        users there are: ``preference_for_better`` is then below one half.

        Args:
            counts: For each model (K + 1,) distribution of the clicks of a user who sees it.
            drafted: Simulated interleaving tests by method.
        """
        rows = []
        for model, setting, is_better in self:
            of_two = counts[model], counts[self.control]
            needed = {
                REFERENCE: users_for_means(*of_two, self.alpha),
                "ab_mann_whitney": users_for_ranks(*of_two, self.alpha),
            }
            for method, tests in drafted.items():
                place, is_first = self._pair(model)
                won = [int(side[:, -1, place].sum()) for side in tests.wins]
                for_better, for_worse = won if is_first == is_better else won[::-1]
                seen = len(tests.wins.a) * int(tests.users[-1, place])
                needed[method] = users_for_preference(for_better, for_worse, seen, self.alpha)
                rows += _preference_row(method, setting, for_better, for_worse)
            for method, users in needed.items():
                rows += _users_rows(method, setting, users, needed[REFERENCE])
        return rows

    def _pair(self, model: int) -> tuple[int, bool]:
        """Place of the model's pair with the control, and whether the model is its first."""
        pair = (min(model, self.control), max(model, self.control))
        return pairs_of(len(self.models)).index(pair), model < self.control


def _power_rows(
    method: str,
    setting: str,
    sizes: Sequence[int],
    significant: BoolArray,
    is_right: BoolArray,
) -> list[dict[str, Any]]:
    rows = []
    for number, size in enumerate(sizes):
        at_size = f"n_users={size}, {setting}"
        found, right = significant[:, number], is_right[:, number]
        rows += [
            scorecard_row(method, "power", at_size, found & right),
            scorecard_row(method, "wrong_sign_rate", at_size, found & ~right),
        ]
    return rows


def _preference_row(
    method: str, setting: str, for_better: int, for_worse: int
) -> list[dict[str, Any]]:
    decided = for_better + for_worse
    if not decided:
        return []
    share = for_better / decided
    error = np.sqrt(share * (1 - share) / decided)
    return [_row(method, "preference_for_better", setting, share, float(error))]


def _users_rows(
    method: str, setting: str, needed: UsersNeeded, reference: UsersNeeded
) -> list[dict[str, Any]]:
    if not np.isfinite(needed.users):
        return []
    rows = [
        _row(method, "users_for_80_power", setting, needed.users, needed.standard_error),
    ]
    if method != REFERENCE:
        ratio = reference.users / needed.users
        error = ratio * needed.standard_error / needed.users
        rows.append(_row(method, "ratio_to_ab", setting, ratio, error))
    return rows


def _row(method: str, measure: str, setting: str, value: float, error: float) -> dict[str, Any]:
    return {
        "method": method,
        "measure": measure,
        "setting": setting,
        "value": value,
        "standard_error": error,
    }
