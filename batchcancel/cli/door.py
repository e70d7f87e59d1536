"""The synchronous door: signals, the prompt, and one event loop around a job."""

import functools
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from batchcancel.cli.terminal import say
from batchcancel.errors import Interrupted, Refusal
from batchcancel.stop import Stop, Task, background

Result = TypeVar("Result")


def enter(job: Callable[[Stop], Awaitable[Result]], *beside: Task) -> Result:
    """Run a job to its end; SIGINT and SIGTERM ask it to stop, however often they come.

    What runs `beside` it is stopped with it.
    """

    async def main() -> Result:
        stop = Stop()
        # The receiver stays to the very end: a second signal must not cut the drain short.
        async with background(functools.partial(_watch_signals, stop), *beside):
            return await job(stop)

    return anyio.run(main)


async def _watch_signals(stop: Stop) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for signum in signals:
            if stop.reason is None:
                say(f"\n{signum.name}: finishing what has been sent, at most 3 s ...")
            stop.ask(Interrupted(signum))


def confirm(eligible: int, *, is_agreed: bool, plan: str) -> None:
    """Have the number of appointments typed; `Refusal` when it is not, or cannot be, given.

    `plan` is shown first; empty where it was shown already.
    """
    if is_agreed or eligible == 0:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refusal(
            "nobody can be asked: there is no terminal",
            hint="Pass --yes to cancel without being asked. Nothing was sent.",
        )
    with _interruptible():
        if plan:
            say(plan)
        say(f"\nType the number of appointments to cancel ({eligible}), or press Enter to leave: ")
        typed = sys.stdin.readline().strip().replace(",", "")
    if typed != str(eligible):
        raise Refusal(
            "not confirmed",
            hint=f"The plan is to cancel {eligible} appointments. Nothing was sent.",
        )


@contextmanager
def _interruptible() -> Iterator[None]:
    """While somebody types, the event loop stands still and must not be left the signals."""

    def leave(signum: int, _frame: object) -> None:
        raise Interrupted(signum)

    loop = signal.set_wakeup_fd(-1)
    before = {one: signal.signal(one, leave) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        signal.set_wakeup_fd(loop)
        for one, handler in before.items():
            signal.signal(one, handler)
