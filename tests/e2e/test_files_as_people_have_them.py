"""Manifests as other programs and people write them: what is printed, and the exit code."""

import gzip
import io
import json
import re
import shlex
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from tests.e2e.stage import FAR
from tests.reader.parquet_by_hand import (
    INTERVAL,
    UUID,
    by_hand,
    fixed,
    in_offset_zone,
    int96,
    texts,
)  # fmt: skip
from tests.sample import sampled

NINE = datetime(FAR.year, FAR.month, FAR.day, 9, tzinfo=UTC)
LOCAL = NINE.replace(tzinfo=None)
KEY = uuid.UUID("12345678-1234-4234-9234-123456789abc")
ID, START = "appointment_id", "starts_at"
PLAIN = f"{ID},{START}\na1,{FAR}T09:00\n"


@dataclass(frozen=True)
class Case:
    """A manifest, what is typed with it, the exit code, and some of what is shown.

    `then` are words with which it is planned after all: what the hint says to type.
    """

    content: bytes | str
    code: int
    shown: tuple[str, ...]
    words: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    eligible: int = 1


def parquet(**columns):
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def read(content, *shown, words=(), eligible=1):
    return Case(content, 0, shown, tuple(words), eligible=eligible)


def refused(content, *shown, then=()):
    return Case(content, 2, shown, then=tuple(then))


WRITTEN = {
    "DD/MM/YYYY": "15/12/2099",
    "MM/DD/YYYY": "12/15/2099",
    "DD.MM.YY": "15.12.49",
    "YYYY/MM/DD": "2099/12/15",
    "DD-MMM-YYYY": "15-Dec-2099",
}
CSV = {
    "semicolons": read(PLAIN.replace(",", ";"), "read as", "semicolons between cells"),
    "tabs": read(PLAIN.replace(",", "\t"), "tabs between cells"),
    "bars": read(PLAIN.replace(",", "|"), "bars between cells"),
    "Unicode text": read(
        PLAIN.replace(",", "\t").encode("utf-16"), "UTF-16 text, tabs between cells"
    ),
    "big-endian": read(b"\xfe\xff" + PLAIN.encode("utf-16-be"), "UTF-16 text"),
    "sep": read("sep=;\r\n" + PLAIN.replace(",", ";"), "semicolons"),
    "sep that is quoted": read('"sep=\t"\n' + PLAIN.replace(",", "\t"), "tabs"),
    "gzip": read(gzip.compress(PLAIN.encode()), "unpacked from gzip"),
    "gzip of Unicode text": read(gzip.compress(PLAIN.encode("utf-16")), "gzip, UTF-16 text"),
    "gzip that is cut short": refused(gzip.compress(PLAIN.encode())[:-9], "damaged or cut short"),
    "gzip twice": refused(gzip.compress(gzip.compress(b"x")), "compressed with gzip, twice"),
    "line ends of old Macs": read(PLAIN.replace("\n", "\r"), "lines that end as on old Macs"),
    "gzip of two files": read(gzip.compress(PLAIN.encode()) + gzip.compress(b"a2,\n"), eligible=2),
    "JSON": refused('[{"appointment_id": "a1"}]', "is not a table: it is JSON"),
    "a web page": refused("<!DOCTYPE html>\n<html>", "is not a table: it is a web page"),
    "a title above the header": refused(
        f"Closed on Monday;;\n{PLAIN.replace(',', ';')}", "first line names the columns"
    ),
    "a header with a byte order mark in the middle": refused(
        f"{PLAIN}\ufeff{PLAIN}", "line 3: the header is repeated here"
    ),
    "times in UTC by that word": read(
        f"{ID},{START}\na1,{FAR} 09:00:00 UTC\n", "14:30 Asia/Kolkata"
    ),
    "an offset after a blank": read(f"{ID},{START}\na1,{FAR} 09:00:00 +0530\n", "09:00 Asia"),
    "days as a spreadsheet counts them": refused(
        f"{ID},{START}\na1,46371.375\na2,46372\n", "46371.375: days as a spreadsheet counts them"
    ),
    "dates that are instants": refused(
        f"{ID},date\na1,{FAR}T00:00:00Z\na2,{FAR}T00:00:00Z\n", "write it like 2026-06-15"
    ),
    "times of noon by AM and PM": refused(
        f"{ID},{START}\na1,12/15/2099 9:30 AM\na2,12/16/2099 12:05 PM\n", "write 2099-12-15",
        then=("--date-format", "MM/DD/YYYY"),
    ),
    "days in one word": refused(
        f"{ID},{START}\na1,20991215\na2,20991216\n", "write 2099-12-15",
        then=("--date-format", "YYYYMMDD"),
    ),
    "a semicolon in a cell": read(f"{ID},{START},x;y\na1,{FAR}T09:00,1;2\n", "'x;y'"),
    "separators below": read(PLAIN + ",\n,,,\n,\n", f"columns   2  {ID}, {START}"),
    "separators above": read(",,\n" + PLAIN),
    "a header in the middle": refused(
        PLAIN + PLAIN.replace("a1", "a2"), "line 3: the header is repeated here: 'appointment_id'"
    ),
    "a header of other columns in the middle": refused(
        f"{PLAIN}Appointment-ID,Start\na2,\n", "line 3: the header is repeated here"
    ),
    "names as people mean them": read(
        f"Appointment ID,Starts_At,NOTES, Patient\na1,{FAR}T09:00,x,Ms Smith\n",
        "appointment_id from 'Appointment ID', starts_at from 'Starts_At', notes from 'NOTES'",
        "not used  1  ' Patient'",
    ),
    "an id column of two": refused(
        f"{ID},Appointment-ID\na1,b1\n",
        "more than one column that means appointment_id: 'appointment_id', 'Appointment-ID'",
        then=("--ignore-column", "Appointment-ID"),
    ),
    "one name twice": refused(f"{ID},x,x\na1,,\n", "more than one column named 'x'"),
    "start_at": refused(
        f"{ID},start_at\na1,{FAR}T09:00\n", "did you mean starts_at?",
        then=("--column", "starts_at=start_at"),
    ),
    "start_at that is something else": refused(
        f"{ID},start_at\na1,x\n", "--ignore-column start_at", then=("--ignore-column", "start_at")
    ),
    "appointment_dat": refused(
        f"{ID},appointment_dat\na1,{FAR}\n", "did you mean appointment_date?",
        then=("--column", "appointment_date=appointment_dat"),
    ),
    "sesion": refused(
        f"{ID},sesion\na1,Morning\n", "did you mean session?", then=("--column", "session=sesion")
    ),
    "two that are close": refused(
        f"{ID},Date,noets,brnach id\na1,{FAR},x,\n", "did you mean notes, branch_id?",
        then=("--column", "notes=noets", "--ignore-column", "brnach id"),
    ),
    "an id that is close": refused(
        "apointment_id\na1\n", "did you mean appointment_id?",
        then=("--column", "appointment_id=apointment_id"),
    ),
    "close in quotes": refused(
        f'{ID},"note,"\na1,x\n', "did you mean notes?", then=("--column", '"notes=note,"')
    ),
    "close beside the real one": read(f"{ID},note,notes\na1,x,y\n", "'note'"),
    "another name": read(
        "Booking ref\na1\n", "appointment_id from 'Booking ref'",
        words=("--column", "appointment_id=Booking ref"),
    ),
    "an id column that is called id": refused(
        "id;name\na1;x\n", "--column appointment_id=id", then=("--column", "appointment_id=id")
    ),
    "a blank before an id": refused(f"{ID}\n a1\n", "line 2: ", ": ' a1'"),
    "a blank that does not break": refused(f"{ID}\na1\xa0\n", r": 'a1\xa0'"),
    "a letter that looks like another": refused(f"{ID}\n\u0430pt1\n", r": '\u0430pt1'"),
    "a long cell": refused(f"{ID}\n{'x' * 999}\n", "x" * 40 + "...'"),
    "a time that is none": refused(f"{PLAIN}a2,9 o'clock\n", "line 3: the start", '"9 o\'clock"'),
    "columns that contradict each other": refused(
        f"{ID},{START},date\na1,{FAR}T09:00,{FAR + timedelta(1)}\n",
        "name different starts, or different days", f"'{FAR}T09:00, {FAR + timedelta(1)}'",
        then=("--ignore-column", "date"),
    ),
    "a bad date beside a good start": read(
        f"{ID},{START},date\na1,{FAR}T09:00,soon\n", "!! The date of 1 row cannot be read",
    ),
    "a date that is kept as a time": read(f"{ID},date\na1,{FAR} 00:00:00\n", f"{FAR}"),
    "notes of nan": read(f"{ID},notes\na1,NaN\n", "!! The notes of 1 row are 'NaN'"),
    "notes of NULL and None": read(f"{ID},notes\na1,NULL\na2,None\n", "2 rows", eligible=2),
    **{
        f"days like {how}": refused(
            f"{ID},{START}\na1,{day}\na2,{day} 9:30\n", f"every start is written {day}",
            "-12-15", then=("--date-format", how),
        )
        for how, day in WRITTEN.items()
    },
    "days of which nobody knows the order": refused(
        f"{ID},date\na1,03/04/2099\na2,01/02/2099\n",
        "every date is written 03/04/2099: day first or month first cannot be known; "
        "write 2099-03-04 or 2099-04-03", then=("--date-format", "DD/MM/YYYY"),
    ),
    "days with one order that fits": refused(
        f"{ID},{START}\na1,15/12/2099\na2,16/12/2099\n", "every start is written 15/12/2099: day "
        "first or month first cannot be known; write 2099-12-15",
        then=("--date-format", "DD/MM/YYYY"),
    ),
    "a column of nonsense": refused(f"{ID},{START}\na1,soon\na2,later\n", "every start is unread"),
    "some days otherwise": refused(f"{PLAIN}a2,{FAR:%d/%m/%Y}\n", f"'{FAR:%d/%m/%Y}'"),
    "a format that none has": Case(
        PLAIN, 2, ("--date-format: write a format like DD/MM/YYYY",), ("--date-format", "DD/MM")
    ),
}  # fmt: skip

PARQUET = {
    "two columns of one name": refused(
        by_hand(texts(ID, "a1"), texts("x", "1"), texts(ID, "a2")), f"column named '{ID}'"
    ),
    "two of one name that nobody uses": refused(
        by_hand(texts(ID, "a1"), texts("x", "1"), texts("x", "2")), "column named 'x'"
    ),
    "INT96": read(by_hand(texts(ID, "a1"), int96(START, NINE)), "14:30 Asia/Kolkata"),
    "no zone": read(parquet(appointment_id=["a1"], starts_at=[LOCAL]), "09:00 Asia/Kolkata"),
    "an offset for a zone": read(
        in_offset_zone(START, NINE, appointment_id=["a1"]), "14:30 Asia/Kolkata"
    ),
    "an offset where nobody looks": read(in_offset_zone("made", NINE, appointment_id=["a1"])),
    "INTERVAL": refused(
        by_hand(texts(ID, "a1"), fixed("wait", b"\0" * 12, converted=INTERVAL)),
        "the column 'wait' of the manifest holds intervals",
    ),
    "a date of datetime64": read(parquet(appointment_id=["a1"], date=[LOCAL.replace(hour=0)])),
    "a UUID": read(by_hand(fixed(ID, KEY.bytes, logical=UUID)), "eligible"),
    "sixteen bytes": read(by_hand(fixed(ID, KEY.bytes)), "eligible"),
    "sixteen letters": read(by_hand(fixed(ID, b"appt_00000000001")), "eligible"),
    "text without a type": read(by_hand(texts(ID, "a1", converted=None)), "eligible"),
    "categories": read(
        parquet(
            appointment_id=pl.Series(["a1"], dtype=pl.Categorical),
            session=pl.Series(["Morning"], dtype=pl.Enum(["Morning"])),
        )
    ),
    "names as people mean them": read(parquet(**{"Appointment ID": ["a1"]}), "'Appointment ID'"),
    "lists": refused(
        parquet(appointment_id=["a1"], session=[["Morning"]]), "holds lists or structures",
        then=("--ignore-column", "session"),
    ),
    "packed": read(gzip.compress(parquet(appointment_id=["a1"])), "unpacked from gzip"),
}  # fmt: skip


@pytest.fixture
def plan(stage, capfd):
    for one in ("a1", "a2", str(KEY), "appt_00000000001"):
        stage.book(one)

    def plan(content, *words, name="closure.csv"):
        data = content.encode() if isinstance(content, str) else content
        (stage.folder / name).write_bytes(data)
        ended = stage.here("plan", name, "--notice-hours", "0", *words)
        # What polars or its panics print goes round Python.
        assert ("", "") == capfd.readouterr()
        return ended

    return plan


@pytest.mark.parametrize("case", [*sampled(CSV, every=8), *sampled(PARQUET, every=8)])
def test_it_is_read_as_it_is_meant_or_refused_in_a_sentence_whose_hint_works(plan, case):
    ended = plan(case.content, *case.words)
    told = [re.sub(" +", " ", one) for one in (ended.stdout, ended.stderr)]

    assert case.code == ended.returncode, ended.stderr
    assert [] == [one for one in case.shown if re.sub(" +", " ", one) not in "".join(told)], told
    if case.code == 0:
        assert (
            case.eligible
            == json.loads(plan(case.content, *case.words, "--json").stdout)["eligible"]
        )
    if case.then:
        # The hint may name more than one way; each is typed as it stands there.
        assert all(shlex.quote(one) in ended.stderr for one in case.then)
        assert 0 == plan(case.content, *case.then).returncode


@pytest.mark.parametrize(
    "part", ["part-0000{}-c000.snappy.parquet", "year=202{}/0.parquet", "part-0000{}"]
)
def test_a_folder_of_part_files_is_refused_and_no_part_of_it_is_offered(stage, part):
    folder = stage.folder / "closure.parquet"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for number in range(2):
        path = folder / part.format(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(parquet(appointment_id=["a"]))
    ended = stage.here("plan", "closure.parquet")

    assert 2 == ended.returncode
    assert "'closure.parquet' is a directory, not a manifest" in ended.stderr
    assert "Its 2 files may be parts of one table, of which none is the whole" in ended.stderr
    assert part.format(0) not in ended.stderr
    assert ".coalesce(1)" in ended.stderr


def test_a_folder_with_one_part_is_refused_and_names_it(stage):
    stage.book("a1")
    folder = stage.folder / "closure.parquet"
    folder.mkdir()
    (folder / "part-00000-c000.snappy.parquet").write_bytes(parquet(appointment_id=["a1"]))
    ended = stage.here("plan", "closure.parquet")
    [named] = re.findall("like '([^']+)'", ended.stderr)

    assert 2 == ended.returncode
    assert 0 == stage.here("plan", named).returncode


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        (ID, [1], "Int64"),
        ("branch_id", [1.5], "Float64"),
        ("session", [True], "Boolean"),
        ("date", [NINE], "instants"),
    ],
)
def test_what_a_hint_says_to_type_in_polars_makes_it_readable(plan, column, values, kind):
    frame = pl.DataFrame({ID: ["a1"]} | {column: values})
    file = io.BytesIO()
    frame.write_parquet(file)
    ended = plan(file.getvalue())
    assert 2 == ended.returncode
    assert f"the column {column} of the manifest holds {kind}, not strings" in ended.stderr

    file = io.BytesIO()
    [typed] = re.findall("in polars: (.+)", ended.stderr)
    frame.with_columns(eval(typed)).write_parquet(file)
    assert 0 == plan(file.getvalue()).returncode


def test_an_int96_date_is_refused_and_the_hint_makes_the_clinics_day_of_it(plan):
    content = by_hand(texts(ID, "a1"), int96("date", NINE.replace(hour=20)))
    [typed] = re.findall("in polars: (.+)", plan(content).stderr)
    frame = pl.read_parquet(io.BytesIO(content)).with_columns(eval(typed))

    assert [date(FAR.year, FAR.month, FAR.day) + timedelta(1)] == frame["date"].to_list()


@pytest.mark.parametrize(
    ("zone", "day"),
    sampled(
        [
            ("Africa/Cairo", date(2027, 4, 30)),
            ("America/Santiago", date(2027, 9, 5)),
            ("Asia/Beirut", date(2027, 3, 28)),
            ("America/Havana", date(2027, 3, 14)),
        ],
        every=4,
    ),
)
@pytest.mark.parametrize("column", ["starts_at", "appointment_date", "date"])
def test_a_day_alone_is_that_day_also_where_midnight_does_not_exist(stage, zone, day, column):
    stage.book("a1", day=day)
    (stage.folder / "closure.csv").write_text(f"{ID},{column}\na1,{day}\n")
    ended = stage.here("plan", "closure.csv", "--timezone", zone, "--notice-hours", "0", "--json")

    told = json.loads(ended.stdout)
    assert (0, 1) == (ended.returncode, told["eligible"])
    assert (day.isoformat(), "day") == (told["first_start"], told["first_start_known_by"])


@pytest.mark.parametrize(
    "job", ['column = ["appointment_id=Booking ref"]', '[column]\nappointment_id = "Booking ref"']
)
def test_columns_are_told_to_machines_by_our_names_and_in_the_log(stage, job):
    stage.book("a1")
    (stage.folder / "closure.csv").write_text(f"Booking ref,Starts At,name\na1,{FAR}T09:00,Ms S\n")
    (stage.folder / "job.toml").write_text(job)
    words = ("closure.csv", "--job-file", "job.toml")
    planned = json.loads(stage.here("plan", *words, "--json").stdout)
    ended = stage.here("run", *words, "--yes", "--log-format", "json", "--notice-hours", "0")

    used = {ID: "Booking ref", START: "Starts At"}
    assert {"used": used, "ignored": ["name"]} == planned["columns"]
    [event] = [one for one in ended.stderr.splitlines() if '"columns"' in one]
    logged = json.loads(event)
    assert (used, ["name"]) == (logged["used"], logged["ignored"])
    read = stage.here("run", *words, "--yes", "--notice-hours", "0", "--batch", "other").stderr
    assert f"used='{ID} from Booking ref, {START} from Starts At' ignored=name" in read
    assert ["a1"] == stage.patched()
