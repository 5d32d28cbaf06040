"""Accuracy as a function of the length at which lists are cut."""

import numpy as np
import pyarrow as pa

from recolab_assets.evaluation.metrics import accuracy
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.evaluation.report import ModelLists
from recolab_assets.tables import TABLES


def metric_curves_table(models: ModelLists, relevance: Relevance) -> pa.Table:
    """Average every accuracy metric of every model over the eligible users, at every length.

    Args:
        models: Name and lists of each model, read once, one at a time; curves end at their length.
        relevance: Relevant products of the eligible users.

    Returns:
        Rows of the table metric_curves; none without an eligible user.
    """
    rows = []
    for model, lists in models:
        if not relevance.users.size:
            break
        # By columns, which the metrics go along, and which cost half the time so.
        hits = np.asfortranarray(relevance.hits(lists.users, lists.products))
        for k in range(1, lists.k + 1):
            rows += [
                {"model": model, "metric": metric, "k": k, "value": float(values.mean())}
                for metric, values in accuracy(hits, relevance.n_relevant, k).items()
            ]
    return pa.Table.from_pylist(rows, schema=TABLES["metric_curves"].arrow_schema)
