import math
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.api import Rate
from batchcancel.appointments import RejectedRow, SkipReason, Start
from batchcancel.errors import Refusal
from batchcancel.ledger.contract import OpenRow
from batchcancel.policy.earlier_runs import EarlierRuns
from batchcancel.policy.notice import NoticePolicy
from batchcancel.policy.pace import Pace
from batchcancel.policy.plan import Plan, make_plan, refuse_above_cap
from batchcancel.reader.manifest import Manifest, manifest_of
from batchcancel.settings import quantities

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = NoticePolicy(notice=24 * HOUR)
LIFTED = NoticePolicy(notice=timedelta(0))
MINUTELY = Rate(60, 60)


def manifest(starts: dict[str, timedelta | None], *, rejected=()) -> Manifest:
    """A manifest whose rows start so long after NOW; None is an unknown start."""
    texts = [None if gap is None else (NOW + gap).isoformat() for gap in starts.values()]
    frame = pl.DataFrame(
        {"line": range(2, 2 + len(starts)), "appointment_id": list(starts), "starts_at": texts},
        schema={"line": pl.Int64, "appointment_id": pl.String, "starts_at": pl.String},
    )
    return manifest_of(frame, source="m.csv", rejected=rejected)


def plan_of(starts: dict[str, timedelta | None], **options) -> Plan:
    return planned(manifest(starts), **options)


def planned(source: Manifest, *, rate: Rate = MINUTELY, taken: int = 0, **options) -> Plan:
    pace = Pace(now=NOW, rate=rate, taken=taken)
    return make_plan(source, pace=pace, **{"policy": DAY, "earlier": EarlierRuns()} | options)


def plan_of_marked(outcomes: dict[str, str | None], gap: timedelta, **options) -> Plan:
    """A plan for rows that all start so long after NOW, with their outcomes."""
    starts = [(NOW + gap).isoformat()] * len(outcomes)
    columns = {"appointment_id": list(outcomes), "starts_at": starts}
    words = pl.Series("outcome", list(outcomes.values()), pl.String)
    frame = pl.DataFrame({"line": range(2, 2 + len(outcomes)), **columns}).with_columns(words)
    return planned(manifest_of(frame, source="m.csv"), **options)


def ids(plan: Plan) -> list[str]:
    return [one.appointment_id for one in plan.appointments()]


def many(count: int, gap: timedelta | None = 240 * HOUR) -> dict[str, timedelta | None]:
    return {f"a{number:04d}": gap for number in range(count)}


def opened(*names: str, attempts: int = 2) -> list[OpenRow]:
    return [OpenRow(name, attempts, NOW - HOUR) for name in names]


def test_the_soonest_deadline_comes_first_and_the_unknown_last():
    plan = plan_of({"a": None, "b": 72 * HOUR, "c": 48 * HOUR, "d": 48 * HOUR})
    assert ids(plan) == ["c", "d", "b", "a"]


def test_rows_past_their_deadline_are_skipped_with_the_reason():
    plan = plan_of({"past": -HOUR, "near": HOUR, "exact": 24 * HOUR})

    assert ids(plan) == ["exact"]
    assert {one: end.reason for one, end in plan.endings()} == {
        "near": SkipReason.NOTICE_WINDOW,
        "past": SkipReason.ALREADY_STARTED,
    }
    assert plan.skipped == {SkipReason.NOTICE_WINDOW: 1, SkipReason.ALREADY_STARTED: 1}


def test_rows_that_the_manifest_marks_as_done_are_left_out_whatever_their_time():
    plan = plan_of_marked({"a": None, "b": "cancelled"}, 48 * HOUR)
    late = plan_of_marked({"a": None, "b": "cancelled"}, HOUR)

    assert (["a"], {SkipReason.MARKED_DONE: 1}) == (ids(plan), plan.skipped)
    assert {SkipReason.MARKED_DONE: 1, SkipReason.NOTICE_WINDOW: 1} == late.skipped


def test_what_is_settled_and_marked_counts_as_settled():
    plan = plan_of_marked({"a": "cancelled"}, 48 * HOUR, earlier=EarlierRuns(settled_ids=["a"]))
    assert (1, {}) == (plan.settled, plan.skipped)


def test_settled_rows_are_counted_and_not_taken_up():
    plan = plan_of(many(3), earlier=EarlierRuns(settled_ids=["a0000", "a0002"]))

    assert ids(plan) == ["a0001"]
    assert plan.settled == 2


def test_an_open_row_is_taken_up_even_past_its_deadline():
    plan = plan_of({"a": -HOUR}, earlier=EarlierRuns(open_rows=opened("a")))

    (one,) = plan.appointments()
    assert (one.opened_at, one.attempts) == (NOW - HOUR, 2)
    assert plan.open == 1


def test_the_first_and_last_start_are_those_of_the_eligible():
    plan = plan_of({"near": HOUR, "a": 48 * HOUR, "b": 72 * HOUR, "c": None})
    first, last = Start.exact(NOW + 48 * HOUR), Start.exact(NOW + 72 * HOUR)
    assert (plan.first_start, plan.last_start) == (first, last)


def test_an_empty_manifest_has_an_empty_plan():
    plan = plan_of({})

    assert (plan.rows, plan.eligible, plan.requests, plan.seconds, plan.will_miss) == (0,) * 5
    assert (plan.first_start, plan.last_start, ids(plan)) == (None, None, [])


def test_each_cancellation_costs_one_request():
    plan = plan_of(many(600))
    assert (plan.requests, plan.seconds, plan.look_ups) == (600, 540, 0)


def test_an_unknown_start_costs_a_look_up_while_a_window_is_in_force():
    assert (plan_of(many(2, None)).requests, plan_of(many(2, None)).look_ups) == (4, 2)


def test_an_unknown_start_costs_nothing_when_the_window_is_lifted():
    assert plan_of(many(2, None), policy=LIFTED).requests == 2


@pytest.mark.parametrize("gap", [None, 48 * HOUR])
def test_an_open_row_costs_one_read_whatever_else_is_unknown(gap):
    plan = plan_of({"a": gap}, earlier=EarlierRuns(open_rows=opened("a")))
    assert (plan.requests, plan.look_ups) == (2, 1)


def test_rows_whose_turn_comes_after_their_deadline_will_miss_it():
    # 60 at once, 60 a minute later: the deadline of all is in 30 seconds.
    assert plan_of(many(100, 24 * HOUR + timedelta(seconds=30))).will_miss == 40


def test_a_row_whose_turn_comes_exactly_at_its_deadline_does_not_miss_it():
    assert plan_of(many(100, 24 * HOUR + timedelta(seconds=60))).will_miss == 0


def test_slots_that_are_not_free_yet_push_the_turns_back():
    starts = many(60, 24 * HOUR)
    assert [0, 1, 60] == [plan_of(starts, taken=taken).will_miss for taken in (0, 1, 60)]


def test_slots_that_are_not_free_yet_are_waited_for():
    busy, idle = plan_of(many(60), taken=60), plan_of(many(60))
    assert MINUTELY.seconds_for(120) == busy.seconds > idle.seconds


def test_where_nothing_is_sent_nothing_is_waited_for():
    assert 0.0 == plan_of({}, taken=61).seconds


def test_a_row_is_taken_up_with_the_attempts_made_on_it():
    plan = plan_of(many(2), earlier=EarlierRuns(open_rows=opened("a0001")))
    assert {"a0000": 0, "a0001": 2} == {
        one.appointment_id: one.attempts for one in plan.appointments()
    }


def test_look_ups_push_the_turns_of_later_rows_back():
    soon = {f"s{number}": 24 * HOUR + timedelta(seconds=30) for number in range(20)}
    plan = plan_of(soon, earlier=EarlierRuns(open_rows=opened(*soon)), rate=Rate(20, 60))
    assert plan.will_miss == 10


def test_no_rate_limit_misses_nothing_and_takes_no_time():
    plan = plan_of(many(1000, 24 * HOUR), rate=Rate(math.inf, 0))
    assert (plan.will_miss, plan.seconds) == (0, 0)


def test_a_limit_takes_the_first_rows_and_holds_the_others_back():
    plan = plan_of(many(10), limit=3)
    assert (ids(plan), plan.held_back) == (["a0000", "a0001", "a0002"], 7)


def test_the_same_canary_twice_sends_nothing_the_second_time():
    plan = plan_of(many(10), limit=2, earlier=EarlierRuns(settled_ids=["a0000", "a0001"]))
    assert (ids(plan), plan.held_back) == ([], 8)


def test_a_larger_limit_adds_the_difference():
    plan = plan_of(many(10), limit=5, earlier=EarlierRuns(settled_ids=["a0000", "a0001"]))
    assert ids(plan) == ["a0002", "a0003", "a0004"]


def test_open_rows_are_taken_up_whatever_the_limit_and_count_in_it():
    earlier = EarlierRuns(open_rows=opened("a0003", "a0007", "a0008"))

    assert ids(plan_of(many(10), limit=2, earlier=earlier)) == ["a0003", "a0007", "a0008"]
    assert plan_of(many(10), limit=4, earlier=earlier).eligible == 4


GONE = [f"gone{number}" for number in range(30)]


def test_a_limit_counts_what_an_earlier_manifest_of_the_batch_cancelled():
    plan = plan_of(many(10), limit=32, earlier=EarlierRuns(settled_ids=GONE))

    assert (ids(plan), plan.held_back, plan.settled) == (["a0000", "a0001"], 8, 0)
    assert [] == ids(plan_of(many(10), limit=5, earlier=EarlierRuns(settled_ids=GONE)))


@pytest.mark.parametrize(("cap", "is_allowed"), [("40", True), ("39", False), ("100%", False)])
def test_a_cap_counts_what_an_earlier_manifest_of_the_batch_cancelled(cap, is_allowed):
    plan = plan_of(many(10), earlier=EarlierRuns(settled_ids=GONE))
    refused = (
        nullcontext() if is_allowed else pytest.raises(Refusal, match="30 of them in earlier runs")
    )
    with refused:
        refuse_above_cap(plan, quantities.cap(cap))


def test_a_cap_counts_a_row_that_is_sent_once_more_once():
    earlier = EarlierRuns(settled_ids=["a0000"], open_rows=opened("a0001"))
    refuse_above_cap(plan_of(many(3), earlier=earlier), quantities.cap("3"))


places = st.sampled_from(["settled", "open", "waiting"])
gaps = st.none() | st.sampled_from([-HOUR, HOUR, 24 * HOUR, 48 * HOUR])


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(st.tuples(places, gaps), max_size=30),
    rejected=st.integers(0, 3),
    limit=st.none() | st.integers(1, 30),
)
def test_every_row_has_exactly_one_place(rows, rejected, limit):
    names = {f"a{number}": row for number, row in enumerate(rows)}
    earlier = EarlierRuns(
        settled_ids=[name for name, (place, _) in names.items() if place == "settled"],
        open_rows=opened(*(name for name, (place, _) in names.items() if place == "open")),
    )
    bad = [RejectedRow(line=900 + number, reason="ragged") for number in range(rejected)]
    source = manifest({name: gap for name, (_, gap) in names.items()}, rejected=bad)

    plan = planned(source, earlier=earlier, limit=limit)

    places = [plan.eligible, plan.held_back, plan.settled, plan.rejected_rows]
    assert plan.rows == len(rows) + rejected == sum(places) + sum(plan.skipped.values())
    assert plan.eligible == len(ids(plan))
    assert {one.appointment_id for one in earlier.open_rows} <= set(ids(plan))
    assert not set(earlier.settled_ids) & set(ids(plan))
