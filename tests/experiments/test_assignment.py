"""Salted-hash assignment: uniform, stable, independent of order and of other salts."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from recolab_assets.experiments.assignment import _finalise, assign_arms, hash_users

USERS = np.arange(100_000, dtype=np.int32)


def _finaliser_in_plain_integers(word: int) -> int:
    mask = 2**64 - 1
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
    return word ^ (word >> 31)


def test_hash_equals_the_same_steps_in_unbounded_integers() -> None:
    digest = hashlib.sha256(b"pepper").digest()
    first, second = (int.from_bytes(digest[i : i + 8], "little") for i in (0, 8))
    expected = [
        _finaliser_in_plain_integers(
            (_finaliser_in_plain_integers((user * 0x9E3779B97F4A7C15 % 2**64) ^ first) + second)
            % 2**64
        )
        for user in (0, 1, 2, 99_999, 2_000_000_000)
    ]
    users = np.array([0, 1, 2, 99_999, 2_000_000_000])
    assert hash_users(users, "pepper").tolist() == expected


def test_mixer_reproduces_published_splitmix64_output() -> None:
    """First outputs of SplitMix64 from state 1234567, as its reference implementation gives."""
    states = [(1234567 + i * 0x9E3779B97F4A7C15) % 2**64 for i in (1, 2, 3)]
    outputs = _finalise(np.array(states, dtype=np.uint64)).tolist()
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("n_arms", [2, 3, 5, 7])
@pytest.mark.parametrize("salt", ["recolab-2024", "another", ""])
def test_arms_are_equal(n_arms: int, salt: str) -> None:
    counts = np.bincount(assign_arms(USERS, n_arms, salt), minlength=n_arms)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_arms_are_equal_among_any_regular_subset_of_ids() -> None:
    for subset in (USERS[::2], USERS[::1024], USERS[:500], USERS[-500:]):
        counts = np.bincount(assign_arms(subset, 5, "recolab-2024"), minlength=5)
        assert stats.chisquare(counts).pvalue > 1e-4


def test_p_values_of_uniformity_over_many_salts_are_uniform() -> None:
    p_values = [
        stats.chisquare(np.bincount(assign_arms(USERS[:5_000], 5, f"s{i}"), minlength=5)).pvalue
        for i in range(300)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_salts_are_independent() -> None:
    for i in range(20):
        table = np.zeros((5, 5))
        np.add.at(table, (assign_arms(USERS, 5, "base"), assign_arms(USERS, 5, f"salt{i}")), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-4


def test_assignment_does_not_depend_on_order_or_company() -> None:
    arms = assign_arms(USERS, 5, "x")
    shuffled = np.random.default_rng(0).permutation(USERS)
    np.testing.assert_array_equal(assign_arms(shuffled, 5, "x"), arms[shuffled])
    assert assign_arms(np.array([77]), 5, "x")[0] == arms[77]


def test_assignment_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np; from recolab_assets.experiments.assignment import assign_arms;"
        "print(assign_arms(np.arange(12), 5, 'recolab-2024').tolist())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == str(assign_arms(np.arange(12), 5, "recolab-2024").tolist())
    assert result.stdout.strip() == "[4, 2, 1, 2, 0, 4, 3, 0, 3, 1, 4, 2]"


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        hash_users(np.array([-1]), "x")
    with pytest.raises(ValueError, match="n_arms"):
        assign_arms(USERS, 0, "x")
    assert assign_arms(np.array([], dtype=np.int32), 5, "x").size == 0
