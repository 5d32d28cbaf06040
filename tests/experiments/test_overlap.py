"""Rank-biased overlap against its definition, depth by depth."""

import numpy as np
import pytest

from recolab_assets.experiments.overlap import mean_overlap, rank_biased_overlap


def _by_definition(first, second, p):
    weighted, weights = 0.0, 0.0
    for depth in range(1, len(first) + 1):
        a = {product for product in first[:depth] if product >= 0}
        b = {product for product in second[:depth] if product >= 0}
        weighted += p ** (depth - 1) * 2 * len(a & b) / (len(a) + len(b))
        weights += p ** (depth - 1)
    return weighted / weights


@pytest.mark.parametrize("persistence", [0.5, 0.9, 1.0])
def test_overlap_is_the_weighted_agreement_of_every_depth(persistence: float) -> None:
    rng = np.random.default_rng(2)
    first, second = (np.array([rng.permutation(8)[:5] for _ in range(50)]) for _ in range(2))
    first[10:20, 3:] = -1
    second[15:30, 2:] = -1
    expected = [_by_definition(a, b, persistence) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_biased_overlap(first, second, persistence), expected)
    np.testing.assert_allclose(rank_biased_overlap(second, first, persistence), expected)


def test_overlap_of_the_same_and_of_disjoint_lists() -> None:
    lists = np.array([[1, 2, 3], [4, 5, -1], [6, -1, -1]])
    np.testing.assert_allclose(rank_biased_overlap(lists, lists), 1)
    np.testing.assert_allclose(rank_biased_overlap(lists, np.where(lists < 0, -1, lists + 10)), 0)


def test_swapping_at_the_top_costs_more_than_at_the_end() -> None:
    lists = np.array([[1, 2, 3, 4, 5]])
    top, end = (
        rank_biased_overlap(lists, np.array([other]))[0]
        for other in ([2, 1, 3, 4, 5], [1, 2, 3, 5, 4])
    )
    assert top < end < 1


def test_users_without_lists_do_not_count() -> None:
    lists = np.array([[1, 2], [-1, -1]])
    assert mean_overlap(lists, lists) == 1
    assert np.isnan(mean_overlap(lists[1:], lists[1:]))
