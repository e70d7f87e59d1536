import errno
import re
import signal
import socket

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
    ended = stage.here("run", "closure.csv", "--yes", "--json", environ=environ)
    process.send_signal(signal.SIGINT)

    assert {"HUSKYVOICE_API_KEY", "BATCHCANCEL_BASE_URL", "BATCHCANCEL_RATE"} < environ.keys()
    assert (0, {"cancelled": 2}) == (ended.returncode, ended.counts)
    assert environ["BATCHCANCEL_LEDGER"] == ended.result["ledger"]
    assert (0, "") == ((stopped := process.end()).returncode, stopped.stderr)


def test_a_fault_it_does_not_know_ends_it_before_it_serves(stage):
    ended = stage.here("sandbox", "--port", "0", "--faults", "earthquake=1")

    assert (2, True) == (ended.returncode, "earthquake" in ended.stderr)


def test_a_port_that_is_taken_is_named_with_the_option_for_another(stage):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = stage.here("sandbox", "--port", str(port))

    assert (2, True) == (ended.returncode, f"port {port} is taken" in ended.stderr)
    assert "--port" in ended.stderr


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_without_its_extra_it_says_what_to_install(stage, command):
    without = stage.tampered("import sys; sys.modules['starlette'] = None")
    ended = stage.run(command, environ=without)

    assert (2, True) == (ended.returncode, "needs the extra sandbox" in ended.stderr)
    assert "pip install -e '.[sandbox]'" in ended.stderr


def test_a_port_that_needs_more_rights_is_told_from_one_that_is_taken(stage, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("batchcancel.sandbox.serve", refuse)
    ended = stage.here("sandbox", "--port", "80")

    assert (2, True) == (ended.returncode, "port 80 may not be used" in ended.stderr)
