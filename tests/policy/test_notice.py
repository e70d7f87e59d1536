from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.appointments import Cancel, Skip, SkipReason
from batchcancel.policy.notice import NoticePolicy

BERLIN = ZoneInfo("Europe/Berlin")
DAY = NoticePolicy(notice=timedelta(hours=24))
LIFTED = NoticePolicy(notice=timedelta(0))
START = datetime(2026, 6, 15, 9, tzinfo=UTC)
TICK = timedelta(microseconds=1)

NOTICE = Skip(SkipReason.NOTICE_WINDOW)
STARTED = Skip(SkipReason.ALREADY_STARTED)


def at(moment: datetime) -> st.SearchStrategy[datetime]:
    """Moments near one, and often exactly there."""
    near = st.integers(-3, 3).map(lambda ticks: moment + ticks * TICK)
    far = st.timedeltas(timedelta(days=-40), timedelta(days=40)).map(lambda gap: moment + gap)
    return near | far


def in_frame(policy: NoticePolicy, starts: list[datetime | None], *, now: datetime) -> list:
    frame = pl.DataFrame({"starts_at": starts}, schema={"starts_at": pl.Datetime("us", "UTC")})
    return frame.select(reason=policy.skip_reasons(now=now))["reason"].to_list()


@pytest.mark.parametrize(
    ("now", "decision"),
    [
        (START - timedelta(hours=24), Cancel()),
        (START - timedelta(hours=24) + TICK, NOTICE),
        (START, NOTICE),
        (START + TICK, STARTED),
    ],
)
def test_exactly_enough_notice_is_enough_and_a_microsecond_less_is_not(now, decision):
    assert decision == DAY.decide(START, now=now)


@pytest.mark.parametrize(("now", "decision"), [(START, Cancel()), (START + TICK, STARTED)])
def test_a_lifted_window_allows_what_has_not_begun(now, decision):
    assert decision == LIFTED.decide(START, now=now)


def test_an_unknown_start_is_skipped_while_a_window_is_in_force():
    assert DAY.decide(None, now=START) == Skip(SkipReason.UNKNOWN_START)


def test_an_unknown_start_may_be_cancelled_when_the_window_is_lifted():
    assert LIFTED.decide(None, now=START) == Cancel()


@pytest.mark.parametrize(("policy", "needs"), [(DAY, True), (LIFTED, False)])
def test_only_a_window_in_force_needs_to_know_starts(policy, needs):
    assert needs is policy.needs_start


def test_notice_is_time_that_passes_not_time_on_the_clinics_wall():
    # The clocks go forward on this night: from noon to noon 23 hours pass.
    start = datetime(2026, 3, 29, 12, tzinfo=BERLIN)
    day_before = datetime(2026, 3, 28, 12, tzinfo=BERLIN)

    assert DAY.decide(start.astimezone(UTC), now=day_before.astimezone(UTC)) == NOTICE


def test_the_zone_in_which_two_moments_are_written_changes_no_decision():
    start = datetime(2026, 3, 29, 12, tzinfo=BERLIN)
    day_before = datetime(2026, 3, 28, 12, tzinfo=BERLIN)

    assert DAY.decide(start, now=day_before) == NOTICE


def test_the_zone_in_which_now_is_written_changes_no_frame():
    now = (START - timedelta(hours=23)).astimezone(BERLIN)

    assert in_frame(DAY, [START], now=now) == ["notice_window"]


@pytest.mark.parametrize(
    ("starts_at", "now"), [(START.replace(tzinfo=None), START), (START, START.replace(tzinfo=None))]
)
def test_a_naive_time_is_refused(starts_at, now):
    with pytest.raises(ValueError, match="naive"):
        DAY.decide(starts_at, now=now)


def test_a_naive_now_is_refused_for_a_frame_too():
    with pytest.raises(ValueError, match="naive"):
        DAY.skip_reasons(now=START.replace(tzinfo=None))


@settings(deadline=None)
@given(
    starts=st.lists(at(START), min_size=1, max_size=20),
    now=at(START) | at(START - timedelta(hours=24)),
    notice=st.sampled_from([timedelta(0), TICK, timedelta(hours=24)])
    | st.timedeltas(timedelta(0), timedelta(days=365)),
)
def test_a_frame_and_a_single_row_are_decided_alike(starts, now, notice):
    policy = NoticePolicy(notice=notice)
    one_by_one = [policy.decide(start, now=now) for start in starts]

    assert [
        decision.reason if isinstance(decision, Skip) else None for decision in one_by_one
    ] == in_frame(policy, starts, now=now)


def test_a_frame_leaves_unknown_starts_to_be_looked_up():
    assert in_frame(DAY, [None], now=START) == [None]


def test_the_deadline_is_the_start_less_the_notice_and_unknown_without_a_start():
    frame = pl.DataFrame({"starts_at": [START, None]})

    found = frame.select(deadline=DAY.deadlines())["deadline"].to_list()

    assert [START - timedelta(hours=24), None] == found


@settings(deadline=None)
@given(now=at(START), later=st.timedeltas(timedelta(0), timedelta(days=40)))
def test_what_is_skipped_stays_skipped_as_time_goes_by(now, later):
    is_skipped = isinstance(DAY.decide(START, now=now), Skip)

    assert not is_skipped or isinstance(DAY.decide(START, now=now + later), Skip)
