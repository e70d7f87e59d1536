import pytest

from tests.e2e.stage import RUN


def test_a_key_that_may_only_read_stops_the_run_and_the_scope_is_named(stage):
    stage.closure(3)
    key = stage.new_key("appointments:read")
    ended = stage.run(*RUN, "--concurrency", "1", environ={"HUSKYVOICE_API_KEY": key})

    assert (7, {"waiting": 3}) == (ended.returncode, ended.counts)
    assert "lacks the scope appointments:write" in ended.stderr


def test_a_key_that_may_only_write_is_told_what_to_pass_and_then_suffices(stage):
    stage.closure(3)
    write_only = {"HUSKYVOICE_API_KEY": stage.new_key("appointments:write")}
    lacking = stage.here(*RUN, environ=write_only)
    told = ("--notice-hours", "24", "--timezone", "Asia/Kolkata")
    ended = stage.here(*RUN, *told, environ=write_only)

    assert 7 == lacking.returncode
    assert "lacks the scope appointments:read" in lacking.stderr
    assert "pass --notice-hours and --timezone" in lacking.stderr
    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)


@pytest.mark.long
def test_a_key_revoked_in_the_middle_stops_the_run_and_leaves_the_other_rows_waiting(stage):
    stage.closure(8)
    run = stage.start(*RUN, "--concurrency", "1", "--rate", "4/8s")
    stage.wait_until(lambda: stage.cancellations().total() == 3)
    stage.sandbox.keys.revoke(stage.keys[0])
    ended = run.end()

    assert (7, {"cancelled": 3, "waiting": 5}) == (ended.returncode, ended.counts)
    assert "rejects the key" in ended.stderr


@pytest.mark.parametrize(
    ("environ", "words", "sentence"),
    [
        ({"HUSKYVOICE_API_KEY": None}, (), "no API key: set HUSKYVOICE_API_KEY, or pass"),
        ({"HUSKYVOICE_API_KEY": "sk_live_\nsecret"}, (), "a key is printable ASCII"),
        ({}, ("--api-key-file", "no.key"), "--api-key-file: no.key cannot be read"),
    ],
)
def test_without_a_usable_key_nothing_is_sent(stage, environ, words, sentence):
    stage.closure(1)
    stage.keys += ["sk_live_\n", "secret"]
    ended = stage.here(*RUN, *words, environ=environ)

    assert 2 == ended.returncode
    assert sentence in ended.stderr
    assert 0 == stage.arrivals


def test_a_key_may_come_from_a_file_with_a_line_end(stage, tmp_path):
    stage.closure(2)
    (tmp_path / "api.key").write_text(stage.keys[0] + "\r\n")
    words = ("--api-key-file", str(tmp_path / "api.key"))

    assert 0 == stage.here(*RUN, *words, environ={"HUSKYVOICE_API_KEY": None}).returncode
