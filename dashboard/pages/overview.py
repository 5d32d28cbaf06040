"""Overview: which model to ship and how sure, with a card a model."""

import dash_mantine_components as dmc
import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.panels import panel, sample_ratio_banner, scrolling, simulated_note
from dashboard.pages.page import Page, View
from dashboard.pages.run_facts import run_facts
from dashboard.rows import Row, rows_of
from dashboard.store import RUN_COMMAND, Unavailable
from dashboard.theme import label_of, style_of
from dashboard.verdict import Verdict, decide
from dashboard.vocabulary import METRICS, interval, number, signed_percent

TEXT_COLOR = "var(--mantine-color-text)"


def render(view: View) -> list[Component]:
    """Return the verdict, what each way of evaluating says, and a card a model."""
    metrics = view.ask(queries.OFFLINE_METRICS)
    differences = view.ask(queries.MODEL_COMPARISONS)
    ab_report = view.ask(queries.AB_REPORT)
    if metrics.empty or ab_report.empty:
        raise Unavailable("missing_table", "The results hold no rows.", RUN_COMMAND)
    k = int(metrics["k"].min())
    offline = metrics[metrics["k"] == k]
    guardrails = view.ask(queries.GUARDRAILS)
    truth = view.ask(queries.TRUTH)
    verdict = decide(
        ab_report=ab_report,
        guardrails=guardrails,
        offline=offline,
        k=k,
        interleaving=view.ask(queries.INTERLEAVING_REPORT),
        preferences=view.ask(queries.INTERLEAVING_PREFERENCES),
        differences=differences[(differences["metric"] == "ndcg") & (differences["k"] == k)],
        truth=truth,
    )
    cards = [
        _card(arm, offline[offline["model"] == arm["model"]], guardrails, k, verdict)
        for arm in rows_of(ab_report)
    ]
    warnings, facts = run_facts(view)
    return [
        *warnings,
        *sample_ratio_banner(ab_report),
        _headline(verdict),
        _fit(view),
        html.Div(cards, className="cards"),
        panel(
            "Do the ways of evaluating agree?",
            "Which model each puts first, guardrails aside, and on what figures.",
            _evidence(verdict),
        ),
        simulated_note(has_truth=not truth.empty),
        facts,
    ]


def _headline(verdict: Verdict) -> Component:
    badge = {"clear": "Clear", "likely": "Likely", "open": "Not settled"}[verdict.sure]
    return dmc.Paper(
        [
            dmc.Group(
                [
                    dmc.Title("Which model to ship", order=2, size="h4"),
                    dmc.Badge(badge, variant="outline", color=TEXT_COLOR, id="sure"),
                ],
                gap="sm",
            ),
            dmc.Text(verdict.headline, size="lg", mt="xs", id="verdict"),
        ],
        withBorder=True,
        p="md",
        radius="md",
        style={"borderLeft": f"8px solid {style_of(verdict.model).color}"},
    )


def _fit(view: View) -> Component:
    """What the hold-out says of models beside what the shop would do without one."""
    verdicts = rows_of(view.ask(queries.SHOP_VERDICT))
    return panel(
        "Beside what the shop would do anyway",
        "Models and baselines (best sellers, the user's own most frequent products) on the"
        " hold-out: all products, those new to the user, and those bought or seen before.",
        dmc.List(
            [dmc.ListItem(dmc.Text(verdict["sentence"], size="sm")) for verdict in verdicts],
            spacing="xs",
            id="shop-verdict",
        ),
        dmc.Text(dcc.Link("All figures, by kind of user and over time", href="/fit"), mt="sm"),
    )


def _card(
    arm: Row,
    offline: pd.DataFrame,
    guardrails: pd.DataFrame,
    k: int,
    verdict: Verdict,
) -> Component:
    model = str(arm["model"])
    values = {row["metric"]: row for row in rows_of(offline)}
    uplift = (
        ("control", "compared against")
        if arm["is_control"]
        else (
            signed_percent(arm["ctr_uplift"]),
            interval(arm["ctr_uplift_low"], arm["ctr_uplift_high"], "+.1%"),
        )
    )
    figures = [_figure("CTR uplift", "Click rate over the control's, minus 1.", *uplift)]
    if "ndcg" in values:
        row, known = values["ndcg"], METRICS["ndcg"]
        figures.append(
            _figure(
                known.title(k),
                known.explanation,
                number(row["value"], known.digits),
                interval(row["ci_low"], row["ci_high"], known.digits),
            )
        )
    return dmc.Paper(
        [
            dmc.Group(
                [
                    html.Span(
                        className=f"symbol symbol-{style_of(model).symbol}",
                        style={"background": style_of(model).color},
                    ),
                    dmc.Title(label_of(model), order=3, size="h5"),
                    *(
                        [dmc.Badge("ship", variant="outline", color=TEXT_COLOR)]
                        if model == verdict.model
                        else []
                    ),
                ],
                gap="xs",
            ),
            dmc.Stack(figures, gap=6, mt="sm"),
            dmc.Divider(my="sm"),
            *_guardrails(guardrails[guardrails["model"] == model]),
        ],
        withBorder=True,
        p="md",
        radius="md",
        id={"type": "card", "model": model},
    )


def _figure(label: str, explanation: str, value: str, interval: str) -> Component:
    return html.Div(
        [
            dmc.Group(
                [
                    dmc.Tooltip(
                        dmc.Text(label, size="sm", className="explanation"),
                        label=explanation,
                        multiline=True,
                        w=260,
                        events={"hover": True, "focus": True, "touch": True},
                    ),
                    dmc.Text(value, fw=700, className="figure-number"),
                ],
                justify="space-between",
                gap="xs",
            ),
            dmc.Text(interval, size="xs", ta="right", className="figure-number explanation"),
        ]
    )


def _guardrails(rows: pd.DataFrame) -> list[Component]:
    lines = []
    for row in rows_of(rows):
        known = METRICS[row["metric"]]
        sign, word = ("✓", "at least") if row["passed"] else ("✗", "below")
        lines.append(
            dmc.Text(
                f"{sign} {known.label} {number(row['value'], known.digits)},"
                f" {word} {number(row['threshold'], known.digits)}",
                size="sm",
                fw=400 if row["passed"] else 700,
            )
        )
    return lines


def _evidence(verdict: Verdict) -> Component:
    return scrolling(
        dmc.Table(
            [
                dmc.TableThead(
                    dmc.TableTr([dmc.TableTh(name) for name in ("", "Puts first", "Figures")])
                ),
                dmc.TableTbody(
                    [
                        dmc.TableTr(
                            [
                                dmc.TableTd(evidence.source, fw=600),
                                dmc.TableTd(
                                    f"{'=' if evidence.agrees else '≠'} {label_of(evidence.model)}"
                                ),
                                dmc.TableTd(evidence.sentence),
                            ]
                        )
                        for evidence in verdict.evidence
                    ]
                ),
            ],
            id="evidence",
        ),
        "What each way of evaluating puts first",
    )


PAGE = Page(
    path="/",
    title="Overview",
    question="Which recommender should the shop ship, and how sure is that?",
    render=render,
)
