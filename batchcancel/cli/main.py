"""The click group of commands, and the exit code of every way one can end."""

import difflib
import io
import os
import resource
import sys
import threading
from contextlib import suppress
from typing import NoReturn

import click

from batchcancel import __version__
from batchcancel.cli.demo import demo
from batchcancel.cli.export import export
from batchcancel.cli.find import find
from batchcancel.cli.ledger import ledger
from batchcancel.cli.plan import plan
from batchcancel.cli.restore import restore
from batchcancel.cli.run import run
from batchcancel.cli.sandbox import sandbox
from batchcancel.cli.status import status
from batchcancel.cli.terminal import (
    complain,
    complain_of_defect,
    flush_or_silence,
    open_missing_streams,
    same_command,
    say,
)
from batchcancel.cli.verify import verify
from batchcancel.errors import BatchcancelError, ExitCode, Interrupted, defect_in

INTERRUPTED = 130


class _Commands(click.Group):
    """Lists commands in the order of their use, and suggests one for a mistyped name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], self.commands, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
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


for command in (find, plan, run, status, verify, restore, export, ledger, sandbox, demo):
    cli.add_command(command)


def _show_usage(error: click.ClickException) -> None:
    """Print what click would, through `say`: a misplaced URL may hold a password."""
    text = io.StringIO()
    error.show(text)
    say(text.getvalue().rstrip("\n"))


def leave_no_secrets() -> None:
    """As far as the system lets us: no core dump, and no keys of TLS connections in a file.

    The libraries of the stores read SSLKEYLOGFILE too, so it is taken out of the environment.
    """
    os.environ.pop("SSLKEYLOGFILE", None)
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def main() -> NoReturn:
    """Run the command line and exit; every end has its exit code."""
    leave_no_secrets()
    open_missing_streams()
    try:
        # Not standalone: click would exit by itself, with codes of its own.
        code = cli.main(prog_name="batchcancel", standalone_mode=False)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        _show_usage(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("stopped", hint="")
        code = INTERRUPTED
    except Interrupted as error:
        complain(f"{error.message}, nothing cancelled. To begin again: {same_command()}", hint="")
        code = error.exit_code
    except BatchcancelError as error:
        complain(error.message, hint=error.hint, cause=defect_in(error))
        code = error.exit_code
    except BrokenPipeError:
        code = ExitCode.UNEXPECTED
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback may show values
        complain_of_defect(error)
        code = ExitCode.UNEXPECTED
    flush_or_silence()
    sys.exit(int(code or 0))


def program() -> NoReturn:
    """Run the command line, and wait for no thread of a library that hangs in a look-up."""
    try:
        main()
    except SystemExit as ended:
        if threading.active_count() > 1:
            os._exit(int(ended.code or 0))
        raise
