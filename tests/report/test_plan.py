from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from batchcancel.appointments import RejectedRow
from batchcancel.events import Caution
from batchcancel.ledger.contract import OpenRow
from batchcancel.policy.earlier_runs import EarlierRuns, batch_of
from batchcancel.policy.notice import NoticePolicy
from batchcancel.policy.observed import Observed
from batchcancel.policy.pace import Pace
from batchcancel.policy.plan import Planned, make_plan
from batchcancel.policy.rules import Rules
from batchcancel.reader.columns import Columns
from batchcancel.reader.manifest import Manifest, manifest_of
from batchcancel.report.plan import observed_json, plan_json, plan_markdown, plan_text
from batchcancel.report.tables import duration, moment
from batchcancel.settings.approval import PARTS, Approval
from batchcancel.settings.load import Settings, load_settings

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
KOLKATA = ZoneInfo("Asia/Kolkata")
GAPS = [
    *[timedelta(days=10)] * 1200,
    timedelta(hours=-1),
    *[timedelta(hours=1)] * 3,
    *[timedelta(hours=24, seconds=30)] * 100,
    *[None] * 4,
]


APPROVAL = Approval.of(eligible=3, settled=0, **dict.fromkeys(PARTS, ""))


def settings(**flags: str) -> Settings:
    return load_settings("closure.csv", flags=flags, environ={"HUSKYVOICE_API_KEY": "sk_1"})


def ids(begin: int, end: int) -> list[str]:
    return [f"a{number:04d}" for number in range(begin, end)]


def closure() -> Manifest:
    """A row for each gap, the first two of them twice, and five that cannot be read."""
    texts = [None if gap is None else (NOW + gap).isoformat() for gap in GAPS]
    rows = pl.DataFrame({"appointment_id": ids(0, len(GAPS)), "starts_at": texts})
    lines = pl.concat([rows, rows.head(2)]).with_row_index("line", offset=2)
    bad = [RejectedRow(line=9000 + number, reason="ragged") for number in range(5)]
    names = {"appointment_id": "appointment_id", "starts_at": "Begin"}
    columns = Columns(names, ignored=("patient",))
    return manifest_of(lines, source="closure.csv", rejected=bad, columns=columns, read_as=["tabs"])


def planned(
    manifest: Manifest, asked: Settings, *, timezone=KOLKATA, notice=24, earlier=None,
    is_given=False,
) -> Planned:  # fmt: skip
    policy = NoticePolicy(notice=timedelta(hours=notice))
    plan = make_plan(
        manifest,
        policy=policy,
        pace=Pace(now=NOW, rate=asked.rate),
        earlier=earlier or EarlierRuns(),
        limit=asked.limit,
    )
    return Planned(
        plan=plan,
        approval=APPROVAL,
        batch=batch_of(manifest, name=asked.batch, origin=asked.origin),
        manifest=manifest,
        rules=Rules(policy=policy, timezone=timezone, is_given=is_given),
        rate=asked.rate,
        limit=asked.limit,
        observed=Observed(),
        at=NOW,
    )


BUSY = settings(limit="1302")


@pytest.fixture(scope="module")
def busy() -> Planned:
    """A plan in which every line has something to say, and a number of its own."""
    earlier = EarlierRuns(
        settled_ids=ids(0, 7), open_rows=[OpenRow(one, 1, NOW) for one in ids(10, 16)]
    )
    return planned(closure(), BUSY, earlier=earlier)


@pytest.fixture
def empty() -> Planned:
    """A plan for nothing at all."""
    nothing = pl.DataFrame(schema={"line": pl.Int64, "appointment_id": pl.String})
    return planned(manifest_of(nothing, source="closure.csv"), settings())


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        "Plan for batch closure: closure.csv at https://api.huskyvoice.ai",
        "read as tabs",
        "columns 2 appointment_id, starts_at from 'Begin'",
        "not used 1 'patient'",
        "rows 1,313 and 2 exact duplicates, counted once",
        "rejected rows 5",
        "settled already 7 in the ledger; never sent again",
        "skipped: already_started 1 their time has come",
        "skipped: notice_window 3 less than 24 h of notice left",
        "held back 2 by --limit 1302",
        "eligible 1,295 to be cancelled",
        "observed 0 compared with what the API shows now; not the 6 open, read back in their turn",
        "of them open 6 read back first: they may be cancelled already",
        "start unknown 2 looked up in their turn",
        "first start Tue 2026-06-02 11:30 Asia/Kolkata",
        "last start Thu 2026-06-11 11:30 Asia/Kolkata",
        "requests 1,303 at 60/60s",
        "time 21 min 0 s, until Mon 2026-06-01 11:51 Asia/Kolkata",
        (
            "notice 24 hours, from the API; the first deadline is today 11:30 Asia/Kolkata, "
            "in 30 s; 4 are too late already, 40 more when their turn comes"
        ),
        "open windows not looked at: nothing is left to cancel",
        (
            "daily quota there may be one, of requests; it begins anew at 00:00 UTC, "
            "05:30 Asia/Kolkata"
        ),
    ],
)
def test_the_plan_shows_each_number(busy, line):
    assert line in words(plan_text(busy))


@pytest.mark.parametrize(
    "warning",
    [
        "!! 3 appointments are inside the notice window of 24 h and will NOT be cancelled.",
        "For a closure, cancel them too with --notice-hours 0",
        "!! 40 appointments will be past their deadline before their turn comes,",
    ],
)
def test_what_will_not_be_cancelled_is_told_loudly(busy, warning):
    told = words(plan_text(busy))
    assert any(line.startswith(warning) for line in told)


def test_a_plan_for_nothing_warns_of_nothing(empty):
    text = plan_text(empty)

    assert {"eligible 0 to be cancelled", "left alone 0"} <= {*words(text)}
    assert not {"time", "daily"} & {line.split(" ")[0] for line in words(text)}
    assert "!!" not in text


def test_as_markdown_the_plan_is_a_table_and_above_it_stands_what_somebody_must_look_at(busy):
    head, warning, late, rejected, places, table, *_ = plan_markdown(busy).split("\n\n")

    assert "At https://api.huskyvoice.ai: these are real appointments." == head
    assert warning.startswith("> **3 appointments are inside the notice window of 24 h and will")
    assert late.startswith("> **40 appointments will be past their deadline")
    assert 5 == len(rejected.splitlines())
    assert places.startswith("| To be cancelled | Rows | Session |")
    assert ["| Plan | Number |  |", "|---|---:|---|"] == table.splitlines()[:2]
    assert "| eligible | 1,295 | to be cancelled |" in table
    assert "| - of them open | 6 | read back first: they may be cancelled already |" in table
    assert plan_markdown(busy).endswith(f"Approval: `{APPROVAL}`")


def test_what_others_called_things_is_no_markup(empty):
    columns = Columns({"appointment_id": "appointment_id"}, ignored=("a|b", "<b>*x*</b>"))
    named = replace(empty, manifest=replace(empty.manifest, columns=columns))

    assert r"| - not used | 2 | 'a\|b', '\<b\>\*x\*\</b\>' |" in plan_markdown(named)


@pytest.mark.parametrize(
    ("flags", "rules", "lines"),
    [
        ({"notice_hours": "1.5"}, {"notice": 1.5, "is_given": True},
         {("notice 1.5 hours, as given with --notice-hours; the first deadline is Tue 2026-06-02 "
          "10:00 Asia/Kolkata, in 22 h 30 min; 4 are too late already")}),
        ({"limit": "1302"}, {"timezone": None}, {"first start Tue 2026-06-02 06:00 UTC"}),
        ({"rate": "none"}, {}, {"time as fast as the API answers", "requests 1,308 at none"}),
        ({"limit": "1302"}, {"notice": 1.5},
         {"skipped: notice_window 3 less than 1.5 h of notice left"}),
    ],
    ids=["given", "no timezone", "no rate", "half an hour"],
)  # fmt: skip
def test_what_is_not_known_or_not_whole_is_told_as_it_is(flags, rules, lines):
    assert lines <= {*words(plan_text(planned(closure(), settings(**flags), **rules)))}


def test_the_plan_for_machines_has_the_same_numbers(busy):
    assert plan_json(busy, ledger="closure.ledger.db") == {
        "batch": "closure",
        "origin": "https://api.huskyvoice.ai",
        "rehearsal": False,
        "rows": 1313,
        "duplicates": 2,
        "rejected_rows": 5,
        "settled": 7,
        "skipped": {"already_started": 1, "notice_window": 3},
        "already_cancelled": 0,
        "needs_review": 0,
        "held_back": 2,
        "eligible": 1295,
        "open": 6,
        "first_start": "2026-06-02T06:00:30+00:00",
        "last_start": "2026-06-11T06:00:00+00:00",
        "first_start_known_by": "exact",
        "last_start_known_by": "exact",
        "notice_hours": 24,
        "notice_given": False,
        "first_deadline": "2026-06-01T06:00:30+00:00",
        "requests": 1303,
        "seconds": 1260,
        "will_miss": 40,
        "cautions": {},
        "columns": {
            "used": {"appointment_id": "appointment_id", "starts_at": "Begin"},
            "ignored": ["patient"],
        },
        "read_as": ["tabs"],
        "observed": observed_json(busy),
        "windows": {"open": None, "places": None, "unread": None},
        "approval": str(APPROVAL),
        "ledger": "closure.ledger.db",
    }


def test_what_a_person_should_know_is_told_to_both():
    given = planned(closure(), settings())
    told = Caution(code="odd", text="the moon is full")
    given = replace(given, rules=replace(given.rules, cautions=(told,)))

    assert "!! The moon is full." in plan_text(given).splitlines()
    assert {"odd": "the moon is full"} == plan_json(given, ledger="l")["cautions"]


def test_the_plan_for_machines_adds_up(busy):
    told = plan_json(busy, ledger="closure.ledger.db")
    places = ("rejected_rows", "settled", "held_back", "eligible")

    assert told["rows"] == sum(told[name] for name in places) + sum(told["skipped"].values())


def test_a_plan_for_nothing_has_no_first_start(empty):
    told = plan_json(empty, ledger="closure.ledger.db")
    assert (told["rows"], told["first_start"], told["last_start"]) == (0, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.4, "0 s"), (42, "42 s"), (59.6, "1 min 0 s"), (543, "9 min 3 s"),
     (3599.6, "1 h 0 min"), (9960, "2 h 46 min"), (9999, "2 h 46 min"), (100_000, "27 h 46 min")],
)  # fmt: skip
def test_a_duration_is_told_in_its_two_largest_units(seconds, text):
    assert text == duration(seconds)


@pytest.mark.parametrize(
    ("zone", "text"),
    [(KOLKATA, "Mon 2026-06-01 11:30 Asia/Kolkata"), (None, "Mon 2026-06-01 06:00 UTC")],
)
def test_a_moment_is_told_as_the_clinic_reads_it(zone, text):
    assert text == moment(NOW, zone)
