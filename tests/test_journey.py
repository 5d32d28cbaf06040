"""Funnel, sessions and reads against a plain Python reading of their definition."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recolab_assets import features, journey
from recolab_assets.sql import Select
from recolab_assets.storage import Database
from recolab_assets.storage.stored_table import run
from recolab_assets.storage.writer import write_table
from recolab_assets.tables import TABLES

START = datetime(2024, 1, 30)
CATEGORIES = {0: "toys", 1: "garden", 2: "toys", 3: None}
CONTENT = {0: "toys", 1: "garden", 2: None}
STEPS = ["view", "click", "add_to_cart", "purchase"]


def random_log(seed: int, n_events: int = 400, steps: list[str] = STEPS) -> pd.DataFrame:
    """A log of a few weeks in whole hours, so that events of a user coincide."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_events):
        is_product = rng.random() < 0.7
        rows.append(
            {
                "user_id": int(rng.integers(6)),
                "item_id": int(rng.integers(len(CATEGORIES if is_product else CONTENT))),
                "item_type": "product" if is_product else "editorial",
                "event_type": steps[rng.integers(len(steps))] if is_product else "read",
                "session_id": int(rng.integers(12)),
                "occurred_at": START + timedelta(hours=int(rng.integers(24 * 50))),
            }
        )
    frame = pd.DataFrame(rows).sort_values(["user_id", "occurred_at"], ignore_index=True)
    return frame.reindex(columns=TABLES["interactions"].column_names).assign(
        interaction_id=np.arange(len(frame))
    )


def _filled(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.reindex(columns=TABLES[name].column_names)


@pytest.fixture
def ask(tmp_path: Path):
    """Return a function that writes a log and its catalogue, and answers a SELECT over them."""

    def answer(log: pd.DataFrame, query: Select, before: pd.DataFrame | None = None):
        training = log if before is None else before
        database = Database(tmp_path / "shop.duckdb", 5)
        products = pd.DataFrame(list(CATEGORIES.items()), columns=["product_id", "category"])
        editorial = pd.DataFrame(
            {
                "content_id": list(CONTENT),
                "title": "a",
                "content_type": "post",
                "category": list(CONTENT.values()),
                "topic_tags": [["how_to"]] * len(CONTENT),
                "published_at": START,
                "base_popularity": 1.0,
            }
        )
        with database.write() as connection:
            for name, rows in (
                ("users", _filled("users", pd.DataFrame({"user_id": range(7)}))),
                ("products", _filled("products", products)),
                ("editorial", _filled("editorial", editorial)),
                ("interactions", log),
                ("train_interactions", training),
                ("user_features", features.user_features()),
            ):
                write_table(connection, TABLES[name].schema, name, rows)
        with database.read() as connection:
            return run(connection, *query).to_pylist()

    return answer


def of_products(log: pd.DataFrame) -> pd.DataFrame:
    events = log[log["item_type"] == "product"]
    return events.assign(category=[CATEGORIES[item] or "unknown" for item in events["item_id"]])


@pytest.mark.parametrize("seed", range(3))
def test_funnel_counts_events_and_users_of_every_part(ask, seed):
    log = random_log(seed)
    before = log[log["occurred_at"] < START + timedelta(days=30)]
    rows = ask(log, journey.shop_funnel(), before)
    events = of_products(log)
    n_before = [int((before["user_id"] == user).sum()) for user in range(7)]
    low, high = np.quantile(n_before, [1 / 3, 2 / 3])
    activity = ["low" if n <= low else "middle" if n <= high else "high" for n in n_before]
    known = of_products(before)
    known = known[known["category"] != "unknown"]
    favourite = {}
    for user, category in zip(known["user_id"], known["category"], strict=True):
        favourite.setdefault(user, Counter())[category] += 1
    favourite = {
        user: min(counts, key=lambda name: (-counts[name], name))
        for user, counts in favourite.items()
    }
    events = events.assign(
        activity=[activity[user] for user in events["user_id"]],
        favourite=[favourite.get(user, "unknown") for user in events["user_id"]],
        all="all",
        month=[at.date().replace(day=1) for at in events["occurred_at"]],
    )
    found = {(r["breakdown"], r["segment"], r["month"], r["step"]): r for r in rows}
    assert len(found) == len(rows)
    expected = set()
    for breakdown, column in (
        ("total", "all"),
        ("category", "category"),
        ("activity", "activity"),
        ("favourite", "favourite"),
    ):
        months = [None, *events["month"].unique()] if breakdown in ("total", "category") else [None]
        for segment, month, step in product(events[column].unique(), months, STEPS):
            part = events[events[column] == segment]
            part = part if month is None else part[part["month"] == month]
            if part.empty:
                continue
            part = part[part["event_type"] == step]
            row = found[breakdown, segment, month, step]
            assert row["n_events"] == len(part)
            assert row["n_users"] == (None if month else part["user_id"].nunique())
            assert row["position"] == STEPS.index(step) + 1
            expected.add((breakdown, segment, month, step))
    assert found.keys() == expected


def test_a_log_of_purchases_only_has_a_funnel_of_one_step(ask):
    rows = ask(random_log(4, steps=["purchase"]), journey.shop_funnel())
    assert {row["step"] for row in rows} == {"purchase"}
    assert all(row["n_events"] > 0 for row in rows)


def test_an_empty_log_has_no_rows(ask):
    log = random_log(0)[:0]
    for query in (
        journey.shop_funnel(),
        journey.session_lengths(),
        journey.reads_to_purchases(),
    ):
        assert ask(log, query) == []
    assert ask(log, journey.days_of_log()) == [{"first_day": None, "last_day": None}]


def test_sessions_are_counted_by_length(ask):
    log = random_log(5)
    rows = {row.pop("n_events"): row for row in ask(log, journey.session_lengths())}
    sessions = [part for _, part in log.groupby(["user_id", "session_id"])]
    assert rows.keys() == {len(part) for part in sessions}
    for length, row in rows.items():
        mine = [part for part in sessions if len(part) == length]
        lasted = [part["occurred_at"].max() - part["occurred_at"].min() for part in mine]
        assert row["n_sessions"] == len(mine)
        assert row["n_with_read"] == sum("editorial" in set(part["item_type"]) for part in mine)
        assert row["n_with_purchase"] == sum("purchase" in set(part["event_type"]) for part in mine)
        assert row["mean_minutes"] == pytest.approx(np.mean(lasted).total_seconds() / 60)


@pytest.mark.parametrize("seed", range(3))
def test_reads_are_followed_and_preceded_as_a_plain_reading_finds(ask, seed):
    log = random_log(seed + 10)
    rows = ask(log, journey.reads_to_purchases())
    first, last = log["occurred_at"].min(), log["occurred_at"].max()
    reads = log[log["item_type"] == "editorial"]
    reads = reads.assign(category=[CONTENT[item] for item in reads["item_id"]])
    reads = reads.groupby(["user_id", "session_id", "category"])["occurred_at"].min().reset_index()
    events = of_products(log)
    assert {row["step"] for row in rows} == {"view", "add_to_cart", "purchase"}
    assert {row["within_days"] for row in rows} == {1, 7}
    for row in rows:
        window = timedelta(days=row["within_days"])
        n_reads = n_after = n_before = 0
        for user, category, at in reads[["user_id", "category", "occurred_at"]].itertuples(
            index=False
        ):
            if category != row["category"] or at - window < first or at + window > last:
                continue
            mine = events[
                (events["user_id"] == user)
                & (events["category"] == category)
                & (events["event_type"] == row["step"])
            ]["occurred_at"]
            n_reads += 1
            n_after += bool(((mine >= at) & (mine <= at + window)).any())
            n_before += bool(((mine < at) & (mine >= at - window)).any())
        assert (row["n_reads"], row["n_after"], row["n_before"]) == (n_reads, n_after, n_before)


def test_a_log_without_editorial_content_has_no_reads(ask):
    log = random_log(3)
    assert ask(log[log["item_type"] == "product"], journey.reads_to_purchases()) == []
