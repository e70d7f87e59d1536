"""Events of a command for observers: one frozen record for each thing that can be watched.

An observer is called with each of them, in their order, inside the event loop: it must not block.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from batchcancel.api import Ask, Limiter, Meaning, Rate
from batchcancel.appointments import Outcome, RejectedRow


class FetchBegan(NamedTuple):
    """The download of a remote manifest begins; `manifest` is its redacted address."""

    manifest: str


class FetchEnded(NamedTuple):
    """The download is complete; `size` is in bytes."""

    manifest: str
    size: int


class RateWindowFull(NamedTuple):
    """No request for so many seconds: earlier ones fill the rate limit's window.

    Or the gate is closed: the API asked for patience (Retry-After).
    """

    seconds: float
    is_closed: bool = False


class WindowNotShared(NamedTuple):
    """Other programs with this key do not see our requests: `folder` cannot hold the window."""

    folder: str
    why: str


class Caution(NamedTuple):
    """Something about the plan's ground that a person should know; `text` is a sentence of ours.

    `code` names its kind, for logs and machines.
    """

    code: str
    text: str


class PlanMade(NamedTuple):
    """Every row was decided on: `text` is the plan for people, `facts` that for machines.

    `rejected` are the rows that cannot be read, by line.
    """

    text: str
    facts: Mapping[str, Any]
    rejected: Sequence[RejectedRow] = ()


class RunStarted(NamedTuple):
    """Cancelling begins: `eligible` appointments at most, at the pace of `limiter`."""

    eligible: int
    rate: Rate
    limiter: Limiter


class RowEnded(NamedTuple):
    """An appointment has its outcome in this run."""

    appointment_id: str
    outcome: Outcome


class RequestSent(NamedTuple):
    """A request leaves; `appointment_id` is None where it is about none."""

    ask: Ask
    appointment_id: str | None


class RequestAnswered(NamedTuple):
    """What came of it; `retry_after` is for how many seconds the API asks for patience."""

    ask: Ask
    appointment_id: str | None
    meaning: Meaning
    code: str
    retry_after: float | None = None


Event = (
    FetchBegan
    | FetchEnded
    | RateWindowFull
    | WindowNotShared
    | Caution
    | PlanMade
    | RunStarted
    | RowEnded
    | RequestSent
    | RequestAnswered
)
Observer = Callable[[Event], None]
