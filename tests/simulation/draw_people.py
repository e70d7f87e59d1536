"""Seed -> people: the staff at the dashboard, and others who use the key."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from tests.simulation.rows import MOVES, ODD
from tests.simulation.scenario import (
    BOUNDARIES,
    Command,
    CrashPoint,
    Mode,
    Scenario,
    StaffAction,
    Undo,
)

CHANGES = ("confirm", "complete", "cancel")


def draw_staff(rng: Random, *, mode: Mode) -> tuple[StaffAction, ...]:
    """People at the dashboard: while pages are read, while a run goes on, and between runs."""
    if mode is Mode.EQUIVALENCE or rng.random() < 0.3:
        return ()
    early = [
        StaffAction(
            what=_what(rng),
            whom=rng.choice(("any", "any", "waiting", "settled")),
            pick=rng.randint(0, 99),
            page=rng.choice((1, 1, 1, 2, 3)),
            of=rng.choice((1, 1, 1, 2, 3)),
        )
        for _ in range(rng.choice((0, rng.randint(1, 6))))
    ]
    during = [
        StaffAction(
            what=_what(rng),
            whom=rng.choice(("waiting", "open", "settled")),
            pick=rng.randint(0, 99),
            at=rng.uniform(0, 90),
        )
        for _ in range(rng.randint(0, 5))
    ]
    between = [
        StaffAction(
            what=rng.choice(("confirm", "confirm", _what(rng))),
            whom=rng.choice(("open", "open", "settled", "left alone", "cancelled by others")),
            pick=rng.randint(0, 99),
            of=rng.randint(1, 3),
        )
        for _ in range(rng.randint(0, 6))
    ]
    return (*early, *during, *between)


def draw_second_thoughts(rng: Random, mode: Mode) -> tuple[StaffAction, ...]:
    """Somebody cancels an appointment and confirms it again when the next page was read."""
    if mode is Mode.EQUIVALENCE or rng.random() < 0.8:
        return ()
    pick, page, of = rng.randint(0, 99), rng.randint(1, 3), rng.choice((1, 1, 2, 3))
    return tuple(
        StaffAction(what=what, whom="any", pick=pick, page=page + later, of=of)
        for later, what in enumerate(("cancel", "confirm"))
    )


def draw_undoing(rng: Random, scenario: Scenario) -> Scenario:
    """Now and then a batch is verified and restored in the end, and again after a kill."""
    if rng.random() < 0.55:
        return scenario
    commands = [_undoing(rng) for _ in range(rng.randint(1, 4))]
    numbers = range(len(scenario.commands), len(scenario.commands) + len(commands) + 1)
    staff = [one for _ in range(rng.randint(0, 6)) for one in _touching(rng, rng.choice(numbers))]
    return replace(
        scenario, commands=(*scenario.commands, *commands), staff=(*scenario.staff, *staff)
    )


def _undoing(rng: Random) -> Command:
    is_verify, crash = (
        rng.random() < 0.35,
        CrashPoint(kind=rng.choice(BOUNDARIES), nth=rng.randint(2, 10)),
    )
    how = {"overbook": rng.random() < 0.3, "also": "rescheduled" if rng.random() < 0.3 else ""}
    return Command(
        undo=Undo(is_verify=is_verify, spare=rng.choice((0, 1, 1, 2, 20)), **how),
        is_plan=is_verify,
        crash=crash if rng.random() < 0.5 else None,
        signals=(rng.uniform(0, 40),) if rng.random() < 0.1 else (),
        failing_commits=(rng.randint(1, 12),) if rng.random() < 0.1 else (),
        pause=rng.choice((0.1, 1.0, 90.0)),
    )


def _touching(rng: Random, of: int) -> Iterator[StaffAction]:
    """Somebody touches what was cancelled, or books its place; some cancel it again at once."""
    pick, page = rng.randint(0, 99), rng.choice((None, None, 1, 2))
    for what in rng.choice((("confirm",), ("confirm", "cancel"), ("book",), (_what(rng),))):
        yield StaffAction(what=what, whom="settled", pick=pick, of=of, page=page)


def _what(rng: Random) -> str:
    return rng.choice((*CHANGES, rng.choice(MOVES), rng.choice(MOVES), rng.choice(ODD)))


def draw_others(rng: Random) -> tuple[float, ...]:
    """When somebody else uses the same key."""
    if rng.random() < 0.8:
        return ()
    return tuple(sorted(rng.uniform(0, 90) for _ in range(rng.randint(1, 60))))


def draw_neighbour(rng: Random) -> tuple[float, ...]:
    """How long another program of this user, with the same key, waits before each request."""
    if rng.random() < 0.8:
        return ()
    longest = rng.choice((0.1, 2.0, 20.0))
    return tuple(rng.uniform(0, longest) for _ in range(rng.randint(1, 60)))
