"""Try model settings on the validation window: `uv run python benchmarks/tune.py als`.

Fits on what comes before the validation window of the database that the configuration names, and
prints NDCG@10 on the window, best settings first. The test window is never read. Materialise
`train_interactions` and `validation_interactions` first.
"""

import argparse

import numpy as np
import pyarrow as pa

from recolab_assets.config import load_config
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.splits import train_pairs
from recolab_assets.evaluation.tuning import grid, tune
from recolab_assets.models import MODELS
from recolab_assets.models.popularity import popularity_scores
from recolab_assets.models.training import TrainingData
from recolab_assets.sql import Select
from recolab_assets.storage import Database

GRIDS = {
    "popularity": {"popularity_half_life_days": [3.0, 7.0, 14.0, 30.0, 60.0, 120.0]},
    "als": {
        "als_alpha": [10.0, 20.0, 40.0, 80.0],
        "als_regularization": [0.01, 5.0, 20.0, 80.0],
    },
    "item_cf": {"itemcf_k_neighbours": [20, 50, 100, 200]},
}


BEFORE_VALIDATION = Select(
    "FROM processed.train_interactions"
    " ANTI JOIN processed.validation_interactions USING (interaction_id)"
)
"""The training events before the validation window."""


def main() -> None:
    """Read the model to tune from the command line and print what was tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=GRIDS)
    parser.add_argument("--users", type=int, default=10_000, help="users to recommend to")
    arguments = parser.parse_args()
    config = load_config()
    database = Database(config.database_path)

    def read(sql: str, params: object = ()) -> pa.Table:
        with database.read() as connection:
            return connection.sql(sql, params=params).to_arrow_table()

    def before_validation(select: Select) -> pa.Table:
        return read(*select.over("processed.train_interactions", BEFORE_VALIDATION))

    products = read("FROM raw.products ORDER BY product_id")
    n_users = read("SELECT count(*) AS n FROM raw.users")["n"][0].as_py()
    model = config.model
    fitted_on = before_validation(train_pairs(model.event_weights, log_weights=model.log_weights))
    relevance = Relevance.from_tables(
        read("SELECT user_id, item_id, item_type FROM processed.validation_interactions"),
        fitted_on,
        exclude_seen=config.model.exclude_seen,
    )
    rng = np.random.default_rng(config.data.random_seed)
    relevance = relevance.of_users(rng.permutation(relevance.users)[: arguments.users])

    def recommend(settings):
        popularity = before_validation(popularity_scores(settings))
        data = TrainingData.from_tables(fitted_on, products, popularity, n_users)
        model = MODELS[arguments.model].fit(data, settings, config.data.random_seed)
        return model.recommend(relevance.users, 10, exclude_seen=settings.exclude_seen)

    tried = tune(config.model, grid(GRIDS[arguments.model]), recommend, relevance)
    print(f"{len(relevance.users):,} users of the validation window, NDCG@10:")
    print(tried.to_pandas().to_string(index=False))


if __name__ == "__main__":
    main()
