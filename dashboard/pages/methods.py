"""Ways of evaluating: which of them find the truth, at what price, and how often they cry wolf."""

from typing import Any

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments, selection
from dashboard.components.grid import grid, number_column, text_column, written_column
from dashboard.components.panels import graph, panel
from dashboard.figures.ways import alarm_figure, copy_figure, power_figure, rank_figure
from dashboard.methods import FAMILIES, in_order, method_of
from dashboard.pages.page import Page, View
from dashboard.ranking import AB_TEST, TRUTH, Ranking, agreement, rankings
from dashboard.scorecard import (
    false_alarms,
    median_model,
    models_by_users,
    power_curves,
    sizes,
    summary,
    with_copy,
)
from dashboard.store import RUN_COMMAND, Unavailable
from dashboard.theme import label_of

SMALL, LARGE = 1_000, 20_000
"""Users of the two experiments that the summary tells of."""


def render(view: View) -> list[Component]:
    """Return the scorecard in a table, the orders of this run, and what the table is drawn from."""
    found = _rankings(view)
    scorecard = view.ask(queries.METHOD_SCORECARD)
    plan = view.ask(queries.EXPERIMENT_PLAN)
    if scorecard.empty:
        return [_no_truth(), *_orders(found, view), _plan(plan, view)]
    middle = median_model(scorecard)
    models = models_by_users(scorecard)
    model = view.chosen("model", [middle, *models]) if middle else None
    present = {method_of(method).family for method in scorecard["method"]}
    families: dict[str, str] = {
        family: name for family, name in FAMILIES.items() if family in present
    }
    family = view.chosen("ways", list(families))
    alphas = [float(alpha) for alpha in plan["alpha"].head(1)]
    return [
        _choices(models, model, families, family),
        _summary(scorecard, model, view),
        *_orders(found, view),
        *_power(scorecard, model, family, view),
        *_alarms(scorecard, family, alphas[0] if alphas else None, view),
        *_copies(scorecard, family, view),
        _plan(plan, view),
    ]


def _rankings(view: View) -> list[Ranking]:
    metrics = view.ask(queries.OFFLINE_METRICS)
    if metrics.empty:
        raise Unavailable("missing_table", "No metric has been taken yet.", RUN_COMMAND)
    k = int(metrics["k"].min())
    return rankings(
        truth=view.ask(queries.TRUTH),
        ab_report=view.ask(queries.AB_REPORT),
        interleaving=view.ask(queries.INTERLEAVING_REPORT),
        pairs=view.ask(queries.INTERLEAVING_PAIRS),
        offline=metrics[metrics["k"] == k],
        k=k,
        counterfactual=view.ask(queries.COUNTERFACTUAL_REPORT),
    )


def _choices(
    models: list[str], model: str | None, families: dict[str, str], family: str
) -> Component:
    names = {name: label_of(name) for name in models}
    return dmc.Group(
        [
            *([selection("model", "Model against the control", names, model)] if model else []),
            segments("ways", "Figures of", families, family),
        ],
        align="flex-end",
        gap="lg",
    )


def _no_truth() -> Component:
    return dmc.Alert(
        "This shop's log does not say what its users would have done with other lists, so no way of"
        " evaluating can be held against a truth: there is no scorecard, no power curve and no"
        " false-alarm rate. What can be said is whether the ways agree with one another, and how"
        " many users a test of your own would need.",
        title="No truth for a real log",
        color="gray",
        variant="outline",
        className="notice",
        id="no-truth",
    )


def _summary(scorecard: pd.DataFrame, model: str | None, view: View) -> Component:
    n_users = sizes(scorecard, SMALL, LARGE)
    against = label_of(model) if model else "a model"
    rows = summary(scorecard, model, n_users)
    return panel(
        "How good is each way?",
        "Every kind of experiment was repeated many times on the synthetic shop, whose truth is"
        " known. ± is the standard error of that repetition. Rest on a heading to read what it"
        " means; a dash was not tried.",
        grid(
            "scorecard",
            "Ways of evaluating",
            rows,
            [
                text_column(
                    "label", "Way", pinned="left", minWidth=150, tooltipField="explanation"
                ),
                *(
                    _rate(
                        f"best_{place}",
                        f"Finds the best, {size:,} users",
                        "Share of repetitions in which the model put first is the truly best one.",
                        0,
                    )
                    for place, size in enumerate(n_users)
                ),
                _rate(
                    "identical",
                    "False alarms, identical lists",
                    "Share of comparisons called significant though both arms show the same lists,"
                    " in the largest experiment.",
                ),
                _rate(
                    "equal_truth",
                    "False alarms, equal truth",
                    "Share of comparisons called significant though the different lists are equally"
                    " good, in the largest experiment.",
                ),
                number_column(
                    "users",
                    f"Users for 80% power, {against}",
                    ",.0f",
                    f"Users that find {against} different from the control in four experiments of"
                    " five.",
                ),
                number_column(
                    "ratio",
                    "A/B users over these",
                    ".2f",
                    "Users of the A/B test by click rate over users of this way: above 1, this way"
                    " needs fewer.",
                ),
                number_column(
                    "clicks_lost",
                    "Clicks lost meanwhile",
                    ".1%",
                    "Share of the best model's clicks that is lost while the experiment runs.",
                ),
                text_column(
                    "copy",
                    "With a near-copy",
                    minWidth=160,
                    headerTooltip="How often the best model is found without and with a near-copy"
                    " of it among the models; holds: no lower than chance explains.",
                ),
            ],
            view.scheme,
        ),
    )


def _rate(field: str, header: str, explanation: str, digits: int = 1) -> dict[str, Any]:
    template = f"{{{field}:.{digits}%}} ± {{{field}_error:.1%}}"
    return written_column(field, header, template, explanation, minWidth=130)


def _orders(found: list[Ranking], view: View) -> list[Component]:
    if not found:
        return []
    reference = next(
        (ranking for way in (TRUTH, AB_TEST) for ranking in found if ranking.way == way), found[0]
    )
    models = list(reference.ranks)
    rows = []
    for ranking in found:
        right, ordered = agreement(ranking, reference)
        rows.append(
            {
                "way": ranking.way,
                "right": right,
                "ordered": ordered,
                **{f"rank_{place}": ranking.ranks.get(name) for place, name in enumerate(models)},
            }
        )
    called = "the truth" if reference.way == TRUTH else "the A/B test"
    return [
        panel(
            "In which order does each way put the models?",
            f"The orders of this one run, beside {called}; dotted lines follow a model."
            " Equal values share a rank.",
            graph(
                "ranks",
                rank_figure(found, view.scheme),
                "Rank of every model by each way of evaluating.",
            ),
        ),
        panel(
            "The orders in figures",
            f"Pairs: of the pairs of models that {called} tells apart, how many the way puts in the"
            " same order.",
            grid(
                "ranks",
                "Ranks",
                pd.DataFrame(rows),
                [
                    text_column("way", "Way", minWidth=150),
                    written_column(
                        "right",
                        f"Pairs as {called}",
                        "{right:,} of {ordered:,}",
                        f"Pairs of models in the order of {called}.",
                    ),
                    *(
                        number_column(
                            f"rank_{place}", label_of(name), ",", "Its rank; 1 is the best."
                        )
                        for place, name in enumerate(models)
                    ),
                ],
                view.scheme,
            ),
        ),
    ]


def _power(scorecard: pd.DataFrame, model: str | None, family: str, view: View) -> list[Component]:
    curves = power_curves(scorecard, model, family)
    if model is None or curves.empty:
        return [_nothing("Power", "No power was simulated for these ways.")]
    return [
        panel(
            f"Power to find {label_of(model)} different from the control",
            "Power is the share of experiments that find the difference. The dotted line is the"
            " usual target of 80%; bars are 95% Monte-Carlo intervals. A model as good as the"
            " control is never found, however many users take part.",
            graph(
                "power",
                power_figure(curves, view.scheme),
                f"Power by number of users of each way, for {label_of(model)}.",
            ),
        )
    ]


def _alarms(
    scorecard: pd.DataFrame, family: str, alpha: float | None, view: View
) -> list[Component]:
    rates = false_alarms(scorecard, family)
    if rates.empty:
        return [_nothing("False alarms", "No false alarms were counted for these ways.")]
    promised = f" The dotted line is the promised {alpha:.0%}." if alpha is not None else ""
    return [
        panel(
            "False alarms",
            "Share of comparisons called significant although nothing is different, before any"
            f" correction for several comparisons; bars are 95% Monte-Carlo intervals.{promised}",
            graph(
                "false_alarms",
                alarm_figure(rates, alpha, view.scheme),
                "False-alarm rate of each way, by what the arms show.",
            ),
        )
    ]


def _copies(scorecard: pd.DataFrame, family: str, view: View) -> list[Component]:
    pairs = with_copy(scorecard)
    pairs = pairs[[method_of(method).family == family for method in pairs["method"]]]
    if pairs.empty:
        return [_nothing("Near-copies", "These ways were not tried with a near-copy.")]
    users = " and ".join(f"{int(n):,}" for n in sorted(pairs["n_users"].unique()))
    return [
        panel(
            "Near-copies",
            "A copy of the best model joins the experiment. Ways that share clicks among models"
            " split them between the two, and a worse model can come out first; naming either copy"
            f" counts as right. Experiments of {users} users.",
            graph(
                "near_copies",
                copy_figure(pairs, view.scheme),
                "How often each way names the best model, without and with a near-copy of it.",
            ),
        )
    ]


def _nothing(title: str, sentence: str) -> Component:
    return panel(title, sentence)


def _plan(plan: pd.DataFrame, view: View) -> Component:
    order = in_order(set(plan["method"]))
    rows = plan.assign(
        label=[method_of(method).label for method in plan["method"]],
        choice=["recommended" if chosen else "" for chosen in plan["recommended"]],
    ).sort_values("method", key=lambda names: names.map(order.index), kind="stable")
    effect = "".join(f" of {value:.0%}" for value in plan["smallest_effect"].head(1))
    power = "".join(f" with {value:.0%} power" for value in plan["power"].head(1))
    return panel(
        "A test of your own",
        f"Users and days that find a relative difference{effect} in click rate{power}, all models"
        " in one experiment.",
        grid(
            "plan",
            "A test of your own",
            rows,
            [
                text_column("label", "Way", minWidth=150),
                number_column("users_needed", "Users", ",", "Users of the whole experiment."),
                number_column("days_needed", "Days", ",", "Days until so many users have come."),
                text_column("choice", "Advice", minWidth=140),
                text_column("sentence", "In words", minWidth=420),
            ],
            view.scheme,
        ),
    )


PAGE = Page(
    path="/methods",
    title="Ways of evaluating",
    question="Which ways of evaluating find the truth, and what do they cost?",
    render=render,
)
