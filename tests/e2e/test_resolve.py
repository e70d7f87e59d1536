"""A person's decision on rows that nobody else may decide on."""

import json
import re
import shlex

import pytest

from batchcancel.ledger.contract import State
from batchcancel.ledger.sqlite.ledger import read_sqlite
from batchcancel.sandbox import Fault
from tests.e2e.stage import FAR, LEDGER, RUN


@pytest.fixture
def moved(stage):
    """A run that left one of three rows alone, because staff had moved it to the evening."""
    ids = stage.closure(3)
    lines = ["appointment_id,date,session", *(f"{one},{FAR},Morning" for one in ids)]
    (stage.folder / "closure.csv").write_text("\n".join(lines))
    stage.sandbox.staff.move(ids[1], session="Evening")
    ended = stage.here(*RUN)
    assert (4, {"cancelled": 2, "moved": 1}) == (ended.returncode, ended.counts)
    return ids[1]


def resolve(stage, *words):
    return stage.here("resolve", LEDGER, "--json", *words)


@pytest.mark.long
def test_a_row_that_is_kept_asks_for_nobody_any_more(stage, moved):
    told = resolve(stage, "--as", "kept", moved, "--reason", "by the front desk")
    ended = stage.here(*RUN)

    assert {"resolved": 1, "as": "kept", "exit_code": 0}.items() <= json.loads(told.stdout).items()
    assert (0, {"cancelled": 2, "kept": 1}) == (ended.returncode, ended.counts)


def test_with_another_batch_in_the_ledger_what_is_to_be_typed_still_works(stage, moved):
    stage.here(*RUN, "--batch", "other", "--limit", "1")
    status = stage.here("status", LEDGER, "--batch", "closure").stdout
    [line] = re.findall("batchcancel (resolve .*) ID ...", status)
    assert 0 == stage.here(*shlex.split(line), moved).returncode
    wrong = stage.here(*shlex.split(line), "a001")
    [export] = re.findall("batchcancel (export .*) has them", wrong.stderr)
    assert (2, 0) == (wrong.returncode, stage.here(*shlex.split(export)).returncode)


def test_a_row_that_is_to_be_cancelled_is_read_and_sent_by_the_next_run(stage, moved):
    told = resolve(stage, "--as", "cancel", moved)
    ended = stage.here(*RUN)

    assert json.loads(told.stdout)["rehearsal"]
    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)
    assert moved in stage.read_back()


@pytest.mark.parametrize("decision", ["kept", "cancel"])
def test_a_decision_counts_no_more_where_the_record_has_changed(stage, moved, decision):
    resolve(stage, "--as", decision, moved)
    stage.sandbox.staff.move(moved, session="Afternoon")
    ended = stage.here(*RUN)

    assert (4, {"cancelled": 2, "moved": 1}) == (ended.returncode, ended.counts)


@pytest.mark.long
def test_a_status_that_a_person_decided_on_is_sent_for_that_row_alone(stage):
    ids = stage.closure(3)
    for one in ids[:2]:
        stage.sandbox.staff.mark(one, "no_show")
    stage.here(*RUN)
    resolve(stage, "--as", "cancel", ids[0])
    ended = stage.here(*RUN)

    assert (4, {"cancelled": 2, "unknown_status": 1}) == (ended.returncode, ended.counts)
    assert ids[1] not in stage.patched()


def test_who_decided_when_and_why_is_kept(stage, moved):
    stage.write("moved.csv", [moved])
    resolve(stage, "--as", "kept", "--only", "moved.csv", "--reason", "by the front desk")
    account = read_sqlite(stage.folder / LEDGER)
    [found] = account.ask("SELECT resolved_as, resolved_reason, resolved_at FROM rows "
                           "WHERE resolved_as IS NOT NULL")  # fmt: skip
    account.close()

    assert ("kept", "by the front desk") == tuple(found[:2])
    assert found[2] > 0


@pytest.mark.parametrize("ids", [["a001"], ["nobody"], ["a002", "a001"]])
def test_where_nobody_has_to_decide_nothing_is_changed(stage, moved, ids):
    told = resolve(stage, "--as", "kept", *ids)
    account = read_sqlite(stage.folder / LEDGER)
    states = {one.appointment_id: one.reason for one in account.rows("closure")}
    account.close()

    assert (2, "moved") == (told.returncode, states[moved])
    assert "nobody has to decide" in json.loads(told.stdout)["error"]


def test_a_row_in_doubt_ends_by_a_person_s_word(stage):
    ids = stage.closure(1)
    stage.sandbox.faults.add(Fault("reset", when="after"), method="PATCH", times=None)
    stage.here(*RUN, "--max-attempts", "1")
    stage.sandbox.faults.clear()
    told = resolve(stage, "--as", "kept", *ids)
    account = read_sqlite(stage.folder / LEDGER)
    [row] = account.rows("closure")
    account.close()

    assert (0, State.SETTLED, "kept") == (told.returncode, row.state, row.reason)
