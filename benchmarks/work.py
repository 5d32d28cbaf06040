"""The data of the benchmarks: training pairs and hold-out of a synthetic shop, in memory."""

import duckdb
import pyarrow as pa

from recolab_assets.config import LabConfig
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.splits import test_interactions, train_interactions, train_pairs
from recolab_assets.shop.synthetic import SyntheticShop
from recolab_assets.sql import Select


def shop_tables(config: LabConfig) -> dict[str, pa.Table]:
    """Generate the shop of a configuration and split it.

    Returns:
        ``users`` and ``products`` as in the database; ``pairs``: user_id, product_id and weight of
        the training pairs; ``relevant``: user_id and product_id of the hold-out's products that
        are new to users who have training pairs.
    """
    shop = SyntheticShop(config)
    users, products = shop.users(), shop.products()
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw; CREATE SCHEMA processed")

        def create(table: str, select: Select) -> None:
            connection.execute(f"CREATE TABLE {table} AS {select.sql}", select.params or None)

        events = shop.interactions(users, products, shop.editorial())
        connection.register("events", events)
        create("raw.interactions", Select("FROM events"))
        create("processed.train_interactions", train_interactions(config.split))
        weights = config.model.event_weights
        select = train_pairs(weights, log_weights=config.model.log_weights)
        pairs = connection.sql(select.sql, params=select.params).to_arrow_table()
        select = test_interactions(config.split)
        held_out = connection.sql(select.sql, params=select.params).to_arrow_table()
    relevance = Relevance.from_tables(held_out, pairs, exclude_seen=True)
    relevance = relevance.of_users(pairs["user_id"].to_numpy())
    return {
        "users": users,
        "products": products,
        "pairs": pairs.select(["user_id", "product_id", "weight"]),
        "relevant": pa.table(
            {
                "user_id": relevance.users.repeat(relevance.n_relevant),
                "product_id": relevance.products,
            }
        ),
    }
