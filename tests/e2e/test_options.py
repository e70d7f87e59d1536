from tests.e2e.stage import RUN


def test_a_run_takes_its_options_from_a_job_file_named_by_a_variable(stage):
    stage.closure(2)
    job = 'notes = "Closed"\nlimit = 1\nyes = true\njson = true\n[sessions]\nMorning = "09:00"\n'
    (stage.folder / "job.toml").write_text(job)
    ended = stage.here("run", "closure.csv", environ={"BATCHCANCEL_JOB_FILE": "job.toml"})

    assert (0, {"cancelled": 1, "waiting": 1}) == (ended.returncode, ended.counts)
    [arrival] = stage.sandbox.history.patches()
    assert "Closed" == arrival.body["notes"]


def test_what_is_mistyped_is_told_with_what_was_meant(stage):
    stage.closure(1)
    (stage.folder / "job.toml").write_text("max-cancle = 5\n")
    environ = {"BATCHCANCEL_CONCURENCY": "3", "BATCHCANCEL_RATE": "fast"}
    flag = stage.run(*RUN, "--notise-hours", "0")
    others = stage.here(*RUN, "--job-file", "job.toml", environ=environ)
    missing = stage.here("resolve", "closure.ledger.db", "a1")

    assert [2, 2, 2] == [flag.returncode, others.returncode, missing.returncode]
    assert "Missing option '--as'. Choose from: kept, cancel\n" in missing.stderr
    assert "--notice-hours" in flag.stderr
    assert "BATCHCANCEL_CONCURENCY is no option; did you mean concurrency?" in others.stderr
    assert "job file: max-cancle is no option; did you mean max-cancel?" in others.stderr
    assert "BATCHCANCEL_RATE: write a rate like 60/60s" in others.stderr
    assert 0 == stage.arrivals


def test_notes_that_are_no_unicode_are_refused_wherever_they_come_from(stage):
    stage.closure(1)
    (stage.folder / "job.toml").write_text('notes = "\\ud800"\n')
    typed = stage.here(*RUN, "--notes", "Caf\udce9")
    filed = stage.here(*RUN, "--job-file", "job.toml")

    assert [2, 2] == [typed.returncode, filed.returncode]
    assert "--notes: notes are Unicode text" in typed.stderr
    assert "job.toml is not TOML" in filed.stderr
    assert 0 == stage.arrivals
