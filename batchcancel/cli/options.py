"""Click options of commands that talk to the API, made from the table in `settings/options.py`."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchcancel.cli.terminal import say, this_call
from batchcancel.settings.options import ENDED, OPTIONS, Option, again

if TYPE_CHECKING:
    from batchcancel.settings.load import ApiSettings

Command = Callable[..., Any]

_FOR_ONE_CALL = {"json", "log_format", "progress", "quiet", "verbose", "dry_run"}

job_file_option = click.option(
    "--job-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="BATCHCANCEL_JOB_FILE",
    metavar="PATH",
    help="A job's options in TOML, like jobs/nightly.toml",
)


_HEADS = {
    "notice_hours": "What is cancelled", "halt_after": "When to stop, and to go on all the same",
    "state_dir": "The API", "dry_run": "What is asked and told",
}  # fmt: skip
"""The headings of --help, by the option that each stands above."""


class Grouped(click.Command):
    """Its options under headings, in the order of the table."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told: dict[str, list[tuple[str, str]]] = {}
        head = "Options"
        for one in self.get_params(ctx):
            head = _HEADS.get(one.name or "", head)
            if isinstance(one, click.Option) and (line := one.get_help_record(ctx)) is not None:
                told.setdefault(head, []).append(line)
        for head, lines in told.items():
            with formatter.section(head):
                formatter.write_dl(lines)


class OutputPath(click.Path):
    """Where an output goes: a path, or an address in a store."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from batchcancel.report.atomic import output_of

        is_address = isinstance(value, str) and "://" in value
        return output_of(value) if is_address else super().convert(value, param, ctx)


def job_options(command: Command) -> Command:
    """Decorator: MANIFEST, --job-file and every option; the command is called with the settings.

    They are in the order of the table. `load_settings` decides which source of a value wins, and
    names all mistakes at once.
    """

    def called(manifest: str, job_file: Path | None, **typed: Any) -> Any:
        from batchcancel.settings.load import load_settings

        settings = load_settings(
            manifest, flags=_flags(OPTIONS, typed), environ=dict(os.environ), job_file=job_file
        )
        this_call().facts |= {"batch": settings.batch, "ledger": settings.redacted_ledger}
        this_call().ended = dict(zip(ENDED, (settings.ledger, settings.batch), strict=True))
        _make_known(settings, OPTIONS)
        return command(settings)

    return click.argument("manifest", metavar="MANIFEST")(_options(OPTIONS, command, called))


def api_options(
    name: str, *others: str, only_with: str | None = None
) -> Callable[[Command], Command]:
    """Decorator: --job-file and the options of every command that talks to the API, this by `name`.

    `others` are left out where they are not named: what asks, has workers or a canary. The command
    is called with the settings, and with its own options. Without the option `only_with` it asks no
    API: the settings are None, and of these options --json alone counts.
    """
    left_out = {"dry-run", "yes", "limit", "concurrency", "status"}.difference(others)
    options = [one for one in OPTIONS if one.is_of_api and one.name not in left_out]

    def decorate(command: Command) -> Command:
        def called(job_file: Path | None, **typed: Any) -> Any:
            from batchcancel.settings.load import load_api_settings

            flags = _flags(options, typed)
            if only_with is not None and not typed.pop(only_with):
                this_call().is_json |= flags.get("json") == "true"
                return command(None, **typed)
            settings = load_api_settings(
                name, flags=flags, environ=dict(os.environ), job_file=job_file
            )
            _make_known(settings, options)
            return command(settings, **typed)

        return _options(options, command, called)

    return decorate


def _flags(options: Sequence[Option], typed: dict[str, Any]) -> dict[str, str]:
    """What was typed of these options, as text; it is taken out of `typed`."""
    given = {one.field: typed.pop(one.field) for one in options}
    return {
        field: str(value).lower() if isinstance(value, bool) else value
        for field, value in given.items()
        if value is not None
    }


def _options(options: Sequence[Option], command: Command, called: Command) -> Command:
    called = functools.wraps(command)(called)
    # Reversed, for click lists options in the order in which decorators are read, not applied.
    for option in reversed(options):
        called = _click_option(option)(called)
    return job_file_option(called)


def _click_option(option: Option) -> Callable[[Command], Command]:
    if not option.metavar:
        short = [f"-{option.short}"] if option.short else []
        switch = f"--{option.name}/--no-{option.name}"
        return click.option(*short, switch, option.field, default=None, help=option.help)
    shown = f"  [default: {option.default}]" if option.default else ""
    several: dict[str, Any] = {}
    if option.is_repeatable:
        several = {
            "multiple": True,
            "callback": lambda _context, _option, given: ",".join(given) or None,
        }
    return click.option(
        f"--{option.name}", option.field, metavar=option.metavar, help=option.help + shown,
        **several,
    )  # fmt: skip


def _make_known(settings: "ApiSettings", options: Sequence[Option]) -> None:
    """What every line of this call, and its end, are written by from now on."""
    taken = {"job_file", *(one.field for one in options)} - _FOR_ONE_CALL
    call = this_call()
    call.keep_secret(settings.api_key.reveal())
    call.is_json, call.logs_json = settings.json, settings.log_format == "json"
    call.least = "debug" if settings.verbose else "warning" if settings.quiet else "info"
    call.elsewhere = again(settings.recorded(), taken & {*settings.variables})
    call.metrics_file, call.on_end = settings.metrics_file, settings.on_end
    call.facts |= {"origin": settings.origin, "rehearsal": settings.is_rehearsal}
    for warning in settings.warnings:
        say(f"Warning: {warning}.", "warning", level="warning")
