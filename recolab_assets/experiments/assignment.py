"""Which arm a user is in: a salted hash of the user id, the same on every run and machine."""

import hashlib

import numpy as np
import numpy.typing as npt

from recolab_assets.experiments.arrays import IntArray

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def _finalise(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Mix 64-bit words so that every input bit flips every output bit half of the time.

    The finaliser of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators" (OOPSLA 2014), figure 16, with the constants of Stafford's variant 13.
    """
    words = (words ^ (words >> np.uint64(30))) * _MULTIPLIERS[0]
    words = (words ^ (words >> np.uint64(27))) * _MULTIPLIERS[1]
    return words ^ (words >> np.uint64(31))


def hash_users(users: IntArray, salt: str) -> npt.NDArray[np.uint64]:
    """Hash user ids to 64 uniform bits.

    Two rounds of the mixer, keyed by two words of the SHA-256 of the salt, so that two salts do
    not give shifted copies of one sequence.

    Args:
        users: (n,) ids, not negative.
        salt: Names the experiment; another salt gives an independent assignment.

    Raises:
        ValueError: A user id is negative.
    """
    if users.size and users.min() < 0:
        raise ValueError(f"user ids must not be negative; found {users.min()}")
    digest = hashlib.sha256(salt.encode()).digest()
    first, second = (np.uint64(int.from_bytes(digest[i : i + 8], "little")) for i in (0, 8))
    words = users.astype(np.uint64) * _GAMMA  # wraps round, as intended
    return _finalise(_finalise(words ^ first) + second)


def assign_arms(users: IntArray, n_arms: int, salt: str) -> npt.NDArray[np.int8]:
    """Assign users to arms of equal expected size.

    The arm is the upper half of the hash scaled to ``0 .. n_arms - 1`` (Lemire, "Fast random
    integer generation in an interval", 2019): no arm is favoured by more than ``n_arms / 2**32``.

    Args:
        users: (n,) ids, not negative; the order does not matter.
        n_arms: Number of arms, 1 to 127.
        salt: Names the experiment.

    Returns:
        (n,) arm numbers from 0.
    """
    if not 1 <= n_arms <= 127:
        raise ValueError(f"n_arms must be 1 to 127; got {n_arms}")
    upper = hash_users(users, salt) >> np.uint64(32)
    return ((upper * np.uint64(n_arms)) >> np.uint64(32)).astype(np.int8)
