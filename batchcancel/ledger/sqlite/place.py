"""Whether a path is a place where a SQLite ledger can be kept safely, and the file lock on it.

The lock is an exclusive one on a file of its own beside the ledger: one writer at a time. The
ledger itself is never locked this way: closing any descriptor of a database would drop the locks
that SQLite holds on it in the same process.
"""

import fcntl
import grp
import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchcancel.addresses import found_at
from batchcancel.errors import BatchHeld, InputError, NoPlaceForLedger, UnsafeLedger

_NETWORK = re.compile(
    r"(fuse\.)?(9p|afs|beegfs|ceph|cifs|coda|davfs|gcsfuse|glusterfs|gpfs|lustre|ncpfs|nfs4?"
    r"|orangefs|rclone|s3fs|smb\d|smbfs|sshfs)"
)
_MOUNTS = Path("/proc/self/mountinfo")
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def is_still(path: Path, found: os.stat_result | None) -> bool:
    """False when the file that was found there was removed, replaced or cut short."""
    now = found_at(path)
    if found is None or now is None:
        return False
    return os.path.samestat(found, now) and now.st_size >= found.st_size


def require_place(path: Path) -> None:
    """Refuse a folder, a missing folder, and a network: WAL needs memory shared on one machine."""
    if _is_folder(path):
        raise NoPlaceForLedger(
            f"{path} is a folder, not a ledger", hint="Name a file with --ledger."
        )
    if not _is_folder(path.parent):
        raise NoPlaceForLedger(f"there is no folder {path.parent}", hint="Create it first.")
    mounts = _MOUNTS.read_text(errors="replace") if _MOUNTS.exists() else ""
    if is_network(kind := file_system_of(path.parent, mounts)):
        raise NoPlaceForLedger(
            f"{path} is on a network file system ({kind}), where SQLite can lose data",
            hint="Name a file on a local disk with --ledger.",
        )


def require_private(path: Path) -> None:
    """Refuse a ledger that others may write, or that is not a plain file with one name."""
    if (found := found_at(path)) is None:
        return
    _require_plain(path, found)
    if _others_may_write(found):
        raise UnsafeLedger(
            f"{path} may be written by others, and so proves nothing",
            hint=f"If you trust what it says, type: chmod go-w '{path}'",
        )


def _is_folder(path: Path) -> bool:
    found = found_at(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def _require_plain(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeLedger(
            f"{path} is not a plain file", hint="Remove it, or name another file with --ledger."
        )
    if found.st_nlink > 1:  # by its other name it has another lock and another log
        raise UnsafeLedger(
            f"{path} is a hard link: the same file has another name too",
            hint="Remove the other name, or name another file with --ledger.",
        )


def _others_may_write(found: os.stat_result) -> bool:
    """A group of which its owner is the only member is nobody else."""
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_alone(found.st_uid, found.st_gid)


def _is_alone(uid: int, gid: int) -> bool:
    try:
        owner, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    is_own = owner.pw_gid == gid and group.gr_name == owner.pw_name
    return is_own and set(group.gr_mem) <= {owner.pw_name}


def file_system_of(path: Path, mountinfo: str) -> str:
    """Find the type of the file system a path is on in /proc/self/mountinfo, or nothing.

    The deepest mount point wins, and of several at one point the last: it hides the others.
    """
    found, depth = "", 0
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        named = mount.split(" ")[4]
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), named))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = source.split(" ")[0], len(point.parts)
    return found


def is_network(file_system: str) -> bool:
    return _NETWORK.fullmatch(file_system) is not None


class FileLock:
    """Held from construction until `release`; the kernel lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = _locked(path)
        told = re.search(rb"^lease ([0-9]+)$", os.pread(self._descriptor, 500, 0), re.MULTILINE)
        self.token = int(told[1]) if told else None
        """The lease of the holder before, who is dead; later that of this one."""
        self.sign("", self.token)

    def sign(self, holder: str, token: int | None = None) -> None:
        """Leave two lines that tell the next one to come who holds the lock, and its lease."""
        if self._descriptor is None:
            return
        self.token = token
        lines = f"pid {os.getpid()}{holder and ', '}{holder}\n"
        told = (lines if token is None else f"{lines}lease {token}\n").encode()
        with suppress(OSError):  # on a full disk it locks all the same, and tells nobody who
            os.pwrite(self._descriptor, told, 0)
            os.ftruncate(self._descriptor, len(told))

    def release(self, *, keep_file: bool = False) -> None:
        """Let the next one have the lock; a file that is kept still tells it our token."""
        if self._descriptor is None:
            return
        if not keep_file and is_still(self._path, os.fstat(self._descriptor)):  # else another's
            with suppress(OSError):
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


def _locked(path: Path) -> int:
    """Whoever releases a lock removes its file: a lock on a removed file locks nobody out."""
    while True:
        descriptor = _opened(path)
        with _closed_on_error(descriptor):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _held(descriptor) from None
            except OSError as error:
                raise _no_place("its file system takes no lock", error) from error
        if is_still(path, os.fstat(descriptor)):
            return descriptor
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise InputError(
            f"{path.parent} cannot hold a ledger: {error.strerror}",
            hint="Name a file in a folder that can be written with --ledger.",
        ) from error
    with _closed_on_error(descriptor):
        _require_plain(path, os.fstat(descriptor))  # before it is changed: it may be another's
        try:
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise _no_place(f"the rights of {path} cannot be set", error) from error
    return descriptor


@contextmanager
def _closed_on_error(descriptor: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(descriptor)
        raise


def _no_place(why: str, error: OSError) -> NoPlaceForLedger:
    return NoPlaceForLedger(
        f"no ledger can be kept there: {why} ({error.strerror})",
        hint="Name a file of your own on a local disk with --ledger.",
    )


def _held(descriptor: int) -> BatchHeld:
    holder = os.pread(descriptor, 500, 0).decode(errors="replace").partition("\n")[0].strip()
    return BatchHeld(
        f"another run is using this ledger: {holder or 'it has just begun'}",
        hint="Wait until it has finished, or stop it.",
    )
