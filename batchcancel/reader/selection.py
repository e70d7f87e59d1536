"""What `find` was asked for, and which records are meant by it. Pure."""

import shlex
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product

from batchcancel.api import Record, Window
from batchcancel.appointments import as_meant

DOCUMENTED = ("confirmed", "rescheduled", "cancelled", "completed")
_SESSIONS = ("Morning", "Afternoon", "Evening")
_FILTERS = ("branch", "session", "batch-label", "service", "doctor")  # the first counts
_OPTIONS = {"--date", "--to", "--status", *(f"--{name}" for name in _FILTERS)}
_MOST_LENGTH = 2_000
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Days, and the words that narrow them, by option; nothing named is everything.

    Words are compared as people mean them, a doctor's also without accents, a status to the letter.
    Branches are ids.
    """

    first: date
    last: date
    filters: Mapping[str, tuple[str, ...]]
    status: tuple[str, ...]

    @property
    def typed(self) -> str:
        """The options that ask for the same, for typing them again."""
        words = ["--date", self.first.isoformat()]
        words += ["--to", self.last.isoformat()] if self.last != self.first else []
        for name in _FILTERS:
            words += [word for one in self.filters[name] for word in (f"--{name}", one)]
        is_usual = set(self.status) == {"confirmed", "rescheduled"}
        return shlex.join(words if is_usual else [*words, "--status", ",".join(self.status)])

    def days(self) -> list[date]:
        length = (self.last - self.first).days + 1
        return [self.first + timedelta(days=number) for number in range(length)]

    def spots(self) -> Iterator[tuple[date, str | None, str | None]]:
        """The days, sessions and branches that are meant; None is all of them."""
        names = (self.filters[name] or (None,) for name in ("session", "branch"))
        yield from product(self.days(), *names)

    def has_day(self, day: date | None) -> bool:
        return day is not None and self.first <= day <= self.last

    def left_out_by(self, record: Record, services: Mapping[str, str]) -> str | None:
        """The first filter that leaves a record out; None where it is meant.

        `services` has the names of services by their ids.
        """
        said = _words(record, services)
        for name in _FILTERS:
            wanted = _meant(name, self.filters[name])
            if wanted and not wanted & _meant(name, said[name]):
                return name.replace("-", "_")
        return None if record.status in self.status else "status"


@dataclass(slots=True)
class Picked:
    """The records of a search that are meant, and how many each filter left out."""

    rows: list[Record] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    """Of those that the status alone left out."""
    without_doctor: int = 0

    @property
    def has_unknown_status(self) -> bool:
        return bool(self.statuses.keys() - set(DOCUMENTED))


def pick(selection: Selection, records: Iterable[Record], services: Mapping[str, str]) -> Picked:
    """Sort out the records of the days in question, by id."""
    picked = Picked()
    for record in sorted(records, key=lambda one: one.appointment_id):
        name = selection.left_out_by(record, services)
        if name is None:
            picked.rows.append(record)
            continue
        picked.left_out[name] += 1
        picked.without_doctor += name == "doctor" and not record.doctor
        if name == "status":
            picked.statuses[record.status] += 1
    return picked


def unused(
    selection: Selection,
    records: Collection[Record],
    windows: Iterable[Window],
    services: Mapping[str, str],
) -> Iterator[str]:
    """Tell of words that nothing uses: they may be mistyped."""
    used: dict[str, set[str | None]] = {name: set() for name in _FILTERS}
    used |= {"session": {*_SESSIONS}, "service": {*services, *services.values()}}
    there: list[Record | Window] = [*records, *windows]
    for one in there:
        for name, said in _words(one, services).items():
            used[name].update(said)
    for name in _FILTERS:
        known = _meant(name, used[name])
        there_are = ", ".join(sorted(filter(None, used[name]))[:_SHOWN]) or "none"
        for word in selection.filters[name]:
            if not _meant(name, [word]) & known:
                what = name.replace("-", " ")
                yield f"No appointment of these days has the {what} {word!r}; there are {there_are}"


def repeated(selections: Collection[str | None]) -> str | None:
    """The selection that all rows of a manifest repeat; None where it is none of ours.

    It is shown as a command to type: nothing else may come through.
    """
    [told, *others] = [*selections] or [None]
    told = told and told.removeprefix("'")  # with which a spreadsheet takes it for no formula
    if told is None or others or len(told) > _MOST_LENGTH or not told.isprintable():
        return None
    try:
        words = shlex.split(told)
    except ValueError:
        return None
    names = words[::2]
    is_ours = len(words) % 2 == 0 and "--date" in names and _OPTIONS.issuperset(names)
    return shlex.join(words) if is_ours else None


def _words(one: Record | Window, services: Mapping[str, str]) -> dict[str, list[str | None]]:
    """What a record or a window says, by the filter that asks for it."""
    said = {"branch": [one.branch_id], "session": [one.session], "batch-label": [one.label]}
    if isinstance(one, Window):
        return said
    names = [one.service_id, services.get(one.service_id or ""), one.service]
    return {**said, "service": names, "doctor": [one.doctor]}


def _meant(name: str, words: Iterable[str | None]) -> set[str]:
    """As people mean them: without case and superfluous blanks, a doctor's without accents too."""
    told = [one for one in words if one]
    if name == "doctor":
        parts = [unicodedata.normalize("NFKD", one) for one in told]
        told = ["".join(one for one in each if not unicodedata.combining(one)) for each in parts]
    return {as_meant(one) for one in told}
