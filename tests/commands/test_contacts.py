"""Names and phones for whoever calls: read now, written for one pair of eyes, and kept nowhere."""

import csv
import os
import re
import stat
import zipfile
from datetime import date
from pathlib import Path

import pytest

from batchcancel.errors import ExitCode, InputError, ScopeMissing
from batchcancel.people.contacts import COLUMNS
from batchcancel.sandbox import Fault

pytestmark = pytest.mark.anyio

FAMILY, ALONE, ABROAD = "+919876543210", "+919876543211", "+442079460000"


@pytest.fixture
async def closed(world):
    """A day of 420, of which the first six are a family and people who are hard to reach."""
    ids = world.appointments(420)
    introduce = world.sandbox.staff.introduce
    introduce(ids[0], name="Asha Canary", phone=FAMILY)
    introduce(ids[1], name="Bala Canary", phone="098765 43210")
    introduce(ids[2], name="=HYPERLINK(A1)", phone=None)
    introduce(ids[3], name="Dev Canary", phone="at the desk")
    introduce(ids[4], name="Eve Canary", phone=ABROAD)
    introduce(ids[5], name="Chitra Canary", phone=ALONE)
    fault = Fault("status", status=409, code="SLOT_FULL")
    world.sandbox.faults.add(fault, method="PATCH", appointment_id=ids[1], times=None)
    await world.run(world.manifest(ids[:6]))
    world.virtual.jump(120)
    return ids[:6]


def lines(path: Path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def test_a_day_with_families_missing_and_foreign_phones_is_one_line_per_call(world, closed):
    branch = world.sandbox.record(closed[0]).branch_id
    job = world.folder / "job.toml"
    job.write_text(f'[branches]\nCity = "{branch}"\n')
    told = await world.contacts(job_file=job)
    family, *others = lines(world.folder / "call.csv")
    assert family == dict(
        zip(
            COLUMNS,
            ("1", "Asha Canary", f"'{FAMILY}", "yes", "Sat 2026-06-20 09:00", "Morning", "City",
             "cancelled", "", closed[0],
             "Bala Canary (Sat 2026-06-20 09:00 refused SLOT_FULL)"),
            strict=True,
        )
    )  # fmt: skip
    assert [(one["patient_name"], one["phone"], one["reachable"]) for one in others] == [
        ("'=HYPERLINK(A1)", "", "no_phone"), ("Dev Canary", "at the desk", "not_a_number"),
        ("Eve Canary", f"'{ABROAD}", "foreign"), ("Chitra Canary", f"'{ALONE}", "yes"),
    ]  # fmt: skip
    counts = {"yes": 2, "foreign": 1, "no_phone": 1, "not_a_number": 1}
    assert (told.reachable, told.appointments, told.exit_code) == (counts, 6, ExitCode.DONE)
    told_of = "2 by a number of this country, 1 abroad, 2 have no usable number: ask at the desk."
    assert told.text().endswith(f" 5 to call: {told_of}")
    assert told.requests <= 3
    assert 0o600 == stat.S_IMODE((world.folder / "call.csv").stat().st_mode)


async def test_a_sheet_has_the_same_with_phones_as_text(world, closed):
    await world.contacts("call.xlsx")
    with zipfile.ZipFile(world.folder / "call.xlsx") as book:
        texts = book.read("xl/sharedStrings.xml").decode()
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert f"<t>{FAMILY}</t>" in texts
    assert "<t>=HYPERLINK(A1)</t>" in texts
    assert "<f>" not in sheet
    assert 't="s"' in sheet
    assert all(
        f"<v>{number}</v>" in re.sub(r'<c [^>]*t="s".*?</c>', "", sheet) for number in (1, 2)
    )
    assert 0o600 == stat.S_IMODE((world.folder / "call.xlsx").stat().st_mode)


async def test_names_and_phones_are_in_that_file_alone(world, closed, capsys):
    await world.contacts()
    written = [one for one in world.folder.rglob("*") if one.is_file() and one.name != "call.csv"]
    assert written
    for canary in (b"Canary", FAMILY[3:].encode(), b"HYPERLINK"):
        assert [one for one in written if canary in one.read_bytes()] == []
        assert canary.decode() not in repr(world.watching.__dict__) + "".join(capsys.readouterr())


async def test_outcomes_pick_whom_to_call_and_what_was_not_found_is_not_asked_for(world, closed):
    before = len(world.sandbox.history.arrivals)
    told = await world.contacts(outcomes=["refused"])
    assert [one["patient_name"] for one in lines(world.folder / "call.csv")] == ["Bala Canary"]
    assert 1 == told.requests == len(world.sandbox.history.arrivals) - before


async def test_a_missing_scope_is_named_and_leaves_no_file(world, closed):
    world.sandbox.keys.add("sk_writes", ["appointments:write"])
    with pytest.raises(ScopeMissing, match="appointments:read"):
        await world.contacts(key="sk_writes")
    assert not (world.folder / "call.csv").exists()


async def test_what_could_not_be_read_is_in_the_file_and_told_with_4(world, closed):
    world.sandbox.faults.add(Fault("status", status=503), method="GET", times=None,
                             appointment_id=closed[5])  # fmt: skip
    world.sandbox.staff.reschedule(closed[5], date(2026, 6, 27))
    told = await world.contacts(max_attempts=2)
    assert (1, ExitCode.INCOMPLETE) == (told.unread, told.exit_code)
    left = [one for one in lines(world.folder / "call.csv") if one["appointment_id"] == closed[5]]
    assert ["now not read"] == [one["reason"] for one in left]


async def test_a_place_that_does_not_keep_mode_0600_is_refused_before_anything_is_asked(
    world, closed, monkeypatch
):
    before, fchmod = len(world.sandbox.history.arrivals), os.fchmod
    monkeypatch.setattr(os, "fchmod", lambda one, _mode: fchmod(one, 0o777))
    with pytest.raises(InputError, match=r"others could read .*0600"):
        await world.contacts()
    assert before == len(world.sandbox.history.arrivals)
    assert [] == [*world.folder.glob("*call.csv*")]


async def test_a_row_that_was_moved_since_is_told_where_it_is_now(world, closed):
    world.sandbox.staff.reschedule(closed[5], date(2026, 6, 27))
    await world.contacts()
    [moved] = [
        one for one in lines(world.folder / "call.csv") if one["appointment_id"] == closed[5]
    ]
    at = "Sat 2026-06-27, Morning, from 09:00"
    assert (at, "now rescheduled") == (moved["starts_at"], moved["reason"])
