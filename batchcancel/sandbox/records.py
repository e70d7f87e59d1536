"""An appointment as the API keeps and shows it."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

STATUSES = ("confirmed", "rescheduled", "cancelled", "completed")
SESSIONS = ("Morning", "Afternoon", "Evening")

Slot = tuple[str, date, str]
"""What fills up: a branch, a day and a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The fields of the API page's table; `notes` can be written but is not shown."""

    appointment_id: str
    appointment_type: str
    branch_id: str
    date: date
    session: str
    batch: str
    token: str | None = None
    patient_name: str
    parent_phone: str
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
            "created_at": utc_text(self.created_at),
            "updated_at": utc_text(self.updated_at),
        }


_SHOWN = [field.name for field in fields(Record) if field.name != "notes"]


def utc_text(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
