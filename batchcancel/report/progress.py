"""What a command is doing, gathered from its events: for a bar, a log and Airflow alike."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from batchcancel.api import Ask, Meaning
from batchcancel.appointments import Fact, OutcomeName
from batchcancel.errors import wrong
from batchcancel.events import (
    Caution,
    Event,
    FetchBegan,
    FetchEnded,
    RateWindowFull,
    RequestAnswered,
    RequestSent,
    RowEnded,
    RunStarted,
    WindowNotShared,
)
from batchcancel.report.tables import duration, grouped, many

SILENT_S = 2.0
"""After so many seconds without an answer a person is told what is waited for."""


class Line(NamedTuple):
    """Something to be told at once: to people by its text, to machines by its code and facts."""

    code: str
    text: str
    facts: dict[str, Any]
    is_warning: bool = False


def told(event: Event) -> Line | None:
    """What explains a wait or an odd result; None for what is only counted."""
    match event:
        case FetchBegan(manifest=manifest):
            return Line("fetching", f"Fetching {manifest} ...", {"manifest": manifest})
        case FetchEnded(manifest=manifest, size=size):
            text = f"Fetched {grouped(size)} bytes of {manifest}."
            return Line("fetched", text, {"manifest": manifest, "bytes": size})
        case RateWindowFull(seconds=seconds, is_closed=is_closed):
            why = "the rate limit's window is full of earlier requests"
            if is_closed:
                why = "the API asked for patience (Retry-After), here or elsewhere"
            code = "waits_for_the_api" if is_closed else "waits_for_the_rate_limit"
            text = f"Waiting {duration(seconds)}: {why}."
            return Line(code, text, {"seconds": round(seconds, 1)})
        case WindowNotShared(folder=folder, why=why):
            text = (
                f"Warning: {folder} cannot be used ({why}): run nothing else with this key "
                "meanwhile, or name another folder with --state-dir."
            )
            return Line("rate_limit_not_shared", text, {"folder": folder, "why": why}, True)
        case Caution(code=code, text=text):
            return Line(code, text, {}, True)
    return None


class _Request(NamedTuple):
    """A request that nobody has proved an answer to, and how often it was tried."""

    since: float
    attempt: int
    last: str | None


class Progress:
    """Counts what becomes of the rows and of the requests; `now` is in seconds."""

    def __init__(self, *, now: Callable[[], float], attempts: int, where: str) -> None:
        self._now = now
        self._attempts = attempts
        self._where = where
        self._run: RunStarted | None = None
        self._began = 0.0
        self._heard_at = 0.0
        self._asking: dict[tuple[Ask, str | None], _Request] = {}
        self._rows: Counter[OutcomeName] = Counter()
        self.refused = 0
        self.last_error: str | None = None
        self._first_at: float | None = None
        self._answered = self._failed = 0

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._run, self._began = event, self._now()
            case RowEnded(appointment_id=one, outcome=outcome):
                self._rows[outcome.name] += 1
                if outcome.name.facts & (Fact.FAILURE | Fact.PERSON):
                    self.last_error = outcome.reason or self.last_error
                for ask in (Ask.CANCEL, Ask.READ):
                    self._asking.pop((ask, one), None)
            case RequestSent(ask=ask, appointment_id=one):
                self._heard_at = self._heard_at if self._asking else self._now()
                self._first_at = self._heard_at if self._first_at is None else self._first_at
                before = self._asking.get((ask, one), _Request(self._now(), 0, None))
                self._asking[ask, one] = before._replace(attempt=before.attempt + 1)
            case RequestAnswered(ask=ask, appointment_id=one, meaning=meaning, code=code):
                asked, self._heard_at = self._asking.pop((ask, one), None), self._now()
                is_busy = meaning is Meaning.BUSY
                self.refused += is_busy
                self._failed += meaning is Meaning.UNKNOWN
                self._answered += not is_busy and meaning is not Meaning.UNKNOWN
                if is_busy or meaning is Meaning.UNKNOWN:
                    self.last_error = code
                    if asked is not None:
                        attempt = asked.attempt - is_busy  # which costs no attempt
                        self._asking[ask, one] = asked._replace(attempt=attempt, last=code)

    @property
    def is_running(self) -> bool:
        return self._run is not None

    @property
    def rows(self) -> tuple[int, int]:
        """How many rows have ended, of how many."""
        return self._rows.total(), 0 if self._run is None else self._run.eligible

    def counts(self) -> dict[str, Any]:
        """The numbers by their names in logs; the time left is never below what the rate allows."""
        done, eligible = self.rows
        return {
            "done": done,
            "eligible": eligible,
            "cancelled": self._with(Fact.GONE),
            "left_alone": self._rows[OutcomeName.SKIPPED],
            "failed": self._with(Fact.FAILURE | Fact.PERSON),
            "in_retry": sum(one.last is not None for one in self._asking.values()),
            "rate_limited": self.refused,
            "last_error": self.last_error,
            "seconds_left": self._seconds_left(),
        }

    def _with(self, facts: Fact) -> int:
        return sum(rows for name, rows in self._rows.items() if facts & name.facts)

    def words(self) -> list[str]:
        """The same for people, what matters most first."""
        told, refused, silence = self.counts(), self.refused, self._silence()
        last, left, wait = told["last_error"], told["seconds_left"], self._limiter_wait()
        # Our own window keeps us below the API's limit: then somebody else is above it.
        is_ours = self._run is None or self._run.rate.is_above_documented
        whose = "" if is_ours else ": another program uses this key"
        why = "the API asked for patience, " if self.closed() > 0 else ""
        least = "at least " if told["in_retry"] else ""
        words = (
            (True, f"{grouped(told['done'])}/{grouped(told['eligible'])}"),
            (told["failed"], f"{told['failed']} failed"),
            (told["in_retry"], f"{told['in_retry']} in retry"),
            (last and (told["failed"] or told["in_retry"]), f"last: {wrong(last or '')}"),
            (refused, f"{refused} refused by the rate limit{whose}"),
            (silence > SILENT_S, f"no answer for {duration(silence)}"),
            (left is not None, f"{least}{duration(left or 0)} left"),
            (not told["in_retry"], f"{self._per_minute():.0f}/min"),
            (wait > 1, f"{why}next in {duration(wait)}"),
            (told["left_alone"], f"{told['left_alone']} left alone"),
        )
        return [word for is_told, word in words if is_told]

    def looking(self) -> str | None:
        """How far a command is that only looks; None while there is nothing to wait for yet."""
        if self._first_at is None or (lasted := self._now() - self._first_at) < SILENT_S:
            return None
        failed = f", {grouped(self._failed)} failed" if self._failed else ""
        answered = many(self._answered, "request")
        return f"Asking {self._where}: {answered} answered{failed}, {duration(lasted)}"

    def is_last_try(self, ask: Ask, appointment_id: str | None) -> bool:
        """Whether what was asked has had all its attempts."""
        asked = self._asking.get((ask, appointment_id))
        return asked is not None and asked.attempt >= self._attempts

    def _silence(self) -> float:
        """For how long nobody has answered, while something is asked, in seconds."""
        return self._now() - self._heard_at if self._asking else 0.0

    def _elapsed(self) -> float:
        # Over a whole window at least: the burst at the start would promise too high a rate.
        window = 0.0 if self._run is None else self._run.rate.window
        return max(self._now() - self._began, window, 1.0)

    def _per_minute(self) -> float:
        done, _ = self.rows
        most = self._run.rate.per_minute if self._run else 0.0
        return min(60 * done / self._elapsed(), most)

    def _seconds_left(self) -> float | None:
        """By the pace so far, and no less than the limiter allows."""
        done, eligible = self.rows
        if self._run is None or (self._run.rate.is_unlimited and not done):
            return None
        left = eligible - done
        # The first window's burst, or the wait for the first answer, is no pace to go by.
        is_known = done and self._now() - self._began >= self._run.rate.window
        by_pace = left * self._elapsed() / done if is_known else 0.0
        by_rate = self._run.rate.seconds_for(left) + self._limiter_wait() if left else 0.0
        # What the window holds of earlier requests comes back as slowly as it was taken.
        rate, taken = self._run.rate, self._run.limiter.taken()
        above = 0.0 if rate.is_unlimited or not left else max(left + taken - rate.limit, 0.0)
        return max(by_pace, by_rate, above and above * rate.window / rate.limit)

    def _limiter_wait(self) -> float:
        wait = 0.0 if self._run is None else self._run.limiter.wait()
        return 0.0 if math.isinf(wait) else wait  # nobody knows while all slots are under way

    def closed(self) -> float:
        """For how long the gate is closed yet, in seconds."""
        return 0.0 if self._run is None else self._run.limiter.closed()

    def waiting(self) -> str | None:
        """What has not been answered for too long: what, where, which attempt, what went wrong."""
        if not self._asking:
            return None
        (ask, one), asked = min(self._asking.items(), key=lambda item: item[1].since)
        if self._now() - asked.since < SILENT_S:
            return None
        what = f"{ask.method} {ask.path.format(id=one)}"
        last = f"; the last: {wrong(asked.last)}" if asked.last else ""
        number = f"attempt {max(asked.attempt, 1)} of {self._attempts}"
        return f"Waiting for {self._where}: {what}, {number}{last}"
