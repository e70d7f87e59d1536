"""What run and restore have in common: ask, send, and tell how it ended and what to type next."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import click

from batchcancel.cli.door import confirm, enter, require_somebody
from batchcancel.cli.terminal import complain, same_command, say, show
from batchcancel.cli.watching import Watching
from batchcancel.report.summary import summary_text, what_next
from batchcancel.report.tables import whose
from batchcancel.settings.load import ApiSettings
from batchcancel.stop import Stop

if TYPE_CHECKING:
    from batchcancel.commands.run import Finished


def send(
    settings: ApiSettings, command: "Callable[..., Awaitable[Finished]]", verb: str,
    *, is_agreed: bool,
) -> NoReturn:  # fmt: skip
    """Run a command that writes, after a question."""
    watching = Watching(settings, verb)

    async def to_the_end(stop: Stop) -> int:
        async def ask(_planned: object) -> None:
            if (plan := watching.plan) is not None:
                await confirm(
                    plan.facts["eligible"], stop=stop, where=whose(settings.origin), verb=verb,
                    is_agreed=is_agreed, plan="" if watching.has_bar else plan.text,
                )  # fmt: skip

        with closing(watching):
            finished = await command(
                settings, stop=stop, observe=watching, confirm=ask,
                before=partial(require_somebody, verb, is_agreed=is_agreed),
            )  # fmt: skip
        if watching.has_bar:
            say()
        _show_end(finished)
        return int(finished.summary.exit_code)

    raise click.exceptions.Exit(enter(to_the_end, watching.tick))


def _show_end(finished: "Finished") -> None:
    summary, reason = finished.summary, finished.reason
    show(summary_text(summary), summary.as_json())
    if reason is not None:
        complain(reason)
    was_stopped = reason is not None
    left = what_next(summary, same_command(), was_stopped=was_stopped)
    say("\n" + left, "next")
