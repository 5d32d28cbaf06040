"""Warm, cold and new users: how much training knows of those that are measured."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recolab_assets.config import EvaluationConfig
from recolab_assets.evaluation.product_kinds import kind_rows
from recolab_assets.tables import TABLES

GROUPS: Final = ("warm", "cold", "new")
"""Groups of users, in the order in which they are shown."""


def group_of_users(
    users: npt.NDArray[np.integer], train_pairs: pa.Table, cold_max_events: int
) -> npt.NDArray[np.int64]:
    """Return the place in `GROUPS` of each user.

    Args:
        users: ``(n,)`` user ids, in any order.
        train_pairs: Columns user_id and n_events.
        cold_max_events: Most product events in training of a cold user.

    >>> pairs = pa.table({"user_id": [0, 0, 2], "n_events": [3, 4, 5]})
    >>> [GROUPS[at] for at in group_of_users(np.array([2, 1, 0, 9]), pairs, cold_max_events=5)]
    ['cold', 'new', 'warm', 'new']
    """
    of_pair = train_pairs["user_id"].to_numpy()
    size = max(int(users.max(initial=-1)), int(of_pair.max(initial=-1))) + 1
    n_events = np.bincount(of_pair, train_pairs["n_events"].to_numpy(), minlength=size)[users]
    return np.where(n_events > cold_max_events, 0, np.where(n_events > 0, 1, 2))


def user_group_metrics_table(
    user_metrics: pa.Table, train_pairs: pa.Table, config: EvaluationConfig, seed: int
) -> pa.Table:
    """Average over the users of each group, with bootstrap intervals.

    Args:
        user_metrics: Rows of the table product_kind_user_metrics.
        train_pairs: Columns user_id and n_events.
        config: Limit of cold users, number of resamples, confidence.
        seed: Seed of the lab.

    Returns:
        Rows of the table user_group_metrics; a group that nobody is in has none.
    """
    users = user_metrics["user_id"].to_numpy()
    groups = group_of_users(users, train_pairs, config.cold_max_events)
    rows = [
        {"users": group, **row}
        for at, group in enumerate(GROUPS)
        for row in kind_rows(
            user_metrics.filter(pa.array(groups == at)),
            config,
            seed,
            f"evaluation.bootstrap.users.{group}",
        )
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["user_group_metrics"].arrow_schema)
