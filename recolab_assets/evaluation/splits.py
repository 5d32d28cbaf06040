"""Hold-out splits: which events of the log are trained on, tuned on and tested on, as SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from recolab_assets.config import EventWeights, SplitConfig
from recolab_assets.sql import Select

_LOG: Final = "raw.interactions"

_ONE_CUT: Final = """
bounds AS (
    SELECT
        date_trunc('day', max(occurred_at)) + to_days(1) AS log_end,
        log_end - to_days($test_days::INTEGER) AS cut,
        cut - to_days($validation_days::INTEGER) AS validation_start
    FROM raw.interactions
)"""
"""The windows end at the first midnight after the last event, so they are whole calendar days."""


def train_interactions(split: SplitConfig) -> Select:
    """Select the training events: all of the log but the hold-out, by interaction_id.

    See ``test_interactions`` for where the cut lies. Together the two are the whole log, and no
    event is in both.
    """
    if split.method == "global_time":
        return _one_cut(split, "occurred_at < cut")
    return Select(
        f"WITH {_cuts('test', _LOG)} {_before('test', _LOG)} ORDER BY interaction_id",
        {"test_share": split.test_share},
    )


def test_interactions(split: SplitConfig) -> Select:
    """Select the hold-out: product and editorial events from the cut on, by interaction_id.

    ``global_time``: one cut for all users, ``test_days`` before the end of the log, which is the
    first midnight after the last event.

    ``per_user_latest``: each user has a cut, before the latest ``ceil(test_share × n)`` of the
    user's n product events (equal times by interaction_id); editorial events follow the same cut,
    so nothing in a user's hold-out precedes the user's training. An episode, the events of one
    user with one product in one session, is never torn: where the cut would fall inside one, it
    moves to the nearest earlier point between episodes, or, if that would leave the user no
    product event to train on, to the nearest later one. A user without any such point, as one
    with a single product event, is wholly in training.
    """
    if split.method == "global_time":
        return _one_cut(split, "occurred_at >= cut")
    return Select(
        f"WITH {_cuts('test', _LOG)} {_after('test', _LOG)} ORDER BY interaction_id",
        {"test_share": split.test_share},
    )


def validation_interactions(split: SplitConfig) -> Select:
    """Select the last part of the training events, for tuning, by interaction_id.

    ``global_time``: the last ``validation_days`` before the cut. ``per_user_latest``: the rule of
    ``test_interactions`` with ``validation_share``, applied to the training events.
    """
    if split.method == "global_time":
        return _one_cut(split, "occurred_at >= validation_start AND occurred_at < cut")
    return Select(
        f"""
        WITH {_cuts("test", _LOG)},
        train AS ({_before("test", _LOG)}),
        {_cuts("validation", "train")}
        {_after("validation", "train")} ORDER BY interaction_id
        """,
        {"test_share": split.test_share, "validation_share": split.validation_share},
    )


def split_times(split: SplitConfig) -> Select:
    """Select the one row (log_start, validation_start, cut, log_end) that says where windows lie.

    Under ``per_user_latest`` each user has a cut; ``validation_start`` and ``cut`` are NULL. With
    an empty log all are.
    """
    if split.method == "global_time":
        return Select(
            f"""
            WITH {_ONE_CUT}
            SELECT
                (SELECT min(occurred_at) FROM raw.interactions) AS log_start,
                validation_start, cut, log_end
            FROM bounds
            """,
            {"test_days": split.test_days, "validation_days": split.validation_days},
        )
    return Select(
        """
        SELECT
            min(occurred_at) AS log_start,
            CAST(NULL AS TIMESTAMP) AS validation_start,
            CAST(NULL AS TIMESTAMP) AS cut,
            date_trunc('day', max(occurred_at)) + to_days(1) AS log_end
        FROM raw.interactions
        """
    )


def rolling_cuts(test_days: int, n_cuts: int) -> Select:
    """Select cuts in time, each a test window earlier than the last: rows (cut, cut_at).

    The latest is number 1; it lies a test window before the first midnight after the last event.
    Cuts that nothing lies before are left out.

    Args:
        test_days: Length of a window.
        n_cuts: Most cuts.
    """
    return Select(
        """
        WITH bounds AS (
            SELECT
                min(occurred_at) AS log_start,
                date_trunc('day', max(occurred_at)) + to_days(1) AS log_end
            FROM raw.interactions
        )
        SELECT
            CAST(n AS INTEGER) AS cut,
            log_end - to_days(CAST(n * $test_days::INTEGER AS INTEGER)) AS cut_at
        FROM bounds, range(1, $n_cuts::INTEGER + 1) AS numbers(n)
        WHERE cut_at > log_start
        ORDER BY cut
        """,
        {"test_days": test_days, "n_cuts": n_cuts},
    )


def before_cut(cut_at: datetime, users: Sequence[int]) -> Select:
    """Select the events of some users before a moment, by interaction_id."""
    return Select(
        """
        SELECT * FROM raw.interactions SEMI JOIN (SELECT unnest($users::INTEGER[]) AS user_id)
        USING (user_id)
        WHERE occurred_at < $cut_at::TIMESTAMP ORDER BY interaction_id
        """,
        {"cut_at": cut_at, "users": users},
    )


def after_cut(cut_at: datetime, users: Sequence[int], test_days: int) -> Select:
    """Select the events of some users in the days from a moment on, by interaction_id."""
    return Select(
        """
        SELECT * FROM raw.interactions SEMI JOIN (SELECT unnest($users::INTEGER[]) AS user_id)
        USING (user_id)
        WHERE
            occurred_at >= $cut_at::TIMESTAMP
            AND occurred_at < $cut_at::TIMESTAMP + to_days($test_days::INTEGER)
        ORDER BY interaction_id
        """,
        {"cut_at": cut_at, "users": users, "test_days": test_days},
    )


def latest_training(days: int) -> Select:
    """Select the training events of the last days, up to the first midnight after the last event.

    Args:
        days: Length of the window.
    """
    return Select(
        """
        SELECT * FROM processed.train_interactions
        WHERE occurred_at >= (
            SELECT date_trunc('day', max(occurred_at)) + to_days(1 - $latest_days::INTEGER)
            FROM processed.train_interactions
        )
        """,
        {"latest_days": days},
    )


def train_pairs(weights: EventWeights, *, log_weights: bool = False) -> Select:
    """Select what the models learn from: training product events by (user, product).

    The weight of a pair is the sum s of the weights of its events, or log(1 + s), eq. 6 of Hu,
    Koren & Volinsky (ICDM 2008) with ε = 1. A pair whose events all weigh 0 stays, with weight
    0: it teaches nothing, but the user has seen the product.

    Args:
        weights: What one event of each type adds.
        log_weights: Take the logarithm, so that the tenth event of a pair says less than the first.
    """
    return Select(
        f"""
        SELECT
            user_id,
            item_id AS product_id,
            -- Counts times weights: unlike a sum of weights, the same on any number of threads.
            CAST({"ln(1 + " if log_weights else "("}
                count(*) FILTER (event_type = 'view') * $view::DOUBLE
                + count(*) FILTER (event_type = 'click') * $click::DOUBLE
                + count(*) FILTER (event_type = 'add_to_cart') * $add_to_cart::DOUBLE
                + count(*) FILTER (event_type = 'purchase') * $purchase::DOUBLE
            ) AS FLOAT) AS weight,
            CAST(count(*) AS INTEGER) AS n_events,
            max(occurred_at) AS last_at
        FROM processed.train_interactions
        WHERE item_type = 'product'
        GROUP BY user_id, item_id
        ORDER BY user_id, item_id
        """,
        weights.model_dump(),
    )


def _one_cut(split: SplitConfig, condition: str) -> Select:
    return Select(
        f"""
        WITH {_ONE_CUT}
        SELECT interactions.* FROM raw.interactions, bounds
        WHERE {condition} ORDER BY interaction_id
        """,
        {"test_days": split.test_days, "validation_days": split.validation_days},
    )


def _cuts(window: str, source: str) -> str:
    """Return the CTE of every user's first event after the cut; users without a cut are left out.

    Positions count a user's product events in time. A cut before position p tears no episode if
    all episodes that began before p also ended before p.
    """
    return f"""
    {window}_positions AS (
        SELECT
            user_id, item_id, session_id, occurred_at, interaction_id,
            row_number() OVER in_time AS position,
            count(*) OVER (PARTITION BY user_id) AS n_events
        FROM {source} WHERE item_type = 'product'
        WINDOW in_time AS (PARTITION BY user_id ORDER BY occurred_at, interaction_id)
    ),
    {window}_episodes AS (
        SELECT
            *,
            max(position) OVER (PARTITION BY user_id, item_id, session_id) AS episode_end,
            -- The margin keeps 0.07 × 100 = 7.000000000000001 from becoming 8.
            n_events - ceil(n_events * ${window}_share::DOUBLE - 1e-9) + 1 AS wanted
        FROM {window}_positions
    ),
    {window}_gaps AS (
        SELECT *
        FROM {window}_episodes
        QUALIFY position > max(episode_end) OVER (
            PARTITION BY user_id ORDER BY position
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ),
    {window}_cuts AS (
        SELECT user_id, occurred_at AS cut_at, interaction_id AS cut_id
        FROM {window}_gaps
        WHERE wanted <= n_events
        QUALIFY row_number() OVER (
            PARTITION BY user_id ORDER BY position > wanted, abs(position - wanted)
        ) = 1
    )"""


def _before(window: str, source: str) -> str:
    return f"""
    SELECT log.* FROM {source} AS log LEFT JOIN {window}_cuts USING (user_id)
    WHERE cut_at IS NULL OR (occurred_at, interaction_id) < (cut_at, cut_id)"""


def _after(window: str, source: str) -> str:
    return f"""
    SELECT log.* FROM {source} AS log JOIN {window}_cuts USING (user_id)
    WHERE (occurred_at, interaction_id) >= (cut_at, cut_id)"""
