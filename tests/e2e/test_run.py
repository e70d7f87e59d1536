from collections import Counter
from datetime import timedelta
from stat import S_IMODE

import polars as pl
import pytest

from tests.e2e.stage import FAR, LEDGER, RUN


def test_a_run_cancels_everything_eligible_and_a_second_one_sends_nothing(stage):
    ids = stage.closure(20)
    first = stage.run(*RUN)
    arrivals = stage.arrivals
    second = stage.here(*RUN)

    assert (0, {"cancelled": 20}) == (first.returncode, first.counts)
    assert (0, {"cancelled": 20}) == (second.returncode, second.counts)
    assert Counter(ids) == stage.cancellations()
    # With the rules, and the page and the windows of the day.
    assert (23, 23) == (arrivals, stage.arrivals)


def test_the_ledger_is_one_file_that_nobody_else_may_read(stage):
    stage.closure(3)
    stage.here(*RUN)

    assert {"closure.csv", LEDGER} == {path.name for path in stage.folder.iterdir()}
    assert 0o600 == S_IMODE((stage.folder / LEDGER).stat().st_mode)


def test_a_manifest_of_nothing_but_ids_is_enough_and_a_page_saves_the_look_ups(stage):
    ids = stage.closure(12)
    stage.table("appointment_id", *ids)
    ended = stage.here(*RUN)

    assert (0, {"cancelled": 12}) == (ended.returncode, ended.counts)
    assert stage.arrivals < 12 + 6


@pytest.mark.long
def test_a_manifest_on_stdin_needs_names_for_ledger_and_batch(stage):
    stage.closure(2)
    content = (stage.folder / "closure.csv").read_bytes()
    nameless = stage.here("run", "-", "--yes")
    words = ("run", "-", "--yes", "--json", "--ledger", "night.db", "--batch", "night")
    named = stage.run(*words, stdin=content)

    assert 2 == nameless.returncode
    assert "--ledger" in nameless.stderr
    assert "--batch" in nameless.stderr
    assert (0, {"cancelled": 2}) == (named.returncode, named.counts)


def test_a_manifest_may_be_parquet(stage):
    ids = stage.closure(3)
    table = pl.DataFrame({"appointment_id": ids, "starts_at": f"{FAR}T03:30:00Z", "doctor": 7})
    table.write_parquet(stage.folder / "closure.parquet")
    ended = stage.here("run", "closure.parquet", "--yes", "--json")

    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)


def test_the_notes_of_a_row_win_over_those_for_all_and_nothing_else_is_sent(stage):
    stage.closure(2)
    rows = f"a001,{FAR},Ring first,+91", f"a002,{FAR},,+91"
    stage.table("appointment_id,starts_at,notes,phone", *rows)
    stage.here(*RUN, "--notes", "Closed on that day")

    bodies = [one.body for one in stage.sandbox.history.patches()]
    assert [
        {"status": "cancelled", "notes": "Ring first"},
        {"status": "cancelled", "notes": "Closed on that day"},
    ] == sorted(bodies, key=str, reverse=True)


def test_a_canary_sung_twice_sends_nothing_the_second_time_and_then_the_rest_follows(stage):
    ids = stage.closure(8)
    canary, again = stage.here(*RUN, "--limit", "3"), stage.here(*RUN, "--limit", "3")
    sent = stage.patched()
    rest = stage.here(*RUN)

    assert [0, 0, 0] == [canary.returncode, again.returncode, rest.returncode]
    assert [{"cancelled": 3, "waiting": 5}] * 2 == [canary.counts, again.counts]
    assert (3, {"cancelled": 8}) == (len(sent), rest.counts)
    assert Counter(ids) == stage.cancellations()


def test_what_was_cancelled_before_is_told_apart(stage):
    stage.closure(3)
    stage.sandbox.skew(-timedelta(minutes=10))
    stage.sandbox.staff.cancel("a002")
    stage.sandbox.skew(timedelta(0))

    assert {"cancelled": 2, "already_cancelled": 1} == stage.here(*RUN).counts


def test_proxy_variables_are_ignored(stage):
    stage.closure(2)
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
    ended = stage.here(*RUN, environ=dict.fromkeys(names, "http://127.0.0.1:9"))

    assert (0, {"cancelled": 2}) == (ended.returncode, ended.counts)
