"""Seed -> trouble: the server's, the network's, the disk's and the clock's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from batchcancel.sandbox import Fault
from tests.simulation.scenario import (
    BOUNDARIES,
    SAFE_DAY,
    Command,
    CrashPoint,
    CreditsGone,
    Mode,
    NetworkSpec,
)

TRANSIENT = (
    Fault("status", status=500),
    Fault("status", status=500, when="after"),
    Fault("status", status=502),
    Fault("status", status=503),
    Fault("status", status=503, retry_after=7),
    Fault("status", status=504, when="after"),
    Fault("status", status=408),
    *(Fault("status", status=one, foreign=True) for one in (400, 403, 404, 410, 421, 422, 425)),
    Fault("status", status=429, retry_after=9),
    Fault("status", status=429, retry_at=6.0),
    Fault("status", status=429, retry_after="soon"),
    Fault("status", status=429),
    Fault("slow", seconds=3.0),
    Fault("slow", seconds=25.0),
    Fault("slow", seconds=25.0, when="after"),
    Fault("hang"),
    Fault("hang", when="after"),
    Fault("reset"),
    Fault("reset", when="after"),
    Fault("broken_json"),
    Fault("truncated"),
    Fault("truncated", when="before"),
    Fault("empty"),
    Fault("empty", when="before"),
    Fault("huge"),
    Fault("html"),
    Fault("html", when="before"),
    Fault("drip", seconds=0.002),
    Fault("drip", seconds=0.2),
    Fault("late", seconds=15.0),
    Fault("late", seconds=70.0),
    Fault("late_reset", seconds=2.0),
    Fault("late_reset", seconds=40.0),
)
"""After these the truth is unchanged, and trying again is right."""

LASTING = (
    Fault("status", status=400),
    Fault("status", status=402),
    Fault("status", status=404),
    Fault("status", status=409),
    Fault("status", status=422),
    Fault("status", status=429, retry_after=4000),
    Fault("status", status=429, retry_at=4000.0),
    Fault("status", status=503, retry_after=4000),
    Fault("wrong_status"),
    Fault("wrong_status", when="before"),
)
"""These settle a row wrongly, or stop the run."""

NO_CREDITS = (
    Fault("status", status=402),
    Fault("status", status=402, foreign=True),
    Fault("status", status=403, code="INSUFFICIENT_CREDITS"),
    Fault("status", status=429, code="DAILY_QUOTA_EXCEEDED"),
)
"""These concern every row, and prove nothing about any."""

FATAL = (
    Fault("status", status=401),
    Fault("status", status=302, location="https://elsewhere.test/"),
    Fault("wrong_record"),
    Fault("wrong_record", when="before"),
)

APPLIED_AND_LOST = tuple(
    fault for fault in TRANSIENT if fault.applies and fault.name in ("status", "hang", "reset")
)
"""The change is made, and only the answer fails."""

APPLIED_LATE = tuple(fault for fault in TRANSIENT if fault.name in ("slow", "late", "late_reset"))
"""The change is made when nobody waits for it any more."""

NETWORK_FATES = ("refused", "vanishes", "answer lost", "cut")


def draw_faults(rng: Random, *, mode: Mode) -> Mapping[Fault, float]:
    """A few kinds of fault, seldom or often."""
    if rng.random() < 0.15:
        return {}
    for kinds in (APPLIED_AND_LOST, APPLIED_LATE):
        if rng.random() < 0.1:
            return dict.fromkeys(kinds, 0.6 / len(kinds))
    kinds = rng.sample(TRANSIENT, rng.randint(1, 8))
    if mode is not Mode.EQUIVALENCE:
        kinds += rng.sample(LASTING, rng.randint(0, 3))
        kinds += rng.sample(FATAL, rng.choice((0, 0, 0, 1)))
    total = rng.choice((0.1, 0.25, 0.6))
    shares = [rng.random() for _ in kinds]
    chances = {kind: total * share / sum(shares) for kind, share in zip(kinds, shares, strict=True)}
    return {
        kind: min(chance, 0.03) if kind in FATAL else chance for kind, chance in chances.items()
    }


def draw_credits_gone(rng: Random, *, mode: Mode) -> tuple[CreditsGone, ...]:
    """Credits end in the middle of the work, and come back after a while."""
    if mode is Mode.EQUIVALENCE or rng.random() < 0.8:
        return ()
    at, requests = rng.uniform(0, rng.choice((1, 10, 60))), rng.choice((1, 2, 3, 8))
    fault, method = rng.choice(NO_CREDITS), rng.choice((None, "PATCH", "PATCH"))
    return (CreditsGone(at=at, requests=requests, fault=fault, method=method),)


def draw_network(rng: Random) -> NetworkSpec:
    """Fast or slow; every other seed it loses something."""
    longest = rng.choice((0.01, 0.25, 2.5))
    fates = rng.sample(NETWORK_FATES, rng.randint(1, 3)) if rng.random() < 0.5 else []
    return NetworkSpec(
        latency=(0.004, longest),
        undated=rng.choice((0.3, 0.9, 1.0)) if rng.random() < 0.15 else 0.0,
        gateway_ahead=rng.choice((0.0, rng.uniform(-50_000, 50_000))),
        chances={fate: rng.uniform(0.01, 0.12) for fate in fates},
    )


def draw_commands(rng: Random, *, mode: Mode, rows: int) -> tuple[Command, ...]:
    """The processes, one after the other; the last of them has no trouble of its own."""
    is_crashing = mode is Mode.EQUIVALENCE or rng.random() < 0.6
    has_bad_disk, has_signals = rng.random() < 0.25, rng.random() < 0.35
    commands = [
        Command(
            is_plan=rng.random() < 0.1,
            crash=draw_crash(rng, rows) if is_crashing and rng.random() < 0.7 else None,
            signals=_signals(rng) if has_signals and rng.random() < 0.6 else (),
            abandoned_at=rng.uniform(0, 20) if rng.random() < 0.05 else None,
            second_run_at=rng.uniform(0.5, 20) if rng.random() < 0.15 else None,
            failing_commits=_failing(rng, rows) if has_bad_disk and rng.random() < 0.5 else (),
            retry_refused=mode is Mode.SAFETY and rng.random() < 0.1,
            has_wrong_key=rng.random() < 0.06,
            pause=rng.choice((0.1, 5.0, 90.0)),
        )
        for _ in range(rng.randint(1, 4))
    ]
    if mode is Mode.EQUIVALENCE:
        commands = [Command(crash=one.crash, pause=one.pause) for one in commands]
    return (*commands, Command(pause=rng.choice((0.1, 30.0))))


def draw_approved(rng: Random, commands: tuple[Command, ...]) -> tuple[Command, ...]:
    """A plan comes first, and what follows has its approval, or says other things."""
    notes = ("Closed by the owner", None, None, None)
    approved = [
        replace(one, is_approved=rng.random() < 0.8, notes=rng.choice(notes)) for one in commands
    ]
    return (Command(is_plan=True), *approved)


def draw_unlisted(rng: Random) -> tuple[tuple[date, str | None], ...]:
    """Days that were closed in the calendar first, and sessions that it leaves out."""
    if rng.random() < 0.85:
        return ()
    days = [SAFE_DAY + timedelta(days=number) for number in (0, 1, 7)]
    sessions = (None, None, "Morning", "Evening")
    return tuple((day, rng.choice(sessions)) for day in days[: rng.randint(1, 3)])


def draw_crash(rng: Random, rows: int) -> CrashPoint:
    if rng.random() < 0.15:
        return CrashPoint(kind="time", at=rng.uniform(0.0, 60.0))
    most = rng.choice((3, rows + 6, 2 * rows + 8))
    return CrashPoint(kind=rng.choice(("before commit", *BOUNDARIES)), nth=rng.randint(1, most))


def _signals(rng: Random) -> tuple[float, ...]:
    first = rng.choice((rng.uniform(0.0, 1.0), rng.uniform(0.0, 30.0)))
    return (first, first + rng.uniform(0.0, 3.0)) if rng.random() < 0.3 else (first,)


def _failing(rng: Random, rows: int) -> tuple[int, ...]:
    """One commit fails, or all from some commit on: a disk that is full stays full for a while."""
    first = rng.randint(1, rows + 8)
    return tuple(range(first, first + rng.choice((1, 1, 400))))


def draw_clock_steps(rng: Random) -> tuple[tuple[float, float], ...]:
    """When the program's wall clock is set, and by how much."""
    if rng.random() < 0.8:
        return ()
    sizes = (rng.uniform(-50, 50), rng.uniform(-50_000, 50_000))
    return tuple((rng.uniform(0, 90), rng.choice(sizes)) for _ in range(rng.randint(1, 2)))


def draw_naps(rng: Random) -> tuple[tuple[float, float], ...]:
    """When the program's machine sleeps, and for how long."""
    if rng.random() < 0.75:
        return ()
    at = rng.uniform(0, rng.choice((3, 60)))
    return ((at, rng.choice((3.0, 70.0, 700.0, 700.0, rng.uniform(0, 50_000)))),)


def draw_skew(rng: Random) -> float:
    """How far the API's clock is ahead of this machine's."""
    return rng.choice((0.0, 0.0, rng.uniform(-30, 30), rng.uniform(-50_000, 50_000)))
