"""What this machine remembers of a batch outside its ledger: so it finds out that one went back.

After a failover or a restore a ledger lacks what it had said was written. A mark tells how many
commits a batch had; where the ledger has fewer, or lies on another server that nobody here knows,
what may have been sent meanwhile is read back. Best effort: without a folder there is no mark.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_SIZE = 200
_OLD_S = 400 * 86400


class Known(NamedTuple):
    """How far a ledger was; `since` is when the first intent from here was written, in its time."""

    token: int
    commits: int
    since: datetime | None = None


class Mark:
    """A small file in `folder`, rewritten in place: that is quick enough for each commit."""

    def __init__(self, folder: Path | None, *, ledger: str, batch: str) -> None:
        name = hashlib.sha256(f"{ledger}\n{batch}".encode()).hexdigest()[:32]
        self._path = folder and folder / f"ledger-{name}.mark"
        self._descriptor: int | None = None
        self._since: datetime | None = None

    def known(self) -> Known | None:
        """What was known here; None where nothing was, or what stands there is none."""
        if self._path is None:
            return None
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_bytes())
            since = kept["since"] and datetime.fromisoformat(kept["since"]).astimezone(UTC)
            self._since = since
            return Known(int(kept["token"]), int(kept["commits"]), since)
        return None

    def keep(self, token: int, commits: int, intents: Iterable[datetime] = ()) -> None:
        """Not synced: after a power cut it may be behind, and says less."""
        self._since = self._since or min(intents, default=None)
        since = self._since and self._since.isoformat()
        told = json.dumps({"token": token, "commits": commits, "since": since})
        with suppress(OSError):
            if self._descriptor is None:
                self._descriptor = self._made()
            os.pwrite(self._descriptor, told.ljust(_SIZE).encode(), 0)

    def _made(self) -> int:
        """Only now: a plan, which looks, leaves none behind."""
        if self._path is None:
            raise FileNotFoundError
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_old(self._path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self._path, flags, 0o600)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _remove_old(folder: Path) -> None:
    """One file for each batch, every night."""
    for one in folder.glob("ledger-*.mark"):
        with suppress(OSError):
            if time.time() - one.stat().st_mtime > _OLD_S:
                one.unlink()


class WentBack(NamedTuple):
    """A ledger lacks commits, None where nobody knows how many; what it lacks is of `since` on."""

    commits: int | None
    since: datetime


def lost(known: Known | None, *, token: int, commits: int, is_same: bool) -> int | None:
    """How many commits a ledger lost since it was known here; None where nobody knows.

    `is_same` says that it is on the server, and in the rows, on which it was written last.
    """
    if known is not None and known.commits > commits:
        return known.commits - commits
    is_whole = is_same or (known is not None and known[:2] == (token, commits))
    return 0 if is_whole else None
