import csv
import json

import pytest

from tests.e2e.stage import FAR, LEDGER, RUN

HEADER = f"appointment_id,starts_at\na001,{FAR}\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no manifest"),
        (b"id;starts_at\n1;2\n", "no column appointment_id"),
        (HEADER.encode("utf-16-le"), "UTF-16 text"),
        (HEADER.encode() + b"../../x,\n", "line 3: the appointment_id is not"),
        (HEADER.encode() + b"a001,2099-01-01\n", "names the same appointment"),
        (b"appointment_id,notes\na001," + b"x" * 2_001 + b"\n", "line 2: the notes are longer"),
        (HEADER.encode() + b'"a002,\n', "line 3: the quote that opens here is never closed"),
    ],
)
def test_a_bad_manifest_is_refused_in_a_sentence_before_anything_is_sent(stage, content, sentence):
    if content is not None:
        (stage.folder / "closure.csv").write_bytes(content)
    ended = stage.here(*RUN)

    assert 2 == ended.returncode == json.loads(ended.stdout)["exit_code"]
    assert sentence in ended.stderr
    assert ".py" not in ended.stderr
    assert 0 == stage.arrivals
    assert [path.name for path in stage.folder.iterdir()] == ["closure.csv"] * (content is not None)


def test_rejected_rows_are_left_out_when_they_are_allowed_and_still_counted(stage):
    stage.closure(2)
    with (stage.folder / "closure.csv").open("a") as manifest:
        manifest.write("not an id,\n")
    ended = stage.here(*RUN, "--allow-rejected-rows")

    assert (4, {"cancelled": 2, "rejected_rows": 1}) == (ended.returncode, ended.counts)


def test_a_manifest_nobody_can_read_ends_with_4_and_its_rows_are_in_the_export(stage):
    stage.write("closure.csv", ["not an id", "nor this"])
    ended = stage.here(*RUN, "--allow-rejected-rows")
    exported = stage.here("export", LEDGER, "-o", "left.csv", "--outcome", "rejected_row")

    assert (4, {"rejected_rows": 2}) == (ended.returncode, ended.counts)
    assert "Nothing is left to do." not in ended.stderr
    assert "--outcome rejected_row" in ended.stderr
    assert (0, 0) == (exported.returncode, len(stage.patched()))
    with (stage.folder / "left.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [("rejected_row", "bad_id", "2"), ("rejected_row", "bad_id", "3")] == [
        (row["outcome"], row["reason"], row["line"]) for row in rows
    ]


@pytest.mark.long
def test_caps_count_the_batch_however_often_its_manifest_changes(stage):
    for day in range(4):
        ids = [f"d{day}a{number}" for number in range(10)]
        stage.book(*ids)
        stage.write("closure.csv", ids)
        capped = stage.here(*RUN, "--accept-changed-manifest", "--max-cancel", "10")
        assert (0 if day == 0 else 3) == capped.returncode
        canary = stage.here(*RUN, "--accept-changed-manifest", "--limit", "12")
        assert 0 == canary.returncode

    assert "the batch would cancel 22 appointments, 12 of them in earlier runs" in capped.stderr
    assert 12 == len(stage.patched())


def test_a_session_and_a_branch_are_read_as_people_mean_them_and_unknown_ones_are_named(stage):
    known, late = stage.sandbox.book.clinic.branch_ids
    stage.sandbox.add("a1", date=FAR, session="Evening", branch_id=known)
    stage.sandbox.add("a2", date=FAR, session="Evening", branch_id=late)
    meant = f"a1,{FAR},Evening   ,{known.upper()}", f'a2,{FAR},evening," {late} "'
    mistyped = f"a1,{FAR},Evning,{known}", f"a2,{FAR},Evening,nowhere"

    def plan(rows):
        stage.table("appointment_id,date,session,branch_id", *rows)
        return stage.here("plan", "closure.csv"), stage.here("plan", "closure.csv", "--json")

    text, told = plan(meant)
    assert {} == json.loads(told.stdout)["cautions"]
    assert f"{FAR} 17:00 Asia/Kolkata" in text.stdout
    assert f"{FAR} 17:30 Asia/Kolkata" in text.stdout
    text, told = plan(mistyped)
    assert f"!! No start is known for {FAR} session 'Evening' branch 'nowhere'; " in text.stdout
    assert f"; {FAR} session 'Evning' branch '{known}': the calendar" in text.stdout
    assert f"!! No record and no window uses {FAR} branch_id 'nowhere'; " in text.stdout
    assert ["not_compared", "unknown_session"] == [*json.loads(told.stdout)["cautions"]]


@pytest.mark.long
def test_a_changed_manifest_is_refused_until_it_is_accepted(stage):
    ids = stage.closure(3)
    stage.here(*RUN)
    stage.book("new")
    stage.write("closure.csv", [*ids[1:], "new"])
    refused = stage.here(*RUN)
    sent = stage.patched()
    accepted = stage.here(*RUN, "--accept-changed-manifest")

    assert 3 == refused.returncode
    assert "1 new, 1 gone, 2 in both" in refused.stderr
    assert "--accept-changed-manifest" in refused.stderr
    assert ids == sorted(sent)
    assert (0, {"cancelled": 4}) == (accepted.returncode, accepted.counts)
    assert [*sent, "new"] == stage.patched()


@pytest.mark.long
def test_a_manifest_sorted_anew_is_the_same(stage):
    ids = stage.closure(4)
    stage.here(*RUN, "--limit", "2")
    stage.write("closure.csv", reversed(ids))

    assert (0, {"cancelled": 4}) == ((ended := stage.here(*RUN)).returncode, ended.counts)
