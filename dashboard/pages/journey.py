"""User journey: from views to purchases, in the shop and in the arms of the experiment."""

import dash_mantine_components as dmc
import pandas as pd
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components.filters import segments, selection
from dashboard.components.grid import grid, number_column, text_column, written_column
from dashboard.components.panels import graph, panel
from dashboard.figures.journey import (
    arms_figure,
    funnel_figure,
    reads_figure,
    season_figure,
    sessions_figure,
    step_label,
    steps_figure,
)
from dashboard.pages.page import Page, View
from dashboard.rows import Row, rows_of
from dashboard.store import RUN_COMMAND, Unavailable
from dashboard.theme import label_of, labels_of
from dashboard.vocabulary import number, percent

BREAKDOWNS = {
    "category": "Category of the product",
    "activity": "Activity of the user",
    "favourite": "Favourite category of the user",
}
STEPS = ("view", "click", "add_to_cart", "purchase")
WHOLE_SHOP = "Whole shop"
LOWEST_FIRST = {"low": 0, "middle": 1, "high": 2}


def render(view: View) -> list[Component]:
    """Return the funnels of the shop and of the arms, months, sessions, and reads."""
    funnel = view.ask(queries.SHOP_FUNNEL)
    if funnel.empty:
        raise Unavailable("missing_table", "The log has no product event.", RUN_COMMAND)
    whole = funnel[funnel["month"].isna()]
    return [
        dmc.SimpleGrid(
            [_shop(whole[whole["breakdown"] == "total"], view), _arms(view)],
            cols={"base": 1, "lg": 2},
        ),
        _by_segment(whole, view),
        _over_time(funnel, view),
        dmc.SimpleGrid([_sessions(view), _reads(view)], cols={"base": 1, "lg": 2}),
    ]


def normalised(steps: pd.DataFrame) -> pd.DataFrame:
    """Put the steps of funnels, one a segment, in order; add their share of the first step."""
    steps = steps.sort_values("position", kind="stable")
    first = steps.groupby("segment", dropna=False)["n_events"].transform("first")
    return steps.assign(share=steps["n_events"] / first.where(first > 0))


def _shop(total: pd.DataFrame, view: View) -> Component:
    steps = normalised(total)
    absent = [step_label(step).lower() for step in STEPS if step not in set(steps["step"])]
    said = f" This log has no event of the kind: {', '.join(absent)}." if absent else ""
    return panel(
        "Funnel of the shop",
        "Product events of the whole log by step, as shares of the first step and in numbers; one"
        f" view may lead to several of a later step.{said}",
        graph(
            "shop_funnel",
            funnel_figure(steps, view.scheme),
            "Events by step: "
            + ", ".join(f"{step_label(row['step'])} {row['n_events']:,}" for row in rows_of(steps)),
        ),
    )


def _arms(view: View) -> Component:
    report = view.ask(queries.AB_REPORT)
    rows = [
        {"model": row["model"], "step": step, "share": row[count] / row["impressions"]}
        for row in rows_of(report)
        for step, count in (
            ("impression", "impressions"),
            ("click", "clicks"),
            ("purchase", "purchases"),
        )
        if row["impressions"]
    ]
    table = report.assign(label=[label_of(model) for model in report["model"]])
    return panel(
        "Funnel of every arm of the experiment",
        "Products shown, clicked and bought, as shares of the products shown; simulated traffic.",
        graph(
            "arm_funnel",
            arms_figure(pd.DataFrame(rows, columns=["model", "step", "share"]), view.scheme),
            f"Impressions, clicks and purchases of {labels_of(report['model'])}.",
        ),
        grid(
            "arm_funnel",
            "Arms",
            table.assign(
                click_share=table["clicks"] / table["impressions"],
                purchase_share=table["purchases"] / table["impressions"],
                purchases_per_click=table["purchases"] / table["clicks"].where(table["clicks"] > 0),
            ),
            [
                text_column("label", "Arm", minWidth=130),
                number_column("impressions", "Impressions", ",", "Products shown.", minWidth=135),
                written_column(
                    "click_share", "Clicks", "{click_share:.2%} ({clicks:,})", minWidth=150
                ),
                written_column(
                    "purchase_share",
                    "Purchases",
                    "{purchase_share:.3%} ({purchases:,})",
                    minWidth=150,
                ),
                number_column(
                    "purchases_per_click", "Purchases per click", ".1%", "Of the clicks, bought."
                ),
            ],
            view.scheme,
        ),
    )


def _by_segment(whole: pd.DataFrame, view: View) -> Component:
    known = [name for name in BREAKDOWNS if name in set(whole["breakdown"])]
    breakdown = view.chosen("by", known)
    mine = whole[whole["breakdown"] == breakdown]
    rows: dict[str, Row] = {}
    for step in rows_of(normalised(mine)):
        row = rows.setdefault(step["segment"], {"segment": step["segment"]})
        row |= {step["step"]: step["n_events"], f"{step['step']}_share": step["share"]}
    table = pd.DataFrame(rows.values())
    table = table.sort_values("segment", key=lambda names: names.map(LOWEST_FIRST).fillna(0))
    present = [step for step in STEPS if step in table]
    columns = [
        text_column("segment", BREAKDOWNS[breakdown], minWidth=150),
        number_column(present[0], step_label(present[0]), ",", "The first step: events."),
        *(
            written_column(
                f"{step}_share",
                step_label(step),
                f"{{{step}_share:.1%}} ({{{step}:,}})",
                f"Events over those of the step {step_label(present[0]).lower()}.",
                minWidth=150,
            )
            for step in present[1:]
        ),
    ]
    return panel(
        "Funnel by segment",
        "The same funnel of a part of the products or users. Activity is thirds of the users by"
        " events before the hold-out.",
        segments("by", "Segments by", {name: BREAKDOWNS[name] for name in known}, breakdown),
        grid("segment_funnel", "Funnel by segment", table, columns, view.scheme),
    )


def _over_time(funnel: pd.DataFrame, view: View) -> Component:
    monthly = funnel[funnel["month"].notna()]
    seasons = view.ask(queries.SEASONALITY)
    categories = [WHOLE_SHOP, *dict.fromkeys(seasons["category"])]
    chosen = view.chosen("category", categories)
    breakdown, segment = ("total", "all") if chosen == WHOLE_SHOP else ("category", chosen)
    mine = monthly[(monthly["breakdown"] == breakdown) & (monthly["segment"] == segment)]
    figures = [
        graph(
            "months",
            steps_figure(mine.sort_values(["position", "month"]), view.scheme),
            f"Events a month of {chosen}, a line a step.",
        )
    ]
    said = "Choose a category to see its season."
    if chosen != WHOLE_SHOP:
        curve = seasons[seasons["category"] == chosen]
        specified = curve["specified"].notna().any()
        said = (
            "The season is events a day over the category's mean day; dashed, as the synthetic"
            " shop specifies it, to which growth and new products are added."
            if specified
            else "The season is events a day over the category's mean day; what season the shop"
            " itself expects is not known from a log."
        )
        figures.append(
            graph(
                "season",
                season_figure(curve, view.scheme),
                f"Season of {chosen}, month by month.",
            )
        )
    return panel(
        "Over time",
        f"Events a month by step; the first and the last month may be partial. {said}",
        selection("category", "Category", {name: name for name in categories}, chosen),
        dmc.SimpleGrid(figures, cols={"base": 1, "lg": len(figures)}),
    )


def _sessions(view: View) -> Component:
    lengths = view.ask(queries.SESSION_LENGTHS)
    n = lengths["n_sessions"].sum()
    mean = (lengths["n_events"] * lengths["n_sessions"]).sum() / n
    minutes = (lengths["mean_minutes"] * lengths["n_sessions"]).sum() / n
    bought = lengths["n_with_purchase"].sum() / n
    read = lengths["n_with_read"].sum() / n
    return panel(
        "Sessions and their lengths",
        f"{n:,} sessions of {number(mean, '.1f')} events and {number(minutes, '.0f')} minutes on"
        f" average; {percent(bought)} hold a purchase, {percent(read)} editorial content.",
        graph(
            "sessions",
            sessions_figure(lengths.assign(share=lengths["n_sessions"] / n), view.scheme),
            f"Share of sessions by number of events, 1 to {lengths['n_events'].max():,}.",
        ),
    )


def _reads(view: View) -> Component:
    reads = view.ask(queries.READS_TO_PURCHASES)
    if reads.empty:
        return panel(
            "From editorial reads to purchases",
            "This log has no editorial content, or none that can be followed for long enough.",
        )
    windows = {
        str(days): f"{days} day{'s' if days > 1 else ''}"
        for days in sorted(reads["within_days"].unique())
    }
    steps = {step: step_label(step) for step in STEPS if step in set(reads["step"])}
    # A month is long enough for most purchases.
    days = view.chosen("within", sorted(windows, key=int, reverse=True))
    step = view.chosen("step", sorted(steps, key=STEPS.index, reverse=True))
    mine = reads[(reads["within_days"] == int(days)) & (reads["step"] == step)]
    mine = mine.assign(
        before=mine["n_before"] / mine["n_reads"], after=mine["n_after"] / mine["n_reads"]
    )
    return panel(
        "From editorial reads to purchases",
        f"Of the reads of a category: the share with the step in the same category within {days}"
        f" days after the read, beside the share within {days} days before it, which is what"
        " these users do anyway. No proof that reading causes it.",
        dmc.Group(
            [
                segments("step", "Step", steps, step),
                segments("within", "Within", windows, days),
            ]
        ),
        graph(
            "reads",
            reads_figure(mine, view.scheme),
            f"{steps[step]} within {days} days after and before a read, by category.",
        ),
    )


PAGE = Page(
    path="/journey",
    title="User journey",
    question="What do users do on the way from a view to a purchase, and where do they stop?",
    render=render,
)
