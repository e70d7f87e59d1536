"""Ids that try to be something else: rejected rows, nothing sent, nothing odd on the terminal."""

import csv
import json

import pytest

from tests.sample import sampled

HOSTILE = {
    "a step up": "..",
    "a path": "a1/../a2",
    "an absolute path": "/v1/appointments/a2",
    "a backslash": "a1\\a2",
    "another host": "//elsewhere.example/a1",
    "a whole address": "https://elsewhere.example/a1",
    "a user": "a1@elsewhere.example",
    "a query": "a1?status=confirmed",
    "a second query": "a1&status=confirmed",
    "a fragment": "a1#a2",
    "a parameter": "a1;a2",
    "percent encoding": "%2e%2e%2fa2",
    "percent encoding twice": "%252e%252e",
    "SQL": "a1'); DROP TABLE rows; --",
    "SQL in quotes": 'a1" OR "1"="1',
    "a formula": "=cmd|' /C calc'!A0",
    "a formula that adds": "+1+1",
    "a formula at last": "@SUM(1)",
    "a shell": "$(touch owned)",
    "a shell in backticks": "`id`",
    "a template": "{{7*7}}",
    "a format": "%s%n{0}",
    "a terminal's colours": "\x1b[31ma1\x1b[0m",
    "a terminal's title": "\x1b]0;owned\x07",
    "a terminal's C1": "\x9b31ma1",
    "a backspace": "a1\x08\x08a2",
    "a line break": "a1\na2",
    "a header": "a1\r\nX-Evil: 1",
    "a tab": "a1\t",
    "spaces around": " a1 ",
    "a space that does not break": "a1\xa0",
    "a look-alike": "\u0430" + "1",
    "digits of elsewhere": "a\u0661",
    "full width": "\uff411",
    "an accent on its own": "a\u03011",
    "nothing that has width": "a\u200b1",
    "right to left": "\u202ea1",
    "a byte order mark": "\ufeffa1",
    "the end of strings": "a1\x00",
    "65 letters": "a" * 65,
    "a thousand letters": "a" * 1000,
}


@pytest.fixture
def hostile_manifest(place):
    """A manifest of one good row and one hostile one."""

    def hostile_manifest(appointment_id):
        place.closure("a1", "a2", "good")
        with (place.folder / "closure.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["appointment_id", "starts_at"])
            writer.writerow([appointment_id, "2099-06-20T03:30:00Z"])
            writer.writerow(["good", "2099-06-20T03:30:00Z"])

    return hostile_manifest


@pytest.mark.promise(5)
@pytest.mark.promise(14)
@pytest.mark.parametrize("appointment_id", sampled(HOSTILE, every=4))
def test_a_hostile_id_stops_the_run_before_it_begins_and_is_shown_escaped_and_cut(
    place, hostile_manifest, appointment_id
):
    hostile_manifest(appointment_id)
    ended = place("run", "closure.csv", "--yes")

    assert (2, "") == (ended.returncode, ended.stdout)
    assert "line 2: " in ended.stderr
    assert all(one.isprintable() and one.isascii() for one in ended.stderr.replace("\n", ""))
    assert max(map(len, ended.stderr.splitlines())) < 200
    assert 0 == len(place.sandbox.history)


@pytest.mark.promise(5)
@pytest.mark.promise(14)
def test_hostile_ids_that_are_allowed_to_be_left_out_are_and_the_good_rows_go(place):
    place.closure("a1", "a2", "good")
    with (place.folder / "closure.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["appointment_id"], ["good"], *([one] for one in HOSTILE.values())]
        )
    words = ("--json", "--allow-rejected-rows", "--notice-hours", "0")
    ended = place("run", "closure.csv", "--yes", *words)
    place("export", "closure.ledger.db", "-o", "all.csv")

    assert ended.returncode == 4
    assert json.loads(ended.stdout)["rejected_rows"] == len(HOSTILE)
    assert ["/v1/appointments/good"] == [one.path for one in place.sandbox.history.patches()]
    with (place.folder / "all.csv").open(newline="") as file:
        exported = [row["appointment_id"] for row in csv.DictReader(file)]
    assert ["good"] + [""] * len(HOSTILE) == exported
    assert all(one.isprintable() for one in (ended.stdout + ended.stderr).replace("\n", ""))


@pytest.mark.parametrize("word", ["\x1b[31mclosure.csv", "closure\x07.csv", "\x9bclosure.csv"])
def test_a_name_that_steers_a_terminal_is_shown_harmlessly(place, word):
    ended = place("run", word, "--yes")

    assert ended.returncode == 2
    assert all(one.isprintable() for one in ended.stderr.replace("\n", ""))
