"""What a shop would otherwise show: rules without learning, which every model has to beat.

They are ranked, filled up and measured like the models, but are none of them: no experiment shows
them, and nothing of them is stored.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array, eye_array

from recolab_assets.models.base import Candidates, Ranker
from recolab_assets.models.lists import NO_PRODUCT
from recolab_assets.models.ranking import (
    empty_keys,
    fill_from_order,
    top_of_neighbours,
    unpack,
)
from recolab_assets.models.training import Rows, TrainingData


def recent_sales(latest_pairs: pa.Table, n_products: int) -> np.ndarray:
    """Sum what the latest events add to each product.

    Args:
        latest_pairs: Columns product_id and weight of the last days' pairs, weights not logarithms.
        n_products: Products of the catalogue.

    Returns:
        (n_products,) float64, 0 where nothing was sold.
    """
    products = latest_pairs["product_id"].to_numpy()
    weights = latest_pairs["weight"].to_numpy().astype(np.float64)
    return np.bincount(products, weights, minlength=n_products)


class RecentPopularity(Ranker):
    """Last month's best sellers: everybody gets what sold most in the last days of training.

    Products that sold alike, as those that sold nothing, come in popularity order.
    """

    name = "recent_popularity"

    def __init__(self, data: TrainingData, sales: np.ndarray) -> None:
        """Take the (n_products,) sales of the last days."""
        super().__init__(data)
        self._sales = sales
        order = np.lexsort((data.popularity_position, -sales))
        self._order = order.astype(np.int32)

    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        found = Candidates.empty(len(users), depth)
        seen = self.data.seen(exclude=exclude_seen)
        fill_from_order(users, seen, self._order, self.data.n_products, found.products)
        listed = found.products != NO_PRODUCT
        found.scores[listed] = self._sales[found.products[listed]]
        return found


class _Linked(Ranker):
    """Rank products by what a user's row leads to: score(u, i) = Σ_j row(u, j) · link(j, i)."""

    def __init__(self, data: TrainingData, rows: Any, links: Any) -> None:
        """Take the rows and the links.

        Args:
            data: What is known of the shop.
            rows: (n_users, m) CSR of float32.
            links: (m, n_products) CSR of float64, at least 0.
        """
        super().__init__(data)
        self._rows, self._links = Rows.of(rows), Rows.of(links)

    def _rank(
        self,
        users: np.ndarray,
        depth: int,
        exclude_seen: bool,
        handed_in: Mapping[str, Candidates] | None,
    ) -> Candidates:
        keys = empty_keys(len(users), depth)
        top_of_neighbours(
            users,
            self._rows,
            self._links,
            self.data.popularity_position,
            self.data.seen(exclude=exclude_seen),
            keys,
        )
        return Candidates(*unpack(keys, self.data.popularity_order))


class CategoryPopularity(_Linked):
    """Best sellers of the user's categories.

    score(u, i) = p(c | u) · p(i | c): the share of product i in its category's sales of the last
    days, times the weight of the category c in the user's training pairs (up to a factor of the
    user). A product without a category, or that nobody bought lately, is no candidate.
    """

    name = "category_popularity"

    def __init__(self, data: TrainingData, sales: np.ndarray) -> None:
        """Take the (n_products,) sales of the last days."""
        categories = _category_codes(data.products)
        known = np.flatnonzero(categories >= 0)
        codes, n_categories = categories[known], int(categories.max(initial=-1)) + 1
        membership = csr_array(
            (np.ones(len(known), np.float32), (known, codes)),
            shape=(data.n_products, n_categories),
        )
        of_category = np.bincount(codes, sales[known], minlength=n_categories)
        sold = known[sales[known] > 0]
        links = csr_array(
            (sales[sold] / of_category[categories[sold]], (categories[sold], sold)),
            shape=(n_categories, data.n_products),
        )
        super().__init__(data, csr_array(data.history @ membership), links)


class BuyAgain(_Linked):
    """Buy it again: the user's own products, those with the greatest weight in training first."""

    name = "buy_again"

    def __init__(self, data: TrainingData) -> None:
        """Take the users' own products from the training pairs."""
        super().__init__(data, data.history, csr_array(eye_array(data.n_products, format="csr")))


BASELINES: Final = (RecentPopularity.name, CategoryPopularity.name, BuyAgain.name)
"""Names of the baselines, in the order in which they are shown."""


def baselines(data: TrainingData, sales: np.ndarray) -> dict[str, Ranker]:
    """Return every baseline by name.

    Args:
        data: What is known of the shop.
        sales: (n_products,) what was sold in the last days of training.
    """
    rankers = (RecentPopularity(data, sales), CategoryPopularity(data, sales), BuyAgain(data))
    return {ranker.name: ranker for ranker in rankers}


def _category_codes(products: pa.Table) -> np.ndarray:
    """(n_products,) int32 code of each product's category, -1 where it is unknown."""
    if "category" not in products.column_names:
        return np.full(products.num_rows, -1, np.int32)
    encoded = products["category"].combine_chunks().dictionary_encode()
    return np.array(pc.fill_null(encoded.indices, -1).to_numpy(), np.int32)
