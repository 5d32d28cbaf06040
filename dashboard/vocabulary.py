"""What each metric is called, how its numbers are written, and its one-sentence explanation."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

ABSENT: Final = "—"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, as people read it."""

    label: str
    explanation: str
    digits: str = ".4f"
    """Format of its values, in the notation that Python and d3 share."""
    per_k: bool = True
    """Whether its name carries the list length, as in NDCG@10."""

    def title(self, k: int) -> str:
        """Name of the metric at one list length."""
        return f"{self.label}@{k}" if self.per_k else self.label


METRICS: Final = {
    "ndcg": Metric(
        "NDCG",
        "How high the relevant products stand in the list: 1 when all of them come first.",
    ),
    "recall": Metric(
        "Recall", "Share of the products a user went on to use that the list already held."
    ),
    "precision": Metric(
        "Precision", "Share of the list's places filled with products the user went on to use."
    ),
    "map": Metric(
        "MAP", "Precision taken at every hit and averaged: rewards hits near the top of the list."
    ),
    "mrr": Metric("MRR", "1 / position of the first hit: 0.5 means it stands second."),
    "hit_rate": Metric("Hit rate", "Share of users with at least one hit in their list.", ".1%"),
    "coverage": Metric(
        "Coverage",
        "Share of the recommendable catalogue that turns up in anybody's list.",
        ".1%",
        per_k=False,
    ),
    "diversity": Metric(
        "Diversity",
        "1 − share of product pairs of a list that are of the same category; 0 is a monotonous"
        " list.",
        ".3f",
        per_k=False,
    ),
    "novelty": Metric(
        "Novelty",
        "Mean surprise, in bits, of meeting the recommended products: popular ones give little.",
        ".2f",
        per_k=False,
    ),
    "average_popularity": Metric(
        "Average popularity",
        "Mean number of training interactions of the recommended products.",
        ",.0f",
        per_k=False,
    ),
    "gini": Metric(
        "Gini",
        "How unevenly recommendations fall on the catalogue: 0 even, 1 all on one product.",
        ".3f",
        per_k=False,
    ),
}
"""Offline metrics in the order in which they are shown."""


SIGNIFICANCE: Final = 0.05
"""Corrected p-values below it count as a difference, as everywhere in the lab by default."""

SEGMENTATIONS: Final = {
    "activity": "Thirds of the users by their number of events in training.",
    "category": "By the category with most of the user's events in training.",
    "history": "New users have no event in training, returning ones have.",
}
"""Ways to part the users, with what each means."""


def percent(value: float, digits: int = 1) -> str:
    """Write a share: ``12.3%``, or a dash where there is none."""
    return ABSENT if math.isnan(value) else f"{value:.{digits}%}".replace("-", "−")


def signed_percent(value: float, digits: int = 1) -> str:
    """Write a change: ``+12.3%``, or a dash where there is none."""
    return ABSENT if math.isnan(value) else f"{value:+.{digits}%}".replace("-", "−")


def interval(low: float, high: float, digits: str = ".4f") -> str:
    """Write the ends of an interval: ``0.1 to 0.2``, or nothing where there is none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low, digits)} to {number(high, digits)}"


def day(moment: datetime) -> str:
    """Write a date: ``3 Dec 2024``."""
    return f"{moment.day} {moment:%b %Y}"


def number(value: float, digits: str = ".4f") -> str:
    """Write a number in a format of Python's, or a dash where there is none."""
    return ABSENT if math.isnan(value) else format(value, digits).replace("-", "−")


def p_value(value: float) -> str:
    """Write a p-value as papers do: ``p < 0.001`` or ``p = 0.012``."""
    if math.isnan(value):
        return ABSENT
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
