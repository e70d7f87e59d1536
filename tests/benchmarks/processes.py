"""The real command as a process: its time, its memory, its output."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from batchcancel.sandbox import FULL_KEY

COMMAND = str(Path(sys.executable).with_name("batchcancel"))
_STATE = TemporaryDirectory(prefix="batchcancel-state-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process went: wall and processor time in seconds, peak resident memory in bytes."""

    seconds: float
    cpu: float
    peak_bytes: int


def environment(base_url: str) -> dict[str, str]:
    """Ours, without settings that somebody exported."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("BATCHCANCEL_")}
    return ours | {
        "HUSKYVOICE_API_KEY": FULL_KEY,
        "BATCHCANCEL_BASE_URL": base_url,
        "BATCHCANCEL_STATE_DIR": _STATE.name,
    }


def start(*arguments: str, base_url: str) -> subprocess.Popen[bytes]:
    """Begin; its output is not kept, and the caller sees to its end."""
    return subprocess.Popen(
        [COMMAND, *arguments],
        env=environment(base_url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def timed(command: list[str], *, base_url: str = "", deadline: float = 300.0) -> Ended:
    """Run a command to its end, at most `deadline` seconds; RuntimeError when it fails."""
    with TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment(base_url) if base_url else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        watchdog = threading.Timer(deadline, process.kill)
        watchdog.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            watchdog.cancel()
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{command} ended with {process.returncode}: {output.read()!r}")
    return Ended(
        seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, peak_bytes=usage.ru_maxrss * 1024
    )
