"""Pipes, disks, variables and networks as machines have them: what is printed, the exit code."""

import errno
import fcntl
import os
import signal
import socket
import struct
import termios
import threading
from contextlib import closing

import pytest

from tests.e2e.stage import FAR, LEDGER, RUN
from tests.sample import sampled

HEADER = "appointment_id,starts_at\n"
FROM_STDIN = ("plan", "-", "--ledger", "l.db", "--batch", "b", "--notice-hours", "0")


@pytest.fixture
def pipe():
    """A pipe that does not block: what reads it, what writes it, and whether it is drained."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def is_drained():
        waiting = fcntl.ioctl(writing, termios.FIONREAD, b"\0" * 4)
        return struct.unpack("i", waiting) == (0,)

    yield reading, writing, is_drained
    for one in (reading, writing):
        try:
            os.close(one)
        except OSError:
            continue


@pytest.mark.long
def test_a_pipe_that_does_not_block_is_read_to_its_end_however_slow_its_writer(stage, pipe):
    reading, writing, is_drained = pipe
    rows = [f"a{number},{FAR}T09:00\n" for number in range(6)]
    stage.book(*(row.partition(",")[0] for row in rows))
    running = stage.start(*FROM_STDIN, "--json", stdin=reading)
    for part in (HEADER, *rows):
        os.write(writing, part.encode())
        stage.wait_until(is_drained)
    os.close(writing)
    ended = running.end()

    assert 0 == ended.returncode
    assert '"rows": 6,' in ended.stdout


@pytest.mark.promise(11)
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("place", sampled(["stdin", "fifo"], every=2))
def test_a_signal_ends_a_pipe_that_stalls_at_once_in_one_line(stage, pipe, signum, code, place):
    reading, writing, is_drained = pipe
    words, stdin = FROM_STDIN, reading
    if place == "fifo":
        words, stdin = ("plan", f"/dev/fd/{reading}", *FROM_STDIN[2:]), reading
        words = ("plan", "/dev/stdin", *FROM_STDIN[2:])
    running = stage.start(*words, stdin=stdin)
    os.write(writing, HEADER.encode())
    stage.wait_until(is_drained)
    running.send_signal(signum)
    ended = running.end(within=10)

    assert code == ended.returncode
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"batchcancel: stopped by {signum.name}")


def test_a_disk_that_takes_no_lock_or_no_rights_is_told_in_a_sentence(stage, monkeypatch):
    stage.closure(1)

    def refuse(*_words):
        raise OSError(errno.EPERM, "Operation not permitted")

    for name, module in (("flock", fcntl), ("fchmod", os)):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, refuse)
            ended = stage.here(*RUN, "--state-dir", str(stage.folder / name))
        assert 2 == ended.returncode
        assert "no ledger can be kept there: " in ended.stderr
        assert "(Operation not permitted)" in ended.stderr
        assert "defect" not in ended.stderr
    # The hint is to name another place.
    other = stage.folder.parent / "elsewhere.db"
    assert 0 == stage.here(*RUN, "--ledger", str(other)).returncode


OF_A_SERVICE = {
    "BATCHCANCEL_SERVICE_HOST": "10.0.0.7",
    "BATCHCANCEL_SERVICE_PORT": "4010",
    "BATCHCANCEL_SERVICE_PORT_HTTP": "4010",
    "BATCHCANCEL_PORT": "tcp://10.0.0.7:4010",
    "BATCHCANCEL_PORT_4010_TCP": "tcp://10.0.0.7:4010",
    "BATCHCANCEL_PORT_4010_TCP_PROTO": "tcp",
    "BATCHCANCEL_PORT_4010_TCP_PORT": "4010",
    "BATCHCANCEL_PORT_4010_TCP_ADDR": "10.0.0.7",
    "BATCHCANCEL_API_SERVICE_HOST": "10.0.0.8",
}


def test_variables_of_a_service_of_that_name_are_no_options(stage):
    stage.closure(1)
    assert 0 == stage.here("plan", "closure.csv", environ=OF_A_SERVICE).returncode
    ended = stage.here("plan", "closure.csv", environ=OF_A_SERVICE | {"BATCHCANCEL_PORT": "4010"})
    assert (2, True) == (ended.returncode, "BATCHCANCEL_PORT is no option" in ended.stderr)


def test_a_job_file_has_a_byte_order_mark_and_its_paths_are_relative_to_it(stage):
    stage.closure(1)
    job = stage.folder / "jobs" / "closed.toml"
    job.parent.mkdir()
    job.write_text('ledger = "kept.db"\nstate-dir = "state"\nnotice-hours = 0\n', "utf-8-sig")
    ended = stage.here(*RUN, "--job-file", str(job))

    assert 0 == ended.returncode
    assert {"closed.toml", "kept.db", "state"} == {one.name for one in job.parent.iterdir()}
    typed = stage.here("plan", "closure.csv", "--job-file", str(job), "--ledger", "other.db")
    assert 0 == typed.returncode
    assert (stage.folder / "other.db").exists()


def test_a_key_file_that_others_may_read_is_told_and_the_hint_ends_that(stage):
    stage.closure(1)
    key = stage.folder.parent / "the key"
    key.write_text(stage.keys[0] + "\n")
    key.chmod(0o644)
    words = ("plan", "closure.csv", "--api-key-file", str(key))
    told = stage.here(*words)
    os.system(told.stderr.partition(": chmod")[2].rstrip(".\n").join(["chmod", ""]))

    assert (0, True) == (told.returncode, f"Warning: others may read {key}" in told.stderr)
    assert (0, "") == ((silent := stage.here(*words)).returncode, silent.stderr)


def test_a_key_in_the_place_of_a_path_shows_nowhere(stage):
    stage.closure(1)
    key = stage.keys[0]  # the stage looks for it in all that was shown
    for words in (("closure.csv", "--api-key-file", key), (key,), ("closure.csv", "--ledger", key)):
        assert stage.here("run", *words).returncode in (0, 2, 3)


def test_through_a_proxy_the_api_is_asked_and_one_of_the_environment_is_named_as_unused(stage):
    stage.closure(1)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        asked = []

        def serve():
            connection, _ = listening.accept()
            asked.append(connection.recv(1000).partition(b"\r\n")[0].decode())
            connection.sendall(b"HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        proxy = f"http://user:hidden@127.0.0.1:{listening.getsockname()[1]}"
        words = ("plan", "closure.csv", "--max-attempts", "1")
        through = stage.here(*words, "--proxy", proxy)
        beside = stage.here("plan", "closure.csv", environ={"HTTPS_PROXY": proxy})

    assert 5 == through.returncode
    assert asked[0].startswith(f"GET {stage.url}/")
    assert 0 == beside.returncode
    assert "Warning: HTTPS_PROXY is set, and not used for the API: --proxy" in beside.stderr
    assert "hidden" not in through.stderr + beside.stderr


def test_an_export_onto_a_link_writes_its_target(stage):
    stage.closure(1)
    stage.here(*RUN)
    target, link = stage.folder / "kept.csv", stage.folder / "results.csv"
    link.symlink_to(target)
    ended = stage.here("export", LEDGER, "-o", "results.csv")

    assert 0 == ended.returncode
    assert (True, True) == (link.is_symlink(), "cancelled" in target.read_text())


@pytest.mark.parametrize("output", ["closure.csv", "link.csv", "hard.csv"])
def test_not_even_with_force_a_manifest_is_written_over(stage, output):
    stage.closure(1)
    stage.here(*RUN)
    manifest = stage.folder / "closure.csv"
    before = manifest.read_bytes()
    (stage.folder / "link.csv").symlink_to(manifest)
    (stage.folder / "hard.csv").hardlink_to(manifest)
    ended = stage.here("export", LEDGER, "-o", output, "--force")

    assert (2, before) == (ended.returncode, manifest.read_bytes())
    assert f"{output} is the manifest that batch closure came from" in ended.stderr
    assert 0 == stage.here("export", LEDGER, "-o", "another.csv", "--force").returncode
    assert 0 == stage.here("export", LEDGER, "-o", "another.csv", "--force").returncode


@pytest.mark.long
def test_manifests_named_in_other_scripts_have_batches_of_their_own(stage):
    ids = stage.closure(2)
    names = ["閉院.csv", "休診.csv", "बंद.csv", "बंदी.csv", "名A.csv", "院A.csv"]
    for name in names:
        stage.write(name, ids)
        assert 0 == stage.here("run", name, "--yes", "--ledger", "all.db").returncode
    told = stage.here("export", "all.db", "-o", "x.csv").stderr
    batches = told.partition("--batch: ")[2].strip(" .\n").split(", ")

    assert 6 == len(set(batches)) == len(batches)
    assert not [one for one in batches if not one.strip("_-")]
    assert 0 == stage.here("export", "all.db", "-o", "x.csv", "--batch", batches[0]).returncode


@pytest.mark.parametrize(
    "words",
    sampled([[*RUN], ["status", LEDGER], ["find", "-o", "a.csv", "--date", "2027-01-01"]], every=3),
)
def test_a_folder_that_is_gone_is_told_and_nothing_is_sent(stage, words):
    stage.closure(1)
    leave = ("sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh")
    ended = stage.start(*words, before=leave).end()

    assert (2, 0) == (ended.returncode, stage.arrivals)
    assert "the folder in which this was called cannot be used" in ended.stderr
