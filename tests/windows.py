"""Shared windows on whatever clock: in a file, and in memory."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from batchcancel.api import Rate
from batchcancel.clock import BootClock
from batchcancel.huskyvoice.window_file import FileWindow
from batchcancel.huskyvoice.window_log import MemoryWindow, WindowLog


def memory_window(
    clock: Callable[[], float], *, limit: float, length: float = 60.0, timeout: float = 10.0,
    log: WindowLog | None = None, kind: type[MemoryWindow] = MemoryWindow,
) -> MemoryWindow:  # fmt: skip
    """A window in memory; programs that share it are given the same `log`."""
    window = kind(
        rate=Rate(limit, length),
        timeout=timeout,
        clock=BootClock("a boot", clock),
        now=lambda: datetime.fromtimestamp(clock(), UTC),
        log=log,
    )
    window.kept_in = "memory"
    return window


def file_window(
    path: Path, clock: Callable[[], float], *, limit: float, length: float = 60.0,
    timeout: float = 10.0, boot: str = "a boot", ahead: float = 0.0,
) -> FileWindow:  # fmt: skip
    """A window in a file, and a wall clock that is `ahead` of the other by so much."""
    return FileWindow(
        path,
        rate=Rate(limit, length),
        timeout=timeout,
        clock=BootClock(boot, clock),
        now=lambda: datetime.fromtimestamp(clock() + ahead, UTC),
    )
