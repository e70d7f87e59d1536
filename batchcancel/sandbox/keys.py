"""API keys: the scopes of each, and the rate limit that the server keeps for each."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

SCOPES = frozenset(
    {
        "appointments:read",
        "appointments:write",
        "slots:read",
        "slots:write",
        "calls:create",
        "calls:read",
        "calls:cancel",
        "calls:delete",
    }
)
FULL_KEY = "sk_sandbox_full"


class Keys:
    """The keys in force; may change while requests arrive."""

    def __init__(self, keys: Mapping[str, Iterable[str]] | None = None) -> None:
        self._scopes: dict[str, frozenset[str]] = {}
        self.add(FULL_KEY, SCOPES)
        for key, scopes in (keys or {}).items():
            self.add(key, scopes)

    def add(self, key: str, scopes: Iterable[str]) -> None:
        asked = frozenset(scopes)
        if unknown := asked - SCOPES:
            raise ValueError(f"Unknown scopes: {', '.join(sorted(unknown))}.")
        self._scopes[key] = asked

    def revoke(self, key: str) -> None:
        self._scopes.pop(key, None)

    def known(self, authorization: str) -> str | None:
        """Return the key of an `Authorization` header, or None when it opens nothing."""
        scheme, _, key = authorization.partition(" ")
        return key if scheme.lower() == "bearer" and key in self._scopes else None

    def allows(self, key: str, scope: str) -> bool:
        return scope in self._scopes.get(key, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `limit` requests in any `seconds`; a `limit` of None lets everything through.

    HuskyVoice does not say whether refused requests count: `count_refused` tries the other answer.
    """

    limit: int | None = 60
    seconds: float = 60.0
    count_refused: bool = False


class _Peak:
    """The most arrivals seen in any stretch of `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._log: deque[float] = deque()
        self.most = 0

    def add(self, at: float) -> None:
        self._log.append(at)
        while self._log[0] + self._seconds <= at:
            self._log.popleft()
        self.most = max(self.most, len(self._log))


class _SlidingWindow:
    """The rate limit of one key: an exact sliding window over a log of its arrivals."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._log: deque[float] = deque(maxlen=rate.limit or 0)
        self.accepted = _Peak(rate.seconds)
        self.arrivals = _Peak(rate.seconds)

    def admit(self, at: float) -> float:
        self.arrivals.add(at)
        wait = self._wait(at)
        if wait <= 0 or self._rate.count_refused:
            self._log.append(at)
        if wait <= 0:
            self.accepted.add(at)
            return 0.0
        # A refused arrival that counts pushes the moment back at which the next is let through.
        return self._wait(at)

    def _wait(self, at: float) -> float:
        # The log keeps the last `limit` arrivals, so a full one is as old as its first entry.
        limit = self._rate.limit
        if limit is None or len(self._log) < limit:
            return 0.0
        if limit == 0:
            return self._rate.seconds
        return self._log[0] + self._rate.seconds - at


class Allowance:
    """What the organisation may still ask for; the page tells neither figures nor answers.

    `credits` are spent by requests, one each, and `quota` is how many a day in UTC may have. None
    is no bound.
    """

    def __init__(self) -> None:
        self.credits: int | None = None
        self.quota: int | None = None
        self._asked: Counter[date] = Counter()

    def refuses(self, day: date) -> str | None:
        """The code of the refusal of one more request; None where it is let through."""
        if self.credits == 0:
            return "INSUFFICIENT_CREDITS"
        if self.quota is not None and self._asked[day] >= self.quota:
            return "DAILY_QUOTA_EXCEEDED"
        self._asked[day] += 1
        self.credits = self.credits and self.credits - 1
        return None


class RateLimiter:
    """A sliding window for each key, with which the server counts what arrives."""

    def __init__(self, rate: Rate) -> None:
        self._windows: defaultdict[str, _SlidingWindow] = defaultdict(lambda: _SlidingWindow(rate))

    def admit(self, key: str, at: float) -> float:
        """Return 0 when a request arriving at `at` is let through, else the seconds to wait."""
        return self._windows[key].admit(at)

    @property
    def most_accepted(self) -> int:
        """Return the most requests of one key let through in any window."""
        return max((window.accepted.most for window in self._windows.values()), default=0)

    @property
    def most_arrivals(self) -> int:
        """Return the most requests of one key that arrived in any window, refused ones included."""
        return max((window.arrivals.most for window in self._windows.values()), default=0)
