import io
import json
import re
import shlex
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.cli.terminal import (
    begin,
    close,
    complain,
    log,
    printable,
    result,
    same_command,
    say,
    show,
    this_call,
    write_out,
)
from batchcancel.errors import InputError, StoppedEarly, UnexpectedFailure

ESCAPES = "\x1b[2J\x07\x08\r\t\x9b31m\x00\x7f\u202e\u2028\ud800"


KEY = "sk_live_0123456789"


@pytest.fixture(autouse=True)
def typed(monkeypatch):
    """Begin a call with these words; afterwards everything is as in a new process."""

    def typed(*words):
        monkeypatch.setattr("sys.argv", ["batchcancel", *words])
        begin()

    typed()
    yield typed
    typed()


class Deaf(io.StringIO):
    """A stream whose reader has left."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


@settings(deadline=None)
@given(text=st.text(st.characters()) | st.text(ESCAPES) | st.text())
def test_nothing_that_could_steer_a_terminal_gets_through_and_all_can_be_encoded(text):
    shown = printable(text)
    assert shown.replace("\n", "").isprintable()
    assert shown.encode() is not None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Praxis zu ☎ 診療所", "Praxis zu ☎ 診療所"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\tc", "a\\rb\\tc"),
        ("\u202etxt.csv", "\\u202etxt.csv"),
        ('it\'s "so" \\', 'it\'s "so" \\'),
        ("", ""),
    ],
)
def test_what_is_printable_stays_and_the_rest_is_spelled_out(text, shown):
    assert shown == printable(text)


def test_sentences_go_to_stderr_and_results_to_stdout(capsys):
    say("a sentence\x1b")
    result("a result\x1b")

    assert capsys.readouterr() == ("a result\\x1b\n", "a sentence\\x1b\n")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


REFUSED = "  refused   1  it said no to it, and twice"
OPEN = "!! 9 windows are still open: close the day"
COMMAND = "To go on:  batchcancel run closure.csv --notice-hours 0"
ADDRESS = "at https://an.address.of/one-word-that-is-too-long here"


@pytest.mark.parametrize(
    ("line", "first", "more"),
    [
        (REFUSED, "  refused   1  it said no to it,", "               and twice"),
        (OPEN, "!! 9 windows are still open:", "   close the day"),
        (COMMAND, COMMAND, None),
        (ADDRESS, "at", "https://an.address.of/one-word-that-is-too-long"),
    ],
)
def test_on_a_terminal_lines_end_between_words_and_a_command_stays_whole(
    monkeypatch, line, first, more
):
    monkeypatch.setenv("COLUMNS", "32")
    monkeypatch.setattr("sys.argv", ["batchcancel"])
    for name, tell in (("stdout", result), ("stderr", say)):
        screen = Screen()
        monkeypatch.setattr(f"sys.{name}", screen)
        tell(line)
        shown = screen.getvalue().splitlines()
        assert [first] + [more] * (more is not None) == shown[:2]


@pytest.mark.parametrize("error", [BrokenPipeError, OSError, ValueError])
def test_nobody_listening_on_stderr_stops_nothing(monkeypatch, error):
    monkeypatch.setattr(sys, "stderr", Deaf(error))
    say("a sentence")


@pytest.mark.parametrize(
    ("tell", "told"), [(result, b"Z\\xfcrich\n"), (write_out, "Z\u00fcrich".encode())]
)
def test_what_a_stream_cannot_encode_is_spelled_out_and_a_table_is_the_same_as_in_a_file(
    monkeypatch, tell, told
):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    tell("Z\u00fcrich")

    assert sys.stdout.buffer.getvalue() == told


@pytest.mark.parametrize(("hint", "told"), [("Make room.", "\n  Make room.\n"), ("", "\n")])
def test_a_complaint_says_what_happened_and_what_to_do_where_that_is_known(capsys, hint, told):
    complain(InputError("the ledger is full", hint=hint))

    assert capsys.readouterr().err == f"batchcancel: the ledger is full{told}"


def test_a_defect_is_told_by_kind_and_place_and_never_by_its_text(capsys):
    with pytest.raises(ValueError, match="secret") as caught:
        int("secret")
    complain(UnexpectedFailure(caught.value))

    told = capsys.readouterr().err
    assert "unexpected ValueError" in told
    assert f"{__file__}:" in told
    assert "secret" not in told


# What machines read


@pytest.mark.parametrize("error", [None, StoppedEarly("the API does not answer", hint="Again.")])
def test_every_end_has_one_line_of_json_where_it_was_asked_for(typed, capsys, error):
    typed("run", "m.csv", "--json")
    show("a table", {"rows": 3})
    if error:
        complain(error)
    close(5)

    wrong = {"error": "the API does not answer", "hint": "Again."} if error else {}
    assert json.loads(capsys.readouterr().out) == {"rows": 3, "exit_code": 5} | wrong


HOSTILE = {
    "error": "no host=db password=hunter2",
    "hint": "type batchcancel run x --ledger 'postgresql://me:hunter2@db/l' again",
    "more": ["postgresql://db/l?password=hunter2", {"in": "pwd=hunter2"}, None, 1.5, True],
}


@pytest.mark.parametrize("called", ["batchcancel", "/home/o'b\\1/batchcancel"])
def test_the_line_is_json_whatever_is_taken_out_of_it_and_however_narrow_the_screen(
    typed, monkeypatch, called
):
    typed("run", "m.csv", "--json", "--log-format", "json")
    monkeypatch.setattr("sys.argv", [called, "run", "m.csv"])
    monkeypatch.setenv("COLUMNS", "32")
    monkeypatch.setattr("sys.stdout", out := Screen())
    monkeypatch.setattr("sys.stderr", err := Screen())
    heard = []
    show("a table", HOSTILE)
    complain(InputError(HOSTILE["error"], hint=HOSTILE["hint"]))
    close(2, lambda _call, facts: heard.append(json.dumps(facts)))

    told = [*out.getvalue().splitlines(), *heard, *err.getvalue().splitlines()[-1:]]
    assert len(told) == 3
    for line in told:
        assert "hunter2" not in line
        assert f"type {shlex.quote(called)} run x --ledger " in json.loads(line)["hint"]
        assert json.loads(line)["exit_code"] == 2
    assert json.loads(told[0])["more"][2:] == HOSTILE["more"][2:]


@pytest.mark.parametrize("columns", ["-3", "0", "wide"])
def test_a_width_that_is_none_is_not_believed(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout", screen := Screen())
    result(OPEN)
    assert f"{OPEN}\n" == screen.getvalue()


@pytest.mark.parametrize("words", [(), ("--json", "--no-json"), ("--", "--json")])
def test_without_json_there_is_the_text_and_no_line(typed, capsys, words):
    typed("status", *words)
    show("a table", {"rows": 3})
    close(0)

    assert capsys.readouterr().out == "a table\n"


@pytest.mark.parametrize("words", [("--log-format", "json"), ("--log-format=json",)])
@pytest.mark.parametrize(("error", "last"), [(None, "finished"), (InputError("no"), "stopped")])
def test_a_json_log_is_json_to_its_last_event(typed, capsys, words, error, last):
    typed("run", *words)
    say("Fetching ...", "fetching", manifest="s3://m")
    log("settled", outcome="cancelled")
    if error:
        complain(error)
    close(2 if error else 0)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert ["fetching", "settled", last] == [line["event"] for line in lines]
    assert {"timestamp", "level", "event"} <= lines[0].keys()


def test_a_line_of_a_log_for_people_is_plain(capsys):
    log("settled", level="warning", appointment_id="a1", text="two words")

    told = capsys.readouterr().err
    assert re.search(r"Z \[warning +\] settled +appointment_id=a1 text='two words'\n", told)
    assert "\x1b" not in told


def test_what_is_for_developers_is_logged_only_where_it_is_asked_for(capsys):
    log("request", level="debug")
    this_call().least = "debug"
    log("request", level="debug")

    assert capsys.readouterr().err.count("request") == 1


@pytest.mark.parametrize("key", [KEY, 'sk"live\\1'])
@pytest.mark.parametrize("words", [(), ("--log-format", "json")])
def test_the_key_is_taken_out_of_every_line(typed, capsys, key, words):
    typed(*words)
    this_call().keep_secret(key)
    log("x", header={"Authorization": [f"Bearer {key}"]}, error=ValueError(key))
    say(f"sent {key}", error=ValueError(key))
    show(f"a table {key}", {"key": key})
    close(0)

    told = "".join(capsys.readouterr())
    assert told
    assert not any(one in told for one in (key, json.dumps(key)[1:-1], repr(key)[1:-1]))


@pytest.mark.parametrize(
    "words", [["run", "closure.csv"], ["run", "closed day.csv", "--notes", "it's $closed; `now`"]]
)
def test_the_same_command_can_be_pasted(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["batchcancel", *words])

    assert ["batchcancel", *words] == shlex.split(same_command())


def test_what_is_added_stands_where_it_is_an_option(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["batchcancel", "run", "--yes", "--", "-x.csv"])
    this_call().elsewhere = ["--rate", "none"]

    told = same_command(None, "--limit", "5")
    assert told == "batchcancel run --yes --rate none --limit 5 -- -x.csv"


@pytest.mark.parametrize(
    ("called", "by_shell", "told"),
    [
        (".venv/bin/batchcancel", None, ".venv/bin/batchcancel"),
        ("/bin/batchcancel", "/bin/batchcancel", "batchcancel"),
        ("/opt/batchcancel", "/bin/batchcancel", "/opt/batchcancel"),
        ("/x/batchcancel/__main__.py", None, "python3 -m batchcancel"),
    ],
)
def test_commands_to_type_are_called_as_this_one_was(monkeypatch, capsys, called, by_shell, told):
    monkeypatch.setattr(sys, "argv", [called, "run", "m.csv"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "batchcancel", "run"])
    monkeypatch.setattr("shutil.which", lambda _name: by_shell)
    say(f"To go on: {same_command()}\nLook: batchcancel status x.db. A defect of batchcancel.")

    look = f"Look: {told} status x.db. A defect of batchcancel."
    assert f"To go on: {told} run m.csv\n{look}\n" == capsys.readouterr().err


def test_a_json_log_names_commands_as_this_one_was_called(typed, monkeypatch, capsys):
    typed("run", "--log-format", "json")
    monkeypatch.setattr(sys, "argv", ["/a\\1/batchcancel", "run"])
    say("Look: batchcancel status x.db")
    complain(InputError("no", hint="Look: batchcancel plan x.csv"))
    close(2)

    told, stopped = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert told["text"] == "Look: '/a\\1/batchcancel' status x.db"
    assert stopped["hint"] == "Look: '/a\\1/batchcancel' plan x.csv"
