"""Whom to call: a batch's rows, with the names and phones that the API shows at this moment."""

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from batchcancel import wiring
from batchcancel.appointments import KnownBy, OutcomeName, Said, Start
from batchcancel.commands.find import Readable
from batchcancel.commands.verify import require_origin
from batchcancel.errors import ExitCode
from batchcancel.events import Observer
from batchcancel.ledger.contract import RowRecord
from batchcancel.people.contacts import (
    ABSENT,
    UNREAD,
    People,
    Person,
    Visit,
    as_counts,
    as_table,
    calls,
    to_be_told,
)
from batchcancel.policy.back import Back, read_back
from batchcancel.policy.observed import has_moved
from batchcancel.policy.pages import Budget
from batchcancel.policy.starts import Starts
from batchcancel.reader.times import day_start
from batchcancel.report.atomic import refuse_manifest, require_private
from batchcancel.report.results import known, write_table
from batchcancel.report.status import day_of, zone_of
from batchcancel.report.tables import grouped, many
from batchcancel.settings.load import ApiSettings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings, Tools

KINDS = (".csv", ".xlsx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """What was written: calls, the appointments they are about, and those that nobody showed."""

    batch: str
    output: Path
    reachable: Mapping[str, int]
    appointments: int
    unread: int
    requests: int

    @property
    def calls(self) -> int:
        return sum(self.reachable.values())

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.INCOMPLETE if self.unread else ExitCode.DONE

    def text(self) -> str:
        counts = Counter(self.reachable)
        silent = self.calls - counts["yes"] - counts["foreign"]
        verb = "has" if silent == 1 else "have"
        how = (
            (counts["yes"], "by a number of this country"), (counts["foreign"], "abroad"),
            (silent, f"{verb} no usable number: ask at the desk"),
        )  # fmt: skip
        told = (
            f"{many(self.appointments, 'appointment')} of batch {self.batch} written to "
            f"{self.output}. {grouped(self.calls)} to call: "
            f"{', '.join(f'{grouped(n)} {what}' for n, what in how if n) or 'nobody'}."
        )
        left = f"\n!! {grouped(self.unread)} could not be read: type the same with --force."
        return told + (left if self.unread else "")

    def as_json(self) -> dict[str, Any]:
        ends = {"output": str(self.output), "calls": self.calls, "exit_code": int(self.exit_code)}
        return asdict(self) | ends


async def contacts(
    settings: ApiSettings, *, ledger: str, batch: str, output: Path, outcomes: Collection[str] = (),
    stop: Stop, observe: Observer, around: Surroundings | None = None,
) -> Contacts:  # fmt: skip
    """Read the rows' records, by pages where they pay, and write whom to call. Sends no write."""
    require_private(output)
    wanted = known(outcomes)
    people = People()
    async with wiring.tools(
        settings, wiring.for_plan, ledger=ledger, stop=stop, observe=observe, around=around,
        hear=people.hear,
    ) as tools:  # fmt: skip
        account = tools.account or tools.ledger
        require_origin(account, batch, settings, ledger=ledger)
        refuse_manifest(output, account, ledger=ledger)
        one = account.batch(batch)
        if one.kind == "restore" and not wanted:  # the others know that they are cancelled
            wanted = {OutcomeName.RESTORED}
        rows = to_be_told(account.rows(batch), wanted=wanted)
        people.wanted |= {_id(one) for one in rows}
        zone = settings.timezone or zone_of(one)
        with stop.raising_reason():
            visits = await _visits(settings, rows, zone, tools=tools, people=people)
        found = calls(visits, now=tools.clock.now())
        told = Contacts(
            batch=batch,
            output=output,
            reachable=as_counts(found),
            appointments=len(visits),
            unread=sum(one.now == UNREAD for one in visits),
            requests=tools.exchange.requests,
        )
    write_table(as_table(found, zone, is_csv=output.suffix.lower() == ".csv"), output)
    return told


async def _visits(
    settings: ApiSettings, rows: Sequence[RowRecord], zone: ZoneInfo | None, *, tools: Tools,
    people: People,
) -> list[Visit]:  # fmt: skip
    days = {
        _id(one): day_of(one, zone)
        for one in rows
        if one.outcome != OutcomeName.NOT_FOUND  # it was asked for, and is not there
    }
    back = await read_back(
        days, lookup=tools.lookup, now=tools.clock.now, budget=Budget(sys.maxsize),
        halt_after=settings.halt_after,
    )  # fmt: skip
    starts = Starts(sessions=settings.sessions, lookup=Readable(tools.lookup), timezone=zone)
    visits = [
        await _visit(row, people.shown.get(_id(row), Person()), back, starts, zone) for row in rows
    ]
    names = {one: name for name, one in settings.branches.items()}
    return [replace(one, branch=names.get(one.branch or "", one.branch)) for one in visits]


async def _visit(
    row: RowRecord, person: Person, back: Back, starts: Starts, zone: ZoneInfo | None
) -> Visit:
    """Where the record shows it now; where none is shown, as the ledger knows it."""
    shown = back.shown.get(_id(row))
    record = None if shown is None else shown.record
    start = _kept(row, zone)
    said = Said(day_of(row, zone), row.session, row.branch_id)
    is_elsewhere = record is not None and has_moved(said, record)
    if record is not None and (start is None or is_elsewhere):
        start = await starts.of_record(record)
    first, second = (record, row) if is_elsewhere and record is not None else (row, record or row)
    absent = row.outcome == OutcomeName.NOT_FOUND or _id(row) in back.absent
    return Visit(
        row=row,
        person=person,
        now=record.status if record is not None else ABSENT if absent else UNREAD,
        start=start,
        session=first.session or second.session,
        branch=first.branch_id or second.branch_id,
    )


def _id(row: RowRecord) -> str:
    return str(row.appointment_id)


def _kept(row: RowRecord, zone: ZoneInfo | None) -> Start | None:
    """The start that the ledger knows; how long a session lasts it does not."""
    day = day_of(row, zone)
    if row.starts_at is None or day is None:
        return None
    if row.start_known_by not in (KnownBy.SESSION, KnownBy.DAY):
        return Start.exact(row.starts_at)
    end = day_start(day, zone or ZoneInfo("UTC")).latest
    return Start(row.starts_at, end, KnownBy(row.start_known_by))
