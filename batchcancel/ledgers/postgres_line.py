"""A connection whose every wait ends, also before a server that was stopped.

Its kernel, or a proxy on the way, goes on acknowledging what we send, so that neither TCP's time
limits can tell nor the server's own.
"""

from collections.abc import Callable, Generator
from typing import Any

import psycopg
from psycopg import Connection

from batchcancel.clock import Stopwatch

SILENCE_S = 20.0
"""How long a server may say nothing before its connection is given up."""

_AT_LONG_WORK_S = 900.0


def _usual() -> float:
    return SILENCE_S


class SilentServer(psycopg.OperationalError):
    """It said nothing for longer than it may take."""


class Line(Connection[Any]):
    """`silence` tells the seconds that are left to the server, also while one waits for it."""

    is_at_long_work = False
    silence: Callable[[], float] = staticmethod(_usual)

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """What psycopg waits with; it comes back every tenth of a second, ready or not."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        waited = Stopwatch()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and waited.seconds() > self._patience():
                    self.pgconn.finish()
                    raise SilentServer("it does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _patience(self) -> float:
        return _AT_LONG_WORK_S if self.is_at_long_work else self.silence()
