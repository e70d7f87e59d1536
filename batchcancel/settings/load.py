"""Configuration loading: flags > environment > job file > defaults; all mistakes at once."""

import hashlib
import os
import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from batchcancel.addresses import STDIN, Source, redacted_ledger, redacted_text, source_of
from batchcancel.api import Rate
from batchcancel.errors import InputError
from batchcancel.settings import quantities
from batchcancel.settings.approval import Approval
from batchcancel.settings.job_file import noted, read_job_file
from batchcancel.settings.options import BY_FIELD, ENDED, KEY_VARIABLE, OPTIONS, Option
from batchcancel.settings.options import did_you_mean as did_you_mean  # noqa: PLC0414 -- for doors
from batchcancel.settings.quantities import Cap

_NAME_ONE = "Name a path, - for stdin, or an address with s3://, gs://, az:// or https://."
_NOT_KEPT = {"api_key_file", "ledger", "notes", "proxy", "on_end"}
_OF_A_SERVICE = re.compile(
    r"_SERVICE_(HOST|PORT(_\w+)?)=|_PORT(_\d+_(TCP|UDP|SCTP))?=\w+://"
    r"|_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)="
)
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


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
    proxy: str | None = field(repr=False)
    api_key: "Secret"
    yes: bool
    json: bool
    log_format: str
    progress: bool | None
    dry_run: bool
    quiet: bool
    verbose: bool
    metrics_file: Path | None
    on_end: str | None = field(repr=False)
    job_file: Path | None
    typed: tuple[str, ...]
    """The options that flags and variables tell; these win over the job file."""
    variables: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """What is to be told although it stops nothing."""

    @property
    def origin(self) -> str:
        return quantities.origin(self.base_url)

    @property
    def is_rehearsal(self) -> bool:
        return quantities.is_rehearsal(self.base_url)

    def recorded(self) -> dict[str, str]:
        """The options as the ledger may keep them: no key, no password, no notes."""
        names = {"job_file", "typed", *BY_FIELD} - _NOT_KEPT
        values = {name: getattr(self, name, None) for name in names} | self._places()
        return {name: _kept(one) for name, one in sorted(values.items()) if one is not None}

    def _places(self) -> dict[str, Any]:
        return {}


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
    require_closed: bool

    def _places(self) -> dict[str, Any]:
        return {"manifest": self.manifest.absolute(), "ledger": self.redacted_ledger}

    @property
    def redacted_ledger(self) -> str:
        """The ledger's address without a password, or a key that was typed in its place."""
        return redacted_text(redacted_ledger(self.ledger))


def _kept(value: Any) -> str:
    """As the same option reads it, from whatever folder it is typed in."""
    if isinstance(value, tuple):
        return quantities.as_words(value)
    return str(value.absolute() if isinstance(value, Path) else value)


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
    return Settings(**_values(OPTIONS, flags, environ, job_file, manifest=manifest))


def load_api_settings(
    command: str,
    *,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    job_file: Path | None = None,
) -> ApiSettings:
    """As `load_settings`, for a command that is neither a plan nor a run."""
    options = [option for option in OPTIONS if option.is_of_api]
    return ApiSettings(**_values(options, flags, environ, job_file, command=command))


def _values(
    options: Iterable[Option],
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    job_file: Path | None,
    *,
    command: str = "run",
    manifest: str | None = None,
) -> dict[str, Any]:
    # Collected, not raised one by one: whoever mends a job file wants to see all of them.
    mistakes: list[str] = []
    texts, sessions, branches = read_job_file(job_file, mistakes)
    mistakes += _unknown_variables(environ)
    values: dict[str, Any] = {"sessions": sessions, "branches": branches}
    values |= {"job_file": job_file and job_file.absolute(), "typed": (), "variables": ()}
    for option in options:
        who_says = {
            f"--{option.name}": flags.get(option.field),
            option.variable: environ.get(option.variable),
            f"{option.name} in the job file": texts.get(option.field),
            "default": option.default,
        }
        values[option.field] = () if option.is_repeatable else None
        for who, text in who_says.items():
            if text is not None:
                with noted(who, mistakes):
                    values[option.field] = option.parse(text)
                values["typed"] += (option.field,) * (who != "default" and "job file" not in who)
                values["variables"] += (option.field,) * (who == option.variable)
                break
    if job_file is not None and environ.get("BATCHCANCEL_JOB_FILE") == str(job_file):
        values["variables"] += ("job_file",)
    key_file = values.pop("api_key_file")
    values["api_key"] = Secret(_api_key(key_file, environ, mistakes))
    values["warnings"] = tuple(_warnings(key_file, values["proxy"], environ))
    if manifest is not None:
        values["manifest"] = _source(manifest, values, mistakes)
    if mistakes:
        raise InputError(
            "\n".join(mistakes),
            hint=f"batchcancel {command} --help lists the options. Nothing was sent.",
        )
    return values


def _warnings(
    key_file: Path | None, proxy: str | None, environ: Mapping[str, str]
) -> Iterator[str]:
    with suppress(OSError):
        if key_file is not None and key_file.stat().st_mode & 0o077:
            yield f"others may read {key_file}: chmod go= {shlex.quote(str(key_file))}"
    named = next((name for name in _PROXIES if environ.get(name)), None)
    if named and not proxy:
        yield f"{named} is set, and not used for the API: --proxy names one that is"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    known = {"BATCHCANCEL_JOB_FILE", *(one.variable for one in OPTIONS)}
    known |= {"BATCHCANCEL_EXIT_CODE", *ENDED}  # of a call whose --on-end this one is
    for name in sorted(environ.keys() - known):
        field = name.removeprefix("BATCHCANCEL_")
        # Kubernetes sets such ones for a service that is called batchcancel.
        if field != name and not _OF_A_SERVICE.search(f"{name}={environ[name]}"):
            yield f"{name} is no option{did_you_mean(field.lower())}"


def _api_key(path: Path | None, environ: Mapping[str, str], mistakes: list[str]) -> str:
    try:
        # The text itself is a secret, so no sentence may repeat it.
        with noted(KEY_VARIABLE if path is None else "--api-key-file", mistakes):
            if path is not None:
                return quantities.api_key(_first_line(path))
            return quantities.api_key(environ[KEY_VARIABLE])
    except KeyError:
        mistakes.append(f"no API key: set {KEY_VARIABLE}, or pass --api-key-file")
    return ""


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "it is no UTF-8 text"
        shown = redacted_text(str(path))
        hint = (
            "" if shown == str(path) else "; what was given looks like the key, not like its file"
        )
        raise ValueError(f"{shown} cannot be read: {why}{hint}") from None


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
    if source.is_stdin:
        unnamed = [name for name in ("ledger", "batch") if values[name] is None]
        mistakes += [f"--{one} must be named for a manifest from stdin" for one in unnamed]
        return source
    name = batch_name(source.stem)
    values["batch"] = values["batch"] or name
    if values["ledger"] is None and source.is_remote:
        example = f"--ledger {name}.ledger.db"
        mistakes.append(f"--ledger must be named for a manifest from afar, like {example}")
    elif values["ledger"] is None:
        values["ledger"] = os.fspath(Path(source.place).with_name(f"{source.stem}.ledger.db"))
    return source


def batch_name(stem: str) -> str:
    """The name of a batch, by its manifest's; each in another script than Latin has its own."""
    name = re.sub(r"[^A-Za-z0-9_.:+@=\-]", "_", stem)
    stem = unicodedata.normalize("NFC", stem)
    if all(unicodedata.name(one, "LATIN").startswith("LATIN") for one in stem if one.isalpha()):
        return name[:200]
    told = hashlib.sha256(stem.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{re.sub('_+', '_', name).strip('_')[:190] or 'batch'}-{told}"
