"""Hold-out splits against a plain Python reading of their definition."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recolab_assets.config import EventWeights, SplitConfig
from recolab_assets.evaluation import splits
from recolab_assets.sql import Select
from recolab_assets.storage import Database
from recolab_assets.storage.stored_table import run
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import TABLES

START = datetime(2024, 1, 1)
EVENTS = ["view", "click", "add_to_cart", "purchase"]
SHARES = pytest.mark.parametrize("share", [0.1, 0.34, 0.9])


def event(
    user: int, item: int, hours: float, session: int = 0, kind: str = "product", type_: str = "view"
) -> dict[str, object]:
    return {
        "user_id": user,
        "item_id": item,
        "item_type": kind,
        "event_type": type_,
        "session_id": session,
        "occurred_at": START + timedelta(hours=hours),
    }


def log_of(events: list[dict[str, object]]) -> pd.DataFrame:
    """Number events by user and time, as the table contract has it."""
    columns = TABLES["interactions"].column_names
    frame = pd.DataFrame(events, columns=columns)
    frame = frame.sort_values(["user_id", "occurred_at"], kind="stable", ignore_index=True)
    frame["interaction_id"] = np.arange(len(frame))
    return frame


def random_log(seed: int, n_events: int = 300, n_users: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return log_of(
        [
            event(
                int(rng.integers(n_users)),
                int(rng.integers(6)),
                # Whole hours: some events of a user come at the same time.
                float(rng.integers(24 * 100)),
                int(rng.integers(3)),
                "product" if rng.random() < 0.8 else "editorial",
                EVENTS[rng.integers(4)],
            )
            for _ in range(n_events)
        ]
    )


def select(path: Path, log: pd.DataFrame, query: Select, table: str = "interactions") -> pa.Table:
    database = Database(path / "lab.duckdb", 5)
    with database.write() as connection:
        # In disorder: the order of what is selected must not come from the order of what is stored.
        disordered = log.sample(frac=1, random_state=0)
        write_table(connection, TABLES[table].schema, table, disordered)
    with database.read() as connection:
        return run(connection, *query)


def ids(path: Path, log: pd.DataFrame, query: Select) -> list[int]:
    found: list[int] = select(path, log, query)["interaction_id"].to_pylist()
    return found


def user_cut(log: pd.DataFrame, share: float) -> tuple[datetime, int] | None:
    """Return (time, id) of a user's first withheld event, by trying every position."""
    events = log[log["item_type"] == "product"].sort_values(["occurred_at", "interaction_id"])
    n = len(events)
    episodes = list(zip(events["item_id"], events["session_id"], strict=True))
    wanted = n - math.ceil(round(share * n, 9))
    whole = [i for i in range(1, n) if not set(episodes[:i]) & set(episodes[i:])]
    if wanted == n or not whole:
        return None
    earlier = [i for i in whole if i <= wanted]
    chosen = events.iloc[max(earlier) if earlier else min(whole)]
    return chosen["occurred_at"], chosen["interaction_id"]


def withheld(log: pd.DataFrame, share: float) -> set[int]:
    found: set[int] = set()
    for _, events in log.groupby("user_id"):
        cut = user_cut(events, share)
        if cut is not None:
            keys = zip(events["occurred_at"], events["interaction_id"], strict=True)
            found |= {key[1] for key in keys if key >= cut}
    return found


def test_windows_are_whole_days_back_from_the_midnight_after_the_last_event(tmp_path: Path) -> None:
    split = SplitConfig(test_days=2, validation_days=3)
    hours = [0.0, 24 * 4 - 0.01, 24 * 4, 24 * 7 - 0.01, 24 * 7, 24 * 8, 24 * 9 - 0.01]
    log = log_of([event(0, i, at) for i, at in enumerate(hours)])
    times = select(tmp_path, log, splits.split_times(split)).to_pylist()
    assert times == [
        {
            "log_start": START,
            "validation_start": START + timedelta(days=4),
            "cut": START + timedelta(days=7),
            "log_end": START + timedelta(days=9),
        }
    ]
    assert ids(tmp_path, log, splits.train_interactions(split)) == [0, 1, 2, 3]
    assert ids(tmp_path, log, splits.validation_interactions(split)) == [2, 3]
    assert ids(tmp_path, log, splits.test_interactions(split)) == [4, 5, 6]


def test_a_last_event_at_midnight_belongs_to_the_day_that_it_opens(tmp_path: Path) -> None:
    log = log_of([event(0, 0, 0), event(0, 1, 24)])
    times = select(tmp_path, log, splits.split_times(SplitConfig())).to_pylist()
    assert times[0]["log_end"] == START + timedelta(days=2)


@pytest.mark.parametrize("seed", range(3))
def test_one_cut_agrees_with_pandas(tmp_path: Path, seed: int) -> None:
    log = random_log(seed)
    split = SplitConfig(test_days=20, validation_days=10)
    cut = log["occurred_at"].max().normalize() + timedelta(days=1 - 20)
    at, numbers = log["occurred_at"], log["interaction_id"]
    started = at >= cut - timedelta(days=10)
    for query, chosen in (
        (splits.train_interactions, at < cut),
        (splits.validation_interactions, started & (at < cut)),
        (splits.test_interactions, at >= cut),
    ):
        assert ids(tmp_path, log, query(split)) == numbers[chosen].tolist()
        assert chosen.any()


@SHARES
@pytest.mark.parametrize("seed", range(3))
def test_latest_per_user_agrees_with_brute_force(tmp_path: Path, seed: int, share: float) -> None:
    log = random_log(seed)
    split = SplitConfig(method="per_user_latest", test_share=share, validation_share=0.25)
    test = withheld(log, share)
    train = log[~log["interaction_id"].isin(test)]
    assert test
    assert ids(tmp_path, log, splits.test_interactions(split)) == sorted(test)
    assert ids(tmp_path, log, splits.train_interactions(split)) == train["interaction_id"].tolist()
    found = ids(tmp_path, log, splits.validation_interactions(split))
    assert found == sorted(withheld(train, 0.25))


_EVENT = st.builds(
    event,
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 12),
    st.integers(0, 1),
    st.sampled_from(["product", "product", "editorial"]),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_EVENT, min_size=1, max_size=25), st.floats(0.01, 0.99), st.floats(0, 0.99))
def test_promises_of_latest_per_user(
    tmp_path: Path, events: list[dict[str, object]], share: float, validation_share: float
) -> None:
    log = log_of(events).set_index("interaction_id", drop=False)
    split = SplitConfig(
        method="per_user_latest", test_share=share, validation_share=validation_share
    )
    train = ids(tmp_path, log, splits.train_interactions(split))
    test = ids(tmp_path, log, splits.test_interactions(split))
    validation = ids(tmp_path, log, splits.validation_interactions(split))
    assert sorted(train + test) == list(log.index)
    assert set(validation) <= set(train)
    fitted = sorted(set(train) - set(validation))
    for earlier, later in ((train, test), (fitted, validation)):
        past, future = log.loc[earlier], log.loc[later]
        for user, withheld_events in future.groupby("user_id"):
            own = past[past["user_id"] == user]
            assert own["occurred_at"].max() <= withheld_events["occurred_at"].min()
            assert (own["item_type"] == "product").any()
        episode = ["user_id", "item_id", "session_id"]
        torn = past[past["item_type"] == "product"].merge(
            future[future["item_type"] == "product"], on=episode
        )
        assert torn.empty


LATEST = SplitConfig(method="per_user_latest", test_share=0.3, validation_share=0.0)


def test_a_user_with_one_product_event_keeps_it_in_training(tmp_path: Path) -> None:
    log = log_of(
        [event(0, 0, 0), event(1, 0, 0, kind="editorial"), event(0, 0, 5, kind="editorial")]
    )
    assert ids(tmp_path, log, splits.train_interactions(LATEST)) == [0, 1, 2]
    assert ids(tmp_path, log, splits.test_interactions(LATEST)) == []


def test_the_share_is_rounded_up_but_not_by_floating_point(tmp_path: Path) -> None:
    log = log_of([event(0, i, i) for i in range(100)])
    split = LATEST.model_copy(update={"test_share": 0.07})
    assert 0.07 * 100 > 7
    assert ids(tmp_path, log, splits.test_interactions(split)) == list(range(93, 100))
    short = log_of([event(0, i, i) for i in range(4)])
    assert ids(tmp_path, short, splits.test_interactions(LATEST)) == [2, 3]


def test_reading_follows_the_user_s_cut(tmp_path: Path) -> None:
    reads = [event(0, 9, at, kind="editorial") for at in (0.5, 2.5)]
    log = log_of([*(event(0, i, i) for i in range(3)), *reads])
    # In time: product 0, reading 1, product 2, product 3 (withheld), ...
    assert log["item_type"].tolist() == ["product", "editorial", "product", "product", "editorial"]
    assert ids(tmp_path, log, splits.test_interactions(LATEST)) == [3, 4]


def test_a_visit_to_one_product_is_not_torn(tmp_path: Path) -> None:
    visit = [event(0, 7, 2 + i / 10, session=1, type_=EVENTS[i]) for i in range(4)]
    log = log_of([event(0, 0, 0), event(0, 1, 1), *visit])
    # Two of six are wanted, and stand inside the visit.
    assert ids(tmp_path, log, splits.test_interactions(LATEST)) == [2, 3, 4, 5]
    # In another session the same product may come again.
    log["session_id"] = [0, 1, 2, 3, 4, 5]
    assert ids(tmp_path, log, splits.test_interactions(LATEST)) == [4, 5]


def test_rather_less_is_withheld_than_everything(tmp_path: Path) -> None:
    visit = [event(0, 7, i / 10, type_=EVENTS[i]) for i in range(4)]
    log = log_of([*visit, event(0, 8, 5)])
    split = LATEST.model_copy(update={"test_share": 0.5})
    assert ids(tmp_path, log, splits.test_interactions(split)) == [4]
    assert ids(tmp_path, log.iloc[:4], splits.test_interactions(split)) == []


@pytest.mark.parametrize("split", [SplitConfig(), LATEST])
@pytest.mark.parametrize(
    "query",
    [splits.train_interactions, splits.validation_interactions, splits.test_interactions],
)
def test_an_empty_log_gives_empty_tables(
    tmp_path: Path, split: SplitConfig, query: Callable[[SplitConfig], Select]
) -> None:
    rows = select(tmp_path, log_of([]), query(split))
    assert rows.num_rows == 0
    assert rows.column_names == TABLES["interactions"].column_names


def test_users_have_cuts_of_their_own(tmp_path: Path) -> None:
    log = log_of([event(0, 0, 0), event(0, 0, 30)])
    assert select(tmp_path, log, splits.split_times(LATEST)).to_pylist() == [
        {
            "log_start": START,
            "validation_start": None,
            "cut": None,
            "log_end": START + timedelta(days=2),
        }
    ]


def test_training_pairs_add_up_the_weights_of_their_events(tmp_path: Path) -> None:
    weights = EventWeights(view=0.0, click=0.5, add_to_cart=3.0, purchase=5.25)
    log = random_log(1)
    rows = select(tmp_path, log, splits.train_pairs(weights), "train_interactions").to_pylist()
    by_pair = log[log["item_type"] == "product"].groupby(["user_id", "item_id"])
    expected = [
        {
            "user_id": user,
            "product_id": item,
            "weight": sum(weights.model_dump()[kind] for kind in events["event_type"]),
            "n_events": len(events),
            "last_at": events["occurred_at"].max(),
        }
        for (user, item), events in by_pair
    ]
    assert rows == expected


def test_rolling_cuts_are_a_window_apart_and_leave_something_before_them(tmp_path: Path) -> None:
    log = log_of([event(u, u, at) for u, at in enumerate([0.0, 30.0, 72.0, 100.0, 24 * 7 - 1])])
    rows = select(tmp_path, log, splits.rolling_cuts(2, 9)).to_pylist()
    assert rows == [{"cut": n, "cut_at": START + timedelta(days=7 - 2 * n)} for n in (1, 2, 3)]
    first = SplitConfig(test_days=2)
    everyone = list(range(5))
    for row in rows:
        split = first.model_copy(update={"test_days": 2 * row["cut"]})
        before = ids(tmp_path, log, splits.before_cut(row["cut_at"], everyone))
        assert before == ids(tmp_path, log, splits.train_interactions(split))
        after = ids(tmp_path, log, splits.after_cut(row["cut_at"], everyone, 2))
        end = row["cut_at"] + timedelta(days=2)
        inside = (log["occurred_at"] >= row["cut_at"]) & (log["occurred_at"] < end)
        assert after == log["interaction_id"][inside].tolist()
    assert ids(tmp_path, log, splits.before_cut(START + timedelta(days=5), [3, 1])) == [1, 3]
    assert ids(tmp_path, log, splits.after_cut(START, [0, 2], 3)) == [0]
    assert select(tmp_path, log, splits.rolling_cuts(7, 2)).num_rows == 0


def test_the_last_days_of_training_are_whole_days_too(tmp_path: Path) -> None:
    log = log_of([event(0, i, at) for i, at in enumerate([0.0, 47.9, 48.0, 95.0, 100.0])])
    found = select(tmp_path, log, splits.latest_training(3), "train_interactions")
    assert found["item_id"].to_pylist() == [2, 3, 4]
    pairs = splits.train_pairs(EventWeights()).over(
        "processed.train_interactions", splits.latest_training(1)
    )
    assert select(tmp_path, log, pairs, "train_interactions")["product_id"].to_pylist() == [4]


def test_a_pair_that_weighs_nothing_is_still_seen(tmp_path: Path) -> None:
    log = log_of([event(0, 3, 0), event(1, 2, 0, kind="editorial")])
    query = splits.train_pairs(EventWeights(view=0.0))
    rows = select(tmp_path, log, query, "train_interactions")
    assert rows.select(["user_id", "product_id", "weight"]).to_pylist() == [
        {"user_id": 0, "product_id": 3, "weight": 0.0}
    ]
