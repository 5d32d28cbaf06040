"""The ways of evaluating: what each is called, what it does, and how it is drawn."""

from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["A/B test", "Interleaving", "Logged lists", "Offline"]

FAMILY_COLORS: Final[dict[Family, str]] = {
    "A/B test": "#0072B2",
    "Interleaving": "#009E73",
    "Logged lists": "#E69F00",
    "Offline": "#CC79A7",
}
"""From the colour-blind-safe palette of Okabe and Ito (2008)."""

_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")


@dataclass(frozen=True, slots=True)
class Way:
    """A way of evaluating, as people read it."""

    label: str
    family: Family
    explanation: str
    place: int
    """Number in its family, from 0."""

    @property
    def color(self) -> str:
        """Colour of its family."""
        return FAMILY_COLORS[self.family]

    @property
    def dash(self) -> str:
        """Dash of its line; no way is told from another of its family by colour."""
        return _DASHES[self.place % len(_DASHES)]

    @property
    def symbol(self) -> str:
        """Symbol of its dots."""
        return _SYMBOLS[self.place % len(_SYMBOLS)]


_METRICS: Final = {
    "precision": "precision",
    "recall": "recall",
    "ndcg": "NDCG",
    "map": "MAP",
    "mrr": "MRR",
    "hit_rate": "hit rate",
}
_SPLITS: Final = {
    "global": ("cut in time", "what came after one day for all users is held out"),
    "per_user": ("latest of each user", "the latest interactions of every user are held out"),
}
_ONLINE: Final[dict[str, tuple[str, Family, str]]] = {
    "ab_delta": (
        "A/B, click rate",
        "A/B test",
        "Users are split; clicks per product shown are compared as a ratio of sums.",
    ),
    "ab_welch": (
        "A/B, mean of users' rates",
        "A/B test",
        "Users are split; the means of their own click rates are compared (Welch's test).",
    ),
    "ab_cuped": (
        "A/B, adjusted (CUPED)",
        "A/B test",
        "The click rate less what users' activity before the test explains.",
    ),
    "ab_sequential": (
        "A/B, any time",
        "A/B test",
        "The click rate with an interval that stays valid however often one looks.",
    ),
    "ab_mann_whitney": (
        "A/B, Mann–Whitney",
        "A/B test",
        "Users' click rates are compared by rank, as the published report does.",
    ),
    "interleaving_pairs": (
        "Two-model drafts",
        "Interleaving",
        "Every user sees a list drafted from two models; every pair has its turn.",
    ),
    "pairwise_multileaving": (
        "Pairwise multileaving",
        "Interleaving",
        "One list mixed from all models; clicks prefer products, and products prefer models.",
    ),
    "multileaving_preference": (
        "Team draft, preferences",
        "Interleaving",
        "One list drafted from all models; whom more users credit in each pair is preferred.",
    ),
    "multileaving_credit": (
        "Team draft, credits",
        "Interleaving",
        "One list drafted from all models; ranked by clicks credited.",
    ),
    "multileaving_win_rate": (
        "Team draft, win rate",
        "Interleaving",
        "One list drafted from all models; ranked by users won outright.",
    ),
    "position_based_ips": (
        "Position-based IPS",
        "Logged lists",
        "From a half-random log: a click counts for wherever a model would put the product.",
    ),
    "doubly_robust": (
        "Doubly robust",
        "Logged lists",
        "From a half-random log: a model of clicks, corrected by weighted clicks.",
    ),
    "snips": (
        "SNIPS",
        "Logged lists",
        "From a half-random log: weighted clicks over the sum of the weights.",
    ),
    "ips": (
        "IPS",
        "Logged lists",
        "From a half-random log: clicks weighted by the inverse of the chance to be shown.",
    ),
    "replay": (
        "Replay",
        "Logged lists",
        "From a half-random log: only what the model would have shown as well.",
    ),
}


def _known() -> dict[str, Way]:
    ways: dict[str, Way] = {}
    places: dict[str, int] = {}
    offline: dict[str, tuple[str, Family, str]] = {
        f"offline_{metric}_{split}": (
            f"Offline {label}, {named}",
            "Offline",
            f"Mean {label} on the hold-out: {held_out}.",
        )
        for split, (named, held_out) in _SPLITS.items()
        for metric, label in _METRICS.items()
    }
    for method, (label, family, explanation) in (_ONLINE | offline).items():
        places[family] = places.get(family, -1) + 1
        ways[method] = Way(label, family, explanation, places[family])
    return ways


WAYS: Final = _known()
"""Every way of evaluating by the name that the scorecard gives it, in the order of display."""


def way_of(method: str) -> Way:
    """Return a way by its name on the scorecard; one that is not known is shown by its name."""
    return WAYS.get(method) or Way(method, "Offline", "", len(method))
