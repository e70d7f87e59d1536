"""Which ledger is meant by what was typed: a ledger, a manifest, or nothing."""

import os
from pathlib import Path

from batchcancel.addresses import found_at
from batchcancel.errors import InputError
from batchcancel.settings.load import batch_name, manifest_source
from batchcancel.settings.options import ENDED

_SQLITE = b"SQLite format 3\0"


def ledger_for(typed: str | None, batch: str | None) -> tuple[str, str | None]:
    """The address of the ledger, and the batch that is meant; None where that is any.

    At the end of a run it is the run's, where nothing is typed.
    """
    ended, of_run = map(os.environ.get, ENDED)
    if typed is None and ended is not None:
        return ended, batch or of_run
    named = os.environ.get("BATCHCANCEL_LEDGER") or None
    if typed is None:
        if named is None:
            raise InputError(
                "no ledger is named",
                hint="Type it, like closure.ledger.db, or the manifest that it lies beside.",
            )
        return named, batch
    if "://" in typed or _is_ledger(Path(typed)):
        return typed, batch
    source = manifest_source(typed)
    if named is not None:
        return named, batch or batch_name(source.stem)
    beside = Path(typed).with_name(f"{source.stem}.ledger.db")
    if found_at(beside) is None:
        if found_at(Path(typed)) is None:
            raise InputError(
                f"there is no {typed}", hint="Name a ledger, or the manifest that it lies beside."
            )
        raise InputError(
            f"there is no ledger {beside}",
            hint="A ledger is made by the first run, beside the manifest unless named otherwise.",
        )
    return os.fspath(beside), batch


def _is_ledger(path: Path) -> bool:
    """By its content, or by its name where nothing can be read."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
    except IsADirectoryError:
        return True
    except OSError:
        start = b""
    return start == _SQLITE or path.suffix == ".db"
