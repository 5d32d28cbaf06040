"""Rolling evaluation: several cuts in time."""

from datetime import datetime

import dagster as dg
import numpy as np
import pyarrow as pa

from recolab_assets.assets.declare import lab_asset, progress
from recolab_assets.config import LabConfig, ModelConfig
from recolab_assets.evaluation import splits
from recolab_assets.evaluation.rolling import Cut, cut_metrics, rolling_summary_table
from recolab_assets.evaluation.sample import draw, of_users
from recolab_assets.models.popularity import popularity_scores
from recolab_assets.randomness import stream
from recolab_assets.resources import LabResource
from recolab_assets.sql import Select
from recolab_assets.storage import StoredTable
from recolab_assets.tables import TABLES


def _read(
    interactions: StoredTable, number: int, cut_at: datetime, users: np.ndarray, config: LabConfig
) -> Cut:
    """Read what lies before and after a cut, of the users of the sample."""
    model, evaluation = config.model, config.evaluation
    before = splits.before_cut(cut_at, users.tolist())

    def learned(select: Select) -> pa.Table:
        return interactions.query(*select.over("processed.train_interactions", before))

    latest = splits.train_pairs(model.event_weights).over(
        "processed.train_interactions", splits.latest_training(evaluation.recent_days)
    )
    held_out = Select("SELECT user_id, item_id, item_type FROM held_out").over(
        "held_out", splits.after_cut(cut_at, users.tolist(), config.split.test_days)
    )
    pairs = splits.train_pairs(model.event_weights, log_weights=model.log_weights)
    return Cut(
        number,
        cut_at,
        of_users(learned(pairs), users),
        learned(latest),
        learned(popularity_scores(model)),
        of_users(interactions.query(*held_out), users),
    )


@lab_asset(
    settings=(
        "data.random_seed",
        "split.test_days",
        *(
            f"model.{name}"
            for name in ModelConfig.model_fields
            if name not in {"top_k", "exclude_seen"}
        ),
        "evaluation.k_values",
        "evaluation.recent_days",
        "evaluation.rolling_cuts",
        "evaluation.rolling_n_users",
    ),
    kinds=("numpy",),
)
def rolling_metrics(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    interactions: StoredTable,
    products: pa.Table,
    users: StoredTable,
) -> dg.MaterializeResult[pa.Table]:
    settings = lab.settings
    evaluation = settings.evaluation
    rng = stream(settings.data.random_seed, "evaluation.rolling")
    chosen = draw(np.arange(users.count()), evaluation.rolling_n_users, rng)
    cuts = interactions.query(
        *splits.rolling_cuts(settings.split.test_days, evaluation.rolling_cuts)
    ).to_pylist()
    report = progress(context, "cuts")
    tables = [TABLES["rolling_metrics"].arrow_schema.empty_table()]
    for row in cuts:
        cut = _read(interactions, row["cut"], row["cut_at"], chosen, settings)
        tables.append(cut_metrics(cut, products, len(chosen), settings))
        report(row["cut"], len(cuts))
    return lab.result(context, pa.concat_tables(tables), {"users": len(chosen)})


@lab_asset(settings=())
def rolling_summary(
    context: dg.AssetExecutionContext, lab: LabResource, rolling_metrics: pa.Table
) -> dg.MaterializeResult[pa.Table]:
    return lab.result(context, rolling_summary_table(rolling_metrics))


ASSETS = (rolling_metrics, rolling_summary)
