"""Settings are tried as given, validated first, and ranked by what they reach."""

import doctest

import numpy as np
import pytest

from recolab_assets.config import ModelConfig
from recolab_assets.evaluation import tuning
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.tuning import grid, tune
from recolab_assets.models.lists import RecommendationLists

USERS = np.array([0, 1], np.int32)
RELEVANCE = Relevance.from_pairs([0, 1], [5, 5])


class Recommend:
    """Puts the relevant product at rank ``als_factors``, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[ModelConfig] = []

    def __call__(self, config: ModelConfig) -> RecommendationLists:
        self.asked.append(config)
        products = np.tile(np.arange(10, 20, dtype=np.int32), (2, 1))
        products[:, config.als_factors - 1] = 5
        return RecommendationLists(
            USERS, products, np.zeros((2, 10), np.float32), np.zeros(2, bool)
        )


def test_best_settings_come_first_with_their_ndcg() -> None:
    found = tune(ModelConfig(), grid({"als_factors": [3, 1, 7]}), Recommend(), RELEVANCE)
    assert found["als_factors"].to_pylist() == [1, 3, 7]
    assert found["ndcg"].to_pylist() == pytest.approx([1.0, 0.5, 1 / 3])
    assert found["standard_error"].to_pylist() == [0.0, 0.0, 0.0]


def test_ties_keep_the_order_given_and_absent_settings_are_the_base_ones() -> None:
    recommend = Recommend()
    base = ModelConfig(als_factors=2, als_alpha=5.0)
    found = tune(base, [{"als_iterations": 9}, {"als_alpha": 30.0}], recommend, RELEVANCE)
    assert found["als_iterations"].to_pylist() == [9, base.als_iterations]
    assert found["als_alpha"].to_pylist() == [5.0, 30.0]
    assert [config.als_factors for config in recommend.asked] == [2, 2]


def test_lists_are_cut_at_k() -> None:
    found = tune(ModelConfig(), [{"als_factors": 4}], Recommend(), RELEVANCE, k=3)
    assert found["ndcg"].to_pylist() == [0.0]


def test_one_user_has_no_standard_error() -> None:
    one = Relevance.from_pairs([0], [5])
    found = tune(ModelConfig(), [{"als_factors": 1}], Recommend(), one)
    assert found["standard_error"].to_pylist() == [None]


@pytest.mark.parametrize(
    "settings", [{"als_factors": 0}, {"als_factor": 3}, {"hybrid_als_weight": 0.9}]
)
def test_impossible_settings_are_refused_before_the_first_fit(settings: dict[str, float]) -> None:
    recommend = Recommend()
    with pytest.raises(ValueError, match=r"als_factor|must sum to 1"):
        tune(ModelConfig(), [{"als_factors": 1}, settings], recommend, RELEVANCE)
    assert recommend.asked == []


def test_nothing_to_try_or_to_judge_by_is_said() -> None:
    with pytest.raises(ValueError, match="no settings to try"):
        tune(ModelConfig(), [], Recommend(), RELEVANCE)
    with pytest.raises(ValueError, match="no user has a relevant product"):
        tune(ModelConfig(), [{}], Recommend(), Relevance.from_pairs([], []))


def test_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(tuning).failed == 0
