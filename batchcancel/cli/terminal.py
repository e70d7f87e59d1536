"""The two streams of a call: results on stdout, all else on stderr, and its last line."""

import functools
import json
import logging
import os
import re
import shlex
import sys
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

from batchcancel.addresses import redacted_manifest, redacted_text, redacted_word
from batchcancel.errors import BatchcancelError, InputError, defect_in

LEVELS = ("debug", "info", "warning", "error")
_ERASE, _CLEAR = "\r\x1b[K", "\x1b[H\x1b[2J"
_COMMANDS = "plan|run|find|verify|restore|resolve|status|export|report|ledger|sandbox|demo"
_AS_NAMED = re.compile(rf"(?<![\w/.-])(?<!-m )batchcancel (?=({_COMMANDS})\b)")
_COMMAND = re.compile(rf"\bbatchcancel ({_COMMANDS})\b")
_GAP = re.compile(r"^(!! | +)|(?<=\S) {2,}(?=\S)")
_ON = ("true", "1", "yes", "on")


class Call:
    """How one call of the program writes, and what its last line for machines is going to say."""

    def __init__(self, words: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> None:
        """What is typed counts before any option is understood: a usage error is told by it too."""
        environ = environ or {}
        self.is_json = environ.get("BATCHCANCEL_JSON", "").lower() in _ON
        self.logs_json = environ.get("BATCHCANCEL_LOG_FORMAT") == "json"
        for word, following in pairwise([*words, ""]):
            if word == "--":
                break
            if word in ("--json", "--no-json"):
                self.is_json = word == "--json"
            elif word == "--log-format" or word.startswith("--log-format="):
                self.logs_json = (word.partition("=")[2] or following) == "json"
        self.least = "info"
        self.facts: dict[str, Any] = {}
        self.error, self.hint = "", ""
        self.secrets: frozenset[str] = frozenset()
        self.is_drawn = False
        self.elsewhere: Sequence[str] = ()
        self.metrics_file: Path | None = None
        self.on_end: str | None = None
        self.ended: dict[str, str] = {}

    def wants(self, level: str) -> bool:
        return LEVELS.index(level) >= LEVELS.index(self.least)

    def keep_secret(self, text: str) -> None:
        """Let the text show in no line, in whatever spelling."""
        self.secrets = frozenset({text, json.dumps(text)[1:-1], repr(text)[1:-1]})


_call = Call()


def this_call() -> Call:
    """The call that is going on."""
    return _call


def begin() -> None:
    """Begin a call, by what was typed."""
    _call.__init__(sys.argv[1:], os.environ)  # type: ignore[misc]  # as new, for everybody


def printable(text: str) -> str:
    """The text with control characters escaped, and without passwords of URLs and secrets."""
    told = _without_secrets(text)
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in told)


def _plain(value: Any) -> Any:
    """What JSON has, each text of it without secrets: in the line they could not be told apart."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    is_other = value is None or isinstance(value, int | float)
    return value if is_other else _without_secrets(_as_called(str(value)))


def _without_secrets(text: str) -> str:
    text = redacted_text(text)
    for secret in _call.secrets:
        text = text.replace(secret, "***")
    return text


def _as_called(text: str) -> str:
    """With commands to type as the program was called: perhaps it is not on the path."""
    return _AS_NAMED.sub(lambda _found: f"{shlex.join(program())} ", text)


def columns() -> int:
    """As wide as the terminal is; 80 where it does not say."""
    with suppress(ValueError, OSError):
        if (typed := int(os.environ.get("COLUMNS") or 0)) > 0:
            return typed
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


def _fitted(text: str, stream: TextIO) -> str:
    """On a terminal long lines are broken between words; a command stays whole, to be copied."""
    if not stream.isatty():
        return text
    width = columns()
    return "\n".join(one for line in text.split("\n") for one in _broken(line, width))


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width or _COMMAND.search(line):
        return [line]
    # What goes on stands below what it belongs to, such as a table's last column.
    starts = [one.end() for one in _GAP.finditer(line) if one.end() <= width // 2]
    return textwrap.wrap(
        line, width, subsequent_indent=" " * max(starts, default=0), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def say(text: str = "", event: str = "told", *, level: str = "info", **facts: Any) -> None:
    """A message on stderr: its text for people; in a JSON log the event, its facts and the text."""
    if _call.logs_json:
        log(event, level=level, **facts, text=text.strip())
    elif _call.wants(level):
        _to_stderr(_fitted(printable(_as_called(text)), sys.stderr))


def log(event: str, *, level: str = "info", **facts: Any) -> None:
    """A line of the log on stderr, in the format asked for."""
    if _call.wants(level):
        getattr(_logger(is_json=_call.logs_json), level)(event, **facts)


@functools.cache
def _logger(*, is_json: bool) -> Any:
    import structlog  # late: it takes longer to load than --help may take

    has_colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    lines: list[Any] = [structlog.processors.JSONRenderer()]
    if not is_json:
        lines = [_on_a_terminal, structlog.dev.ConsoleRenderer(colors=has_colours, sort_keys=False)]
    return structlog.wrap_logger(
        _Lines(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda _logger, _method, told: _plain(told),
            *lines,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )


def _on_a_terminal(_logger: Any, _method: str, told: dict[str, Any]) -> dict[str, Any]:
    return {name: _in_words(one) for name, one in told.items()}


def _in_words(value: Any) -> Any:
    """A log that people read shows names, not how Python writes them."""
    if isinstance(value, dict):
        value = [our if our == name else f"{our} from {name}" for our, name in value.items()]
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return printable(value) if isinstance(value, str) else value


class _Lines:
    """Where structlog's lines go."""

    def msg(self, line: str) -> None:
        _to_stderr(line)

    debug = info = warning = error = msg


def draw(text: str, *, stays: bool = False) -> None:
    """Show a line at the bottom of the terminal, in the place of the one before; empty: none."""
    if text or _call.is_drawn:
        _to_stderr(f"{_ERASE}{printable(text)}", end="\n" if stays else "")
        _call.is_drawn = bool(text) and not stays


def _to_stderr(line: str, *, end: str = "\n") -> None:
    above = _ERASE if _call.is_drawn and end else ""
    _call.is_drawn = _call.is_drawn and not above
    _write(sys.stderr, f"{above}{line}{end}")


def _write(stream: TextIO, text: str) -> None:
    """A stream that is closed or full does not stop the command: the exit code still tells."""
    encoding = stream.encoding or "utf-8"
    with suppress(OSError, ValueError):
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()


def result(text: str) -> None:
    """A result on stdout, for people."""
    _to_stdout(_fitted(printable(_as_called(text)), sys.stdout) + "\n")


def line(facts: Mapping[str, Any]) -> None:
    """A result on stdout, for machines: one line of JSON, however wide the terminal is."""
    _to_stdout(json.dumps(_plain(facts)) + "\n")


def clear() -> None:
    """Begin a screen anew, where stdout is one."""
    if sys.stdout.isatty():
        _to_stdout(_CLEAR)


def _to_stdout(text: str) -> None:
    draw("")
    _write(sys.stdout, text)


def write_out(text: str) -> None:
    """What was asked for on stdout itself; some of it lost is no success, but for its reader."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # as in a file, whatever a terminal shows
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # it wants no more
    except OSError as error:
        raise InputError(
            f"stdout cannot be written: {error.strerror}", hint="What it got so far is not all."
        ) from error


def show(text: str, facts: Mapping[str, Any]) -> None:
    """What a command found: its text now; with --json its facts in the last line, and no text."""
    _call.facts |= facts
    if not _call.is_json:
        result(text)


def complain(error: BatchcancelError) -> None:
    """Tell what went wrong and what to type next: people now, machines at the end."""
    _call.error, _call.hint = error.message, error.hint
    if _call.logs_json:
        return
    cause = defect_in(error)
    # Where a defect was raised, and no more: its text might hold a secret.
    frames = traceback.extract_tb(cause.__traceback__)[-6:] if cause else []
    places = [f"    {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    hint = [f"  {error.hint}"] if error.hint else []
    say("\n".join([f"batchcancel: {error.message}", *places, *hint]), level="error")


def close(
    code: int, tell_others: Callable[[Call, dict[str, Any]], None] = lambda _call, _facts: None
) -> None:
    """The end of every call: the last line with --json, and the last event of a JSON log."""
    draw("")
    wrong = {"error": _call.error, "hint": _call.hint} if _call.error else {}
    facts = _plain(_call.facts | {"exit_code": code} | wrong)
    if _call.is_json:
        line(facts)
    tell_others(_call, facts)
    if _call.logs_json:
        level = "error" if wrong else "info"
        log("stopped" if wrong else "finished", level=level, exit_code=code, **wrong)


def open_missing_streams() -> None:
    """Open /dev/null in the place of a closed stdin, stdout or stderr.

    Else the next file that is opened, maybe the ledger, would get its descriptor, and a print
    would write into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - stderr
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


def program() -> list[str]:
    """The program as it was called: by its name, by a path, or as a module."""
    called = sys.argv[0]
    if Path(called).name == "__main__.py":
        return [sys.orig_argv[0], "-m", "batchcancel"]
    import shutil  # late, as it loads every compression there is

    found = shutil.which("batchcancel")
    # A shell that finds a script on its path calls it by its whole path.
    return ["batchcancel"] if found and Path(found) == Path(called) else [called]


def same_command(words: Sequence[str] | None = None, *more: str) -> str:
    """The command that was typed, for typing it again, redacted; or the same with other words.

    What variables tell is typed too: in another shell they are not there. It stands before a `--`,
    behind which nothing is an option.

    The signature of an address has to be put in again; a password belongs in PGPASSWORD or
    ~/.pgpass.
    """
    typed = [*(sys.argv[1:] if words is None else words)]
    ends = typed.index("--") if "--" in typed else len(typed)
    typed[ends:ends] = [*_call.elsewhere, *more]
    return shlex.join([*program(), *(redacted_word(redacted_manifest(one)) for one in typed)])
