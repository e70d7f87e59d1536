"""Whether a path is a place where a SQLite ledger can be kept safely."""

import os
import re
from pathlib import Path

from batchcancel.errors import InputError

_NETWORK = re.compile(
    r"(fuse\.)?(9p|afs|beegfs|ceph|cifs|coda|davfs|gcsfuse|glusterfs|gpfs|lustre|ncpfs|nfs4?"
    r"|orangefs|rclone|s3fs|smb\d|smbfs|sshfs)"
)
_MOUNTS = Path("/proc/self/mountinfo")


class Place:
    """Where a file was found, to tell whether it is still there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = path.stat()

    def is_unchanged(self) -> bool:
        """False when the file was removed, or another one has taken its name."""
        try:
            return os.path.samestat(self._found, self._path.stat())
        except OSError:
            return False


def require_place(path: Path) -> None:
    """Refuse a folder, a missing folder, and a network: WAL needs memory shared on one machine."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a ledger", hint="Name a file with --ledger.")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", hint="Create it first.")
    mounts = _MOUNTS.read_text(errors="replace") if _MOUNTS.exists() else ""
    if is_network(kind := file_system_of(path.parent, mounts)):
        raise InputError(
            f"{path} is on a network file system ({kind}), where SQLite can lose data",
            hint="Name a file on a local disk with --ledger.",
        )


def file_system_of(path: Path, mountinfo: str) -> str:
    """Find the type of the file system a path is on in the text of /proc/self/mountinfo.

    The deepest mount point wins, and of several at one point the last: it hides the others.
    Nothing is known of a path that no mount holds: an empty string.
    """
    found, depth = "", 0
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        point = Path(_unescaped(mount.split(" ")[4]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = source.split(" ")[0], len(point.parts)
    return found


def is_network(file_system: str) -> bool:
    return _NETWORK.fullmatch(file_system) is not None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
