"""A key and personal data go in as canaries: none of them comes out anywhere."""

import json
import logging

import pytest

from batchcancel.sandbox import Fault
from tests.sample import sampled
from tests.security.conftest import KEY, NAME, PERSONAL, PHONE

RUN = ("run", "closure.csv", "--yes", "--json", "--max-attempts", "1")
FAULTS = {
    "none": None,
    "200 with the record of another": Fault("wrong_record"),
    "200 that is not cancelled": Fault("wrong_status"),
    "200 with half a record": Fault("broken_json"),
    "200 cut off": Fault("truncated"),
    "200 with a page": Fault("html"),
    "302": Fault("status", status=302, location=f"https://elsewhere.example/?{PHONE}"),
    "401": Fault("status", status=401),
    "403": Fault("status", status=403),
    "404": Fault("status", status=404),
    "422": Fault("status", status=422),
    "429": Fault("status", status=429, retry_after="999"),
    "500": Fault("status", status=500, when="after", retry_after="0"),
    "reset": Fault("reset", when="after"),
}


def everything(place, *, log_format):
    """Plan, run, look, export: all that the program can be asked for."""
    place("plan", "closure.csv")
    place(*RUN, "--log-format", log_format)
    place.sandbox.faults.clear()
    place("run", "closure.csv", "--yes", "--max-attempts", "1", "--log-format", log_format)
    for words in (("status",), ("export", "-o", "all.csv"), ("export", "-o", "all.json")):
        place(words[0], "closure.ledger.db", *words[1:])


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("log_format", "fault"),
    sampled(
        {
            f"{name}-{log_format}": (log_format, fault)
            for name, fault in FAULTS.items()
            for log_format in ("console", "json")
        },
        every=8,
    ),
)
def test_neither_key_nor_personal_data_comes_out_whatever_is_answered(place, fault, log_format):
    place.closure("a1", "a2")
    if fault is not None:
        place.sandbox.faults.add(fault, method="PATCH", times=2)
    everything(place, log_format=log_format)

    assert set() == place.leaks(KEY, *PERSONAL)


def test_the_canaries_were_there_to_be_seen(place):
    place.closure("a1")
    place(*RUN)

    assert {NAME, PHONE} <= set(place.sandbox.record("a1").as_json().values())
    assert place.sandbox.record("a1").notes == f"Call {NAME}"
    (place.folder / "found.txt").write_text(f"{KEY} {NAME} {PHONE}")
    assert {KEY, *PERSONAL} == place.leaks(KEY, *PERSONAL)


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    "error",
    sampled(
        [
            {"code": "SLOT_FULL", "message": f"{NAME}, {PHONE}"},
            {"code": f"{NAME}", "message": "no"},
            {"code": PHONE, "message": "no"},
            {"code": PHONE.removeprefix("+"), "message": "no"},
            {"code": {"patient": NAME}, "message": "no"},
            f"{NAME} {PHONE}",
            {"code": f"Bearer {KEY}", "message": KEY},
        ],
        every=6,
    ),
    ids=json.dumps,
)
def test_an_error_that_tells_on_somebody_is_not_repeated(place, error):
    place.closure("a1")
    place.impostor.answers["PATCH"] = (422, {"error": error})
    everything(place, log_format="json")

    assert "refused" in place.shown or "gave_up" in place.shown
    assert set() == place.leaks(KEY, *PERSONAL)


@pytest.mark.promise(15)
def test_loggers_turned_up_to_the_loudest_show_no_key(place):
    place.closure("a1")
    heard = Heard()
    logging.getLogger().addHandler(heard)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        place("run", "closure.csv", "--yes")
    finally:
        logging.getLogger().removeHandler(heard)
        logging.getLogger().setLevel(level)

    assert KEY not in heard.text
    assert NAME not in heard.text


class Heard(logging.Handler):
    def __init__(self):
        super().__init__()
        self.text = ""

    def emit(self, record):
        self.text += record.getMessage()


@pytest.mark.parametrize(
    "places", ["batchcancel.commands.plan.batch_of", "batchcancel.pool.proof._of_cancelled"]
)
def test_a_defect_is_told_by_its_place_and_shows_no_values(place, monkeypatch, places):
    def broken(*_values, **_named):
        raise RuntimeError(f"{KEY} {NAME} {PHONE}") from ValueError(KEY)

    monkeypatch.setattr(places, broken)
    place.closure("a1")
    ended = place("run", "closure.csv", "--yes")

    assert ended.returncode == 1
    assert "test_secrets.py" in ended.stderr
    assert set() == place.leaks(KEY, *PERSONAL)


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    "key",
    sampled(
        ["", " ", f"{KEY}\nX", f"{KEY}\r\nX-Evil: 1", f"a {KEY}", f"{KEY}\t", f"{KEY}ä",
         f"{KEY}\u2028", f"{KEY}\x7f", f"\x1b[31m{KEY}", "sk_live_canary_9c41d7" * 500],
        every=4,
    ),
    ids=lambda key: repr(key[:30]),
)  # fmt: skip
@pytest.mark.parametrize("source", ["variable", "file"])
def test_a_key_that_cannot_travel_is_refused_and_not_shown(place, tmp_path, key, source):
    place.closure("a1")
    words, told = RUN, {"HUSKYVOICE_API_KEY": key}
    if source == "file":
        (tmp_path / "key").write_text(key, newline="")
        words, told = (*RUN, "--api-key-file", "key"), {"HUSKYVOICE_API_KEY": ""}
    ended = place(*words, **told)
    (tmp_path / "key").unlink(missing_ok=True)

    assert ended.returncode == 2
    assert set() == place.leaks(KEY, "canary")
    assert 0 == len(place.sandbox.history)
