"""The numbers of a run in Prometheus' text format, for the node exporter's textfile collector."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchcancel.appointments import OutcomeName
from batchcancel.errors import InputError
from batchcancel.report.atomic import replacing
from batchcancel.report.counts import key_of

_STATES = [*(key_of(name) for name in OutcomeName), "open", "waiting"]
_LONGEST = 100_000
_EXIT = "batchcancel_last_run_exit_code"
_SUCCESS = "batchcancel_last_success_timestamp_seconds"
_HELP = {
    "batchcancel_rows": ("gauge", "Rows of the batch by state."),
    "batchcancel_requests_total": ("counter", "Requests that the last run sent."),
    "batchcancel_rate_limited_total": ("counter", "Requests that the rate limit refused."),
    _EXIT: ("gauge", "Exit code of the last run."),
    _SUCCESS: ("gauge", "When a run last ended with exit code 0."),
}


def write_metrics(path: Path, facts: Mapping[str, Any], *, now: float) -> None:
    """Write what the last line of a call says as metrics, whole or not at all.

    A success of long ago stays known; no id is ever a label. `InputError` where the file is there
    and none of these: a manifest or a ledger is not written over.
    """
    before = _metrics_at(path)
    batch = facts.get("batch")
    label = f'{{batch="{batch}"}}' if batch else ""
    values = {_EXIT: [f"{_EXIT}{label} {facts['exit_code']}"]}
    for name in ("requests", "rate_limited"):
        if name in facts:
            total = f"batchcancel_{name}_total"
            values[total] = [f"{total}{label} {facts[name]}"]
    if "rows" in facts:
        states = {state: facts.get(state, 0) for state in _STATES}
        values["batchcancel_rows"] = [
            f'batchcancel_rows{{batch="{batch}",state="{state}"}} '
            f"{sum(rows.values()) if isinstance(rows, dict) else rows}"
            for state, rows in states.items()
        ]
    if facts["exit_code"] == 0:
        values[_SUCCESS] = [f"{_SUCCESS}{label} {now:.0f}"]
    elif old := re.findall(rf"^{_SUCCESS}.*$", before, re.MULTILINE):
        values[_SUCCESS] = old[-1:]
    lines = []
    for name, (kind, told) in _HELP.items():
        if name in values:
            lines += [f"# HELP {name} {told}", f"# TYPE {name} {kind}", *values[name]]
    with replacing(path, mode=0o644) as file:  # another user's program reads it
        file.write(("\n".join(lines) + "\n").encode())


def _metrics_at(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open(errors="replace") as file:
        told = file.read(_LONGEST)
    if told and not told.startswith("# HELP batchcancel_"):
        raise InputError(f"{path} holds something else, and is left as it is")
    return told
