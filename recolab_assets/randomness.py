"""Named random streams: the same seed and name give the same draws, whatever else is drawn."""

import hashlib

import numpy as np


def stream(seed: int, purpose: str, shard: int = 0) -> np.random.Generator:
    """Return the generator of one purpose and one shard.

    Streams are children of ``numpy.random.SeedSequence(seed)`` keyed by a hash of the purpose, so
    adding a step to the lab never moves another step's draws, and shards may run in any order.

    Args:
        seed: The configuration's ``data.random_seed``.
        purpose: What the numbers are for, for example ``"shop.activity"``.
        shard: Number of the block of users that the draws belong to.
    """
    digest = hashlib.sha256(purpose.encode()).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in (0, 4, 8, 12))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*key, shard)))
