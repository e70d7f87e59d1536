"""Changes that fall due after their answer was lost."""

import heapq
import threading
from collections.abc import Callable
from itertools import count


class Later:
    """Carries out what has fallen due whenever somebody is about to look.

    Nothing waits in the background, so it works in any loop, in none, and on a virtual clock.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._due: list[tuple[float, int, Callable[[float], object]]] = []
        self._order = count()
        self._lock = threading.RLock()

    def add(self, delay: float, action: Callable[[float], object]) -> None:
        """Have `action` called once `delay` seconds passed, with how late that was, in seconds."""
        with self._lock:
            heapq.heappush(self._due, (self._seconds() + delay, next(self._order), action))

    def catch_up(self) -> None:
        now = self._seconds()
        with self._lock:
            while self._due and self._due[0][0] <= now:
                due, _, action = heapq.heappop(self._due)
                action(now - due)
