"""Rows of the scorecard on single comparisons with the control: power, errors, users needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recolab_assets.experiments.arrays import FloatArray
from recolab_assets.experiments.judgement import Rows, Setting, is_tied
from recolab_assets.experiments.readings import Readings, without
from recolab_assets.experiments.users_needed import UsersNeeded

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

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Number and true sign, of each model that differs from the control."""
        for model in range(len(self.models)):
            if model != self.control and not is_tied(*self.expected[[model, self.control]]):
                yield model, 1 if self.expected[model] > self.expected[self.control] else -1

    def setting(self, model: int, n_users: int | None = None, arms: str = "models") -> Setting:
        """The comparison of one model with the control."""
        return Setting(
            arms=arms,
            n_users=n_users,
            model=self.models[model],
            control=self.models[self.control],
        )

    def judge(
        self,
        method: str,
        readings: Readings,
        sizes: Sequence[int],
        true_effects: FloatArray | None = None,
        arms: str = "models",
    ) -> Rows:
        """Power and errors of a test of all models at once, at each size.

        ``power`` and ``wrong_sign_rate`` are the shares of tests below alpha, uncorrected, in the
        true and in the wrong direction. ``exaggeration`` is how many times too large the effect is
        on average where the test is significant in the true direction: type M of Gelman and
        Carlin, "Beyond power calculations" (Perspectives on Psychological Science 9(6), 2014).
        ``interval_coverage`` is the share of intervals, over all models, that hold the truth.

        Args:
            method: Way of evaluating.
            readings: What it reads, (R, S, M).
            sizes: Users of the S sizes.
            true_effects: (M,) what ``readings.effects`` estimate; None if that is not known.
            arms: What the arms show.
        """
        rows: Rows = []
        for number, size in enumerate(sizes):
            found = readings.p_values[:, number] < self.alpha
            for model, sign in self:
                setting = self.setting(model, size, arms)
                is_right = readings.signs[:, number, model] == sign
                right, wrong = found[:, model] & is_right, found[:, model] & ~is_right
                rows += [
                    setting.mean_row(method, "power", right),
                    setting.mean_row(method, "wrong_sign_rate", wrong),
                ]
                if true_effects is not None and right.any() and true_effects[model] * sign > 0:
                    exaggerated = readings.effects[right, number, model] / true_effects[model]
                    rows.append(setting.mean_row(method, "exaggeration", np.abs(exaggerated)))
            if true_effects is not None:
                rows += self._coverage(method, readings, number, size, true_effects)
        return rows

    def _coverage(
        self, method: str, readings: Readings, number: int, size: int, true_effects: FloatArray
    ) -> Rows:
        low, high = (
            without(ends[:, number], self.control) for ends in (readings.low, readings.high)
        )
        truth = without(true_effects, self.control)
        holds, given = (low <= truth) & (truth <= high), ~np.isnan(low)
        with_any = given.any(axis=1)
        if not with_any.any():
            return []
        share = holds.sum(axis=1)[with_any] / given.sum(axis=1)[with_any]
        return [Setting(n_users=size).mean_row(method, "interval_coverage", share)]

    def users_rows(self, model: int, needed: dict[str, UsersNeeded]) -> Rows:
        """Users for 80% power, and how many times fewer than the A/B test's they are.

        Left out where the method points to the worse of the two, however many users there are.

        Args:
            model: Number of the model that is compared with the control.
            needed: Users of each method, the reference among them.
        """
        setting, rows = self.setting(model), []
        for method, (users, error) in needed.items():
            if not np.isfinite(users):
                continue
            rows.append(setting.row(method, "users_for_80_power", users, error))
            if method != REFERENCE:
                ratio = needed[REFERENCE].users / users
                rows.append(setting.row(method, "ratio_to_ab", ratio, ratio * error / users))
        return rows
