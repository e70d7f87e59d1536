"""How a shared window is asked: it waits for a disk or a network, and the event loop must not."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class OffloadCall(Protocol):
    """Makes a blocking call without blocking the event loop: in a thread, but in tests inline.

    A call that has begun is finished, even when its caller is cancelled meanwhile.
    """

    def __call__(self, call: Callable[[], Result], /) -> Awaitable[Result]: ...


async def inline(call: Callable[[], Result], /) -> Result:
    """Call it here: a virtual clock does not wait for threads."""
    return call()
