"""A memory of what was worked out of rows, for as long as the rows are the same ones.

The store hands out the same rows until the file changes, so what they are can be told from which
they are, without looking into them.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pandas as pd

P = ParamSpec("P")
R = TypeVar("R")


def remembered(kept: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a pure function return its former result when it is asked with the same frames again.

    Args:
        kept: Results remembered; the one that was asked for longest ago goes first. Whoever gets
            one treats it as read-only.
    """

    def remembering(function: Callable[P, R]) -> Callable[P, R]:
        # With the arguments, as long as which no other frame can have the identity of one of them.
        results: OrderedDict[Hashable, tuple[object, R]] = OrderedDict()
        lock = threading.Lock()

        @wraps(function)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            key = (_identity(args), _identity(kwargs))
            with lock:
                if key in results:
                    results.move_to_end(key)
                    return results[key][1]
            result = function(*args, **kwargs)
            with lock:
                results[key] = ((args, kwargs), result)
                while len(results) > kept:
                    results.popitem(last=False)
            return result

        return asked

    return remembering


def _identity(value: Any) -> Hashable:
    """What two arguments have in common only when they are the same."""
    if isinstance(value, pd.DataFrame):
        return id(value)
    if isinstance(value, Mapping):
        return tuple((name, _identity(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_identity, value))
    return value
