"""Team draft: brute force on small cases, properties on random ones, fairness by simulation."""

from collections import Counter
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recolab_assets.experiments import draft as draft_module
from recolab_assets.experiments.draft import (
    NOBODY,
    credit_clicks,
    draft_balance,
    drafted_attraction,
    strict_wins,
    team_draft,
)

N = 40_000


def _every_draft(rankings, length):
    """Probability of every (list, owners), walking through all random orders of all rounds."""
    outcomes: Counter = Counter()
    rankings = [[product for product in ranking if product >= 0] for ranking in rankings]
    prefix = 0
    while (
        prefix < length
        and all(len(ranking) > prefix for ranking in rankings)
        and len({ranking[prefix] for ranking in rankings}) == 1
    ):
        prefix += 1

    def play(shown, owners, chance):
        if len(shown) >= length or all(set(ranking) <= set(shown) for ranking in rankings):
            outcomes[tuple(shown), tuple(owners)] += chance
            return
        orders = list(permutations(range(len(rankings))))
        for order in orders:
            now_shown, now_owners = list(shown), list(owners)
            for model in order:
                left = [product for product in rankings[model] if product not in now_shown]
                if left and len(now_shown) < length:
                    now_shown.append(left[0])
                    now_owners.append(model)
            play(now_shown, now_owners, chance / len(orders))

    play(rankings[0][:prefix], [NOBODY] * prefix, Fraction(1))
    return outcomes


@pytest.mark.parametrize(
    ("rankings", "length"),
    [
        ([[1, 2, 3], [4, 5, 6]], 3),
        ([[1, 2, 3], [1, 3, 2]], 3),
        ([[1, 2, 3], [3, 2, 1], [2, 1, 3]], 3),
        ([[1, 2], [3, 4], [5, 6]], 4),
        ([[1, 2], [3, 4], [5, 6]], 2),  # fewer slots than models
        ([[1, -1, -1], [2, 3, 4]], 3),  # a short list
        ([[1, -1, -1], [2, -1, -1]], 3),  # all run out
        ([[-1, -1], [7, 8]], 2),  # nothing to offer
        ([[9, 1, 2], [9, 3, 4], [9, 1, 3]], 3),  # shared first place
        ([[9, 1, -1], [9, 1, -1]], 3),  # the same short list
    ],
)
def test_draft_agrees_with_every_order_walked_through(rankings, length) -> None:
    draft = team_draft(np.array([rankings] * N), length, np.random.default_rng(1))
    drawn = Counter(
        (tuple(p for p in products if p >= 0), tuple(owners[: (products >= 0).sum()]))
        for products, owners in zip(draft.products.tolist(), draft.owners.tolist(), strict=False)
        for products in [np.array(products)]
    )
    expected = _every_draft(rankings, length)
    assert set(drawn) == set(expected)
    for outcome, chance in expected.items():
        p = float(chance)
        assert drawn[outcome] / N == pytest.approx(p, abs=4.5 * np.sqrt(p * (1 - p) / N) + 1e-12)


def _random_rankings(seed: int, n_models: int, depth: int, n_products: int, padded: bool):
    rng = np.random.default_rng(seed)
    rankings = np.argsort(rng.random((5, n_models, n_products)), axis=2)[:, :, :depth]
    if padded:
        keep = rng.integers(0, depth + 1, (5, n_models, 1))
        rankings = np.where(np.arange(rankings.shape[2]) < keep, rankings, -1)
    return rankings


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_models=st.integers(1, 6),
    depth=st.integers(1, 8),
    extra=st.integers(0, 6),
    length=st.integers(1, 12),
    padded=st.booleans(),
)
def test_every_draft_keeps_the_rules(seed, n_models, depth, extra, length, padded) -> None:
    rankings = _random_rankings(seed, n_models, depth, depth + extra, padded)
    draft = team_draft(rankings, length, np.random.default_rng(seed))
    for user in range(5):
        shown = draft.products[user][draft.products[user] >= 0]
        offered = set(rankings[user].ravel().tolist()) - {-1}
        assert len(set(shown.tolist())) == len(shown) == min(length, len(offered))
        assert (draft.products[user, len(shown) :] == -1).all()
        assert (draft.owners[user, len(shown) :] == NOBODY).all()
        for slot, (product, owner, rank) in enumerate(
            zip(shown, draft.owners[user], draft.ranks[user], strict=False)
        ):
            if owner == NOBODY:  # only a prefix that all rankings share
                assert (rankings[user, :, slot] == product).all()
                assert (draft.owners[user, :slot] == NOBODY).all()
                assert rank == slot
            else:
                assert rankings[user, owner, rank] == product
                above = rankings[user, owner, :rank]
                assert np.isin(above, shown[:slot]).all()  # its best that was left
        if not padded and n_models * length <= depth:  # nobody can run out
            sizes = np.bincount(draft.owners[user][draft.owners[user] >= 0], minlength=n_models)
            assert sizes.max() - sizes.min() <= 1


def test_team_sizes_differ_by_at_most_one() -> None:
    rankings = np.argsort(np.random.default_rng(0).random((500, 5, 200)), axis=2)[:, :, :23]
    owners = team_draft(rankings, 23, np.random.default_rng(1)).owners
    sizes = np.stack([(owners == model).sum(axis=1) for model in range(5)])
    assert (sizes.sum(axis=0) == 23).all()
    assert (np.ptp(sizes, axis=0) == 1).all()


def test_every_slot_is_drafted_by_every_model_equally_often() -> None:
    rankings = np.tile(np.arange(100).reshape(5, 20), (N, 1, 1))
    owners = team_draft(rankings, 12, np.random.default_rng(2)).owners
    for slot in range(12):
        share = np.bincount(owners[:, slot], minlength=5) / N
        np.testing.assert_allclose(share, 0.2, atol=4.5 * np.sqrt(0.16 / N))


def test_identical_rankings_are_shared_to_the_end() -> None:
    rankings = np.tile(np.arange(6), (3, 4, 1))
    draft = team_draft(rankings, 6, np.random.default_rng(0))
    np.testing.assert_array_equal(draft.products, rankings[:, 0])
    assert (draft.owners == NOBODY).all()
    assert not credit_clicks(draft.owners, np.ones((3, 6), bool), 4).any()


def test_interpreted_kernel_equals_the_compiled_one(monkeypatch) -> None:
    rankings = _random_rankings(3, 4, 6, 9, padded=True).astype(np.int32)
    rankings[1:3, :, 0] = 99  # a shared first place
    rankings[2, :, 1] = -1
    rankings[2, :, 2:] = -1
    rankings[3] = rankings[3, 0]
    uniforms = np.random.default_rng(5).random((5, 8))
    compiled = team_draft(rankings, 8, np.random.default_rng(5))
    for helper in ("_next_rank", "_shared_prefix"):
        monkeypatch.setattr(draft_module, helper, getattr(draft_module, helper).py_func)
    filled = [np.full((5, 8), -1, dtype) for dtype in (np.int32, np.int8, np.int8)]
    everyone, all_models = np.arange(len(rankings)), np.arange(rankings.shape[1])
    draft_module._draft.py_func(rankings, everyone, all_models, uniforms, *filled)
    for expected, got in zip(compiled, filled, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("length", [0, 128])
def test_lists_of_impossible_length_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 127"):
        team_draft(np.zeros((1, 1, 1), int), length, np.random.default_rng(0))


def test_credit_goes_to_the_owner_of_each_click() -> None:
    owners = np.array([[0, 1, 1, 2], [NOBODY, 0, 2, NOBODY]])
    clicked = np.array([[True, True, True, False], [True, False, True, True]])
    np.testing.assert_array_equal(credit_clicks(owners, clicked, 3), [[1, 2, 0], [0, 0, 1]])


def test_a_win_is_strictly_more_than_every_rival() -> None:
    credited = np.array([[2, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 3]])
    np.testing.assert_array_equal(
        strict_wins(credited),
        [[True, False, False], [False] * 3, [False] * 3, [False, False, True]],
    )


def test_a_draft_for_some_users_from_some_models_is_that_of_their_lists_alone() -> None:
    rng = np.random.default_rng(3)
    rankings = np.argsort(rng.random((40, 4, 12)), axis=2)[:, :, :8].astype(np.int32)
    attraction = rng.random(rankings.shape)
    users, models = np.array([7, 3, 30, 3]), np.array([2, 0, 2])
    alone = rankings[users[:, None], models], attraction[users[:, None], models]
    expected = team_draft(alone[0], 7, np.random.default_rng(9))
    draft = team_draft(rankings, 7, np.random.default_rng(9), users=users, models=models)
    for found, wanted in zip(draft, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(
        drafted_attraction(draft, attraction, users=users, models=models),
        drafted_attraction(expected, alone[1]),
    )


def test_attraction_follows_the_product_into_the_draft() -> None:
    rankings = _random_rankings(11, 3, 5, 8, padded=True)
    value_of_product = np.linspace(0.1, 0.9, 8)
    attraction = np.where(rankings >= 0, value_of_product[rankings], 0)
    draft = team_draft(rankings, 7, np.random.default_rng(0))
    np.testing.assert_array_equal(
        drafted_attraction(draft, attraction),
        np.where(draft.products >= 0, value_of_product[draft.products], 0),
    )


def test_balance_counts_slots_and_positions() -> None:
    owners = np.array([[NOBODY, 0, 1, 1], [1, 0, NOBODY, NOBODY]])
    balance = draft_balance(owners, 3)
    np.testing.assert_allclose(balance.slot_share, [2 / 5, 3 / 5, 0])
    np.testing.assert_allclose(balance.mean_position, [2, 8 / 3, np.nan])


def test_a_sound_draft_is_balanced_as_often_as_its_p_value_says() -> None:
    rng = np.random.default_rng(4)
    rankings = np.array([[rng.permutation(12) for _ in range(3)] for _ in range(200)])
    p_values = np.array(
        [draft_balance(team_draft(rankings, 8, rng).owners, 3).p_value for _ in range(300)]
    )
    alarms = (p_values < 0.05).mean(axis=0)
    # The two tests overlap, so Bonferroni's correction makes alarms rarer than 5%.
    assert (alarms < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)).all()
    assert alarms.sum() > 0


def test_a_draft_that_favours_a_model_is_found_out() -> None:
    rng = np.random.default_rng(4)
    always_first = draft_balance(np.tile(np.arange(3), (200, 1)), 3)
    np.testing.assert_allclose(always_first.slot_share, 1 / 3)
    assert always_first.p_value[0] == 0 and always_first.p_value[2] == 0
    too_many = draft_balance(
        np.where(rng.random((200, 9)) < 0.4, 0, rng.integers(1, 3, (200, 9))), 3
    )
    assert too_many.p_value[0] < 0.001
    assert draft_balance(np.full((5, 4), NOBODY), 2).p_value.tolist() == [1, 1]
    assert draft_balance(np.zeros((0, 4), int), 2).p_value.tolist() == [1, 1]
