"""Job files: options in TOML, with paths that are relative to the file."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path
from typing import Any

from batchcancel.addresses import is_postgres
from batchcancel.errors import InputError
from batchcancel.settings import quantities
from batchcancel.settings.options import BY_FIELD, did_you_mean


@contextmanager
def noted(who: str, mistakes: list[str]) -> Iterator[None]:
    """What cannot be parsed is no exception but one more mistake, of whoever said it."""
    try:
        yield
    except ValueError as error:
        mistakes.append(f"{who}: {error}")


def read_job_file(
    path: Path | None, mistakes: list[str]
) -> tuple[dict[str, str], dict[str, time], dict[str, str]]:
    """The options of a job as text, its sessions, and the names of its branches."""
    if path is None:
        return {}, {}, {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"the job file {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # the second is raised by thousands of brackets
        why = "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else error
        raise InputError(f"the job file {path} is not TOML: {why}") from None
    sessions = _sessions(content.pop("sessions", {}), mistakes)
    branches = _branches(content.pop("branches", {}), mistakes)
    if isinstance(told := content.get("column"), dict):  # as a table: our names, and the headers
        content["column"] = [f"{our}={header}" for our, header in told.items()]
    texts = {}
    for key, value in content.items():
        field = key.replace("-", "_")
        if field not in BY_FIELD:
            mistakes.append(f"job file: {key} is no option{did_you_mean(field)}")
        elif isinstance(value, bool | int | float | str):
            # As text, so that TOML, variables and flags go through the same parser.
            text = str(value).lower() if isinstance(value, bool) else str(value)
            texts[field] = _beside(path, text) if BY_FIELD[field].is_path else text
        elif BY_FIELD[field].is_repeatable and _is_texts(value):
            texts[field] = quantities.as_words(value)
        else:
            mistakes.append(f"job file: {key} takes a text, a number, true or false")
    return texts, sessions, branches


def branch_names(path: Path | None) -> dict[str, str]:
    """What a job calls the branches, by their ids; the rest of it does not count."""
    mistakes: list[str] = []
    _, _, branches = read_job_file(path, mistakes)
    if mistakes:
        raise InputError("\n".join(mistakes), hint="Nothing was written.")
    return {one: name for name, one in branches.items()}


def _beside(job_file: Path, text: str) -> str:
    """A path in a job file is relative to it, wherever the program is started."""
    return (
        text
        if not text or is_postgres(text)
        else os.fspath(job_file.parent / Path(text).expanduser())
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _branches(table: Any, mistakes: list[str]) -> dict[str, str]:
    if isinstance(table, dict) and all(isinstance(one, str) and one for one in table.values()):
        return table
    mistakes.append('job file: write [branches], then lines like City = "the id of the branch"')
    return {}


def _sessions(table: Any, mistakes: list[str]) -> dict[str, time]:
    if not isinstance(table, dict):
        mistakes.append('job file: write [sessions], then lines like Morning = "09:00"')
        return {}
    sessions = {}
    for name, start in table.items():
        # TOML knows times of its own: an unquoted 09:00:00 is one.
        text = start.isoformat("minutes") if isinstance(start, time) else str(start)
        with noted(f"job file: sessions.{name}", mistakes):
            sessions[name] = quantities.clock_time(text)
    return sessions
