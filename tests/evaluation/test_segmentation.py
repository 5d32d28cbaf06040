"""Users are parted by what they did before the hold-out."""

from collections import Counter

import numpy as np
import pyarrow as pa

from recolab_assets.evaluation.segmentation import activity_terciles, user_segmentations


def test_users_are_parted_by_what_they_did_before() -> None:
    features = pa.table(
        {
            "user_id": pa.array([3, 1, 2, 0], pa.int32()),
            "n_events": [0, 5, 9, 2],
            "top_category": [None, "toys", "garden", "toys"],
        }
    )
    found = user_segmentations(features, np.array([0, 1, 3]))
    named = {
        name: [parts.names[number] for number in parts.segment] for name, parts in found.items()
    }
    assert named == {
        "activity": ["middle", "high", "low"],
        "category": ["toys", "toys", "unknown"],
        "history": ["returning", "returning", "new"],
    }


def test_terciles_are_thirds_and_keep_equal_users_together() -> None:
    events = np.random.default_rng(0).permutation(np.arange(900.0))
    terciles = activity_terciles(events)
    assert set(Counter(terciles.segment.tolist()).values()) == {300}
    assert events[terciles.segment == 0].max() < events[terciles.segment == 1].min()
    tied = activity_terciles(np.repeat([0.0, 4.0], [80, 20]))
    assert [terciles.names[number] for number in np.unique(tied.segment)] == ["low", "high"]
    assert activity_terciles(np.empty(0)).segment.size == 0
