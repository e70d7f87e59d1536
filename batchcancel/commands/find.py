"""The find command: all appointments of some days become a manifest, or it says what is missing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import anyio

from batchcancel import wiring
from batchcancel.api import Calendar, Record, Window
from batchcancel.appointments import KnownBy, Start
from batchcancel.commands.verify import address_of
from batchcancel.errors import BatchHeld, InputError, LedgerWriteFailed, ScopeMissing
from batchcancel.events import Observer
from batchcancel.ledger.contract import Look
from batchcancel.ledger.questions import LedgerReader
from batchcancel.policy.open_windows import open_windows
from batchcancel.policy.rules import zone_of
from batchcancel.policy.starts import Starts
from batchcancel.reader.fetch import beside
from batchcancel.reader.parts import Part, Place, place_of
from batchcancel.reader.search import Found, filled_in, search
from batchcancel.reader.selection import Selection, pick, unused
from batchcancel.reader.times import day_start
from batchcancel.report.atomic import Output, refuse_manifest, require_new
from batchcancel.report.find import Edge, Finding, write_manifest
from batchcancel.settings.load import ApiSettings
from batchcancel.settings.options import reach
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings, Tools

_MOST_DAYS = 366
_A_MOMENT = timedelta(microseconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be found, by the words of the options, and where it goes.

    With the address of a ledger, what is in `not_in` is not written.
    """

    first: date
    last: date
    filters: Mapping[str, Sequence[str]]
    output: Output
    force: bool = False
    not_in: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= (self.last - self.first).days < _MOST_DAYS:
            raise InputError(
                f"--to is the same day or a later one, at most {_MOST_DAYS} in all",
                hint=f"{self.first} to {self.last} is not. Nothing was sent.",
            )

        ledger = () if self.not_in is None else (self.not_in,)
        for name, words in {**self.filters, "not-in": ledger}.items():
            if not all(word.strip() for word in words):  # a variable of a shell that is not set
                raise InputError(
                    f"--{name} is given, and empty",
                    hint="Leave it out where all are meant. Nothing was sent.",
                )

    def selection(self, settings: ApiSettings) -> Selection:
        filters = {name: tuple(given) for name, given in self.filters.items()}
        filters["branch"] = tuple(settings.branches.get(one, one) for one in filters["branch"])
        return Selection(first=self.first, last=self.last, filters=filters, status=settings.status)


async def find(
    settings: ApiSettings, wanted: Wanted, *, stop: Stop, observe: Observer,
    around: Surroundings | None = None,
) -> Finding:  # fmt: skip
    """Read the days, and write what is meant and alive; nothing to be written leaves no file."""
    output, kinds = wanted.output, (".csv", ".parquet")
    await _at(output, lambda: require_new(output, kinds, force=wanted.force), stop=stop)
    began = anyio.current_time()
    async with wiring.tools(
        settings, wiring.for_look, ledger=wanted.not_in or "", stop=stop, observe=observe,
        around=around,
    ) as tools:  # fmt: skip
        known = {}
        if tools.account is not None and wanted.not_in is not None:
            refuse_manifest(output, tools.account, ledger=wanted.not_in)
            known = _outcomes(tools.account, settings.origin)
        with tools.stop.raising_reason():
            selection = wanted.selection(settings)
            finding = await _look(settings, selection, tools=tools, observe=observe)
        rows = [one for one in finding.picked.rows if one.appointment_id not in known]
        ids = [one.appointment_id for one in finding.picked.rows]
        at = tools.clock.now()
        finding = replace(
            finding, rows=rows, known=Counter(known[one] for one in ids if one in known),
            ledger=wanted.not_in, manifest=output if rows else None,
            requests=tools.exchange.requests, elapsed_s=anyio.current_time() - began,
        )  # fmt: skip
    if rows:
        await _at(output, lambda: write_manifest(finding, output), stop=stop)
    elif wanted.force:
        await _at(output, lambda: output.unlink(missing_ok=True), stop=stop)
    if wanted.not_in is not None:
        _remember(finding, wanted.not_in, settings, at=at)
    return finding


async def _at(output: Output, work: Callable[[], None], *, stop: Stop) -> None:
    """Do it at once; beside the event loop, where a store is waited for."""
    if isinstance(output, Path):
        work()
    else:
        await beside(lambda **_: work(), None, stop=stop)


def _remember(finding: Finding, address: str, settings: ApiSettings, *, at: datetime) -> None:
    """For the page of each batch of the same selection: what is alive, and in none of them.

    A ledger that may not be written, or that a run has for itself, goes without.
    """
    with suppress(InputError, BatchHeld, LedgerWriteFailed):
        opened, _ = wiring.for_run(address, settings, None)
        with closing(opened) as ledger:
            for batch in ledger.batches():
                if batch.selection == finding.selection:
                    ledger.note(batch.name, Look("sweep", at, finding.alive))
                    if finding.windows.is_looked:
                        ledger.note(batch.name, Look("windows", at, finding.windows.as_json()))


def _outcomes(account: LedgerReader, origin: str) -> dict[str, str]:
    """How each appointment of a ledger stands, in its last batch."""
    others = [batch for batch in account.batches() if batch.origin != origin]
    if others:
        raise InputError(
            f"--not-in: this ledger holds batches of {others[0].origin}, and {origin} is asked",
            hint="Name the ledger of the run whose sweep it is, or "
            f"--base-url {address_of(account, others[0])}",
        )
    return {
        row.appointment_id: f"skipped: {row.reason}" if row.outcome == "skipped"
        else row.outcome or row.state.value
        for batch in account.batches()
        for row in account.rows(batch.name)
        if row.appointment_id is not None
    }  # fmt: skip


async def _look(
    settings: ApiSettings, selection: Selection, *, tools: Tools, observe: Observer
) -> Finding:
    calendar, zone = Readable(tools.lookup), await _timezone(settings, tools)
    services = await tools.lookup.services() if selection.filters["service"] else {}
    began = tools.clock.steady()
    listed = {day: await calendar.windows(day) for day in selection.days()}
    since = tools.clock.earliest() - timedelta(seconds=tools.clock.steady() - began)
    windows = {day: found or () for day, found in listed.items()}
    told = {day: found for day, found in listed.items() if found is not None}
    starts = Starts(sessions=settings.sessions, lookup=calendar, timezone=zone)
    found: dict[Part, Found] = {}
    spans: dict[_Spot, Start] = {}
    roots: dict[Part, Sequence[Window]] = {Part(day): windows[day] for day in windows}
    while roots:
        found |= await search(roots, lookup=tools.lookup, calendar=calendar, since=since)
        records = _of_days(selection, found)
        spans |= {
            (day, place): await starts.of_session(day, session, branch_id, label)
            for day, place in _spots(records, windows)
            for branch_id, session, label in [place]
            if (day, place) not in spans
        }
        roots = dict.fromkeys(_beside(spans, zone, days=windows) - _asked(found), ())
    for caution in starts.cautions():
        observe(caution)
    picked = pick(selection, records, services)
    filled, difference = _held_against(records, windows)
    return Finding(
        origin=settings.origin, branches={one: name for name, one in settings.branches.items()},
        selection=selection.typed, reach=reach(settings.recorded()), picked=picked,
        starts={one.appointment_id: spans[_spot(one)] for one in picked.rows},
        how=max(one.how for one in found.values()),
        doubts=[doubt for one in found.values() for doubt in one.doubts],
        unused=[*unused(selection, records, chain.from_iterable(windows.values()), services)],
        filled=filled, difference=difference, edge=[*_edge(found, selection)],
        windows=open_windows(selection.spots(), told or None),
    )  # fmt: skip


async def _timezone(settings: ApiSettings, tools: Tools) -> ZoneInfo:
    if zone := settings.timezone or zone_of(await tools.lookup.config()):
        return zone
    raise InputError(
        "the API does not tell the organisation's timezone, and where a day ends needs it",
        hint="Pass --timezone, like Asia/Kolkata.",
    )


class Readable:
    """The calendar; it lists nothing where the key may not read it, and is asked no more."""

    def __init__(self, lookup: Calendar) -> None:
        self._lookup: Calendar | None = lookup

    async def windows(self, day: date, *, anew: bool = False) -> Sequence[Window] | None:
        if self._lookup is None:
            return None
        try:
            return await self._lookup.windows(day, anew=anew)
        except ScopeMissing:
            self._lookup = None
            return None


_Spot = tuple[date | None, Place]


def _spot(one: Record) -> _Spot:
    return one.date, place_of(one)


def _of_days(selection: Selection, found: Mapping[Part, Found]) -> list[Record]:
    """Each appointment whose own day is selected, as it was changed last."""
    latest: dict[str, Record] = {}
    for one in chain.from_iterable(each.records.values() for each in found.values()):
        known = latest.get(one.appointment_id)
        if known is None or (one.updated_at or _NEVER) >= (known.updated_at or _NEVER):
            latest[one.appointment_id] = one
    return [one for one in latest.values() if selection.has_day(one.date)]


def _spots(
    records: Iterable[Record], windows: Mapping[date, Sequence[Window]]
) -> Iterator[tuple[date, Place]]:
    yield from {(day, place_of(one)) for day, listed in windows.items() for one in listed}
    yield from {(one.date, place_of(one)) for one in records if one.date is not None}


def _beside(spans: Mapping[_Spot, Start], zone: ZoneInfo, *, days: Iterable[date]) -> set[Part]:
    """What else to ask for: the sessions that reach into another day of the API's, in UTC.

    Where a session's window is not known, or nothing of a day is, the whole of the other.
    """
    known = {day for day, _ in spans}
    parts = set()
    reaching = [
        (day, None if start.known_by is KnownBy.DAY else place[1], start)
        for (day, place), start in spans.items()
    ]
    reaching += [(day, None, day_start(day, zone)) for day in days if day not in known]
    for day, session, start in reaching:
        for moment in (start.earliest, start.latest - _A_MOMENT):
            if (other := moment.astimezone(UTC).date()) != day:
                parts.add(Part(other, session=session))
    return {part for part in parts if part.session is None or Part(part.day) not in parts}


def _asked(found: Mapping[Part, Found]) -> set[Part]:
    """Those that were read, and all that are in them."""
    whole = {part.day for part in found if part == Part(part.day)}
    sessions = {part.session for part in found}
    return {*found, *(Part(day, session=one) for day in whole for one in sessions)}


def _held_against(
    records: Iterable[Record], windows: Mapping[date, Sequence[Window]]
) -> tuple[int | None, int]:
    """How many places the calendar counts as filled, and how many more than that were found."""
    counts = [filled_in(listed, Part(day)) for day, listed in windows.items()]
    told = [count for count in counts if count is not None]
    if not told or len(told) < len(counts):
        return None, 0
    listed = {(day, place_of(one)) for day, these in windows.items() for one in these}
    found = [one.status for one in records if _spot(one) in listed]
    confirmed, moved = found.count("confirmed"), found.count("rescheduled")
    filled = sum(told)
    return filled, 0 if filled == confirmed else filled - confirmed - moved


def _edge(found: Mapping[Part, Found], selection: Selection) -> Iterator[Edge]:
    """What is listed under another day than its own, where one of the two is selected."""
    for part, listed in found.items():
        for one in listed.records.values():
            is_taken = selection.has_day(one.date)
            if one.date != part.day and (is_taken or selection.has_day(part.day)):
                yield Edge(one.appointment_id, one.date, part.day, is_taken)
