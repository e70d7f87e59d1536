"""The organisation's data model and its made-up data: settings, calendar, appointment records."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

STATUSES = ("confirmed", "rescheduled", "cancelled", "completed")
SESSIONS = ("Morning", "Afternoon", "Evening")
_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OPENING_HOURS = {"Morning": 9, "Afternoon": 13, "Evening": 17}
_HOURS_OPEN = 3
_FEWEST_PLACES = 20
_SERVICES = ("General consultation", "Vaccination", "Follow-up")
_DOCTORS = ("Dr. Asha Rao", "Dr. José Núñez", None)

Slot = tuple[str, date, str]
"""What fills up: a branch, a day and a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """The settings of the imitated organisation; equal settings and seed give equal records.

    `appointments` are spread over `days` days from tomorrow on. Without `slot_capacity`, every
    slot has just room for its share, at least 20. What its page does not tell: whether setting a
    status back to confirmed is refused where there is no room (`checks_confirming`), and whether
    `filled_slots` counts appointments that were moved (`counts_rescheduled`).
    """

    appointments: int = 100
    days: int = 14
    branches: int = 2
    seed: int = 0
    timezone: str = "Asia/Kolkata"
    notice_hours: int = 24
    allow_cancellation: bool = True
    slot_capacity: int | None = None
    checks_confirming: bool = True
    counts_rescheduled: bool = True

    def __post_init__(self) -> None:
        ZoneInfo(self.timezone)
        if self.appointments < 0 or self.days < 1 or self.branches < 1:
            raise ValueError("A clinic has at least one branch and one day, and no negative count.")

    @property
    def branch_ids(self) -> list[str]:
        return [_uuid(f"{self.seed} branch {number}") for number in range(self.branches)]

    @property
    def services(self) -> dict[str, str]:
        """The names of the services by their ids."""
        return {_uuid(f"{self.seed} type {number}"): name for number, name in enumerate(_SERVICES)}

    @property
    def places(self) -> int:
        """Return how many appointments fit into one slot."""
        slots = self.days * self.branches * len(SESSIONS)
        share = -(-self.appointments // slots)
        return self.slot_capacity or max(_FEWEST_PLACES, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWindow:
    """A weekly rule: this branch is open for this session from start to end, clinic time."""

    calendar_id: str
    branch_id: str
    day: str
    session: str
    batch: str
    start_time: str
    end_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentRecord:
    """The fields of the API page's table; `notes` can be written but is not shown."""

    appointment_id: str
    appointment_type: str
    branch_id: str
    date: date
    session: str
    batch: str
    token: str | None = None
    patient_name: str
    parent_phone: str | None
    assigned_doctor: str | None = None
    status: str = "confirmed"
    external_reference_id: str | None = None
    created_at: datetime
    updated_at: datetime
    notes: str | None = None

    @property
    def slot(self) -> Slot:
        return (self.branch_id, self.date, self.session)

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in _SHOWN},
            "date": self.date.isoformat(),
            "created_at": _utc_text(self.created_at),
            "updated_at": _utc_text(self.updated_at),
        }


_SHOWN = [field.name for field in fields(AppointmentRecord) if field.name != "notes"]


def calendar_windows(clinic: Clinic) -> list[CalendarWindow]:
    """Return the week of every branch; a later branch opens half an hour later."""
    return [
        CalendarWindow(
            calendar_id=_uuid(f"{clinic.seed} {branch_id} {day} {session}"),
            branch_id=branch_id,
            day=day,
            session=session,
            batch=batch_label(session),
            start_time=_time_of_day(hour, late=number),
            end_time=_time_of_day(hour + _HOURS_OPEN, late=number),
        )
        for number, branch_id in enumerate(clinic.branch_ids)
        for day in _WEEK
        for session, hour in _OPENING_HOURS.items()
    ]


def first_records(clinic: Clinic, *, now: datetime) -> Iterator[AppointmentRecord]:
    """Yield `appt_000001` and so on, dealt evenly over the slots in an order set by the seed."""
    rng = random.Random(clinic.seed)
    slots = _slots(clinic, today=now.astimezone(ZoneInfo(clinic.timezone)).date())
    dealt = [slots[number % len(slots)] for number in range(clinic.appointments)]
    rng.shuffle(dealt)
    for number, slot in enumerate(dealt, start=1):
        booked = now - timedelta(days=rng.randint(1, 30), seconds=rng.randint(0, 86_399))
        yield new_record(clinic, number=number, slot=slot, created_at=booked)


def new_record(
    clinic: Clinic, *, number: int, slot: Slot, created_at: datetime
) -> AppointmentRecord:
    branch_id, day, session = slot
    return AppointmentRecord(
        appointment_id=f"appt_{number:06}",
        appointment_type=list(clinic.services)[number % len(_SERVICES)],
        branch_id=branch_id,
        date=day,
        session=session,
        batch=batch_label(session),
        patient_name=f"Fictitious Patient {number}",
        parent_phone=_phone(number),
        assigned_doctor=_DOCTORS[number % len(_DOCTORS)],
        created_at=created_at,
        updated_at=created_at,
    )


def _phone(number: int) -> str | None:
    """As clinics have them: of ten people two share a number, and three cannot be called so."""
    kind = number % 10
    told = {7: None, 8: "ask at the desk", 9: f"+44000{number:07}"}
    number -= kind == 4  # noqa: PLR2004 - the sibling of the one before
    return told.get(kind, f"+91000{number:07}")  # no Indian number begins with a zero


def batch_label(session: str) -> str:
    return f"{session[0]}A"


def weekday(day: date) -> str:
    return _WEEK[day.weekday()]


def _slots(clinic: Clinic, *, today: date) -> list[Slot]:
    return [
        (branch_id, today + timedelta(days=number), session)
        for number in range(1, clinic.days + 1)
        for branch_id in clinic.branch_ids
        for session in SESSIONS
    ]


def _time_of_day(hour: int, *, late: int) -> str:
    return f"{hour:02}:{30 * (late % 2):02}"


@lru_cache(1024)  # every record asks for its branch and its service
def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sandbox {name}"))


def _utc_text(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
