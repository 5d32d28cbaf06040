"""What recommendation lists look like, hit or miss: coverage, diversity, popularity bias.

Lists are ``(n, K)`` product ids, best first; -1 pads a short list. All lists of a model count, not
only those of users with a hold-out.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Lists = npt.NDArray[np.integer]
Values = npt.NDArray[np.float64]

MEAN_METRICS: Final = ("diversity", "novelty", "average_popularity")
"""Metrics that are means over lists."""
SET_METRICS: Final = ("coverage", "gini")
"""Metrics of all lists of a model together."""


@dataclass(frozen=True)
class Catalogue:
    """What the metrics need to know of the products; arrays are indexed by product_id.

    Attributes:
        categories: ``(n_products,)`` int32, code of the category; -1 where it is unknown.
        training_users: ``(n_products,)`` int64, users who have the product in training.
        n_training_users: Users with any product in training.
        n_recommendable: Products that a model could recommend: the base of coverage.
    """

    categories: npt.NDArray[np.int32]
    training_users: npt.NDArray[np.int64]
    n_training_users: int
    n_recommendable: int

    @classmethod
    def from_tables(
        cls, products: pa.Table, train_pairs: pa.Table, n_recommendable: int | None = None
    ) -> Self:
        """Read the catalogue off the tables.

        Args:
            products: Columns product_id (dense, from 0) and category.
            train_pairs: Training pairs, each once; columns user_id and product_id.
            n_recommendable: Products that a model could recommend; by default all of them.
        """
        n_products = products.num_rows
        encoded = products["category"].combine_chunks().dictionary_encode()
        categories = np.full(n_products, -1, np.int32)
        categories[products["product_id"].to_numpy()] = pc.fill_null(encoded.indices, -1).to_numpy()
        return cls(
            categories,
            np.bincount(train_pairs["product_id"].to_numpy(), minlength=n_products),
            pc.count_distinct(train_pairs["user_id"]).as_py(),
            n_products if n_recommendable is None else n_recommendable,
        )


def recommendation_counts(lists: Lists, n_products: int, k: int) -> npt.NDArray[np.int64]:
    """Count how many lists, cut at k, each product appears in.

    >>> recommendation_counts(np.array([[0, 2], [2, -1]]), n_products=4, k=2)
    array([1, 0, 2, 0])
    """
    cut = lists[:, :k]
    return np.bincount(cut[cut >= 0], minlength=n_products)


def coverage(counts: npt.NDArray[np.integer], n_recommendable: int) -> float:
    """Share of the recommendable products that appear in any list; NaN when there are none.

    >>> coverage(np.array([1, 0, 2, 0]), n_recommendable=4)
    0.5
    """
    return int(np.count_nonzero(counts)) / n_recommendable if n_recommendable else float("nan")


def gini(counts: npt.NDArray[np.integer]) -> float:
    """Gini coefficient of how often each product is recommended, zeros included.

    0 when all products appear equally often, 1 − 1/n when one takes every place; NaN when nothing
    was recommended. With counts ascending, G = Σ (2i − n − 1) x_i / (n Σ x_i), i from 1.

    >>> gini(np.array([5, 5, 5, 5])), gini(np.array([0, 0, 0, 9])), gini(np.array([3, 0, 1, 0]))
    (0.0, 0.75, 0.625)
    """
    total = float(counts.sum())
    if not total:
        return float("nan")
    n = counts.size
    weight = 2 * np.arange(1, n + 1) - n - 1
    return float(weight @ np.sort(counts).astype(np.float64) / (n * total))


def category_diversity(lists: Lists, categories: npt.NDArray[np.integer], k: int) -> Values:
    """Return 1 − the share of same-category pairs in each list cut at k: intra-list diversity.

    A pair counts where both categories are known: an unknown one is neither the same as nor
    different from another, so a shop without categories has no diversity rather than a perfect or
    a worthless one. A list without such a pair gives NaN and takes no part in the mean.

    Intra-list distance of Ziegler et al., "Improving recommendation lists through topic
    diversification", WWW 2005, with the distance 0 within a category and 1 between two.

    Args:
        lists: ``(n, K)`` products, -1 for pads.
        categories: ``(n_products,)`` code of each product's category, -1 where unknown.
        k: Length at which lists are cut.

    >>> categories = np.array([0, 0, 1, -1])
    >>> category_diversity(np.array([[0, 1, 2], [0, 2, 3], [0, 3, -1]]), categories, k=3).round(3)
    array([0.667, 1.   ,   nan])
    """
    # A position a row: each comparison then runs along contiguous memory. Index -1, a pad, meets
    # the unknown category appended at the end.
    codes = np.append(categories, -1)[np.ascontiguousarray(lists[:, :k].T)]
    known = codes >= 0
    same = np.zeros(codes.shape[1], np.int32)
    for j in range(1, codes.shape[0]):
        for i in range(j):
            same += (codes[i] == codes[j]) & known[j]
    n_known = known.sum(axis=0)
    pairs = n_known * (n_known - 1) / 2
    return 1 - _ratio(same, pairs)


def novelty(lists: Lists, catalogue: Catalogue, k: int) -> Values:
    """Return the mean self-information −log2 p of the products of each list cut at k.

    p is the share of training users who have the product, as if one more user had everything:
    (users with it + 1) / (users + 1). A product that nobody has is then as novel as can be told
    from so many users, instead of infinitely novel. An empty list gives NaN.

    Zhou et al., "Solving the apparent diversity–accuracy dilemma of recommender systems", PNAS
    107(10), 2010; Vargas and Castells, "Rank and relevance in novelty and diversity metrics for
    recommender systems", RecSys 2011, eq. 1 without discount.

    >>> catalogue = Catalogue(np.array([0, 0, 1]), np.array([7, 3, 0]), 7, 3)
    >>> novelty(np.array([[0, 1], [2, -1]]), catalogue, k=2)
    array([0.5, 3. ])
    """
    share = (catalogue.training_users + 1) / (catalogue.n_training_users + 1)
    return _mean_of_lists(lists[:, :k], -np.log2(share))


def average_popularity(lists: Lists, catalogue: Catalogue, k: int) -> Values:
    """Return the mean number of training users who have the products of each list cut at k.

    An empty list gives NaN.

    >>> catalogue = Catalogue(np.array([0, 0, 1]), np.array([7, 3, 0]), 7, 3)
    >>> average_popularity(np.array([[0, 1], [2, -1]]), catalogue, k=2)
    array([5., 0.])
    """
    return _mean_of_lists(lists[:, :k], catalogue.training_users.astype(np.float64))


def _mean_of_lists(lists: Lists, of_product: Values) -> Values:
    """Average a number of each product over each list; NaN for an empty list."""
    length = (lists >= 0).sum(axis=1)
    total = np.append(of_product, 0.0)[lists].sum(axis=1)
    return _ratio(total, length)


def _ratio(numerator: npt.NDArray[np.number], denominator: npt.NDArray[np.number]) -> Values:
    """Divide where the denominator is above 0; NaN elsewhere."""
    absent = np.full(denominator.shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=absent, where=denominator > 0))


@dataclass(frozen=True)
class ListMeasures:
    """List metrics of one model at one k.

    Attributes:
        per_list: ``(n,)`` value of each list under each name of `MEAN_METRICS`, NaN where it has
            none.
        overall: Value under each name of `SET_METRICS`, NaN where it has none.
    """

    per_list: dict[str, Values]
    overall: dict[str, float]


def measure_lists(lists: Lists, catalogue: Catalogue, k: int) -> ListMeasures:
    """Return every list metric of one model's lists cut at k.

    >>> catalogue = Catalogue(np.array([0, 0, 1]), np.array([7, 3, 0]), 7, 3)
    >>> measures = measure_lists(np.array([[0, 1], [0, -1]]), catalogue, k=2)
    >>> measures.per_list["diversity"], round(measures.overall["coverage"], 3)
    (array([ 0., nan]), 0.667)
    """
    counts = recommendation_counts(lists, catalogue.categories.size, k)
    return ListMeasures(
        per_list={
            "diversity": category_diversity(lists, catalogue.categories, k),
            "novelty": novelty(lists, catalogue, k),
            "average_popularity": average_popularity(lists, catalogue, k),
        },
        overall={
            "coverage": coverage(counts, catalogue.n_recommendable),
            "gini": gini(counts),
        },
    )
