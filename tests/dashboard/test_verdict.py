"""The verdict: which model is named, how sure it is said to be, and on what evidence."""

import pandas as pd
import pytest

from dashboard.verdict import decide


@pytest.fixture
def verdict_of(results):
    """Return a function that decides on the results as they have been changed."""

    def decided():
        frames = {name: pd.DataFrame(rows) for name, rows in results.items()}
        offline, pairs = frames["offline_metrics"], frames["model_comparisons"]
        return decide(
            ab_report=frames["ab_report"].rename(columns={"arm": "model"}),
            guardrails=frames["guardrails"],
            offline=offline[offline["k"] == 10],
            k=10,
            interleaving=frames["interleaving_report"],
            preferences=frames["interleaving_preferences"],
            differences=pairs[pairs["k"] == 10],
            truth=pd.DataFrame(results["truth"], columns=["model", "metric", "value"]),
        )

    return decided


def arm(results, model):
    return next(row for row in results["ab_report"] if row["arm"] == model)


def test_best_click_rate_is_shipped_and_clear_when_its_interval_stands_apart(verdict_of):
    verdict = verdict_of()
    assert (verdict.model, verdict.sure) == ("hybrid", "clear")
    assert "Ship Hybrid" in verdict.headline
    assert "60.0% higher than Popularity's" in verdict.headline
    assert "+48.0% to +73.0%" in verdict.headline
    assert "p < 0.001" in verdict.headline


def test_overlap_is_likely_when_the_paired_offline_comparison_settles_it(verdict_of, results):
    arm(results, "als")["ctr_uplift_high"] = 0.50
    verdict = verdict_of()
    assert (verdict.model, verdict.sure) == ("hybrid", "likely")
    assert "overlaps that of ALS, but on the same users its offline NDCG@10" in verdict.headline


def test_overlap_is_open_when_nothing_settles_it(verdict_of, results):
    arm(results, "als")["ctr_uplift_high"] = 0.50
    for row in results["model_comparisons"]:
        row["ci_high"] = 0.01
    verdict = verdict_of()
    assert (verdict.model, verdict.sure) == ("hybrid", "open")
    assert "overlaps that of ALS: their order is not settled" in verdict.headline


def test_a_model_that_breaks_a_guardrail_is_passed_over_and_named(verdict_of, results):
    results["guardrails"][2]["passed"] = False
    verdict = verdict_of()
    assert verdict.model == "als"
    assert "Hybrid did better there but broke a guardrail" in verdict.headline


def test_the_control_stays_when_nothing_beats_it(verdict_of, results):
    for row in results["ab_report"]:
        row["significant"] = False
    verdict = verdict_of()
    assert (verdict.model, verdict.sure) == ("popularity", "open")
    assert verdict.headline.startswith("Keep Popularity")
    assert "Popularity itself breaks a guardrail" in verdict.headline


def test_a_significantly_worse_model_is_never_shipped(verdict_of, results):
    for model in ("als", "hybrid"):
        arm(results, model).update(ctr_uplift=-0.2, ctr_uplift_low=-0.3, ctr_uplift_high=-0.1)
    assert verdict_of().model == "popularity"


def test_evidence_names_what_each_way_puts_first_and_whether_it_agrees(verdict_of):
    found = {evidence.source: evidence for evidence in verdict_of().evidence}
    assert {name: (e.model, e.agrees) for name, e in found.items()} == {
        "A/B test": ("hybrid", True),
        "Offline": ("hybrid", True),
        "Interleaving": ("als", False),
        "Truth": ("hybrid", True),
    }
    assert "0.1800 (interval 0.1700 to 0.2000, 500 users)" in found["Offline"].sentence
    assert "settled against 1 of 2 models" in found["Interleaving"].sentence


def test_a_way_that_found_nothing_is_left_out(verdict_of, results):
    for row in results["interleaving_report"]:
        row["is_winner"] = False
    for row in results["ab_report"]:
        row.update(ctr=float("nan"), significant=False)
    assert [evidence.source for evidence in verdict_of().evidence] == ["Offline", "Truth"]


def test_a_real_log_has_no_truth_among_its_evidence(verdict_of, results):
    results["truth"] = []
    assert [evidence.source for evidence in verdict_of().evidence] == [
        "A/B test",
        "Offline",
        "Interleaving",
    ]
