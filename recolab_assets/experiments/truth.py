"""The truth of the synthetic shop: exact expected values of every model and of the oracle."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit
from scipy import sparse

from recolab_assets.experiments.arrays import FloatArray, IntArray, check_lists, report_table
from recolab_assets.experiments.response import ClickModel, SessionDepth, expected_outcomes
from recolab_assets.parallel import in_order

ORACLE = "oracle"
"""Name of the row of the ranking by the truth itself."""

_ORACLE_BLOCK = 128
"""Users ranked at a time: small, so that their probabilities stay in the cache."""


@njit(cache=True, nogil=True)
def _top_k(scores, seen_starts, seen, products):  # type: ignore[no-untyped-def]
    """Fill ``products`` (n, k) with the unseen columns of the k highest scores, ties by column.

    Row u has seen the columns ``seen[seen_starts[u]:seen_starts[u + 1]]``.
    """
    n_users, n_products = scores.shape
    k = products.shape[1]
    best = np.empty(k)
    is_seen = np.zeros(n_products, np.bool_)
    for user in range(n_users):
        for place in range(seen_starts[user], seen_starts[user + 1]):
            is_seen[seen[place]] = True
        best[:] = -np.inf
        for product in range(n_products):
            score = scores[user, product]
            if score > best[k - 1] and not is_seen[product]:
                place = k - 1
                while place > 0 and best[place - 1] < score:
                    best[place] = best[place - 1]
                    products[user, place] = products[user, place - 1]
                    place -= 1
                best[place] = score
                products[user, place] = product
        for place in range(seen_starts[user], seen_starts[user + 1]):
            is_seen[seen[place]] = False


def oracle_lists(
    users: IntArray,
    probability: Callable[[IntArray], FloatArray],
    k: int,
    seen: sparse.csr_matrix | sparse.csr_array | None = None,
) -> npt.NDArray[np.int32]:
    """Rank by the truth: each user's k most probable products, best first.

    No list of k products has more expected clicks when examination falls with position and
    attraction rises with p(i | u, t).

    Args:
        users: (n,) user ids.
        probability: Gives p(i | u, t) of a block of users over the whole catalogue,
            (block,) → (block, n_products).
        k: Length of the lists.
        seen: Rows are user ids; products with an entry are not listed. None: nothing is left out.

    Returns:
        (n, k) product ids, ties by product id; -1 pads if fewer products are left.
    """
    nothing = sparse.csr_array((_ORACLE_BLOCK, 1), dtype=np.bool_)

    def ranked(start: int) -> npt.NDArray[np.int32]:
        block = users[start : start + _ORACLE_BLOCK]
        products = np.full((block.size, k), -1, np.int32)
        excluded = nothing[: block.size] if seen is None else seen[block]
        _top_k(probability(block), excluded.indptr, excluded.indices, products)
        return products

    found = list(in_order(ranked, range(0, users.size, _ORACLE_BLOCK)))
    return np.concatenate(found) if found else np.empty((0, k), np.int32)


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
        oracle: (n, K) from :func:`oracle_lists`.
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
