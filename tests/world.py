"""The whole program against the sandbox in process, on virtual time: only sockets are missing."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import anyio
import httpx
from trio.testing import MockClock

from batchcancel import wiring
from batchcancel.api import Limiter
from batchcancel.appointments import Outcome
from batchcancel.job import Finished, plan_job, run_job
from batchcancel.plan import Plan
from batchcancel.planning import Planned
from batchcancel.sandbox import FULL_KEY, Clinic, Rate, Sandbox
from batchcancel.settings import Settings, load_settings
from batchcancel.stop import Stop
from batchcancel.writer import inline

BEGIN = datetime(2026, 6, 1, 6, tzinfo=UTC)


class Watching:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.clock_differences: list[timedelta] = []
        self.plans: list[Planned] = []

    def fetches(self, manifest: str) -> None:
        pass

    def fetched(self, manifest: str, size: int) -> None:
        pass

    def clock_differs(self, difference: timedelta) -> None:
        self.clock_differences.append(difference)

    def waits(self, seconds: float) -> None:
        pass

    def planned(self, planned: Planned) -> None:
        self.plans.append(planned)

    def started(self, plan: Plan, limiter: Limiter) -> None:
        pass

    def settled(self, appointment_id: str, outcome: Outcome) -> None:
        self.outcomes[appointment_id] = outcome


class World:
    """A folder, a sandbox and a clock; `run` and `plan` are what the command line would do."""

    def __init__(self, folder: Path, virtual: MockClock) -> None:
        self.folder = folder
        self.virtual = virtual
        self.sandbox = self.new_sandbox()
        self.watching = Watching()
        self.runs = 0

    def new_sandbox(self, clinic: Clinic | None = None, **options: Any) -> Sandbox:
        self.sandbox = Sandbox(
            clinic or Clinic(appointments=0),
            clock=self.virtual.current_time,
            now=BEGIN,
            **({"rate": Rate()} | options),
        )
        return self.sandbox

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.virtual.current_time())

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
        path = self.folder / "closure.csv"
        header, cell = ("appointment_id,starts_at", f",{starts_at}") if starts_at else (
            "appointment_id", ""
        )  # fmt: skip
        path.write_text("\n".join([header, *(one + cell for one in ids)]) + "\n")
        return path

    def settings(self, manifest: Path, **options: object) -> Settings:
        flags = {"base_url": "http://localhost/v1"} | {
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
        equip = self._equip(settings, wiring.for_run(settings), stop or Stop())
        return await run_job(
            settings,
            run_id=f"run-{self.runs}",
            equip=equip,
            observer=self.watching,
            confirm=confirm,
        )

    async def plan(self, manifest: Path, **options: object) -> Planned:
        settings = self.settings(manifest, **options)
        equip = self._equip(settings, wiring.for_plan(settings), Stop())
        return await plan_job(settings, equip=equip, observer=self.watching)

    def _equip(self, settings: Settings, open_ledgers: wiring.OpenLedgers, stop: Stop) -> Any:
        return wiring.equipment(
            settings,
            open_ledgers=open_ledgers,
            stop=stop,
            now=self.now,
            random=Random(1),
            new_transport=self.transport,
            offload=inline,
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
