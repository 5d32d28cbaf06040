"""A twin's configuration as YAML, with comments that say where each value comes from."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import yaml

from recolab_assets.shop.calibrate import LINKS, Figure

_COMMENTS = {
    "data.n_users": "those who never come count too",
    "data.n_products": "those that nobody meets count too",
    "data.n_interactions": "the log's events",
    "shop.start": "first month, number of months and last day of the log",
    "shop.taxonomy": "the log's own categories; shares of events, seasons against the whole shop's",
    "shop.n_brands": "as many brands of one size as are as uneven as those of the log",
    "shop.product_tail": "where the popularity law bends, and its exponents from there on",
    "shop.funnel": "the product events that the log records",
    "shop.affinity": "how far users keep to one category, and in it to one subcategory",
    "shop.lifecycle": "how fast best sellers change, and how many products are new",
    "shop.seasonality.traffic": "visits a day in each month, beyond the seasons of the categories",
    "shop.taste": "pull of brands and price tiers, where the log has them",
    "shop.activity.sigma": "spread of the users' activity",
    "shop.activity.max_sessions": "more than anybody needs",
    "shop.activity.event_gap_seconds": "mean of the log",
    "shop.activity.weekday_weights": "visits from Monday on",
    "shop.activity.hour_weights": "visits from midnight (UTC) on",
    "split": "the settings of the log's configuration, so that the models are the same on both",
    "storage": "the twin's own file",
}
_FIGURES = {link.path: link.figure for link in LINKS}


def twin_yaml(sections: Mapping[str, Any], wanted: Mapping[str, Figure], source: str) -> str:
    """Write a configuration that the lab reads, with a comment beside what was estimated.

    Args:
        sections: The configuration, as nested values.
        wanted: The figures of the log that parameters were calibrated to.
        source: What the log is called.
    """
    head = [
        f"# A synthetic twin of the log in {source}, estimated by python -m recolab_assets.twin.",
        "# Figures in brackets are those of the log that a value was calibrated to reproduce.",
        "",
    ]
    return "\n".join([*head, *_lines(sections, "", 0, wanted), ""])


def _lines(
    values: Mapping[str, Any], prefix: str, depth: int, wanted: Mapping[str, Figure]
) -> Iterator[str]:
    indent = "  " * depth
    for key, value in values.items():
        path = prefix + str(key)
        comment = _comment(path, wanted)
        if isinstance(value, Mapping) and value and path != "shop.taxonomy":
            yield f"{indent}{key}:{comment}"
            yield from _lines(value, f"{path}.", depth + 1, wanted)
        elif path == "shop.taxonomy":
            yield f"{indent}{key}:{comment}"
            yield from (f"{indent}  - {_flow(category)}" for category in value)
        else:
            yield f"{indent}{key}: {_flow(value)}{comment}"


def _comment(path: str, wanted: Mapping[str, Figure]) -> str:
    said = [_COMMENTS[path]] if path in _COMMENTS else []
    figure = wanted.get(_FIGURES.get(path, ""), np.nan)
    if not isinstance(figure, np.ndarray) and np.isfinite(figure):
        said.append(f"[{_FIGURES[path]}: {figure:.4g}]")
    return f" # {' '.join(said)}" if said else ""


def _flow(value: Any) -> str:
    """One value in one line, quoted where YAML would read it otherwise."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()
