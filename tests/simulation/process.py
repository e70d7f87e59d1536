"""One process of the program: what the command line would do, until it ends or is killed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import trio

from batchcancel import wiring
from batchcancel.clock import BootClock
from batchcancel.commands import find, plan, restore, run, verify
from batchcancel.commands.run import Finished
from batchcancel.errors import BatchcancelError, ExitCode, Interrupted
from batchcancel.events import Caution, Event, RateWindowFull, RunStarted
from batchcancel.huskyvoice.limiter import Result, WindowLimiter
from batchcancel.report.find import Finding
from batchcancel.report.summary import Summary
from batchcancel.report.verify import Verified
from batchcancel.sandbox import FULL_KEY
from batchcancel.settings.load import Settings, load_api_settings, load_settings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings
from batchcancel.writer import Commit, Writer
from tests.simulation.crash import Crash, deafen
from tests.simulation.network import Wire
from tests.simulation.rows import OTHER_KEY
from tests.simulation.scenario import SAFE_DAY, Command, Undo
from tests.simulation.shown import Sight

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a process ended: by itself with an exit code, or killed (None)."""

    process: "Process"
    at: float
    exit_code: int | None
    error: BaseException | None = None
    summary: Summary | None = None

    def __str__(self) -> str:
        said = "" if self.error is None else f" {type(self.error).__name__}: {self.error}"
        return f"exit {self.exit_code}{said}"


class Process:
    """Runs one command in the world; `number` counts from 1."""

    def __init__(self, world: "World", number: int, command: Command) -> None:
        self.world = world
        self.number = number
        self.command = command
        self.stop = Stop()
        self.began = world.seconds()
        self.is_dead = False
        self.is_sending = False
        self.was_calm = self.closed_days = False
        self.pages = 0
        self.signalled_at: float | None = None
        self.abandoned_at: float | None = None
        self.disk_failed_at: float | None = None
        self.second: Process | None = None
        self.open_before: frozenset[str] = frozenset()
        self.left_before: frozenset[str] = frozenset()
        self.undoing_before: list[str] = []
        self.must_refuse = ""
        self.finding: Finding | None = None
        self.verified: Verified | None = None
        self.alive: list[set[str]] = []
        self.approved = world.approved if command.is_approved else None
        self.key = OTHER_KEY if command.has_wrong_key else FULL_KEY
        self.shown = Sight()
        self._commits = 0
        self._boundaries: dict[str, int] = {}
        self._writer: Writer | None = None
        self._scope = trio.CancelScope()

    async def live(self) -> End:
        """Run to the end, whatever it is."""
        end = None
        try:
            with self._scope:
                end = await self._end()
        except BaseException:
            if not self.is_dead:
                raise
        if self.is_dead:
            self.world.disk.restore()
        if self.is_dead or end is None:
            return End(process=self, at=self.world.seconds(), exit_code=None)
        return end

    async def _end(self) -> End:
        try:
            finished = await self._job()
        except BatchcancelError as error:
            return self._ended(int(error.exit_code), error=error)
        except Exception as error:
            if self.is_dead:
                raise
            return self._ended(int(ExitCode.UNEXPECTED), error=error)
        if isinstance(finished, int):
            return self._ended(finished)
        summary = finished.summary
        return self._ended(int(summary.exit_code), error=finished.reason, summary=summary)

    def _ended(
        self, exit_code: int, *, error: BaseException | None = None, summary: Summary | None = None
    ) -> End:
        at = self.world.seconds()
        return End(process=self, at=at, exit_code=exit_code, error=error, summary=summary)

    async def _find(self) -> int:
        """Search for what is alive on the safe days, as far as it is there all the time."""
        flags, environ = self._said()
        self.note_alive()
        self.finding = await find.find(
            load_api_settings("find", flags=flags, environ=environ),
            find.Wanted(
                first=SAFE_DAY,
                last=SAFE_DAY + timedelta(days=1),
                filters=dict.fromkeys(
                    ("branch", "session", "batch-label", "service", "doctor"), ()
                ),
                output=self.world.disk.path.with_name("found.csv"),
                force=True,
            ),
            stop=self.stop,
            observe=self._observe,
            around=replace(self._surroundings(), on_open=lambda _ledger: None),
        )
        self.note_alive()
        return int(self.finding.exit_code)

    def note_alive(self) -> None:
        """Who is on the days that are searched, now that an answer came."""
        self.alive.append(self.world.alive_on(SAFE_DAY, SAFE_DAY + timedelta(days=1)))

    async def _undo(self, undo: Undo) -> Finished | int:
        """Verify the batch, or put back what it cancelled."""
        if not self.world.account.is_enrolled:
            return int(ExitCode.BAD_INPUT)  # the command line finds no batch to undo
        flags, environ = self._said()
        settings = load_api_settings("restore", flags=flags, environ=environ)
        means = {"stop": self.stop, "observe": self._observe, "around": self._surroundings()}
        if undo.is_verify:
            batch = {"ledger": flags["ledger"], "batch": "closure"}
            self.verified = await verify.verify(settings, **batch, **means)
            return int(self.verified.exit_code)
        how = {"overbook": undo.overbook, "rescheduled_too": bool(undo.also)}
        undoing = restore.Undoing(ledger=flags["ledger"], batch="closure", **how)
        means |= {"confirm": lambda _planned: None, "run_id": f"run-{self.number}"}
        return await restore.restore(settings, undoing, **means)

    async def _job(self) -> Finished | int:
        if self.command.is_find:
            return await self._find()
        if self.command.undo is not None:
            return await self._undo(self.command.undo)
        settings = self._settings()
        if self.command.is_plan:
            planned = await plan.plan(
                settings, stop=self.stop, observe=self._observe, around=self._surroundings()
            )
            self.world.approve(planned.approval, notes=settings.notes)
            return 0
        return await run.run(
            settings,
            run_id=f"run-{self.number}",
            stop=self.stop,
            observe=self._observe,
            confirm=lambda _planned: None,
            around=self._surroundings(),
        )

    def _said(self) -> tuple[dict[str, str], dict[str, str]]:
        """What was typed, and the environment."""
        flags = {
            **self.world.scenario.options,
            "ledger": str(self.world.disk.path),
            "state_dir": str(self.world.state_dir),
            "base_url": "http://localhost/v1",
            "retry_refused": str(self.command.retry_refused).lower(),
        }
        changed = self.world.scenario.changed
        if changed is not None and changed.is_accepted:
            flags["accept_changed_manifest"] = "true"
        if self.approved is not None:
            flags["approved"] = self.approved.token
        if self.command.notes is not None:
            flags["notes"] = self.command.notes
        if self.world.is_calm:  # what fails now would fail for ever, as the hint of a halt says
            flags["halt_after"] = "1000"
        return flags, {"HUSKYVOICE_API_KEY": self.key}

    def _settings(self) -> Settings:
        flags, environ = self._said()
        return load_settings(str(self.world.manifest), flags=flags, environ=environ)

    async def _offload(self, call: Callable[[], Result], /) -> Result:
        if self.is_dead:
            raise Crash
        return call()

    def limiter(self) -> WindowLimiter:
        """One that shares the window of this user's programs."""
        around = self._surroundings()
        window = wiring._window_file(self._settings(), around=around, observe=self._observe)
        return WindowLimiter(window, clocks=lambda: (around.boot.seconds(),))

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            now=self.world.program_now,
            boot=BootClock("a boot", self.world.steady),
            offload=self._offload,
            random=Random(f"{self.world.scenario.seed} jitter {self.number}"),
            new_transport=lambda: Wire(self.world.network, self),
            new_writer=self._new_writer,
            on_open=lambda ledger: self.world.disk.watch(ledger, self),
        )

    def _new_writer(self, commit: Commit) -> Writer:
        self._writer = Writer(commit, offload=self.world.disk.offload)
        return self._writer

    def boundary(self, kind: str) -> None:
        """The process passes a place where it may die."""
        if self.is_dead:
            raise Crash
        if self._is_last(kind):
            self.kill(kind)
            raise Crash

    def boundary_outside(self, kind: str) -> None:
        """Something far away happens to a request of this process, which may die just then."""
        if not self.is_dead and self._is_last(kind):
            self.kill(kind)

    def _is_last(self, kind: str) -> bool:
        self._boundaries[kind] = self._boundaries.get(kind, 0) + 1
        crash = self.command.crash
        is_here = crash is not None and crash.kind == kind
        return is_here and self._boundaries[kind] == crash.nth and not self.world.is_calm

    def kill(self, where: str) -> None:
        """As by kill -9: the disk stays as it is now, and nothing of the process is heard again."""
        if self.is_dead:
            return
        self.is_dead = True
        self.world.disk.snapshot()
        self.world.trace.add(f"run {self.number}", f"killed: {where}")
        self.world.oracle.look("killed", self.world, self)
        if self._writer is not None:
            deafen(self._writer)
        self._scope.cancel()

    def abandon(self) -> None:
        """Whoever called the job gives it up, as a library's user may: its task is cancelled."""
        self.abandoned_at = self.world.seconds()
        self.world.trace.add(f"run {self.number}", "abandoned")
        self._scope.cancel()

    def commit_fails(self) -> bool:
        self._commits += 1
        if self._commits not in self.command.failing_commits or self.world.is_calm:
            return False
        self.disk_failed_at = self.disk_failed_at or self.world.seconds()
        self.world.trace.add(f"run {self.number}", "commit fails: disk full")
        return True

    def signal(self, signum: int) -> None:
        self.signalled_at = self.signalled_at or self.world.seconds()
        self.world.trace.add(f"run {self.number}", f"signal {signum}")
        self.stop.ask(Interrupted(signum))

    def _observe(self, event: Event) -> None:
        match event:
            case Caution():
                self.closed_days |= event.code == "windows_a_week_later"
                self.world.trace.add(f"run {self.number}", f"cautions: {event.text}")
            case RateWindowFull():
                self.world.trace.add(f"run {self.number}", f"says it waits {event.seconds:.3f} s")
            case RunStarted():
                self.is_sending = True
