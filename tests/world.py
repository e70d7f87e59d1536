"""The whole program against the sandbox in process, on virtual time: only sockets are missing."""

import itertools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
import httpx
from trio.testing import MockClock

from batchcancel.appointments import Outcome
from batchcancel.clock import BootClock
from batchcancel.commands import contacts, find, plan, restore, run, slices, verify
from batchcancel.commands.run import Finished
from batchcancel.errors import WindowFull
from batchcancel.events import Caution, Event, PlanMade, RowEnded
from batchcancel.huskyvoice.limiter import inline as asked_inline
from batchcancel.ledger.open import read_ledger
from batchcancel.ledger.questions import LedgerReader
from batchcancel.policy.plan import Planned
from batchcancel.report.find import Finding
from batchcancel.report.verify import Verified
from batchcancel.sandbox import FULL_KEY, Clinic, Rate, Sandbox
from batchcancel.settings.load import ApiSettings, Settings, load_api_settings, load_settings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings
from batchcancel.writer import Writer, inline

BEGIN = datetime(2026, 6, 1, 6, tzinfo=UTC)


def ended(finished: Finished) -> tuple[int, dict[str, int]]:
    """The exit code, and how many rows came to what; skipped rows by their reasons."""
    counts = finished.summary.counts
    told = {name: rows for name, rows in counts.outcomes.items() if name != "skipped"}
    left = {"open": counts.open, "waiting": counts.waiting}
    return int(finished.summary.exit_code), told | counts.skipped | {
        name: rows for name, rows in left.items() if rows
    }


class Watching:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.cautions: list[str] = []

    def __call__(self, event: Event) -> None:
        match event:
            case Caution():
                self.cautions.append(event.code)
            case RowEnded():
                self.outcomes[event.appointment_id] = event.outcome


class World:
    """A folder, a sandbox and a clock; `run` and `plan` are what the command line would do."""

    def __init__(self, folder: Path, virtual: MockClock) -> None:
        self.folder = folder
        self.virtual = virtual
        self.sandbox = self.new_sandbox()
        self.watching = Watching()
        self.plans: list[Planned] = []
        self.runs = 0
        self.slices = 0
        self.boot = "a boot"
        self.between: Callable[[], object] = lambda: None
        self.clock_set_by = timedelta(0)
        self.slept = 0.0

    def new_sandbox(self, clinic: Clinic | None = None, **options: Any) -> Sandbox:
        self.sandbox = Sandbox(
            clinic or Clinic(appointments=0),
            clock=self.virtual.current_time,
            now=BEGIN,
            **({"rate": Rate()} | options),
        )
        return self.sandbox

    def now(self) -> datetime:
        """By this machine's clock, which is set by adding to `clock_set_by`."""
        return BEGIN + timedelta(seconds=self.steady()) + self.clock_set_by

    def steady(self) -> float:
        """The clock that goes on while this machine sleeps, as it did for `slept` seconds."""
        return self.virtual.current_time() + self.slept

    def sleep_machine(self, seconds: float) -> None:
        """Only the API's clock and this machine's go on; no timer does."""
        self.slept += seconds
        self.sandbox.skew(timedelta(seconds=self.slept))

    def appointments(self, count: int, *, day: date = date(2026, 6, 20)) -> list[str]:
        """Make so many known to the sandbox, all in the morning of a day, two minutes ago."""
        ids = [f"a{number:05d}" for number in range(1, count + 1)]
        for appointment_id in ids:
            self.sandbox.add(appointment_id, date=day)
        self.virtual.jump(120)
        return ids

    def manifest(
        self, ids: Iterable[str], *, starts_at: str | None = "2026-06-20T03:30:00Z"
    ) -> Path:
        if starts_at is None:
            return self.write("appointment_id", *ids)
        return self.write("appointment_id,starts_at", *(f"{one},{starts_at}" for one in ids))

    def write(self, header: str, *rows: str) -> Path:
        """A manifest as it is written here."""
        path = self.folder / "closure.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    def account(self) -> AbstractContextManager[LedgerReader]:
        """What the ledger beside the manifest tells."""
        return closing(read_ledger(str(self.folder / "closure.ledger.db")))

    def patched(self) -> list[str]:
        """The ids of all PATCH requests, in their order."""
        return [one.path.rpartition("/")[2] for one in self.sandbox.history.patches()]

    def settings(self, manifest: Path, **options: object) -> Settings:
        own = {"base_url": "http://localhost/v1", "state_dir": str(self.folder / "state")}
        flags = own | {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in options.items()
        }
        key = flags.pop("key", FULL_KEY)
        return load_settings(str(manifest), flags=flags, environ={"HUSKYVOICE_API_KEY": key})

    async def run(
        self, manifest: Path, *, stop: Stop | None = None,
        confirm: Callable[[Planned], None] = lambda planned: None, **options: object,
    ) -> Finished:  # fmt: skip
        settings = self.settings(manifest, **options)
        self.runs += 1

        def remember(planned: Planned) -> None:
            self.plans.append(planned)
            confirm(planned)

        return await run.run(
            settings,
            run_id=f"run-{self.runs}",
            stop=stop or Stop(),
            observe=self.watching,
            confirm=remember,
            around=self.surroundings(),
        )

    async def slice(
        self, manifest: Path, *, after: str | None = None, stop: Stop | None = None,
        **options: object,
    ) -> Finished:  # fmt: skip
        """One slice of a run, which goes on after another."""
        return await slices.run_slice(
            self.settings(manifest, **options),
            after=after,
            stop=stop or Stop(),
            observe=self.watching,
            confirm=self.plans.append,
            around=self.surroundings(),
        )

    async def paused(self, manifest: Path, **options: object) -> WindowFull | Finished:
        """How a slice ended; where its window was too full, now that slots are free again."""
        try:
            done = await self.slice(manifest, **options)
            full = done.reason
        except WindowFull as error:
            full = error
        if not isinstance(full, WindowFull) or full.until is None:
            return done
        self.between()
        await anyio.sleep((full.until - self.now()).total_seconds())
        return full

    async def run_in_slices(
        self, manifest: Path, *, after: str | None = None, **options: object
    ) -> Finished:
        """As a caller does who waits elsewhere."""
        for self.slices in itertools.count(1):
            done = await self.paused(manifest, after=after, **options)
            if isinstance(done, Finished):
                return done
            after = done.run_id
        raise AssertionError

    async def plan(self, manifest: Path, **options: object) -> Planned:
        return await self.plan_of(self.settings(manifest, **options))

    async def plan_of(self, settings: Settings) -> Planned:
        planned = await plan.plan(
            settings, stop=Stop(), observe=self.watching, around=self.surroundings()
        )
        self.plans.append(planned)
        return planned

    def api_settings(
        self, command: str, *, job_file: Path | None = None, **options: object
    ) -> ApiSettings:
        own = {"base_url": "http://localhost/v1", "state_dir": str(self.folder / "state")}
        flags = own | {name: str(value) for name, value in options.items()}
        key = flags.pop("key", FULL_KEY)
        environ = {"HUSKYVOICE_API_KEY": key}
        return load_api_settings(command, flags=flags, environ=environ, job_file=job_file)

    async def verify(self, *, batch: str = "closure", **options: object) -> Verified:
        return await verify.verify(
            self.api_settings("verify", **options),
            ledger=self.ledger,
            batch=batch,
            stop=Stop(),
            observe=self.watching,
            around=self.surroundings(),
        )

    async def contacts(
        self, name: str = "call.csv", *, outcomes: Iterable[str] = (),
        job_file: Path | None = None, batch: str = "closure", **options: object,
    ) -> contacts.Contacts:  # fmt: skip
        return await contacts.contacts(
            self.api_settings("export", job_file=job_file, **options),
            ledger=self.ledger,
            batch=batch,
            output=self.folder / name,
            outcomes=[*outcomes],
            stop=Stop(),
            observe=self.watching,
            around=self.surroundings(),
        )

    async def restore(
        self, *, stop: Stop | None = None,
        confirm: Callable[[PlanMade], None] = lambda plan: None,
        how: dict[str, Any] | None = None, **options: object,
    ) -> Finished:  # fmt: skip
        self.runs += 1
        return await restore.restore(
            self.api_settings("restore", **options),
            restore.Undoing(**{"ledger": self.ledger, "batch": "closure"} | (how or {})),
            run_id=f"run-{self.runs}",
            stop=stop or Stop(),
            observe=self.watching,
            confirm=confirm,
            around=self.surroundings(),
        )

    @property
    def ledger(self) -> str:
        return str(self.folder / "closure.ledger.db")

    async def find(
        self, name: str = "closure.csv", *, day: date = date(2026, 6, 20), last: date | None = None,
        not_in: str | None = None, force: bool = False, job_file: Path | None = None,
        options: dict[str, str] | None = None, **filters: str,
    ) -> Finding:  # fmt: skip
        """Filters are named as options are, with `_`; `options` are those of the API."""
        own = {"base_url": "http://localhost/v1", "state_dir": str(self.folder / "state")}
        own |= options or {}
        key = own.pop("key", FULL_KEY)
        settings = load_api_settings(
            "find", flags=own, environ={"HUSKYVOICE_API_KEY": key}, job_file=job_file
        )
        names = ("branch", "session", "service", "batch-label", "doctor")
        words = {one: filters.get(one.replace("-", "_")) for one in names}
        wanted = find.Wanted(
            first=day,
            last=last or day,
            filters={one: [word] if word else [] for one, word in words.items()},
            output=self.folder / name,
            force=force,
            not_in=not_in and str(self.folder / not_in),
        )
        return await find.find(
            settings, wanted, stop=Stop(), observe=self.watching, around=self.surroundings()
        )

    def surroundings(self) -> Surroundings:
        return Surroundings(
            now=self.now,
            boot=BootClock(self.boot, self.steady),
            random=Random(1),
            new_transport=self.transport,
            new_writer=partial(Writer, offload=inline),
            offload=asked_inline,
        )

    def transport(self) -> httpx.AsyncBaseTransport:
        return httpx.ASGITransport(app=self.sandbox.app)


class Delayed(httpx.AsyncBaseTransport):
    """A network that takes its time, half on the way there and half on the way back."""

    def __init__(self, inner: httpx.AsyncBaseTransport, latency: Callable[[], float]) -> None:
        self._inner = inner
        self._latency = latency

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep(self._latency() / 2)
        response = await self._inner.handle_async_request(request)
        await anyio.sleep(self._latency() / 2)
        return response
