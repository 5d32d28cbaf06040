"""Rolling evaluation: what is summed up over cuts."""

import statistics

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.evaluation.rolling import rolling_summary_table
from recolab_assets.tables import TABLES

VALUES = {
    ("als", "all"): [0.2, 0.3, 0.1],
    ("buy_again", "all"): [0.2, 0.1, 0.4],
    ("als", "repeat"): [0.5],
}


@pytest.fixture(scope="module")
def rolling() -> pa.Table:
    rows = [
        {
            "cut": cut,
            "cut_at": np.datetime64("2024-06-01", "us") - np.timedelta64(28 * cut, "D"),
            "model": model,
            "products": products,
            "metric": "ndcg",
            "k": 10,
            "value": value,
            "n_users": 7,
        }
        for (model, products), values in VALUES.items()
        for cut, value in enumerate(values, start=1)
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["rolling_metrics"].arrow_schema)


def test_the_summary_is_the_mean_and_the_spread_over_cuts(rolling: pa.Table) -> None:
    table = rolling_summary_table(rolling)
    assert table.schema == TABLES["rolling_summary"].arrow_schema
    found = {(row["model"], row["products"]): row for row in table.to_pylist()}
    assert list(found) == list(VALUES)
    for key, values in VALUES.items():
        row = found[key]
        assert row["n_cuts"] == len(values)
        assert row["mean"] == pytest.approx(statistics.mean(values))
        assert (row["lowest"], row["highest"]) == (min(values), max(values))
        if len(values) > 1:
            assert row["standard_deviation"] == pytest.approx(statistics.stdev(values))
    assert found["als", "repeat"]["standard_deviation"] is None
    # A tie is won by both.
    assert [row["n_best"] for row in found.values()] == [2, 2, 1]


def test_no_cuts_give_no_summary(rolling: pa.Table) -> None:
    assert rolling_summary_table(rolling.slice(0, 0)).num_rows == 0
