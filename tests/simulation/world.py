"""Everything outside of the program: time, the clinic's server, the network, the disk, people."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import trio
from trio.testing import MockClock

from batchcancel.sandbox import Clinic, Sandbox, SeededFaults
from batchcancel.sandbox.keys import SCOPES
from batchcancel.settings.approval import Approval
from tests.simulation.account import Account, Commit, Standing
from tests.simulation.crash import Mortal
from tests.simulation.disk import Disk
from tests.simulation.network import Departure, Network
from tests.simulation.oracle import Oracle
from tests.simulation.rows import (
    AGAIN,
    EXACT,
    OPENING,
    OTHER_KEY,
    ManifestText,
    Place,
    Row,
    Span,
    branch_id,
    day_span,
    session_span,
)
from tests.simulation.scenario import SAFE_DAY, Scenario
from tests.simulation.shown import SENT, Shown
from tests.simulation.trace import Trace


class Approved(NamedTuple):
    """What a plan showed: its token, how many it would cancel, and of which manifest and notes."""

    token: str
    eligible: int
    text: str
    notes: str | None


class World:
    """One scenario, coming true; times are virtual seconds since its beginning."""

    def __init__(
        self, scenario: Scenario, *, folder: Path, nursery: trio.Nursery, clock: MockClock
    ) -> None:
        self.scenario = scenario
        self.seconds = clock.current_time
        self.trace = Trace(self.seconds, folder=folder)
        self.oracle = Oracle(self.trace)
        self.manifest = folder / "closure.csv"
        # On every fourth machine there is no folder, for there is a file.
        self.shares_its_window = scenario.seed % 4 != 0
        self.state_dir = (folder if self.shares_its_window else self.manifest) / "state"
        self.places = {
            row.appointment_id: {(row.day, row.session, branch_id(row.branch))}
            for row in scenario.manifest.rows
        }
        self.final: dict[str, Standing] = {}
        self.approved: Approved | None = None
        self.settled_at: dict[str, float] = {}
        self.seen_cancelled: set[str] = set()
        self.seen_before: list[Shown | None] = []
        self.naps: list[tuple[float, float]] = []
        self.is_calm = False
        self.on_page: Callable[[int, int], None] = lambda _process, _page: None
        self.patience = 0.0
        self.last_sign = 0.0
        self.sandbox = self._new_sandbox()
        self.elsewhere = self._new_clinic(keys={OTHER_KEY: SCOPES})
        for one in (self.sandbox, self.elsewhere):
            one.skew(timedelta(hours=1, seconds=scenario.skew))
        self.disk = Disk(
            folder / "closure.ledger.db",
            latency=scenario.disk_latency,
            on_open=self._opened,
            on_commit=self._committed,
        )
        self.network = Network(
            sandbox=self.sandbox,
            elsewhere=self.elsewhere,
            spec=scenario.network,
            random=Random(f"{scenario.seed} network"),
            nursery=nursery,
            on_departure=self._departed,
            on_answer=self._answered,
        )
        self.use(scenario.manifest)

    def use(self, manifest: ManifestText) -> None:
        """From now on this is the manifest's file; `conflicts` are settled rows that it denies.

        `is_changed` says that the batch has begun with another one.
        """
        rows = {row.appointment_id: row for row in manifest.rows}
        self.conflicts = {  # notes are none
            one for one in self.final if rows[one].cells[:-1] != self.rows[one].cells[:-1]
        }
        self.is_changed = self.account.is_enrolled and self.text != manifest.text
        self.rows, self.text = rows, manifest.text
        self.manifest.write_text(manifest.text)

    def _new_clinic(self, **more: Any) -> Sandbox:
        scenario = self.scenario
        return Sandbox(
            Clinic(
                appointments=0,
                timezone=scenario.timezone,
                notice_hours=scenario.clinic_notice_hours,
                checks_confirming=scenario.seed % 3 == 0,
            ),
            rate=scenario.server_rate,
            clock=self.steady,
            # What is there was booked an hour ago.
            now=scenario.begin - timedelta(hours=1),
            **more,
        )

    def _new_sandbox(self) -> Sandbox:
        scenario = self.scenario
        faults = SeededFaults(chances=scenario.faults, seed=scenario.seed)
        sandbox = self._new_clinic(faults=faults)
        for row in scenario.manifest.rows:
            if row.status is not None:
                _add(sandbox, row)
        for one in scenario.manifest.bystanders:
            sandbox.add(one, date=SAFE_DAY)
        for day, session in scenario.unlisted:
            sandbox.leave_out(day, session=session)
        if scenario.is_shuffled:
            sandbox.shuffle(scenario.seed)
        return sandbox

    def seconds_of(self, moment: datetime) -> float:
        """When the server's clock showed this moment; timers stood still during naps."""
        seconds = (moment - self.sandbox.now()).total_seconds() + self.steady()
        for at, length in self.naps:
            seconds -= min(length, max(0.0, seconds - at))
        return seconds

    def steady(self) -> float:
        """The clock that goes on while the program's machine sleeps; the server's does too."""
        return self.seconds() + sum(length for _, length in self.naps)

    def nap(self, length: float) -> None:
        """The program's machine sleeps: no timer of its goes on meanwhile."""
        self.trace.add("machine", f"sleeps for {length:.3f} s")
        self.naps.append((self.seconds(), length))

    def program_now(self) -> datetime:
        """The wall clock of the machine the program runs on."""
        set_by = self.clock_offset(self.seconds())
        return self.scenario.begin + timedelta(seconds=self.steady()) + set_by

    def clock_offset(self, seconds: float) -> timedelta:
        return self.scenario.clock_offset(seconds)

    @property
    def account(self) -> Account:
        """What has been committed to the ledger."""
        return self.disk.committed

    @property
    def is_done(self) -> bool:
        """Nothing waits, and nothing is in doubt but requests about what there never was."""
        account = self.account
        in_doubt = [one for one in account.ids("open") if self.rows[one].status is not None]
        return account.is_enrolled and not account.ids("waiting") and not in_doubt

    def starts_of(self, appointment_id: str) -> Iterator[Span]:
        """When an appointment may be said to start; several when it was moved meanwhile."""
        row = self.rows[appointment_id]
        if row.start is not None:
            yield row.start
        if row.kind not in EXACT:
            yield from map(self.session_at, sorted(self.places[appointment_id]))

    def session_at(self, place: Place) -> Span:
        """When an appointment there begins."""
        day, session, branch = place
        number = self.sandbox.book.clinic.branch_ids.index(branch)
        return session_span(day, session, number, timezone=self.scenario.timezone)

    def cautious_starts_of(self, appointment_id: str) -> Iterator[Span]:
        """The whole of its days, when the calendar did not tell their windows; the one that the
        manifest names counts for what was not read.
        """
        row = self.rows[appointment_id]
        if row.kind not in EXACT and self.is_calendar_silent:
            days = {row.named.day, *(day for day, *_ in self.places[appointment_id])}
            for day in sorted(filter(None, days)):
                yield day_span(day, timezone=self.scenario.timezone)

    @property
    def is_calendar_silent(self) -> bool:
        """Whether the server refused calendar windows, or leaves some out that day and later."""
        unlisted = self.scenario.unlisted
        is_closed_twice = len({day for day, _ in unlisted}) > 2
        return (
            is_closed_twice
            or any(session for _, session in unlisted)
            or any(
                400 <= (one.status or 0) < 500 and "/appointment-slots/" in one.url
                for one in self.network.departures
            )
        )

    def was_ever_cancelled(self, appointment_id: str) -> bool:
        """Whether the server's own book says so, now or at any time before."""
        changes = self.sandbox.changes(appointment_id)
        return self.rows[appointment_id].status == "cancelled" or any(
            change.after == "cancelled" for change in changes
        )

    def alive_on(self, first: date, last: date) -> set[str]:
        """Which appointments are on these days, and of a status that is sent."""
        return {
            one.appointment_id
            for one in self.sandbox.records()
            if one.status in SENT and first <= one.date <= last
        }

    def leave_places(self, spare: int) -> None:
        """Where we cancelled there is room for so many more, and no more."""
        for one in map(self.sandbox.record, self.account.having("cancelled")):
            slot = (one.branch_id, one.date, one.session)
            filled = self.sandbox.book.filled(slot, one.batch)
            self.sandbox.book.set_places(slot, one.batch, filled + spare)

    def move(self, appointment_id: str, what: str) -> None:
        """Staff put an appointment on a day as far away, or a near one, or elsewhere that day."""
        staff, record = self.sandbox.staff, self.sandbox.record(appointment_id)
        match what:
            case "far":
                staff.reschedule(appointment_id, record.date + timedelta(days=7))
            case "near":
                staff.reschedule(appointment_id, self.sandbox.now().date() + timedelta(days=1))
            case "session":
                others = [one for one in OPENING if one != record.session]
                staff.move(appointment_id, session=others[len(appointment_id) % 2])
            case _:
                others = [one for one in map(branch_id, (0, 1)) if one != record.branch_id]
                staff.move(appointment_id, branch_id=others[0])
        record = self.sandbox.record(appointment_id)
        self.places[appointment_id].add((record.date, record.session, record.branch_id))

    def must_refuse(self) -> str:
        """Why no run may go on with the manifest as it is now; empty where it may."""
        if self.is_changed and not self.scenario.changed.is_accepted:
            return "the manifest changed"
        return f"it contradicts {sorted(self.conflicts)}" if self.conflicts else ""

    def approve(self, approval: Approval, *, notes: str | None) -> None:
        """A plan was shown to somebody who agrees."""
        self.approved = Approved(str(approval), approval.eligible, self.text, notes)

    def forget_refused(self) -> None:
        """The operator asked to send refused rows once more."""
        again = {one for one, standing in self.final.items() if standing.outcome in AGAIN}
        self.final = {one: self.final[one] for one in self.final.keys() - again}
        self.conflicts -= again

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        self.trace.add("world", "calm")
        self.is_calm = True
        self.network.is_calm = True
        self.sandbox.faults.clear()

    def _departed(self, departure: Departure) -> None:
        self.last_sign = self.seconds()
        self.seen_before.append(departure.process.shown.last.get(departure.appointment_id or ""))
        who = f"run {departure.process.number}"
        self.trace.add(who, f"{departure.method} {departure.url} {departure.body.decode()}")
        self.oracle.look_at(departure.process, "departure", self, departure)
        if departure.method == "PATCH":
            self.oracle.look_at(departure.process, "PATCH", self, departure)

    def _answered(self, departure: Departure) -> None:
        self.last_sign = self.seconds()
        name = departure.appointment_id or departure.url.rpartition("/")[2]
        process = departure.process
        process.shown.take_in(departure, is_planning=not process.is_sending)
        if process.command.is_find:
            process.note_alive()
        if "&page=" in departure.url and departure.status == 200:
            process.pages += 1
            self.on_page(process.number, process.pages)
        self.trace.add(
            f"run {process.number}",
            f"has {departure.status} for {departure.method} {name}",
        )
        self.oracle.look("answer", self, departure)

    def _opened(self, process: Mortal, committed: Account, found: Account) -> None:
        self.oracle.look("opening", self, process, committed, found)

    def _committed(self, process: Mortal, before: Account, after: Account) -> None:
        self.last_sign = self.seconds()
        changed = dict(after.rows.items() - before.rows.items())
        changes = (*changed.items(), *after.undone.items() - before.undone.items())
        for one, standing in sorted(changes, key=str):
            self.trace.add(f"run {process.number}", f"commits {one}: {standing}")
        self.oracle.look_at(process, "commit", self, Commit(process, before, after))
        self.settled_at |= dict.fromkeys(changed, self.seconds())
        self.final |= {one: standing for one, standing in changed.items() if after.is_final(one)}
        for one, standing in changed.items():
            if standing.outcome == "already_cancelled":
                self.seen_cancelled.add(one)
            elif standing.reason == "completed":  # whatever was before, the visit took place
                self.seen_cancelled.discard(one)


def _add(sandbox: Sandbox, row: Row) -> None:
    sandbox.add(
        row.appointment_id,
        date=row.day,
        session=row.session,
        status=row.status or "confirmed",
        branch_id=branch_id(row.branch),
    )
