"""Synchronous entry to a command: event loop, signal handling, confirmation prompt."""

import functools
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import anyio
import anyio.lowlevel

from batchcancel.cli.terminal import draw, say
from batchcancel.errors import Interrupted, Refusal
from batchcancel.stop import Stop, Task, background, wait_for_no_thread

Result = TypeVar("Result")

_AT_ONCE = 0.1


def enter(command: Callable[[Stop], Awaitable[Result]], *beside: Task) -> Result:
    """Run a command to its end; SIGINT, SIGTERM and SIGHUP set its stop flag.

    The tasks `beside` it are stopped at its end.
    """

    async def main() -> Result:
        stop = Stop()
        wait_for_no_thread()
        # The receiver stays to the very end: a second signal must not cut the drain short.
        async with background(functools.partial(_watch_signals, stop), *beside):
            await anyio.lowlevel.checkpoint()  # so that signals are watched from the beginning
            return await command(stop)

    return anyio.run(main)


def _signals() -> list[signal.Signals]:
    """What ends a call; under nohup a hang-up stays ignored."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if is_ignored else [signal.SIGHUP])]


async def _watch_signals(stop: Stop) -> None:
    with anyio.open_signal_receiver(*_signals()) as signals:
        for one in _signals():  # the receiver is told by the system, whoever else handles it
            signal.signal(one, lambda *_: stop.heard())
            signal.siginterrupt(one, False)
        async for signum in signals:
            is_first = stop.reason is None
            stop.ask(Interrupted(signum))
            await anyio.sleep(_AT_ONCE)  # where nothing has been sent it is over by then
            if is_first:
                say(f"{signum.name}: finishing what has been sent, at most 3 s ...", "stopping")


def require_somebody(verb: str, *, is_agreed: bool) -> None:
    """Raise `Refusal` where somebody has to be asked, and nobody can be."""
    if is_agreed or (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    raise Refusal(
        "nobody can be asked: there is no terminal",
        hint="Pass --approved with the token that plan shows, or --yes to cancel whatever the "
        "manifest holds by now. Nothing was sent."
        if verb == "cancel"
        else f"Pass --yes to {verb} whatever the ledger holds by now. Nothing was sent.",
    )


async def confirm(
    eligible: int, *, stop: Stop, where: str, is_agreed: bool, plan: str, verb: str = "cancel",
    what: str = "appointments",
) -> None:  # fmt: skip
    """Ask for the number of appointments, or `what`, to be typed; `Refusal` when it is not.

    `plan` is printed first; empty where it was printed already. The number, and not a yes: it
    cannot be typed without having been read. `where` says whose appointments they are.
    """
    if is_agreed or eligible == 0:
        return
    require_somebody(verb, is_agreed=False)
    draw("")
    if plan:
        say(plan, "plan", level="warning")
    ask = f"Type the number of {what} to {verb} ({eligible}), or press Enter to leave: "
    say(f"\n{where}\n{ask}", "question", level="warning")
    typed = ""
    with stop.raising_reason(), stop.breaks():
        await anyio.wait_readable(sys.stdin)
    with suppress(OSError):  # the terminal is gone
        typed = sys.stdin.readline().strip().replace(",", "")
    if typed != str(eligible):
        raise Refusal(
            "not confirmed",
            hint=f"The plan is to {verb} {eligible} {what}. Nothing was sent.",
        )
