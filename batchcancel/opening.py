"""The ledger at an address: a file, or a URL. Light, so that `status` is quick."""

from pathlib import Path

from batchcancel.errors import InputError
from batchcancel.ledger import Ledger, LedgerReader
from batchcancel.ledgers.sqlite import memory_sqlite, open_sqlite, read_sqlite


def open_ledger(address: str, *, origin: str, key: str) -> Ledger:
    """A ledger to write, and nobody else's meanwhile; `key` is the key's fingerprint."""
    return open_sqlite(_path(address), origin=origin, key=key)


def read_ledger(address: str) -> LedgerReader:
    """A ledger to ask questions of, also while a run writes it."""
    return read_sqlite(_path(address))


def passing_ledger(*, origin: str, key: str) -> Ledger:
    """A ledger that is gone when it is closed, for a plan that may not write the real one."""
    return memory_sqlite(origin=origin, key=key)


def _path(address: str) -> Path:
    if "://" in address:
        raise InputError(
            f"{address.partition('://')[0]}:// is no ledger this version can open",
            hint="Name a file for --ledger.",
        )
    return Path(address)
