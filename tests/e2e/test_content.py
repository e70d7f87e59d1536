from datetime import timedelta

import pytest

from tests.e2e.stage import FAR, LEDGER, RUN
from tests.sample import sampled

ACCEPTED = (*RUN, "--accept-changed-manifest")
PLANNED = ("plan", "closure.csv", "--accept-changed-manifest")
OTHER_DAY = FAR + timedelta(days=7)


@pytest.mark.parametrize("options", sampled([[*RUN], [*ACCEPTED], [*PLANNED]], every=3))
def test_settled_rows_that_name_another_day_now_are_a_conflict_and_never_count_as_done(
    stage, options
):
    ids = stage.closure(3)
    stage.here(*RUN)
    stage.sandbox.staff.confirm(ids[0])
    stage.write("closure.csv", ids, starts_at=f"{OTHER_DAY}T03:30:00Z")
    arrived = stage.arrivals
    refused = stage.here(*options)

    assert 3 == refused.returncode
    assert "contradicts 3 rows that batch closure has settled" in refused.stderr
    assert "(a001, a002, a003)" in refused.stderr
    assert "--batch" in refused.stderr
    assert arrived == stage.arrivals


@pytest.mark.long
def test_a_batch_of_its_own_is_for_the_other_day(stage):
    ids = stage.closure(3)
    stage.here(*RUN)
    for one in ids:
        stage.sandbox.staff.reschedule(one, OTHER_DAY)
        stage.sandbox.staff.confirm(one)
    stage.write("closure.csv", ids, starts_at=f"{OTHER_DAY}T03:30:00Z")
    again = stage.here(*RUN, "--batch", "again", "--ledger", LEDGER)

    assert (0, {"cancelled": 3}) == (again.returncode, again.counts)
    assert [2, 2, 2] == [*stage.cancellations().values()]


@pytest.mark.parametrize(
    ("columns", "cells"),
    sampled(
        [
            ("appointment_id", ""),
            ("appointment_id,starts_at", f",{FAR}T09:00+05:30"),
            ("appointment_id,starts_at", f",{FAR}T09:00"),
            ("appointment_id,date,session", f",{FAR},MORNING"),
            ("appointment_id,starts_at,notes", f",{FAR}T03:30:00Z,Closed."),
        ],
        every=3,
        first=2,
    ),
)
def test_the_same_rows_told_in_other_words_are_done(stage, columns, cells):
    ids = stage.closure(3)
    stage.here(*RUN)
    stage.table(columns, *(one + cells for one in ids))
    accepted = stage.here(*ACCEPTED)

    assert (0, {"cancelled": 3}) == (accepted.returncode, accepted.counts)


@pytest.mark.long
def test_rows_that_wait_may_be_put_on_another_day(stage):
    ids = stage.closure(4)
    stage.here(*RUN, "--limit", "2")
    rows = [f"{one},{FAR if one in ids[:2] else OTHER_DAY}T03:30:00Z" for one in ids]
    stage.table("appointment_id,starts_at", *rows)
    for one in ids[2:]:
        stage.sandbox.staff.reschedule(one, OTHER_DAY)

    assert 0 == stage.here(*ACCEPTED, "--limit", "2").returncode
