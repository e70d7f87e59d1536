"""batchcancel find: the appointments of some days, as a manifest."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from batchcancel.cli.options import OutputPath, api_options

if TYPE_CHECKING:
    from batchcancel.report.atomic import Output
    from batchcancel.settings.load import ApiSettings

_FILTERS = {
    "branch": "Only this branch, by its id or by its name under [branches] in the job file",
    "session": "Only this session, like Morning",
    "service": "Only this service, by its name or id",
    "batch-label": "Only windows with this label, like MA",
    "doctor": "Only this doctor's; case and accents do not count",
}


class _Day(click.DateTime):
    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no day; write it like 2026-06-15", param, ctx)


_DAY = _Day(["%Y-%m-%d"])


def _filters(command: Any) -> Any:
    for name, told in reversed(_FILTERS.items()):
        command = click.option(
            f"--{name}", multiple=True, metavar="WORD", help=f"{told}; may be given several times"
        )(command)
    return command


@click.command(short_help="The appointments of some days, as a manifest.")
@click.option(
    "-o", "--output", required=True, metavar="MANIFEST", help="Ends with .csv or .parquet",
    type=OutputPath(),
)  # fmt: skip
@click.option("--date", "first", required=True, type=_DAY, metavar="D", help="Like 2026-06-15")
@click.option("--to", "last", type=_DAY, metavar="D", help="The last day  [default: the same]")
@_filters
@click.option(
    "--not-in", metavar="LEDGER", help="Only what is in no batch of this ledger: after a run"
)
@click.option("--force", is_flag=True, help="Write over a file that exists, or remove it")
@api_options("find", "status")
def find(
    settings: "ApiSettings", output: "Output", first: datetime, last: datetime | None,
    not_in: str | None, *, force: bool, **typed: tuple[str, ...],
) -> None:  # fmt: skip
    """Write the appointments of a day that are to be cancelled to a new file, MANIFEST.

    All of them, or it says that it cannot be sure: exit code 4. Names and phones are not written.
    Where nothing is booked there is no file.

    \b
    Examples:
      1. A closed day:
         batchcancel find -o closure.csv --date 2026-06-15
      2. One branch for a week, only one doctor's:
         batchcancel find -o week.csv --date 2026-06-15 --to 2026-06-19 --branch City \\
             --doctor "Dr. Rao"
      3. After the run: what was booked meanwhile?
         batchcancel find -o sweep.csv --date 2026-06-15 --not-in closure.ledger.db

    \b
    Exit codes: 0 all are found, maybe none; 2 usage, or the file exists; 4 perhaps not
    all, a status that nobody knows, or something is left that is not in the ledger;
    5 the API does not answer, 7 key or scope rejected, 129, 130 or 143 stopped by a signal.
    """
    from batchcancel.cli.terminal import show
    from batchcancel.cli.watching import watched
    from batchcancel.commands import find as command
    from batchcancel.report.find import find_json, find_next, find_text
    from batchcancel.settings.ledgers import ledger_for

    filters = {name: typed[name.replace("-", "_")] for name in _FILTERS}
    wanted = command.Wanted(
        first=first.date(), last=(last or first).date(), filters=filters, output=output,
        force=force, not_in=not_in and ledger_for(not_in, None)[0],
    )  # fmt: skip
    finding = watched(settings, partial(command.find, wanted=wanted))
    show(f"{find_text(finding)}\n\n{find_next(finding)}", find_json(finding))
    raise click.exceptions.Exit(int(finding.exit_code))
