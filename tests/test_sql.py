"""SELECTs that read other SELECTs."""

import duckdb
import pytest

from recolab_assets.sql import Select


def test_a_select_reads_another_in_place_of_a_table() -> None:
    source = Select("SELECT range AS n FROM range($most)", {"most": 10})
    evens = Select("SELECT sum(n) FROM some.numbers WHERE n % $step = 0", {"step": 2})
    combined = evens.over("some.numbers", source)
    assert combined.params == {"most": 10, "step": 2}
    assert duckdb.sql(combined.sql, params=combined.params).fetchall() == [(20,)]


def test_both_may_bind_the_same_value() -> None:
    source = Select("SELECT range AS n FROM range($most)", {"most": 10})
    combined = Select("SELECT n + $most FROM t", {"most": 10}).over("t", source)
    assert combined.params == {"most": 10}


@pytest.mark.parametrize(
    ("select", "source", "message"),
    [
        (Select("SELECT 1"), Select("SELECT 2"), "does not read t.n"),
        (Select("FROM t.n", {"a": 1}), Select("SELECT $a", {"a": 2}), "different values to a"),
        (Select("FROM t.n", [1]), Select("SELECT 2"), "placeholders with names"),
    ],
)
def test_what_cannot_be_combined_is_refused(select, source, message) -> None:
    with pytest.raises(ValueError, match=message):
        select.over("t.n", source)
