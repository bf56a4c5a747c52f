"""Runs an async test on a virtual clock: waiting costs nothing."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
import trio.testing

T = TypeVar("T")


def run_virtual(function: Callable[..., Awaitable[T]], *args: object) -> T:
    """What the async function gives, in a trio loop whose time jumps to whatever is waited for."""
    return trio.run(function, *args, clock=trio.testing.MockClock(autojump_threshold=0))
