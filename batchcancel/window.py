"""The contract of a rate limit's window that several programs share, on one clock for all of them.

A slot is taken before a request is sent. It is free again one window after the answer; while no
answer is known, one window after the latest moment at which the request can have been counted.
So the slots of a program that died come back by themselves.
"""

from typing import NamedTuple, Protocol

PERMIT_S = 30.0
"""How long after its slot was taken a request may be sent; later, others take it as never sent."""


class Turn(NamedTuple):
    """A slot, or the seconds until asking again is worth it; and how many slots are not free."""

    slot: int | None
    wait: float
    taken: int


class SharedWindow(Protocol):
    """The window of one API key at one rate; failing to take raises `LedgerWriteFailed`.

    `used`, `unused` and `close_for` may be told late, or never: then slots are free later, and
    nothing is sent too early.
    """

    def look(self) -> Turn:
        """How it stands, without taking anything."""

    def take(self) -> Turn:
        """Take a slot, if one is free and nobody is to wait."""

    def used(self, slot: int) -> None:
        """The answer came, or will not come."""

    def unused(self, slot: int) -> None:
        """Nothing was sent, nor will be."""

    def close_for(self, seconds: float) -> None:
        """Give nobody a slot for so long; a longer closure that is in force stays."""
