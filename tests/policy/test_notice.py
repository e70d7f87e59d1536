from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.appointments import Cancel, KnownBy, Skip, SkipReason, Start
from batchcancel.policy.notice import NoticePolicy
from batchcancel.reader.times import START_TYPES

BERLIN = ZoneInfo("Europe/Berlin")
DAY = NoticePolicy(notice=timedelta(hours=24))
LIFTED = NoticePolicy(notice=timedelta(0))
START = datetime(2026, 6, 15, 9, tzinfo=UTC)
TICK = timedelta(microseconds=1)

EXACT = Start.exact(START)
SESSION = Start(START, START + timedelta(hours=3), KnownBy.SESSION)

NOTICE = Skip(SkipReason.NOTICE_WINDOW)
STARTED = Skip(SkipReason.ALREADY_STARTED)


def at(moment: datetime) -> st.SearchStrategy[datetime]:
    """Moments near one, and often exactly there."""
    near = st.integers(-3, 3).map(lambda ticks: moment + ticks * TICK)
    far = st.timedeltas(timedelta(days=-40), timedelta(days=40)).map(lambda gap: moment + gap)
    return near | far


def starts_near(moment: datetime) -> st.SearchStrategy[Start]:
    """Exact ones, and others that last up to two days."""
    lasts = st.integers(0, 3).map(lambda ticks: ticks * TICK)
    lasts |= st.timedeltas(timedelta(0), timedelta(days=2))
    wide = st.tuples(at(moment), lasts, st.sampled_from([KnownBy.SESSION, KnownBy.DAY]))
    return at(moment).map(Start.exact) | wide.map(
        lambda drawn: Start(drawn[0], drawn[0] + drawn[1], drawn[2])
    )


def frame_of(*starts: Start | None) -> pl.DataFrame:
    rows = [
        (one.earliest, one.latest, one.known_by.value) if one else (None,) * 3 for one in starts
    ]
    return pl.DataFrame(rows, schema=START_TYPES, orient="row")


def in_frame(policy: NoticePolicy, starts: list[Start | None], *, now: datetime) -> list:
    return frame_of(*starts).select(reason=policy.skip_reasons(now=now))["reason"].to_list()


@pytest.mark.parametrize(
    ("start", "now", "decision"),
    [
        (EXACT, START - timedelta(hours=24), Cancel()),
        (EXACT, START - timedelta(hours=24) + TICK, NOTICE),
        (EXACT, START, NOTICE),
        (EXACT, START + TICK, STARTED),
        (SESSION, SESSION.earliest - timedelta(hours=24), Cancel()),
        (SESSION, SESSION.earliest - timedelta(hours=24) + TICK, NOTICE),
        (SESSION, SESSION.earliest + TICK, NOTICE),
        (SESSION, SESSION.latest, NOTICE),
        (SESSION, SESSION.latest + TICK, STARTED),
        (None, START, Skip(SkipReason.UNKNOWN_START)),
    ],
)
def test_notice_counts_to_the_microsecond_from_the_earliest_start_and_the_latest_proves_it_begun(
    start, now, decision
):
    assert decision == DAY.decide(start, now=now)


@pytest.mark.parametrize(
    ("start", "now", "decision"),
    [
        (EXACT, START, Cancel()),
        (EXACT, START + TICK, STARTED),
        (SESSION, SESSION.earliest + TICK, Cancel()),
        (SESSION, SESSION.latest, Cancel()),
        (SESSION, SESSION.latest + TICK, STARTED),
        (None, START, Cancel()),
    ],
)
def test_a_lifted_window_allows_what_may_yet_begin(start, now, decision):
    assert decision == LIFTED.decide(start, now=now)


@pytest.mark.parametrize(("policy", "needs"), [(DAY, True), (LIFTED, False)])
def test_only_a_window_in_force_needs_to_know_starts(policy, needs):
    assert needs is policy.needs_start


@pytest.mark.parametrize("zone", [UTC, BERLIN])
def test_notice_is_time_that_passes_in_whatever_zone_two_moments_are_written(zone):
    # The clocks go forward on this night: from noon to noon 23 hours pass.
    start = datetime(2026, 3, 29, 12, tzinfo=BERLIN).astimezone(zone)
    day_before = datetime(2026, 3, 28, 12, tzinfo=BERLIN).astimezone(zone)

    assert DAY.decide(Start.exact(start), now=day_before) == NOTICE


def test_the_zone_in_which_now_is_written_changes_no_frame():
    now = (START - timedelta(hours=23)).astimezone(BERLIN)

    assert in_frame(DAY, [EXACT], now=now) == ["notice_window"]


@pytest.mark.parametrize(
    "decide", [lambda now: DAY.decide(EXACT, now=now), lambda now: DAY.skip_reasons(now=now)]
)
def test_a_naive_now_is_refused(decide):
    with pytest.raises(ValueError, match="naive"):
        decide(START.replace(tzinfo=None))


@pytest.mark.parametrize("at", [0, 1])
def test_a_naive_start_is_refused(at):
    moments = [START, START]
    moments[at] = START.replace(tzinfo=None)
    with pytest.raises(ValueError, match="naive"):
        Start(*moments, KnownBy.SESSION)


@settings(deadline=None)
@given(
    starts=st.lists(st.none() | starts_near(START), min_size=1, max_size=20),
    now=at(START) | at(START - timedelta(hours=24)),
    notice=st.sampled_from([timedelta(0), TICK, timedelta(hours=24)])
    | st.timedeltas(timedelta(0), timedelta(days=365)),
)
def test_a_frame_and_a_single_row_are_decided_alike(starts, now, notice):
    policy = NoticePolicy(notice=notice)
    one_by_one = [policy.decide(start, now=now) if start else Cancel() for start in starts]

    assert [
        decision.reason if isinstance(decision, Skip) else None for decision in one_by_one
    ] == in_frame(policy, starts, now=now)


def test_a_frame_leaves_unknown_starts_to_be_looked_up():
    assert in_frame(DAY, [None], now=START) == [None]


@pytest.mark.parametrize(
    ("policy", "of_the_session"),
    [(DAY, START - timedelta(hours=24)), (LIFTED, START + timedelta(hours=3))],
)
def test_the_deadline_is_the_earliest_start_less_the_notice_or_without_one_the_latest(
    policy, of_the_session
):
    frame = frame_of(SESSION, EXACT, None)

    found = frame.select(deadline=policy.deadlines())["deadline"].to_list()

    assert [of_the_session, START - policy.notice, None] == found


@settings(deadline=None)
@given(
    start=starts_near(START),
    now=at(START),
    later=st.timedeltas(timedelta(0), timedelta(days=40)),
)
def test_what_is_skipped_stays_skipped_as_time_goes_by(start, now, later):
    is_skipped = isinstance(DAY.decide(start, now=now), Skip)

    assert not is_skipped or isinstance(DAY.decide(start, now=now + later), Skip)
