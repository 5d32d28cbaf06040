"""What is worked out of rows is remembered exactly as long as the rows are the same ones."""

import pandas as pd

from dashboard.memory import remembered


def counting(kept):
    """A remembered sum over frames, and the list of the factors that it was worked out with."""
    worked = []

    @remembered(kept)
    def total(factor, frames):
        worked.append(factor)
        return factor * sum(int(frame["n"].sum()) for frame in frames.values())

    return total, worked


def test_the_same_frames_are_not_worked_through_twice():
    total, worked = counting(4)
    frame = pd.DataFrame({"n": [1, 2]})
    assert [total(2, {"a": frame}), total(2, {"a": frame}), total(3, {"a": frame})] == [6, 6, 9]
    assert worked == [2, 3]


def test_other_frames_are_worked_through_even_where_they_look_the_same():
    total, worked = counting(4)
    assert total(1, {"a": pd.DataFrame({"n": [1]})}) == 1
    assert total(1, {"a": pd.DataFrame({"n": [5]})}) == 5
    assert total(1, {"b": pd.DataFrame({"n": [5]})}) == 5
    assert worked == [1, 1, 1]


def test_what_was_asked_for_longest_ago_is_forgotten_first():
    total, worked = counting(2)
    frames = {"a": pd.DataFrame({"n": [1]})}
    for factor in (1, 2, 1, 3, 1, 2):
        assert total(factor, frames) == factor
    assert worked == [1, 2, 3, 2]
