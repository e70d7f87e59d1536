"""Who judges: every check looks at what the world saw, never at what the program says of itself."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.simulation.trace import Trace

Check = Callable[..., Iterable[str]]

UNDONE = ("departure", "PATCH", "commit", "end of a run")
"""Moments that are others where a batch is verified or restored: most checks are of cancelling."""

MOMENTS = (
    *("departure", "PATCH", "answer", "opening", "commit", "killed", "end of a run", "end of all"),
    *(f"{moment}, undoing" for moment in UNDONE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A promise that was not kept."""

    promise: int
    check: str
    sentence: str
    detail: str

    def __str__(self) -> str:
        return f"promise {self.promise} ({self.check}): {self.sentence}\n    {self.detail}"


_CHECKS: dict[str, list[tuple[int, Check]]] = {moment: [] for moment in MOMENTS}
_SIGHTS: dict[str, list[Check]] = {moment: [] for moment in MOMENTS}


def promise(number: int, *, at: str, always: bool = False) -> Callable[[Check], Check]:
    """A check, whose docstring is the claim; it yields a detail for each breach.

    It holds `always` where it is not of cancelling alone.
    """

    def register(check: Check) -> Check:
        for moment in (at, f"{at}, undoing") if always else (at,):
            _CHECKS[moment].append((number, check))
        return check

    return register


def sight(*, at: str) -> Callable[[Check], Check]:
    """Something worth having seen; it yields the names of what it saw."""

    def register(look: Check) -> Check:
        _SIGHTS[at].append(look)
        return look

    return register


class Oracle:
    """Collects what was broken, and what was seen."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.broken: list[Broken] = []
        self.seen: Counter[str] = Counter()

    def look_at(self, process: Any, moment: str, *evidence: Any) -> None:
        """Hold a moment of a process against the checks for what it does."""
        is_undoing = process.command.undo is not None
        self.look(f"{moment}, undoing" if is_undoing else moment, *evidence)

    def look(self, moment: str, *evidence: Any) -> None:
        """Hold a moment against every check; a check that falls over must not hit the program."""
        try:
            for found in _breaches(moment, evidence):
                self.blame(found)
            for look in _SIGHTS[moment]:
                self.seen.update(look(*evidence))
        except Exception as error:  # noqa: BLE001 - told as a breach of our own
            self.blame(_fallen(moment, error))

    def blame(self, found: Broken) -> None:
        self._trace.add("oracle", f"BROKEN {found.promise} {found.check}: {found.detail}")
        self.broken.append(found)


def _fallen(moment: str, error: Exception) -> Broken:
    return Broken(
        promise=0,
        check=f"oracle at {moment}",
        sentence="The oracle itself works.",
        detail="".join(traceback.format_exception(error)),
    )


def _breaches(moment: str, evidence: tuple[Any, ...]) -> Iterator[Broken]:
    for number, check in _CHECKS[moment]:
        for detail in check(*evidence):
            yield Broken(
                promise=number,
                check=check.__name__,
                sentence=" ".join((check.__doc__ or "").split()),
                detail=detail,
            )
