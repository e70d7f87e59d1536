"""Option table of what talks to the API: name, parser, default, help, and how to type it again."""

import difflib
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchcancel.api import MOST_NOTES
from batchcancel.settings import quantities
from batchcancel.settings.approval import approval

KEY_VARIABLE = "HUSKYVOICE_API_KEY"
ENDED = ("BATCHCANCEL_ENDED_LEDGER", "BATCHCANCEL_ENDED_BATCH")
"""What the command of --on-end is told, so that it may name no ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, as a flag `--name`, a variable `BATCHCANCEL_NAME` and a job file's key.

    `parse` turns text into the value, or raises ValueError with a sentence. `metavar` is empty
    for a switch. What `is_repeatable` takes several values: as a flag that is given several times,
    else with commas between them, or as a list in a job file. `plan` and `run` take all of them,
    other commands that talk to the API those that are `is_of_api`. In a job file, what `is_path` is
    relative to that file.
    """

    name: str
    parse: Callable[[str], Any]
    help: str
    metavar: str = ""
    default: str | None = None
    is_repeatable: bool = False
    is_of_api: bool = False
    short: str = ""
    is_path: bool = False

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        return f"BATCHCANCEL_{self.field.upper()}"


def _choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"write {' or '.join(words)}")
        return text

    return parse


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:+@=\-]{1,200}", text, re.ASCII):
        raise ValueError("a batch's name has letters, digits and _.:+@=- only, at most 200")
    return text


def _notes(text: str) -> str:
    if not text or len(text) > MOST_NOTES:
        raise ValueError(f"notes are 1 to {MOST_NOTES:,} characters")
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of another encoding come in as lone surrogates
        raise ValueError("notes are Unicode text; these were typed in another encoding") from None
    return text


def _filled(text: str) -> str:
    if not text.strip():  # a variable that is set to nothing: it means no folder, and not this one
        raise ValueError("it is given, and empty: leave it out")
    return text


def _path(text: str) -> Path:
    return Path(_filled(text))


_number = quantities.whole_number
_seconds = quantities.seconds


def _workers(text: str) -> int:
    if (workers := quantities.whole_number(text)) > 256:  # noqa: PLR2004 - each is a connection
        raise ValueError("write at most 256 workers")
    return workers


# One table, so that the flag, the variable and the job file's key of an option cannot differ.
OPTIONS = (
    Option(name="ledger", is_path=True, parse=_filled, metavar="PATH|URL",
           help="What became of each row  [default: <manifest's stem>.ledger.db beside it]"),
    Option(name="batch", parse=_name, metavar="NAME",
           help="A name for this work, to resume it by  [default: the manifest's stem]"),
    Option(name="rate", is_of_api=True, parse=quantities.rate, metavar="N/TIME", default="60/60s",
           help="Requests in any such stretch of time, like 60/60s or 60/m; none lifts the limit"),
    Option(name="concurrency", is_of_api=True, parse=_workers, metavar="N", default="8",
           help="Workers, each with one request under way"),
    Option(name="notice-hours", parse=quantities.hours, metavar="H",
           help="The notice window; 0 lifts it  [default: what the API says]"),
    Option(name="timezone", is_of_api=True, parse=quantities.timezone, metavar="TZ",
           help="For times without an offset, like Asia/Kolkata  [default: what the API says]"),
    Option(name="notes", parse=_notes, metavar="TEXT",
           help="Sent with every cancellation; a notes column in the manifest wins"),
    Option(name="status", is_of_api=True, parse=quantities.statuses, metavar="NAMES",
           default="confirmed,rescheduled", is_repeatable=True,
           help="Cancel appointments of these statuses, to the letter, and leave others alone"),
    Option(name="ignore-column", parse=quantities.columns, metavar="NAME", is_repeatable=True,
           help="Read the manifest as if it had no such column, like one named date that is "
                "not the appointment's day"),
    Option(name="column", parse=quantities.named_columns, metavar="NAME=HEADER",
           is_repeatable=True,
           help="Read the column of that header as the one named, like "
                "'appointment_id=Booking ref'"),
    Option(name="date-format", parse=quantities.date_format, metavar="FORMAT",
           help="How the manifest writes days that are not like 2026-12-31, like DD/MM/YYYY"),
    Option(name="limit", is_of_api=True, parse=_number, metavar="N",
           help="A canary: only the first N eligible rows of the batch"),
    Option(name="max-cancel", parse=quantities.cap, metavar="N|N%",
           help="Refuse, before the first write, to cancel more than this"),
    Option(name="approved", parse=approval, metavar="TOKEN",
           help="Do exactly what a plan showed, or less, and do not ask; plan prints the token"),
    Option(name="halt-after", is_of_api=True, parse=_number, metavar="N", default="20",
           help="Stop after so many failed appointments in a row"),
    Option(name="max-attempts", is_of_api=True, parse=_number, metavar="N", default="5",
           help="Attempts on one appointment in one run"),
    Option(name="timeout", is_of_api=True, parse=_seconds, metavar="S", default="10",
           help="Seconds for one request, from the connection to the last byte"),
    Option(name="max-retry-after", is_of_api=True, parse=_seconds, metavar="S", default="300",
           help="Stop, resumably, when the API asks for more patience than this, or answers "
                "nothing but 429s for longer"),
    Option(name="max-duration", is_of_api=True, parse=_seconds, metavar="TIME",
           help="Stop, resumably, after such a time, like 2h"),
    Option(name="max-requests", is_of_api=True, parse=_number, metavar="N",
           help="Stop, resumably, after so many requests, those of the plan among them"),
    Option(name="allow-rejected-rows", parse=quantities.switch, default="false",
           help="Go on without the rows that cannot be read"),
    Option(name="accept-changed-manifest", parse=quantities.switch, default="false",
           help="Let new rows join a batch that has begun"),
    Option(name="require-closed", parse=quantities.switch, default="false",
           help="Refuse where a calendar window is still open that rows of the batch lie in"),
    Option(name="retry-refused", parse=quantities.switch, default="false",
           help="Send refused and not-found rows once more"),
    Option(name="state-dir", is_of_api=True, is_path=True, parse=_path, metavar="PATH",
           help="Where programs with one key share its rate limit  [default: the user's state]"),
    Option(name="base-url", is_of_api=True, parse=quantities.base_url, metavar="URL",
           default="https://api.huskyvoice.ai/v1", help="The API's address"),
    Option(name="proxy", is_of_api=True, parse=quantities.proxy, metavar="URL",
           help="Ask the API through this proxy, like http://proxy.example:3128; those of the "
                "environment are not used"),
    Option(name="api-key-file", is_of_api=True, is_path=True, parse=_path, metavar="PATH",
           help=f"A file with the API key, instead of {KEY_VARIABLE}"),
    Option(name="dry-run", is_of_api=True, short="n", parse=quantities.switch, default="false",
           help="Only show what would be done, as plan does"),
    Option(name="yes", is_of_api=True, short="y", parse=quantities.switch, default="false",
           help="Do not ask; needed when there is no terminal"),
    Option(name="json", is_of_api=True, parse=quantities.switch, default="false",
           help="One line of JSON on stdout, the last"),
    Option(name="log-format", is_of_api=True, parse=_choice("console", "json"),
           metavar="console|json", default="console", help="How the log on stderr is written"),
    Option(name="quiet", is_of_api=True, short="q", parse=quantities.switch, default="false",
           help="Only warnings and errors on stderr"),
    Option(name="verbose", is_of_api=True, short="v", parse=quantities.switch, default="false",
           help="Each request and each row on stderr"),
    Option(name="metrics-file", is_of_api=True, is_path=True, parse=_path, metavar="PATH",
           help="At the end, its numbers for the node exporter's textfile collector"),
    Option(name="on-end", is_of_api=True, parse=_filled, metavar="CMD",
           help="At the end, a command for the shell; it gets the JSON line on its stdin, and "
                "BATCHCANCEL_EXIT_CODE"),
    Option(name="progress", is_of_api=True, parse=quantities.switch,
           help="The progress bar  [default: on a terminal]"),
)  # fmt: skip

BY_FIELD = {option.field: option for option in OPTIONS}

_REACH = ("job_file", "rate", "timezone", "state_dir", "base_url")


def again(told: Mapping[str, str], fields: Collection[str]) -> list[str]:
    """What to type of these options, for a shell that has no variables of ours.

    They are `told` as a ledger keeps them. A job file that is still there is named, and of what it
    says only what was typed over it is repeated.
    """
    job_file, typed = told.get("job_file"), told.get("typed", "").split(",")
    has_job = job_file is not None and Path(job_file).is_file()
    words = ["--job-file", from_here(job_file or "")] * (has_job and "job_file" in fields)
    for option in OPTIONS:
        value = told.get(option.field)
        if option.field not in fields or value in (None, ""):
            continue
        usual = None if option.default is None else str(option.parse(option.default))
        if option.field not in typed if has_job else value in (option.default, usual):
            continue
        off = "no-" * (not option.metavar and value == "False")
        shown = from_here(str(value)) if option.is_path else str(value)
        words += [f"--{off}{option.name}"] + ([shown] if option.metavar else [])
    return words


def reach(told: Mapping[str, str]) -> str:
    """What tells another command to ask the same API, to be put behind it: begins with a blank."""
    return "".join(f" {shlex.quote(one)}" for one in again(told, _REACH))


def from_here(path: str) -> str:
    """A path as short as it can be typed in this folder."""
    with suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return path


def did_you_mean(field: str) -> str:
    """A suggestion for a misspelt option; empty when none is close."""
    close = difflib.get_close_matches(field, BY_FIELD, n=1)
    return f"; did you mean {BY_FIELD[close[0]].name}?" if close else ""
