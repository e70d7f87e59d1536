"""The click group of commands, and the exit code of every way one can end."""

import difflib
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from batchcancel import __version__
from batchcancel.cli.demo import demo
from batchcancel.cli.ending import tell_others
from batchcancel.cli.export import export
from batchcancel.cli.find import find
from batchcancel.cli.ledger import ledger
from batchcancel.cli.plan import plan
from batchcancel.cli.report import report
from batchcancel.cli.resolve import resolve
from batchcancel.cli.restore import restore
from batchcancel.cli.run import run
from batchcancel.cli.sandbox import sandbox
from batchcancel.cli.status import status
from batchcancel.cli.terminal import (
    begin,
    close,
    complain,
    flush_or_silence,
    open_missing_streams,
    same_command,
)
from batchcancel.cli.verify import verify
from batchcancel.errors import BatchcancelError, InputError, Interrupted, UnexpectedFailure

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SYNONYMS = dict.fromkeys(("resume", "cancel", "apply", "start"), "run") | {
    "dry-run": "plan", "preview": "plan", "undo": "restore", "check": "verify", "search": "find",
    "show": "status", "rehearse": "sandbox",
}  # fmt: skip


class _Commands(click.Group):
    """Lists commands in the order of their use, and suggests one for a mistyped name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            near = [_SYNONYMS[args[0]]] if _SYNONYMS.get(args[0]) in self.commands else near
            meant = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="batchcancel")
def cli() -> None:
    """Cancel a manifest of HuskyVoice appointments, resumably.

    \b
    Find a day's:      batchcancel find -o closure.csv --date 2026-06-15
    Look first:        batchcancel plan closure.csv
    Then cancel:       batchcancel run closure.csv
    See where it is:   batchcancel status closure.ledger.db
    Try it all safely: batchcancel demo

    Run the same command again to resume: what is settled is never sent again.
    """


SHOWN = (find, plan, run, status, verify, restore, resolve, export, report, ledger)
for one in (*SHOWN, sandbox, demo):
    cli.add_command(one)


def leave_no_secrets() -> None:
    """As far as the system lets us: no core dump, and no keys of TLS connections in a file.

    The libraries of the stores read SSLKEYLOGFILE too, so it is taken out of the environment.
    """
    os.environ.pop("SSLKEYLOGFILE", None)
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def main() -> NoReturn:
    """Run the command line and exit; every end has its exit code, and its last line."""
    leave_no_secrets()
    open_missing_streams()
    begin()
    code = _ended()
    with _heard_signals() as heard:  # another one must not cut the last line short
        close(code, partial(tell_others, is_hurried=lambda: bool(heard)))
        flush_or_silence()
    sys.exit(code)


@contextmanager
def _heard_signals() -> Iterator[list[int]]:
    """Those that end a call; under nohup a hang-up stays ignored."""
    heard: list[int] = []
    heeded = [one for one in _ENDS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, lambda signum, _: heard.append(signum)) for one in heeded}
    try:
        yield heard
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _require_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(
            f"the folder in which this was called cannot be used: {error.strerror}",
            hint="Go to one that is there, then type the same command again.",
        ) from error


def _ended() -> int:
    """Run the command, tell what went wrong, and give the exit code."""
    try:
        _require_folder()
        # Not standalone: click would exit by itself, with codes of its own.
        return int(cli.main(prog_name="batchcancel", standalone_mode=False) or 0)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        call = context.command_path if context else "batchcancel"
        hint = f"{call} --help lists what can be typed."
        told = " ".join(error.format_message().split())  # click lists choices on lines of their own
        failure: BatchcancelError = InputError(told, hint=hint)
    except (click.Abort, KeyboardInterrupt):
        failure = Interrupted(signal.SIGINT)
    except BatchcancelError as error:
        failure = error
        if isinstance(error, Interrupted):
            error.message += f", nothing cancelled. To begin again: {same_command()}"
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback may show values
        failure = UnexpectedFailure(error)
    complain(failure)
    return int(failure.exit_code)


def program() -> NoReturn:
    """Run the command line, and wait for no thread of a library that hangs in a look-up."""
    try:
        main()
    except SystemExit as ended:
        for one in _ENDS:  # what is told stands: no signal may change the exit code any more
            signal.signal(one, signal.SIG_IGN)
        if threading.active_count() > 1:
            os._exit(int(ended.code or 0))
        raise
