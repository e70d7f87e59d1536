"""Seed -> manifest: every way a start may be told, repeated lines, and lines nobody can read."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from tests.simulation.rows import (
    AGAIN,
    DONE,
    EXACT,
    ODD,
    ManifestText,
    Named,
    Row,
    Span,
    branch_id,
    day_span,
    session_span,
)
from tests.simulation.scenario import SAFE_DAY, Mode

KINDS = (*EXACT, "session", "day", "ids")
SESSIONS = ("Morning", "Afternoon", "Evening")


def draw_manifest(
    rng: Random, *, mode: Mode, begin: datetime, timezone: str, notice: timedelta
) -> ManifestText:
    """Rows of one main kind, a few of any other; near deadlines only where they may be missed."""
    main = rng.choice(KINDS)
    near = 0.0 if mode is Mode.EQUIVALENCE else rng.choice((0.0, 0.5, 1.0))
    rows, size, last = [], _size(rng), rng.choice((40, 120))
    # Now and then a column of the manifest is not the day of the appointment.
    days_off = 7 if mode is Mode.SAFETY and rng.random() < 0.12 else 0
    if days_off:
        main, size = rng.choice(("utc", "session", "day")), rng.randint(22, 26)
    for number in range(1, size + 1):
        kind = main if rng.random() < 0.8 else rng.choice(KINDS)
        start = None
        if rng.random() < near:
            start = begin + notice + timedelta(seconds=round(rng.uniform(-3, last), 3))
        rows.append(
            _row(
                rng, number, kind=kind, start=start, mode=mode, timezone=timezone, days_off=days_off
            )
        )
    bad, bystanders = _unusable(rng, mode)
    # On the pages of the day stand others too.
    strangers = tuple(f"b-{number:03}" for number in range(rng.choice((0, 0, 4, 15))))
    lines = [row.cells for row in rows]
    lines += [rng.choice(lines) for _ in range(rng.choice((0, 0, 0, 3)))] + bad
    rng.shuffle(lines)
    return ManifestText(
        rows=tuple(rows),
        lines=tuple(lines),
        rejected=len(bad),
        bystanders=bystanders + strangers,
    )


def marked(rng: Random, manifest: ManifestText) -> ManifestText:
    """Now and then the manifest is an export, with what has become of its rows."""
    if rng.random() < 0.9:
        return manifest
    words = (*DONE, *AGAIN, "gave_up", "waiting", "Cancelled")
    rows = [
        replace(row, mark=rng.choice(words) if rng.random() < 0.4 else "") for row in manifest.rows
    ]
    return replace(manifest, rows=tuple(rows))


def redated(rng: Random, manifest: ManifestText, *, timezone: str) -> ManifestText:
    """The same rows with other notes; often some of them are said to be on another day."""
    days, share = timedelta(days=rng.choice((1, 7))), rng.choice((0.0, 0.0, 0.1, 0.5))
    rows = [
        row if row.named.day is None or rng.random() >= share else _later(row, days, timezone)
        for row in manifest.rows
    ]
    rows[0] = replace(rows[0], cells=(*rows[0].cells[:-1], "Closed after all"))
    cells = {row.appointment_id: row.cells for row in rows}
    lines = tuple(cells.get(line[0], line) for line in manifest.lines)
    return replace(manifest, rows=tuple(rows), lines=lines)


def _later(row: Row, days: timedelta, timezone: str) -> Row:
    exact, day = row.start.earliest + days, row.named.day + days
    cells, told = _told(
        row.kind, exact, day=day, session=row.session, branch=row.branch, timezone=timezone
    )
    if row.kind in EXACT:
        day = exact.astimezone(ZoneInfo(timezone)).date()
    return replace(
        row,
        cells=(row.appointment_id, *cells, row.notes),
        start=told,
        named=row.named._replace(day=day),
    )


def _size(rng: Random) -> int:
    return rng.choice((rng.randint(1, 5), rng.randint(4, 15), rng.randint(8, 24)))


def _row(
    rng: Random,
    number: int,
    *,
    kind: str,
    start: datetime | None,
    mode: Mode,
    timezone: str,
    days_off: int,
) -> Row:
    day, session, branch = SAFE_DAY + timedelta(days=rng.randint(0, 1)), rng.choice(SESSIONS), 0
    branch = rng.randint(0, 1)
    exact = start or session_span(day, session, branch, timezone=timezone).earliest
    appointment_id = f"a-{number:03}_{rng.choice('xYz0')}"
    notes = rng.choice(("", "", "", f"Closed {number}"))
    cells, told = _told(kind, exact, day=day, session=session, branch=branch, timezone=timezone)
    named = Named(day=day if kind != "ids" else None)
    if kind in EXACT:  # the record is on the day of the start that is told, in the clinic's time
        day = exact.astimezone(ZoneInfo(timezone)).date()
        named = Named(day=day)
    elif kind == "session":
        named = Named(day, session, branch_id(branch))
    return Row(
        appointment_id=appointment_id,
        kind=kind,
        cells=(appointment_id, *cells, notes),
        status=_status(rng, mode),
        day=day + timedelta(days=days_off),
        session=session,
        branch=branch,
        start=told,
        named=named,
    )


def _told(
    kind: str, exact: datetime, *, day: date, session: str, branch: int, timezone: str
) -> tuple[tuple[str, str, str, str], Span | None]:
    """The cells that tell a start, and the start they tell."""
    zone = ZoneInfo(timezone)
    match kind:
        case "utc":
            return (exact.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "", "", ""), Span(exact, exact)
        case "offset":
            return (exact.astimezone(zone).isoformat(), "", "", ""), Span(exact, exact)
        case "local":
            local = exact.astimezone(zone).replace(tzinfo=None, fold=0)
            told = local.replace(tzinfo=zone).astimezone(UTC)
            return (local.isoformat(), "", "", ""), Span(told, told)
        case "session":
            span = session_span(day, session, branch, timezone=timezone)
            return ("", day.isoformat(), session, branch_id(branch)), span
        case "day":
            return ("", day.isoformat(), "", ""), day_span(day, timezone=timezone)
        case _:
            return ("", "", "", ""), None


def _status(rng: Random, mode: Mode) -> str | None:
    special = ["cancelled", "rescheduled", None]
    if mode is not Mode.EQUIVALENCE:
        # Whether a completed appointment is seen to be one depends on whether it is read first.
        special += ["completed", rng.choice(ODD)]
    return rng.choice(special) if rng.random() < 0.12 else "confirmed"


def _unusable(rng: Random, mode: Mode) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Lines that are rejected, and the ids they name though nobody may touch them."""
    if mode is Mode.EQUIVALENCE or rng.random() < 0.75:
        return [], ()
    start = "2027-01-11T03:30:00Z"
    return [
        ("no id at all!", start, "", "", "", ""),
        ("bystander-1", "soon", "", "", "", ""),
        ("bystander-2", start, "", "", "", ""),
        ("bystander-2", "2027-01-12T03:30:00Z", "", "", "", ""),
    ], ("bystander-1", "bystander-2")
