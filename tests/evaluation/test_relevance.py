"""Which users are eligible, what is relevant to them, and what counts as a hit."""

import doctest

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recolab_assets.evaluation import relevance as module
from recolab_assets.evaluation.relevance import Relevance

Pairs = list[tuple[int, int]]


def hold_out(products: Pairs, editorial: Pairs = ()) -> pa.Table:
    events = [*products, *editorial]
    return pa.table(
        {
            "user_id": pa.array([u for u, _ in events], pa.int32()),
            "item_id": pa.array([i for _, i in events], pa.int32()),
            "item_type": pa.array(
                ["product"] * len(products) + ["editorial"] * len(editorial), pa.string()
            ),
        }
    )


def training(pairs: Pairs) -> pa.Table:
    return pa.table(
        {
            "user_id": pa.array([u for u, _ in pairs], pa.int32()),
            "product_id": pa.array([p for _, p in pairs], pa.int32()),
        }
    )


def as_dict(relevance: Relevance) -> dict[int, list[int]]:
    return {
        int(user): relevance.products[start:end].tolist()
        for user, start, end in zip(
            relevance.users, relevance.indptr[:-1], relevance.indptr[1:], strict=True
        )
    }


PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=40)


@settings(deadline=None)
@given(test=PAIRS, editorial=PAIRS, train=PAIRS, exclude_seen=st.booleans())
def test_relevant_products_are_the_set_difference(
    test: Pairs, editorial: Pairs, train: Pairs, exclude_seen: bool
) -> None:
    found = Relevance.from_tables(
        hold_out(test, editorial), training(train), exclude_seen=exclude_seen
    )
    kept = set(test) - set(train) if exclude_seen else set(test)
    expected = {
        user: sorted(p for u, p in kept if u == user) for user in sorted({u for u, _ in kept})
    }
    assert as_dict(found) == expected
    assert list(as_dict(found)) == sorted(expected)
    assert found.n_relevant.tolist() == [len(products) for products in expected.values()]


def test_types_are_as_stored() -> None:
    found = Relevance.from_tables(hold_out([(1, 2)]), training([]), exclude_seen=True)
    assert (found.users.dtype, found.products.dtype) == (np.int32, np.int32)
    assert found.indptr.tolist() == [0, 1]


def test_packing_pairs_does_not_overflow() -> None:
    largest = 2**31 - 1
    test = hold_out([(largest, largest), (0, largest)])
    found = Relevance.from_tables(test, training([(0, largest)]), exclude_seen=True)
    assert as_dict(found) == {largest: [largest]}


def test_without_hold_out_nobody_is_eligible() -> None:
    found = Relevance.from_tables(hold_out([]), training([(1, 1)]), exclude_seen=True)
    assert found.users.size == 0 and found.indptr.tolist() == [0]
    assert found.hits([1, 2], [[3, 4], [5, 6]]).shape == (0, 2)


@settings(deadline=None)
@given(
    pairs=PAIRS,
    lists=st.dictionaries(
        st.integers(0, 6), st.lists(st.integers(0, 12), unique=True, max_size=4), max_size=7
    ),
)
def test_hits_are_memberships(pairs: Pairs, lists: dict[int, list[int]]) -> None:
    relevance = Relevance.from_pairs([u for u, _ in pairs], [p for _, p in pairs])
    owners = sorted(lists)
    products = np.array([lists[u] + [-1] * (4 - len(lists[u])) for u in owners], int)
    found = relevance.hits(owners, products.reshape(-1, 4))
    expected = [
        [i < len(lists.get(u, [])) and (u, lists[u][i]) in set(pairs) for i in range(4)]
        for u in relevance.users.tolist()
    ]
    assert found.tolist() == expected


@pytest.mark.parametrize("product", [0, 9])
def test_a_pad_never_hits(product: int) -> None:
    relevance = Relevance.from_pairs([0, 1], [9, product])
    assert not relevance.hits([0, 1], [[-1, -1], [-1, -1]]).any()


def test_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_some_users_keep_what_is_relevant_to_them() -> None:
    relevance = Relevance.from_pairs(users=[3, 7, 7, 9], products=[9, 1, 5, 2])
    some = relevance.of_users([9, 7, 4])
    np.testing.assert_array_equal(some.users, [7, 9])
    np.testing.assert_array_equal(some.n_relevant, [2, 1])
    np.testing.assert_array_equal(some.products, [1, 5, 2])
    nobody = relevance.of_users([])
    assert not nobody.users.size and not nobody.products.size and nobody.indptr.tolist() == [0]
