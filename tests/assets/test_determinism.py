"""The same configuration and seed give the same tables, row for row; another seed gives others."""

import dagster as dg
import duckdb
import pytest

from recolab_assets.tables import TABLES
from tests.small_lab import Lab


def rows_that_differ(one: Lab, other: Lab, table: str) -> int:
    """Compare two databases row by row, in the order in which the rows are stored."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{one.database_path}' AS one (READ_ONLY)")
        connection.execute(f"ATTACH '{other.database_path}' AS other (READ_ONLY)")
        [[count]] = connection.execute(
            f"SELECT count(*) FROM one.{table} x POSITIONAL JOIN other.{table} y"
            " WHERE x IS DISTINCT FROM y"
        ).fetchall()
    return int(count)


REPRODUCIBLE = [table for table in TABLES.values() if table.reproducible]


@pytest.mark.parametrize("table", REPRODUCIBLE, ids=lambda table: table.name)
def test_two_runs_give_identical_tables(lab, watched_run, table):
    again, _ = watched_run
    assert lab.scalar(f"SELECT count(*) FROM {table.qualified_name}") > 0
    assert rows_that_differ(lab, again, table.qualified_name) == 0


def test_another_seed_gives_another_shop(lab, tmp_path):
    other = Lab.create(tmp_path, data={**lab.values["data"], "random_seed": 43})
    needed = dg.AssetSelection.assets("recommendations").upstream()
    other.run(needed - dg.AssetSelection.all_asset_checks())
    for table in (
        "raw.users",
        "raw.products",
        "raw.editorial",
        "raw.interactions",
        "models.als_item_factors",
        "recommendations.recommendations",
    ):
        n_rows = other.scalar(f"SELECT count(*) FROM {table}")
        assert rows_that_differ(lab, other, table) > n_rows / 2, table
