"""What is known of users before the test, as covariates to adjust by."""

import numpy as np
import pyarrow as pa

from recolab_assets.evaluation.segmentation import rows_of_users
from recolab_assets.experiments.arrays import FloatArray, IntArray

COVARIATE_COLUMNS = ("n_events", "n_purchases", "top_category_share")
"""Columns of ``user_features`` that are made into covariates; all are known before the test."""


def pre_period_covariates(user_features: pa.Table, users: IntArray) -> FloatArray:
    """Activity of users before the test, on the scale that a linear adjustment can use.

    Counts have heavy tails, so they enter by log(1 + n). A user without history has zeros, and no
    share of a favourite category either.

    Args:
        user_features: Table with ``user_id`` and ``COVARIATE_COLUMNS``.
        users: (n,) users, each in the table.

    Returns:
        (n, 3) covariates.

    Raises:
        ValueError: A user is not in the table.
    """
    rows = rows_of_users(user_features, users)
    events, purchases, share = (
        np.nan_to_num(user_features[name].to_numpy()[rows].astype(np.float64))
        for name in COVARIATE_COLUMNS
    )
    return np.column_stack([np.log1p(events), np.log1p(purchases), share])
