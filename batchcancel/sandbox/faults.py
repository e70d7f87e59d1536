"""Fault injection: what can go wrong, which request it happens to, and how to write that down."""

import math
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from batchcancel.sandbox.wire import HttpRequest

When = Literal["before", "after"]

_STRIKE_BEFORE = frozenset({"status", "slow", "hang", "reset"})
"""Faults that by default strike before the change is applied."""

_STRIKE_AFTER = frozenset(
    {
        "broken_json",
        "truncated",
        "empty",
        "huge",
        "wrong_record",
        "wrong_status",
        "html",
        "drip",
        "late",
        "late_reset",
    }
)
"""Faults of the answer: by default the change is applied and only the answer suffers."""

_NAMES = _STRIKE_BEFORE | _STRIKE_AFTER

_SPEC_NAMES = _NAMES - {"status"}  # a spec writes the number of a status instead
_SPEC_ITEM = re.compile(
    r"(?P<name>[a-z_0-9]+)(?P<after>-after)?=(?P<chance>[0-9.]+)(:(?P<s>[0-9.]+)s)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing going wrong.

    `when` says whether the change is applied before the fault strikes ("after") or never
    ("before"; `slow` then applies it when the wait is over). `seconds` is the wait of `slow`, the
    delay of `late` and `late_reset`, and the gap between the bytes of `drip`. A `status` fault
    answers `status` and `code` (else the status's name), with `retry_after` as the text of
    Retry-After, or `retry_at` as an HTTP date that many seconds ahead, and with `location` for
    redirects; `foreign`, it answers as a gateway or a firewall does, without the API's envelope.
    """

    name: str = field(kw_only=False)
    when: When | None = None
    status: int = 500
    code: str | None = None
    seconds: float = 1.0
    retry_after: int | str | None = None
    retry_at: float | None = None
    location: str | None = None
    foreign: bool = False

    def __post_init__(self) -> None:
        if self.name not in _NAMES:
            raise ValueError(f"Unknown fault {self.name!r}; known: {', '.join(sorted(_NAMES))}.")
        if self.when not in {None, "before", "after"}:
            raise ValueError(f"A fault strikes before or after, not {self.when!r}.")
        if not 200 <= self.status <= 599:  # noqa: PLR2004 - the range HTTP gives final answers
            raise ValueError(f"{self.status} is no status of a final answer.")

    @property
    def applies(self) -> bool:
        """Return whether the change is applied before the fault strikes."""
        return (self.when or ("before" if self.name in _STRIKE_BEFORE else "after")) == "after"

    @property
    def label(self) -> str:
        if self.name != "status":
            return self.name
        return f"foreign {self.status}" if self.foreign else str(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededFaults:
    """Faults by chance: the same seed gives the n-th request of a method and path the same fate.

    So the outcome does not depend on the order in which concurrent requests arrive.
    """

    chances: Mapping[Fault, float]
    seed: int = 0

    def __post_init__(self) -> None:
        if (
            any(chance < 0 for chance in self.chances.values())
            or math.fsum(self.chances.values()) > 1
        ):
            raise ValueError("Fault probabilities must not be negative, nor exceed 1 in total.")

    def draw(self, request: HttpRequest, nth: int) -> Fault | None:
        left = random.Random(f"{self.seed} {nth} {request.method} {request.path}").random()
        for fault, chance in self.chances.items():
            left -= chance
            if left < 0:
                return fault
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ordered:
    """A fault ordered for the next matching requests; `times` None means all of them."""

    fault: Fault
    method: str | None
    appointment_id: str | None
    times: int | None
    skip: int

    def matches(self, request: HttpRequest) -> bool:
        return self.method in {None, request.method} and self.appointment_id in {
            None,
            request.appointment_id,
        }


class Faults:
    """Decides what happens to a request: ordered faults first, then chance."""

    def __init__(self, seeded: SeededFaults | None = None) -> None:
        self.seeded = seeded
        self._ordered: list[_Ordered] = []
        self._seen: Counter[tuple[str, str]] = Counter()

    def add(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        appointment_id: str | None = None,
        times: int | None = 1,
        skip: int = 0,
    ) -> None:
        """Order `fault` for the next `times` matching requests, after the first `skip` of them."""
        ordered = _Ordered(
            fault=fault, method=method, appointment_id=appointment_id, times=times, skip=skip
        )
        self._ordered.append(ordered)

    def clear(self) -> None:
        """Let nothing go wrong from now on."""
        self._ordered.clear()
        self.seeded = None

    def take(self, request: HttpRequest) -> Fault | None:
        """Return the fault that this request meets, and count it as met."""
        self._seen[request.method, request.path] += 1
        for place, ordered in enumerate(self._ordered):
            if ordered.matches(request):
                self._ordered[place] = _used(ordered)
                if ordered.skip == 0 and ordered.times != 0:
                    return ordered.fault
        if self.seeded is None:
            return None
        return self.seeded.draw(request, self._seen[request.method, request.path])


def parse_faults(text: str) -> SeededFaults:
    """Read faults such as `429=0.05:3s,500=0.02,slow=0.1:2.5s,reset-after=0.01,seed=7`.

    Each item is `NAME=PROBABILITY[:SECONDSs]`, where NAME is a fault or a status code, and
    `-after` lets it strike once the change is applied. The seconds of a status are its
    Retry-After. A bad item raises a ValueError that names the known faults.
    """
    seed = 0
    chances: dict[Fault, float] = {}
    for item in text.replace(" ", "").split(","):
        if item.startswith("seed=") and item[5:].isdecimal():
            seed = int(item[5:])
        elif item:
            fault, chance = _parse(item)
            chances[fault] = chance
    return SeededFaults(chances=chances, seed=seed)


def _used(ordered: _Ordered) -> _Ordered:
    if ordered.skip:
        return replace(ordered, skip=ordered.skip - 1)
    return replace(ordered, times=ordered.times and ordered.times - 1)


def _parse(item: str) -> tuple[Fault, float]:
    found = _SPEC_ITEM.fullmatch(item)
    if not found:
        raise ValueError(_complaint(item))
    try:
        return _spec_fault(found), float(found["chance"])
    except ValueError:
        raise ValueError(_complaint(item)) from None


def _spec_fault(found: re.Match[str]) -> Fault:
    name, seconds = found["name"], found["s"]
    when: When | None = "after" if found["after"] else None
    if name.isdecimal():
        return Fault("status", when=when, status=int(name), retry_after=_retry_after(name, seconds))
    if name not in _SPEC_NAMES or (found["after"] and name not in _STRIKE_BEFORE):
        raise ValueError(name)
    return Fault(name, when=when, seconds=float(seconds or 1))


def _retry_after(status: str, seconds: str | None) -> str | None:
    if seconds is None and status != "429":
        return None
    return str(math.ceil(float(seconds or 1)))


def _complaint(item: str) -> str:
    known = ", ".join(sorted(_SPEC_NAMES))
    return (
        f"Cannot read the fault {item!r}: write NAME=PROBABILITY or NAME=PROBABILITY:SECONDSs, "
        f"where NAME is a status code or one of {known}."
    )
