"""The block-wise pass that ranks products for all users with all models, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import pyarrow as pa

from recolab_assets.models.base import Candidates, Ranker, complete_lists
from recolab_assets.models.blas import single_blas_thread
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.training import TrainingData
from recolab_assets.parallel import in_order, usable_cores
from recolab_assets.tables import TABLES

Progress = Callable[[int, int], None]
"""Told after each block: users done, users in all."""


def recommend_blocks(
    models: Mapping[str, Ranker],
    data: TrainingData,
    *,
    top_k: int,
    candidate_depth: int,
    exclude_seen: bool = True,
    block_size: int = 4096,
    users: np.ndarray | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[dict[str, RecommendationLists]]:
    """Yield every model's lists, a block of users at a time, in ascending order of users.

    Each base model ranks a block once, to ``max(candidate_depth, top_k)``; a blend takes its
    candidates from that pass. Users that a model cannot serve get the popularity list and are
    marked; short lists are filled up from it. Neither the size of the blocks nor the number of
    threads changes a list.

    Args:
        models: Rankers by name, components before those that blend them.
        data: What the models were fitted on.
        top_k: Length of the lists.
        candidate_depth: Candidates that each model hands to a blend.
        exclude_seen: Leave out what a user has in training.
        block_size: Users a block; memory grows with it.
        users: (n,) user ids, ascending and distinct; all users by default.
        n_threads: Blocks ranked at once; by default one for each core that may be used.
        progress: Told after each block.

    Raises:
        ValueError: ``block_size``, ``top_k`` or ``candidate_depth`` is below 1.
    """
    if min(block_size, top_k, candidate_depth) < 1:
        raise ValueError("block_size, top_k and candidate_depth must be at least 1")
    everyone = np.arange(data.n_users, dtype=np.int32) if users is None else np.asarray(users)
    rank = partial(
        _rank_block, models, data, top_k=top_k, depth=candidate_depth, exclude_seen=exclude_seen
    )
    starts = range(0, len(everyone), block_size)
    blocks = (everyone[start : start + block_size] for start in starts)
    with single_blas_thread():
        ranked = in_order(rank, blocks, n_threads or usable_cores())
        for start, lists in zip(starts, ranked, strict=True):
            yield lists
            if progress is not None:
                progress(min(start + block_size, len(everyone)), len(everyone))


def _rank_block(
    models: Mapping[str, Ranker],
    data: TrainingData,
    users: np.ndarray,
    *,
    top_k: int,
    depth: int,
    exclude_seen: bool,
) -> dict[str, RecommendationLists]:
    """Rank one block of users with every model, each once."""
    blended = {name for model in models.values() for name in model.components}
    handed_in: dict[str, Candidates] = {}
    lists = {}
    for name, model in models.items():
        found = model.candidates(
            users,
            max(top_k, depth) if name in blended else top_k,
            exclude_seen=exclude_seen,
            handed_in=handed_in,
        )
        handed_in[name] = found
        lists[name] = complete_lists(data, users, found, top_k, exclude_seen=exclude_seen)
    return lists


def recommendation_batches(
    models: Mapping[str, Ranker],
    data: TrainingData,
    *,
    top_k: int,
    candidate_depth: int,
    exclude_seen: bool = True,
    block_size: int = 4096,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> pa.RecordBatchReader:
    """Stream ``recommendations.recommendations``: rows by block of users, model, user, rank.

    Args and errors are those of :func:`recommend_blocks`.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        for lists_of in recommend_blocks(
            models,
            data,
            top_k=top_k,
            candidate_depth=candidate_depth,
            exclude_seen=exclude_seen,
            block_size=block_size,
            n_threads=n_threads,
            progress=progress,
        ):
            for name, lists in lists_of.items():
                yield from lists.to_table(name).to_batches()

    return pa.RecordBatchReader.from_batches(TABLES["recommendations"].arrow_schema, batches())
