"""The page for whoever asks tomorrow: its numbers, its words, and that anybody can read it."""

import re
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import html5lib
import pytest

from batchcancel.appointments import Outcome, OutcomeName, RejectedRow, SkipReason
from batchcancel.errors import Refusal
from batchcancel.ledger.contract import Answered, Batch, Intent, LedgerRow, Look, Run, Settled
from batchcancel.ledger.sqlite.ledger import open_sqlite
from batchcancel.report import page as page_module
from batchcancel.report.page import page_html
from batchcancel.sandbox import Fault

NOON = datetime(2026, 6, 10, 4, tzinfo=UTC)
TEMPLATE = Path(page_module.__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
HOSTILE = "<script>alert('x')</script>\u202e&amp;"


class Read(HTMLParser):
    """The text of a page, its tables by caption, and the tags that it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.heads: list[int] = []
        self.words = ""
        self._cell: list[str] | None = None
        self.feed(page)
        self.text = " ".join(self.words.split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.heads.append(int(tag[1]))
        if tag in ("caption", "th", "td"):
            self._cell = []
        if tag == "tr":
            self._row = []
        if tag == "table":
            self._rows = []

    def handle_endtag(self, tag):
        self.words += " "
        told = " ".join("".join(self._cell or ()).split())
        if tag == "caption":
            self.tables[told] = self._rows
        elif tag in ("th", "td"):
            self._row.append(told)
        elif tag == "tr":
            self._rows.append(self._row)

    def handle_data(self, data):
        self.words += data
        if self._cell is not None:
            self._cell.append(data)


def ledger(
    path, count, *, origin="https://api.huskyvoice.ai", word="Morning", timezone="Asia/Kolkata"
):
    """Of a hundred rows 10 are left by the notice window and 2 refused; one more is no row."""
    account = open_sqlite(path, origin=origin, key="k")
    batch = Batch(
        name="closure", origin=origin, digest="d", rows=count, rejected_rows=1, duplicates=0,
        timezone=timezone, selection="--date 2026-06-15",
    )  # fmt: skip
    rows = [
        LedgerRow(f"a{n:06}", NOON + timedelta(days=5 + n % 50, hours=n % 3),
                  date(2026, 6, 15) + timedelta(days=n % 50), word, f"b-{n % 2}", n, "session")
        for n in range(count)
    ]  # fmt: skip
    account.enrol(batch, rows, [RejectedRow(line=count, reason="no_id")])
    run = Run(run_id="run-1", batch="closure", started_at=NOON, version="0.1", user="asha",
              host="desk", options={"rate": "60/60s", "manifest": word})  # fmt: skip
    account.hold(run)
    entries = []
    at = NOON
    for n, row in enumerate(rows):
        if n % 10 == 9:
            continue
        at += timedelta(seconds=30 if n == 8 else 1)
        name, reason = OutcomeName.CANCELLED, None
        if n % 50 == 8:
            name, reason = OutcomeName.REFUSED, "SLOT_FULL"
        ask = {"appointment_id": row.appointment_id, "attempt": 1, "opened_at": at}
        entries += [
            Intent(request=2 * n + 1, at=at - timedelta(seconds=20 if n == 8 else 0), **ask),
            Answered(request=2 * n + 1, at=at, result="503" if n == 8 else "200"),
            Settled(appointment_id=row.appointment_id, outcome=Outcome(name, reason), at=at),
        ]
    account.commit(entries)
    late = Outcome(OutcomeName.SKIPPED, SkipReason.NOTICE_WINDOW)
    account.decide("closure", [(one.appointment_id, late) for one in rows[9::10]])
    names = {"b-0": f"City {word}"}
    windows = {"open": 9, "places": 143, "unread": 0}
    found = {"notice_hours": 24.0, "notes": True, "branches": names}
    account.note("closure", Look("windows", NOON, windows))
    account.note("closure", Look("plan", NOON, found))
    account.finish(Run(run_id="run-1", batch="closure", started_at=NOON, ended_at=at, exit_code=4))
    return account


def of(account, **branches):
    at = NOON + timedelta(days=1)
    return page_html(account, "closure", ledger="closure.ledger.db", at=at, branches=branches)


@pytest.fixture
def page(tmp_path):
    account = ledger(tmp_path / "l.db", 1_000)
    yield of(account)
    account.close()


def test_the_numbers_are_those_of_the_ledger_and_add_up(page):
    told = Read(page)
    rows = {name: int(n.replace(",", "")) for name, n, _ in told.tables["Every row once"][1:]}
    assert rows == {"cancelled": 880, "already_cancelled": 0, "skipped: notice_window": 100,
                    "rejected_rows": 1, "refused": 20, "rows": 1001}  # fmt: skip
    parts = [float(one["width"]) for tag, one in told.tags if "edge" in (one.get("class") or "")]
    assert sum(parts) == pytest.approx(1000, abs=0.1)
    assert parts[0] == pytest.approx(1000 * 880 / 1001, abs=0.1)
    assert "880 of 1,001 rows are cancelled" in told.text


def test_the_four_questions_are_answered_first(page):
    told = Read(page)
    answers = told.text.partition("In short")[2].partition("What happened")[0]
    for part in (
        "Is the day empty? No: 121 of 1,001 are left 100 skipped: notice_window",
        "9 windows were open: what is freed can be booked again at once.",
        "Whom must I call? 880 who were cancelled",
        "batchcancel export closure.ledger.db --batch closure -o call.csv --contacts",
        "What went wrong? 21 rows for a person 1 request went unanswered or failed. ",
        "Can I trust this? Yes, as of the run",
    ):
        assert part in answers


def test_lists_are_cut_with_a_count_and_the_command_for_all(page):
    told = Read(page)
    persons = told.tables["Rows that somebody must look at, the soonest first"]
    assert len(persons) == 21
    assert {one[2] for one in persons[1:]} == {"refused: SLOT_FULL"}
    starts = [one[1] for one in persons[1:]]
    assert starts == sorted(starts)
    assert "and 1 more. All of them: batchcancel export closure.ledger.db" in told.text
    assert "and 80 more. All of them:" in told.text


def test_branches_have_the_names_that_the_job_file_gives_them_then_or_now(tmp_path):
    account = ledger(tmp_path / "l.db", 20)
    places = Read(of(account, **{"b-1": "Suburb"})).tables["By day, branch and session"]
    assert {one[1] for one in places[1:]} == {"City Morning", "Suburb", ""}
    account.close()


def test_what_is_empty_or_left_promises_nothing(tmp_path):
    account = open_sqlite(tmp_path / "l.db", origin="https://api.huskyvoice.ai", key="k")
    for name, rows in (("empty", []), ("waiting", [LedgerRow("a1", None, None, None, None)])):
        batch = Batch(name=name, origin="https://api.huskyvoice.ai", digest="d", rows=len(rows),
                      rejected_rows=0, duplicates=0)  # fmt: skip
        account.enrol(batch, rows, [])
    empty, waiting = (
        Read(page_html(account, name, ledger="l.db", at=NOON)).text for name in ("empty", "waiting")
    )
    account.close()
    assert "Is the day empty? Nobody has looked Nothing was listed." in empty
    assert "Is the day empty? No: 1 of 1 are left" in waiting
    for told in (empty, waiting):
        assert "Can I trust this? Yes, as of the run The numbers add up." in told
        assert not {"verify", "False", "[]"} & {*told.split()}
    assert "Nobody was cancelled 1 row not cancelled: the list names them." in waiting


def test_pauses_are_told_with_their_reasons(page):
    [pause] = Read(page).tables["Pauses"][1:]
    assert pause[2] == "no proof from the API: answered 503"


def test_runs_that_are_cut_promise_no_command_that_tells_them(tmp_path):
    account = ledger(tmp_path / "l.db", 10)
    for number in range(21):
        run = Run(run_id=f"more{number}", batch="closure", started_at=NOON)
        account.hold(run)
        account.finish(replace(run, ended_at=NOON, exit_code=0))
    told = Read(of(account)).text
    account.close()
    assert re.search("and [0-9]+ more requests", told)


def test_without_a_timezone_the_times_are_in_utc_wherever_the_page_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    account = ledger(tmp_path / "l.db", 10, timezone=None)
    tables = Read(of(account)).tables
    account.close()
    monkeypatch.undo()
    time.tzset()
    [late] = tables["Left alone for their time"][1:]
    assert late[:2] == ["a000009", "Wed 2026-06-24, from 04:00"]


def test_what_was_verified_before_most_were_cancelled_is_no_proof_of_these(tmp_path):
    account = ledger(tmp_path / "l.db", 100)
    account.note("closure", Look("drift", NOON, {"cancelled": 5, "alive": 0}))
    assert "Can I trust this? Yes, as of the run" in Read(of(account)).text
    account.close()


def test_what_was_found_by_verifying_is_told_and_changes_whom_to_trust(tmp_path):
    with_drift = ledger(tmp_path / "l.db", 100)
    found = {"cancelled": 86, "alive": 2, "moved": 0, "gone": 0, "unread": 0}
    with_drift.note("closure", Look("drift", NOON + timedelta(hours=1), found))
    told = Read(of(with_drift)).text
    assert "Can I trust this? Not any more 2 were not cancelled any more" in told
    with_drift.close()


def test_hostile_text_is_text(tmp_path):
    account = ledger(tmp_path / "l.db", 20, word=HOSTILE)
    page = of(account)
    account.close()
    told = Read(page)
    assert "script" not in {tag for tag, _ in told.tags}
    assert "<script>alert('x')</script>\\u202e&amp;" in told.text
    assert "\u202e" not in page


def test_it_needs_no_script_and_no_network_and_is_valid_html(page):
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(page)
    told = Read(page)
    tags = {tag for tag, _ in told.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "a", "form"}
    assert not any(
        name in ("src", "href") or name.startswith("on") for _, one in told.tags for name in one
    )
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_headings_and_tables_say_what_they_are(page):
    told = Read(page)
    assert told.heads[0] == 1
    assert told.heads.count(1) == 1
    assert all(
        after - before <= 1 for before, after in zip(told.heads, told.heads[1:], strict=False)
    )
    assert all(one.get("scope") in ("col", "row") for tag, one in told.tags if tag == "th")
    assert sum(tag == "table" for tag, _ in told.tags) == len(told.tables)
    assert ("html", {"lang": "en"}) in told.tags
    images = [one for tag, one in told.tags if tag == "svg"]
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in images)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_what_is_written_and_drawn_can_be_told_from_the_paper(scheme):
    colours = dict(
        re.findall(r"--(\w+): (#\w{6})", re.findall(r":root \{(.*)\}", TEMPLATE)[scheme])
    )
    for paper in ("paper", "band"):
        for ink in ("ink", "soft"):
            assert contrast(colours[ink], colours[paper]) >= 4.5
    assert contrast(colours["flagink"], colours["flag"]) >= 4.5
    for drawn in ("gone", "left", "person", "waiting", "limit"):
        assert contrast(colours[drawn], colours["paper"]) >= 3


def contrast(one, other):
    """WCAG 2: from 1 to 21."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.long
def test_a_hundred_thousand_rows_are_one_page_as_small_and_in_three_seconds(tmp_path):
    account = ledger(tmp_path / "l.db", 100_000)
    began = time.process_time()
    page = of(account)
    assert time.process_time() - began < 3
    assert len(page) < 1_000_000
    account.close()


@pytest.mark.anyio
async def test_a_rehearsal_with_an_outage_is_marked_and_nobody_is_named(world):
    ids = world.appointments(30)
    world.sandbox.staff.introduce(ids[0], name="Asha Canary", phone="+919876543210")
    world.sandbox.faults.add(Fault("status", status=503), method="PATCH", times=5)
    await world.run(world.manifest(ids), notes="for Asha Canary", max_cancel=100)
    with world.account() as account:
        page = page_html(account, "closure", ledger="closure.ledger.db", at=world.now())
    told = Read(page).text
    assert told.startswith("Rehearsal: closure: 30 of 30 rows are cancelled")
    assert "Rehearsal at http://localhost: no real appointment is touched." in told
    assert "Can I trust this? It is a rehearsal" in told
    for canary in ("Canary", "987654", "sk_sandbox", "Fictitious"):
        assert canary not in page
    assert "sent with each cancellation; not kept" in told


@pytest.mark.anyio
async def test_of_a_restore_it_is_asked_whether_all_is_back(world):
    ids = world.appointments(4)
    await world.run(world.manifest(ids))
    world.virtual.jump(120)
    await world.restore()
    with world.account() as account:
        name = account.batches()[-1].name
        told = Read(page_html(account, name, ledger="closure.ledger.db", at=world.now())).text
    assert "Is all of it back? In the rehearsal: yes: 4 of 4" in told
    assert "Whom must I call? In the rehearsal: 4 put back" in told
    assert "verify" not in told.split()
    command = "batchcancel export closure.ledger.db --batch closure.restore -o tell.csv --contacts"
    assert command in told
    contacts = await world.contacts("tell.csv", batch="closure.restore")
    assert (4, 0) == (contacts.appointments, contacts.unread)
    assert "Asia/Kolkata. All times are the clinic's." in told
    assert "Is the day empty?" not in told


@pytest.mark.anyio
async def test_whether_the_day_is_empty_is_answered_by_the_search_that_came_last(world):
    world.appointments(5)
    await world.find()
    await world.run(world.folder / "closure.csv", notice_hours=0)

    def is_empty():
        with world.account() as account:
            told = Read(page_html(account, "closure", ledger="l.db", at=world.now())).text
        assert "batchcancel find -o sweep.csv --date 2026-06-20 --not-in l.db" in told
        return re.search(r"empty\? In the rehearsal: (.*?) batchcancel find", told)[1]

    all_of_it = "5 of 5 rows are cancelled"
    assert is_empty().startswith(f"yes, all that was listed {all_of_it}. 1 window was open: ")
    world.sandbox.add("late", date=date(2026, 6, 20))
    world.virtual.jump(120)
    await world.find("sweep.csv", not_in="closure.ledger.db")
    assert is_empty().startswith(f"no: 1 was booked meanwhile {all_of_it}. What came since is")
    world.virtual.jump(5)
    await world.run(world.folder / "sweep.csv", notice_hours=0, ledger=world.ledger)
    all_of_it += ", and 1 was booked meanwhile and cancelled too."
    assert is_empty() == f"yes, all that was listed {all_of_it}"
    world.virtual.jump(120)
    await world.find("sweep-2.csv", not_in="closure.ledger.db")
    assert is_empty().startswith(f"yes {all_of_it} A search on ")
    world.sandbox.staff.confirm("a00002")
    await world.find("sweep-2.csv", not_in="closure.ledger.db")
    assert is_empty().startswith("no: 1 came back ")


@pytest.mark.anyio
async def test_a_run_that_had_nothing_to_do_leaves_what_is_told_of_the_one_that_cancelled(world):
    world.appointments(3)
    await world.find()
    manifest = world.folder / "closure.csv"

    def told():
        with world.account() as account:
            return Read(page_html(account, "closure", ledger="l.db", at=world.now())).text

    with pytest.raises(Refusal):
        await world.run(manifest, notice_hours=12, max_cancel=1)
    await world.run(manifest, notice_hours=24, halt_after=7)
    before = told()
    world.sandbox.close(date(2026, 6, 20))
    world.virtual.jump(120)
    await world.run(manifest, notice_hours=0)
    for words in ("notice 24 hours", "halt-after 7", ("11:32 Asia/Kolkata, the last look at the "
                  "calendar: 1 window open, with"), "What went wrong? Nothing No request failed",
                  "3 cancellations in 1 run "):  # fmt: skip
        assert words in before
        assert words in told()
    world.virtual.jump(120)
    await world.find("sweep.csv", not_in="closure.ledger.db")
    assert "the last look at the calendar: all windows of these days were closed." in told()
    assert "found no other. batchcancel find" in told()
