"""The truth of the synthetic shop: exact expected values of every model and of the oracle."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from recolab_assets.experiments.arrays import IntArray, check_lists, report_table
from recolab_assets.experiments.response import ClickModel, SessionDepth, expected_outcomes
from recolab_assets.parallel import in_order

ORACLE = "oracle"
"""Name of the row of the ranking by the truth itself."""


def truth(
    users: IntArray,
    lists: Mapping[str, IntArray],
    oracle: IntArray,
    click_model: ClickModel,
    depth: SessionDepth,
) -> pa.Table:
    """Expected outcome of shipping each model to the whole population, without sampling.

    ``share_of_oracle`` is the click rate over the oracle's. ``regret`` is the share of clicks
    lost by shipping this model instead of the best of the models: 1 − ctr / highest ctr, and 0
    for the oracle, which no choice among the models could have matched.

    Args:
        users: (n,) the population.
        lists: For each model (n, K) product ids, best first; -1 pads.
        oracle: (n, K) from :func:`recolab_assets.shop.most_probable.most_probable`.
        click_model: Simulated shoppers.
        depth: Session depth.

    Returns:
        Table ``truth``, rows of the models in order, then of the oracle. Rows whose value is not
        defined (no impression, or no expected click at all) are left out.
    """
    everyone = {**lists, ORACLE: oracle}
    check_lists(users, everyone)
    found = in_order(
        lambda products: expected_outcomes(click_model, users, products, depth), everyone.values()
    )
    outcomes = dict(zip(everyone, found, strict=True))
    highest = max((outcomes[model].ctr for model in lists if outcomes[model].ctr > 0), default=0.0)
    rows = []
    for name, outcome in outcomes.items():
        values = outcome._asdict() | {
            "share_of_oracle": _share(outcome.ctr, outcomes[ORACLE].ctr),
            "regret": np.maximum(0.0, 1 - _share(outcome.ctr, highest)),
        }
        rows += [
            {"model": name, "metric": metric, "value": float(value)}
            for metric, value in values.items()
            if not np.isnan(value)
        ]
    return report_table("truth", rows)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
