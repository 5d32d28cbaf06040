"""The whole graph on a real shop's log, with the ready configuration."""

import dagster as dg
import pytest
import yaml

from recolab_assets.config import ROOT, load_config
from recolab_assets.definitions import build_definitions
from recolab_assets.shop.portrait import ProductLog, portrait
from recolab_assets.storage import Database
from recolab_assets.twin import read_log
from tests.small_lab import Lab


@pytest.fixture(scope="module")
def retail(real_log, tmp_path_factory):
    """The laboratory of UCI Online Retail II, run once."""
    folder = tmp_path_factory.mktemp("online_retail")
    path = ROOT / "config" / "online_retail.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["source"]["directory"] = str(real_log("online_retail_ii"))
    values["storage"]["database"] = str(folder / "lab.duckdb")
    lab = Lab(folder, values)
    lab.config_path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return lab, lab.run()


pytestmark = pytest.mark.slow


def test_every_asset_is_written_and_every_blocking_check_holds(retail):
    lab, result = retail
    assert result.success
    written = {event.asset_key for event in result.get_asset_materialization_events()}
    defined = build_definitions(lab.config_path).resolve_asset_graph().get_all_asset_keys()
    assert written == set(defined)
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert all(check.severity == dg.AssetCheckSeverity.WARN for check in failed)
    assert not any(check.blocking for check in failed)


def test_what_was_dropped_is_counted_as_the_source_documents_it(retail):
    report = retail[0].query(
        "SELECT finding, n_matched, n_rows FROM raw.import_report WHERE kind = 'step' ORDER BY step"
    )
    counts = [(matched, rows) for _, matched, rows in report]
    assert counts == [
        (1_067_370, 1_067_370),  # lines of the two sheets
        (22_523, 22_523),  # in both of them
        (235_287, 235_287),  # guests
        (5_991, 3_672),  # no products
        (6_029, 60),  # free of charge
        (11_814, 11_667),  # twice in an invoice
        (22_558, 17_586),  # returned
        (776_575, 776_575),  # kept
    ]


def test_what_the_log_lacks_is_absent(retail):
    lab = retail[0]
    assert lab.scalar("SELECT count(*) FROM raw.editorial") == 0
    assert lab.scalar("SELECT count(brand) + count(price_tier) FROM raw.products") == 0
    assert lab.scalar("SELECT count(signed_up_at) FROM raw.users") == 0
    for table in ("truth", "method_scorecard", "counterfactual_report"):
        assert lab.scalar(f"SELECT count(*) FROM experiments.{table}") == 0


def test_best_sellers_are_hard_to_beat_with_new_products(retail):
    # The finding that a lab must not hide; independent code has .081 for the last 28 days' best
    # sellers and .065 for ALS among customers and products known in training.
    ndcg = dict(
        retail[0].query(
            "SELECT model, value FROM evaluation.offline_metrics WHERE metric = 'ndcg' AND k = 10"
        )
    )
    assert ndcg["popularity"] == pytest.approx(0.089, abs=0.005)
    assert ndcg["als"] == pytest.approx(0.077, abs=0.005)
    assert ndcg["popularity"] > max(ndcg["als"], ndcg["item_cf"], ndcg["content_based"])


def test_buying_again_beats_every_model_where_repeats_count(retail):
    # Independent code has .312 for the user's own products and .188 for ALS among customers and
    # products known in training, with ties and settings of its own.
    verdicts = {
        row[0]: row[1:]
        for row in retail[0].query(
            "SELECT products, best, runner_up, is_decided, value, best_model, as_good, sentence"
            " FROM evaluation.shop_verdict"
        )
    }
    best, _, is_decided, value, best_model, as_good, sentence = verdicts["all"]
    assert (best, is_decided, as_good) == ("buy_again", True, [])
    assert value == pytest.approx(0.305, abs=0.01)
    assert best_model in ("als", "hybrid")
    assert sentence.startswith("When every product counts, buy it again did best: NDCG@10 0.3")
    assert verdicts["repeat"][0] == "buy_again" and verdicts["repeat"][2] is True
    # With new products best sellers, the last weeks' or the category's, are as good as any model.
    best, runner_up, is_decided, _, _, as_good, _ = verdicts["new"]
    assert is_decided is False
    assert {"recent_popularity", "category_popularity"} <= {best, runner_up, *as_good}
    assert {"als", "item_cf", "content_based"}.isdisjoint({best, runner_up, *as_good})


def test_buying_again_is_best_at_every_cut(retail):
    rows = retail[0].query(
        "SELECT products, n_best, n_cuts, standard_deviation FROM evaluation.rolling_summary"
        " WHERE model = 'buy_again' AND metric = 'ndcg' AND k = 10"
    )
    assert [(products, n_best, n_cuts) for products, n_best, n_cuts, _ in rows] == [
        ("all", 3, 3),
        ("repeat", 3, 3),
    ]
    assert all(0 < deviation < 0.05 for *_, deviation in rows)


def test_the_portrait_is_the_one_that_was_published(retail):
    # Figures of independent code; its events per user, 53 and 135, count lines that repeat within
    # an invoice, which the import drops.
    log = ProductLog.of(*read_log(Database(retail[0].database_path)))
    published = {
        "events per user, median": 52,
        "events per user, mean": 132.7,
        "product Gini": 0.66,
        "share of top 1% of products": 0.11,
        "share of top 10% of products": 0.50,
        "users per product by rank: slope, top 10% of ranks": -0.31,
        "users per product by rank: slope, 10–50%": -1.03,
        "events of a user's day, median": 17,
        "events of a user's day, p90": 51,
        "events of a user's day, p95": 68,
        "pairs repeated on another day": 0.25,
        "share in top category": 0.38,
        "share in top category, by chance": 0.28,
        "products new this month, share of active": 0.03,
        "top-100 overlap from month to month": 0.70,
    }
    found = portrait(log)
    assert {name: found[name] for name in published} == pytest.approx(
        published, abs=0.0051, rel=1e-3
    )


def test_clicks_are_those_that_the_hold_out_holds(retail):
    lab = retail[0]
    assert load_config(lab.config_path).experiment.response_model == "replay"
    clicked = lab.scalar("SELECT count(*) FROM experiments.ab_exposures WHERE clicked")
    replayed = lab.scalar(
        """
        SELECT count(*) FROM experiments.ab_exposures e
        SEMI JOIN processed.test_interactions t
            ON e.user_id = t.user_id AND e.product_id = t.item_id
        """
    )
    assert clicked == replayed > 0
