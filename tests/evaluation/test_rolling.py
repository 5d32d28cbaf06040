"""Rolling evaluation: what is summed up over cuts."""

import statistics
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.evaluation.rolling import Cut, cut_metrics, rolling_summary_table
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


def cut_of(seen: list[int], wanted: list[int]) -> Cut:
    """Two products; the one user had some before the cut and comes for some after it."""
    pairs = pa.table(
        {
            "user_id": pa.array([0] * len(seen), pa.int32()),
            "product_id": pa.array(seen, pa.int32()),
            "weight": pa.array([1.0] * len(seen), pa.float32()),
        }
    )
    later = {
        "user_id": pa.array([0] * len(wanted), pa.int32()),
        "item_id": pa.array(wanted, pa.int32()),
        "item_type": pa.array(["product"] * len(wanted), pa.string()),
    }
    popularity = pa.table({"product_id": [0, 1], "score": [2.0, 1.0]})
    return Cut(2, datetime(2024, 6, 1), pairs, pairs, popularity, pa.table(later))


@pytest.mark.parametrize(
    ("seen", "wanted", "kinds"),
    [
        ([1], [1], {"all", "repeat"}),
        ([1], [0], {"all", "new"}),
        ([], [0], {"all", "new"}),
        ([0], [], set()),
        ([], [], set()),
    ],
)
def test_one_user_of_two_products(make_config, seen, wanted, kinds) -> None:
    config = make_config(model={"als_factors": 2, "als_iterations": 1})
    products = pa.table({"product_id": [0, 1], "category": ["a", "a"]})
    table = cut_metrics(cut_of(seen, wanted), products, 1, config)
    assert table.schema == TABLES["rolling_metrics"].arrow_schema
    rows = table.to_pylist()
    assert {row["products"] for row in rows} == kinds
    # Both products are in every list, so what is wanted is found.
    assert all(row["value"] == 1 for row in rows if row["metric"] == "hit_rate")
    assert all((row["cut"], row["n_users"]) == (2, 1) for row in rows)
    # The list of own products is filled up; without any there is none of its own.
    again = {row["products"]: row["value"] for row in rows if _is_mrr_of(row, "buy_again")}
    first = 1.0 if wanted == seen else 0.5
    assert again == (dict.fromkeys(kinds - {"new"}, first) if seen else {})


def _is_mrr_of(row: dict[str, object], model: str) -> bool:
    return (row["model"], row["metric"], row["k"]) == (model, "mrr", 10)
