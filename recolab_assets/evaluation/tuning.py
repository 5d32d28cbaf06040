"""Search of model settings on the validation window, so that the test window stays unseen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.evaluation.metrics import ndcg
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.models.lists import RecommendationLists

Settings = dict[str, Any]


def grid(choices: Mapping[str, Sequence[Any]]) -> list[Settings]:
    """Return every combination of the choices, the last key changing fastest.

    >>> grid({"als_factors": [32, 64], "als_alpha": [20.0]})
    [{'als_factors': 32, 'als_alpha': 20.0}, {'als_factors': 64, 'als_alpha': 20.0}]
    """
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def tune(
    base: ModelConfig,
    candidates: Iterable[Mapping[str, Any]],
    recommend: Callable[[ModelConfig], RecommendationLists],
    relevance: Relevance,
    k: int = 10,
) -> pa.Table:
    """Measure NDCG@k of every candidate on the validation window.

    Args:
        base: Settings that a candidate leaves as they are.
        candidates: Settings to try, keys of ModelConfig; all are validated before the first fit.
        recommend: Fits on what comes before the validation window and returns lists at least k
            long for the users of ``relevance``.
        relevance: Relevant products in the validation window, seen ones judged by the pairs that
            ``recommend`` fits on.
        k: Length at which lists are cut.

    Returns:
        A row a candidate, best first, ties in the order given: a column for each key that any
        candidate sets, then ``ndcg`` and its ``standard_error`` (empty with a single user).

    Raises:
        ValueError: There is no candidate, one is not allowed, or no user has anything relevant.
    """
    tried = [dict(candidate) for candidate in candidates]
    if not tried:
        raise ValueError("there are no settings to try")
    if not relevance.users.size:
        raise ValueError("no user has a relevant product in the validation window")
    configs = [ModelConfig.model_validate({**base.model_dump(), **settings}) for settings in tried]
    keys = list(dict.fromkeys(key for settings in tried for key in settings))
    rows = [_trial(config, keys, recommend(config), relevance, k) for config in configs]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: -row["ndcg"]))


def _trial(
    config: ModelConfig,
    keys: Sequence[str],
    lists: RecommendationLists,
    relevance: Relevance,
    k: int,
) -> dict[str, Any]:
    settings = config.model_dump()
    values = ndcg(relevance.hits(lists.users, lists.products), relevance.n_relevant, k)
    n = values.size
    return {
        **{key: settings[key] for key in keys},
        "ndcg": float(values.mean()),
        "standard_error": float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else None,
    }
