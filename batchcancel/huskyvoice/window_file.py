"""The rate limit's window of one API key, shared by the programs of one user on one machine.

Each change is a read, a change and a replacement of a small file under a lock. Whoever is killed
meanwhile leaves the old file or the new one, never half of one.
"""

import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from batchcancel.api import PERMIT_S, Rate, Turn
from batchcancel.clock import BootClock, Now
from batchcancel.errors import InputError, LedgerWriteFailed
from batchcancel.huskyvoice.window_log import MemoryWindow, NewerLogError, WindowLog, read_log

Result = TypeVar("Result")

LOCK_S = 2.0
"""A change takes far less than a millisecond; whoever keeps the lock longer was stopped in it."""

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_LARGEST = 64 * 1024 * 1024


class FileWindow(MemoryWindow):
    """The window in the file `path`.

    Who asked first has the next free slot, also of several programs, unless it asks more than a
    second later than it was told to.
    """

    def __init__(
        self, path: Path, *, rate: Rate, timeout: float, clock: BootClock, now: Now
    ) -> None:
        super().__init__(rate=rate, timeout=timeout, clock=clock, now=now)
        self._path = path
        self.kept_in = os.fspath(path)

    def open(self) -> None:
        """Make folder and file where they are missing; `OSError` where they cannot be kept."""
        for one in reversed(self._path.parents):
            if not one.exists():
                one.mkdir(mode=0o700, exist_ok=True)  # its owner's alone, whatever the umask
        self._changed(lambda _log: None)

    def look(self) -> Turn:
        with self._failures():
            self._log = self._read()
            return super().look()

    def _change(self, change: Callable[[WindowLog], Result]) -> Result:
        with self._failures():
            return self._changed(change)

    def _changed(self, change: Callable[[WindowLog], Result]) -> Result:
        with _locked(self._path.with_suffix(".lock")):
            self._log = self._read()
            result = super()._change(change)
            _replace(self._path, self._log.text().encode())
        return result

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LedgerWriteFailed(
                f"the rate limit's window {self._path} cannot be kept: {error.strerror}",
                hint="See to its disk and folder, then run the same command again.",
            ) from error

    def _read(self) -> WindowLog:
        now, wall = self._clock.seconds(), self._wall()
        log = WindowLog(self._clock.boot)
        try:
            if (content := _content(self._path)) is not None:
                log = read_log(content)
        except NewerLogError:
            raise InputError(
                f"the rate limit's window {self._path} was written by a newer batchcancel",
                hint="Use that version, or name another folder with --state-dir.",
            ) from None
        except ValueError:
            # Whatever it said, one window after the last request that it can have known it is over.
            longest = PERMIT_S + self._timeout + self._rate.window
            log.close_for(longest, now=now, wall=wall)
        log.carry_over(self._clock.boot, now=now, wall=wall)
        return log


def window_path(folder: Path, *, origin: str, key: str) -> Path:
    """The file for a key (its fingerprint) at an origin, on this machine where homes are shared."""
    name = hashlib.sha256(f"{_machine()}\n{origin}\n{key}".encode()).hexdigest()[:32]
    return folder / f"window-{name}.json"


def _machine() -> str:
    with suppress(OSError):
        if known := Path("/etc/machine-id").read_text(encoding="ascii").strip():
            return known
    return socket.gethostname()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among all programs; a lock file that was removed meanwhile locks nobody out."""
    over = time.monotonic() + LOCK_S
    while (descriptor := _lock(path)) is None:
        if time.monotonic() > over:
            raise TimeoutError(None, "another program does not let go of it", str(path))
        time.sleep(0.002)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    is_ours = False
    try:
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(os.fstat(descriptor), path.stat())
    finally:
        if not is_ours:
            os.close(descriptor)
    return descriptor if is_ours else None


def _content(path: Path) -> bytes | None:
    """None where there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_LARGEST)


def _replace(path: Path, content: bytes) -> None:
    """Not synced: after a power cut it is another boot, and an unreadable file is a full one."""
    new = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)
