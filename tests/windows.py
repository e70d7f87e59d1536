"""Shared windows on whatever clock: in a file, and in memory, which the others are held against."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from batchcancel.api import PERMIT_S, Rate, Turn
from batchcancel.clock import BootClock
from batchcancel.huskyvoice.window_file import FileWindow


@dataclass
class Book:
    """What several windows of one key share."""

    slots: dict[int, "Slot"] = field(default_factory=dict)
    closed_until: float = 0.0
    taken_ever: int = 0


@dataclass
class Slot:
    taken_at: float
    counted_by: float
    is_answered: bool = False

    def free_at(self, length: float, now: float) -> float:
        if self.is_answered:
            return self.counted_by + length
        return min(self.counted_by + length, max(self.taken_at + length, now + length / 10))


class MemoryWindow:
    def __init__(
        self, clock: Callable[[], float], *, limit: int, length: float, timeout: float = 10.0,
        book: Book | None = None,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._limit = limit
        self._length = length
        self._timeout = timeout
        self.book = book or Book()
        self.kept_in = "memory"

    def look(self) -> Turn:
        now = self._clock()
        busy = [one for one in self.book.slots.values() if one.counted_by + self._length > now]
        free_at = sorted(one.free_at(self._length, now) for one in busy)
        full = free_at[len(busy) - self._limit] - now if len(busy) >= self._limit else 0.0
        closed = max(self.book.closed_until - now, 0.0)
        return Turn(None, max(full, closed), len(busy), closed)

    def take(self) -> Turn:
        turn = self.look()
        if turn.wait > 0:
            return turn
        now = self._clock()
        self.book.taken_ever += 1
        self.book.slots[self.book.taken_ever] = Slot(now, now + PERMIT_S + self._timeout)
        return Turn(self.book.taken_ever, 0.0, turn.taken + 1)

    def used(self, slot: int) -> None:
        if slot in self.book.slots:
            known = self.book.slots[slot]
            known.is_answered, known.counted_by = True, min(known.counted_by, self._clock())

    def unused(self, slot: int) -> None:
        self.book.slots.pop(slot, None)

    def close_for(self, seconds: float) -> None:
        self.book.closed_until = max(self.book.closed_until, self._clock() + seconds)


def file_window(
    path: Path, clock: Callable[[], float], *, limit: float, length: float = 60.0,
    timeout: float = 10.0, boot: str = "a boot", ahead: float = 0.0,
) -> FileWindow:  # fmt: skip
    """A window in a file, and a wall clock that is `ahead` of the other by so much."""
    return FileWindow(
        path,
        rate=Rate(limit, length),
        timeout=timeout,
        clock=BootClock(boot, clock),
        now=lambda: datetime.fromtimestamp(clock() + ahead, UTC),
    )
