"""A/B tests repeated many times, each reduced at once to the sums that its analyses need."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from recolab_assets.experiments.arrays import FloatArray, IntArray
from recolab_assets.experiments.replicates import in_threads
from recolab_assets.randomness import stream


class Outcomes(NamedTuple):
    """Distribution of what each of n users does when shown each of M lists, over W outcomes."""

    cumulative: FloatArray
    """(W, n, M) cumulative probabilities; most users are served by the first few outcomes."""
    clicks: FloatArray
    """(W,) clicks of each outcome."""
    slots: FloatArray
    """(W,) products shown in each outcome, above 0."""

    @classmethod
    def of(cls, counts: FloatArray, slots: int) -> "Outcomes":
        """Let every user see the list once.

        Args:
            counts: (n, M, K + 1) distribution of the number of clicks.
            slots: Products of a list.
        """
        clicks = np.arange(counts.shape[2], dtype=np.float64)
        by_outcome = np.ascontiguousarray(np.moveaxis(counts, 2, 0))
        return cls(by_outcome.cumsum(axis=0), clicks, np.full(clicks.size, float(slots)))

    def and_again(self, models: Sequence[int], share: float) -> "Outcomes":
        """Let a share of the users who are shown some of the lists see theirs a second time.

        Click rates stay as they are; what changes is how often users are asked.

        Args:
            models: Numbers of these lists.
            share: Probability that a user comes twice.
        """
        once = np.diff(self.cumulative, axis=0, prepend=0.0)
        width, n, n_models = once.shape
        twice = np.zeros((2 * width - 1, n, n_models))
        for first in range(width):
            twice[first : first + width] += once[first] * once
        again = np.zeros(n_models)
        again[list(models)] = share
        both = np.concatenate([once * (1 - again), twice * again])
        clicks = np.concatenate([self.clicks, np.arange(2.0 * width - 1)])
        slots = np.concatenate([self.slots, np.full(2 * width - 1, 2 * self.slots[0])])
        return Outcomes(both.cumsum(axis=0), clicks, slots)


class ABTotals(NamedTuple):
    """Sums over the users of R tests of A arms, each read at S sizes; C covariates."""

    histograms: npt.NDArray[np.int64]
    """(R, S, A, W) users with each outcome."""
    clicks: FloatArray
    """(W,) clicks of each outcome."""
    slots: FloatArray
    """(W,) products shown in each outcome."""
    moments: FloatArray
    """(R, S, A, C, 3 + C) of each covariate x: Σ x, Σ x clicks, Σ x slots, Σ x x′ for all x′."""

    @property
    def users(self) -> npt.NDArray[np.int64]:
        """(R, S, A) users of each arm."""
        users: npt.NDArray[np.int64] = self.histograms.sum(axis=-1)
        return users


@njit(cache=True, nogil=True)
def _tally(cumulative, arms, places, uniforms, ends, weights, covariates, histograms, moments):  # type: ignore[no-untyped-def]
    """Add the users of each segment, dealt to arms in turn, to what is zero before.

    Walks through users as they lie in memory; ``places`` (n,) says where each comes in the test.
    ``weights`` (2, W) are the clicks and the slots of each outcome; ``histograms`` is (S, A, W),
    ``moments`` (S, A, C, 3 + C).
    """
    n_arms = arms.size
    most = cumulative.shape[0] - 1
    n_covariates = covariates.shape[1]
    for user in range(places.size):
        place = places[user]
        if place >= ends[-1]:
            continue
        # The last segment is the largest by far.
        segment = ends.size - 1
        while segment > 0 and place < ends[segment - 1]:
            segment -= 1
        arm = place % n_arms
        outcome = 0
        while outcome < most and uniforms[place] >= cumulative[outcome, user, arms[arm]]:
            outcome += 1
        histograms[segment, arm, outcome] += 1
        for first in range(n_covariates):
            x = covariates[user, first]
            sums = moments[segment, arm, first]
            sums[0] += x
            sums[1] += x * weights[0, outcome]
            sums[2] += x * weights[1, outcome]
            for second in range(n_covariates):
                sums[3 + second] += x * covariates[user, second]


def ab_totals(
    outcomes: Outcomes,
    arms: Sequence[int] | IntArray,
    sizes: Sequence[int],
    *,
    covariates: FloatArray | None = None,
    replicates: int,
    seed: int,
    purpose: str,
) -> ABTotals:
    """Run A/B tests and keep their sums.

    What a user does follows the click model's exact distribution, so one uniform number a user
    takes the place of one a position. A test of n users is the first n of its replicate.

    Args:
        outcomes: What users do with each of M lists.
        arms: Number of the list that each of the A arms shows; equal numbers make an A/A test.
        sizes: Ascending numbers of users, none above n.
        covariates: (n, C) what is known of the users before the test; None: nothing.
        replicates: Number R of tests.
        seed: Seed.
        purpose: Name of the random stream.
    """
    shown, ends = np.asarray(arms), np.asarray(sizes)
    n = outcomes.cumulative.shape[1]
    known = np.empty((n, 0)) if covariates is None else np.ascontiguousarray(covariates)
    shape = (replicates, ends.size, shown.size)
    histograms = np.zeros((*shape, outcomes.clicks.size), np.int64)
    moments = np.zeros((*shape, known.shape[1], 3 + known.shape[1]))
    weights = np.stack([outcomes.clicks, outcomes.slots])

    def one(number: int) -> None:
        rng = stream(seed, purpose, number)
        places = np.empty(n, np.int64)
        places[rng.permutation(n)] = np.arange(n)
        uniforms = rng.random(ends[-1])
        _tally(
            outcomes.cumulative,
            shown,
            places,
            uniforms,
            ends,
            weights,
            known,
            histograms[number],
            moments[number],
        )

    in_threads(one, replicates)
    return ABTotals(
        histograms.cumsum(axis=1), outcomes.clicks, outcomes.slots, moments.cumsum(axis=1)
    )
