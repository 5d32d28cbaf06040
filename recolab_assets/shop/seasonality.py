"""The seasons of a shop: how each category rises and falls over the months of the log."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.config import ShopConfig
from recolab_assets.shop.taxonomy import seasonal_weights, taxonomy_of
from recolab_assets.tables import TABLES


def seasonality(monthly: pa.Table, log_days: pa.Table, shop: ShopConfig | None) -> pa.Table:
    """Return the seasonal curve of each category, as it turned out and as it was specified.

    Both are relative to their mean day, 1: months differ in length, and the first and last may lie
    in the log only in part.

    Args:
        monthly: Columns category, month (its first day) and n_events, product events.
        log_days: One row, first_day and last_day of the log; absent in a log without events.
        shop: The synthetic shop; None for a log, whose seasons nobody has specified.

    Returns:
        Rows of the table seasonality, by category and month.
    """
    [days] = log_days.to_pylist()
    months = _months(days["first_day"], days["last_day"]) if monthly.num_rows else {}
    events: dict[str, dict[date, int]] = {}
    for row in monthly.to_pylist():
        events.setdefault(row["category"], {})[row["month"]] = row["n_events"]
    specified = {} if shop is None or not months else _specified(shop, months)
    rows: list[dict[str, Any]] = []
    for category, by_month in sorted(events.items()):
        mean = sum(by_month.values()) / sum(months.values())
        curve = specified.get(category)
        for number, (month, n_days) in enumerate(months.items()):
            rows.append(
                {
                    "category": category,
                    "month": month,
                    "n_days": n_days,
                    "events_per_day": by_month.get(month, 0) / n_days,
                    "realised": by_month.get(month, 0) / n_days / mean,
                    "specified": None if curve is None else curve[number],
                }
            )
    return pa.Table.from_pylist(rows, schema=TABLES["seasonality"].arrow_schema)


def _months(first_day: date, last_day: date) -> dict[date, int]:
    """Return the months of a log, each with the number of its days that lie in the log."""
    months: dict[date, int] = {}
    for number in range((last_day - first_day).days + 1):
        month = (first_day + timedelta(number)).replace(day=1)
        months[month] = months.get(month, 0) + 1
    return months


def _specified(shop: ShopConfig, days: Mapping[date, int]) -> dict[str, list[float]]:
    """Return the specified weight of each month by category, its mean over all days being 1."""
    if not shop.seasonality.enabled:
        return {}
    taxonomy = taxonomy_of(shop)
    names = [category.name for category in taxonomy]
    first = min(days)
    weights = seasonal_weights(names, taxonomy, first.month, len(days))
    means = weights @ np.array(list(days.values())) / sum(days.values())
    return dict(zip(names, (weights / means[:, None]).tolist(), strict=True))
