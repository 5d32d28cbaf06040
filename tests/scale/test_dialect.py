"""SELECTs in Spark's SQL; that they give the same rows is tested where Spark runs."""

import pytest

from recolab_assets.scale.dialect import to_spark
from recolab_assets.sql import Select


def spark(sql: str, params=()) -> str:
    return to_spark(Select(sql, params)).sql


def test_tables_become_views_that_columns_are_still_qualified_by():
    found = to_spark(Select("SELECT users.a, t.b FROM raw.users, raw.things AS t"))
    assert found.sql == ("SELECT users.a, t.b FROM raw__users AS users, raw__things AS t")
    assert found.tables == {("raw", "users"): "raw__users", ("raw", "things"): "raw__things"}


def test_placeholders_keep_their_names():
    assert spark("SELECT $k::DOUBLE AS k", {"k": 1.0}) == "SELECT CAST(:k AS DOUBLE) AS k"
    with pytest.raises(TypeError, match="names"):
        spark("SELECT ?", [1])


@pytest.mark.parametrize(
    ("duckdb", "expected"),
    [
        ("a + to_days(2)", "a + MAKE_DT_INTERVAL(2)"),
        ("epoch_us(a)", "UNIX_MICROS(CAST(a AS TIMESTAMP_LTZ))"),
        ("date_trunc('day', max(a))", "CAST(DATE_TRUNC('DAY', MAX(a)) AS TIMESTAMP_NTZ)"),
        ("0.5 ** a", "LAB_POWER(CAST(0.5 AS DOUBLE), CAST(a AS DOUBLE))"),
        ("sum(a)", "SUM(a)"),
        ("a // 4", "a DIV 4"),
    ],
)
def test_what_the_dialects_write_otherwise(duckdb, expected):
    assert spark(f"SELECT {duckdb} AS x FROM t") == f"SELECT {expected} AS x FROM t"


def test_sums_in_order_go_through_a_sorted_list():
    found = spark("SELECT sum(a * b ORDER BY i) FILTER (a > 0) AS x FROM t")
    assert found == (
        "SELECT AGGREGATE(ARRAY_SORT(COLLECT_LIST(NAMED_STRUCT('key', i, 'value', a * b))"
        " FILTER(WHERE a > 0 AND NOT (a * b) IS NULL)), CAST(NULL AS DOUBLE),"
        " (total, pair) -> COALESCE(total, CAST(0 AS DOUBLE)) + pair.value) AS x FROM t"
    )
