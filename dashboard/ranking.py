"""In which order each way of evaluating puts the models, in the one run that the file holds."""

from typing import Final, NamedTuple

import pandas as pd

from dashboard.methods import method_of
from dashboard.rows import rows_of
from dashboard.vocabulary import METRICS

TRUTH: Final = "Truth"
AB_TEST: Final = "A/B test: click rate"


class Ranking(NamedTuple):
    """The order of the models by one way of evaluating."""

    way: str
    """The way and what it orders by."""
    ranks: dict[str, int]
    """Rank of each model, from 1; equal values share the better rank."""


def rankings(
    truth: pd.DataFrame,
    ab_report: pd.DataFrame,
    interleaving: pd.DataFrame,
    pairs: pd.DataFrame,
    offline: pd.DataFrame,
    k: int,
    counterfactual: pd.DataFrame,
) -> list[Ranking]:
    """Return every way's order, the truth first where it is known.

    Args:
        truth: Exact expected values; empty for a real log.
        ab_report: The A/B test, a row an arm.
        interleaving: The multileaving report.
        pairs: Preferences of two-model drafts.
        offline: Offline metrics at one list length.
        k: That list length.
        counterfactual: Estimates from another policy's log; empty for a real log.
    """
    expected = truth[(truth["metric"] == "ctr") & (truth["model"] != "oracle")]
    found = [
        _ranking(TRUTH, expected, "value"),
        _ranking(AB_TEST, ab_report, "ctr"),
        _ranking("Multileaving: wins", interleaving, "win_rate"),
        _ranking("Multileaving: credits", interleaving, "avg_credits"),
        _ranking("Interleaving in pairs: preference", mean_preferences(pairs), "value"),
        *(
            _ranking(f"Offline: {known.title(k)}", offline[offline["metric"] == metric], "value")
            for metric, known in METRICS.items()
            if known.per_k
        ),
        *(
            _ranking(f"Log: {method_of(str(name)).label}", rows, "value")
            for name, rows in counterfactual.groupby("estimator", sort=False)
        ),
    ]
    return [ranking for ranking in found if ranking.ranks]


def mean_preferences(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return each model's mean preference over its rivals: columns model and value."""
    swapped = pairs.assign(
        model_a=pairs["model_b"], model_b=pairs["model_a"], preference=1 - pairs["preference"]
    )
    both = pd.concat([pairs, swapped])
    mean = both.groupby("model_a", sort=False)["preference"].mean()
    return pd.DataFrame({"model": list(mean.index), "value": list(mean)})


def agreement(ranking: Ranking, reference: Ranking) -> tuple[int, int]:
    """Return how many pairs of models stand in the reference's order, and how many it orders."""
    models = [model for model in reference.ranks if model in ranking.ranks]
    right = ordered = 0
    for place, first in enumerate(models):
        for second in models[place + 1 :]:
            expected = reference.ranks[first] - reference.ranks[second]
            said = ranking.ranks[first] - ranking.ranks[second]
            ordered += expected != 0
            right += expected * said > 0
    return right, ordered


def _ranking(way: str, rows: pd.DataFrame, column: str) -> Ranking:
    known = rows[rows[column].notna()]
    ranked = known.assign(rank=known[column].rank(method="min", ascending=False))
    return Ranking(way, {str(row["model"]): int(row["rank"]) for row in rows_of(ranked)})
