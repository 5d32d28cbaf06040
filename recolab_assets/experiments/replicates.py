"""Simulated experiments repeated many times, each reduced at once to what its analysis needs.

A replicate draws its users in a random order; an experiment of n users is its first n, so one
replicate serves every size. Replicates have streams of their own and may run in any order.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from recolab_assets.parallel import in_order

Number = TypeVar("Number", np.int64, np.float64)
Result = TypeVar("Result")


def in_threads(one: Callable[[int], Result], replicates: int) -> list[Result]:
    """Run replicates on a few threads."""
    return list(in_order(one, range(replicates)))


def replicate(one: Callable[[int], npt.NDArray[Number]], replicates: int) -> npt.NDArray[Number]:
    """Stack the results of replicates run on a few threads."""
    return np.stack(in_threads(one, replicates))
