"""The split that the configuration does not use: models fitted and measured under it."""

from typing import Final, Literal

import pyarrow as pa

from recolab_assets.config import LabConfig, SplitConfig
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import user_metrics
from recolab_assets.models import MODELS, load_models
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.recommend import recommend_blocks
from recolab_assets.models.training import TrainingData
from recolab_assets.randomness import stream

_OTHER: Final[dict[str, Literal["global_time", "per_user_latest"]]] = {
    "global_time": "per_user_latest",
    "per_user_latest": "global_time",
}


def other_split(split: SplitConfig) -> SplitConfig:
    """Return the same settings with the other method."""
    return split.model_copy(update={"method": _OTHER[split.method]})


def other_split_metrics(
    train_pairs: pa.Table,
    popularity: pa.Table,
    test_interactions: pa.Table,
    products: pa.Table,
    n_users: int,
    config: LabConfig,
) -> pa.RecordBatchReader:
    """Fit every model to the training part of the other split and measure it on its hold-out.

    Args:
        train_pairs: As ``processed.train_pairs``, of the other split.
        popularity: As ``models.popularity``, of the other split.
        test_interactions: user_id, item_id and item_type of its hold-out.
        products: The catalogue.
        n_users: Users of the shop.
        config: Settings of models, metrics and the sample of users.

    Returns:
        Rows of the table other_split_metrics.
    """
    data = TrainingData.from_tables(train_pairs, products, popularity, n_users)
    settings = config.model
    tables = {"popularity": popularity}
    for name, model in MODELS.items():
        if name not in tables:
            tables |= model.fit(data, settings, config.training_seed).to_tables()
    relevance = Relevance.from_tables(
        test_interactions, train_pairs, exclude_seen=settings.exclude_seen
    )
    rng = stream(config.data.random_seed, "evaluation.other_split")
    chosen = rng.permutation(relevance.users)[: config.evaluation.other_split_n_users]
    relevance = relevance.of_users(chosen)
    k_values = config.evaluation.k_values
    blocks = list(
        recommend_blocks(
            load_models(tables, data),
            data,
            top_k=max(k_values),
            candidate_depth=settings.candidate_depth,
            exclude_seen=settings.exclude_seen,
            users=relevance.users,
        )
    )
    joined = RecommendationLists.concatenate
    lists = [(name, joined([block[name] for block in blocks])) for name in MODELS if blocks]
    return user_metrics(lists, relevance, k_values)
