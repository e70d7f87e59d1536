"""How a run ends on the screen: the counts, what stopped it, and what to type next."""

import json

from batchcancel.cli.terminal import complain, result, same_command, say
from batchcancel.commands.run import Finished
from batchcancel.errors import defect_in
from batchcancel.settings import Settings
from batchcancel.wording import summary_text, what_next


def show_end(finished: Finished, settings: Settings) -> None:
    """The result on stdout, the rest on stderr; JSON is one line, the last."""
    summary, reason = finished.summary, finished.reason
    if not settings.json:
        result("\n" + summary_text(summary))
    if reason is not None:
        complain(reason.message, hint=reason.hint, cause=defect_in(reason))
    say("\n" + what_next(summary, command=same_command(), was_stopped=reason is not None))
    if settings.json:
        result(json.dumps(summary.as_json()))
