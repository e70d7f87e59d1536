"""What an error of PostgreSQL means to the person who has to do something about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from batchcancel.ledger.statements import Diagnosis


class Closed(psycopg.InterfaceError):
    """The ledger was closed by us."""


_RESUME = "then run the same command again."
_DIAGNOSES: dict[type[psycopg.Error], Diagnosis] = {
    errors.ReadOnlySqlTransaction: Diagnosis(
        "is read-only, as a standby is", "Name the primary server with --ledger."
    ),
    errors.InsufficientPrivilege: Diagnosis(
        "does not let this user do that", f"Grant it what the README names, {_RESUME}"
    ),
    errors.LockNotAvailable: Diagnosis(
        "is locked by another transaction", f"Wait until that has finished, {_RESUME}"
    ),
    errors.QueryCanceled: Diagnosis(
        "did not answer in time", f"Find out what keeps the server busy, {_RESUME}"
    ),
    errors.DiskFull: Diagnosis(
        "has no room left on its disk", f"Free some space on the server, {_RESUME}"
    ),
    errors.UndefinedTable: Diagnosis(
        "lacks a table of the ledger", "Restore the schema batchcancel from a backup."
    ),
    Closed: Diagnosis("was closed", "This is a defect of batchcancel."),
}
_LOST = Diagnosis(
    "cannot be reached", f"See that the server runs and the network lets you through, {_RESUME}"
)

_PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.TooManyConnections,
    errors.IdleInTransactionSessionTimeout,
)


def diagnose(error: psycopg.Error) -> Diagnosis:
    """Never repeats what the server said of a connection: it may quote what must not show."""
    for kind, diagnosis in _DIAGNOSES.items():
        if isinstance(error, kind):
            return diagnosis
    if is_lost(error):
        return _LOST
    return Diagnosis(f"cannot be used ({type(error).__name__})", "Look into the server's log.")


def is_lost(error: psycopg.Error) -> bool:
    """The connection broke, or could not be made: the server may be starting again."""
    if isinstance(error, Closed | errors.QueryCanceled | errors.DiskFull):
        return False
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def is_passing(error: psycopg.Error) -> bool:
    """The same once more may succeed, in a moment."""
    return isinstance(error, _PASSING) or is_lost(error)


def is_away(diagnosis: Diagnosis) -> bool:
    """Nobody's mistake: in a moment the same may succeed."""
    away = (_LOST, _DIAGNOSES[errors.LockNotAvailable], _DIAGNOSES[errors.QueryCanceled])
    return diagnosis.meaning in {one.meaning for one in away}


def refused_connection(error: psycopg.Error) -> Diagnosis:
    """Why there was no connection to begin with."""
    said = str(error)
    if "password" in said or "authentication" in said:
        return Diagnosis(
            "does not accept this user and password",
            "Check the user, and PGPASSWORD or ~/.pgpass. Nothing was sent.",
        )
    if "does not exist" in said:
        return Diagnosis(
            "is not there, or not for this user",
            "Check the names of the database and the user. Nothing was sent.",
        )
    if "pg_hba.conf" in said or "certificate" in said:
        return Diagnosis(
            "does not let this machine in",
            "Check the server's pg_hba.conf, and the certificates. Nothing was sent.",
        )
    if "translate host name" in said or "resolve" in said:
        return Diagnosis("is on a host nobody knows", "Check the host's name. Nothing was sent.")
    if "invalid" in said:
        return Diagnosis("has an address that cannot be used", "Check the URL. Nothing was sent.")
    return Diagnosis(
        _LOST.meaning, "See that the server runs and lets you through. Nothing was sent."
    )


@contextmanager
def write_failures(name: str) -> Iterator[None]:
    """Whatever the database refused, nothing more may be sent."""
    try:
        yield
    except psycopg.Error as error:
        raise diagnose(error).as_failed_write(name) from error
