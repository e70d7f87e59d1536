"""Something done again and again in a thread of its own, however busy the rest of the program is.

A person at the prompt, or a manifest of a million rows, holds up the event loop; the lease on the
batch must not run out meanwhile.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg

_PATIENCE_S = 10.0


class Keeper:
    """Calls `keep` every so many seconds; after a failure a little sooner."""

    def __init__(self, keep: Callable[[], None], *, every: float) -> None:
        self._keep = keep
        self._every = every
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing is being kept any more, or when it takes too long to wait for."""
        self._is_over.set()
        self._thread.join(_PATIENCE_S)

    def _work(self) -> None:
        pause = self._every
        while not self._is_over.wait(pause):
            pause = self._every / 10
            with suppress(psycopg.Error):
                self._keep()
                pause = self._every
