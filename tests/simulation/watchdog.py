"""A bound in real time: a simulation that hangs is a failure like any other."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class HungError(BaseException):
    """The simulation did not end; virtual time may stand still."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `HungError` in the body when it takes longer; an alarm that was set is set again.

    Where other programs leave it little of the machine, it has four times as long.
    """
    ends_at, may_use = time.monotonic() + 4 * seconds - 1, time.process_time() + seconds / 2

    def bark(_signum: int, _frame: FrameType | None) -> None:
        if time.monotonic() >= ends_at or time.process_time() >= may_use:
            raise HungError(f"not finished after {seconds:g} real seconds")

    handler = signal.signal(signal.SIGALRM, bark)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, handler)
