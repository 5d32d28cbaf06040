"""The A/B test from exposure to report."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import stats

from recolab_assets.experiments.ab_test import (
    ab_exposures,
    ab_report,
    shown_and_clicked,
    user_outcomes,
)
from recolab_assets.experiments.assignment import assign_arms
from recolab_assets.experiments.response import HoldoutReplay, SessionDepth, expected_outcomes
from recolab_assets.tables import TABLES

DEPTH = SessionDepth(1.64, 2.0, 50.0)


def _log(rows: list[tuple[int, str, int, int, bool, bool]]) -> pa.Table:
    names = ("user_id", "arm", "position", "product_id", "clicked", "purchased")
    return pa.Table.from_pylist(
        [
            dict(zip(names, row, strict=True)) | {"propensity": 1.0, "shown_on": date(2024, 12, 1)}
            for row in rows
        ],
        schema=TABLES["ab_exposures"].arrow_schema,
    )


@pytest.fixture(scope="module")
def exposures(shop) -> pa.Table:
    return ab_exposures(shop.users, shop.days, shop.lists, shop.shoppers, salt="s", seed=1)


def _report(shop, exposures, **changed):
    arguments = {"control": "popularity", "alpha": 0.05, "seed": 1} | changed
    seed = arguments.pop("seed")
    outcomes = user_outcomes(exposures, list(shop.lists), shop.depth, seed)
    return ab_report(outcomes, list(shop.lists), **arguments)


def _test_of(log: pa.Table, arms: list[str]) -> pa.Table:
    return ab_report(user_outcomes(log, arms, DEPTH, 1), arms, control=arms[0], alpha=0.05)


def test_each_user_sees_the_list_of_the_assigned_arm(shop, exposures) -> None:
    assert exposures.schema == TABLES["ab_exposures"].arrow_schema
    frame = exposures.to_pandas()
    arms = np.array(list(shop.lists))[assign_arms(shop.users, 4, "s")]
    assert frame.groupby("user_id")["arm"].agg(["nunique", "first"]).eval("nunique == 1").all()
    assert (frame.groupby("user_id")["arm"].first().to_numpy() == arms).all()
    expected = [shop.lists[arm][row] for row, arm in enumerate(arms)]
    shown = frame.sort_values(["user_id", "position"])["product_id"].to_numpy()
    np.testing.assert_array_equal(shown.reshape(-1, 6), expected)
    assert (frame["propensity"] == 1).all()
    days = frame.groupby("user_id")["shown_on"].agg(["nunique", "first"])
    assert (days["nunique"] == 1).all()
    np.testing.assert_array_equal(days["first"].to_numpy(np.datetime64), shop.days)


def test_purchases_follow_clicks(exposures) -> None:
    assert pc.sum(pc.and_not(exposures["purchased"], exposures["clicked"])).as_py() == 0
    assert 0 < pc.sum(exposures["purchased"]).as_py() < pc.sum(exposures["clicked"]).as_py()


def test_same_seed_same_log_and_another_seed_or_salt_another(shop, exposures) -> None:
    def run(salt: str, seed: int) -> pa.Table:
        return ab_exposures(shop.users, shop.days, shop.lists, shop.shoppers, salt=salt, seed=seed)

    assert run("s", 1).equals(exposures)
    assert run("s", 2)["arm"].equals(exposures["arm"])
    assert not run("s", 2)["clicked"].equals(exposures["clicked"])
    assert not run("t", 1)["arm"].equals(exposures["arm"])


def test_users_are_shown_in_blocks_without_a_seam(shop, exposures, monkeypatch) -> None:
    monkeypatch.setattr("recolab_assets.experiments.arrays.USERS_PER_BLOCK", 700)
    blocked = ab_exposures(shop.users, shop.days, shop.lists, shop.shoppers, salt="s", seed=1)
    what = ["user_id", "arm", "position", "product_id"]
    assert blocked.select(what).equals(exposures.select(what))
    rate = pc.mean(blocked["clicked"].cast(pa.int8())).as_py()
    assert rate == pytest.approx(pc.mean(exposures["clicked"].cast(pa.int8())).as_py(), rel=0.15)


def test_empty_slots_are_no_impressions(shop) -> None:
    lists = {"popularity": shop.lists["popularity"].copy()}
    lists["popularity"][0] = -1
    lists["popularity"][1, 2:] = -1
    log = ab_exposures(shop.users, shop.days, lists, shop.shoppers, salt="s", seed=1)
    impressions = log.to_pandas().groupby("user_id").size()
    assert shop.users[0] not in impressions.index
    assert impressions[shop.users[1]] == 2
    report = _test_of(log, ["popularity"])
    assert report["n_users"].to_pylist() == [shop.users.size - 1]


def test_click_rates_agree_with_their_expected_values(shop, exposures) -> None:
    arms = assign_arms(shop.users, 4, "s")
    for number, row in enumerate(_report(shop, exposures).to_pylist()):
        mine = arms == number
        outcome = expected_outcomes(
            shop.shoppers, shop.users[mine], shop.lists[row["arm"]][mine], shop.depth
        )
        error = np.sqrt(outcome.ctr / row["impressions"])
        assert row["ctr"] == pytest.approx(outcome.ctr, abs=4 * error)
        assert row["purchase_rate"] == pytest.approx(outcome.purchase_rate, abs=4 * error)


def test_report_sums_the_log(shop, exposures) -> None:
    report = _report(shop, exposures)
    assert report.schema == TABLES["ab_report"].arrow_schema
    frame = exposures.to_pandas()
    for row in report.to_pylist():
        mine = frame[frame["arm"] == row["arm"]]
        assert row["n_users"] == mine["user_id"].nunique()
        assert row["impressions"] == len(mine)
        assert row["clicks"] == mine["clicked"].sum()
        assert row["purchases"] == mine["purchased"].sum()
        assert row["ctr"] == pytest.approx(mine["clicked"].mean())
        rates = mine.groupby("user_id")["clicked"].mean()
        depth = shop.depth.draw(rates.index.to_numpy(), rates.to_numpy(), seed=1)
        assert row["session_depth"] == pytest.approx(depth.mean())


def test_report_says_what_scipy_says(shop, exposures) -> None:
    frame = exposures.to_pandas()
    clicks = {
        arm: users.groupby("user_id")["clicked"].sum().to_numpy()
        for arm, users in frame.groupby("arm")
    }
    rows = {row["arm"]: row for row in _report(shop, exposures).to_pylist()}
    for arm in ("weak", "strong", "good"):
        row, control = rows[arm], clicks["popularity"]
        assert row["p_mann_whitney"] == pytest.approx(
            stats.mannwhitneyu(clicks[arm] / 6, control / 6).pvalue
        )
        # All lists are of one length, so the ratio of sums is a mean by user.
        welch = stats.ttest_ind(clicks[arm], control, equal_var=False).pvalue
        assert row["p_value"] == pytest.approx(welch, rel=1e-6)
        assert row["ctr_uplift"] == pytest.approx(row["ctr"] / rows["popularity"]["ctr"] - 1)
        assert row["ctr_uplift_low"] < row["ctr_uplift"] < row["ctr_uplift_high"]
        assert row["significant"] == (row["p_adjusted"] < 0.05)
        assert row["p_adjusted"] >= row["p_value"]
    control_row = rows["popularity"]
    assert control_row["is_control"] and not control_row["significant"]
    absent = ("ctr_uplift", "ctr_uplift_low", "ctr_uplift_high", "p_value", "p_mann_whitney")
    assert all(control_row[column] is None for column in absent)
    best = max(rows.values(), key=lambda row: row["ctr"])
    assert [row["arm"] for row in rows.values() if row["is_best"]] == [best["arm"]]


def test_better_arm_is_found(shop, exposures) -> None:
    strong = {row["arm"]: row for row in _report(shop, exposures).to_pylist()}["strong"]
    assert strong["significant"] and strong["ctr_uplift"] > 0 and strong["is_best"]


def test_any_arm_may_be_control(shop, exposures) -> None:
    report = _report(shop, exposures, control="good").to_pylist()
    assert [row["is_control"] for row in report] == [False, False, False, True]
    assert report[0]["p_value"] is not None and report[3]["p_value"] is None


def test_arms_without_users_or_clicks_leave_gaps_not_errors() -> None:
    rows = [(user, "a", 1, 5, False, False) for user in range(3)]
    rows += [(user, "b", 1, 5, user == 4, False) for user in range(3, 7)]
    report = _test_of(_log(rows), ["a", "b", "c"]).to_pylist()
    assert [row["n_users"] for row in report] == [3, 4, 0]
    assert report[1]["ctr"] == 0.25 and report[1]["is_best"]
    assert report[1]["ctr_uplift"] is None  # over a control without clicks
    assert report[2]["ctr"] is None and report[2]["session_depth"] is None
    assert report[2]["p_value"] is None and not report[2]["significant"]


def test_nobody_is_best_without_a_click_and_an_empty_log_is_reported() -> None:
    silent = _log([(0, "a", 1, 5, False, False), (1, "b", 1, 5, False, False)])
    for log in (silent, _log([])):
        report = _test_of(log, ["a", "b"])
        assert report["is_best"].to_pylist() == [False, False]


def test_a_control_alone_has_nothing_to_compare() -> None:
    log = _log([(0, "a", 1, 5, True, False), (1, "a", 1, 5, False, False)])
    assert _test_of(log, ["a"])["is_best"].to_pylist() == [True]


def test_broken_logs_are_refused() -> None:
    twice = _log([(0, "a", 1, 5, False, False), (0, "b", 2, 6, False, False)])
    with pytest.raises(ValueError, match="two arms"):
        shown_and_clicked(twice, ["a", "b"])
    with pytest.raises(ValueError, match="unknown arms"):
        shown_and_clicked(twice, ["a"])


def test_replay_clicks_are_those_of_the_log(shop) -> None:
    users = np.repeat(shop.users[:500], 6)
    products = shop.lists["strong"][:500].ravel()
    replay = HoldoutReplay.from_events(users, products, np.arange(users.size) % 2 == 0)
    log = ab_exposures(
        shop.users, shop.days, {"strong": shop.lists["strong"]}, replay, salt="s", seed=1
    )
    clicked = log["clicked"].to_numpy().reshape(-1, 6)
    assert clicked[:500].all() and not clicked[500:].any()
    np.testing.assert_array_equal(
        log["purchased"].to_numpy().reshape(-1, 6)[:500], np.tile([True, False] * 3, (500, 1))
    )


def test_identical_arms_raise_a_false_alarm_in_five_percent(shop) -> None:
    """The whole chain at 200 seeds: three arms with the control's list, alarms of each test."""
    lists = dict.fromkeys(("a", "b", "c", "d"), shop.lists["popularity"][:1000])
    p_values, adjusted, rank_tests = [], [], []
    for seed in range(200):
        log = ab_exposures(
            shop.users[:1000],
            shop.days[:1000],
            lists,
            shop.shoppers,
            salt=f"s{seed}",
            seed=seed,
        )
        rows = _test_of(log, list(lists))
        p_values.append(rows["p_value"].to_pylist()[1:])
        adjusted.append(min(rows["p_adjusted"].to_pylist()[1:]))
        rank_tests.append(rows["p_mann_whitney"].to_pylist()[1:])
    # Three arms share one control, so count the effective replicates as the 200 seeds alone.
    error = 4 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=error)
    assert np.mean(np.array(rank_tests) < 0.05) == pytest.approx(0.05, abs=error)
    assert np.mean(np.array(adjusted) < 0.05) <= 0.05 + error


def test_arms_of_equal_size_are_likely_and_others_are_not(shop, exposures) -> None:
    report = _report(shop, exposures).to_pylist()
    counts = [row["n_users"] for row in report]
    assert {row["sample_ratio_p"] for row in report} == {stats.chisquare(counts).pvalue}
