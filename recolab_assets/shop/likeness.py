"""How alike a log and its twin are: figures, distributions, and the order of the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from recolab_assets.shop.portrait import ProductLog, portrait, top_shares

Sample = npt.NDArray[np.float64]

UNLIKE = 0.1
"""Kolmogorov–Smirnov distance from which a distribution is called unlike: at some point of the
scale, the share of what lies below it differs by a tenth of everything."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """A distribution, and what it would be wrong to conclude where the twin has another."""

    name: str
    unsafe: str
    """Completes "Do not conclude from the twin …"."""


ASPECTS = (
    Aspect(
        "events per user",
        "how models fare with light and heavy users apart, or how many users are cold",
    ),
    Aspect(
        "events per product",
        "coverage, novelty and popularity bias, or how much there is to gain beyond best sellers",
    ),
    Aspect("events per session", "session depth, baskets, or anything counted per session"),
    Aspect("sessions per user", "how often users come back, or how long a test must run"),
    Aspect(
        "days between visits", "how many days a test needs, or how fast a model must be refreshed"
    ),
    Aspect("hour of the day", "when to send or to show something, or effects within a day"),
    Aspect("day of the week", "effects of the weekday, or tests shorter than whole weeks"),
    Aspect("month of the log", "growth, seasons, or how fast what is learned goes stale"),
    Aspect("price of what is bought or seen", "revenue, or anything weighted by price"),
    Aspect(
        "share of a user's events in the first category",
        "the gain of personalising over best sellers, or category diversity",
    ),
)


def distributions(log: ProductLog) -> dict[str, Sample]:
    """Return a sample of each distribution by which logs are compared, by name of the aspect."""
    first = log.session_first
    owner, began = log.user[first], log.time[first].astype("datetime64[s]").astype(np.int64)
    same_user = np.diff(owner) == 0
    seconds = log.time.astype("datetime64[s]").astype(np.int64)
    price = log.price[log.item]
    samples = (
        log.user_counts,
        log.met_counts,
        log.session_sizes,
        np.bincount(owner)[np.unique(owner)],
        np.diff(began)[same_user] / 86_400,
        seconds // 3600 % 24,
        (seconds // 86_400 + 3) % 7,
        log.month,
        price[~np.isnan(price)],
        top_shares(log.user, log.codes["category"]),
    )
    return {
        aspect.name: np.asarray(sample, dtype=np.float64)
        for aspect, sample in zip(ASPECTS, samples, strict=True)
    }


def distance(one: Sample, other: Sample) -> float:
    """Return the Kolmogorov–Smirnov distance of two samples; NaN where one of them is empty."""
    if not len(one) or not len(other):
        return float("nan")
    # The p-value, which is not used, divides by zero for two samples of one.
    with np.errstate(divide="ignore"):
        return float(stats.ks_2samp(one, other, method="asymp").statistic)


@dataclass(frozen=True, slots=True)
class Score:
    """One model's metric in one database."""

    value: float
    low: float
    high: float

    def overlaps(self, other: "Score") -> bool:
        """Whether the two intervals have a value in common."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether the models come out in the same order."""

    tau: float
    """Kendall's τ-b of the metric of the models; NaN with fewer than two, or all alike."""
    swapped: tuple[tuple[str, str], ...]
    """Pairs that one log orders one way, and the other the other way."""
    doubtful: tuple[tuple[str, str], ...]
    """Those of them whose intervals overlap in at least one of the two."""
    clear: int
    """Pairs whose intervals do not overlap in the log."""
    kept: int
    """Those of them that have the same order on the twin."""
    moved: tuple[str, ...]
    """Models whose own intervals on the two do not overlap."""


def agreement(log: Mapping[str, Score], twin: Mapping[str, Score]) -> Agreement:
    """Compare the order of the models that both have, by value."""
    models = [model for model in log if model in twin]
    values = [[scores[model].value for model in models] for scores in (log, twin)]
    tau = float("nan")
    if len(models) > 1:
        tau = float(stats.kendalltau(*values).statistic)
    swapped = tuple(
        (a, b)
        for a, b in combinations(models, 2)
        if (log[a].value - log[b].value) * (twin[a].value - twin[b].value) < 0
    )
    doubtful = tuple(
        (a, b) for a, b in swapped if any(scores[a].overlaps(scores[b]) for scores in (log, twin))
    )
    clear = [(a, b) for a, b in combinations(models, 2) if not log[a].overlaps(log[b])]
    return Agreement(
        tau,
        swapped,
        doubtful,
        clear=len(clear),
        kept=len(set(clear) - set(swapped)),
        moved=tuple(model for model in models if not log[model].overlaps(twin[model])),
    )


@dataclass(frozen=True)
class Likeness:
    """All that is compared; each entry is (log, twin) or a distance."""

    figures: dict[str, tuple[float, float]]
    distances: dict[str, float]
    medians: dict[str, tuple[float, float]]
    scores: dict[str, tuple[Score, Score]]
    agreement: Agreement


def likeness(
    log: ProductLog,
    twin: ProductLog,
    log_scores: Mapping[str, Score],
    twin_scores: Mapping[str, Score],
    seed: int = 0,
) -> Likeness:
    """Compare a log and its twin.

    Args:
        log: Product events of the shop.
        twin: Those of its twin.
        log_scores: NDCG@10 by model; may be empty.
        twin_scores: The same on the twin.
        seed: Seed of what is expected by chance.
    """
    real, made = portrait(log, seed), portrait(twin, seed)
    ours, theirs = distributions(log), distributions(twin)
    return Likeness(
        figures={name: (real[name], made[name]) for name in real},
        distances={name: distance(ours[name], theirs[name]) for name in ours},
        medians={name: (_median(ours[name]), _median(theirs[name])) for name in ours},
        scores={
            model: (score, twin_scores[model])
            for model, score in log_scores.items()
            if model in twin_scores
        },
        agreement=agreement(log_scores, twin_scores),
    )


def _median(sample: Sample) -> float:
    return float(np.median(sample)) if len(sample) else float("nan")


ALWAYS = (
    "Beyond category, brand and price tier, what a user of the twin takes depends on popularity,"
    " age and season only: no products go together and none replace each other. Attributes tell"
    " all there is to know of a user, which flatters content_based; item_cf and als find no other"
    " ties. Do not conclude from the twin what to show beside a product, nor that content_based is"
    " as good in the shop.",
    "Users of the twin never change their tastes, and answer to nothing that they are shown"
    " outside the experiments. Do not conclude anything about long-run effects.",
    "How often shoppers click, buy and look on are settings (experiment.control_ctr,"
    " control_purchase_rate, control_session_depth), not estimates: a log of purchases does not"
    " tell them. Numbers of users needed hold for these settings; set what the shop has measured.",
    "Repeats are in the twin's log, but its truth and its experiments are about products that are"
    " new to the user. Do not conclude from it what a list of products to buy again would bring.",
)
"""What holds for every twin."""


def sentences(found: Likeness) -> list[str]:
    """Say in which respect the twin is unlike the shop, and what must not be concluded."""
    said = []
    unknown = []
    for aspect in ASPECTS:
        gap = found.distances[aspect.name]
        real, made = found.medians[aspect.name]
        if np.isnan(gap):
            unknown.append(aspect.name)
        elif gap >= UNLIKE:
            said.append(
                f"{aspect.name.capitalize()}: unlike (distance {gap:.2f}; median {real:.4g} in the"
                f" log, {made:.4g} in the twin). Do not conclude from the twin {aspect.unsafe}."
            )
    if not said:
        said.append(f"No distribution is further off than {UNLIKE:g}.")
    if unknown:
        said.append(f"Not compared, as one of the two logs does not have it: {', '.join(unknown)}.")
    return [*said, _order_sentence(found), *ALWAYS]


def _order_sentence(found: Likeness) -> str:
    agreed = found.agreement
    if np.isnan(agreed.tau):
        return (
            "Models: not compared, as not both databases hold offline metrics of two models that"
            " differ. Do not conclude from the twin which model is best in the shop."
        )
    order = _level_sentence(agreed)
    if not agreed.swapped:
        return (
            f"Models come out in the same order on both (Kendall's τ {agreed.tau:.2f}). The size"
            f" of the differences need not carry over. {order}"
        )
    pairs = ", ".join(f"{a} and {b}" for a, b in agreed.swapped)
    clear = [pair for pair in agreed.swapped if pair not in agreed.doubtful]
    noise = (
        "in each of them the intervals overlap in at least one of the two logs"
        if not clear
        else "beyond doubt " + ", ".join(f"{a} and {b}" for a, b in clear)
    )
    return (
        f"Models come out in another order (Kendall's τ {agreed.tau:.2f}): swapped are {pairs};"
        f" {noise}. Do not conclude from the twin which of them is better in the shop. {order}"
    )


def _level_sentence(agreed: Agreement) -> str:
    kept = (
        f"Of {agreed.clear} pairs that the log tells apart (intervals do not overlap), the twin"
        f" orders {agreed.kept} the same way."
    )
    if not agreed.moved:
        return kept
    return (
        f"{kept} The level is another for {', '.join(agreed.moved)}: do not expect the twin's"
        " NDCG of it in the shop."
    )


def markdown(found: Likeness, titles: Sequence[str]) -> str:
    """Write the comparison as Markdown: a table each, and the sentences.

    Args:
        found: What was compared.
        titles: Names of the log and of the twin.
    """
    log, twin = titles
    lines = [f"# {twin}, a twin of {log}", "", "## In which respect they differ", ""]
    lines += [f"- {sentence}" for sentence in sentences(found)]
    lines += ["", "## Figures", "", f"| | {log} | {twin} |", "|---|---:|---:|"]
    lines += [
        f"| {name} | {_number(real)} | {_number(made)} |"
        for name, (real, made) in found.figures.items()
    ]
    lines += ["", "## Distributions", ""]
    lines += [f"| | distance (KS) | median, {log} | median, {twin} |", "|---|---:|---:|---:|"]
    for name, gap in found.distances.items():
        real, made = found.medians[name]
        lines.append(f"| {name} | {_number(gap)} | {_number(real)} | {_number(made)} |")
    lines += ["", "## NDCG@10 of the models, with intervals", ""]
    if not found.scores:
        return "\n".join([*lines, "No model has been measured on both.", ""])
    lines += [f"| | {log} | {twin} |", "|---|---:|---:|"]
    ordered = sorted(found.scores.items(), key=lambda entry: -entry[1][0].value)
    lines += [
        f"| {model} | "
        + " | ".join(f"{s.value:.4f} ({s.low:.4f}–{s.high:.4f})" for s in pair)
        + " |"
        for model, pair in ordered
    ]
    lines += ["", f"Kendall's τ: {_number(found.agreement.tau)}", ""]
    return "\n".join(lines)


def _number(value: float) -> str:
    """Three significant digits, thousands with commas, a dash where there is none."""
    if np.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
