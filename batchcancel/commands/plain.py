"""Records as plain values that JSON has, and back by their annotations."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

Made = TypeVar("Made")

_SCALARS: dict[Any, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    timedelta: lambda seconds: timedelta(seconds=seconds),
}


def plain(value: Any) -> Any:
    """The value without names of fields: `made` knows them."""
    kind: Any = type(value)
    match value:
        case date() | time():  # a datetime is one too
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case None | str() | int() | float():
            return value
        case Mapping():
            value = value.items()
        case _ if fields := _fields(kind):
            value = [getattr(value, name) for name in fields]
    return [plain(one) for one in value]


def made(kind: type[Made], value: Any) -> Made:
    """What was `plain`; raises `ValueError` or `TypeError` where it cannot be of this kind."""
    return cast(Made, _made(kind, value))


def _made(kind: Any, value: Any) -> Any:
    kinds, origin = get_args(kind), get_origin(kind)
    if NoneType in kinds:
        (other,) = [one for one in kinds if one is not NoneType]
        made = None if value is None else _made(other, value)
    elif origin is tuple:
        made = tuple(_all(kinds, value))
    elif origin is not None and issubclass(origin, Mapping):
        made = {_made(kinds[0], name): _made(kinds[1], one) for name, one in value}
    elif origin is not None:
        made = [_made(kinds[0], one) for one in value]
    elif fields := _fields(kind):
        made = kind(**dict(zip(fields, _all(fields.values(), value), strict=True)))
    else:
        made = _SCALARS.get(kind, kind)(value)
    return made


def _all(kinds: Iterable[Any], values: Iterable[Any]) -> Iterator[Any]:
    yield from (_made(kind, one) for kind, one in zip(kinds, values, strict=True))


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """The fields of a record, in their order, with their kinds; of another value none."""
    is_record = is_dataclass(kind) or hasattr(kind, "_fields")
    return get_type_hints(kind) if is_record else {}
