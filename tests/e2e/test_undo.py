"""Looking afterwards and undoing, as it is typed: verify and restore with the real program."""

import json

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import FAR, LEDGER, RUN
from tests.e2e.terminal import terminal

RESTORE = ("restore", LEDGER, "--yes", "--json")


@pytest.fixture
def closed(stage):
    """Three cancelled appointments, in a window with room for them all."""
    ids = stage.closure(3)
    assert stage.here(*RUN).counts == {"cancelled": 3}
    return ids


def last(ended):
    return json.loads(ended.stdout.splitlines()[-1])


def confirmed(stage):
    return {one.appointment_id for one in stage.sandbox.records(status="confirmed")}


def test_what_staff_confirmed_again_is_named_and_written_as_a_manifest(stage, closed):
    well = stage.here("verify", LEDGER, "-o", "drift.csv")
    assert (0, False) == (well.returncode, (stage.folder / "drift.csv").exists())
    stage.sandbox.staff.confirm(closed[1])
    told = stage.here("verify", LEDGER, "-o", "drift.csv", "--json")
    shown = stage.here("verify", LEDGER)
    kept = stage.here("verify", LEDGER, "-o", "drift.csv")

    wanted = {"checked": 3, "cancelled": 2, "alive": 1, "drift": 1, "requests": 1, "exit_code": 4}
    assert (4, wanted) == (told.returncode, {name: last(told)[name] for name in wanted})
    assert f"{closed[1]}  alive  confirmed since" in shown.stdout
    assert "These are written to drift.csv" in told.stderr
    header, row = (stage.folder / "drift.csv").read_text().splitlines()
    assert header == "appointment_id,date,session,branch_id,batch,status,updated_at,drift"
    assert row.startswith(f"{closed[1]},{FAR},Morning,")
    assert (2, True) == (kept.returncode, "--force" in kept.stderr)
    assert 0 == stage.here("plan", "drift.csv", "--ledger", "other.ledger.db").returncode


def test_two_that_are_named_come_back_and_are_told_apart_by_all_commands(stage, closed):
    """By the manifest's name as by the ledger's."""
    both = stage.here("restore", LEDGER, closed[0], "--only", "closure.csv")
    restored = stage.here("restore", "closure.csv", *closed[:2], "--yes")
    again = stage.here("restore", LEDGER, *closed[:2], "-n")
    status = stage.here("status", LEDGER, "--batch", "closure.restore")
    told = stage.here("export", LEDGER, "--batch", "closure.restore", "-o", "t.csv", "--contacts")
    verified = stage.here("verify", "closure.csv")
    stage.sandbox.staff.cancel(closed[0])
    cancelled = stage.here("verify", LEDGER)
    planned = stage.here("plan", "closure.csv")

    assert [2, 0, 0] == [one.returncode for one in (both, restored, again)]
    assert "1 other stays cancelled." in " ".join(again.stdout.split())
    assert "restored already  2  nothing to do" in again.stdout
    command = f"batchcancel export {LEDGER} --batch closure.restore -o tell.csv --contacts"
    assert command in restored.stderr
    assert command in status.stdout
    assert (0, True) == (told.returncode, "2 appointments" in told.stdout)
    assert (0, 0) == (verified.returncode, cancelled.returncode)
    assert "2  put back by restore: alive" in verified.stdout
    assert "put back by restore: 1 alive, 1 cancelled" in cancelled.stdout
    assert "settled already 3" in " ".join(planned.stdout.split())
    assert "of them restored 2 put back by restore" in " ".join(planned.stdout.split())
    told = "Nothing is left to send." in planned.stdout, "Next:" in planned.stdout
    assert (True, False) == told


def test_what_a_restore_was_told_is_typed_again_whatever_an_id_looks_like(stage, closed):
    stage.sandbox.faults.add(Fault("status", status=503), method="PATCH", times=None)
    words = ("--max-attempts", "1", "--", closed[0], "-x")
    stage.here("restore", LEDGER, "--yes", *words)
    status = stage.here("status", LEDGER, "--batch", "closure.restore")
    assert f" -- {closed[0]} -x\n" in status.stdout


@pytest.mark.parametrize("command", ["verify", "restore"])
def test_without_a_ledger_there_is_nothing_to_look_at(stage, command):
    ended = stage.here(command, LEDGER)
    assert (2, []) == (ended.returncode, [*stage.folder.glob("*.db*")])
    assert stage.arrivals == 0


def test_a_person_sees_a_plan_and_types_the_number(stage, closed):
    with terminal(stage, "restore", LEDGER) as person:
        person.until("Type the number of appointments to restore (3)")
        person.type("3")
        assert 0 == person.end()
    assert "Patients may have been told" in person.shown
    assert confirmed(stage) == {*closed}


def test_a_dry_run_writes_nothing_and_without_a_terminal_somebody_must_have_agreed(stage, closed):
    patched = len(stage.patched())
    planned = stage.here("restore", LEDGER, "-n", "--json")
    asked = stage.arrivals
    unasked = stage.here("restore", LEDGER)
    assert (0, 3) == (planned.returncode, last(planned)["eligible"])
    assert (3, True) == (unasked.returncode, "--yes" in unasked.stderr)
    assert asked == stage.arrivals
    assert (patched, set()) == (len(stage.patched()), confirmed(stage))


def test_where_nothing_is_left_to_restore_nobody_has_to_be_asked(stage, closed):
    stage.here(*RESTORE)
    assert 0 == stage.here("restore", LEDGER).returncode


def test_who_is_named_and_was_not_cancelled_is_told_by_the_plan_too(stage, closed):
    ended = stage.here("restore", LEDGER, closed[0], "appt_1", "-n")
    assert (4, True) == (ended.returncode, "!! 1 row of those named" in ended.stdout)


@pytest.mark.parametrize("words", [("restore",), ("resolve", "--as", "kept")])
def test_ids_are_no_manifest_and_it_is_told_where_they_belong(stage, closed, words):
    ended = stage.here(*words, LEDGER, "--only", "appt_1")
    assert 2 == ended.returncode
    assert "batchcancel: there is no manifest appt_1\n" in ended.stderr
    assert "Type ids after the ledger, without --only" in ended.stderr


@pytest.mark.parametrize("words", [("restore", "-n"), ("resolve", "--as", "kept")])
def test_a_manifest_of_some_that_cannot_be_read_to_its_end_changes_nothing(stage, closed, words):
    stage.table("appointment_id", closed[0], "a b", name="some.csv")
    ended = stage.here(*words, LEDGER, "--only", "some.csv")
    assert (2, True) == (ended.returncode, "line 3" in ended.stderr)


@pytest.mark.promise(14)
def test_the_manifest_of_a_batch_is_neither_written_over_nor_removed_by_its_drift(stage, closed):
    before = (stage.folder / "closure.csv").read_text()
    ended = stage.here("verify", LEDGER, "-o", "closure.csv", "--force")
    assert (2, before) == (ended.returncode, (stage.folder / "closure.csv").read_text())
    assert "is the manifest that batch closure came from" in ended.stderr


def test_the_first_batch_counts_what_was_restored_apart_and_never_sends_it_again(stage, closed):
    restored = stage.here(*RESTORE)
    again = stage.here(*RUN)
    status = [json.loads(one) for one in stage.here("status", LEDGER, "--json").stdout.splitlines()]
    exported = stage.here("export", LEDGER, "-o", "all.csv", "--outcome", "restored")
    verified = stage.here("verify", LEDGER)

    assert (0, {"restored": 3}) == (restored.returncode, restored.counts)
    assert (0, {"restored": 3}) == (again.returncode, again.counts)
    assert [3, 3] == [one["restored"] for one in status]
    assert (0, 0) == (exported.returncode, verified.returncode)
    assert "3 rows of batch closure" in exported.stdout
    assert confirmed(stage) == {*closed}


@pytest.mark.long
def test_a_restore_of_a_restore_is_refused(stage, closed):
    stage.here(*RESTORE)
    patched = len(stage.patched())
    ended = stage.here(*RESTORE, "--batch", "closure.restore")
    assert (2, patched) == (ended.returncode, len(stage.patched()))
    assert "--batch closure" in ended.stderr


@pytest.mark.long
@pytest.mark.promise(12)
@pytest.mark.promise(22)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_intent_and_answer_and_run_again_it_restores_one_and_never_three(
    stage, closed, when
):
    for number in range(stage.sandbox.book.clinic.places - 1):
        stage.book(f"new{number}")
    stage.sandbox.faults.add(Fault("hang", when=when), method="PATCH")
    patched = len(stage.patched())
    restoring = stage.start(*RESTORE)
    stage.wait_until(lambda: len(stage.patched()) > patched)
    assert -9 == restoring.kill().returncode
    resumed = stage.here(*RESTORE)
    counts = {"restored": 1, "slot_taken": 2}
    assert (4, counts) == (resumed.returncode, resumed.counts)
    assert len(confirmed(stage) & {*closed}) == 1
    assert counts == stage.here(*RESTORE).counts
