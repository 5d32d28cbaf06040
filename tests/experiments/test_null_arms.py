"""Different lists of equal truth."""

import numpy as np
import pytest

from recolab_assets.experiments.null_arms import arms_of_equal_truth


def _stacked(shop, names=None):
    lists = [shop.lists[name] for name in names or shop.lists]
    attraction = [shop.shoppers.attraction(shop.users, products) for products in lists]
    return np.stack(lists, axis=1), np.stack(attraction, axis=1)


def _made(shop, names=None, control=0):
    stacked = _stacked(shop, names)
    return arms_of_equal_truth(shop.users, *stacked, shop.shoppers, control=control, seed=1)


def test_every_arm_is_worth_what_the_control_is_to_within_a_user(shop) -> None:
    lists, attraction = _made(shop)
    assert lists.shape[1] == 4
    worth = shop.shoppers.click_probability(attraction.reshape(-1, 6)).sum(axis=1)
    totals = worth.reshape(-1, 4).sum(axis=0)
    assert np.abs(totals - totals[0]).max() < 1
    _, models = _stacked(shop)
    of_models = shop.shoppers.click_probability(models.reshape(-1, 6)).sum(axis=1)
    assert np.ptp(of_models.reshape(-1, 4).sum(axis=0)) > 100  # they were far apart


def test_arms_show_different_lists_and_their_own_attraction(shop) -> None:
    lists, attraction = _made(shop)
    for arm in range(1, 4):
        assert (lists[:, arm] != lists[:, 0]).any(axis=1).mean() > 0.5
        np.testing.assert_allclose(
            attraction[:, arm], shop.shoppers.attraction(shop.users, lists[:, arm])
        )


def test_same_seed_same_arms(shop) -> None:
    np.testing.assert_array_equal(_made(shop)[0], _made(shop)[0])


def test_a_control_that_nothing_can_be_spoilt_to_has_no_equal(shop) -> None:
    """A worse model cannot be mended with a list better than the best there is."""
    assert _made(shop, ["strong", "weak"]) is None


@pytest.mark.parametrize("other", ["weak", "strong"])
def test_a_model_is_spoilt_or_mended(shop, other) -> None:
    lists, _ = _made(shop, ["popularity", "strong", other])
    own = shop.lists[other]
    kept = (lists[:, -1] == own).all(axis=1)
    assert 0 < kept.mean() < 1
