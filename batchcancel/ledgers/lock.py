"""One writer at a time: an exclusive lock on a file of its own beside the ledger.

The ledger itself is never locked this way. Closing any descriptor of a database would drop the
locks that SQLite holds on it in the same process.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from batchcancel.errors import BatchHeld, InputError

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FileLock:
    """Held from construction until `release`; the kernel lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = _locked(path)
        self.sign("")

    def sign(self, holder: str) -> None:
        """Leave a line that tells the next one to come who holds the lock."""
        if self._descriptor is None:
            return
        line = f"pid {os.getpid()}{holder and ', '}{holder}\n"
        with suppress(OSError):  # on a full disk it locks all the same, and tells nobody who
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, line.encode(), 0)

    def release(self) -> None:
        if self._descriptor is None:
            return
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


def _locked(path: Path) -> int:
    """Whoever releases a lock removes its file: a lock on a removed file locks nobody out."""
    while True:
        descriptor = _opened(path)
        if not _lock(descriptor):
            raise _held(descriptor)
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise InputError(
            f"{path.parent} cannot hold a ledger: {error.strerror}",
            hint="Name a file in a folder that can be written with --ledger.",
        ) from error
    os.fchmod(descriptor, 0o600)
    return descriptor


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _held(descriptor: int) -> BatchHeld:
    holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip()
    os.close(descriptor)
    return BatchHeld(
        f"another run is using this ledger: {holder or 'it has just begun'}",
        hint="Wait until it has finished, or stop it.",
    )
