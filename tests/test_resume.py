from datetime import UTC, datetime

import polars as pl
import pytest

from batchcancel.appointments import Outcome, OutcomeName, RejectedRow
from batchcancel.errors import Refusal
from batchcancel.ledger import Intent, Run, Settled
from batchcancel.ledgers.sqlite import memory_sqlite
from batchcancel.manifest import Manifest, manifest_of
from batchcancel.plan import Standing
from batchcancel.resume import batch_of, known_batch, refuse_changed_manifest, standing_of
from batchcancel.settings import load_settings

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
ORIGIN = "https://api.huskyvoice.ai"
BAD_ROW = RejectedRow(line=9, reason="ragged")


def manifest(*ids: str, rejected=()) -> Manifest:
    texts = pl.DataFrame({"line": range(2, 2 + len(ids)), "appointment_id": ids})
    return manifest_of(texts, source="closure.csv", rejected=rejected)


def settings(**flags: str):
    return load_settings("closure.csv", flags=flags, environ={"HUSKYVOICE_API_KEY": "sk_1"})


@pytest.fixture
def ledger():
    """A ledger in which `done` was cancelled, `no` refused, `open` is in doubt, `new` waits."""
    ledger = memory_sqlite(origin=ORIGIN, key="fingerprint")
    ledger.hold(Run(run_id="run-1", batch="closure", started_at=NOW))
    source = manifest("done", "new", "no", "open")
    ledger.enrol(batch_of(source, settings()), source.ledger_rows(), source.rejected)
    for request, name in enumerate(("done", "no", "open"), start=1):
        ledger.commit([Intent(request=request, appointment_id=name, attempt=1, at=NOW)])
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

    def compare(source: Manifest, *, is_accepted: bool = False) -> None:
        batch = batch_of(source, settings())
        known = known_batch(ledger, "closure")
        refuse_changed_manifest(
            ledger, known=known, batch=batch, manifest=source, is_accepted=is_accepted
        )

    return compare


def test_a_batch_counts_appointments_and_rejected_rows_apart():
    batch = batch_of(manifest("a", "b", "b", rejected=[BAD_ROW]), settings(batch="nightly"))

    assert (batch.name, batch.origin) == ("nightly", ORIGIN)
    assert (batch.rows, batch.rejected_rows, batch.duplicates) == (2, 1, 1)


def test_a_batch_is_known_by_its_name(ledger):
    assert known_batch(ledger, "closure").name == "closure"
    assert known_batch(ledger, "other") is None


def test_without_a_ledger_nothing_is_known():
    assert known_batch(None, "closure") is None
    assert standing_of(None, settings()) == Standing()


def test_what_is_settled_stays_settled_and_what_is_open_is_read_back(ledger):
    standing = standing_of(ledger, settings())

    assert sorted(standing.settled_ids) == ["done", "no"]
    assert [one.appointment_id for one in standing.open_rows] == ["open"]


def test_refused_rows_are_sent_once_more_when_asked_for(ledger):
    standing = standing_of(ledger, settings(retry_refused="true"))
    assert list(standing.settled_ids) == ["done"]


def test_the_same_rows_in_another_order_are_the_same_manifest(compare):
    compare(manifest("open", "no", "new", "done"))


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


def test_a_changed_manifest_may_be_accepted(compare):
    compare(manifest("done", "open", "x"), is_accepted=True)


@pytest.mark.parametrize("is_accepted", [False, True])
def test_a_manifest_without_a_row_in_doubt_is_refused_even_when_accepted(compare, is_accepted):
    with pytest.raises(Refusal, match="lacks 1 of the batch's rows whose result is not known"):
        compare(manifest("done", "new", "no"), is_accepted=is_accepted)


def test_a_new_rejected_row_is_a_change(compare):
    with pytest.raises(Refusal, match="the same 4 appointments, with other times, notes or"):
        compare(manifest("done", "new", "no", "open", rejected=[BAD_ROW]))
