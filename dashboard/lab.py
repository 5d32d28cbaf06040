"""What only the lab's own code can say: reasons and similar products.

The dashboard computes nothing of its own, and 10 million reasons are too many to keep. But a model
is tables, and what it has to say about one user rests on few of their rows: those of the user, of
the user's products, and of the catalogue. Loaded from these rows alone, it gives the same
candidates and sentences as the whole model, in a tenth of a second and with memory that does not
grow with the number of users.

The lab's numerical libraries take seconds to load, so nothing of them is imported before it is
needed; ``warm_up`` does so while nobody waits.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd
import pyarrow as pa

from dashboard.memory import remembered
from recolab_assets.tables import TABLES

if TYPE_CHECKING:
    from recolab_assets.models.base import Recommender


SUBJECTS_KEPT: Final = 16
"""Users or products of whom it is remembered what the models said: another choice asks again."""

TABLES_KEPT: Final = 16
"""Tables remembered in the form in which the models read them."""


class Similar(NamedTuple):
    """A product that a model finds similar to another."""

    product: int
    """Product id."""
    similarity: float
    """The model's own number: larger is more alike."""


@remembered(kept=SUBJECTS_KEPT)
def reasons(
    user: int,
    lists: Mapping[str, Sequence[int]],
    pairs: pd.DataFrame,
    catalogue: pd.DataFrame,
    state: Mapping[str, pd.DataFrame],
) -> dict[str, list[str]]:
    """Return each model's reason for each product that it recommends to a user.

    Args:
        user: A user id.
        lists: Products by model.
        pairs: Rows of train_pairs of the user.
        catalogue: Product ids and attributes of all products.
        state: Rows of the models' tables that bear on the user, by name of the table.
    """
    models = _models(user + 1, pairs, catalogue, state)
    return {
        name: models[name].explain_list(user, products)
        for name, products in lists.items()
        if name in models
    }


@remembered(kept=SUBJECTS_KEPT)
def similar_products(
    product: int, n: int, catalogue: pd.DataFrame, state: Mapping[str, pd.DataFrame]
) -> dict[str, list[Similar]]:
    """Return the products most similar to one, by model; none where a model knows no similarity.

    Args:
        product: A product id.
        n: Most products a model.
        catalogue: Product ids and attributes of all products.
        state: Rows of the models' tables that bear on the product, by name of the table.
    """
    nobody = pd.DataFrame({"user_id": [], "product_id": [], "weight": []})
    return {
        name: [
            Similar(int(other), float(similarity))
            for other, similarity in zip(*model.similar(product, n), strict=True)
        ]
        for name, model in _models(1, nobody, catalogue, state).items()
    }


def warm_up() -> None:
    """Load the libraries and the compiled loops that reasons and similarities need."""
    from recolab_assets.config import LabConfig  # noqa: PLC0415
    from recolab_assets.models import fit_models  # noqa: PLC0415
    from recolab_assets.models.training import TrainingData  # noqa: PLC0415

    pairs = pa.table({"user_id": [0, 0, 1], "product_id": [0, 1, 1], "weight": [1.0, 1.0, 1.0]})
    products = pa.table({"product_id": [0, 1, 2], "category": ["a", "a", "b"]})
    popularity = pa.table({"product_id": [0, 1, 2], "score": [2.0, 1.0, 0.0]})
    config = LabConfig()
    data = TrainingData.from_tables(pairs, products, popularity, 2)
    for model in fit_models(data, config.model, config.data.random_seed).values():
        model.explain(1, 0)
        model.similar(0)


def _models(
    n_users: int,
    pairs: pd.DataFrame,
    catalogue: pd.DataFrame,
    state: Mapping[str, pd.DataFrame],
) -> "dict[str, Recommender]":
    """Load every model from the rows at hand.

    Users keep their ids: what is not there of the others costs next to nothing.
    """
    from recolab_assets.models import load_models  # noqa: PLC0415
    from recolab_assets.models.training import TrainingData  # noqa: PLC0415

    tables = {name: _arrow(rows, name) for name, rows in state.items()}
    products = _arrow(catalogue, "products")
    trained = _arrow(pairs, "train_pairs")
    data = TrainingData.from_tables(trained, products, tables["popularity"], n_users)
    return load_models(tables, data)


@remembered(kept=TABLES_KEPT)
def _arrow(rows: pd.DataFrame, name: str) -> pa.Table:
    """Give columns of a table the types of the registry."""
    registered = TABLES[name].arrow_schema
    schema = pa.schema([registered.field(str(column)) for column in rows.columns])
    # Threads take longer to start than the columns to convert.
    return pa.Table.from_pandas(rows, schema, preserve_index=False, nthreads=1)
