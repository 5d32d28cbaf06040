"""The scorecard of the ways of evaluating, judged by the truth of the synthetic shop."""

from collections.abc import Callable

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.assets.declare import lab_asset
from recolab_assets.assets.experiments import RESPONSE_SETTINGS, Laboratory
from recolab_assets.config import ExperimentConfig, SplitConfig
from recolab_assets.evaluation.metrics import ACCURACY_METRICS
from recolab_assets.evaluation.other_split import other_split
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import AccuracyCube, accuracy_of_lists
from recolab_assets.experiments.history import COVARIATE_COLUMNS, pre_period_covariates
from recolab_assets.experiments.scorecard import OfflineValues
from recolab_assets.experiments.scorecard import method_scorecard as score_methods
from recolab_assets.experiments.scorecard_logs import Logging
from recolab_assets.models import MODELS
from recolab_assets.resources import LabResource
from recolab_assets.storage import StoredTable
from recolab_assets.tables import TABLES

_SPLIT_NAMES = {"global_time": "global", "per_user_latest": "per_user"}


@lab_asset(
    settings=(
        *RESPONSE_SETTINGS,
        "experiment.alpha",
        "experiment.interleaving_k",
        "experiment.scorecard_replicates",
        "split.method",
        "evaluation.k_values",
        "model.top_k",
        "model.exclude_seen",
        "experiment.logging_policy",
        "experiment.logging_epsilon",
    ),
    kinds=("numba",),
)
def method_scorecard(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    train_pairs: StoredTable,
    users: StoredTable,
    products: pa.Table,
    user_features: StoredTable,
    user_metrics: pa.Table,
    other_split_metrics: pa.Table,
    popularity: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    if config.source is not None:
        return lab.result(context, TABLES["method_scorecard"].arrow_schema.empty_table())
    laboratory = Laboratory(config, recommendations, test_interactions, users, products)
    k = min(config.evaluation.k_values)
    relevance = Relevance.from_tables(
        test_interactions.select(["user_id", "item_id", "item_type"]),
        train_pairs.select(["user_id", "product_id"]),
        exclude_seen=config.model.exclude_seen,
    )
    history = user_features.select(["user_id", *COVARIATE_COLUMNS])
    scorecard = score_methods(
        laboratory.visitors,
        laboratory.lists(list(MODELS), config.model.top_k),
        laboratory.click_model(),
        control=config.experiment.control_model,
        alpha=config.experiment.alpha,
        length=config.experiment.interleaving_k,
        replicates=config.experiment.scorecard_replicates,
        seed=config.experiment_seed,
        covariates=pre_period_covariates(history, laboratory.visitors),
        arrivals=np.unique(laboratory.first_days, return_counts=True)[1].cumsum().tolist(),
        logging=_logging(config.experiment, popularity),
        offline=[
            _offline(
                config.split,
                user_metrics,
                k,
                lambda owners, lists: accuracy_of_lists(owners, lists, relevance, k),
            ),
            _offline(other_split(config.split), other_split_metrics, k),
        ],
    )
    return lab.result(context, scorecard.table, {"seconds": scorecard.seconds})


def _logging(experiment: ExperimentConfig, popularity: pa.Table) -> Logging | None:
    """The policy that leaves a log; none where a click at one slot bears on the others."""
    if experiment.response_model == "cascade":
        return None
    return Logging(
        ranks=popularity.sort_by("product_id")["popularity_rank"].to_numpy(),
        popular="popularity",
        kind=experiment.logging_policy,
        epsilon=experiment.logging_epsilon,
    )


def _offline(
    split: SplitConfig,
    user_metrics: pa.Table,
    k: int,
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> OfflineValues:
    """Every metric of every eligible user under every model, in the models' order."""
    methods = [f"offline_{metric}_{_SPLIT_NAMES[split.method]}" for metric in ACCURACY_METRICS]
    rows = user_metrics.filter(pc.equal(user_metrics["k"], k))
    if not rows.num_rows:
        return OfflineValues(methods, np.empty((0, len(methods), len(MODELS))), measure)
    cube = AccuracyCube.from_table(rows)
    order = [cube.models.index(model) for model in MODELS]
    return OfflineValues(methods, cube.values[:, order, 0].transpose(0, 2, 1), measure)


ASSETS = (method_scorecard,)
