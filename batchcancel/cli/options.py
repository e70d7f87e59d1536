"""Click options of `plan` and `run`, generated from the option table in `settings/options.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchcancel.settings.options import OPTIONS, Option

if TYPE_CHECKING:
    from batchcancel.settings.load import Settings

Command = Callable[..., Any]


def job_options(command: Command) -> Command:
    """Decorator: MANIFEST, --job-file and every option, in the order of the table.

    Values reach the command as the text that was typed: `load_settings` decides which source wins,
    and names all mistakes at once.
    """
    # Reversed, for click lists options in the order in which decorators are read, not applied.
    for option in reversed(OPTIONS):
        command = _click_option(option)(command)
    command = click.option(
        "--job-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BATCHCANCEL_JOB_FILE",
        metavar="PATH",
        help="A job's options in TOML, like jobs/nightly.toml",
    )(command)
    return click.argument("manifest", metavar="MANIFEST")(command)


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
    return click.option(
        f"--{option.name}/--no-{option.name}", option.field, default=None, help=option.help
    )


def settings_from(
    manifest: str, job_file: Path | None, options: dict[str, Any], environ: dict[str, str]
) -> "Settings":
    """The settings of this call; raises `InputError` that names all mistakes."""
    from batchcancel.settings.load import load_settings

    flags = {
        field: str(value).lower() if isinstance(value, bool) else value
        for field, value in options.items()
        if value is not None
    }
    return load_settings(manifest, flags=flags, environ=environ, job_file=job_file)
