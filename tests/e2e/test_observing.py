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
    ended = stage.here(*RUN)
    stage.here("export", LEDGER, "-o", "left.csv", "--outcome", "skipped")

    assert "!! 1 appointment is on another day, session or branch now" in plan.stdout
    assert "!! 1 appointment has another status than confirmed, rescheduled" in plan.stdout
    assert (4, {"cancelled": 3, "moved": 1, "completed": 1, "unknown_status": 1}) == (
        ended.returncode,
        ended.counts,
    )
    assert ids[3:] == sorted(stage.patched())
    assert [*ids[:3]] == [
        line.split(",")[0] for line in (stage.folder / "left.csv").read_text().splitlines()[1:]
    ]


def test_a_column_that_is_not_there_cannot_be_ignored(stage):
    stage.closure(1)
    ended = stage.here("plan", "closure.csv", "--ignore-column", "dtae")

    assert (2, True) == (ended.returncode, "no column 'dtae' to be read or ignored" in ended.stderr)


def test_statuses_come_from_a_job_file_too(stage):
    ids = stage.closure(3)
    stage.sandbox.staff.mark(ids[0], "no_show")
    (stage.folder / "job.toml").write_text('status = ["confirmed", "no_show"]\n')
    ended = stage.here(*RUN, "--job-file", "job.toml")

    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)
