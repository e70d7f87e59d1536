"""Click options of commands that talk to the API, made from the table in `settings/options.py`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batchcancel.cli.terminal import say, this_call
from batchcancel.settings.options import OPTIONS, Option

if TYPE_CHECKING:
    from batchcancel.settings.load import ApiSettings, Settings

Command = Callable[..., Any]
Told = TypeVar("Told", bound="ApiSettings")


def job_options(command: Command) -> Command:
    """Decorator: MANIFEST, --job-file and every option, in the order of the table.

    Values reach the command as the text that was typed: `load_settings` decides which source wins,
    and names all mistakes at once.
    """
    return click.argument("manifest", metavar="MANIFEST")(_options(OPTIONS)(command))


def api_options(*others: str) -> Callable[[Command], Command]:
    """Decorator: --job-file and the options of every command that talks to the API.

    `others` are left out where they are not named: what asks, has workers or a canary.
    """
    left_out = {"dry-run", "yes", "limit", "concurrency", "status"}.difference(others)
    return _options([one for one in OPTIONS if one.is_of_api and one.name not in left_out])


def _options(options: Sequence[Option]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        # Reversed, for click lists options in the order in which decorators are read, not applied.
        for option in reversed(options):
            command = _click_option(option)(command)
        return click.option(
            "--job-file",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="BATCHCANCEL_JOB_FILE",
            metavar="PATH",
            help="A job's options in TOML, like jobs/nightly.toml",
        )(command)

    return decorate


def _click_option(option: Option) -> Callable[[Command], Command]:
    shown = f"  [default: {option.default}]" if option.metavar and option.default else ""
    if option.is_repeatable:
        return click.option(
            f"--{option.name}",
            option.field,
            metavar=option.metavar,
            help=option.help + shown,
            multiple=True,
            callback=lambda _context, _option, given: ",".join(given) or None,
        )
    if option.metavar:
        return click.option(
            f"--{option.name}", option.field, metavar=option.metavar, help=option.help + shown
        )
    short = [f"-{option.short}"] if option.short else []
    switch = f"--{option.name}/--no-{option.name}"
    return click.option(*short, switch, option.field, default=None, help=option.help)


def settings_from(
    manifest: str, job_file: Path | None, options: dict[str, Any], environ: dict[str, str]
) -> "Settings":
    """The settings of this call; raises `InputError` that names all mistakes."""
    from batchcancel.settings.load import load_settings

    settings = load_settings(manifest, flags=_typed(options), environ=environ, job_file=job_file)
    this_call().facts |= {"batch": settings.batch, "ledger": settings.redacted_ledger}
    return _known(settings)


def api_settings_from(
    command: str, job_file: Path | None, options: dict[str, Any], environ: dict[str, str]
) -> "ApiSettings":
    """As `settings_from`, for a command that takes `api_options`."""
    from batchcancel.settings.load import load_api_settings

    return _known(
        load_api_settings(command, flags=_typed(options), environ=environ, job_file=job_file)
    )


def _known(settings: Told) -> Told:
    """What every line of this call, and its end, are written by from now on."""
    call = this_call()
    call.keep_secret(settings.api_key.reveal())
    call.is_json, call.logs_json = settings.json, settings.log_format == "json"
    call.least = "debug" if settings.verbose else "warning" if settings.quiet else "info"
    call.metrics_file, call.on_end = settings.metrics_file, settings.on_end
    call.facts |= {"origin": settings.origin, "rehearsal": settings.is_rehearsal}
    for warning in settings.warnings:
        say(f"Warning: {warning}.", "warning", level="warning")
    return settings


def _typed(options: dict[str, Any]) -> dict[str, str]:
    return {
        field: str(value).lower() if isinstance(value, bool) else value
        for field, value in options.items()
        if value is not None
    }
