"""Models beside baselines, by kind of product: repeats, products new to the user, new products.

A shop that sells the same thing twice is served by other lists than one that does not, so what
counts as relevant is told apart:

- ``all``: every product of the user's hold-out;
- ``repeat``: those that the user already has in training;
- ``new``: those that the user has not;
- ``recent``: those that were first seen in the last days of training, whoever has them;
- ``unseen``: those that were not there yet when training ended.

For ``new`` the lists leave out what the user has seen. For all the others they may repeat it,
whatever ``model.exclude_seen`` says: lists that never repeat cannot be judged by repeats. It is the
same fitted model both times, ranked anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import accuracy_rows, user_metrics
from recolab_assets.models.base import Ranker
from recolab_assets.models.baselines import BASELINES
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.recommend import recommend_blocks
from recolab_assets.models.training import TrainingData
from recolab_assets.randomness import stream
from recolab_assets.tables import TABLES

NEW: Final = "new"
KINDS: Final = ("all", NEW, "repeat")
"""Kinds of relevance by whether the user has the product in training."""

Kinds = Mapping[str, Relevance]


def relevance_of_kinds(test_interactions: pa.Table, train_pairs: pa.Table) -> dict[str, Relevance]:
    """Read the relevant products of each of `KINDS` off the hold-out.

    Args:
        test_interactions: Hold-out events with columns user_id, item_id and item_type.
        train_pairs: Training pairs with columns user_id and product_id.
    """
    everything, new = (
        Relevance.from_tables(test_interactions, train_pairs, exclude_seen=exclude)
        for exclude in (False, True)
    )
    return dict(zip(KINDS, (everything, new, everything.without(new)), strict=True))


def relevance_of_ages(
    everything: Relevance, item_features: pa.Table, recent_days: int
) -> dict[str, Relevance]:
    """Tell apart the products that were new when training ended, or came later.

    Args:
        everything: All relevant products.
        item_features: Columns product_id and age_days, empty for a product that was not there yet;
            every product once.
        recent_days: A product younger than this is recent.
    """
    age = np.empty(item_features.num_rows)
    days = pc.fill_null(item_features["age_days"], np.nan)
    age[item_features["product_id"].to_numpy()] = days.to_numpy()
    return {
        "recent": everything.of_products(age < recent_days),
        "unseen": everything.of_products(np.isnan(age)),
    }


def product_kind_user_metrics(
    rankers: Mapping[str, Ranker],
    data: TrainingData,
    kinds: Kinds,
    k_values: Sequence[int],
    candidate_depth: int,
) -> pa.Table:
    """Rank with and without repeats and measure every model and baseline by kind of product.

    A baseline that has nothing of its own to say to anybody (buy it again where repeats are left
    out; best sellers of a category in a shop without categories) is not measured there: its lists
    would be those of popularity.

    Args:
        rankers: Models and baselines, components before those that blend them.
        data: What they were fitted on.
        kinds: Relevant products of each kind.
        k_values: Lengths at which lists are cut.
        candidate_depth: Candidates that each model hands to a blend.

    Returns:
        Rows of the table product_kind_user_metrics.
    """
    measured = {}
    for exclude_seen in (False, True):
        judged = {kind: rel for kind, rel in kinds.items() if (kind == NEW) is exclude_seen}
        blocks = recommend_blocks(
            rankers,
            data,
            top_k=max(k_values),
            candidate_depth=candidate_depth,
            exclude_seen=exclude_seen,
            users=_users_of(judged),
        )
        lists = dict(_joined(rankers, list(blocks)))
        for kind, relevance in judged.items():
            measured[kind] = user_metrics(lists.items(), relevance, k_values).read_all()
    tables = [
        measured[kind].add_column(0, "products", pa.repeat(kind, measured[kind].num_rows))
        for kind in kinds
    ]
    schema = TABLES["product_kind_user_metrics"].arrow_schema
    return pa.concat_tables(tables).cast(schema)


def _users_of(kinds: Kinds) -> npt.NDArray[np.int32]:
    users = [relevance.users for relevance in kinds.values()]
    return np.unique(np.concatenate(users)) if users else np.empty(0, np.int32)


def _joined(
    rankers: Mapping[str, Ranker], blocks: Sequence[Mapping[str, RecommendationLists]]
) -> Iterator[tuple[str, RecommendationLists]]:
    """Join the blocks of each ranker, without the baselines that have nothing to say."""
    for name in rankers if blocks else ():
        lists = RecommendationLists.concatenate([block[name] for block in blocks])
        if name not in BASELINES or not lists.is_fallback.all():
            yield name, lists


def product_kind_metrics_table(
    user_metrics: pa.Table, config: EvaluationConfig, seed: int
) -> pa.Table:
    """Average over users, with bootstrap intervals.

    Args:
        user_metrics: Rows of the table product_kind_user_metrics.
        config: Number of resamples, confidence.
        seed: Seed of the lab.

    Returns:
        Rows of the table product_kind_metrics; a kind without any relevant product has none.
    """
    rows = kind_rows(user_metrics, config, seed, "evaluation.bootstrap.kinds")
    return pa.Table.from_pylist(rows, schema=TABLES["product_kind_metrics"].arrow_schema)


def kind_rows(
    user_metrics: pa.Table, config: EvaluationConfig, seed: int, purpose: str
) -> list[dict[str, Any]]:
    """Average over the users of each kind of product.

    Args:
        user_metrics: Rows of the table product_kind_user_metrics.
        config: Number of resamples, confidence.
        seed: Seed of the lab.
        purpose: Name of the random stream.
    """
    return [
        {"products": kind, **row}
        for kind in pc.unique(user_metrics["products"]).to_pylist()
        for row in accuracy_rows(
            user_metrics.filter(pc.equal(user_metrics["products"], kind)),
            config,
            stream(seed, f"{purpose}.{kind}"),
        )
    ]
