"""What the end of a call brings besides its last line: a metrics file, and a command."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from batchcancel.cli.terminal import Call, say
from batchcancel.errors import BatchcancelError
from batchcancel.settings.options import KEY_VARIABLE

LONGEST_S, LONGEST_AFTER_SIGNAL_S = 30.0, 3.0
_A_SIGNAL = 128
_SHOWN = 500
_ENDED = "BATCHCANCEL_EXIT_CODE"
_OF_THE_CALL = {KEY_VARIABLE, "BATCHCANCEL_METRICS_FILE"}


def tell_others(call: Call, facts: Mapping[str, Any], *, is_hurried: Callable[[], bool]) -> None:
    """Write the metrics, and run the command; what fails is told, and changes no exit code."""
    if call.metrics_file is not None:
        from batchcancel.report.metrics import write_metrics

        try:
            write_metrics(call.metrics_file, facts, now=time.time())
        except (BatchcancelError, OSError) as error:
            say(f"--metrics-file: {_why(error)}", "metrics_not_written", level="warning")
    if call.on_end is not None and _ENDED not in os.environ:  # else it would call itself for ever
        try:
            why = _tell(call, facts, is_hurried)
        except OSError as error:  # no room for temporary files, maybe
            why = _why(error)
        if why:
            say(f"--on-end: {why}", "on_end_failed", level="warning")


def _why(error: BatchcancelError | OSError) -> str:
    return error.message if isinstance(error, BatchcancelError) else str(error)


def _tell(call: Call, facts: Mapping[str, Any], is_hurried: Callable[[], bool]) -> str:
    from tempfile import TemporaryFile

    with TemporaryFile() as told, TemporaryFile() as output:
        told.write(json.dumps(facts, default=str).encode() + b"\n")
        told.seek(0)
        return _run(call, facts["exit_code"], told, output, is_hurried)


def _run(
    call: Call, code: int, told: IO[bytes], output: IO[bytes], is_hurried: Callable[[], bool]
) -> str:
    """Why the command failed; empty where it did not. It gets neither the key nor our metrics."""
    import subprocess

    environ = {name: text for name, text in os.environ.items() if name not in _OF_THE_CALL}
    environ |= call.ended | {_ENDED: str(code)}
    process = subprocess.Popen(  # noqa: S602 - the operator's own command, for a shell
        str(call.on_end), shell=True, stdin=told, stdout=output, stderr=output, env=environ,
        start_new_session=True,
    )  # fmt: skip
    longest = LONGEST_AFTER_SIGNAL_S if code > _A_SIGNAL else LONGEST_S
    until = time.monotonic() + longest
    while process.poll() is None and time.monotonic() < until and not is_hurried():
        time.sleep(0.02)
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"it was ended after {longest:g} s" if not is_hurried() else "it was interrupted"
    output.seek(0)
    last = output.read(100_000).decode(errors="replace").strip().rpartition("\n")[2][:_SHOWN]
    return f"it ended with {process.returncode}: {last}" if process.returncode else ""
