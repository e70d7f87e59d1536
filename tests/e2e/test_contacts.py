"""The list for the phone team, as it is typed."""

import json

import pytest

from tests.e2e.stage import LEDGER, RUN

EXPORT = ("export", LEDGER, "-o", "call.csv", "--contacts")


def test_whom_to_call_is_one_command_and_what_it_prints_names_nobody(stage):
    ids = stage.closure(30)
    stage.sandbox.staff.introduce(ids[0], name="Asha Canary", phone="+919876543210")
    assert 0 == stage.here(*RUN).returncode
    told = stage.here(*EXPORT, "--verbose", "--log-format", "json", "--json")
    facts = json.loads(told.stdout.splitlines()[-1])
    assert (0, 30, 30) == (
        told.returncode,
        facts["appointments"],
        sum(facts["reachable"].values()) + 3,
    )
    assert "Asha Canary,'+919876543210,yes" in (stage.folder / "call.csv").read_text()
    for shown in (told.stdout, told.stderr):
        assert not {"Canary", "9876543210", "Fictitious"} & {*shown.split()}
        assert "Canary" not in shown
    again = stage.here(*EXPORT)
    assert (2, "exists") == (again.returncode, again.stderr.split()[2].strip(","))
    for words in (("--with", "closure.csv", "--force"), ("-o", "-"), ("-o", "call.json")):
        refused = stage.here(*EXPORT, *words)
        assert (2, 1) == (refused.returncode, refused.stderr.count("batchcancel: "))
    assert "delete it after use" in stage.here(*EXPORT, "--force").stderr


def test_a_key_that_may_not_read_is_told_which_scope_it_needs(stage):
    stage.closure(3)
    stage.here(*RUN)
    key = stage.new_key("appointments:write")
    told = stage.here(*EXPORT, environ={"HUSKYVOICE_API_KEY": key})
    assert (7, True) == (told.returncode, "appointments:read" in told.stderr)
    assert not (stage.folder / "call.csv").exists()


@pytest.mark.parametrize("words", [("--contacts",), ("--with", "closure.csv")])
def test_personal_data_is_not_written_to_a_store(stage, words):
    stage.closure(1)
    stage.here("run", "closure.csv", "--yes")
    before = stage.arrivals
    ended = stage.here("export", "closure.ledger.db", "-o", "s3://closures/call.csv", *words)
    assert (2, before) == (ended.returncode, stage.arrivals)
    assert "personal data stays on this machine" in ended.stderr
