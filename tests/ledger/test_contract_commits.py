"""What every ledger promises of its commits and its readers; see `conftest.MAKERS`.

What a group of entries makes of the rows is held against a dictionary in test_model.py.
"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from batchcancel.appointments import KnownBy, OutcomeName, SkipReason
from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import (
    Answered,
    Asked,
    CancelledRow,
    Learned,
    Look,
    Observation,
    OpenRow,
    SentRequest,
    State,
    Traffic,
)
from tests.ledger.conftest import KEY, LATER, NOON, OPEN, SKIPPED, WAITING


class TestIntents:
    def test_a_row_that_was_reopened_is_open_since_its_new_intent(self, held, example):
        held.commit([example.intent("a"), example.settled("a", OutcomeName.REFUSED, "LOCKED")])
        held.reopen_refused("closure")
        held.commit([example.intent("a", 2, attempt=2, at=LATER)])
        assert held.open_rows("closure") == [OpenRow("a", 2, LATER)]

    def test_a_skipped_row_refuses_an_intent_until_it_is_decided_anew(self, held, example):
        held.decide("closure", [("a", SKIPPED)])
        with pytest.raises(LedgerWriteFailed):
            held.commit([example.intent("a")])
        held.decide("closure", [])
        held.commit([example.intent("a")])

    def test_a_row_of_another_batch_refuses_an_intent(self, held, example):
        held.enrol(example.batch(name="other"), [example.row("z")], [])
        with pytest.raises(LedgerWriteFailed):
            held.commit([example.intent("z")])

    def test_without_a_held_batch_there_are_no_intents(self, ledger, example):
        ledger.enrol(example.batch(), example.rows(), [])
        with pytest.raises(LedgerWriteFailed):
            ledger.commit([example.intent("a")])

    def test_a_row_is_open_by_the_servers_clock_and_its_request_told_by_ours(self, held, example):
        held.commit([example.intent("a", at=NOON, opened_at=LATER)])
        assert held.open_rows("closure") == [OpenRow("a", 1, LATER)]
        assert held.requests_since(KEY, NOON) == [SentRequest(NOON, None)]

    def test_a_noted_row_is_dropped_and_skipped_as_any_that_waits(self, held, example):
        held.commit([example.noted("a"), example.noted("b")])
        held.decide("closure", [("a", SKIPPED)])
        held.enrol(example.batch(digest="digest-2", rows=2), map(example.row, "ac"), [])
        skipped = (State.SETTLED, "skipped", "notice_window")
        assert example.standing(held) == {"a": skipped, "c": WAITING}


class TestWhatWasCancelled:
    SEEN = Observation("a", "rescheduled", date(2026, 11, 4), "Morning", None, "MA", NOON)

    def cancelled(self, ledger, batch="closure"):
        return {one.appointment_id: one for one in ledger.cancelled_rows(batch)}

    def test_the_ledger_keeps_what_was_seen_before_a_row_was_sent_and_what_proved_its_end(
        self, held, example
    ):
        held.decide("closure", [], [self.SEEN])
        held.commit([example.intent("a"), example.settled("a", updated_at=LATER)])
        later = self.SEEN._replace(status="cancelled")
        held.commit([later])
        assert list(held.cancelled_rows("closure")) == [
            CancelledRow(
                "a", False, NOON, "session", self.SEEN.date, "Morning", "br_1", "MA",
                LATER, "rescheduled",
            )
        ]  # fmt: skip

    def test_of_what_was_never_seen_the_manifest_tells_where_it_was(self, held, example):
        held.commit([example.intent("a"), example.settled("a")])
        [row] = held.cancelled_rows("closure")
        assert (row.date, row.session, row.label) == (date(2026, 11, 3), "MORNING", None)
        assert (row.updated_at, row.previous_status) == (None, None)

    def test_where_settled_rows_lie_is_told_by_what_was_said_else_seen_else_their_start(
        self, held, example
    ):
        bare = {"date": None, "session": None, "branch_id": None}
        rows = [example.row("a"), *(example.row(one, **bare) for one in "bc")]
        held.enrol(example.batch(digest="digest-2"), rows, [])
        seen = self.SEEN._replace(appointment_id="b")
        held.decide("closure", [], [seen])
        for number, one in enumerate("abc"):
            held.commit([example.intent(one, number), example.settled(one)])
        assert {*held.settled_places("closure")} == {
            (date(2026, 11, 3), "MORNING", "br_1", None),
            (seen.date, "Morning", None, None),
            (None, None, None, NOON),
        }

    def test_what_a_later_attempt_found_counts(self, held, example):
        held.decide("closure", [], [self.SEEN])
        held.commit([example.intent("a")])
        held.commit([self.SEEN._replace(status="confirmed")])
        held.commit([example.intent("a", 2), example.settled("a")])
        assert self.cancelled(held)["a"].previous_status == "confirmed"

    def test_what_others_cancelled_is_not_among_them_and_what_had_moved_is(self, held, example):
        already, review = OutcomeName.ALREADY_CANCELLED, OutcomeName.NEEDS_REVIEW
        held.commit([example.intent("a"), example.settled("a", already)])
        held.commit([example.intent("b", 2), example.settled("b", review, "moved")])
        held.commit([example.intent("c", 3), example.settled("c", review, "changed_after_intent")])
        assert {one: row.is_moved for one, row in self.cancelled(held).items()} == {"b": True}

    def test_a_row_that_is_restored_is_so_in_the_batch_that_had_cancelled_it_too(
        self, store, example
    ):
        ledger = example.begin(store.open())
        for number, one in enumerate("ab"):
            ledger.commit([example.intent(one, number), example.settled(one)])
        ledger.finish(example.run())
        undoing = replace(example, name="closure.restore", ids=("a", "b"))
        ledger.hold(undoing.run("run-2"))
        batch = undoing.batch(kind="restore", of_batch="closure")
        ledger.enrol(batch, undoing.rows(), [])
        restored = OutcomeName.RESTORED
        ledger.commit([example.intent("a", 1), example.settled("a", restored, at=LATER)])
        assert batch in ledger.batches()
        assert list(self.cancelled(ledger)) == ["b"]
        for name in ("closure", "closure.restore"):
            row = example.record(ledger, "a", name)
            assert (row.state, row.outcome, row.settled_at) == (State.SETTLED, restored, LATER)
        assert ["a"] == [one.appointment_id for one in ledger.restored_rows("closure")]

    @pytest.mark.parametrize("of_batch", [None, "closure"])
    def test_what_no_other_batch_has_cancelled_cannot_be_restored(self, store, example, of_batch):
        ledger = example.begin(store.open())
        ledger.finish(example.run())
        undoing = replace(example, name="closure.restore")
        ledger.hold(undoing.run("run-2"))
        ledger.enrol(undoing.batch(kind="restore", of_batch=of_batch), undoing.rows(), [])
        with pytest.raises(LedgerWriteFailed, match="settled for a"):
            ledger.commit([example.intent("a"), example.settled("a", OutcomeName.RESTORED)])
        assert example.record(ledger, "a", "closure.restore").state is State.WAITING


class TestOutcomes:
    def test_settled_ids_are_all_that_must_not_be_sent_again(self, held, example):
        held.decide("closure", [("b", SKIPPED)])
        completed = example.settled("c", OutcomeName.SKIPPED, SkipReason.COMPLETED)
        held.commit([example.intent("a"), example.settled("a"), completed])
        assert sorted(held.settled_ids("closure")) == ["a"]

    def test_settled_ids_leave_the_refused_out_when_asked_to(self, held, example):
        refused = example.settled("b", OutcomeName.REFUSED, "LOCKED")
        held.commit([example.intent("a"), example.settled("a"), example.intent("b", 2), refused])
        assert sorted(held.settled_ids("closure")) == ["a", "b"]
        assert held.settled_ids("closure", but_refused=True) == ["a"]

    def test_refused_rows_wait_again_when_asked_to(self, held, example):
        refused = example.settled("a", OutcomeName.REFUSED, "LOCKED")
        held.commit([example.intent("a"), refused, example.intent("b", 2), example.settled("b")])
        assert held.reopen_refused("closure") == 1
        row = example.record(held, "a")
        assert (row.state, row.outcome, row.reason) == WAITING
        assert (row.opened_at, row.settled_at) == (None, None)
        assert example.standing(held)["b"][1] == "cancelled"

    @pytest.mark.promise(3)
    def test_rows_in_doubt_stay_so_whatever_was_answered_last(self, held, example):
        held.commit([example.intent("a"), example.noted("a")])
        assert held.reopen_refused("closure") == 0
        assert held.open_rows("closure") == [OpenRow("a", 1, NOON)]

    def test_refused_rows_that_are_no_longer_named_stay_as_they_are(self, held, example):
        refused = [example.settled(one, OutcomeName.REFUSED, "LOCKED") for one in "ab"]
        held.commit([example.intent("a"), example.intent("b", 2), *refused])
        held.enrol(example.batch(rows=1), [example.row("b")], [])
        assert held.reopen_refused("closure") == 1
        found = {"a": (State.SETTLED, "refused", "LOCKED"), "b": WAITING}
        assert example.standing(held) == found


class TestLearnedStarts:
    @pytest.fixture
    def after(self, ledger, example):
        """What the ledger has of a row after its start was learned; None when nothing was."""

        def after(row, known_by=None):
            ledger.hold(example.run())
            ledger.enrol(example.batch(rows=1), [row], [])
            if known_by:
                ledger.commit([Learned(appointment_id="a", starts_at=LATER, known_by=known_by)])
            return example.record(ledger, "a")

        return after

    @pytest.mark.parametrize("known_by", [KnownBy.SESSION, KnownBy.DAY])
    def test_it_is_the_start_of_a_row_without_one_and_kept_with_what_it_is_known_by(
        self, after, example, known_by
    ):
        found = after(example.row("a", starts_at=None, start_known_by=None), known_by)
        assert (found.starts_at, found.start_known_by) == (LATER, known_by)

    def test_before_nothing_is_known(self, after, example):
        assert after(example.row("a", starts_at=None, start_known_by=None)).start_known_by is None

    def test_the_manifest_has_the_last_word(self, after, example):
        found = after(example.row("a", start_known_by="exact"), KnownBy.SESSION)
        assert (found.starts_at, found.start_known_by) == (NOON, "exact")

    def test_one_that_a_changed_manifest_leaves_without_its_word_is_no_exact_one(
        self, ledger, after, example
    ):
        row = example.row("a", starts_at=None, start_known_by=None)
        after(row, KnownBy.DAY)
        ledger.enrol(example.batch(rows=1, digest="digest-2"), [row], [])
        assert example.record(ledger, "a").start_known_by == "session"


class TestCommits:
    def test_nothing_of_a_refused_group_is_kept(self, held, example):
        group = [
            Asked(request=1, appointment_id="a", at=NOON),
            example.intent("a", 2),
            Learned(appointment_id="b", starts_at=LATER),
            example.settled("c"),
            example.intent("nobody", 3),
        ]
        with pytest.raises(LedgerWriteFailed):
            held.commit(group)
        assert example.standing(held) == dict.fromkeys("abc", WAITING)
        assert held.requests_since(KEY, NOON) == []

    def test_after_a_refused_group_the_ledger_still_writes(self, held, example):
        with pytest.raises(LedgerWriteFailed):
            held.commit([example.intent("nobody")])
        held.commit([example.intent("a")])
        assert example.standing(held)["a"] == OPEN

    def test_an_empty_group_is_nothing(self, store):
        store.open().commit([])

    def test_a_naive_time_is_refused_and_nothing_is_kept(self, held, example):
        naive = example.settled("b", at=NOON.replace(tzinfo=None))
        with pytest.raises(ValueError, match="naive"):
            held.commit([example.intent("a"), naive])
        assert example.standing(held)["a"] == WAITING

    def test_an_answer_to_nothing_is_refused(self, held):
        with pytest.raises(LedgerWriteFailed):
            held.commit([Answered(request=1, at=NOON, result="200")])

    def test_a_closed_ledger_cannot_be_written(self, held, example):
        held.close()
        with pytest.raises(LedgerWriteFailed):
            held.commit([example.intent("a")])

    def test_what_was_committed_is_there_for_the_next_run(self, store, held, example):
        held.commit([example.intent("a"), example.settled("a"), example.intent("b", 2)])
        held.close()
        again = store.open()
        assert example.standing(again)["a"] == (State.SETTLED, "cancelled", None)
        assert again.open_rows("closure") == [OpenRow("b", 1, NOON)]


class TestLooks:
    def test_what_was_found_by_looking_comes_back_the_oldest_first_and_of_that_batch(self, held):
        late, early = (
            Look(kind, at, {"open": 9, "branches": {"b": "Öst"}})
            for kind, at in (("drift", LATER), ("plan", NOON))
        )
        for one in late, early:
            held.note("closure", one)
        held.note("another", late)
        assert held.looks("closure") == [early, late]

    def test_what_a_paused_run_leaves_stands_apart_and_takes_the_place_of_what_it_left_before(
        self, held
    ):
        drift, *rests = (Look(kind, NOON, {"x": kind}) for kind in ("drift", "rest", "rest"))
        held.note("closure", drift)
        for one in rests:
            held.keep_rest("closure", one)
        assert ([drift], [rests[1]]) == (held.looks("closure"), held.looks("closure", rest=True))
        held.keep_rest("closure", None)
        assert ([drift], []) == (held.looks("closure"), held.looks("closure", rest=True))


class TestRequests:
    def test_the_requests_of_a_batch_are_told_with_what_became_of_them(self, held, example):
        held.commit([example.intent("a", 1), Answered(request=1, at=LATER, result="503")])
        held.commit([Asked(request=2, appointment_id=None, at=LATER)])
        assert [*held.traffic("closure")] == [
            Traffic("run-1", "cancel", NOON, LATER, "503"),
            Traffic("run-1", "read", LATER, None, None),
        ]
        assert [] == [*held.traffic("another")]

    def test_reads_and_intents_are_requests_and_answers_close_them(self, held, example):
        asked = Asked(request=1, appointment_id=None, at=NOON)
        held.commit([asked, example.intent("a", 2, at=LATER)])
        held.commit([Answered(request=1, at=LATER, result="200")])
        found = [SentRequest(NOON, LATER), SentRequest(LATER, None)]
        assert held.requests_since(KEY, NOON) == found

    def test_requests_are_told_from_that_moment_on(self, held):
        moments = [NOON, LATER]
        asked = [Asked(request=n, appointment_id="a", at=at) for n, at in enumerate(moments, 1)]
        held.commit(asked)
        microsecond = timedelta(microseconds=1)
        assert len(held.requests_since(KEY, NOON)) == 2
        assert len(held.requests_since(KEY, NOON + microsecond)) == 1
        assert held.requests_since(KEY, LATER + microsecond) == []

    def test_a_request_that_was_answered_since_then_is_told_however_early_it_left(self, held):
        held.commit([Asked(request=1, appointment_id="a", at=NOON)])
        held.commit([Answered(request=1, at=LATER, result="200")])
        assert held.requests_since(KEY, LATER) == [SentRequest(NOON, LATER)]
        assert held.requests_since(KEY, LATER + timedelta(microseconds=1)) == []

    def test_requests_come_oldest_first(self, held):
        late, early = (
            Asked(request=n, appointment_id="a", at=at) for n, at in ((1, LATER), (2, NOON))
        )
        held.commit([late, early])
        sent = [request.sent_at for request in held.requests_since(KEY, NOON)]
        assert sent == [NOON, LATER]

    def test_requests_of_another_key_are_not_told(self, held):
        held.commit([Asked(request=1, appointment_id="a", at=NOON)])
        assert held.requests_since("another-key", NOON) == []

    def test_requests_are_remembered_without_a_held_batch(self, ledger):
        ledger.commit([Asked(request=1, appointment_id=None, at=NOON)])
        ledger.commit([Answered(request=1, at=LATER, result="200")])
        assert ledger.requests_since(KEY, NOON) == [SentRequest(NOON, LATER)]

    def test_every_run_may_number_its_requests_from_one(self, store, example):
        for run_id in ("run-1", "run-2"):
            ledger = store.open()
            ledger.hold(example.run(run_id))
            ledger.commit([Asked(request=1, appointment_id=None, at=NOON)])
            ledger.close()
        again = store.open()
        again.commit([Asked(request=1, appointment_id=None, at=LATER)])
        again.commit([Answered(request=1, at=LATER, result="200")])
        found = again.requests_since(KEY, NOON)
        assert found == [SentRequest(NOON, None)] * 2 + [SentRequest(LATER, LATER)]

    def test_so_may_runs_that_follow_each_other_in_one_open_ledger(self, ledger, example):
        for run_id in ("run-1", "run-2"):
            ledger.hold(example.run(run_id))
            ledger.commit([Asked(request=1, appointment_id=None, at=NOON)])
            ledger.commit([Answered(request=1, at=LATER, result="200")])
            ledger.finish(example.run(run_id, ended_at=LATER, exit_code=0))
        assert ledger.requests_since(KEY, NOON) == [SentRequest(NOON, LATER)] * 2


class TestReaders:
    def test_a_reader_sees_commits_while_the_run_goes_on(self, store, held, example):
        reader = store.reader()
        assert example.standing(reader) == dict.fromkeys("abc", WAITING)
        held.commit([example.intent("a")])
        assert example.standing(reader)["a"] == OPEN

    def test_a_reader_that_reads_does_not_stop_the_writer(self, store, held, example):
        rows = iter(store.reader().rows("closure"))
        next(rows)
        held.commit([example.intent("b")])
        assert [row.state for row in rows] == [State.WAITING] * 2

    def test_a_reader_answers_as_the_ledger_does(self, store, held, example):
        held.commit([example.intent("a"), example.settled("a"), example.intent("b", 2)])
        held.commit([Learned(appointment_id="c", starts_at=LATER)])
        reader = store.reader()
        for question in ("runs", "tally", "settled_ids", "open_rows"):
            assert getattr(reader, question)("closure") == getattr(held, question)("closure")
        assert reader.batches() == held.batches()
        assert list(reader.rows("closure")) == list(held.rows("closure"))
        assert reader.requests_since(KEY, NOON) == held.requests_since(KEY, NOON)
