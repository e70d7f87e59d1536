from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from batchcancel.appointments import Outcome, OutcomeName, RejectedRow
from batchcancel.errors import InputError, Refusal
from batchcancel.ledger.contract import Batch, Intent, OpenRow, Run, Settled
from batchcancel.ledger.sqlite.ledger import memory_sqlite
from batchcancel.policy.earlier_runs import (
    EarlierRuns,
    batch_of,
    earlier_runs,
    is_nothing_left,
    refuse_other_work,
)
from batchcancel.reader.manifest import Manifest, manifest_of

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
ORIGIN = "https://api.huskyvoice.ai"
BAD_ROW = RejectedRow(line=9, reason="ragged")
ASKED = {"ledger": "l.db", "timezone": None, "is_accepted": False, "but_refused": False}
EVERYTHING = ("done", "new", "no", "open")


def manifest(*ids: str, rejected=(), **columns: object) -> Manifest:
    texts = pl.DataFrame({"line": range(2, 2 + len(ids)), "appointment_id": ids, **columns})
    return manifest_of(texts, source="closure.csv", rejected=rejected)


def batch(source: Manifest, *, origin: str = ORIGIN) -> Batch:
    return batch_of(source, name="closure", origin=origin)


@pytest.fixture
def ledger():
    """A ledger in which `done` was cancelled, `no` refused, `open` is in doubt, `new` waits."""
    ledger = memory_sqlite(origin=ORIGIN, key="fingerprint")
    ledger.hold(Run(run_id="run-1", batch="closure", started_at=NOW))
    source = manifest(*EVERYTHING, date=["2026-06-15"] * 4)
    ledger.enrol(batch(source), source.ledger_rows(), source.rejected)
    for request, name in enumerate(("done", "no", "open"), start=1):
        ledger.commit(
            [Intent(request=request, appointment_id=name, attempt=1, at=NOW, opened_at=NOW)]
        )
    outcomes = {"done": OutcomeName.CANCELLED, "no": OutcomeName.REFUSED}
    ledger.commit(
        [Settled(appointment_id=name, outcome=Outcome(outcome), at=NOW)
         for name, outcome in outcomes.items()]
    )  # fmt: skip
    yield ledger
    ledger.close()


@pytest.fixture
def compare(ledger):
    """Compare a manifest with the batch in the ledger."""

    def compare(source: Manifest, *, is_accepted: bool = False, but_refused: bool = False) -> None:
        refuse_other_work(
            ledger,
            batch=batch(source),
            manifest=source,
            ledger="l.db",
            timezone=None,
            is_accepted=is_accepted,
            but_refused=but_refused,
        )

    return compare


def test_a_batch_counts_appointments_and_rejected_rows_apart():
    found = batch(manifest("a", "b", "b", rejected=[BAD_ROW]))

    assert (found.name, found.origin) == ("closure", ORIGIN)
    assert (found.rows, found.rejected_rows, found.duplicates) == (2, 1, 1)


def test_a_batch_is_known_by_its_name(ledger):
    new = replace(batch(manifest("x")), name="other")
    refuse_other_work(ledger, batch=new, manifest=manifest("x"), **ASKED)


def test_a_batch_that_restores_another_is_no_manifests(ledger):
    source = manifest("x")
    undoing = replace(batch(source), name="closure.restore", kind="restore", of_batch="closure")
    ledger.enrol(undoing, source.ledger_rows(), [])
    mine = replace(batch(source), name="closure.restore")
    with pytest.raises(InputError, match="restores closure"):
        refuse_other_work(ledger, batch=mine, manifest=source, **ASKED | {"is_accepted": True})


def test_a_batch_of_another_api_is_refused_whatever_is_accepted(ledger):
    source = manifest("done", "new", "no", "open")
    other = batch(source, origin="http://localhost:4010")
    with pytest.raises(InputError, match=r"l\.db holds batches of"):
        refuse_other_work(ledger, batch=other, manifest=source, **ASKED | {"is_accepted": True})


def test_without_a_ledger_nothing_is_known():
    assert earlier_runs(None, "closure", but_refused=False) == EarlierRuns()


def test_what_is_settled_stays_settled_and_what_is_open_is_read_back(ledger):
    earlier = earlier_runs(ledger, "closure", but_refused=False)

    assert sorted(earlier.settled_ids) == ["done", "no"]
    assert [one.appointment_id for one in earlier.open_rows] == ["open"]


def test_refused_rows_are_sent_once_more_when_asked_for(ledger):
    earlier = earlier_runs(ledger, "closure", but_refused=True)
    assert list(earlier.settled_ids) == ["done"]


def test_the_same_rows_in_another_order_are_the_same_manifest(compare):
    compare(manifest("open", "no", "new", "done", date=["2026-06-15"] * 4))


@pytest.mark.parametrize(
    ("ids", "difference"),
    [
        (["done", "new", "no", "open", "x", "y"], "2 new, 0 gone, 4 in both"),
        (["done", "open"], "0 new, 2 gone, 2 in both"),
        (["done", "no", "open", "x"], "1 new, 1 gone, 3 in both"),
    ],
)
def test_a_changed_manifest_is_refused_with_the_difference_in_numbers(compare, ids, difference):
    with pytest.raises(Refusal, match=f"closure changed: {difference}") as refused:
        compare(manifest(*ids))

    assert "--accept-changed-manifest" in refused.value.hint


def test_a_manifest_that_is_rather_another_one_is_first_told_of_a_new_batch(compare):
    with pytest.raises(Refusal) as refused:
        compare(manifest("open", "v", "w", "x", "y"))

    assert refused.value.hint.startswith("Pass --batch with a new name")


def test_a_changed_manifest_may_be_accepted(compare):
    compare(manifest("done", "open", "x"), is_accepted=True)


@pytest.mark.parametrize("is_accepted", [False, True])
def test_a_manifest_without_a_row_in_doubt_is_refused_even_when_accepted(compare, is_accepted):
    with pytest.raises(Refusal, match="lacks 1 of the batch's rows whose result is not known"):
        compare(manifest("done", "new", "no"), is_accepted=is_accepted)


def test_rejected_rows_are_no_appointments_of_the_batch(ledger, compare):
    rejected = [RejectedRow(line=2, reason="unreadable_time", appointment_id="x"), BAD_ROW]
    known = manifest("done", "new", "no", "open", rejected=rejected)
    ledger.enrol(batch(known), known.ledger_rows(), known.rejected)
    with pytest.raises(Refusal, match="1 new, 0 gone, 4 in both"):
        compare(manifest("done", "new", "no", "open", "x"))


def test_a_new_rejected_row_is_a_change(compare):
    with pytest.raises(Refusal, match="the same 4 appointments, with other times, notes or"):
        compare(manifest("done", "new", "no", "open", rejected=[BAD_ROW]))


@pytest.mark.parametrize("is_accepted", [False, True])
def test_what_was_settled_and_is_on_another_day_now_is_a_conflict_even_when_accepted(
    compare, is_accepted
):
    moved = manifest(*EVERYTHING, date=["2026-06-22"] * 4)
    with pytest.raises(Refusal, match=r"contradicts 2 rows .* settled.* \(done, no\)") as refused:
        compare(moved, is_accepted=is_accepted)

    assert "--batch" in refused.value.hint


def test_a_conflict_names_the_first_few_of_its_rows(ledger, compare):
    ids = [f"a{number}" for number in range(7)]
    many = manifest("open", *ids, date=["2026-06-15"] * 8)
    ledger.enrol(batch(many), many.ledger_rows(), [])
    settled = Outcome(OutcomeName.NOT_FOUND)
    ledger.commit([Settled(appointment_id=one, outcome=settled, at=NOW) for one in ids])
    with pytest.raises(Refusal, match=r"7 rows .*\(a0, a1, a2, a3, a4 and 2 more\)"):
        compare(manifest("open", *ids, date=["2026-06-22"] * 8), is_accepted=True)


def test_rows_that_were_never_settled_may_come_back_with_another_day(compare):
    days = ["2026-06-15", "2026-06-22", "2026-06-15", "2026-06-22"]
    compare(manifest(*EVERYTHING, date=days), is_accepted=True)


def test_refused_rows_that_are_sent_once_more_may_come_back_with_another_day(compare):
    days = ["2026-06-15", "2026-06-15", "2026-06-22", "2026-06-15"]
    compare(manifest(*EVERYTHING, date=days), is_accepted=True, but_refused=True)


def test_other_notes_are_no_conflict(compare):
    compare(manifest(*EVERYTHING, notes=["Closed."] * 4), is_accepted=True)


def test_a_day_that_was_left_out_in_between_is_still_held_against_the_next_manifest(
    ledger, compare
):
    between = manifest(*EVERYTHING)
    compare(between, is_accepted=True)
    ledger.enrol(batch(between), between.ledger_rows(), [])
    with pytest.raises(Refusal, match="contradicts 1 row "):
        compare(manifest("done", "open", date=["2026-06-22", "2026-06-15"]), is_accepted=True)


@pytest.mark.parametrize(
    ("settled", "opened", "is_nothing"),
    [
        (["a"], [], True),
        ([], [], False),
        (["a"], ["b"], False),  # what was sent has to be read back, whoever says that it is done
        (["a", "b"], [], True),
    ],
)
def test_nothing_is_left_where_each_row_is_settled_or_marked(settled, opened, is_nothing):
    open_rows = [OpenRow(one, 1, NOW) for one in opened]
    earlier = EarlierRuns(settled_ids=settled, open_rows=open_rows)
    marked = manifest("a", "b", outcome=[None, "cancelled"])
    assert is_nothing == is_nothing_left(marked, earlier)
