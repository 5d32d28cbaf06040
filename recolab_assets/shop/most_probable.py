"""The oracle of a synthetic shop: each user's most probable products, without looking at all.

p(i | u, t) is the weight of an item times a sum that depends only on what the item has in common
with the user. Among items with the same in common that sum has an upper bound, so a walk through
them in order of weight may stop as soon as weight × bound falls below the worst of the best k so
far (the threshold algorithm of Fagin, Lotem and Naor, "Optimal aggregation algorithms for
middleware", PODS 2001, with one sorted list for each thing that items may have in common).
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recolab_assets.parallel import in_order
from recolab_assets.shop.demand import Demand, Ints
from recolab_assets.shop.demand_kernels import fill_best

_BLOCK = 4096
"""Users ranked at a time."""


def most_probable(
    demand: Demand,
    users: Ints,
    months: Mapping[int, float],
    k: int,
    seen: sparse.csr_matrix | sparse.csr_array | None = None,
) -> npt.NDArray[np.int32]:
    """Rank by the truth: each user's k most probable items, best first.

    No list of k items has more expected clicks when examination falls with position and
    attraction rises with p(i | u, t).

    Args:
        demand: The truth.
        users: (n,) user ids.
        months: Share of the time in each month; p is the mean over months with these weights.
        k: Length of the lists.
        seen: Rows are user ids; items with an entry are not listed. None: nothing is left out.

    Returns:
        (n, k) item ids, ties by id; -1 pads if fewer items are left.
    """
    weights = demand.weights[list(months)]
    highest = weights.max(axis=0)
    by_weight = np.argsort(-highest, kind="stable")
    items, population, codes = demand.items, demand.users, demand.item_codes
    all_items = np.zeros_like(items.category)
    lists = [
        _Runs(of, by_weight) for of in (items.subcategory, items.category, *codes[1:], all_items)
    ]
    leaves = np.stack([items.category, items.subcategory])
    orders, shares = np.stack([runs.order for runs in lists]), np.array(list(months.values()))

    def ranked(start: int) -> npt.NDArray[np.int32]:
        block = users[start : start + _BLOCK]
        category, subcategory = population.category[block], population.subcategory[block]
        wanted = demand.user_codes(block)
        of_users = (subcategory, category, *wanted[1:], np.zeros_like(category))
        stretches = [runs.of(of) for runs, of in zip(lists, of_users, strict=True)]
        starts, ends = np.array(stretches).swapaxes(0, 1)
        excluded = sparse.csr_array((block.size, 1)) if seen is None else seen[block]
        found = np.full((block.size, k), -1, np.int32)
        fill_best(
            orders,
            starts,
            ends,
            np.stack([demand.coefficients(block, month) for month in months], axis=1),
            shares,
            weights,
            highest,
            leaves,
            np.stack([category, subcategory]),
            codes,
            wanted,
            excluded.indptr,
            excluded.indices,
            found,
        )
        return found

    found = list(in_order(ranked, range(0, users.size, _BLOCK)))
    return np.concatenate(found) if found else np.empty((0, k), np.int32)


class _Runs:
    """Items of each code, heaviest first, one code after the other."""

    def __init__(self, codes: Ints, by_weight: Ints) -> None:
        self.order = by_weight[np.argsort(codes[by_weight], kind="stable")].astype(np.int32)
        self._starts = np.searchsorted(codes[self.order], np.arange(int(codes.max()) + 3))

    def of(self, codes: Ints) -> tuple[Ints, Ints]:
        """Start and end of each code's run; empty where no item has the code."""
        known = np.minimum(codes, self._starts.size - 2)
        return self._starts[known], self._starts[known + 1]
