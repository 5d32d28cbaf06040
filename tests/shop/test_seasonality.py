"""Seasonal curves: relative to the mean day, beside the specified ones where there are such."""

from datetime import date

import pyarrow as pa
import pytest

from recolab_assets.config import ShopConfig
from recolab_assets.shop.seasonality import seasonality
from recolab_assets.shop.taxonomy import CATEGORIES, seasonal_curve
from recolab_assets.tables import TABLES


def log_days(first: date | None, last: date | None) -> pa.Table:
    schema = pa.schema([("first_day", pa.date32()), ("last_day", pa.date32())])
    return pa.Table.from_pylist([{"first_day": first, "last_day": last}], schema)


def monthly(*rows: tuple[str, date, int]) -> pa.Table:
    names = ("category", "month", "n_events")
    schema = pa.schema(
        [("category", pa.string()), ("month", pa.date32()), ("n_events", pa.int64())]
    )
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)


def test_months_that_lie_in_the_log_in_part_count_by_their_days():
    rows = seasonality(
        monthly(("tea", date(2024, 1, 1), 20), ("tea", date(2024, 3, 1), 10)),
        log_days(date(2024, 1, 30), date(2024, 3, 10)),
        None,
    )
    assert rows.schema == TABLES["seasonality"].arrow_schema
    found = rows.to_pylist()
    assert [(r["month"].month, r["n_days"]) for r in found] == [(1, 2), (2, 29), (3, 10)]
    assert [r["events_per_day"] for r in found] == [10, 0, 1]
    mean = 30 / 41
    assert [r["realised"] for r in found] == pytest.approx([10 / mean, 0, 1 / mean])
    assert all(r["specified"] is None for r in found)


def test_specified_weights_are_those_of_the_taxonomy_over_their_mean_day():
    toys = next(category for category in CATEGORIES if category.name == "toys")
    rows = seasonality(
        monthly(("toys", date(2024, 11, 1), 5), ("unknown", date(2024, 12, 1), 5)),
        log_days(date(2024, 11, 1), date(2025, 1, 31)),
        ShopConfig(start=date(2024, 11, 1), months=3),
    ).to_pylist()
    curve = seasonal_curve(toys)[[10, 11, 0]]
    mean = curve @ [30, 31, 31] / 92
    found = {(r["category"], r["month"]): r["specified"] for r in rows}
    months = [date(2024, 11, 1), date(2024, 12, 1), date(2025, 1, 1)]
    assert [found["toys", month] for month in months] == pytest.approx((curve / mean).tolist())
    assert found["unknown", months[0]] is None


def test_a_shop_whose_seasons_are_switched_off_has_none_specified():
    shop = ShopConfig.model_validate({"seasonality": {"enabled": False}})
    rows = seasonality(
        monthly(("toys", date(2024, 1, 1), 5)), log_days(date(2024, 1, 1), date(2024, 1, 2)), shop
    )
    assert rows["specified"].to_pylist() == [None]
    assert rows["realised"].to_pylist() == [1.0]


def test_a_log_without_events_has_no_seasons():
    assert seasonality(monthly(), log_days(None, None), ShopConfig()).num_rows == 0
