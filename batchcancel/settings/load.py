"""Configuration loading: flags > environment > job file > defaults; all mistakes at once."""

import difflib
import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from batchcancel.addresses import STDIN, Source, redacted_ledger, source_of
from batchcancel.api import Rate
from batchcancel.errors import InputError
from batchcancel.settings import quantities
from batchcancel.settings.approval import Approval
from batchcancel.settings.options import KEY_VARIABLE, OPTIONS, Option
from batchcancel.settings.quantities import Cap

_BY_FIELD = {option.field: option for option in OPTIONS}
_NAME_ONE = "Name a path, - for stdin, or an address with s3://, gs://, az:// or https://."
_NOT_KEPT = {"api_key_file", "ledger", "notes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What a command that talks to the API is told; the names are those of the options.

    Times are in seconds, and `api_key` never shows. `branches` are ids, by the clinic's own names.
    """

    rate: Rate
    concurrency: int
    timezone: ZoneInfo | None
    sessions: Mapping[str, time]
    branches: Mapping[str, str]
    status: tuple[str, ...]
    limit: int | None
    halt_after: int
    max_attempts: int
    timeout: float
    max_retry_after: float
    max_duration: float | None
    max_requests: int | None
    state_dir: Path | None
    base_url: str
    api_key: "Secret"
    yes: bool
    json: bool
    log_format: str
    progress: bool | None

    @property
    def origin(self) -> str:
        return quantities.origin(self.base_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ApiSettings):
    """Everything a plan or a run is told; `ledger` shows only as `redacted_ledger`."""

    manifest: Source
    ledger: str = field(repr=False)
    batch: str
    notice_hours: float | None
    notes: str | None
    ignore_column: tuple[str, ...]
    column: tuple[str, ...]
    date_format: str | None
    max_cancel: Cap | None
    approved: Approval | None
    allow_rejected_rows: bool
    accept_changed_manifest: bool
    retry_refused: bool

    def recorded(self) -> dict[str, str]:
        """The options as the ledger may keep them: no key, no password, no notes."""
        values = {name: getattr(self, name) for name in _BY_FIELD.keys() - _NOT_KEPT}
        values |= {"manifest": self.manifest, "ledger": self.redacted_ledger}
        return {name: _as_text(values[name]) for name in sorted(values) if values[name] is not None}

    @property
    def redacted_ledger(self) -> str:
        """The ledger's address without a password."""
        return redacted_ledger(self.ledger)


def _as_text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


class Secret:
    """A text that `repr`, and so logs and tracebacks, do not show."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    @property
    def fingerprint(self) -> str:
        """Tells keys apart in the ledger without telling the key.

        The prefix keeps it from equalling a hash of the key that another program made.
        """
        return hashlib.sha256(b"batchcancel:" + self._text.encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return "Secret(***)"


def load_settings(
    manifest: str,
    *,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    job_file: Path | None = None,
) -> Settings:
    """Parse every option from the source that wins; raises `InputError` that names all mistakes.

    `flags` has field names (`notice_hours`) and the text that was typed.
    """
    with _all_mistakes("run") as mistakes:
        values = _values(OPTIONS, flags, environ, job_file, mistakes)
        source = _source(manifest, values, mistakes)
    return Settings(manifest=source, **values)


def load_api_settings(
    command: str,
    *,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    job_file: Path | None = None,
) -> ApiSettings:
    """As `load_settings`, for a command that is neither a plan nor a run."""
    options = [option for option in OPTIONS if option.is_of_api]
    with _all_mistakes(command) as mistakes:
        values = _values(options, flags, environ, job_file, mistakes)
    return ApiSettings(**values)


@contextmanager
def _all_mistakes(command: str) -> Iterator[list[str]]:
    """Collected, not raised one by one: whoever mends a job file wants to see all of them."""
    mistakes: list[str] = []
    yield mistakes
    if mistakes:
        raise InputError(
            "\n".join(mistakes),
            hint=f"batchcancel {command} --help lists the options. Nothing was sent.",
        )


def _values(
    options: Iterable[Option],
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    job_file: Path | None,
    mistakes: list[str],
) -> dict[str, Any]:
    texts, sessions, branches = _job_file(job_file, mistakes)
    _refuse_unknown_variables(environ, mistakes)
    values: dict[str, Any] = {"sessions": sessions, "branches": branches}
    for option in options:
        text, said_by = _who_says(option, flags, environ, texts)
        values[option.field] = _parsed(option, text, said_by, mistakes)
    values["api_key"] = Secret(_api_key(values.pop("api_key_file"), environ, mistakes))
    return values


def _who_says(
    option: Option,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    texts: Mapping[str, str],
) -> tuple[str | None, str]:
    if option.field in flags:
        return flags[option.field], f"--{option.name}"
    if option.variable in environ:
        return environ[option.variable], option.variable
    if option.field in texts:
        return texts[option.field], f"{option.name} in the job file"
    return option.default, "default"


def _parsed(option: Option, text: str | None, said_by: str, mistakes: list[str]) -> Any:
    if text is None:
        return () if option.is_repeatable else None
    try:
        return option.parse(text)
    except ValueError as error:
        mistakes.append(f"{said_by}: {error}")
        return None


def _job_file(
    path: Path | None, mistakes: list[str]
) -> tuple[dict[str, str], dict[str, time], dict[str, str]]:
    if path is None:
        return {}, {}, {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the job file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the job file {path} is not TOML: {error}") from None
    sessions = _sessions(content.pop("sessions", {}), mistakes)
    branches = _branches(content.pop("branches", {}), mistakes)
    texts = {}
    for key, value in content.items():
        field = key.replace("-", "_")
        if field not in _BY_FIELD:
            mistakes.append(f"job file: {key} is no option{did_you_mean(field)}")
        elif isinstance(value, bool | int | float | str):
            # As text, so that TOML, variables and flags go through the same parser.
            texts[field] = str(value).lower() if isinstance(value, bool) else str(value)
        elif _BY_FIELD[field].is_repeatable and _is_texts(value):
            texts[field] = quantities.as_words(value)
        else:
            mistakes.append(f"job file: {key} takes a text, a number, true or false")
    return texts, sessions, branches


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
        try:
            # TOML knows times of its own: an unquoted 09:00:00 is one.
            text = start.isoformat("minutes") if isinstance(start, time) else str(start)
            sessions[name] = quantities.clock_time(text)
        except ValueError as error:
            mistakes.append(f"job file: sessions.{name}: {error}")
    return sessions


def _refuse_unknown_variables(environ: Mapping[str, str], mistakes: list[str]) -> None:
    known = {option.variable for option in OPTIONS} | {"BATCHCANCEL_JOB_FILE"}
    unknown = sorted(one for one in environ if one.startswith("BATCHCANCEL_") and one not in known)
    mistakes.extend(
        f"{name} is no option{did_you_mean(name.removeprefix('BATCHCANCEL_').lower())}"
        for name in unknown
    )


def did_you_mean(field: str) -> str:
    """A suggestion for a misspelt option; empty when none is close."""
    close = difflib.get_close_matches(field, _BY_FIELD, n=1)
    return f"; did you mean {_BY_FIELD[close[0]].name}?" if close else ""


def _api_key(path: Path | None, environ: Mapping[str, str], mistakes: list[str]) -> str:
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            mistakes.append(f"--api-key-file: {path} cannot be read")
            return ""
    elif KEY_VARIABLE in environ:
        text = environ[KEY_VARIABLE]
    else:
        mistakes.append(f"no API key: set {KEY_VARIABLE}, or pass --api-key-file")
        return ""
    try:
        return quantities.api_key(text)
    except ValueError as error:
        # The text itself is a secret, so the sentence must not repeat it.
        mistakes.append(f"{KEY_VARIABLE if path is None else '--api-key-file'}: {error}")
        return ""


def manifest_source(manifest: str) -> Source:
    """Where the manifest that was typed lies; raises `InputError` when that cannot be told."""
    try:
        source = source_of(manifest)
    except ValueError as error:
        # An address may hold a signature or a password, so the sentence must not repeat it.
        raise InputError(f"MANIFEST: {error}", hint=_NAME_ONE) from None
    if not source.stem:
        raise InputError(f"MANIFEST: {str(source)!r} names no file", hint=_NAME_ONE)
    return source


def _source(manifest: str, values: dict[str, Any], mistakes: list[str]) -> Source:
    try:
        source = manifest_source(manifest)
    except InputError as error:
        mistakes.append(error.message)
        return Source(scheme="", place=STDIN)
    _name_by_manifest(source, values, mistakes)
    return source


def _name_by_manifest(source: Source, values: dict[str, Any], mistakes: list[str]) -> None:
    if source.is_stdin:
        unnamed = [name for name in ("ledger", "batch") if values[name] is None]
        mistakes += [f"--{one} must be named for a manifest from stdin" for one in unnamed]
        return
    name = re.sub(r"[^A-Za-z0-9_.:+@=\-]", "_", source.stem)[:200]
    if values["batch"] is None:
        values["batch"] = name
    if values["ledger"] is not None:
        return
    if source.is_remote:
        example = f"--ledger {name}.ledger.db"
        mistakes.append(f"--ledger must be named for a manifest from afar, like {example}")
        return
    path = Path(source.place)
    values["ledger"] = os.fspath(path.with_name(f"{path.stem}.ledger.db"))
