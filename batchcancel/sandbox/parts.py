"""The live parts of one sandbox."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from batchcancel.sandbox.api import Api
from batchcancel.sandbox.book import Book
from batchcancel.sandbox.faults import Faults
from batchcancel.sandbox.history import History
from batchcancel.sandbox.keys import Keys
from batchcancel.sandbox.later import Later
from batchcancel.sandbox.staff import Staff
from batchcancel.sandbox.window import SlidingWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    seconds: Callable[[], float]
    now: Callable[[], datetime]
    keys: Keys
    book: Book
    api: Api
    staff: Staff
    windows: defaultdict[str, SlidingWindow]
    faults: Faults
    later: Later
    history: History

    @property
    def most_accepted(self) -> int:
        return max((window.accepted.most for window in self.windows.values()), default=0)

    @property
    def most_arrivals(self) -> int:
        return max((window.arrivals.most for window in self.windows.values()), default=0)
