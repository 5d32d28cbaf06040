"""Every check, on tables that keep what it guards and on tables that do not."""

import dagster as dg
import pytest

from recolab_assets import checks
from recolab_assets.checks import CHECKS
from recolab_assets.models import MODELS

BY_NAME = {
    (spec.asset_key.to_user_string(), spec.name): check
    for check in CHECKS
    for spec in check.check_specs
}
WARNINGS = {
    ("interactions", "shares_as_specified"),
    ("guardrails", "coverage_guardrail"),
    ("guardrails", "diversity_guardrail"),
    ("ab_comparisons", "ranks_agree_with_means"),
    ("interleaving_preferences", "near_copies"),
}
FIRST_LIST = "model = 'als' AND user_id = 3"


def evaluate(lab, asset, name):
    """Run one check on the tables of a laboratory."""
    return BY_NAME[asset, name](lab=lab.resource)


def measured(result):
    return {name: entry.value for name, entry in result.metadata.items()}


@pytest.fixture
def copy(lab, tmp_path):
    return lab.copy(tmp_path / "copy")


@pytest.mark.parametrize(("asset", "name"), BY_NAME)
def test_sound_tables_pass_and_what_must_stop_the_graph_is_blocking(lab, asset, name):
    [spec] = BY_NAME[asset, name].check_specs
    assert spec.blocking == ((asset, name) not in WARNINGS)
    assert spec.description
    if (asset, name) not in WARNINGS:
        result = evaluate(lab, asset, name)
        assert result.passed
        assert result.severity == dg.AssetCheckSeverity.ERROR


FAULTS = {
    "a user twice": (
        "users",
        "INSERT INTO raw.users FROM raw.users WHERE user_id = 0",
        {"users: rows that repeat (user_id)": 1},
    ),
    "a pair three times": (
        "train_pairs",
        "INSERT INTO processed.train_pairs SELECT p.* FROM processed.train_pairs p, range(2)"
        " WHERE (user_id, product_id) = (SELECT (user_id, product_id) FROM processed.train_pairs"
        " LIMIT 1)",
        {"train_pairs: rows that repeat (user_id, product_id)": 2},
    ),
    "an event with a product that does not exist": (
        "interactions",
        "UPDATE raw.interactions SET item_id = 120 WHERE interaction_id ="
        " (SELECT min(interaction_id) FROM raw.interactions WHERE item_type = 'product')",
        {"interactions: item_id not in products": 1, "interactions: item_id not in editorial": 0},
    ),
    # 20 is a product, and no editorial piece: the two ranges of ids are separate.
    "an event with an article that does not exist": (
        "train_interactions",
        "UPDATE processed.train_interactions SET item_id = 20 WHERE interaction_id ="
        " (SELECT min(interaction_id) FROM processed.train_interactions"
        " WHERE item_type = 'editorial')",
        {
            "train_interactions: item_id not in products": 0,
            "train_interactions: item_id not in editorial": 1,
        },
    ),
    "an event of nobody": (
        "test_interactions",
        "UPDATE processed.test_interactions SET user_id = -1 WHERE interaction_id ="
        " (SELECT min(interaction_id) FROM processed.test_interactions)",
        {"test_interactions: user_id not in users": 1},
    ),
    "factors of nobody": (
        "als",
        "UPDATE models.als_user_factors SET user_id = 300 WHERE user_id ="
        " (SELECT min(user_id) FROM models.als_user_factors)",
        {"als_user_factors: user_id not in users": 1},
    ),
    "a neighbour that is no product": (
        "item_cf",
        "UPDATE models.item_cf SET neighbour_id = 120 WHERE product_id = 0",
        {"item_cf: product_id not in products": 0},
    ),
    "a rank twice": (
        "recommendations",
        f"UPDATE recommendations.recommendations SET rank = 1 WHERE {FIRST_LIST} AND rank = 2",
        {"recommendations: rows that repeat (model, user_id, rank)": 1},
    ),
    "a metric twice": (
        "offline_metrics",
        "INSERT INTO evaluation.offline_metrics FROM evaluation.offline_metrics LIMIT 1",
        {"offline_metrics: rows that repeat (model, metric, k)": 1},
    ),
}


@pytest.mark.parametrize(("asset", "fault", "found"), FAULTS.values(), ids=FAULTS)
def test_keys_that_do_not_hold_are_counted(copy, asset, fault, found):
    copy.change(fault)
    result = evaluate(copy, asset, "keys_hold")
    assert not result.passed
    assert measured(result).items() >= found.items()


@pytest.mark.parametrize("users_at_once", [7, 299, 300, 1_000])
def test_the_last_users_count_however_many_are_looked_at_at_once(copy, monkeypatch, users_at_once):
    monkeypatch.setattr(checks, "USERS_AT_ONCE", users_at_once)
    assert evaluate(copy, "recommendations", "lists_complete").passed
    for user in (0, 7, copy.scalar("SELECT max(user_id) FROM raw.users")):
        copy.change(
            "INSERT INTO recommendations.recommendations FROM recommendations.recommendations"
            f" WHERE model = 'als' AND user_id = {user} AND rank = 1"
        )
    keys = measured(evaluate(copy, "recommendations", "keys_hold"))
    assert keys["recommendations: rows that repeat (model, user_id, rank)"] == 3
    lists = measured(evaluate(copy, "recommendations", "lists_complete"))
    assert lists["lists that repeat a product"] == 3
    assert lists["lists that are missing"] == 0


def test_neighbours_are_checked_like_the_products_that_they_belong_to(copy):
    copy.change("UPDATE models.item_cf SET neighbour_id = 120 WHERE product_id = 0")
    orphans = copy.scalar("SELECT count(*) FROM models.item_cf WHERE neighbour_id = 120")
    counts = measured(evaluate(copy, "item_cf", "keys_hold"))
    assert counts["item_cf: neighbour_id not in products"] == orphans > 0


def test_training_after_the_cut_is_a_leak(copy):
    copy.change(
        "UPDATE processed.train_interactions SET occurred_at ="
        " (SELECT max(occurred_at) FROM processed.test_interactions)"
        " WHERE interaction_id = (SELECT min(interaction_id) FROM processed.train_interactions)"
    )
    result = evaluate(copy, "test_interactions", "no_leakage")
    assert not result.passed
    assert measured(result) == {
        "parts with training after the hold-out": 1,
        "events on both sides": 0,
        "events lost": 0,
    }


def test_an_event_on_both_sides_is_a_leak(copy):
    copy.change(
        "INSERT INTO processed.test_interactions FROM processed.train_interactions"
        " ORDER BY occurred_at DESC, interaction_id LIMIT 1"
    )
    result = evaluate(copy, "test_interactions", "no_leakage")
    assert not result.passed
    assert measured(result)["events on both sides"] == 1


def test_an_event_on_no_side_is_lost(copy):
    copy.change(
        "DELETE FROM processed.train_interactions WHERE interaction_id ="
        " (SELECT min(interaction_id) FROM processed.train_interactions)"
    )
    result = evaluate(copy, "test_interactions", "no_leakage")
    assert not result.passed
    assert measured(result)["events lost"] == 1


def test_where_each_user_has_a_cut_the_global_one_does_not_count(lab, tmp_path):
    """The tables of a global cut keep every user's own order; moving one event breaks one user."""
    copy = lab.copy(tmp_path / "copy", split={"method": "per_user_latest"})
    assert evaluate(copy, "test_interactions", "no_leakage").passed
    copy.change(
        """
        UPDATE processed.train_interactions SET occurred_at = TIMESTAMP '2030-01-01'
        WHERE interaction_id = (
            SELECT min(interaction_id) FROM processed.train_interactions
            SEMI JOIN processed.test_interactions USING (user_id)
        )
        """
    )
    result = evaluate(copy, "test_interactions", "no_leakage")
    assert not result.passed
    assert measured(result)["parts with training after the hold-out"] == 1


def test_a_recommended_product_that_was_seen_is_found(copy):
    copy.change(
        f"""
        UPDATE recommendations.recommendations SET product_id =
            (SELECT min(product_id) FROM processed.train_pairs WHERE user_id = 3)
        WHERE {FIRST_LIST} AND rank = 5
        """
    )
    result = evaluate(copy, "recommendations", "nothing_seen")
    assert not result.passed
    assert measured(result) == {"recommended and seen": 1}


def test_where_repeats_are_allowed_a_seen_product_is_no_fault(lab, tmp_path):
    copy = lab.copy(tmp_path / "copy", model={**lab.values["model"], "exclude_seen": False})
    result = evaluate(copy, "recommendations", "nothing_seen")
    assert result.passed
    assert measured(result) == {"skipped": "repeats are allowed"}


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (f"DELETE FROM lists WHERE {FIRST_LIST} AND rank = 20", {"too short"}),
        (f"DELETE FROM lists WHERE {FIRST_LIST} AND rank = 5", {"with a gap", "too short"}),
        (f"DELETE FROM lists WHERE {FIRST_LIST}", {"missing"}),
        (
            f"UPDATE lists SET product_id = (SELECT product_id FROM lists WHERE {FIRST_LIST}"
            f" AND rank = 1) WHERE {FIRST_LIST} AND rank = 2",
            {"repeat a product"},
        ),
    ],
    ids=["one row less", "a rank left out", "no list", "a product twice"],
)
def test_a_list_that_is_not_complete_is_found(copy, fault, found):
    copy.change(fault.replace("lists", "recommendations.recommendations"))
    result = evaluate(copy, "recommendations", "lists_complete")
    assert not result.passed
    faults = {name: count for name, count in measured(result).items() if count}
    assert set(faults.values()) == {1}
    assert len(faults) == len(found)
    assert all(any(words in name for name in faults) for words in found)


def test_a_small_catalogue_excuses_short_lists(copy):
    """A user who has seen all but three products can have a list of three."""
    copy.change(
        f"DELETE FROM recommendations.recommendations WHERE {FIRST_LIST} AND rank > 3",
        """
        INSERT INTO processed.train_pairs
        SELECT 3, product_id, 1, 1, TIMESTAMP '2024-01-01' FROM raw.products
        ANTI JOIN (FROM recommendations.recommendations WHERE model = 'als' AND user_id = 3)
            USING (product_id)
        ANTI JOIN (FROM processed.train_pairs WHERE user_id = 3) USING (product_id)
        """,
    )
    counts = measured(evaluate(copy, "recommendations", "lists_complete"))
    # The lists of the four other models are now longer than there is room for.
    assert counts["lists that are too short"] == len(MODELS) - 1


def test_arms_out_of_balance_are_found(copy):
    [[lucky]] = copy.query("SELECT min(user_id) FROM experiments.ab_exposures WHERE arm = 'als'")
    copy.change(f"DELETE FROM experiments.ab_exposures WHERE arm = 'als' AND user_id <> {lucky}")
    result = evaluate(copy, "ab_exposures", "sample_ratio")
    assert not result.passed
    counts = measured(result)
    assert counts["als"] == 1
    assert counts["popularity"] > 10
    assert counts["p_value"] < 0.001


def test_an_arm_without_users_is_found(copy):
    copy.change("DELETE FROM experiments.ab_exposures WHERE arm = 'hybrid'")
    result = evaluate(copy, "ab_exposures", "sample_ratio")
    assert not result.passed
    assert measured(result)["hybrid"] == 0


def test_a_draft_that_favours_a_model_is_found(copy):
    # Five models are looked at, so a thousandth is asked of all five together.
    copy.change("UPDATE experiments.interleaving_report SET balance_p = 0.0003")
    assert evaluate(copy, "interleaving_report", "draft_balance").passed
    copy.change("UPDATE experiments.interleaving_report SET balance_p = 0.0001 WHERE model = 'als'")
    result = evaluate(copy, "interleaving_report", "draft_balance")
    assert not result.passed
    assert measured(result)["als"].endswith("p = 0.0001")
    assert set(measured(result)) == set(MODELS)


def test_a_model_that_owns_nothing_is_not_out_of_balance(copy):
    copy.change(
        "UPDATE experiments.interleaving_report SET slot_share = NULL, mean_position = NULL,"
        " balance_p = 1"
    )
    result = evaluate(copy, "interleaving_report", "draft_balance")
    assert result.passed
    assert measured(result)["als"] == "no slot of its own"


def test_near_copies_are_a_warning_that_names_them(copy):
    copy.change("UPDATE experiments.interleaving_preferences SET overlap = 0.49")
    assert evaluate(copy, "interleaving_preferences", "near_copies").passed
    copy.change(
        "UPDATE experiments.interleaving_preferences SET overlap = 0.875"
        " WHERE (model_a, model_b) = ('als', 'hybrid')"
    )
    result = evaluate(copy, "interleaving_preferences", "near_copies")
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert next(iter(measured(result).items())) == ("als and hybrid", "0.875")


def test_shares_other_than_specified_are_a_warning(copy):
    specified = evaluate(copy, "interactions", "shares_as_specified").metadata
    assert specified["primary_share (specified)"].value == 0.7
    copy.change("UPDATE raw.users SET primary_category = 'elsewhere'")
    result = evaluate(copy, "interactions", "shares_as_specified")
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert measured(result)["primary_share (realised)"] == 0


def test_shares_are_not_checked_where_none_are_specified(lab, tmp_path):
    shop = {**lab.values["shop"], "affinity": {"enabled": False}}
    copy = lab.copy(tmp_path / "copy", shop=shop)
    copy.change("UPDATE raw.users SET primary_category = 'elsewhere'")
    assert evaluate(copy, "interactions", "shares_as_specified").passed


@pytest.mark.parametrize("metric", ["coverage", "diversity"])
def test_a_model_below_a_guardrail_is_a_warning_that_names_it(copy, metric):
    copy.change(
        "UPDATE evaluation.guardrails SET value = 0.01, passed = false"
        f" WHERE model = 'als' AND metric = '{metric}'",
        "UPDATE evaluation.guardrails SET value = 0.9, passed = true WHERE value <> 0.01",
    )
    result = evaluate(copy, "guardrails", f"{metric}_guardrail")
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    threshold = {"coverage": "0.05", "diversity": "0.3"}[metric]
    assert measured(result)["als"] == f"0.0100 (BELOW {threshold})"
    assert measured(result)["hybrid"] == f"0.9000 (kept {threshold})"
    other = {"coverage": "diversity", "diversity": "coverage"}[metric]
    assert evaluate(copy, "guardrails", f"{other}_guardrail").passed
