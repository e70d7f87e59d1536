"""What can go wrong, and which request it happens to."""

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from batchcancel.sandbox.call import Call

When = Literal["before", "after"]

STRIKE_BEFORE = frozenset({"status", "slow", "hang", "reset"})
"""Faults that by default strike before the change is applied."""

STRIKE_AFTER = frozenset(
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

NAMES = STRIKE_BEFORE | STRIKE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing going wrong.

    `when` says whether the change is applied before the fault strikes ("after") or never
    ("before"; `slow` then applies it when the wait is over). `seconds` is the wait of `slow`, the
    delay of `late` and `late_reset`, and the gap between the bytes of `drip`. A `status` fault
    answers `status`, with `retry_after` as the text of Retry-After, or `retry_at` as an HTTP date
    that many seconds ahead, and with `location` for redirects.
    """

    name: str = field(kw_only=False)
    when: When | None = None
    status: int = 500
    seconds: float = 1.0
    retry_after: int | str | None = None
    retry_at: float | None = None
    location: str | None = None

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"Unknown fault {self.name!r}; known: {', '.join(sorted(NAMES))}.")
        if self.when not in {None, "before", "after"}:
            raise ValueError(f"A fault strikes before or after, not {self.when!r}.")
        if not 200 <= self.status <= 599:  # noqa: PLR2004 - the range HTTP gives final answers
            raise ValueError(f"{self.status} is no status of a final answer.")

    @property
    def applies(self) -> bool:
        """Return whether the change is applied before the fault strikes."""
        return (self.when or ("before" if self.name in STRIKE_BEFORE else "after")) == "after"

    @property
    def label(self) -> str:
        return str(self.status) if self.name == "status" else self.name


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

    def fate(self, call: Call, nth: int) -> Fault | None:
        draw = random.Random(f"{self.seed} {nth} {call.method} {call.path}").random()
        for fault, chance in self.chances.items():
            draw -= chance
            if draw < 0:
                return fault
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A fault ordered for the next matching requests; `times` None means all of them."""

    fault: Fault
    method: str | None
    appointment_id: str | None
    times: int | None
    skip: int

    def matches(self, call: Call) -> bool:
        return self.method in {None, call.method} and self.appointment_id in {
            None,
            call.appointment_id,
        }


class Faults:
    """Decides what happens to a request: ordered faults first, then chance."""

    def __init__(self, seeded: SeededFaults | None = None) -> None:
        self.seeded = seeded
        self._ordered: list[Ordered] = []
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
        ordered = Ordered(
            fault=fault, method=method, appointment_id=appointment_id, times=times, skip=skip
        )
        self._ordered.append(ordered)

    def clear(self) -> None:
        """Let nothing go wrong from now on."""
        self._ordered.clear()
        self.seeded = None

    def strike(self, call: Call) -> Fault | None:
        """Return the fault this request meets, and use it up."""
        self._seen[call.method, call.path] += 1
        for place, ordered in enumerate(self._ordered):
            if ordered.matches(call):
                self._ordered[place] = _used(ordered)
                if ordered.skip == 0 and ordered.times != 0:
                    return ordered.fault
        if self.seeded is None:
            return None
        return self.seeded.fate(call, self._seen[call.method, call.path])


def _used(ordered: Ordered) -> Ordered:
    if ordered.skip:
        return replace(ordered, skip=ordered.skip - 1)
    return replace(ordered, times=ordered.times and ordered.times - 1)
