import io
import shlex
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.cli.terminal import (
    complain,
    complain_of_defect,
    printable,
    result,
    same_command,
    say,
)

ESCAPES = "\x1b[2J\x07\x08\r\t\x9b31m\x00\x7f\u202e\u2028\ud800"


class Deaf(io.StringIO):
    """A stream whose reader has left."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


@settings(deadline=None)
@given(text=st.text(st.characters()) | st.text(ESCAPES))
def test_nothing_that_could_steer_a_terminal_gets_through(text):
    shown = printable(text)
    assert shown.replace("\n", "").isprintable()


@settings(deadline=None)
@given(text=st.text())
def test_what_is_shown_can_always_be_encoded(text):
    assert printable(text).encode() is not None


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


@pytest.mark.parametrize("error", [BrokenPipeError, OSError, ValueError])
def test_nobody_listening_on_stderr_stops_nothing(monkeypatch, error):
    monkeypatch.setattr(sys, "stderr", Deaf(error))
    say("a sentence")


def test_a_complaint_says_what_happened_and_what_to_do(capsys):
    complain("the ledger is full", hint="Make room.")

    assert capsys.readouterr().err == "batchcancel: the ledger is full\n  Make room.\n"


def test_a_complaint_without_a_hint_has_no_empty_line(capsys):
    complain("stopped", hint="")

    assert capsys.readouterr().err == "batchcancel: stopped\n"


def test_a_defect_is_told_by_kind_and_place_and_never_by_its_text(capsys):
    with pytest.raises(ValueError, match="secret") as caught:
        int("secret")
    complain_of_defect(caught.value)

    told = capsys.readouterr().err
    assert "unexpected ValueError" in told
    assert f"{__file__}:" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    "words", [["run", "closure.csv"], ["run", "closed day.csv", "--notes", "it's $closed; `now`"]]
)
def test_the_same_command_can_be_pasted(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["/somewhere/batchcancel", *words])

    assert ["batchcancel", *words] == shlex.split(same_command())
