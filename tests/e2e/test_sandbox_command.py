import re
import signal

import pytest


@pytest.fixture
def rehearsal(stage):
    """`batchcancel sandbox` at work, the variables it tells to paste, and its process."""
    stage.write("closure.csv", ["of_the_manifest", "appt_000001"])
    options = ("--port", "0", "--appointments", "5", "--manifest", "closure.csv")
    process = stage.start("sandbox", *options)
    told = process.read_until("Ctrl-C")
    return process, dict(re.findall(r"export (\w+)=(\S+)", told))


def test_the_lines_it_prints_work_when_pasted(stage, rehearsal):
    process, environ = rehearsal
    ended = stage.run("run", "closure.csv", "--yes", "--json", environ=environ)
    process.send_signal(signal.SIGINT)

    assert {"HUSKYVOICE_API_KEY", "BATCHCANCEL_BASE_URL", "BATCHCANCEL_RATE"} < environ.keys()
    assert (0, {"cancelled": 2}) == (ended.returncode, ended.counts)
    assert environ["BATCHCANCEL_LEDGER"] == ended.result["ledger"]
    assert (0, "") == ((stopped := process.end()).returncode, stopped.stderr)


def test_a_fault_it_does_not_know_ends_it_before_it_serves(stage):
    ended = stage.run("sandbox", "--port", "0", "--faults", "earthquake=1")

    assert (2, True) == (ended.returncode, "earthquake" in ended.stderr)
