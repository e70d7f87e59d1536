"""Ports to the remote side: requests, answers, rate limiting and retry, as values and protocols."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self

Day = date  # a field called `date` hides the type in the class that has it

NOTHING: Mapping[str, str] = MappingProxyType({})

PAGE, USUAL_PAGE = 200, 50
"""The most records on a page of a search, and those where none are asked for, as documented."""

MOST_HOURS = 1_000_000.0
"""The most hours of notice that are believed; more than a century is a mistake."""

MOST_NOTES = 2_000
"""A bound of ours on the notes that one PATCH carries, in characters."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in any `window` seconds; an infinite limit means none."""

    limit: float
    window: float

    @property
    def is_unlimited(self) -> bool:
        return math.isinf(self.limit)

    @property
    def per_minute(self) -> float:
        """The pace over a long time."""
        return math.inf if self.is_unlimited else 60 * self.limit / self.window

    @property
    def is_above_documented(self) -> bool:
        """Whether it allows more than 60 requests in some 60 seconds, which the API refuses."""
        windows = 1 if self.is_unlimited else math.ceil(60 / self.window)
        return self.limit * windows > 60  # noqa: PLR2004 - HuskyVoice rate limits

    def seconds_for(self, requests: int) -> float:
        """The shortest time from the first of so many requests to the last, in seconds."""
        if self.is_unlimited or requests <= 0:
            return 0.0
        return (requests - 1) // self.limit * self.window

    def __str__(self) -> str:
        return "none" if self.is_unlimited else f"{self.limit:g}/{self.window:g}s"


class Ask(StrEnum):
    """The requests this program can make; there are no others.

    Each is a row of facts: its word in ledgers and messages, the method and the path below the
    API's address, the scope a key needs for it, what to do without that scope, and, of an ask that
    writes, the status it sets.
    """

    # fmt: off
    CANCEL = ("cancel", "PATCH /appointments/{id}", "appointments:write",
              "Use a key that may write appointments.", "cancelled")
    RESTORE = ("restore", "PATCH /appointments/{id}", "appointments:write",
               "Use a key that may write appointments.", "confirmed")
    READ = ("read", "GET /appointments/{id}", "appointments:read",
            ("Use a key that may read appointments. A run does without one where no row is in "
             "doubt, and the manifest has starts_at or --notice-hours is 0."))
    SEARCH = ("search", "GET /appointments", "appointments:read",
              "Use a key that may read appointments.")
    CONFIG = ("config", "GET /appointment-config", "appointments:read",
              "Use a key that may read appointments, or pass --notice-hours and --timezone.")
    SERVICES = ("services", "GET /services", "appointments:read",
                "Use a key that may read appointments, or name services by their ids.")
    WINDOWS = ("windows", "GET /appointment-slots/availability", "slots:read",
               ("Use a key that may read slots; or give [sessions] in the job file, restore "
                "--overbook."))
    # fmt: on

    method: str
    path: str
    scope: str
    without_scope: str
    status: str | None

    def __new__(
        cls, word: str, request_line: str, scope: str, without_scope: str, status: str | None = None
    ) -> Self:
        ask = str.__new__(cls, word)
        ask._value_ = word
        ask.method, _, ask.path = request_line.partition(" ")
        ask.scope, ask.without_scope, ask.status = scope, without_scope, status
        return ask

    @property
    def writes(self) -> bool:
        """Whether it changes an appointment: then an intent precedes it, and its answer counts."""
        return self.status is not None

    @property
    def is_of_one(self) -> bool:
        """Whether it is about one appointment, whose record comes back."""
        return "{id}" in self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `query` is for searches and calendar windows only."""

    ask: Ask
    appointment_id: str | None = None
    notes: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)


class Meaning(StrEnum):
    """What an answer tells of the row it is about."""

    PROVED = "proved"  # 2xx, the right shape, the right id; of a write also the status it sets
    ABSENT = "absent"  # 404, in the API's own words
    REFUSED = "refused"  # another no to this request alone, in the API's own words
    BUSY = "busy"  # 429: nothing was applied, and nobody may send for a while
    UNKNOWN = "unknown"  # anything else: it may or may not have been applied


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What we use of an appointment record; nothing of a patient is taken over.

    `label` is the batch label, which the API calls `batch`; `service_id` its `appointment_type`.
    """

    appointment_id: str
    status: str
    updated_at: datetime | None = None
    date: Day | None = None
    session: str | None = None
    branch_id: str | None = None
    label: str | None = None
    doctor: str | None = None
    service_id: str | None = None
    service: str | None = None


class Page(NamedTuple):
    """A page of a search: the records that can be read, and how many it held in all."""

    records: list[Record]
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A calendar window on one day; times are the organisation's, None where not to be read.

    One that names no branch is every branch's. `filled` and `free` count its places; a full one is
    open, for what is freed in it can be booked.
    """

    session: str | None = None
    branch_id: str | None = None
    label: str | None = None
    start: time | None = None
    end: time | None = None
    filled: int | None = None
    free: int | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one request.

    `code` is a status, an error code like SLOT_FULL, or a word of ours such as `time_out`; `body`
    is what was read, patients' names included: it is shown nowhere, and kept by `people/` alone;
    `server_now` is the answer's `Date`, `retry_after` in seconds, never negative.
    """

    meaning: Meaning
    code: str
    record: Record | None = None
    body: Any = field(default=None, repr=False)
    server_now: datetime | None = None
    retry_after: float | None = None

    @property
    def is_worth_retrying(self) -> bool:
        return self.meaning in (Meaning.BUSY, Meaning.UNKNOWN)


Send = Callable[[Request], Awaitable[Answer]]
"""The remote side. Trouble with one request is an `Answer`; what makes every further request wrong
raises `FatalAnswer`, and credits or a quota that are used up `StoppedEarly`.
"""


@dataclass(slots=True)
class Permit:
    """Leave to send one request, in a slot of the rate limit's window; then, what became of it.

    `is_good` is asked right before sending: a permit of a shared window expires after `PERMIT_S`.
    """

    slot: int = 0
    is_good: Callable[[], bool] = lambda: True
    is_sent: bool = False
    is_over: bool = False


class Limiter(Protocol):
    """Rate limiter: at most so many requests in any window, as the server counts them.

    `kept_in` names the file or database that others share it through; None where nobody does.
    """

    kept_in: str | None

    async def permit(self, most_wait: float = math.inf) -> Permit:
        """Wait until one more request may be sent, and take its slot.

        Raises `GateClosed` where others closed the gate for longer than is to be waited, and
        `WindowFull` where no slot is free within `most_wait` seconds.
        """

    async def looked(self) -> float:
        """As `wait`, by what the window says now."""

    def unused(self, permit: Permit, /) -> None:
        """Nothing was sent on a permit: its slot is free at once."""

    def used(self, permit: Permit, /) -> None:
        """The answer came, or its time is over: the slot is free one window from now."""

    def close_for(self, seconds: float) -> None:
        """Grant no permit for so long, here and elsewhere; a longer closure in force stays.

        Raises `GateClosed` where that is longer than is to be waited.
        """

    def wait(self) -> float:
        """Seconds until the next permit could be granted, as far as is known."""

    def closed(self) -> float:
        """Seconds until the gate opens, as far as is known; 0 while it is open."""

    def taken(self) -> int:
        """How many slots are not free now."""


SendOnce = Callable[[], Awaitable[Answer]]
"""One request with all that precedes it: permit, intent, send."""


class Retry(Protocol):
    """Repeats a request while its answer is worth retrying and attempts are left.

    `BUSY` costs none; so many were `spent` before.
    """

    def __call__(self, attempt: SendOnce, /, spent: int = 0) -> Awaitable[Answer]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgConfig:
    """The organisation's settings; None where the API did not say.

    `allow_cancellation` is false for whatever is said there but true.
    """

    allow_cancellation: bool | None
    notice_hours: float | None
    timezone: str | None


class Calendar(Protocol):
    """What the calendar lists."""

    async def windows(self, day: date, *, anew: bool = False) -> "Sequence[Window] | None":
        """The windows that the calendar lists for a day; None when they cannot be had.

        They are asked for once, and `anew` once more.
        """


class Searches(Protocol):
    """Searches for appointments."""

    async def page(self, query: Mapping[str, str], *, page: int) -> Page | None:
        """A page of a search; None when the API refuses it, or answers with no list.

        Raises `StoppedEarly` when it does not answer.
        """


class Lookup(Calendar, Searches, Protocol):
    """Reads that a decision needs; each costs requests of the rate limit.

    `listed` has the windows that were asked for, by their days.
    """

    listed: "dict[date, Sequence[Window] | None]"

    async def config(self) -> OrgConfig:
        """The organisation's settings."""

    async def services(self) -> Mapping[str, str]:
        """The names of the services that the API tells, by their ids."""

    async def read(self, appointment_id: str) -> Answer:
        """The record of one appointment, or what the API says in its place."""

    async def page_of_day(
        self, day: date, *, page: int, part: Mapping[str, str] = NOTHING
    ) -> Page | None:
        """The appointments of a day, `PAGE` at a time from page 1; None where there are no pages.

        All of them, or a `part`: those for which the API uses these words. Raises `Unreachable`
        when the API gives no answer.
        """


PERMIT_S = 30.0
"""How long after its slot was taken a request may be sent, in seconds.

A shared window takes a slot without an answer as counted by then, plus the request's timeout.
"""


class Turn(NamedTuple):
    """A slot, or None and the seconds after which to ask again; and how many slots are taken.

    `closed` are the seconds until the gate opens; `wait` is never shorter.
    """

    slot: int | None
    wait: float
    taken: int
    closed: float = 0.0


class SharedWindow(Protocol):
    """The window of one API key at one rate; failing to take raises `LedgerWriteFailed`.

    What a `Limiter` is told may be told here late, or never: then slots are free later, and
    nothing is sent too early. `kept_in` names the file or database for people; None where nobody
    else uses it.
    """

    kept_in: str | None

    def look(self) -> Turn:
        """The wait and the slots taken now; takes none."""

    def take(self) -> Turn:
        """Take a slot if one is free and the gate is open."""

    def used(self, slot: int) -> None: ...
    def unused(self, slot: int) -> None: ...
    def close_for(self, seconds: float) -> None: ...
