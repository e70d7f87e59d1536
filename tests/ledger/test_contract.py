"""What every ledger promises; `conftest.MAKERS` lists the ledgers that are put through it."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, timedelta, timezone

import pytest

from batchcancel.appointments import Outcome, OutcomeName, RejectedRow, Resolved, SkipReason
from batchcancel.errors import BatchHeld, InputError, LedgerWriteFailed
from batchcancel.ledger.contract import (
    Approved,
    Observation,
    RowRecord,
    State,
    TallyLine,
)
from tests.ledger.conftest import LATER, NOON, OPEN, SKIPPED, WAITING

NOT_FINAL = {"gave_up", "skipped", "rejected_row", "restored"}  # what is restored has two batches
FINAL = [name for name in OutcomeName if name not in NOT_FINAL]


ELSEWHERE = "https://other.example.test"


class TestBatches:
    def test_a_new_ledger_has_no_batches(self, store):
        assert store.open().batches() == []

    def test_a_batch_comes_back_as_it_was_enrolled(self, ledger, example):
        batch = example.batch(rejected_rows=2, duplicates=4)
        ledger.enrol(batch, example.rows(), [])
        assert ledger.batches() == [batch]

    def test_batches_come_in_the_order_of_their_enrolment(self, ledger, example):
        for name in ("second-by-name", "first-by-name"):
            ledger.enrol(example.batch(name=name), example.rows(), [])
        assert [batch.name for batch in ledger.batches()] == ["second-by-name", "first-by-name"]

    def test_an_unknown_batch_holds_nothing(self, ledger):
        answers = [
            ledger.runs("?"),
            ledger.tally("?"),
            list(ledger.rows("?")),
            ledger.settled_ids("?"),
            ledger.open_rows("?"),
        ]
        assert answers == [[]] * 5

    def test_two_batches_may_name_the_same_appointment(self, held, example):
        held.enrol(example.batch(name="other"), example.rows(), [])
        held.commit([example.intent("a")])
        assert example.record(held, "a").state is State.OPEN
        assert example.record(held, "a", "other").state is State.WAITING

    def test_a_run_for_another_origin_is_refused(self, store, example):
        example.begin(store.open()).close()
        theirs = store.open(origin=ELSEWHERE)
        with pytest.raises(InputError) as refusal:
            theirs.hold(example.run("run-2"))
        assert example.origin in refusal.value.message
        assert ELSEWHERE in refusal.value.message
        assert "--ledger" in refusal.value.hint

    def test_a_batch_of_another_origin_is_refused(self, held, example):
        with pytest.raises(InputError) as refusal:
            held.enrol(example.batch(name="theirs", origin=ELSEWHERE), example.rows(), [])
        assert example.origin in refusal.value.message
        assert ELSEWHERE in refusal.value.message

    def test_a_ledger_without_batches_belongs_to_any_origin(self, store, example):
        store.open().close()
        store.open(origin=ELSEWHERE).hold(example.run())


class TestRuns:
    def test_a_held_run_has_begun_and_not_ended(self, ledger, example):
        ledger.hold(example.run())
        assert ledger.runs("closure") == [example.run()]

    def test_a_finished_run_tells_how_it_ended(self, ledger, example):
        ledger.hold(example.run())
        ended = example.run(ended_at=LATER, exit_code=4)
        ledger.finish(ended)
        assert ledger.runs("closure") == [ended]

    def test_who_ran_what_and_how_it_went_are_kept(self, store, example):
        ledger = store.open()
        who = {"version": "1.2", "user": "desk", "host": "clinic-7", "pid": 4_194_304}
        begun = example.run(**who, options={"rate": "60/60s", "limit": None})
        ledger.hold(begun)
        assert ledger.runs("closure") == [begun]
        ended = replace(
            begun, ended_at=LATER, exit_code=5, counts={"cancelled": 2}, why="an outage"
        )
        ledger.finish(ended)
        assert store.reader().runs("closure") == [ended]

    def test_runs_come_oldest_first_even_when_the_clock_went_back(self, ledger, example):
        for run_id, began in (("z", LATER), ("a", NOON)):
            ledger.hold(example.run(run_id, started_at=began))
            ledger.finish(example.run(run_id, ended_at=LATER, exit_code=0))
        assert [run.run_id for run in ledger.runs("closure")] == ["z", "a"]

    def test_a_second_run_is_refused_while_the_first_holds_the_batch(self, store, example):
        store.open().hold(example.run())
        with pytest.raises(BatchHeld) as refusal:
            store.open().hold(example.run("run-2"))
        assert "run-1" in refusal.value.message

    @pytest.mark.parametrize(
        ("one", "other"), [("closure", "closure.restore"), ("closure.restore", "closure")]
    )
    def test_a_batch_and_its_restore_are_held_by_one_run_alone(self, store, example, one, other):
        first = store.open()
        first.hold(example.run(batch=one))
        with pytest.raises(BatchHeld):
            store.open().hold(example.run("run-2", batch=other))
        assert (first.is_held(one), first.is_held(other)) == (True, False)
        first.finish(example.run(batch=one, ended_at=LATER, exit_code=0))
        first.hold(example.run("run-2", batch=other))

    def test_one_ledger_holds_one_run_at_a_time(self, held, example):
        with pytest.raises(BatchHeld):
            held.hold(example.run("run-2"))

    def test_after_closing_another_run_may_hold_the_batch(self, store, example):
        first = store.open()
        first.hold(example.run())
        first.close()
        second = store.open()
        second.hold(example.run("run-2"))
        assert [run.run_id for run in second.runs("closure")] == ["run-1", "run-2"]

    def test_a_run_that_was_never_held_cannot_finish(self, store, example):
        with pytest.raises(LedgerWriteFailed):
            store.open().finish(example.run(ended_at=LATER, exit_code=0))

    def test_closing_twice_is_harmless(self, ledger):
        ledger.close()
        ledger.close()


class TestEnrol:
    def test_enrolled_rows_wait_and_are_ordered_by_id(self, ledger, example):
        ledger.enrol(example.batch(), reversed(example.rows()), [])
        rows = list(ledger.rows("closure"))
        nothing = (State.WAITING, None, None, 0, None, None)
        assert rows == [
            RowRecord(*row[:5], *nothing, line=2, start_known_by="session")
            for row in example.rows()
        ]

    def test_ids_are_kept_byte_for_byte(self, ledger, example):
        ids = ["-", "007", "1e5", "99999999999999999999", "A", "_", "a"]
        ledger.enrol(example.batch(rows=7), [example.row(one) for one in ids], [])
        assert list(example.standing(ledger)) == ids

    def test_what_a_row_does_not_tell_stays_unknown(self, ledger, example):
        row = example.row("a", starts_at=None, date=None, session=None, branch_id=None)
        ledger.enrol(example.batch(rows=1), [row], [])
        assert example.record(ledger, "a")[1:5] == (None, None, None, None)

    def test_a_start_in_any_timezone_is_the_same_instant_in_utc(self, ledger, example):
        local = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
        ledger.enrol(example.batch(rows=1), [example.row("a", starts_at=local)], [])
        starts_at = example.record(ledger, "a").starts_at
        assert (starts_at, starts_at.tzinfo) == (NOON, UTC)

    def test_a_naive_start_is_refused_and_nothing_is_enrolled(self, ledger, example):
        naive = example.row("b", starts_at=NOON.replace(tzinfo=None))
        with pytest.raises(ValueError, match="naive"):
            ledger.enrol(example.batch(), [example.row("a"), naive], [])
        assert ledger.batches() == []

    def test_an_error_half_way_through_the_rows_leaves_nothing(self, ledger, example):
        def broken():
            yield example.row("a")
            raise InterruptedError

        with pytest.raises(InterruptedError):
            ledger.enrol(example.batch(), broken(), [])
        assert (ledger.batches(), list(ledger.rows("closure"))) == ([], [])

    def test_the_same_content_again_changes_nothing(self, held, example):
        held.commit([example.intent("a")])
        before = list(held.rows("closure"))
        held.enrol(example.batch(), [], [])
        assert list(held.rows("closure")) == before

    def test_a_changed_manifest_changes_the_batch(self, held, example):
        changed = example.batch(digest="digest-2", rows=1, duplicates=3)
        held.enrol(changed, [example.row("a")], [])
        assert held.batches() == [changed]

    def test_rows_of_a_changed_manifest_join(self, held, example):
        rows = [*example.rows(), example.row("d")]
        held.enrol(example.batch(digest="digest-2", rows=4), rows, [])
        assert example.standing(held)["d"] == WAITING

    def test_known_rows_keep_their_state_and_take_the_new_times(self, held, example):
        held.commit([example.intent("a"), example.settled("a")])
        rows = [example.row(one, starts_at=LATER, start_known_by="day") for one in "abc"]
        held.enrol(example.batch(digest="digest-2"), rows, [])
        row = example.record(held, "a")
        assert (row.outcome, row.attempts) == ("cancelled", 1)
        assert (row.starts_at, row.start_known_by) == (LATER, "day")

    def test_a_row_keeps_the_line_of_the_manifest_that_named_it_last(self, held, example):
        rows = [example.row(one, line=line) for line, one in enumerate("cba", start=2)]
        held.enrol(example.batch(digest="digest-2"), rows, [])
        assert {"c": 2, "b": 3, "a": 4} == {
            row.appointment_id: row.line for row in held.rows("closure")
        }

    def test_what_was_said_of_a_settled_row_and_is_left_out_now_stays(self, held, example):
        held.commit([example.intent("a"), example.settled("a"), example.intent("b", 2)])
        empty = {"starts_at": None, "date": None, "session": None, "manifest_start": None}
        rows = [example.row(one, **empty, branch_id="br_2") for one in "abc"]
        held.enrol(example.batch(digest="digest-2"), rows, [])
        settled, opened = (example.record(held, one)[1:5] for one in "ab")
        assert settled == (NOON, example.row("a").date, "MORNING", "br_2")
        assert opened == (None, None, None, "br_2")

    def test_vanished_rows_are_dropped_while_waiting_or_skipped(self, held, example):
        held.decide("closure", [("b", SKIPPED)])
        held.enrol(example.batch(digest="digest-2", rows=1), [example.row("a")], [])
        assert list(example.standing(held)) == ["a"]

    def test_vanished_rows_stay_when_something_was_sent(self, held, example):
        held.commit([example.intent("a"), example.intent("b", 2), example.settled("b")])
        held.enrol(example.batch(digest="digest-2", rows=1), [example.row("c")], [])
        assert list(example.standing(held)) == ["a", "b", "c"]

    def test_rejected_rows_are_replaced(self, ledger, example):
        before = [RejectedRow(line=2, reason="ragged"), RejectedRow(line=3, reason="ragged")]
        ledger.enrol(example.batch(rejected_rows=2), example.rows(), before)
        after = [RejectedRow(line=2, reason="bad_id")]
        ledger.enrol(example.batch(rejected_rows=1), example.rows(), after)
        rejected = TallyLine(State.SETTLED, "rejected_row", "bad_id", 1)
        assert [line for line in ledger.tally("closure") if line.outcome] == [rejected]

    def test_rejected_rows_stand_among_the_rows_after_the_others_by_line(self, ledger, example):
        rejected = [
            RejectedRow(line=9, reason="unreadable_time", appointment_id="z"),
            RejectedRow(line=10, reason="ragged"),
            RejectedRow(line=11, reason="bad_id"),
        ]
        ledger.enrol(example.batch(rejected_rows=3), example.rows(), rejected)
        rows = list(ledger.rows("closure"))
        assert ["a", "b", "c", "z", None, None] == [row.appointment_id for row in rows]
        assert [2, 2, 2, 9, 10, 11] == [row.line for row in rows]
        assert [("rejected_row", one.reason) for one in rejected] == [
            (row.outcome, row.reason) for row in rows[3:]
        ]
        assert {State.SETTLED} == {row.state for row in rows[3:]}

    def test_the_rows_are_as_many_as_the_tally_counts(self, ledger, example):
        ledger.hold(example.run())
        rejected = [RejectedRow(line=line, reason="ragged") for line in (5, 6)]
        ledger.enrol(example.batch(rejected_rows=2), example.rows(), rejected)
        ledger.decide("closure", [("c", SKIPPED)])
        ledger.commit([example.intent("a"), example.settled("a"), example.intent("b", 2)])
        found = Counter((one.state, one.outcome, one.reason) for one in ledger.rows("closure"))
        assert found == {tuple(line[:3]): line.rows for line in ledger.tally("closure")}


class TestSettledRows:
    def test_what_the_manifest_said_of_them_comes_back_in_the_order_of_ids(self, store, example):
        ledger = store.open()
        rows = [example.row(one, manifest_start=f"2026-11-03T{one}") for one in "cab"]
        ledger.hold(example.run())
        ledger.enrol(example.batch(), rows, [])
        for request, one in enumerate("ca"):
            ledger.commit([example.intent(one, request + 1), example.settled(one)])
        assert list(store.reader().settled_rows("closure")) == [rows[1], rows[0]]

    @pytest.mark.parametrize("name", FINAL)
    def test_every_final_outcome_is_among_them_and_the_refused_only_while_they_stay(
        self, held, example, name
    ):
        held.commit([example.intent("a"), example.settled("a", name)])
        is_sent_again = name in {"refused", "not_found"}
        found = (
            list(held.settled_rows("closure")),
            list(held.settled_rows("closure", but_refused=True)),
        )
        assert [1, 0 if is_sent_again else 1] == [len(rows) for rows in found]

    def test_skipped_and_given_up_rows_are_not(self, held, example):
        completed = example.settled("a", OutcomeName.SKIPPED, SkipReason.COMPLETED)
        given_up = example.settled("b", OutcomeName.GAVE_UP)
        held.commit([completed, example.intent("b"), given_up])
        assert [] == list(held.settled_rows("closure"))


class TestApproval:
    APPROVED = Approved("a1-3", "desk", LATER)

    def test_a_batch_that_nobody_approved_has_none(self, held):
        assert held.approved("closure") is None
        assert held.approved("?") is None

    def test_the_last_approval_is_kept(self, store, example):
        ledger = example.begin(store.open())
        ledger.approve("closure", Approved("a1-9", None, NOON))
        ledger.approve("closure", self.APPROVED)
        assert store.reader().approved("closure") == self.APPROVED

    def test_it_stays_when_the_manifest_changes(self, held, example):
        held.approve("closure", self.APPROVED)
        held.enrol(example.batch(digest="digest-2"), example.rows(), [])
        assert held.approved("closure") == self.APPROVED


class TestTally:
    def test_several_batches_are_asked_about_as_each_is(self, held, example):
        other = type(example)(name='o\'ther "two"', ids=("x",))
        held.enrol(other.batch(), other.rows(), [RejectedRow(line=7, reason="ragged")])
        names = ["closure", other.name, "never enrolled"]
        assert held.tally_of_each(names) == {one: held.tally(one) for one in names}
        assert held.runs_of_each(names) == {one: held.runs(one) for one in names}
        assert [2, 0] == [len(held.tally(one)) for one in names[1:]]
        assert other.batch() == held.batch(other.name)

    def test_every_row_is_counted_once_rejected_rows_included(self, ledger, example):
        ledger.hold(example.run())
        batch = example.batch(rows=5, rejected_rows=1)
        rows = [example.row(one) for one in "abcde"]
        ledger.enrol(batch, rows, [RejectedRow(line=9, reason="ragged")])
        ledger.decide("closure", [("c", SKIPPED)])
        ledger.commit([example.intent("a"), example.settled("a"), example.intent("b", 2)])
        assert set(ledger.tally("closure")) == {
            TallyLine(State.SETTLED, "cancelled", None, 1),
            TallyLine(State.OPEN, None, None, 1),
            TallyLine(State.SETTLED, "skipped", "notice_window", 1),
            TallyLine(State.WAITING, None, None, 2),
            TallyLine(State.SETTLED, "rejected_row", "ragged", 1),
        }


class TestDecide:
    def test_a_skip_is_settled_with_its_reason(self, held, example):
        held.decide("closure", [("a", SKIPPED)])
        assert example.standing(held)["a"] == (State.SETTLED, "skipped", "notice_window")

    def test_rows_skipped_before_and_not_now_are_waiting(self, held, example):
        held.decide("closure", [("a", SKIPPED)])
        held.decide("closure", [("b", Outcome(OutcomeName.SKIPPED, SkipReason.UNKNOWN_START))])
        skipped = (State.SETTLED, "skipped", "unknown_start")
        assert example.standing(held) == {"a": WAITING, "b": skipped, "c": WAITING}

    def test_a_row_skipped_as_completed_is_decided_anew(self, held, example):
        held.commit([example.settled("a", OutcomeName.SKIPPED, SkipReason.COMPLETED)])
        held.decide("closure", [("a", Outcome(OutcomeName.SKIPPED, SkipReason.MOVED))])
        assert example.standing(held)["a"] == (State.SETTLED, "skipped", "moved")

    def test_a_row_that_others_cancelled_is_decided_anew_unless_it_was_sent(self, held, example):
        already = OutcomeName.ALREADY_CANCELLED
        held.commit([example.intent("a"), example.settled("a", already)])
        held.decide("closure", [("b", Outcome(already))])
        assert held.settled_ids("closure") == ["a"]
        assert held.left_alone("closure") == [("b", "already_cancelled", None)]

        held.decide("closure", [("b", Outcome(OutcomeName.NEEDS_REVIEW, "alive_again"))])
        assert example.standing(held) == {
            "a": (State.SETTLED, "already_cancelled", None),
            "b": (State.SETTLED, "needs_review", "alive_again"),
            "c": WAITING,
        }
        assert sorted(held.settled_ids("closure")) == ["a", "b"]

    def test_rows_left_alone_for_what_they_are_are_told_and_those_by_policy_are_not(
        self, held, example
    ):
        reasons = dict(zip("abc", ("moved", "notice_window", "unknown_status"), strict=True))
        held.decide(
            "closure",
            [(one, Outcome(OutcomeName.SKIPPED, reason)) for one, reason in reasons.items()],
        )
        assert held.left_alone("closure") == [
            ("a", "skipped", "moved"),
            ("c", "skipped", "unknown_status"),
        ]

    @pytest.mark.parametrize(
        "decided",
        [[], [("a", SKIPPED)], [("a", Outcome(OutcomeName.NOT_FOUND))]],
        ids=["waits", "too_late", "another_clinics_key"],
    )
    def test_what_was_seen_cancelled_stays_so_for_a_run_that_could_not_look(
        self, held, example, decided
    ):
        seen = Observation("a", "cancelled", date(2026, 11, 4), "Morning", "br_1", "MA", NOON)
        held.decide("closure", [("a", Outcome(OutcomeName.ALREADY_CANCELLED))], [seen])
        held.decide("closure", decided)
        assert held.left_alone("closure") == [("a", "already_cancelled", None)]

        held.decide("closure", [], [seen._replace(status="confirmed", at=LATER)])
        assert held.left_alone("closure") == []

    def test_a_row_that_others_cancelled_is_dropped_when_it_is_no_longer_named(self, held, example):
        held.decide("closure", [("b", Outcome(OutcomeName.ALREADY_CANCELLED))])
        held.enrol(example.batch(digest="digest-2", rows=1), [example.row("a")], [])
        assert list(example.standing(held)) == ["a"]

    def test_what_was_seen_is_kept_and_replaced(self, held, example):
        seen = Observation("a", "confirmed", date(2026, 11, 4), "Morning", "br_1", "MA", NOON)
        later = seen._replace(status="completed", session=None, at=LATER)
        held.decide("closure", [], [seen])
        held.decide("closure", [], [later, later._replace(appointment_id="nobody")])
        assert list(held.observations("closure")) == [later]

    def test_open_and_settled_rows_are_not_skipped(self, held, example):
        held.commit([example.intent("a"), example.intent("b", 2), example.settled("b")])
        held.decide("closure", [(one, SKIPPED) for one in "ab"])
        assert (example.standing(held)["a"], example.standing(held)["b"][1]) == (OPEN, "cancelled")

    def test_a_row_skipped_while_sending_is_decided_anew(self, held, example):
        held.commit([example.settled("a", OutcomeName.SKIPPED, SkipReason.NOTICE_WINDOW)])
        held.decide("closure", [])
        assert example.standing(held)["a"] == WAITING

    def test_a_doubt_outlasts_a_skip_and_the_row_is_not_dropped(self, held, example):
        skipped = example.settled("a", OutcomeName.SKIPPED, SkipReason.MOVED)
        held.commit([example.intent("a"), skipped])
        assert ["a"] == [one.appointment_id for one in held.open_rows("closure")]

        held.enrol(example.batch(digest="digest-2", rows=1), [example.row("b")], [])
        held.decide("closure", [])
        assert example.standing(held)["a"] == OPEN

    def test_an_error_half_way_leaves_the_skips_as_they_were(self, held, example):
        def broken():
            yield "b", SKIPPED
            raise InterruptedError

        held.decide("closure", [("a", SKIPPED)])
        with pytest.raises(InterruptedError):
            held.decide("closure", broken())
        assert (example.standing(held)["a"][1], example.standing(held)["b"]) == ("skipped", WAITING)


class TestDecisionsOfPersons:
    def test_what_is_kept_is_left_alone_and_what_is_to_be_cancelled_waits(self, held, example):
        review, skipped = OutcomeName.NEEDS_REVIEW, OutcomeName.SKIPPED
        held.commit([example.intent("a"), example.settled("a", review, "changed")])
        held.decide(
            "closure",
            [("b", Outcome(skipped, SkipReason.MOVED))],
            [Observation("b", "confirmed", date(2026, 11, 4), "Evening", "br_1", None, NOON)],
        )
        held.commit([example.settled("c")])
        decided = [
            Resolved("a", "cancel", "asha", NOON, None),
            Resolved("b", "kept", None, NOON, "x"),
        ]

        assert 2 == held.resolve("closure", [*decided, Resolved("c", "kept", None, NOON, None)])
        assert example.standing(held) == {
            "a": WAITING,
            "b": (State.SETTLED, "skipped", "kept"),
            "c": (State.SETTLED, "cancelled", None),
        }
        assert sorted(held.decided("closure")) == [
            ("a", "cancel", None, None, None, None),
            ("b", "kept", "confirmed", date(2026, 11, 4), "Evening", "br_1"),
        ]

    def test_what_was_cancelled_by_us_and_had_moved_is_cancelled(self, held, example):
        held.commit([example.intent("a"), example.settled("a", OutcomeName.NEEDS_REVIEW, "moved")])
        held.resolve("closure", [Resolved("a", "cancel", None, NOON, None)])

        assert example.standing(held)["a"] == (State.SETTLED, "cancelled", None)
        assert held.settled_ids("closure") == ["a"]

    def test_a_batch_is_held_while_its_run_is(self, held, example):
        assert held.is_held("closure")
        held.finish(example.run(ended_at=NOON, exit_code=0))
        assert not held.is_held("closure")
