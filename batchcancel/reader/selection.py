"""What `find` was asked for, and which records are meant by it. Pure."""

import shlex
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from batchcancel.api import Record, Window
from batchcancel.appointments import as_meant

DOCUMENTED = ("confirmed", "rescheduled", "cancelled", "completed")
_SESSIONS = ("Morning", "Afternoon", "Evening")
_OPTIONS = {"--date", "--to", "--branch", "--session", "--service", "--batch-label", "--doctor"}
_OPTIONS |= {"--status"}
_MOST_LENGTH = 2_000
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Days, and what narrows them; nothing named is everything. Branches are ids.

    Words are compared as people mean them, a doctor's also without accents, a status to the letter.
    """

    first: date
    last: date
    branches: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    doctors: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()

    @property
    def typed(self) -> str:
        """The options that ask for the same, for typing them again."""
        words = ["--date", self.first.isoformat()]
        words += ["--to", self.last.isoformat()] if self.last != self.first else []
        for name, given in (
            ("--branch", self.branches),
            ("--session", self.sessions),
            ("--service", self.services),
            ("--batch-label", self.labels),
            ("--doctor", self.doctors),
        ):
            words += [word for one in given for word in (name, one)]
        is_usual = set(self.statuses) == {"confirmed", "rescheduled"}
        return shlex.join(words if is_usual else [*words, "--status", ",".join(self.statuses)])

    def days(self) -> list[date]:
        length = (self.last - self.first).days + 1
        return [self.first + timedelta(days=number) for number in range(length)]

    def has_day(self, day: date | None) -> bool:
        return day is not None and self.first <= day <= self.last

    def left_out_by(self, record: Record, services: Mapping[str, str]) -> str | None:
        """The first filter that leaves a record out; None where it is meant.

        `services` has the names of services by their ids.
        """
        service_id = record.service_id or ""
        said = {
            "branch": (self.branches, [record.branch_id]),
            "session": (self.sessions, [record.session]),
            "batch_label": (self.labels, [record.label]),
            "service": (self.services, [service_id, services.get(service_id), record.service]),
        }
        for name, (wanted, words) in said.items():
            if wanted and not _meant(wanted) & _meant(words):
                return name
        if self.doctors and _folded(record.doctor or "") not in map(_folded, self.doctors):
            return "doctor"
        return None if record.status in self.statuses else "status"


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
    there: list[Record | Window] = [*records, *windows]
    of_services = [*services, *services.values()]
    of_services += [one for each in records for one in (each.service_id, each.service) if one]
    used: dict[str, tuple[Sequence[str], Sequence[str | None]]] = {
        "branch": (selection.branches, [one.branch_id for one in there]),
        "session": (selection.sessions, [*_SESSIONS, *(one.session for one in there)]),
        "batch label": (selection.labels, [one.label for one in there]),
        "service": (selection.services, of_services),
        "doctor": (selection.doctors, [one.doctor for one in records]),
    }
    for name, (wanted, words) in used.items():
        known = {_folded(one) for one in words if one}
        for word in wanted:
            if _folded(word) not in known:
                there_are = ", ".join(sorted({one for one in words if one})[:_SHOWN]) or "none"
                yield f"No appointment of these days has the {name} {word!r}; there are {there_are}"


def repeated(selections: Collection[str | None]) -> str | None:
    """The selection that all rows of a manifest repeat; None where it is none of ours.

    It is shown as a command to type: nothing else may come through.
    """
    [told, *others] = [*selections] or [None]
    told = told and told.removeprefix("'")  # with which a spreadsheet takes it for no formula
    if told is None or others or len(told) > _MOST_LENGTH or not told.isprintable():
        return None
    try:
        words = shlex.split(told.removeprefix("'"))  # the quote that keeps spreadsheets off
    except ValueError:
        return None
    names = words[::2]
    is_ours = len(words) % 2 == 0 and "--date" in names and _OPTIONS.issuperset(names)
    return shlex.join(words) if is_ours else None


def _meant(words: Iterable[str | None]) -> set[str]:
    return {as_meant(one) for one in words if one}


def _folded(name: str) -> str:
    """Without case, accents and superfluous blanks."""
    parts = unicodedata.normalize("NFKD", name)
    return as_meant("".join(one for one in parts if not unicodedata.combining(one)))
