"""Which of two models users prefer: sign tests, bootstrap over users, and Copeland's winner."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.experiments.arrays import BoolArray, FloatArray, IntArray

_DRAWN_AT_A_TIME = 2_000_000
"""Resampled counts held at a time: bounds memory when users differ in many ways."""


class Wins(NamedTuple):
    """Users who prefer the first, and who prefer the second model of every pair.

    Pairs come in the order of ``itertools.combinations``; leading axes are replicates.
    """

    a: npt.NDArray[np.int64]
    """(…, P) users with more credits for the first."""
    b: npt.NDArray[np.int64]
    """(…, P) users with more credits for the second."""

    @property
    def preference(self) -> FloatArray:
        """(…, P) share of deciding users who prefer the first; NaN where nobody decides."""
        decided = self.a + self.b
        undecided = np.full(self.a.shape, np.nan)
        return np.divide(self.a, decided, out=undecided, where=decided > 0)


def pairs_of(n_models: int) -> list[tuple[int, int]]:
    """Every two of the models, in the order that all arrays of pairs have."""
    return list(combinations(range(n_models), 2))


def preference_signs(credited: IntArray) -> npt.NDArray[np.int8]:
    """Whether each user prefers the first (1) or the second (−1) model of each pair, (n, P).

    Args:
        credited: (n, M) credits of each user.
    """
    pairs = np.array(pairs_of(credited.shape[1]), dtype=np.int64).reshape(-1, 2)
    signs = np.sign(credited[:, pairs[:, 0]] - credited[:, pairs[:, 1]])
    return signs.astype(np.int8)


def count_wins(credited: IntArray) -> Wins:
    """Count the users who prefer each model of each pair.

    Args:
        credited: (n, M) credits of each user.

    Returns:
        Counts (P,).
    """
    signs = preference_signs(credited)
    return Wins((signs > 0).sum(axis=0), (signs < 0).sum(axis=0))


def bootstrap_wins(credited: IntArray, samples: int, rng: np.random.Generator) -> Wins:
    """Resample users with replacement and count again, all pairs on the same users.

    Users who prefer alike are counted together, so a sample is one multinomial draw over the
    preferences that occur and costs the same whatever the number of users.

    Args:
        credited: (n, M) credits of each user; at least one user.
        samples: Bootstrap samples B.
        rng: Random numbers.

    Returns:
        Counts (B, P).
    """
    n = credited.shape[0]
    kinds, counts = np.unique(preference_signs(credited), axis=0, return_counts=True)
    step = max(1, _DRAWN_AT_A_TIME // counts.size)
    a, b = (np.empty((samples, kinds.shape[1]), np.int64) for _ in range(2))
    for start in range(0, samples, step):
        rows = slice(start, min(start + step, samples))
        drawn = rng.multinomial(n, counts / n, size=rows.stop - start)
        a[rows] = drawn @ (kinds > 0)
        b[rows] = drawn @ (kinds < 0)
    return Wins(a, b)


def bootstrap_interval(resampled: Wins, alpha: float) -> FloatArray:
    """Percentile intervals of the preference (Efron and Tibshirani 1993, section 13.3).

    Args:
        resampled: Counts (B, P).
        alpha: 1 − confidence.

    Returns:
        (2, P) lower and upper ends, over the samples in which anybody decides; NaN if none has.
    """
    preference = resampled.preference
    interval = np.full((2, preference.shape[1]), np.nan)
    known = ~np.isnan(preference).all(axis=0)
    if known.any():
        levels = [alpha / 2, 1 - alpha / 2]
        interval[:, known] = np.nanquantile(preference[:, known], levels, axis=0)
    return interval


def copeland_scores(wins: Wins, n_models: int) -> FloatArray:
    """Number of rivals that each model beats, a draw counting one half, (…, M).

    A. H. Copeland, "A reasonable social welfare function" (1951). Who beats all rivals scores
    M − 1: the Condorcet winner.
    """
    scores = np.zeros((*wins.a.shape[:-1], n_models))
    beats = (1 + np.sign(wins.a - wins.b)) / 2
    for number, (a, b) in enumerate(pairs_of(n_models)):
        scores[..., a] += beats[..., number]
        scores[..., b] += 1 - beats[..., number]
    return scores


def copeland_confidence(resampled: Wins, n_models: int) -> FloatArray:
    """Share of bootstrap samples that each model wins, (M,); a tie is shared out."""
    scores = copeland_scores(resampled, n_models)
    is_best: BoolArray = scores == scores.max(axis=1, keepdims=True)
    confidence: FloatArray = (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0)
    return confidence


def sign_tests(models: Sequence[str], wins: Wins, alpha: float) -> list[dict[str, Any]]:
    """Test for every two models whether deciding users prefer one.

    Exact two-sided sign test with Holm's correction over the pairs, and the Clopper–Pearson
    interval, which leaves out one half exactly when the test is significant at ``alpha`` and
    stays honest when few users decide, where a bootstrap interval shrinks to a point.

    Args:
        models: Names of the models.
        wins: Counts (P,).
        alpha: 1 − confidence of the intervals.

    Returns:
        A row a pair; one that nobody decides has p = 1 and no preference.
    """
    rows: list[dict[str, Any]] = []
    for (a, b), for_a, for_b in zip(pairs_of(len(models)), *wins, strict=True):
        row = {
            "model_a": models[a],
            "model_b": models[b],
            "preference": None,
            "ci_low": None,
            "ci_high": None,
            "p_value": 1.0,
        }
        if deciding := int(for_a + for_b):
            test = stats.binomtest(int(for_a), deciding, 0.5)
            interval = test.proportion_ci(1 - alpha, method="exact")
            row |= {
                "preference": int(for_a) / deciding,
                "ci_low": float(interval.low),
                "ci_high": float(interval.high),
                "p_value": float(test.pvalue),
            }
        rows.append(row)
    for row, adjusted in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_adjusted"] = float(adjusted)
    return rows
