"""The whole graph on each real shop that a configuration is ready for."""

import dagster as dg
import pandas as pd
import pytest
import yaml

from recolab_assets.config import ROOT
from recolab_assets.definitions import build_definitions
from recolab_assets.models import MODELS
from tests.small_lab import Lab

FOLDERS = {
    "complete_journey": "complete_journey_sample",
    "ms_store": "ms_store",
    "movielens": "movielens_latest_small",
    "open_bandit": "open_bandit_small",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=FOLDERS)
def run(request, real_log, tmp_path_factory):
    """Name, folder of the log, laboratory and result of one configuration."""
    log = real_log(FOLDERS[request.param])
    folder = tmp_path_factory.mktemp(request.param)
    path = ROOT / "config" / f"{request.param}.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["source"]["directory"] = str(log)
    values["storage"]["database"] = str(folder / "lab.duckdb")
    lab = Lab(folder, values)
    lab.config_path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return request.param, log, lab, lab.run()


def counted(name, log):
    """Users, products and events, counted with pandas."""
    if name == "ms_store":
        rows = pd.read_csv(log / "demoUsage.csv", header=None, names=["user", "item", "at"])
        rows = rows.drop_duplicates()
        items = set(pd.read_csv(log / "demoCatalog.csv", header=None)[0])
        return rows["user"].nunique(), len(items | set(rows["item"])), len(rows)
    file = "impressions.parquet" if name == "open_bandit" else "interactions.parquet"
    rows = pd.read_parquet(log / file)
    if name == "complete_journey":
        rows = rows[rows["quantity"] > 0]
    elif name == "movielens":
        rows = rows[rows["value"] >= 4]
    else:
        rows = rows[(rows["policy"] == "random") & (rows["click"] == 1)]
    user = "user_segment" if name == "open_bandit" else "user_id"
    items = set(pd.read_parquet(log / "items.parquet")["item_id"]) | set(rows["item_id"])
    return rows[user].nunique(), len(items), len(rows)


def test_every_asset_is_written_and_every_blocking_check_holds(run):
    _, _, lab, result = run
    assert result.success
    written = {event.asset_key for event in result.get_asset_materialization_events()}
    defined = build_definitions(lab.config_path).resolve_asset_graph().get_all_asset_keys()
    assert written == set(defined)
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert all(check.severity == dg.AssetCheckSeverity.WARN for check in failed)


def test_users_products_and_events_are_those_of_the_files(run):
    name, log, lab, _ = run
    tables = ("users", "products", "interactions")
    found = tuple(lab.scalar(f"SELECT count(*) FROM raw.{table}") for table in tables)
    assert found == counted(name, log)


def test_every_model_is_measured_on_somebody(run):
    _, _, lab, _ = run
    rows = lab.query(
        "SELECT model, value FROM evaluation.offline_metrics WHERE metric = 'hit_rate' AND k = 10"
    )
    assert {model for model, _ in rows} == set(MODELS)
    assert all(0 < value < 1 for _, value in rows)
