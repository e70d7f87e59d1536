"""What an error of PostgreSQL means to the person who has to do something about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from batchcancel.ledger.statements import Diagnosis


class Closed(psycopg.InterfaceError):
    """The ledger was closed by us."""


_RESUME = "then run the same command again."
_MISTAKES = {
    "25006": ("is read-only, as a standby is", "Name the primary server with --ledger."),
    "28000": ("does not let this user in from here", "Check the user, and its pg_hba.conf."),
    "28P01": ("does not accept this user and password", "Check PGPASSWORD or ~/.pgpass."),
    "3D000": ("is not there", "Check the name of the database."),
    "42501": ("does not let this user do that", f"Grant it what the README names, {_RESUME}"),
    "42P01": ("lacks a table of the ledger", "Restore the schema batchcancel from a backup."),
}
_TROUBLES = {
    "53100": ("has no room left on its disk", f"Free some space on the server, {_RESUME}"),
    "53300": ("has no connection left", f"A run needs two: let it have them, {_RESUME}"),
    "55P03": ("is locked by another transaction", f"Wait until that has finished, {_RESUME}"),
    "57014": ("did not answer in time", f"Find out what keeps the server busy, {_RESUME}"),
    "57P03": ("is starting or stopping", f"Wait until it runs, {_RESUME}"),
}
_TROUBLED = ("08", "40", "53", "55", "57", "58")
"""Classes of codes: connection, rollback, resources, state, operators, the system."""

_PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.TooManyConnections,
    errors.IdleInTransactionSessionTimeout,
)


def diagnose(error: psycopg.Error) -> Diagnosis:
    """Never repeats what the server said of a connection: it may quote what must not show."""
    if isinstance(error, Closed):
        return Diagnosis("was closed", "This is a defect of batchcancel.")
    if "statement pooling" in str(error):  # PgBouncer's own words
        return Diagnosis(
            "is behind a pooler that keeps no transaction together",
            "Set pool_mode=transaction (or session) in PgBouncer, for this database.",
        )
    if found := by_code(error.sqlstate or ""):
        return found
    if is_lost(error):
        return lost("See that the server runs and the network lets you through.")
    return Diagnosis(f"cannot be used ({type(error).__name__})", "Look into the server's log.")


def by_code(code: str) -> Diagnosis | None:
    """What an SQLSTATE means that is known by itself, or by its class."""
    if code in _MISTAKES:
        return Diagnosis(*_MISTAKES[code])
    if code in _TROUBLES:
        return Diagnosis(*_TROUBLES[code], is_trouble=True)
    if code.startswith(_TROUBLED):
        return lost("See that the server runs and the network lets you through.")
    if code:
        return Diagnosis(f"cannot be used (SQLSTATE {code})", "Look into the server's log.")
    return None


def lost(hint: str) -> Diagnosis:
    """It cannot be reached just now."""
    return Diagnosis("cannot be reached", f"{hint} {_RESUME.capitalize()}", is_trouble=True)


def is_lost(error: psycopg.Error) -> bool:
    """The connection broke, or could not be made: the server may be starting again."""
    if isinstance(error, Closed | errors.QueryCanceled | errors.DiskFull):
        return False
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def is_passing(error: psycopg.Error) -> bool:
    """The same once more may succeed, in a moment."""
    return isinstance(error, _PASSING) or is_lost(error)


@contextmanager
def write_failures(name: str) -> Iterator[None]:
    """Whatever the database refused, nothing more may be sent."""
    try:
        yield
    except psycopg.Error as error:
        raise diagnose(error).as_failed_write(name) from error
