import json
import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

from tests.e2e.stage import LEDGER, RUN
from tests.sample import sampled


def test_the_log_has_one_line_of_json_for_each_settled_appointment(stage):
    ids = stage.closure(5)
    ended = stage.here(*RUN, "--log-format", "json")

    events = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    settled = [event for event in events if event["event"] == "settled"]
    assert Counter(ids) == Counter(event["appointment_id"] for event in settled)
    assert {"cancelled"} == {event["outcome"] for event in settled}


def test_without_json_the_result_is_a_table_and_what_is_left_to_do(stage):
    stage.closure(3)
    ended = stage.here("run", "closure.csv", "--yes")

    assert ended.stdout.startswith("Rehearsal at")
    assert "3 of 3 rows are cancelled" in ended.stdout
    assert "Nothing is left to do." in ended.stderr


@pytest.mark.long
def test_the_account_is_exported_in_every_format_with_all_its_rows(stage):
    ids = stage.closure(3)
    stage.here(*RUN, "--limit", "2")
    for kind in ("csv", "parquet", "json"):
        assert 0 == stage.here("export", LEDGER, "-o", f"all.{kind}").returncode

    tables = [
        pl.read_csv(stage.folder / "all.csv", infer_schema=False),
        pl.read_parquet(stage.folder / "all.parquet"),
        pl.read_json(stage.folder / "all.json"),
    ]
    for table in tables:
        assert ids == table["appointment_id"].to_list()
        assert ["settled", "settled", "waiting"] == table["state"].to_list()
    planned = json.loads(stage.here("plan", "all.parquet", "--json").stdout)
    assert (3, 1, {"marked_done": 2}) == tuple(
        planned[name] for name in ("rows", "eligible", "skipped")
    )


def test_one_row_is_exported_as_one_row_and_a_ledger_without_a_batch_says_so(stage):
    stage.closure(1)
    stage.here("plan", "closure.csv")
    empty = stage.here("export", LEDGER, "-o", "none.csv")
    stage.here(*RUN)
    written = stage.here("export", LEDGER, "-o", "one.csv")

    assert (2, True) == (empty.returncode, f"{LEDGER} holds no batch yet" in empty.stderr)
    assert "1 row of batch closure written to one.csv\n" == written.stdout


@pytest.mark.long
def test_what_was_left_over_is_exported_and_run_as_a_batch_of_its_own(stage):
    stage.closure(3)
    stage.here(*RUN, "--limit", "2")
    stage.here("export", LEDGER, "-o", "left.csv", "--outcome", "waiting")
    ended = stage.here("run", "left.csv", "--yes", "--json")

    assert (0, {"cancelled": 1}) == (ended.returncode, ended.counts)
    assert ["a001", "a002", "a003"] == sorted(stage.patched())


@pytest.mark.parametrize("words", sampled([[*RUN], ["plan", "closure.csv"]], every=2))
def test_a_reader_that_went_away_does_not_change_the_exit_code(stage, words):
    stage.closure(2)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = stage.start(*words, stdout=writing).end()
    finally:
        os.close(writing)

    assert 0 == ended.returncode
    assert "Error" not in ended.stderr


@pytest.mark.parametrize("where", sampled([">&- 2>&-", ">/dev/full 2>/dev/full"], every=2))
def test_streams_that_take_nothing_do_not_change_the_exit_code(stage, where):
    stage.closure(2)
    ended = stage.start(*RUN, before=("sh", "-c", f'exec "$@" {where}', "sh")).end()

    assert (0, 2) == (ended.returncode, len(stage.patched()))


@pytest.mark.promise(16)
@pytest.mark.parametrize(
    "words", [("export", LEDGER, "-o", "-"), ("ledger", "ddl", "--role", "clinic")]
)
def test_what_was_asked_for_and_a_full_disk_does_not_take_is_no_success(stage, words):
    stage.closure(2)
    stage.here(*RUN)
    ended = stage.start(*words, before=("sh", "-c", 'exec "$@" >/dev/full', "sh")).end()

    assert (2, True) == (ended.returncode, "stdout cannot be written" in ended.stderr)


@pytest.mark.long
def test_a_reader_of_stderr_that_goes_away_loses_no_result_and_changes_no_exit_code(stage):
    stage.closure(3)
    leave = ("bash", "-c", 'exec "$@" 2> >(head -n 1 >/dev/null)', "bash")
    ended = stage.start(*RUN, "--log-format", "json", before=leave).end()

    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)


class Hostile(BaseHTTPRequestHandler):
    """Answers whose texts would recolour a terminal and rename its window."""

    def do_GET(self):
        data = {"cancellation_notice_hours": 24, "timezone": "Asia/\x1b]0;owned\x07\x9b31m"}
        self.answer(200, {"success": True, "data": data})

    def do_PATCH(self):
        self.answer(422, {"error": {"code": "\x1b[31mRED\x9b1m", "message": "\x1b[2J"}})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


@pytest.fixture
def hostile():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.mark.parametrize(("starts_at", "code"), [("2099-06-15T09:00", 2), ("2099-06-15T09:00Z", 4)])
def test_what_an_answer_says_cannot_steer_the_terminal(stage, hostile, starts_at, code):
    stage.write("closure.csv", ["a001"], starts_at=starts_at)
    words = ("run", "closure.csv", "--yes", "--max-attempts", "1", "--base-url", hostile)
    ended = stage.here(*words)

    shown = ended.stdout + ended.stderr
    assert code == ended.returncode
    assert all(one.isprintable() for one in shown.replace("\n", ""))
