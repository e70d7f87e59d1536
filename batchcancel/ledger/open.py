"""The ledger at an address: a file, or a database. Light, so that `status` is quick."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from batchcancel.addresses import found_at, is_parameters, is_postgres
from batchcancel.errors import InputError
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.sqlite.ledger import memory_sqlite, open_sqlite, read_sqlite
from batchcancel.ledger.writing import Ledger

passing_ledger = memory_sqlite


def open_ledger(address: str, *, origin: str, key: str, state: Path | None = None) -> Ledger:
    """A ledger to write; `key` is the key's fingerprint, `state` the folder for marks."""
    whose: dict[str, Any] = {"origin": origin, "key": key, "state": state}
    if is_postgres(address):
        ledger: Ledger = _postgres("ledger").open_postgres(address, **whose)
        return ledger
    return open_sqlite(_path(address), **whose)


def read_ledger(address: str) -> LedgerReader:
    """A ledger to ask questions of, also while a run writes it."""
    if is_postgres(address):
        reader: LedgerReader = _postgres("ledger").read_postgres(address)
        return reader
    return read_sqlite(_path(address))


def is_there(address: str) -> bool:
    """Whether a ledger was made before; whoever asks a database finds out."""
    return is_postgres(address) or found_at(_path(address)) is not None


def postgres_ddl(role: str) -> str:
    """The SQL with which an administrator makes a ledger for a role."""
    sql: str = _postgres("schema").ddl(role)
    return sql


def postgres_keywords() -> frozenset[str]:
    """The names of the parameters that the address of a database may have."""
    known: frozenset[str] = _postgres("connection").keywords()
    return known


def _postgres(module: str) -> ModuleType:
    try:
        return import_module(f"batchcancel.ledger.postgres.{module}")
    except ImportError as error:
        raise InputError(
            "a PostgreSQL ledger needs psycopg, which is not installed",
            hint="In the checkout, type: pip install -e '.[postgres]'",
        ) from error


def _path(address: str) -> Path:
    hint = "Name a file, or write postgresql://USER@HOST:5432/DATABASE, with the password apart."
    if "://" in address:
        scheme = address.partition("://")[0]
        raise InputError(f"{scheme}:// is no ledger this version can open", hint=hint)
    if is_parameters(address):
        raise InputError("parameters of a connection are no ledger's address", hint=hint)
    return Path(address)
