"""The A/B test: what each arm's users were shown and did, and what may be concluded from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from recolab_assets.evaluation.comparisons import holm
from recolab_assets.experiments.arrays import (
    DayArray,
    FloatArray,
    IntArray,
    blocks,
    check_lists,
    report_table,
)
from recolab_assets.experiments.assignment import assign_arms
from recolab_assets.experiments.response import ClickModel, SessionDepth
from recolab_assets.experiments.statistics import (
    RatioEstimate,
    compare,
    rank_test,
    ratio_estimate,
    relative_uplift,
    sample_ratio_p,
)
from recolab_assets.randomness import stream
from recolab_assets.tables import TABLES


def ab_exposures(
    users: IntArray,
    shown_on: DayArray,
    lists: Mapping[str, IntArray],
    click_model: ClickModel,
    *,
    salt: str,
    seed: int,
) -> pa.Table:
    """Run the test: each user is shown the list of one arm, once.

    Args:
        users: (n,) the population.
        shown_on: (n,) day of each user's visit, datetime64[D].
        lists: For each arm (n, K) product ids, best first; -1 pads. The order of the mapping
            numbers the arms.
        click_model: How shoppers answer.
        salt: Salt of the assignment.
        seed: Seed of the clicks.

    Returns:
        Table ``ab_exposures``, ordered by ``users`` and position. A user whose arm has an empty
        list is not exposed and has no row.
    """
    check_lists(users, lists)
    arms = np.array(list(lists))
    arm_of = assign_arms(users, len(arms), salt)
    schema = TABLES["ab_exposures"].arrow_schema
    batches = []
    for shard, rows in blocks(users.size):
        shown = np.empty((rows.stop - rows.start, next(iter(lists.values())).shape[1]), np.int32)
        for arm, name in enumerate(arms):
            mine = arm_of[rows] == arm
            shown[mine] = lists[name][rows][mine]
        attraction = click_model.attraction(users[rows], shown)
        clicked = click_model.draw_clicks(attraction, stream(seed, "experiments.ab.clicks", shard))
        buys = stream(seed, "experiments.ab.purchases", shard).random(shown.shape)
        bought = clicked & (buys < click_model.purchase_given_click(users[rows], shown))
        user, position = np.nonzero(shown >= 0)
        columns = [
            pa.array(users[rows][user], pa.int32()),
            pa.DictionaryArray.from_arrays(arm_of[rows][user], arms).cast(pa.string()),
            pa.array(shown_on[rows][user]),
            pa.array((position + 1).astype(np.int8)),
            pa.array(shown[user, position]),
            pa.array(np.ones(user.size)),
            pa.array(clicked[user, position]),
            pa.array(bought[user, position]),
        ]
        batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


@dataclass(frozen=True)
class ShownAndClicked:
    """The exposure log summed up by user, the unit of randomisation.

    Attributes:
        users: (n,) exposed users, ascending.
        arm: (n,) number of the arm.
        impressions: (n,) products shown.
        clicks: (n,) clicks.
        purchases: (n,) purchases.
        shown_on: (n,) day of the visit.
    """

    users: IntArray
    arm: IntArray
    impressions: FloatArray
    clicks: FloatArray
    purchases: FloatArray
    shown_on: DayArray

    def click_rate(self, arm: int) -> RatioEstimate:
        """Clicks per impression of one arm."""
        mine = self.arm == arm
        return ratio_estimate(self.clicks[mine], self.impressions[mine])


@dataclass(frozen=True)
class UserOutcomes(ShownAndClicked):
    """What users were shown and did, and the sessions that followed: everything that is analysed.

    Attributes:
        depth: (n,) pages of the session.
    """

    depth: FloatArray

    def ratios(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Numerator and denominator (n,) of every metric: its value is the ratio of their sums.

        Depth on the logarithm, since the Pareto law may lack a variance.
        """
        ones = np.ones(self.clicks.size)
        return {
            "ctr": (self.clicks, self.impressions),
            "clicks_per_user": (self.clicks, ones),
            "purchase_rate": (self.purchases, self.impressions),
            "log_session_depth": (np.log(self.depth), ones),
        }


def shown_and_clicked(exposures: pa.Table, arms: Sequence[str]) -> ShownAndClicked:
    """Sum the exposure log up by user.

    Args:
        exposures: Table ``ab_exposures``.
        arms: Names of the arms of the test, in order.

    Raises:
        ValueError: The log names an unknown arm, or a user stands in two arms.
    """
    user_ids = exposures["user_id"].to_numpy()
    encoded = exposures["arm"].combine_chunks().dictionary_encode()
    unknown = set(encoded.dictionary.to_pylist()) - set(arms)
    if unknown:
        raise ValueError(f"the exposure log has unknown arms {sorted(unknown)}; known: {arms}")
    number = np.array([list(arms).index(name) for name in encoded.dictionary.to_pylist()], int)
    arm = number[encoded.indices.to_numpy()] if user_ids.size else np.empty(0, int)
    impressions = np.bincount(user_ids)
    users = np.flatnonzero(impressions)
    arm_of = np.zeros(impressions.size, int)
    arm_of[user_ids] = arm
    if (arm_of[user_ids] != arm).any():
        raise ValueError("the exposure log shows a user the lists of two arms")
    clicks, purchases = (
        np.bincount(user_ids[exposures[event].to_numpy()], minlength=impressions.size)[
            users
        ].astype(np.float64)
        for event in ("clicked", "purchased")
    )
    shown = impressions[users].astype(np.float64)
    day_of = np.zeros(impressions.size, "datetime64[D]")
    day_of[user_ids] = exposures["shown_on"].to_numpy()
    return ShownAndClicked(users, arm_of[users], shown, clicks, purchases, day_of[users])


def user_outcomes(
    exposures: pa.Table, arms: Sequence[str], depth: SessionDepth, seed: int
) -> UserOutcomes:
    """Sum the exposure log up by user, and draw how deep each user's session went.

    Args:
        exposures: Table ``ab_exposures``.
        arms: Names of the arms of the test, in order.
        depth: Session depth.
        seed: Seed of the session depth.

    Raises:
        ValueError: The log names an unknown arm, or a user stands in two arms.
    """
    log = shown_and_clicked(exposures, arms)
    return UserOutcomes(
        log.users,
        log.arm,
        log.impressions,
        log.clicks,
        log.purchases,
        log.shown_on,
        depth.draw(log.users, log.clicks / log.impressions, seed),
    )


def ab_report(
    outcomes: UserOutcomes, arms: Sequence[str], *, control: str, alpha: float
) -> pa.Table:
    """Sum the test up, a row an arm.

    The click rate is a ratio of sums tested by the delta method, with Holm's correction over the
    arms; the Mann–Whitney test beside it compares users' click rates as published, uncorrected.
    Means of session depth carry no interval, since the Pareto law may lack a variance.

    Args:
        outcomes: What users were shown and did.
        arms: Names of the arms, in order.
        control: Arm that the others are compared with.
        alpha: Significance level; intervals have confidence 1 − alpha.

    Returns:
        Table ``ab_report``. What an arm without users or without clicks leaves open is absent.
    """
    ctr = {name: outcomes.click_rate(arm) for arm, name in enumerate(arms)}
    rows: list[dict[str, Any]] = []
    for arm, name in enumerate(arms):
        mine = outcomes.arm == arm
        row = _totals(outcomes, arm) | {
            "arm": name,
            "is_control": name == control,
            "ctr": ctr[name].value,
            "ctr_uplift": np.nan,
            "ctr_uplift_low": np.nan,
            "ctr_uplift_high": np.nan,
            "p_mann_whitney": np.nan,
            "p_value": np.nan,
        }
        if name != control:
            others = outcomes.arm == list(arms).index(control)
            rates = outcomes.clicks / outcomes.impressions
            uplift = relative_uplift(ctr[name], ctr[control], alpha)
            row["ctr_uplift"], row["ctr_uplift_low"], row["ctr_uplift_high"] = uplift
            row["p_mann_whitney"] = rank_test(rates[mine], rates[others]).p_value
            row["p_value"] = compare(ctr[name], ctr[control], alpha).p_value
        rows.append(row)
    best = _best_arm([row["ctr"] for row in rows])
    ratio_p = sample_ratio_p([row["n_users"] for row in rows])
    for arm, (row, adjusted) in enumerate(
        zip(rows, holm([row["p_value"] for row in rows]), strict=True)
    ):
        row["p_adjusted"] = float(adjusted)
        row["significant"] = bool(adjusted < alpha)
        row["is_best"] = arm == best
        row["sample_ratio_p"] = ratio_p
    return report_table("ab_report", rows)


def _totals(outcomes: UserOutcomes, arm: int) -> dict[str, Any]:
    """Counts and means of one arm that need no test."""
    mine = outcomes.arm == arm
    n_users, impressions = int(mine.sum()), int(outcomes.impressions[mine].sum())
    purchases = int(outcomes.purchases[mine].sum())
    return {
        "n_users": n_users,
        "impressions": impressions,
        "clicks": int(outcomes.clicks[mine].sum()),
        "purchases": purchases,
        "session_depth": float(outcomes.depth[mine].mean()) if n_users else np.nan,
        "purchase_rate": purchases / impressions if impressions else np.nan,
    }


def _best_arm(rates: Sequence[float]) -> int | None:
    """First arm with the highest click rate; none is best before anybody has clicked."""
    known = np.nan_to_num(np.array(rates, dtype=np.float64))
    return int(known.argmax()) if known.size and known.max() > 0 else None
