"""What each way of evaluating is called, its family, its look and its one-sentence explanation."""

from dataclasses import dataclass
from typing import Final, Literal

from dashboard.theme import Scheme
from dashboard.vocabulary import METRICS

Family = Literal["online", "offline", "logs"]

FAMILIES: Final[dict[str, str]] = {
    "online": "Online tests",
    "offline": "Offline",
    "logs": "Logs",
}
"""Families of ways in the order in which they are shown, with their names."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way of evaluating, as people read it."""

    label: str
    family: Family
    explanation: str


_ONLINE: Final = {
    "ab_delta": (
        "A/B, click rate",
        "Clicks per product shown of each arm, with an error that knows that users, not products"
        " shown, were assigned (delta method).",
    ),
    "ab_welch": ("A/B, Welch", "Mean of the users' own click rates, compared by Welch's t-test."),
    "ab_mann_whitney": (
        "A/B, Mann–Whitney",
        "Rank test: does a user of one arm click more often than one of the other?",
    ),
    "ab_cuped": (
        "A/B, CUPED",
        "The A/B test after removing what users' behaviour before the test explains.",
    ),
    "ab_sequential": (
        "A/B, always valid",
        "The A/B test with an interval that may be looked at every day without more false alarms.",
    ),
    "multileaving_win_rate": (
        "Multileaving, wins",
        "One list drafted from all models; a model wins a user with strictly more clicked products"
        " than every other.",
    ),
    "multileaving_credit": (
        "Multileaving, credits",
        "One list drafted from all models; mean number of clicked products that a model drafted.",
    ),
    "multileaving_preference": (
        "Multileaving, preferences",
        "One list drafted from all models; for every two of them, which one more users credit.",
    ),
    "pairwise_multileaving": (
        "Pairwise multileaving",
        "One mixed list; what is clicked is preferred to what was shown above it and not clicked.",
    ),
    "interleaving_pairs": (
        "Interleaving, pairs",
        "Lists drafted from two models at a time, every two in turn on users of their own.",
    ),
}
_LOGS: Final = {
    "replay": (
        "Replay",
        "Click rate where the log happened to show what the model would have shown.",
    ),
    "ips": ("IPS", "Every logged click weighted by 1 / the probability that it was shown."),
    "snips": ("SNIPS", "IPS divided by the mean weight, which tames its spread."),
    "clipped_ips": ("Clipped IPS", "IPS with large weights cut: less spread, some bias."),
    "direct_method": ("Direct method", "Click rates predicted by a model that learned the log."),
    "doubly_robust": (
        "Doubly robust",
        "The direct method, corrected by weighted clicks where the log has them.",
    ),
    "position_based_ips": (
        "Position-based IPS",
        "IPS that knows that lower positions are looked at less.",
    ),
}
_SPLITS: Final = {
    "global": ("one cut", "hold-out after one cut in time for all users"),
    "per_user": ("last of each", "hold-out of each user's latest products"),
}


def _offline() -> dict[str, Method]:
    return {
        f"offline_{metric}_{split}": Method(
            f"{METRICS[metric].label}, {short}",
            "offline",
            f"{METRICS[metric].explanation} On a {said}.",
        )
        for split, (short, said) in _SPLITS.items()
        for metric in ("ndcg", "recall", "precision", "map", "mrr", "hit_rate")
    }


METHODS: Final[dict[str, Method]] = {
    **{name: Method(label, "online", said) for name, (label, said) in _ONLINE.items()},
    **_offline(),
    **{name: Method(label, "logs", said) for name, (label, said) in _LOGS.items()},
}
"""Ways of evaluating in the order in which they are shown."""

ARMS: Final = {
    "identical": "identical lists",
    "equal_truth": "different lists, equally good",
    "more_visits": "identical lists, half of the users come twice",
}
"""What the arms of a test without a difference show, in words."""

_COLORS: Final[dict[Scheme, tuple[str, ...]]] = {
    # Schemes "muted" and "light" of P. Tol, Colour Schemes (SRON/EPS/TN/09-002), 2021: safe for the
    # colour-blind, and apart from the models' colours.
    "light": ("#332288", "#CC6677", "#117733", "#882255", "#999933", "#44AA99", "#AA4499"),
    "dark": ("#77AADD", "#EE8866", "#44BB99", "#FFAABB", "#BBCC33", "#EEDD88", "#99DDFF"),
}
_SYMBOLS: Final = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "triangle-down",
    "x",
    "cross",
    "pentagon",
    "hexagon",
    "star",
    "hourglass",
    "bowtie",
)


def method_of(name: str) -> Method:
    """Return a way of evaluating; one that is not known here goes by its own name."""
    return METHODS.get(name) or Method(name.replace("_", " ").capitalize(), "online", "")


def look_of(name: str, scheme: Scheme) -> tuple[str, str]:
    """Return the colour and symbol of a way of evaluating: no two of a family look the same."""
    family = method_of(name).family
    known = [other for other, method in METHODS.items() if method.family == family]
    place = known.index(name) if name in known else sum(name.encode())
    colors = _COLORS[scheme]
    return colors[place % len(colors)], _SYMBOLS[place % len(_SYMBOLS)]


def in_order(names: set[str]) -> list[str]:
    """Return ways of evaluating in the order in which they are shown, unknown ones last."""
    return [name for name in METHODS if name in names] + sorted(names - set(METHODS))
