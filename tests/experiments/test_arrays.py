"""Alignment of the arrays that experiments take."""

import numpy as np
import pytest

from recolab_assets.experiments.arrays import USERS_PER_BLOCK, blocks, check_lists, report_table
from recolab_assets.tables import TABLES

USERS = np.array([3, 5, 9])
FULL = np.array([[0, 1], [1, 2], [2, 3]])


def test_aligned_lists_pass_even_when_padded() -> None:
    check_lists(USERS, {"a": FULL, "b": np.array([[1, -1], [-1, -1], [0, 2]])})


@pytest.mark.parametrize(
    ("users", "lists", "message"),
    [
        (USERS, {}, "at least one model"),
        (np.array([3, 3, 9]), {"a": FULL}, "distinct"),
        (USERS, {"a": FULL, "b": FULL[:2]}, r"lists of b have shape \(2, 2\)"),
        (USERS, {"a": FULL, "b": FULL[:, :1]}, "lists of b"),
        (USERS, {"a": np.array([[-1, 1], [1, 2], [2, 3]])}, "empty slot before a product"),
    ],
)
def test_lists_that_do_not_align_are_refused(users, lists, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_lists(users, lists)


def test_blocks_cover_every_user_once() -> None:
    n = 2 * USERS_PER_BLOCK + 5
    rows = [np.arange(n)[block] for _, block in blocks(n)]
    assert [shard for shard, _ in blocks(n)] == [0, 1, 2]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(n))


def test_what_is_not_a_number_becomes_absent() -> None:
    table = report_table("truth", [{"model": "als", "metric": "ctr", "value": 0.5}])
    assert table.to_pylist() == [{"model": "als", "metric": "ctr", "value": 0.5}]
    row = dict.fromkeys(("model_a", "model_b"), "x") | {"p_value": 1.0, "p_adjusted": 1.0}
    table = report_table(
        "interleaving_preferences",
        [row | {"n_users": 0, "preference": float("nan"), "ci_low": None, "ci_high": None}],
    )
    assert table["preference"].null_count == 1


@pytest.mark.parametrize("name", ["truth", "method_scorecard"])
def test_a_report_without_rows_keeps_its_columns(name: str) -> None:
    table = report_table(name, [])
    assert table.schema == TABLES[name].arrow_schema and table.num_rows == 0
