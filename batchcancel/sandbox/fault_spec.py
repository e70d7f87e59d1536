"""Faults written on a command line."""

import math
import re

from batchcancel.sandbox.faults import NAMES, STRIKE_BEFORE, Fault, SeededFaults, When

_NAMES = NAMES - {"status"}
_ITEM = re.compile(r"(?P<name>[a-z_0-9]+)(?P<after>-after)?=(?P<chance>[0-9.]+)(:(?P<s>[0-9.]+)s)?")


def parse_faults(text: str) -> SeededFaults:
    """Read faults such as `429=0.05:3s,500=0.02,slow=0.1:2.5s,reset-after=0.01,seed=7`.

    Each item is `NAME=PROBABILITY[:SECONDSs]`, where NAME is a fault or a status code, and
    `-after` lets it strike once the change is applied. The seconds of a status are its
    Retry-After. A bad item raises a ValueError that names the known faults.
    """
    seed = 0
    chances: dict[Fault, float] = {}
    for item in text.replace(" ", "").split(","):
        if item.startswith("seed=") and item[5:].isdecimal():
            seed = int(item[5:])
        elif item:
            fault, chance = _read(item)
            chances[fault] = chance
    return SeededFaults(chances=chances, seed=seed)


def _read(item: str) -> tuple[Fault, float]:
    found = _ITEM.fullmatch(item)
    if not found:
        raise ValueError(_complaint(item))
    try:
        return _fault(found), float(found["chance"])
    except ValueError:
        raise ValueError(_complaint(item)) from None


def _fault(found: re.Match[str]) -> Fault:
    name, seconds = found["name"], found["s"]
    when: When | None = "after" if found["after"] else None
    if name.isdecimal():
        return Fault("status", when=when, status=int(name), retry_after=_retry_after(name, seconds))
    if name not in _NAMES or (found["after"] and name not in STRIKE_BEFORE):
        raise ValueError(name)
    return Fault(name, when=when, seconds=float(seconds or 1))


def _retry_after(status: str, seconds: str | None) -> str | None:
    if seconds is None and status != "429":
        return None
    return str(math.ceil(float(seconds or 1)))


def _complaint(item: str) -> str:
    known = ", ".join(sorted(_NAMES))
    return (
        f"Cannot read the fault {item!r}: write NAME=PROBABILITY or NAME=PROBABILITY:SECONDSs, "
        f"where NAME is a status code or one of {known}."
    )
