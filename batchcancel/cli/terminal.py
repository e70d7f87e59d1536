"""Terminal output: results on stdout, messages on stderr, control characters escaped."""

import os
import shlex
import sys
import traceback
from pathlib import Path

import click

from batchcancel.addresses import redacted_manifest, redacted_text, redacted_word

STDERR = 2


def printable(text: str) -> str:
    """The text with control characters escaped, and passwords of URLs left out."""
    told = redacted_text(text)
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in told)


def say(text: str = "") -> None:
    """A line on stderr; a stream that is closed or full does not stop the command."""
    try:
        click.echo(printable(text), err=True)
    except (OSError, ValueError):
        return


def result(text: str) -> None:
    """A result on stdout; where that is closed, the exit code still tells."""
    try:
        click.echo(printable(text))
    except (OSError, ValueError):
        return


def open_missing_streams() -> None:
    """Open /dev/null in the place of a closed stdin, stdout or stderr.

    Else the next file that is opened, maybe the ledger, would get its descriptor, and a print
    would write into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nothing)


def flush_or_silence() -> None:
    """Flush stdout and stderr; where that fails, point them at /dev/null.

    The interpreter flushes once more at its end, and would turn a failure into exit code 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(message: str, *, hint: str, cause: BaseException | None = None) -> None:
    """Print what happened, and what to type next."""
    say(f"batchcancel: {message}")
    if cause is not None:
        say(_where(cause))
    if hint:
        say(f"  {hint}")


def complain_of_defect(error: BaseException) -> None:
    """Print an unexpected error by its type and place: its text might hold a secret."""
    complain(
        f"unexpected {type(error).__name__}",
        hint="This is a defect of batchcancel. A ledger is sound: the same command resumes.",
        cause=error,
    )


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"    {frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-6:])


def same_command() -> str:
    """The command that was typed, for typing it again, redacted.

    The signature of an address has to be put in again; a password belongs in PGPASSWORD or
    ~/.pgpass.
    """
    return shlex.join(
        ["batchcancel", *(redacted_word(redacted_manifest(word)) for word in sys.argv[1:])]
    )
