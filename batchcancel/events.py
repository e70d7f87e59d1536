"""What can be watched: one frozen record for each thing that happens in a job.

An observer is a function that is called with each of them, in their order; it must not wait.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from batchcancel.api import Limiter, Rate
from batchcancel.appointments import Outcome, RejectedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchBegan:
    """A manifest that is far away is being fetched; its address is fit to be shown."""

    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchEnded:
    """It is here; `size` is in bytes."""

    manifest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFull:
    """Nothing can be asked for so many seconds: earlier requests fill the rate limit's window.

    Or the gate is closed: the API asked for patience (Retry-After).
    """

    seconds: float
    is_closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowNotShared:
    """Other programs with this key do not see our requests: `folder` cannot hold the window."""

    folder: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDiffers:
    """The API's clock is so far ahead of this machine's; behind it when negative."""

    ahead: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade:
    """Every row was decided on. `text` is the plan for people; `seconds` is the time it takes.

    `skipped` counts by reason, `rejected` are the rows that cannot be read, by line.
    """

    text: str
    rows: int
    eligible: int
    settled: int
    skipped: Mapping[str, int]
    rejected: Sequence[RejectedRow]
    will_miss: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """From here on appointments are cancelled, so many at most, as the limiter permits."""

    eligible: int
    rate: Rate
    limiter: Limiter


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEnded:
    """An appointment has its outcome in this run."""

    appointment_id: str
    outcome: Outcome


Event = (
    FetchBegan
    | FetchEnded
    | WindowFull
    | WindowNotShared
    | ClockDiffers
    | PlanMade
    | RunStarted
    | RowEnded
)
Observer = Callable[[Event], None]
