"""What staff have done since a manifest was written, as a user sees it."""

from datetime import timedelta

from tests.e2e.stage import FAR, LEDGER, RUN

LATER = FAR + timedelta(days=7)


def test_what_was_moved_or_took_place_is_left_alone_and_told_by_plan_run_and_export(stage):
    ids = stage.closure(6)
    stage.sandbox.staff.reschedule(ids[0], LATER)
    stage.sandbox.staff.complete(ids[1])
    stage.sandbox.staff.mark(ids[2], "no_show")
    plan = stage.here("plan", "closure.csv")
    ended = stage.run(*RUN)
    stage.here("export", LEDGER, "-o", "left.csv", "--outcome", "skipped")

    assert "!! 1 appointments are on another day, session or branch now" in plan.stdout
    assert "!! 1 appointments have another status than confirmed, rescheduled" in plan.stdout
    assert (4, {"cancelled": 3, "moved": 1, "completed": 1, "unknown_status": 1}) == (
        ended.returncode,
        ended.counts,
    )
    assert ids[3:] == sorted(stage.patched())
    assert [*ids[:3]] == [
        line.split(",")[0] for line in (stage.folder / "left.csv").read_text().splitlines()[1:]
    ]


def test_a_column_that_is_the_day_of_booking_is_named_before_anything_is_sent(stage):
    ids = stage.closure(30)
    rows = [f"{one},{FAR - timedelta(days=20 + int(one[1:]))}" for one in ids]
    (stage.folder / "closure.csv").write_text("\n".join(["appointment_id,date", *rows]) + "\n")
    planned = stage.here("plan", "closure.csv")
    refused = stage.run(*RUN)
    sent = stage.patched()
    ignored = stage.run(*RUN, "--ignore-column", "date", "--ignore-column", "session")

    assert (3, 3) == (planned.returncode, refused.returncode)
    assert "skipped: moved" in planned.stdout
    assert "30 of 30 appointments are on another day now than the manifest says" in refused.stderr
    assert "--ignore-column date" in refused.stderr
    assert [] == sent
    assert (0, {"cancelled": 30}) == (ignored.returncode, ignored.counts)


def test_a_column_that_is_not_there_cannot_be_ignored(stage):
    stage.closure(1)
    ended = stage.here("plan", "closure.csv", "--ignore-column", "dtae")

    assert (2, True) == (ended.returncode, "no column 'dtae' to be ignored" in ended.stderr)


def test_what_was_seen_cancelled_and_was_confirmed_since_is_for_a_person(stage):
    ids = stage.closure(3)
    stage.sandbox.staff.cancel(ids[0])
    first = stage.run(*RUN)
    stage.sandbox.staff.confirm(ids[0])
    second = stage.run(*RUN)

    assert (0, {"cancelled": 2, "already_cancelled": 1}) == (first.returncode, first.counts)
    assert (4, {"cancelled": 2, "needs_review": 1}) == (second.returncode, second.counts)
    assert "confirmed" == stage.sandbox.record(ids[0]).status
    assert ids[1:] == sorted(stage.patched())


def test_statuses_come_from_a_job_file_too(stage):
    ids = stage.closure(3)
    stage.sandbox.staff.mark(ids[0], "no_show")
    (stage.folder / "job.toml").write_text('status = ["confirmed", "no_show"]\n')
    ended = stage.run(*RUN, "--job-file", "job.toml")

    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)
