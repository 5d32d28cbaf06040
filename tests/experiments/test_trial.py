"""What the scorecard repeats."""

import itertools

import numpy as np
import pytest

from recolab_assets.experiments.trial import Trial, expected_clicks, experiment_sizes


@pytest.fixture(scope="module")
def trial(shop):
    return _trial(shop)[0]


def _trial(shop, **changed):
    arguments = {"control": "popularity", "alpha": 0.05, "replicates": 3, "seed": 1}
    return Trial.of(shop.users, shop.lists, shop.shoppers, **arguments | changed)


@pytest.mark.parametrize(
    ("n_users", "largest", "expected"),
    [
        (58_000, None, [200, 1_000, 5_000, 20_000, 58_000]),
        (58_000, 5_000, [200, 1_000, 5_000]),
        (200, None, [200]),
        (30, 5_000, [30]),
    ],
)
def test_sizes_end_with_everyone(n_users, largest, expected) -> None:
    assert experiment_sizes(n_users, largest) == expected


def test_truth_is_the_mean_of_exact_click_counts(trial) -> None:
    counts = trial.click_counts()
    np.testing.assert_allclose(trial.expected, (counts @ np.arange(7)).mean(axis=0))
    np.testing.assert_allclose(
        trial.true_rate_differences, (trial.expected - trial.expected[0]) / 6
    )


def test_a_clone_is_the_best_once_more(trial) -> None:
    cloned = trial.cloned()
    best = int(trial.expected.argmax())
    assert cloned.n_arms == 5
    assert cloned.comparisons.models[-1] == f"{trial.comparisons.models[best]} again"
    np.testing.assert_array_equal(cloned.rankings[:, -1], trial.rankings[:, best])
    assert cloned.control == trial.control


def test_identical_arms_all_show_the_control(trial) -> None:
    identical = trial.identical()
    assert identical.n_arms == 4 and np.ptp(identical.expected) == 0
    assert (identical.rankings == trial.rankings[:, [0]]).all()


def test_arms_of_equal_truth_are_equal(trial) -> None:
    equal = trial.of_equal_truth()
    assert equal.control == 0
    np.testing.assert_allclose(equal.expected, equal.expected[0], rtol=1e-3)
    np.testing.assert_allclose(equal.expected, expected_clicks(equal.click_model, equal.attraction))


def test_large_populations_are_sampled_once(shop, monkeypatch) -> None:
    monkeypatch.setattr("recolab_assets.experiments.trial.MAX_POPULATION", 500)
    trial, rows = _trial(shop)
    np.testing.assert_array_equal(trial.users, shop.users[rows])
    assert np.unique(rows).size == 500
    np.testing.assert_array_equal(trial.rankings[:, 2], shop.lists["strong"][rows])


def test_impossible_trials_are_refused(shop) -> None:
    with pytest.raises(ValueError, match="'als' is none of the models"):
        _trial(shop, control="als")
    with pytest.raises(ValueError, match="at least two models"):
        Trial.of(
            shop.users,
            {"popularity": shop.lists["popularity"]},
            shop.shoppers,
            control="popularity",
            alpha=0.05,
            replicates=1,
            seed=1,
        )


def test_the_two_closest_models_are_better_than_the_control(trial) -> None:
    closest = trial.closest()
    ranked = sorted(value for value in trial.expected if value > trial.expected[0])
    ratios = [b / a for a, b in itertools.pairwise(ranked)]
    assert closest.n_arms == 2 and closest.control == 0
    assert closest.expected[1] / closest.expected[0] == pytest.approx(min(ratios))
    cloned = closest.cloned()
    assert cloned.comparisons.models[2] == f"{cloned.comparisons.models[1]} again"


def test_one_better_model_has_no_neighbour(shop) -> None:
    lists = {name: shop.lists[name] for name in ("popularity", "strong")}
    two, _ = Trial.of(
        shop.users, lists, shop.shoppers, control="popularity", alpha=0.05, replicates=1, seed=1
    )
    assert two.closest() is None
