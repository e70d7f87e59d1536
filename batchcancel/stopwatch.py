"""How long ago something was, where the machine may sleep and its clock may be set."""

import time
from collections.abc import Callable

Clocks = Callable[[], tuple[float, ...]]


def real_clocks() -> tuple[float, ...]:
    """One goes on evenly and may stand still while the machine sleeps; the other may be set."""
    return time.monotonic(), time.time()


class Stopwatch:
    """Runs from its construction; of several clocks, the one that saw most time pass is right."""

    def __init__(self, clocks: Clocks = real_clocks) -> None:
        self._clocks = clocks
        self._began = clocks()

    def seconds(self) -> float:
        return max(now - began for now, began in zip(self._clocks(), self._began, strict=True))
