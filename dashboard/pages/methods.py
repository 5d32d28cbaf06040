"""Ways of evaluating: offline, A/B, interleaving and logs, each held against the truth."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments
from dashboard.components.grid import grid, number_column, text_column
from dashboard.components.panels import graph, panel
from dashboard.figures.curves import error_figure, power_figure, rank_figure
from dashboard.pages.page import Page, View
from dashboard.rows import rows_of
from dashboard.theme import label_of
from dashboard.vocabulary import METRICS, number, percent
from dashboard.ways import WAYS, way_of

COMPARED = (
    "offline_ndcg_global",
    "ab_delta",
    "ab_mann_whitney",
    "ab_cuped",
    "ab_sequential",
    "interleaving_pairs",
    "pairwise_multileaving",
    "multileaving_preference",
    "doubly_robust",
    "position_based_ips",
)
"""Ways whose curves are drawn: one of each kind, so that a figure stays readable."""
SMALL, LARGE = 1_000, 5_000
"""Sizes that every method was tried at."""
_WORDS = ("label", "family", "explanation")


def render(view: View) -> list[Component]:
    """Return ranks side by side, what each way is worth, power, false alarms and near-copies."""
    scorecard = view.ask(queries.METHOD_SCORECARD)
    truth = view.ask(queries.TRUTH)
    ranks = _ranks(view, truth)
    parts = [_ranking(ranks, view, has_truth=not truth.empty)]
    if scorecard.empty:
        return [_no_truth(), *parts]
    return [
        *parts,
        _summary(scorecard, view),
        _power(scorecard, view),
        _false_alarms(scorecard, view),
        _near_copies(scorecard, view),
    ]


def _no_truth() -> Component:
    return dmc.Alert(
        "Nobody knows what the customers of a real shop would have done with other lists, so no way"
        " of evaluating can be held against the truth here. The ranks that they give can be"
        " compared with each other. On the synthetic shop this page says how often each is right.",
        title="No truth to judge by",
        color="gray",
        variant="outline",
        className="notice",
        id="no-truth",
    )


def _ranks(view: View, truth: pd.DataFrame) -> pd.DataFrame:
    """Rank and value of every model by each way that has one for the shop's own experiments."""
    offline = view.ask(queries.OFFLINE_METRICS)
    k = int(offline["k"].min()) if len(offline) else 0
    ndcg = offline[(offline["metric"] == "ndcg") & (offline["k"] == k)]
    report, drafts = view.ask(queries.AB_REPORT), view.ask(queries.INTERLEAVING_REPORT)
    true = truth[(truth["metric"] == "ctr") & (truth["model"] != "oracle")]
    sources = (
        ("Truth", true, "value", ".2%", "expected clicks a product shown"),
        (f"Offline {METRICS['ndcg'].title(k)}", ndcg, "value", ".4f", "on the hold-out"),
        ("A/B test", report, "ctr", ".2%", "clicks a product shown"),
        ("Interleaving", drafts, "avg_credits", ".3f", "credits a user"),
    )
    parts = []
    for way, table, column, digits, unit in sources:
        known = table[table[column].notna()]
        ranks = known[column].rank(ascending=False, method="min").astype(int)
        values = [f"{number(value, digits)} {unit}" for value in known[column]]
        parts.append(known[["model"]].assign(way=way, rank=ranks, value=values))
    return pd.concat(parts, ignore_index=True)


def _ranking(ranks: pd.DataFrame, view: View, *, has_truth: bool) -> Component:
    ways = list(dict.fromkeys(ranks["way"]))
    leaders = [
        f"{way}: {label_of(model)}"
        for way in ways
        for model in ranks[(ranks["way"] == way) & (ranks["rank"] == 1)]["model"].head(1)
    ]
    of_truth = " The truth is on the left; a line that leaves it was judged wrongly." * has_truth
    return panel(
        "Do they agree?",
        f"The rank that each way gives each model in this run.{of_truth}",
        graph(
            "ranks",
            rank_figure(ranks, ways, view.scheme),
            f"Rank of every model by each way of evaluating. First: {'; '.join(leaders)}.",
        ),
    )


def summary(scorecard: pd.DataFrame) -> pd.DataFrame:
    """One row a method: how often it is right, how often it cries wolf, and what it needs."""
    columns = {
        "best_small": _values(scorecard, "best_pick_rate", "models", SMALL),
        "best_large": _values(scorecard, "best_pick_rate", "models", LARGE),
        "best_cloned": _values(scorecard, "best_pick_rate", "cloned", SMALL),
        "identical": _values(scorecard, "false_alarm_rate", "identical"),
        "equal_truth": _values(scorecard, "false_alarm_rate", "equal_truth", LARGE),
        "users": _medians(scorecard, "users_for_80_power"),
        "ratio": _medians(scorecard, "ratio_to_ab"),
        "lost": _values(scorecard, "clicks_lost", "models"),
    }
    tried = set(scorecard["method"])
    methods = [name for name in WAYS if name in tried]
    ways = [way_of(method) for method in methods]
    words = {name: [getattr(way, name) for way in ways] for name in _WORDS}
    numbers = {name: found.reindex(methods).to_numpy() for name, found in columns.items()}
    return pd.DataFrame(words | numbers)


def _values(
    rows: pd.DataFrame, measure: str, arms: str, n_users: int | None = None
) -> "pd.Series[float]":
    """A value of the scorecard by method; without a size, that of the largest."""
    found = rows[(rows["measure"] == measure) & (rows["arms"] == arms)]
    if n_users is not None:
        found = found[found["n_users"] == n_users]
    return found.drop_duplicates("method", keep="last").set_index("method")["value"]


def _medians(rows: pd.DataFrame, measure: str) -> "pd.Series[float]":
    """Median over the models of a measure of the scorecard, by method."""
    return rows[rows["measure"] == measure].groupby("method")["value"].median()


def _summary(scorecard: pd.DataFrame, view: View) -> Component:
    replicates = " Each share comes from repeated simulated experiments on this shop."
    return panel(
        "What each way is worth",
        "How often it names the truly best model, how often it finds a difference where there is"
        " none (5% is promised), and how many users it needs. Rest on a name to read how it works."
        f"{replicates}",
        grid(
            "method_scorecard",
            "Scorecard of the methods",
            summary(scorecard),
            [
                text_column(
                    "label",
                    "Way of evaluating",
                    pinned="left",
                    minWidth=230,
                    tooltipField="explanation",
                ),
                text_column("family", "Kind", minWidth=115),
                number_column(
                    "best_small",
                    f"Best model named, {SMALL:,} users",
                    ".0%",
                    "Share of experiments of this size whose winner is the truly best model.",
                ),
                number_column(
                    "best_large",
                    f"Best model named, {LARGE:,} users",
                    ".0%",
                    "Share of experiments of this size whose winner is the truly best model.",
                ),
                number_column(
                    "best_cloned",
                    f"… with the best twice, {SMALL:,} users",
                    ".0%",
                    "The same with one more arm that shows the best model's lists again.",
                ),
                number_column(
                    "identical",
                    "False alarms, identical lists",
                    ".1%",
                    "Comparisons that come out significant although the lists are the same.",
                ),
                number_column(
                    "equal_truth",
                    "False alarms, equal lists",
                    ".1%",
                    f"The same for different lists worth as many clicks, {LARGE:,} users.",
                ),
                number_column(
                    "users",
                    "Users for 80% power",
                    ",.0f",
                    "To tell a model from the control, median over models; of a test of the two"
                    " alone (A/B, two-model drafts), else of one that shows all models.",
                ),
                number_column(
                    "ratio",
                    "Times fewer than A/B",
                    ".2f",
                    "Users of a two-arm A/B test over this way's; below 1 it needs more.",
                ),
                number_column(
                    "lost",
                    "Clicks lost meanwhile",
                    ".0%",
                    "Share of the best model's clicks that users do not make while it runs.",
                ),
            ],
            view.scheme,
        ),
    )


def _power(scorecard: pd.DataFrame, view: View) -> Component:
    rows = scorecard[
        (scorecard["measure"] == "power")
        & (scorecard["arms"] == "models")
        & scorecard["method"].isin(COMPARED)
    ]
    models = list(dict.fromkeys(rows["model"].dropna()))
    if not models:
        return panel("Power", "No model differs from the control, so there is nothing to find.")
    model = view.chosen("model", models)
    options = {name: label_of(name) for name in models}
    return panel(
        "Power",
        "Chance that an experiment finds the difference between a model and the control, in the"
        " true direction. The dotted line is the usual 80%.",
        segments("model", "Model", options, model),
        graph(
            "power",
            power_figure(rows[rows["model"] == model], view.scheme),
            f"Power to find {label_of(model)} different from the control, by number of users.",
        ),
    )


def _false_alarms(scorecard: pd.DataFrame, view: View) -> Component:
    rows = scorecard[scorecard["measure"] == "false_alarm_rate"]
    largest = rows.groupby(["method", "arms"], sort=False)["n_users"].transform("max")
    rows = rows[rows["n_users"] == largest]
    daily = scorecard[scorecard["measure"] == "daily_false_alarm_rate"]
    watched = "; ".join(
        f"{way_of(r['method']).label} {percent(r['value'])}" for r in rows_of(daily)
    )
    looked = f" Looking every day and stopping at the first finding: {watched}." if watched else ""
    return panel(
        "False alarms",
        "Comparisons called significant although there is nothing to find, at the largest size"
        " tried; the dotted line is the promised 5%. Who is far to the right sees something else"
        f" than clicks.{looked}",
        graph(
            "false_alarms",
            error_figure(rows, view.scheme, "False alarms", promised=0.05),
            "False-alarm rate of every method by what the arms show.",
        ),
    )


def _near_copies(scorecard: pd.DataFrame, view: View) -> Component:
    rows = scorecard[
        (scorecard["measure"] == "best_pick_rate")
        & scorecard["arms"].isin(["closest", "closest_cloned"])
        & (scorecard["n_users"] == LARGE)
    ]
    if rows.empty:
        return panel("Near-copies", "No two models are better than the control and differ.")
    with_both = rows.groupby("method")["arms"].transform("nunique") == 2
    return panel(
        "Near-copies",
        f"Of the two models that are worth nearly the same, how often {LARGE:,} users name the"
        " better one, alone and with its copy as a third arm; either copy counts as right. A team"
        " draft splits the clicks between the copies, and the worse model comes out ahead.",
        graph(
            "near_copies",
            error_figure(rows[with_both], view.scheme, "Experiments that name the better model"),
            "Share of experiments that name the better of two models, with and without its copy.",
        ),
    )


PAGE = Page(
    path="/methods",
    title="Ways of evaluating",
    question="Which way of evaluating finds the truly best model, and at what price?",
    render=render,
)
