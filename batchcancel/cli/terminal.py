"""What reaches a person's terminal: sentences on stderr, results on stdout, no foreign escapes."""

import os
import shlex
import sys
import traceback
from pathlib import Path

import click

from batchcancel.addresses import redacted_manifest, redacted_text, redacted_word

STDERR = 2


def printable(text: str) -> str:
    """The text with everything that could steer a terminal made visible, and no URL's password."""
    told = redacted_text(text)
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in told)


def say(text: str = "") -> None:
    """A line on stderr; nobody listening is no reason to stop."""
    try:
        click.echo(printable(text), err=True)
    except (OSError, ValueError):
        return


def result(text: str) -> None:
    """A result on stdout; when nobody listens any more, the exit code still tells."""
    try:
        click.echo(printable(text))
    except (OSError, ValueError):
        return


def open_missing_streams() -> None:
    """Put something where a closed stdin, stdout or stderr was.

    Else the next file that is opened, maybe the ledger, would take that place, and be written to
    by whoever means to print.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nothing)


def flush_or_silence() -> None:
    """Write what is left; where that fails, let the interpreter flush into nothing at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(message: str, *, hint: str, cause: BaseException | None = None) -> None:
    """What happened, and what to type next."""
    say(f"batchcancel: {message}")
    if cause is not None:
        say(_where(cause))
    if hint:
        say(f"  {hint}")


def complain_of_defect(error: BaseException) -> None:
    """An unexpected error, by its kind and place: its text might hold what must not show."""
    complain(
        f"unexpected {type(error).__name__}",
        hint="This is a defect of batchcancel. A ledger is sound: the same command resumes.",
        cause=error,
    )


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"    {frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-6:])


def same_command() -> str:
    """What was typed, for typing it again.

    The signature of an address has to be put in anew; a password is left to PGPASSWORD or
    ~/.pgpass.
    """
    return shlex.join(
        ["batchcancel", *(redacted_word(redacted_manifest(word)) for word in sys.argv[1:])]
    )
