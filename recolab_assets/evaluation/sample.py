"""A sample of users as a shop of its own: their rows, with ids from 0 without gaps.

Models that are ranked for a few users out of many pass over the state of all of them; the state of
the sample alone costs what a shop of that size costs. What is known of products stays whole.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Users = npt.NDArray[np.integer]


def users_with_products(test_interactions: pa.Table) -> Users:
    """Return the users with a product in the hold-out, ascending.

    Args:
        test_interactions: Hold-out events with columns user_id and item_type.
    """
    is_product = pc.equal(test_interactions["item_type"], "product")
    return np.unique(test_interactions["user_id"].filter(is_product).to_numpy())


def draw(users: Users, n_users: int, generator: np.random.Generator) -> Users:
    """Draw users without replacement; all of them where they are not more. Ascending."""
    return np.sort(generator.permutation(users)[:n_users])


def of_users(table: pa.Table, users: Users) -> pa.Table:
    """Keep the rows of some users and give each their place among those as user id.

    Args:
        table: A table; without a column user_id it comes back as it is.
        users: ``(n,)`` ids, ascending and distinct.

    >>> table = pa.table({"user_id": pa.array([90, 4, 7], pa.int32()), "n": [1, 2, 3]})
    >>> of_users(table, np.array([4, 17, 90])).to_pydict()
    {'user_id': [2, 0], 'n': [1, 2]}
    """
    if "user_id" not in table.column_names:
        return table
    kept = table.filter(pa.array(np.isin(table["user_id"].to_numpy(), users)))
    return _with_ids(kept, np.searchsorted(users, kept["user_id"].to_numpy()))


def with_own_ids(table: pa.Table, users: Users) -> pa.Table:
    """Give the rows of a sample the ids back that ``of_users`` replaced.

    >>> table = pa.table({"user_id": pa.array([2, 0], pa.int32())})
    >>> with_own_ids(table, np.array([4, 17, 90])).to_pydict()
    {'user_id': [90, 4]}
    """
    return _with_ids(table, users[table["user_id"].to_numpy()])


def _with_ids(table: pa.Table, ids: Users) -> pa.Table:
    place = table.column_names.index("user_id")
    field = table.schema.field(place)
    return table.set_column(place, field, pa.array(ids, field.type))
