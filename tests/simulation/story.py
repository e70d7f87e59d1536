"""How a scenario comes true: processes one after the other, and what happens beside them."""

from collections.abc import Callable, Sequence
from functools import partial

import trio

from batchcancel.errors import GateClosed
from tests.simulation.checks_ends import longest_silence
from tests.simulation.oracle import Broken
from tests.simulation.process import End, Process
from tests.simulation.rows import MOVES, ODD
from tests.simulation.scenario import Command, CreditsGone, Mode, StaffAction
from tests.simulation.world import World

MOST_PROCESSES = 40
_KINDS = {"confirm": "a re-booking", "complete": "a completion", "cancel": "a cancellation"}


class Story:
    """Lives a scenario through; `nursery` is the world's."""

    def __init__(self, world: World, nursery: trio.Nursery) -> None:
        self._world = world
        self._nursery = nursery
        self._process: Process | None = None

    async def tell(self) -> None:
        """Run the command again and again, until it is over or something broke."""
        world = self._world
        self._begin()
        for number in range(1, MOST_PROCESSES + 1):
            if world.scenario.changed is not None and world.scenario.changed.of == number:
                world.trace.add("world", "another manifest")
                world.use(world.scenario.changed.manifest)
            process = Process(world, number, self._command(number))
            end = await self._live(process)
            world.trace.add(f"run {number}", f"ends: {end}")
            world.oracle.look_at(process, "end of a run", world, end)
            if world.oracle.broken or self._is_over(number, end):
                break
            self._act_between(number)
            await self._pause(number)
        if not world.oracle.broken:
            world.oracle.look("end of all", world)

    def _begin(self) -> None:
        world, scenario = self._world, self._world.scenario
        for action in scenario.staff:
            if action.at is not None:
                self._nursery.start_soon(self._after, action.at, partial(self._act, action))
        world.on_page = self._act_when_seen
        for gone in scenario.credits_gone:
            self._nursery.start_soon(self._after, gone.at, partial(self._end_credits, gone))
        self._nursery.start_soon(self._others)
        for at, length in scenario.naps:
            self._nursery.start_soon(self._nap_at, at, length)
        if scenario.neighbour and scenario.rate.limit and world.shares_its_window:
            self._nursery.start_soon(self._neighbour)
        if scenario.calm_at is not None:
            self._nursery.start_soon(self._after, scenario.calm_at, world.calm)
        world.trace.add("world", f"seed {scenario.seed}, {scenario.mode}")

    def _act_when_seen(self, number: int, page: int) -> None:
        for action in self._world.scenario.staff:
            if (action.of, action.page) == (number, page):
                self._act(action)

    async def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        await trio.sleep(seconds)
        if not self._world.is_calm:
            happen()

    def _end_credits(self, gone: CreditsGone) -> None:
        self._world.trace.add("world", f"no credits for {gone.requests} requests")
        self._world.sandbox.faults.add(gone.fault, times=gone.requests, method=gone.method)

    async def _pause(self, number: int) -> None:
        """Until the next process; when none is left with trouble of its own, until all is calm."""
        world = self._world
        await trio.sleep(self._command(number).pause)
        if number >= len(world.scenario.commands) and world.scenario.calm_at is not None:
            await trio.sleep_until(world.scenario.calm_at)

    def _command(self, number: int) -> Command:
        commands = self._world.scenario.commands
        return commands[number - 1] if number <= len(commands) else commands[-1]

    async def _live(self, process: Process) -> End:
        world = self._world
        self._process = process
        process.was_calm = world.is_calm
        process.open_before = frozenset(world.account.ids("open"))
        process.left_before = frozenset(
            one for one, standing in world.account.rows.items() if standing.is_left_alone
        )
        command = process.command
        if command.retry_refused:
            world.forget_refused()
        process.must_refuse = world.must_refuse()
        if command.undo is not None:
            world.leave_places(command.undo.spare)
            process.undoing_before = world.account.ids("open", world.account.undone)
        async with trio.open_nursery() as beside:
            beside.start_soon(self._watch, process)
            for signum, at in zip((15, 2), command.signals, strict=False):
                beside.start_soon(self._after, at, partial(process.signal, signum))
            if command.crash is not None and command.crash.kind == "time":
                beside.start_soon(self._after, command.crash.at, partial(process.kill, "time"))
            if command.abandoned_at is not None:
                beside.start_soon(self._after, command.abandoned_at, process.abandon)
            if command.second_run_at is not None:
                beside.start_soon(self._second_run, process, command.second_run_at)
            end = await process.live()
            if process.second is not None:
                process.second.kill("the first has ended, and it should not have begun")
            beside.cancel_scope.cancel()
        if world.is_calm and isinstance(end.error, GateClosed):
            # Whoever is told until when the gate is closed does not ask before.
            world.patience += end.error.seconds
            await trio.sleep(end.error.seconds)
        return end

    def _is_over(self, number: int, end: End) -> bool:
        """Nothing is left to do, or nothing will ever be done."""
        world = self._world
        if number < len(world.scenario.commands) or end.process.is_dead:
            return False
        if world.scenario.mode is Mode.SAFETY or world.scenario.is_unusable:
            return True
        return world.is_calm and world.is_done

    async def _watch(self, process: Process) -> None:
        """Somebody who pulls the plug when nothing has happened for too long."""
        world, longest = self._world, longest_silence(self._world)
        world.last_sign = world.seconds()
        while world.seconds() < world.last_sign + longest:  # noqa: ASYNC110 - signs are frequent
            await trio.sleep(world.last_sign + longest - world.seconds())
        detail = f"run {process.number} is silent since {world.last_sign:.3f}"
        world.oracle.blame(
            Broken(
                promise=9,
                check="every_wait_has_a_deadline",
                sentence=f"A run is never silent for longer than {longest:.0f} s.",
                detail=detail,
            )
        )
        process.kill("silent for too long")

    async def _second_run(self, process: Process, after: float) -> None:
        await trio.sleep(after)
        if process.is_dead or process.command.is_plan:
            return
        second = process.second = Process(self._world, -process.number, Command())
        end = await second.live()
        process.second = None
        self._world.trace.add(f"run {second.number}", f"ends: {end}")
        self._world.oracle.look("end of a run", self._world, end)

    async def _others(self) -> None:
        world = self._world
        for at in world.scenario.others:
            await trio.sleep_until(at)
            if world.is_calm:
                return
            world.trace.add("others", "GET /v1/appointments")
            await world.network.other_user()

    async def _nap_at(self, at: float, length: float) -> None:
        """What has left a machine arrives although it sleeps by then."""
        await trio.sleep(at)
        while self._world.network.under_way:  # noqa: ASYNC110 - the network tells nobody
            await trio.sleep(0.01)
        if not self._world.is_calm:
            self._world.nap(length)

    async def _neighbour(self) -> None:
        world = self._world
        limiter = Process(world, 0, Command()).limiter()
        for pause in world.scenario.neighbour:
            await trio.sleep(pause)
            permit = await limiter.permit()
            world.trace.add("neighbour", "GET /v1/appointments")
            await world.network.neighbour()
            limiter.used(permit)
        await limiter.flush()

    def _act_between(self, number: int) -> None:
        for action in self._world.scenario.staff:
            if action.at is None and action.page is None and action.of == number:
                self._act(action)

    def _ids(self, whom: str) -> Sequence[str]:
        account = self._world.account
        match whom:
            case "any":
                return sorted(self._world.rows)
            case "left alone":
                return [one for one, standing in account.rows.items() if standing.is_left_alone]
            case "cancelled by others":
                return account.having("already_cancelled")
            case _:
                return account.ids(whom)

    def _is_planning(self) -> bool:
        """Whether the process has begun to read pages, and not yet to send."""
        process = self._process
        return process is not None and process.pages > 0 and not process.is_sending

    def _act(self, action: StaffAction) -> None:
        world = self._world
        known = [one for one in self._ids(action.whom) if world.rows[one].status]
        if not known or world.is_calm:
            return
        one = known[action.pick % len(known)]
        record = world.sandbox.record(one)
        before = record.status
        world.trace.add("staff", f"{action.what} {one}, which is {before}")
        if action.what in MOVES:
            world.move(one, action.what)
        elif action.what == "book":
            place = {"session": record.session, "branch_id": record.branch_id}
            world.sandbox.staff.book(record.date, **place)
        elif action.what in ODD:
            world.sandbox.staff.mark(one, action.what)
        else:
            getattr(world.sandbox.staff, action.what)(one)
        if self._is_planning():
            kind = _KINDS.get(action.what, "a move" if action.what in MOVES else "an odd status")
            world.oracle.seen[f"{kind} while pages were read"] += 1
        if (action.what, before, action.whom, action.at) == ("confirm", "cancelled", "open", None):
            world.oracle.seen["a re-confirmation before a resume"] += 1
