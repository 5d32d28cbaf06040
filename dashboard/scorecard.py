"""What the scorecard says about each way of evaluating: one row a way, and what figures need."""

import math
from collections import defaultdict
from collections.abc import Mapping

import pandas as pd

from dashboard.methods import in_order, method_of
from dashboard.rows import Row, rows_of

REFERENCE = "ab_delta"
"""The way that users needed are compared with."""

ERRORS_APART = 2.0
"""Standard errors of a difference beyond which it is no longer put down to chance."""


def sizes(scorecard: pd.DataFrame, *wanted: int) -> list[int]:
    """Return the sizes of experiment that were simulated and come nearest to those wanted."""
    rows = scorecard[(scorecard["measure"] == "best_pick_rate") & (scorecard["arms"] == "models")]
    found = [int(size) for size in rows["n_users"].dropna().unique()]
    nearest = (min(found, key=lambda n: abs(math.log(n / size)), default=None) for size in wanted)
    return list(dict.fromkeys(size for size in nearest if size is not None))


def models_by_users(scorecard: pd.DataFrame) -> list[str]:
    """Return the models compared with the control, the one that the A/B test finds easiest first.

    Easiest: the fewest users for 80% power.
    """
    rows = scorecard[scorecard["measure"] == "users_for_80_power"]
    of_test = rows[rows["method"] == REFERENCE].sort_values("value", kind="stable")
    return [str(model) for model in of_test["model"]]


def median_model(scorecard: pd.DataFrame) -> str | None:
    """Return the model in the middle of :func:`models_by_users`, the easier one of two."""
    models = models_by_users(scorecard)
    return models[(len(models) - 1) // 2] if models else None


def summary(scorecard: pd.DataFrame, model: str | None, n_users: list[int]) -> pd.DataFrame:
    """Return a row for each way of evaluating.

    Args:
        scorecard: Rows of ``method_scorecard``.
        model: The model whose users needed are told.
        n_users: Sizes of experiment whose best picks are told, as ``best_0``, ``best_1``, ….

    Returns:
        Columns label, explanation, best_i and best_i_error, identical and equal_truth (false-alarm
        rates at the largest size) with their errors, users, ratio, clicks_lost, copy (in words).
    """
    # Largest experiments first; plain rows, since many small questions are slow to ask of a frame.
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(scorecard.sort_values("n_users", ascending=False, kind="stable")):
        found[row["method"]][row["measure"]].append(row)
    copies = {row["method"]: _copy(row) for row in rows_of(with_copy(scorecard))}
    return pd.DataFrame(
        [
            _row(method, found[method], model, n_users) | {"copy": copies.get(method, "")}
            for method in in_order(set(found))
        ]
    )


def power_curves(scorecard: pd.DataFrame, model: str | None, family: str) -> pd.DataFrame:
    """Return the power of each way of a family to find one model different from the control."""
    rows = scorecard[(scorecard["measure"] == "power") & (scorecard["model"] == model)]
    rows = rows[[method_of(method).family == family for method in rows["method"]]]
    return rows[rows["arms"] == "models"].sort_values("n_users", kind="stable")


def false_alarms(scorecard: pd.DataFrame, family: str) -> pd.DataFrame:
    """Return false-alarm rates of a family, each at the largest experiment simulated.

    Returns:
        Columns method, arms (``daily`` for identical lists looked at every day), value,
        standard_error, n_users.
    """
    rows = scorecard[scorecard["measure"].isin(["false_alarm_rate", "daily_false_alarm_rate"])]
    rows = rows[[method_of(method).family == family for method in rows["method"]]]
    daily = rows["measure"] == "daily_false_alarm_rate"
    rows = rows.assign(arms=rows["arms"].mask(daily, "daily"))
    largest = rows.groupby(["method", "arms"])["n_users"].transform("max")
    return rows[rows["n_users"] == largest].drop_duplicates(["method", "arms"])


def with_copy(scorecard: pd.DataFrame) -> pd.DataFrame:
    """Return best picks without and with a near-copy of the best model, on as many users.

    Returns:
        Columns method, n_users, value, standard_error (without), copied, copied_error (with).
    """
    rows = scorecard[scorecard["measure"] == "best_pick_rate"]
    columns = ["method", "n_users", "value", "standard_error"]
    copied = rows.loc[rows["arms"] == "cloned", columns]
    copied = copied.rename(columns={"value": "copied", "standard_error": "copied_error"})
    pairs = rows.loc[rows["arms"] == "models", columns].merge(copied, on=["method", "n_users"])
    largest = pairs.groupby("method")["n_users"].transform("max")
    return pairs[pairs["n_users"] == largest]


def holds(row: Row) -> bool:
    """Whether a near-copy leaves the best picks as they were, but for chance."""
    errors = [
        error for error in (row["standard_error"], row["copied_error"]) if not math.isnan(error)
    ]
    fall: float = row["value"] - row["copied"]
    return fall <= ERRORS_APART * math.hypot(*errors)


def _row(
    method: str, rows: Mapping[str, list[Row]], model: str | None, n_users: list[int]
) -> dict[str, object]:
    known = method_of(method)
    found: dict[str, object] = {"label": known.label, "explanation": known.explanation}
    for place, size in enumerate(n_users):
        best = _first(rows["best_pick_rate"], arms="models", n_users=size)
        found[f"best_{place}"], found[f"best_{place}_error"] = best
    for arms in ("identical", "equal_truth"):
        found[arms], found[f"{arms}_error"] = _first(rows["false_alarm_rate"], arms=arms)
    users, _ = _first(rows["users_for_80_power"], model=model)
    ratio, _ = _first(rows["ratio_to_ab"], model=model)
    found["users"] = float(f"{users:.3g}")
    found["ratio"] = 1.0 if method == REFERENCE else ratio
    found["clicks_lost"], _ = _first(rows["clicks_lost"])
    return found


def _first(rows: list[Row], **where: object) -> tuple[float, float]:
    """Value and standard error of the first row that answers to the description."""
    for row in rows:
        if all(row[column] == value for column, value in where.items()):
            return row["value"], row["standard_error"]
    return math.nan, math.nan


def _copy(row: Row) -> str:
    word = "holds" if holds(row) else "breaks"
    return f"{word}: {row['value']:.0%} → {row['copied']:.0%}"
