"""What the programs of one key tell each other in a file: slots, who waits, and the gate.

All instants are seconds of one boot's clock. A text that this module did not write is no log.
"""

import json
import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from batchcancel.api import PERMIT_S, Rate, SharedWindow, Turn
from batchcancel.clock import BootClock, Now

Result = TypeVar("Result")
Made = TypeVar("Made")

FORMAT = 1
GRACE_S = 1.0
"""How late a waiter may ask again before its place is somebody else's."""


class NewerLogError(ValueError):
    """A later version of this program wrote it."""


@dataclass(slots=True)
class Slot:
    """`counted_by` is the latest moment at which the server can have counted the request."""

    taken_at: float
    counted_by: float
    is_answered: bool = False

    def free_at(self, window: float, now: float) -> float:
        """Without an answer, the soonest: then it is looked at again, a little later each time."""
        at = self.counted_by + window
        return at if self.is_answered else min(at, max(self.taken_at + window, now + window / 10))


@dataclass(slots=True)
class Gate:
    """Closed until an instant, for so many seconds in all; `wall` is the same by the wall clock."""

    until: float
    wall: float
    seconds: float


@dataclass(slots=True)
class WindowLog:
    """The window of one key. `keep` is the longest window anybody counts by.

    Slots are numbered from a number that nobody can guess: a program that holds one of a log that
    is lost gives back nobody else's.
    """

    boot: str
    keep: float = 0.0
    next_slot: int = field(default_factory=lambda: secrets.randbits(48))
    slots: dict[int, Slot] = field(default_factory=dict)
    waiting: dict[int, float] = field(default_factory=dict)
    gate: Gate | None = None

    def standing(self, rate: Rate, now: float, ahead: Sequence[float] = ()) -> Turn:
        """How it stands for one more request; each of those `ahead` has a slot kept for it.

        They are told by when their places are lost.
        """
        free_at = [
            slot.free_at(rate.window, now)
            for slot in self.slots.values()
            if slot.counted_by + rate.window > now
        ]
        closed = max(0.0, self.gate.until - now) if self.gate else 0.0
        missing = len(free_at) + len(ahead) + 1 - rate.limit
        if missing <= 0:
            return Turn(None, closed, len(free_at), closed)
        full = sorted([*free_at, *ahead])[math.ceil(missing) - 1] - now
        return Turn(None, max(closed, full), len(free_at), closed)

    def take(self, rate: Rate, now: float, *, ticket: int, timeout: float) -> Turn:
        """A slot, or a place behind those who asked before; a closed gate keeps no places."""
        turn = self.standing(rate, now, self._ahead_of(ticket, now))
        if turn.closed > 0:
            return turn
        if turn.wait > 0:
            self.waiting[ticket] = now + turn.wait + GRACE_S
            return turn
        self.waiting.pop(ticket, None)
        slot = self.add(Slot(now, now + PERMIT_S + timeout))
        return Turn(slot, 0.0, turn.taken + 1)

    def add(self, slot: Slot) -> int:
        number, self.next_slot = self.next_slot, self.next_slot + 1
        self.slots[number] = slot
        return number

    def _ahead_of(self, ticket: int, now: float) -> list[float]:
        self.waiting = {one: until for one, until in self.waiting.items() if until > now}
        before = list(self.waiting)
        place = before.index(ticket) if ticket in self.waiting else len(before)
        return [self.waiting[one] for one in before[:place]]

    def used(self, slot: int, now: float) -> None:
        if (known := self.slots.get(slot)) is not None:
            known.is_answered, known.counted_by = True, min(known.counted_by, now)

    def close_for(self, seconds: float, *, now: float, wall: float) -> None:
        if self.gate is None or self.gate.until < now + seconds:
            self.gate = Gate(now + seconds, wall + seconds, seconds)

    def forget(self, rate: Rate, now: float) -> None:
        """Let go of what nobody counts any more."""
        self.keep = max(rate.window, self.keep if self.slots else 0.0)
        self.slots = {
            number: slot for number, slot in self.slots.items() if slot.counted_by + self.keep > now
        }
        if self.gate is not None and self.gate.until <= now:
            self.gate = None

    def carry_over(self, boot: str, *, now: float, wall: float) -> None:
        """After another boot nobody knows when a slot was taken: it counts as if it were now.

        What is left of a closure goes by the wall clock, which may have been set meanwhile. A slot
        of the future is of another boot too, where the system does not name its boots.
        """
        taken_at = max((slot.taken_at for slot in self.slots.values()), default=now)
        if boot == self.boot and taken_at <= now:
            return
        self.boot = boot
        self.slots = {number: Slot(now, now, is_answered=True) for number in self.slots}
        self.waiting = {}
        if self.gate is not None:
            left = min(max(self.gate.wall - wall, 0.0), self.gate.seconds)
            self.gate = Gate(now + left, wall + left, left)

    def text(self) -> str:
        return json.dumps({"format": FORMAT} | _fields(self), default=_fields)


class MemoryWindow(SharedWindow):
    """The window at `rate`; a request without an answer is over after `timeout` s.

    It is this program's alone, unless others are given the same `log`.
    """

    kept_in: str | None = None

    def __init__(
        self, *, rate: Rate, timeout: float, clock: BootClock, now: Now,
        log: WindowLog | None = None,
    ) -> None:  # fmt: skip
        self._rate = rate
        self._timeout = timeout
        self._clock = clock
        self._now = now
        self._log = log or WindowLog(clock.boot)
        self._ticket = secrets.randbits(48)

    def remember(self, free_in: Iterable[float]) -> None:
        """Take over slots of earlier runs, by the seconds until each is free again."""
        now = self._clock.seconds()
        for seconds in free_in:
            self._log.add(Slot(now, now + seconds - self._rate.window, is_answered=True))

    def look(self) -> Turn:
        return self._log.standing(self._rate, self._clock.seconds())

    def take(self) -> Turn:
        def take(log: WindowLog) -> Turn:
            now = self._clock.seconds()
            return log.take(self._rate, now, ticket=self._ticket, timeout=self._timeout)

        return self._change(take)

    def used(self, slot: int) -> None:
        self._change(lambda log: log.used(slot, self._clock.seconds()))

    def unused(self, slot: int) -> None:
        self._change(lambda log: log.slots.pop(slot, None))

    def close_for(self, seconds: float) -> None:
        def close(log: WindowLog) -> None:
            log.close_for(seconds, now=self._clock.seconds(), wall=self._wall())

        self._change(close)

    def _change(self, change: Callable[[WindowLog], Result]) -> Result:
        self._log.forget(self._rate, self._clock.seconds())
        return change(self._log)

    def _wall(self) -> float:
        return self._now().timestamp()


def _fields(one: Any) -> dict[str, Any]:
    """As `asdict`, which copies what it finds and takes five times as long."""
    return {name: getattr(one, name) for name in one.__slots__}


def read_log(text: bytes) -> WindowLog:
    """The log that was written so; raises `ValueError` where it cannot be one."""
    try:
        told = json.loads(text, parse_constant=_no_number)
        written = told.pop("format")
        if written == FORMAT:
            return _log(**told)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ValueError("it is no window of ours") from error
    if isinstance(written, int) and written > FORMAT:
        raise NewerLogError
    raise ValueError("it is no window of ours")


def _no_number(text: str) -> float:
    raise ValueError(text)


def _log(*, boot: Any, keep: Any, next_slot: Any, slots: Any, waiting: Any, gate: Any) -> WindowLog:
    return WindowLog(
        boot=str(boot),
        keep=float(keep),
        next_slot=int(next_slot),
        slots={int(number): _made(Slot, slot) for number, slot in slots.items()},
        waiting={int(ticket): float(until) for ticket, until in waiting.items()},
        gate=None if gate is None else _made(Gate, gate),
    )


def _made(kind: Callable[..., Made], told: dict[str, Any]) -> Made:
    """A value whose fields are what their types make of what was told."""
    return kind(**{name: kind.__annotations__[name](value) for name, value in told.items()})
