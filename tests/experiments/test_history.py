"""What is known of users before the test stands at the right user."""

import numpy as np
import pyarrow as pa
import pytest

from recolab_assets.experiments.history import pre_period_covariates


def test_covariates_stand_at_their_users_in_any_order() -> None:
    features = pa.table(
        {
            "user_id": pa.array([4, 2, 9], pa.int32()),
            "n_events": [10, 0, 3],
            "n_purchases": [1, 0, 0],
            "top_category_share": [0.7, None, 0.5],
        }
    )
    found = pre_period_covariates(features, np.array([2, 9]))
    np.testing.assert_allclose(found, [[0, 0, 0], [np.log(4), 0, 0.5]])
    with pytest.raises(ValueError, match="no row for 2 users"):
        pre_period_covariates(features, np.array([2, 3, 10]))
