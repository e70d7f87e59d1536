"""What a seed decides: everything that happens to a batch, before anything happens."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from batchcancel.sandbox import Fault, Rate
from tests.simulation.rows import ManifestText


class Mode(StrEnum):
    """What is asked of the program when all is over."""

    SAFETY = "safety"  # trouble anywhere, any time: nothing false may happen
    LIVENESS = "liveness"  # trouble ends: the batch must finish within a computed time
    EQUIVALENCE = "equivalence"  # the end is that of the same seed without crashes


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPoint:
    """A process ends, as by kill -9, at the nth boundary of a kind; `at` seconds for `time`."""

    kind: str
    nth: int = 1
    at: float = 0.0


BOUNDARIES = (
    "before commit",
    "after commit",
    "before send",
    "after send",
    "arrived",
    "before answer",
)
"""Where a process may die, beside any moment at all (`time`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """A verify, or a restore, of what is rescheduled `also`; the windows have `spare` places."""

    is_verify: bool = False
    spare: int = 0
    overbook: bool = False
    also: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One process and what befalls it; times count from its start. It is a run unless told.

    One that `is_approved` is given the token of the plan made last.
    """

    is_plan: bool = False
    is_find: bool = False
    undo: Undo | None = None
    crash: CrashPoint | None = None
    signals: tuple[float, ...] = ()
    abandoned_at: float | None = None
    second_run_at: float | None = None
    failing_commits: tuple[int, ...] = ()
    retry_refused: bool = False
    has_wrong_key: bool = False
    is_approved: bool = False
    notes: str | None = None
    pause: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAction:
    """Somebody at the dashboard: `at` seconds after the beginning, or when the process `of` has
    its so manieth `page`, else when it has ended. The `pick`th of the ids in `whom` is meant.
    """

    what: str
    whom: str
    pick: int
    at: float | None = None
    of: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """From the process of this number on the manifest is another, and that may be accepted."""

    of: int
    manifest: ManifestText
    is_accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditsGone:
    """From a moment on so many requests are refused, as long as nobody has topped up."""

    at: float
    requests: int
    fault: Fault
    method: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """Seconds for both ways together, and how often a request or its answer is lost.

    `undated` is the share of answers without a `Date`; what is not the API's own answer has one
    that is `gateway_ahead` seconds ahead.
    """

    latency: tuple[float, float] = (0.02, 0.2)
    undated: float = 0.0
    gateway_ahead: float = 0.0
    chances: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One seed, drawn.

    `page` is how many records a page shows at most, and `old` after how many seconds what was
    observed is looked at anew. `unlisted` are days of which the calendar lists no windows, or none
    of a session.
    """

    seed: int
    mode: Mode
    begin: datetime
    timezone: str
    manifest: ManifestText
    options: Mapping[str, str]
    notice: timedelta
    clinic_notice_hours: int
    rate: Rate
    server_rate: Rate
    network: NetworkSpec
    disk_latency: float
    faults: Mapping[Fault, float]
    commands: tuple[Command, ...]
    page: int
    old: float
    is_shuffled: bool
    credits_gone: tuple[CreditsGone, ...]
    staff: tuple[StaffAction, ...]
    others: tuple[float, ...]
    neighbour: tuple[float, ...]
    clock_steps: tuple[tuple[float, float], ...]
    naps: tuple[tuple[float, float], ...]
    skew: float
    calm_at: float | None
    unlisted: tuple[tuple[date, str | None], ...]
    changed: Changed | None = None

    def clock_offset(self, seconds: float) -> timedelta:
        """How far the program's wall clock is ahead at a moment."""
        return timedelta(seconds=sum(step for at, step in self.clock_steps if at <= seconds))

    def without_crashes(self) -> "Scenario":
        """The same seed, with processes that live."""
        commands = tuple(replace(one, crash=None) for one in self.commands)
        return replace(self, commands=commands)

    @property
    def is_unusable(self) -> bool:
        """Some rows cannot be read, and nobody allowed to go on without them."""
        return self.manifest.rejected > 0 and self.options["allow_rejected_rows"] == "false"

    @property
    def option(self) -> "Limits":
        """How long things may take, by the options."""
        return Limits(
            timeout=float(self.options["timeout"]),
            max_retry_after=float(self.options["max_retry_after"]),
        )


class Limits(NamedTuple):
    """How long the command line allows to wait, in seconds."""

    timeout: float
    max_retry_after: float


SAFE_DAY = date(2027, 1, 11)  # its deadlines are far away for every beginning
