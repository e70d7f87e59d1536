"""How a simulated process dies: nothing it does afterwards reaches the disk or the network."""

from typing import Protocol

from batchcancel.errors import LedgerWriteFailed
from batchcancel.writer import Writer


class Crash(BaseException):
    """The process is gone; no handler of the program may mistake this for trouble."""


def deafen(writer: Writer) -> None:
    """Let whoever still waits for the disk in a `finally` go at once, empty-handed."""
    writer._failure = LedgerWriteFailed("the process is dead")
    writer._group.written.set()


class Mortal(Protocol):
    """A process, as its network and its disk know it."""

    number: int
    is_dead: bool
    key: str

    def boundary(self, kind: str) -> None: ...

    def boundary_outside(self, kind: str) -> None: ...

    def commit_fails(self) -> bool: ...
