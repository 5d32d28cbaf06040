"""Funnel walks, session slots and times of events."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recolab_assets.shop.behaviour import Visitors, funnel_walks, session_slots, session_starts
from recolab_assets.shop.timeline import SECONDS_A_DAY, LogCalendar


@given(
    counts=st.lists(st.integers(0, 12), max_size=30),
    continuation=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    seed=st.integers(0, 100),
)
def test_walks_fill_every_users_events_one_stage_at_a_time(counts, continuation, seed):
    counts = np.array(counts, dtype=int)
    stage, walk = funnel_walks(counts, tuple(continuation), np.random.default_rng(seed))
    user = np.repeat(np.arange(len(counts)), counts)
    assert len(stage) == len(walk) == counts.sum()
    assert set(walk.tolist()) == set(range(len(np.unique(walk))))
    for number in np.unique(walk):
        rows = np.flatnonzero(walk == number)
        assert len(set(user[rows].tolist())) == 1
        assert rows.tolist() == list(range(rows[0], rows[-1] + 1))
        assert stage[rows].tolist() == list(range(len(rows)))
        assert len(rows) <= len(continuation) + 1


def test_walks_go_on_with_the_given_probabilities():
    # One user, so that next to no walk is cut short.
    stage, _ = funnel_walks(np.array([400_000]), (0.3, 0.5, 0.2), np.random.default_rng(0))
    reached = np.bincount(stage)
    for step, share in enumerate((0.3, 0.5, 0.2)):
        error = 4 * np.sqrt(share * (1 - share) / reached[step])
        assert reached[step + 1] / reached[step] == pytest.approx(share, abs=error)


def test_slots_follow_the_truncated_zipf_law(config):
    slots = session_slots(200_000, config.shop, np.random.default_rng(1))
    law = (1.0 + np.arange(config.shop.activity.max_sessions)) ** -1.5
    observed = np.bincount(slots, minlength=len(law))
    assert stats.chisquare(observed, law / law.sum() * len(slots)).pvalue > 1e-3
    assert observed.argmax() == 0


def visitors(signed_up, weights):
    n = len(signed_up)
    return Visitors(np.array(signed_up, float), np.zeros(n, int), np.array([weights], float))


def test_sessions_start_in_season_and_never_before_the_sign_up(config):
    calendar = LogCalendar.of(config.shop)
    weights = np.ones(12)
    weights[6] = 5
    late = calendar.month_starts[8] + 3.5 * SECONDS_A_DAY
    users = np.repeat([0, 1], 50_000)
    starts = session_starts(
        users, visitors([-100.0, late], weights), calendar, np.random.default_rng(2)
    )
    months = np.bincount(calendar.month_of(starts[users == 0]), minlength=12) / 50_000
    days = np.diff(calendar.months).astype(int)
    np.testing.assert_allclose(months, weights * days / (weights * days).sum(), atol=0.01)
    assert starts[users == 1].min() >= late
    assert starts.max() < calendar.n_seconds


def test_weekends_and_evenings_are_busy(config):
    calendar = LogCalendar.of(config.shop)
    starts = session_starts(
        np.zeros(100_000, int), visitors([0.0], np.ones(12)), calendar, np.random.default_rng(3)
    )
    # 2024-01-01 was a Monday.
    weekday = np.bincount((starts // SECONDS_A_DAY).astype(int) % 7, minlength=7)
    assert weekday[5:].min() > weekday[:5].max()
    hour = np.bincount((starts % SECONDS_A_DAY // 3600).astype(int), minlength=24)
    assert hour.argmax() == 20
    assert hour.argmin() in range(1, 5)
