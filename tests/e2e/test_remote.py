"""Manifests in a bucket and behind https, by the command as a process."""

import io
import json
import signal

import polars as pl
import pytest

from batchcancel.reader import stored
from tests.certificates import self_signed
from tests.e2e.stage import FAR, LEDGER
from tests.e2e.terminal import terminal
from tests.reader.buckets import SECRET, new_buckets
from tests.reader.shelf import Canned, serving_shelf

MANIFEST = "s3://closures/2026/monday.csv"
NAMED = ("--ledger", "monday.ledger.db", "--yes", "--json")
RUN = ("run", MANIFEST, *NAMED)
SIGNATURE = "X-Amz-Signature=signature_never_to_be_shown"


@pytest.fixture
def buckets(bucket_server, stage, tmp_path):
    """A store that the command finds; what it keeps for a moment, it keeps in `copies`."""
    copies = tmp_path / "copies"
    copies.mkdir()
    stage.keys.append(SECRET)
    with new_buckets(bucket_server) as buckets:
        stage.environ |= buckets.environ | {"TMPDIR": str(copies)}
        yield buckets
    assert [] == list(copies.iterdir())


@pytest.fixture
def shelf(stage, tmp_path):
    """A server over TLS that the command trusts."""
    folder = tmp_path / "certificate"
    folder.mkdir()
    certificate = self_signed(folder, "IP:127.0.0.1", days=1)
    stage.environ["SSL_CERT_FILE"] = str(certificate / "certificate.pem")
    stage.keys.append(SIGNATURE)
    with serving_shelf(certificate) as shelf:
        yield shelf


def as_csv(ids):
    return "\n".join(["appointment_id,starts_at", *(f"{one},{FAR}" for one in ids)]).encode()


def as_parquet(ids):
    table = io.BytesIO()
    pl.DataFrame({"appointment_id": ids, "starts_at": [FAR] * len(ids)}).write_parquet(table)
    return table.getvalue()


def booked(stage, count):
    ids = [f"a{number:03}" for number in range(1, count + 1)]
    stage.book(*ids)
    return ids


@pytest.mark.parametrize("written", [as_csv, pytest.param(as_parquet, marks=pytest.mark.long)])
def test_a_manifest_in_a_bucket_is_planned_and_run_under_its_own_name(stage, buckets, written):
    ids = booked(stage, 3)
    buckets.put("2026/monday.csv", written(ids))
    plan = stage.here("plan", MANIFEST, "--ledger", "monday.ledger.db", "--json")
    ended = stage.run(*RUN)

    assert (0, 3) == (plan.returncode, json.loads(plan.stdout)["eligible"])
    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)
    assert ("monday", ids) == (ended.result["batch"], sorted(stage.patched()))
    assert "fetched" in ended.stderr
    assert MANIFEST in ended.stderr


@pytest.mark.long
def test_only_a_manifest_that_is_far_away_loads_what_fetches_it(stage, buckets):
    libraries = {"fsspec", "s3fs", "botocore", "aiohttp"}
    buckets.put("2026/monday.csv", as_csv(stage.closure(1)))

    def loaded(*words):
        told = stage.run(*words, environ={"PYTHONPROFILEIMPORTTIME": "1"}).stderr
        return {line.rpartition("|")[2].strip() for line in told.splitlines()} & libraries

    assert set() == loaded("run", "closure.csv", "--yes")
    assert loaded(*RUN)


@pytest.mark.long
def test_the_same_command_again_resumes(stage, buckets):
    ids = booked(stage, 4)
    buckets.put("2026/monday.csv", as_csv(ids))
    canary = stage.here(*RUN, "--limit", "1")
    buckets.put("2026/monday.csv", as_parquet(ids[::-1]))
    resumed = stage.here(*RUN)

    assert (0, {"cancelled": 1, "waiting": 3}) == (canary.returncode, canary.counts)
    assert (0, {"cancelled": 4}) == (resumed.returncode, resumed.counts)
    assert ids == sorted(stage.patched())


def test_without_a_name_for_the_ledger_nothing_is_fetched(stage, buckets):
    for command in ("plan", "run"):
        ended = stage.here(command, MANIFEST)

        assert 2 == ended.returncode
        assert "--ledger must be named" in ended.stderr
        assert "--ledger monday.ledger.db" in ended.stderr
    assert [] == list(stage.folder.iterdir())


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (MANIFEST, "there is no manifest at s3://closures/2026/monday.csv"),
        ("s3://nobodys/monday.csv", "there is no manifest at s3://nobodys/monday.csv"),
        ("http://localhost/monday.csv", "use https://"),
        ("file:///etc/passwd", "s3://, gs://, az://, https://"),
        ("simplecache::s3://closures/monday.csv", "s3://, gs://, az://, https://"),
    ],
)
def test_what_cannot_be_had_is_told_in_a_sentence_and_leaves_no_trace(
    stage, buckets, address, sentence
):
    ended = stage.here("run", address, *NAMED)

    assert 2 == ended.returncode == json.loads(ended.stdout)["exit_code"]
    assert sentence in ended.stderr
    assert ".py" not in ended.stderr
    assert (0, []) == (stage.arrivals, list(stage.folder.iterdir()))


@pytest.mark.long
def test_a_disk_that_is_too_small_for_the_copy_is_told(stage, buckets):
    buckets.put("2026/monday.csv", as_csv([f"a{number}" for number in range(10_000)]))
    small = ("sh", "-c", 'ulimit -f 8 && exec "$@"', "sh")
    ended = stage.start(*RUN, before=small).end()

    assert (2, []) == (ended.returncode, list(stage.folder.iterdir()))
    assert "cannot be put in a temporary file: File too large" in ended.stderr
    assert "TMPDIR" in ended.stderr


@pytest.mark.long
def test_a_bad_row_far_away_is_told_by_its_line(stage, buckets):
    buckets.put("2026/monday.csv", as_csv(["a1", "../x"]))
    ended = stage.here(*RUN)

    assert (2, []) == (ended.returncode, list(stage.folder.iterdir()))
    assert "line 3: the appointment_id is not" in ended.stderr


def test_a_signed_address_is_fetched_and_its_signature_shows_nowhere(stage, shelf):
    ids = booked(stage, 3)
    shelf.answers["/monday.csv"] = Canned(as_csv(ids))
    address = f"{shelf.url}/monday.csv?{SIGNATURE}"
    named = ("--ledger", "monday.ledger.db")
    plan = stage.here("plan", address, *named)
    canary = stage.here("run", address, *named, "--yes", "--limit", "1", "--log-format", "json")
    ended = stage.here("run", address, *NAMED)

    assert (0, 0, 0) == (plan.returncode, canary.returncode, ended.returncode)
    assert f"batchcancel run '{shelf.url}/monday.csv?***'" in plan.stdout
    assert [f"/monday.csv?{SIGNATURE}"] * 3 == shelf.asked
    assert ids == sorted(stage.patched())


@pytest.mark.parametrize(
    ("answer", "code"), [(Canned(status=403), 2), (Canned(status=503), 5), (Canned(announced=9), 5)]
)
def test_a_signed_address_shows_nowhere_in_trouble_either(stage, shelf, answer, code):
    shelf.answers["/monday.csv"] = answer
    ended = stage.here("run", f"{shelf.url}/monday.csv?{SIGNATURE}", *NAMED)

    assert code == ended.returncode
    assert f"{shelf.url}/monday.csv?***" in ended.stderr
    assert (0, []) == (stage.arrivals, list(stage.folder.iterdir()))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_download_that_hangs_and_the_copy_is_gone(
    stage, shelf, tmp_path, signum, code
):
    copies = tmp_path / "copies"
    copies.mkdir()
    stage.environ["TMPDIR"] = str(copies)
    shelf.answers["/monday.csv"] = Canned(b"appointment_id\n", announced=100, hangs=True)
    run = stage.start("run", f"{shelf.url}/monday.csv", *NAMED)
    stage.wait_until(lambda: bool(shelf.asked))
    run.send_signal(signum)

    assert code == run.end().returncode
    assert [] == list(copies.iterdir())


STORED = "s3://closures/out/"


class Shelf(dict):
    """A store in this process: what an output asks of one."""

    def info(self, address):
        if address not in self:
            raise FileNotFoundError(address)
        return {"type": "file"}

    pipe_file, rm_file = dict.__setitem__, dict.__delitem__


@pytest.fixture
def objects(monkeypatch):
    store = Shelf()
    monkeypatch.setattr(stored, "open_store", lambda _scheme, **_named: store)
    return store


def test_whatever_is_written_may_go_to_a_store_and_goes_there_whole(stage, objects):
    ids = stage.closure(2)
    stage.here("run", "closure.csv", "--yes")
    stage.sandbox.staff.confirm(ids[0])
    day = ("find", "-o", "gs://closures/found.csv", "--date", f"{FAR}")
    found = stage.here(*day)
    assert (0, 2, 0) == (
        found.returncode, stage.here(*day).returncode, stage.here(*day, "--force").returncode
    )  # fmt: skip
    assert "batchcancel plan gs://closures/found.csv --ledger NAME.ledger.db" in found.stdout
    stage.here("report", LEDGER, "-o", "gs://closures/page.html")
    stage.here("verify", LEDGER, "-o", "gs://closures/drift.csv")
    assert sorted(objects) == ["closures/drift.csv", "closures/found.csv", "closures/page.html"]
    assert objects["closures/page.html"].endswith(b"</html>")

    stage.sandbox.staff.cancel(ids[0])
    stage.here("verify", LEDGER, "-o", "gs://closures/drift.csv", "--force")
    stage.here(*day, "--force")
    assert sorted(objects) == ["closures/page.html"]


def test_an_export_goes_to_a_bucket_and_replaces_nothing_unasked(stage, buckets):
    stage.closure(1)
    stage.here("run", "closure.csv", "--yes")
    words = ("export", "closure.ledger.db", "-o", f"{STORED}rows.csv")
    assert [0, 2] == [stage.here(*words).returncode for _ in range(2)]
    assert ["out/rows.csv"] == buckets.names()


@pytest.mark.long
def test_export_report_and_find_write_to_a_bucket_and_replace_nothing_unasked(stage, buckets):
    ids = stage.closure(2)
    day = ("--date", f"{FAR}")
    assert 0 == stage.here("find", "-o", f"{STORED}found.csv", *day).returncode
    found = f"{STORED}found.csv"
    assert 0 == stage.here("run", found, "--ledger", "c.ledger.db", "--yes").returncode
    for words in (("export", "c.ledger.db", "-o", f"{STORED}rows.parquet"),
                  ("report", "c.ledger.db", "-o", f"{STORED}page.html"),
                  ("find", "-o", found, *day)):  # fmt: skip
        written = stage.here(*words)
        again = stage.here(*words)
        forced = stage.here(*words, "--force")
        assert (2, 0) == (again.returncode, forced.returncode)
        assert f"{words[words.index('-o') + 1]} exists" in again.stderr
        assert written.returncode == (2 if words[0] == "find" else 0)
    rows = stage.here("plan", f"{STORED}rows.parquet", "--ledger", "other.ledger.db", "--json")
    assert {"marked_done": 2} == json.loads(rows.stdout)["skipped"]
    assert ids == sorted(stage.patched())


@pytest.mark.long
def test_what_does_not_belong_into_a_bucket_is_told_and_not_written(stage, buckets):
    buckets.put("2026/monday.csv", as_csv(booked(stage, 1)))
    stage.here(*RUN)
    refused = {
        ("export", MANIFEST, "--force"): "is the manifest that batch monday came from",
        ("export", f"{STORED}call.csv", "--contacts"): "personal data stays on this machine",
        ("export", f"{STORED}c.csv", "--with", "x.csv"): "personal data stays on this machine",
        ("export", f"{STORED}rows.txt"): "names no kind of file",
        ("report", f"{STORED}page.csv"): "names no kind of file",
        ("report", "s3://nobodys/page.html", "--force"): "no bucket or container",
        ("report", "https://closures.example/page.html"): "can be read, and not written",
    }
    for (command, place, *more), sentence in refused.items():
        ended = stage.here(command, "monday.ledger.db", "-o", place, *more, "--json")
        assert 2 == ended.returncode == json.loads(ended.stdout)["exit_code"]
        assert sentence in ended.stderr
    assert buckets.names() == ["2026/monday.csv"]


@pytest.mark.long
def test_a_store_that_does_not_answer_an_export_ends_with_5(stage, buckets):
    stage.closure(1)
    stage.here("run", "closure.csv", "--yes")
    gone = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    words = ("export", "closure.ledger.db", "-o", f"{STORED}rows.csv", "--force")
    assert 5 == stage.here(*words, environ=gone).returncode


@pytest.mark.long
def test_a_person_sees_what_is_waited_for(stage, buckets):
    buckets.put("2026/monday.csv", as_csv(booked(stage, 2)))
    with terminal(stage, "run", MANIFEST, "--ledger", "monday.ledger.db", "--yes") as person:
        assert 0 == person.end()

    assert f"Fetching {MANIFEST} ..." in person.shown
    assert f"Plan for batch monday: {MANIFEST} at" in person.shown
