import shlex

import pytest

from batchcancel.report.summary import Standing, Summary, summary_text, what_next
from tests.tallies import counts_of

COMMAND = "batchcancel run closure.csv --yes"


def summary(*, ledger="closure.ledger.db", origin="https://h.example", **counts: object) -> Summary:
    return Summary(
        batch="closure",
        run_id="run-1",
        counts=counts_of(**counts),
        duplicates=0,
        requests=1234,
        rate_limited=2,
        elapsed_s=543.2,
        exit_code=0,
        ledger=ledger,
        origin=origin,
    )


def next_text(*, was_stopped=False, ledger="closure.ledger.db", held_back=0, **counts):
    standing = Standing(
        batch="closure", ledger=ledger, counts=counts_of(**counts), held_back=held_back
    )
    return what_next(standing, COMMAND, was_stopped=was_stopped)


_ALWAYS = ("Patients", "Whom to call", "A page of it")


def next_lines(**counts) -> dict[str, str]:
    """What each line says, by its first word; without what goes on in a line of its own."""
    lines = [one for one in next_text(**counts).split("\n") if not one.startswith(" ")]
    told = {name: rest.strip() for name, _, rest in (one.partition(":") for one in lines)}
    return {name: rest for name, rest in told.items() if name not in _ALWAYS}


def test_a_summary_begins_with_what_is_cancelled_and_ends_with_what_it_cost():
    lines = summary_text(summary(refused=490, cancelled=1500, already_cancelled=10)).splitlines()

    assert lines[0] == "Batch closure: 1,510 of 2,000 rows are cancelled"
    assert lines[-1] == (
        "  1,234 requests, 2 refused by the rate limit, 9 min 3 s; ledger closure.ledger.db"
    )


def test_a_summary_tells_every_count():
    text = summary_text(summary(cancelled=5, refused=3, skipped={"notice_window": 1}))
    shown = [" ".join(line.split()[:-1]) for line in text.splitlines()]

    for part in ("cancelled 5", "already_cancelled 0", "skipped: notice_window 1", "rows 9"):
        assert any(line.startswith(part) for line in shown)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"cancelled": 5}, {"Nothing is left to do.": ""}),
        ({"gave_up": 1}, {"To try again": COMMAND}),
        ({"open": 1}, {"To try again": COMMAND}),
        ({"waiting": 1500}, {"To try again": COMMAND}),
    ],
)
def test_what_is_left_is_told_with_what_to_type(counts, told):
    assert next_lines(**counts) == told


def test_what_was_held_back_was_asked_for_by_nobody():
    limited = next_lines(waiting=1500, held_back=1500)
    assert limited == {"Held back": "1,500; the same command without --limit"}


@pytest.mark.parametrize(
    ("counts", "outcomes"),
    [
        ({"rejected_rows": 1}, ["rejected_row"]),
        ({"not_found": 1}, ["not_found"]),
        ({"refused": 1}, ["refused"]),
        ({"needs_review": 1}, ["needs_review"]),
        ({"skipped": {"notice_window": 1}}, ["skipped"]),
        ({"refused": 1, "skipped": {"completed": 1}}, ["refused", "skipped"]),
    ],
)
def test_what_was_not_cancelled_can_be_exported(counts, outcomes):
    flags = " ".join(f"--outcome {name}" for name in outcomes)
    command = f"batchcancel export closure.ledger.db --batch closure -o left.csv {flags}"

    assert next_lines(**counts)["Not cancelled"] == command


@pytest.mark.parametrize("counts", [{"not_found": 3}, {"refused": 2, "not_found": 1}])
def test_what_the_api_said_no_to_is_sent_once_more_by_an_option(counts):
    assert next_lines(**counts)["Final"] == "3; the same command with --retry-refused"


def test_after_an_early_end_what_is_waiting_is_among_what_was_not_cancelled():
    told = next_lines(was_stopped=True, waiting=5, refused=1, skipped={"notice_window": 1})
    export = "batchcancel export closure.ledger.db --batch closure -o left.csv"

    assert told["To go on"] == COMMAND
    assert (
        told["Not cancelled"] == f"{export} --outcome skipped --outcome refused --outcome waiting"
    )


def test_a_list_with_rows_in_doubt_does_not_say_that_they_are_not_cancelled():
    export = "batchcancel export closure.ledger.db --batch closure -o left.csv"
    told = next_lines(was_stopped=True, open=2, gave_up=1)
    assert told["Not proved cancelled"] == f"{export} --outcome gave_up --outcome open"
    assert "Not cancelled" not in told
    assert "Not cancelled" in next_lines(open=2, refused=1)


def test_nobody_has_told_the_patients_and_the_list_of_whom_to_call_is_one_command_away():
    told = next_text(cancelled=5)
    export = "batchcancel export closure.ledger.db --batch closure -o call.csv"

    assert "Patients:       Nobody has told the patients, as far as is known: call them." in told
    assert f"Whom to call:   {export} --contacts" in told
    assert "Whom to call" not in next_text(already_cancelled=5)


def test_what_to_type_next_is_the_sweep_then_whom_to_call_then_the_page():
    counts = counts_of(cancelled=5)
    standing = Standing(
        batch="closure", ledger="l.db", counts=counts, selection="--date 2026-06-15"
    )
    lines = what_next(standing, COMMAND, was_stopped=False).splitlines()
    sweep, _, call, page = [line.partition(":")[2].strip() for line in lines]
    assert sweep == "batchcancel find -o sweep.csv --date 2026-06-15 --not-in l.db"
    assert call == "batchcancel export l.db --batch closure -o call.csv --contacts"
    assert page == "batchcancel report l.db --batch closure -o report.html"


@pytest.mark.parametrize(
    ("counts", "rows"),
    [({"needs_review": 2}, 2), ({"skipped": {"moved": 3, "unknown_status": 1}}, 4)],
)
def test_what_a_person_has_to_decide_is_told_with_what_to_type(counts, rows):
    assert next_lines(**counts)["To decide"].startswith(f"{rows} rows;")
    assert "batchcancel resolve closure.ledger.db --batch closure --as kept ID" in next_text(
        **counts
    )


def test_a_command_to_paste_survives_spaces_in_names():
    told = next_lines(refused=1, ledger="/data/closed day's.ledger.db")["Not cancelled"]
    assert "/data/closed day's.ledger.db" in shlex.split(told)
