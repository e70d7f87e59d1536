"""Instants as a ledger stores them: whole microseconds since 1970, in UTC."""

from datetime import UTC, datetime, timedelta
from typing import overload

from batchcancel.appointments import require_aware

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def stored(moment: datetime | None) -> int | None:
    """Keep every microsecond; naive datetimes raise ValueError."""
    if moment is None:
        return None
    require_aware(moment)
    return (moment - _EPOCH) // _MICROSECOND


@overload
def restored(micros: int) -> datetime: ...
@overload
def restored(micros: None) -> None: ...
def restored(micros: int | None) -> datetime | None:
    """Give back what was stored, as an aware datetime in UTC."""
    return None if micros is None else _EPOCH + micros * _MICROSECOND
