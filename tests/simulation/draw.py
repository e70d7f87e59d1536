"""Seed -> scenario: each seed draws which kinds of trouble there are, then the trouble itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from batchcancel.sandbox import Rate
from tests.simulation.draw_people import (
    draw_neighbour,
    draw_others,
    draw_second_thoughts,
    draw_staff,
    draw_undoing,
)
from tests.simulation.draw_rows import draw_manifest, marked, redated
from tests.simulation.draw_trouble import (
    draw_approved,
    draw_clock_steps,
    draw_commands,
    draw_credits_gone,
    draw_faults,
    draw_naps,
    draw_network,
    draw_skew,
    draw_unlisted,
)
from tests.simulation.rows import EXACT, ManifestText, session_span
from tests.simulation.scenario import SAFE_DAY, Changed, Command, Mode, Scenario

BEGINNINGS = (
    (datetime(2026, 6, 1, 6, tzinfo=UTC), "Asia/Kolkata"),
    (datetime(2026, 3, 28, 23, 59, tzinfo=UTC), "Europe/Berlin"),
    (datetime(2026, 10, 24, 23, 59, tzinfo=UTC), "Europe/Berlin"),
)
RATES = (Rate(limit=4, seconds=10.0), Rate(limit=10, seconds=20.0), Rate(limit=20, seconds=30.0))


def draw(seed: int) -> Scenario:
    """Everything that will happen; nothing is left to chance afterwards."""
    rng = Random(f"batchcancel {seed}")
    mode = rng.choices(tuple(Mode), weights=(5, 4, 2))[0]
    begin, timezone = rng.choice(BEGINNINGS)
    hours = _hours(rng, mode=mode, begin=begin, timezone=timezone)
    rate = rng.choice((*RATES, Rate(limit=60, seconds=60.0), Rate(limit=None)))
    notice = timedelta(hours=hours)
    manifest = draw_manifest(rng, mode=mode, begin=begin, timezone=timezone, notice=notice)
    manifest = marked(Random(f"{seed} marks"), manifest)
    options, clinic_notice_hours = _options(rng, mode=mode, rate=rate, hours=hours)
    is_near = hours != int(hours) or _is_any_deadline_near(manifest, begin + notice)
    rows = len(manifest.rows)
    calm_at = None if mode is Mode.SAFETY else rng.uniform(20, 120)
    network = draw_network(rng)
    scenario = Scenario(
        seed=seed,
        mode=mode,
        begin=begin,
        timezone=timezone,
        manifest=manifest,
        options=options,
        notice=notice,
        clinic_notice_hours=clinic_notice_hours,
        rate=rate,
        server_rate=_server_rate(rng, rate, mode=mode),
        network=network,
        disk_latency=_disk_latency(seed, rng.choice((0.0, 0.001, 0.02)), is_near=is_near),
        faults=draw_faults(rng, mode=mode),
        commands=draw_commands(rng, mode=mode, rows=rows),
        page=rng.choice((2, 5, 9, 200)),
        old=Random(f"{seed} old").choice((5.0, 30.0, 600.0, 600.0)),
        is_shuffled=rng.random() < 0.4,
        credits_gone=draw_credits_gone(rng, mode=mode),
        staff=(*draw_staff(rng, mode=mode), *draw_second_thoughts(Random(f"{seed} staff"), mode)),
        others=draw_others(rng),
        neighbour=draw_neighbour(rng),
        # Where not every answer tells the time, this machine's clock has to be right.
        clock_steps=() if network.undated else draw_clock_steps(rng),
        naps=draw_naps(rng),
        skew=0.0 if network.undated else draw_skew(rng),
        calm_at=calm_at,
        unlisted=draw_unlisted(Random(f"{seed} windows")),
    )
    if mode is Mode.SAFETY:
        scenario = _by_people(Random(f"{seed} people"), scenario)
    # Without a folder for the window, only a ledger would tell of its requests, and it has none.
    if seed % 4 and mode is not Mode.EQUIVALENCE and Random(f"{seed} find").random() < 0.15:
        found = Command(is_plan=True, is_find=True)
        scenario = replace(scenario, commands=(found, *scenario.commands))
    if mode is Mode.SAFETY and not scenario.is_unusable:
        scenario = draw_undoing(Random(f"{seed} undo"), scenario)
    return scenario


def _by_people(rng: Random, scenario: Scenario) -> Scenario:
    """Now and then somebody approves of a plan, or replaces the manifest between two processes."""
    if rng.random() < 0.2:
        scenario = replace(scenario, commands=draw_approved(rng, scenario.commands))
    if rng.random() < 0.25:
        changed = Changed(
            of=rng.randint(2, len(scenario.commands)),
            manifest=redated(rng, scenario.manifest, timezone=scenario.timezone),
            is_accepted=rng.random() < 0.75,
        )
        scenario = replace(scenario, changed=changed)
    return scenario


def _is_any_deadline_near(manifest: ManifestText, moment: datetime) -> bool:
    """Whether a start that the manifest tells to the moment is that of a deadline of these days."""
    exact = [row.start.earliest for row in manifest.rows if row.kind in EXACT]
    return any(abs(one - moment) < timedelta(minutes=1) for one in exact)


def _disk_latency(seed: int, usual: float, *, is_near: bool) -> float:
    """Now and then somebody else holds the ledger, and oftener where a deadline is near."""
    chance = 0.4 if is_near else 0.04
    return 4.0 if Random(f"{seed} disk").random() < chance else usual


def _hours(rng: Random, *, mode: Mode, begin: datetime, timezone: str) -> float:
    """Hours of notice; sometimes such that the deadline of a far day's session is near."""
    if mode is Mode.EQUIVALENCE or rng.random() < 0.85:
        return rng.choice((0, 1, 24, 24, 48))
    first = session_span(SAFE_DAY, "Morning", 0, timezone=timezone).earliest
    ahead = first - begin - timedelta(seconds=rng.uniform(1, 40))
    return round(ahead / timedelta(hours=1), 6)


def _options(rng: Random, *, mode: Mode, rate: Rate, hours: float) -> tuple[Mapping[str, str], int]:
    """What is typed, and the notice that the organisation's settings tell."""
    options = {
        "rate": "none" if rate.limit is None else f"{rate.limit}/{rate.seconds:g}s",
        "concurrency": str(rng.choice((1, 2, 4, 8))),
        "max_attempts": str(rng.choice((1, 2, 3, 5))),
        "timeout": str(rng.choice((4, 10))),
        "halt_after": str(rng.choice((2, 4, 20))),
        "max_retry_after": str(rng.choice((30, 300))),
        "allow_rejected_rows": rng.choice(("true", "true", "true", "false")),
    }
    if rng.random() < 0.3:
        options["notes"] = "Closed that day"
    if mode is Mode.SAFETY and rng.random() < 0.1:
        options["max_duration"] = str(rng.randint(5, 60))
    if mode is Mode.SAFETY and rng.random() < 0.1:
        options["limit"] = str(rng.randint(1, 5))
    if rng.random() < 0.5 and hours == int(hours):
        return options, int(hours)
    return options | {"notice_hours": f"{hours:.6f}"}, 72


def _server_rate(rng: Random, rate: Rate, *, mode: Mode) -> Rate:
    """Mostly what the program was told; now and then the server allows less."""
    limit = rate.limit
    if limit is not None and mode is Mode.SAFETY and rng.random() < 0.2:
        limit = max(1, limit // 2)
    return Rate(limit=limit, seconds=rate.seconds, count_refused=rng.random() < 0.3)
