"""Asset checks: what the graph promises of its tables, asked of the tables themselves in SQL."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import dagster as dg

from recolab_assets.experiments.statistics import sample_ratio_p
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource
from recolab_assets.shop.realised import realised_shares, specified_shares
from recolab_assets.storage.names import identifier
from recolab_assets.tables import MODEL_TABLES, TABLES, Table

Row = dict[str, Any]

NO_PARAMS: Final[Mapping[str, Any]] = MappingProxyType({})

USERS_AT_ONCE: Final = 100_000
"""Users whose rows a check groups at once: those of the default shop."""

SAMPLE_RATIO_THRESHOLD = 0.001
"""Chance of a false alarm of the sample-ratio check; the usual level, far below that of a test."""

NEAR_COPY_OVERLAP = 0.5
"""Rank-biased overlap of two models' lists from which multileaving credit is not to be trusted: at
a half, half of what one of them shows, the first ranks counting most, the other shows too."""


def _row(lab: LabResource, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Row:
    """Return the one row of a SELECT of aggregates."""
    with lab.database.read() as connection:
        [row] = connection.sql(sql, params=params).to_arrow_table().to_pylist()
    return row


def _sum_by_users(lab: LabResource, sql: str, params: Mapping[str, Any] = NO_PARAMS) -> Row:
    """Sum the one row of a SELECT of counts over stretches of users, $first to $last.

    What it groups by user then fits in memory, however many users there are.
    """
    total: Counter[str] = Counter()
    with lab.database.read() as connection:
        [[last]] = connection.sql("SELECT coalesce(max(user_id), 0) FROM raw.users").fetchall()
        for first in range(0, last + 1, USERS_AT_ONCE):
            stretch = {**params, "first": first, "last": first + USERS_AT_ONCE - 1}
            [row] = connection.sql(sql, params=stretch).to_arrow_table().to_pylist()
            total.update(row)
    return dict(total)


def _repeats(table: Table, rows: str) -> dict[str, str]:
    """Return SQL that counts the rows that share a key, by what is wrong."""
    key = ", ".join(table.key)
    # Half the time of count(DISTINCT …), which keeps every key as a struct.
    sql = (
        "SELECT coalesce(sum(n - 1), 0)::BIGINT FROM"
        f" (SELECT count(*) AS n FROM {table.qualified_name}{rows} GROUP BY {key})"
    )
    return {f"{table.name}: rows that repeat ({key})": sql}


def _strays(table: Table) -> dict[str, str]:
    """Return SQL that counts the rows that point at nothing, by what is wrong."""
    counts = {}
    for foreign in table.foreign_keys:
        parent = TABLES[foreign.table]
        matched = " AND ".join(
            f"child.{own} = parent.{other}"
            for own, other in zip(foreign.columns, foreign.references, strict=True)
        )
        counts[f"{table.name}: {', '.join(foreign.columns)} not in {parent.name}"] = (
            f"SELECT count(*) FROM (FROM {table.qualified_name} WHERE {foreign.where}) child"
            f" ANTI JOIN {parent.qualified_name} parent ON {matched}"
        )
    return counts


def _in_one_row(counts: Mapping[str, str]) -> str:
    """One statement on one connection: to open the file costs more than most of the counts."""
    columns = ", ".join(f"({sql}) AS {identifier(fault)}" for fault, sql in counts.items())
    return f"SELECT {columns}"


def _keeps_keys(asset: str) -> dg.AssetChecksDefinition:
    tables = [TABLES[name] for name in MODEL_TABLES.get(asset, (asset,))]

    @dg.asset_check(
        asset=asset,
        name="keys_hold",
        blocking=True,
        description="Keys are unique and every id points at a row that exists.",
    )
    def keys_hold(lab: LabResource) -> dg.AssetCheckResult:
        whole: dict[str, str] = {}
        by_users: dict[str, str] = {}
        for table in tables:
            if len(table.key) > 1 and "user_id" in table.key:
                # Users whom nobody knows are strays, found below.
                by_users |= _repeats(table, " WHERE user_id BETWEEN $first AND $last")
            elif table.key:
                whole |= _repeats(table, "")
            whole |= _strays(table)
        found = _row(lab, _in_one_row(whole)) if whole else {}
        return _none_found(found | (_sum_by_users(lab, _in_one_row(by_users)) if by_users else {}))

    return keys_hold


def _none_found(counts: Row) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=not any(counts.values()), metadata=counts)


@dg.asset_check(
    asset="interactions",
    description="Shares that the shop's mechanisms fix are found in its log, within two points.",
)
def shares_as_specified(lab: LabResource) -> dg.AssetCheckResult:
    config = lab.settings
    if config.source is not None:
        return dg.AssetCheckResult(passed=True, metadata={"skipped": "no shares are specified"})
    realised = _row(lab, *realised_shares(config))
    specified = specified_shares(config)
    return dg.AssetCheckResult(
        passed=all(abs(realised[name] - share) <= 0.02 for name, share in specified.items()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            f"{name} ({kind})": value
            for kind, values in (("specified", specified), ("realised", realised))
            for name, value in values.items()
        },
    )


@dg.asset_check(
    asset="test_interactions",
    blocking=True,
    # Both sides of the cut must be there before it can be looked at.
    additional_deps=["train_interactions", "interactions"],
    description="Nothing is on both sides of the cut, nothing is lost, and training comes first.",
)
def no_leakage(lab: LabResource) -> dg.AssetCheckResult:
    per_user = lab.settings.split.method == "per_user_latest"
    by = "user_id" if per_user else "true"
    return _none_found(
        _row(
            lab,
            f"""
            WITH train AS (
                SELECT {by} AS part, max(occurred_at) AS last FROM processed.train_interactions
                GROUP BY part
            ),
            test AS (
                SELECT {by} AS part, min(occurred_at) AS first FROM processed.test_interactions
                GROUP BY part
            )
            SELECT
                (SELECT count(*) FROM train JOIN test USING (part) WHERE last > first)
                    AS "parts with training after the hold-out",
                (SELECT count(*) FROM processed.train_interactions
                    SEMI JOIN processed.test_interactions USING (interaction_id))
                    AS "events on both sides",
                (SELECT count(*) FROM raw.interactions)
                    - (SELECT count(*) FROM processed.train_interactions)
                    - (SELECT count(*) FROM processed.test_interactions) AS "events lost"
            """,
        ),
    )


@dg.asset_check(
    asset="recommendations",
    blocking=True,
    additional_deps=["train_pairs"],
    description="Nobody is recommended a product that they already have in training.",
)
def nothing_seen(lab: LabResource) -> dg.AssetCheckResult:
    if not lab.settings.model.exclude_seen:
        return dg.AssetCheckResult(passed=True, metadata={"skipped": "repeats are allowed"})
    counts = _row(
        lab,
        """
        SELECT count(*) AS "recommended and seen" FROM recommendations.recommendations
        SEMI JOIN processed.train_pairs USING (user_id, product_id)
        """,
    )
    return _none_found(counts)


@dg.asset_check(
    asset="recommendations",
    blocking=True,
    description="Every model has a full list of distinct products, ranked from 1, for every user.",
)
def lists_complete(lab: LabResource) -> dg.AssetCheckResult:
    settings = lab.settings.model
    counts = _sum_by_users(
        lab,
        """
        WITH lists AS (
            SELECT model, user_id, count(*) AS n, max(rank) AS longest,
                count(DISTINCT product_id) AS n_products
            FROM recommendations.recommendations WHERE user_id BETWEEN $first AND $last
            GROUP BY model, user_id
        ),
        room AS (
            -- A catalogue can be too small for a full list beside what a user has seen.
            SELECT u.user_id, least($top_k, (SELECT count(*) FROM raw.products)
                - CASE WHEN $exclude_seen THEN count(p.product_id) ELSE 0 END) AS expected
            FROM raw.users u LEFT JOIN processed.train_pairs p USING (user_id)
            WHERE u.user_id BETWEEN $first AND $last
            GROUP BY u.user_id
        )
        SELECT
            count(*) FILTER (n <> n_products) AS "lists that repeat a product",
            count(*) FILTER (n <> longest) AS "lists with a gap in their ranks",
            count(*) FILTER (n <> expected) AS "lists that are too short",
            (SELECT count(*) FROM room WHERE expected > 0) * $n_models
                - count(*) FILTER (expected > 0) AS "lists that are missing"
        FROM lists JOIN room USING (user_id)
        """,
        {
            "top_k": settings.top_k,
            "exclude_seen": settings.exclude_seen,
            "n_models": len(MODELS),
        },
    )
    return _none_found(counts)


def _guardrail(metric: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="guardrails",
        name=f"{metric}_guardrail",
        description=f"No model falls below the limit of {metric}.",
    )
    def guardrail(lab: LabResource) -> dg.AssetCheckResult:
        with lab.database.read() as connection:
            rows = connection.execute(
                "SELECT model, value, threshold, passed FROM evaluation.guardrails"
                " WHERE metric = ?",
                [metric],
            ).fetchall()
        return dg.AssetCheckResult(
            # A shop without categories has no diversity; coverage there always is.
            passed=all(passed for *_, passed in rows) and (bool(rows) or metric == "diversity"),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                model: f"{value:.4f} ({'kept' if passed else 'BELOW'} {threshold:g})"
                for model, value, threshold, passed in rows
            },
        )

    return guardrail


@dg.asset_check(
    asset="ab_exposures",
    blocking=True,
    description=(
        "Arms have as many users as equal assignment gives; below p = .001 assignment or logging"
        " is broken and the report must not be read."
    ),
)
def sample_ratio(lab: LabResource) -> dg.AssetCheckResult:
    with lab.database.read() as connection:
        counts = dict(
            connection.execute(
                "SELECT arm, count(DISTINCT user_id) FROM experiments.ab_exposures GROUP BY arm"
            ).fetchall()
        )
    users = {model: counts.get(model, 0) for model in MODELS}
    p_value = sample_ratio_p(list(users.values()))
    return dg.AssetCheckResult(
        passed=not p_value < SAMPLE_RATIO_THRESHOLD, metadata={**users, "p_value": p_value}
    )


@dg.asset_check(
    asset="ab_comparisons",
    description=(
        "The rank test and the difference in means do not contradict each other; where they do,"
        " the mean says what the shop gains."
    ),
)
def ranks_agree_with_means(lab: LabResource) -> dg.AssetCheckResult:
    with lab.database.read() as connection:
        rows = connection.execute(
            "SELECT metric, arm, difference, superiority FROM experiments.ab_comparisons"
            " WHERE ranks_disagree"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            f"{metric} of {arm}": f"difference {difference:+.4g}, superiority {superiority:.4f}"
            for metric, arm, difference, superiority in rows
        },
    )


@dg.asset_check(
    asset="interleaving_report",
    blocking=True,
    description=(
        "Every model drafted its part of slots and positions; below p = .001 for any of them the"
        " draft is broken, or some lists are too short, and credits compare unlike things."
    ),
)
def draft_balance(lab: LabResource) -> dg.AssetCheckResult:
    with lab.database.read() as connection:
        rows = connection.execute(
            "SELECT model, slot_share, mean_position, balance_p"
            " FROM experiments.interleaving_report ORDER BY model"
        ).fetchall()
    return dg.AssetCheckResult(
        # Bonferroni over the models.
        passed=not any(p * len(rows) < SAMPLE_RATIO_THRESHOLD for *_, p in rows),
        metadata={
            model: f"{share:.2%} of slots, mean position {position:.2f}, p = {p:.3g}"
            if share is not None and position is not None
            else "no slot of its own"
            for model, share, position, p in rows
        },
    )


@dg.asset_check(
    asset="interleaving_preferences",
    description=(
        "No two models have nearly the same lists: multileaving splits the clicks of such a pair"
        " and can rank it behind a worse model. Read interleaving_pairs instead."
    ),
)
def near_copies(lab: LabResource) -> dg.AssetCheckResult:
    with lab.database.read() as connection:
        rows = connection.execute(
            "SELECT model_a || ' and ' || model_b, overlap"
            " FROM experiments.interleaving_preferences"
            " WHERE overlap IS NOT NULL ORDER BY overlap DESC"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not any(overlap >= NEAR_COPY_OVERLAP for _, overlap in rows),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={pair: f"{overlap:.3f}" for pair, overlap in rows},
    )


_ASSETS = [name for name in TABLES if name not in {t for ts in MODEL_TABLES.values() for t in ts}]

CHECKS: tuple[dg.AssetChecksDefinition, ...] = (
    *(_keeps_keys(name) for name in (*_ASSETS, *MODEL_TABLES)),
    shares_as_specified,
    no_leakage,
    nothing_seen,
    lists_complete,
    _guardrail("coverage"),
    _guardrail("diversity"),
    sample_ratio,
    ranks_agree_with_means,
    draft_balance,
    near_copies,
)
