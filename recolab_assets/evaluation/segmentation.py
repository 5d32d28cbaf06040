"""Parts of the users by what was known of them before the hold-out: segments to look into."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SEGMENT_COLUMNS = ("n_events", "top_category")
"""Columns of ``user_features`` that segments are made of; all are known before the test."""

ACTIVITY_LEVELS = ("low", "middle", "high")
HISTORY_LEVELS = ("new", "returning")
NO_CATEGORY = "unknown"
"""Segment of users without a product event before the test."""

Ids = npt.NDArray[np.integer]
Counts = npt.NDArray[np.float64]


def rows_of_users(user_features: pa.Table, users: Ids) -> Ids:
    """Number of the row of each user, (n,).

    Args:
        user_features: Table with ``user_id``, in any order.
        users: (n,) users.

    Raises:
        ValueError: A user is not in the table.
    """
    known = user_features["user_id"].to_numpy()
    order = known.argsort()
    place = np.searchsorted(known, users, sorter=order)
    found = place < known.size
    found[found] = known[order[place[found]]] == users[found]
    if not found.all():
        raise ValueError(f"user_features has no row for {int((~found).sum())} users of the test")
    rows: Ids = order[place]
    return rows


class Segmentation(NamedTuple):
    """One way to part the users; every user is in exactly one segment."""

    names: Sequence[str]
    """Names of the segments."""
    segment: Ids
    """(n,) number of each user's segment."""


def activity_terciles(n_events: Counts) -> Segmentation:
    """Part users into thirds by their events before the test; users with as many stay together."""
    if not n_events.size:
        return Segmentation(ACTIVITY_LEVELS, np.zeros(0, np.int64))
    edges = np.quantile(n_events, [1 / 3, 2 / 3])
    return Segmentation(ACTIVITY_LEVELS, np.searchsorted(edges, n_events, side="left"))


def user_segmentations(user_features: pa.Table, users: Ids) -> dict[str, Segmentation]:
    """Segments of users, by activity, favourite category and history.

    Args:
        user_features: Table with ``user_id`` and ``SEGMENT_COLUMNS``.
        users: (n,) users, each in the table.

    Returns:
        For each segmentation its name and the users' segments.

    Raises:
        ValueError: A user is not in the table.
    """
    rows = rows_of_users(user_features, users)
    n_events = user_features["n_events"].to_numpy()[rows].astype(np.float64)
    favourite: npt.NDArray[np.str_] = np.array(
        [
            NO_CATEGORY if name is None else name
            for name in user_features["top_category"].to_pylist()
        ],
        dtype=np.str_,
    )[rows]
    categories, category = np.unique(favourite, return_inverse=True)
    return {
        "activity": activity_terciles(n_events),
        "category": Segmentation(categories.tolist(), category),
        "history": Segmentation(HISTORY_LEVELS, (n_events > 0).astype(np.int64)),
    }
