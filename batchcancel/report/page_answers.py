"""What a manager asks of a closed day, and what a ledger can answer: four questions."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from batchcancel.appointments import Fact, OutcomeName, SkipReason
from batchcancel.errors import ExitCode
from batchcancel.ledger.contract import Look
from batchcancel.report.counts import Counts, key_of
from batchcancel.report.page_story import Story
from batchcancel.report.status import BatchStatus, Going, zone_of
from batchcancel.report.tables import grouped, moment
from batchcancel.settings.quantities import is_rehearsal

_NOT_CALLED = (SkipReason.COMPLETED, SkipReason.MARKED_DONE, SkipReason.KEPT)


class Reply(NamedTuple):
    """A question, its verdict, why that is so, and what to type; empty where nothing is."""

    question: str
    verdict: str
    why: str
    command: str = ""


def parts(counts: Counts) -> Iterator[tuple[str, int, str]]:
    """The states as they are called in tables, each with its rows, and its kind."""
    for name in OutcomeName:
        if name is OutcomeName.SKIPPED:
            for reason, rows in counts.skipped.items():
                yield f"{name}: {reason}", rows, _kind(facts_of(reason))
        else:
            yield key_of(name), counts[name], _kind(name.facts)
    yield "open", counts.open, "person"
    yield "waiting", counts.waiting, "waiting"


def facts_of(word: str | None) -> Fact:
    """The facts of an outcome, or of a reason to skip, by its word; a later program's has none."""
    return _FACTS.get(word or "", Fact(0))


_FACTS: dict[str, Fact] = {one.value: one.facts for one in (*OutcomeName, *SkipReason)}


def _kind(facts: Fact) -> str:
    return "gone" if Fact.GONE in facts else "person" if Fact.PERSON in facts else "left"


def _many(number: int, word: str) -> str:
    return f"{grouped(number)} {word}{'' if number == 1 else 's'}"


def answers(
    status: BatchStatus, story: Story, *, plan: Mapping[str, Any], drift: Look | None, named: str
) -> list[Reply]:
    """The four answers; `named` is the ledger and the batch as they are typed."""
    first = [_is_empty(status, plan, drift), _whom(status, named)]
    if status.batch.kind == "restore":
        first = [_is_back(status)]
    return [
        *first,
        _what_went_wrong(status, story),
        _trust(status, drift, named),
    ]


def _is_empty(status: BatchStatus, plan: Mapping[str, Any], drift: Look | None) -> Reply:
    question, counts, ledger = "Is the day empty?", status.counts, shlex.quote(status.ledger)
    selection = status.batch.selection
    sweep = f"batchcancel find -o sweep.csv {selection} --not-in {ledger}" if selection else ""
    windows = plan.get("windows", {})
    booked = "What was booked meanwhile is not among them."
    if windows.get("open"):
        booked = (
            f"{grouped(windows['open'])} windows were open: {grouped(windows['places'])} places "
            "could be booked meanwhile."
        )
    still = {name: rows for name, rows, kind in parts(counts) if rows and kind != "gone"}
    if still:
        which = ", ".join(f"{grouped(rows)} {name}" for name, rows in still.items())
        left = f"{grouped(sum(still.values()))} of {grouped(counts.rows)}"
        return Reply(question, f"No: {left} are left", f"{which}. {booked}", sweep)
    alive = sum(drift.found.get(one, 0) for one in ("alive", "moved")) if drift else 0
    if alive:
        why = "They were cancelled, and somebody has booked or moved them since."
        return Reply(question, f"No: {grouped(alive)} are back", why, sweep)
    return Reply(
        question, "Yes, all that was listed", f"All {grouped(counts.rows)} are cancelled. {booked}",
        sweep,
    )  # fmt: skip


def _is_back(status: BatchStatus) -> Reply:
    counts = status.counts
    back = f"{grouped(counts[OutcomeName.RESTORED])} of {grouped(counts.rows)}"
    is_all = counts[OutcomeName.RESTORED] == counts.rows
    why = (
        "Patients may have been told, and may have booked elsewhere; restoring tells them nothing."
    )
    return Reply("Is all of it back?", f"Yes: {back}" if is_all else f"No: {back} are back", why)


def _whom(status: BatchStatus, named: str) -> Reply:
    question, called = "Whom must I call?", status.counts[OutcomeName.CANCELLED]
    command = f"batchcancel export {named} -o call.csv --contacts"
    still = sum(rows for name, rows, kind in parts(status.counts) if kind != "gone")
    still -= status.counts[OutcomeName.RESTORED]
    still -= sum(status.counts.skipped.get(reason, 0) for reason in _NOT_CALLED)
    why = "The API fires no webhooks; do not count on patients having been told."
    also = f"The list also names what is not cancelled: {_many(still, 'row')}."
    if not called:
        return Reply(question, "Nobody to tell of it", "This batch has cancelled nothing.")
    verdict = f"{grouped(called)} who were cancelled"
    return Reply(question, verdict, f"{why} {also}" if still else why, command)


def _what_went_wrong(status: BatchStatus, story: Story) -> Reply:
    persons = status.counts.with_fact(Fact.PERSON) + status.counts.open
    ends = [run.exit_code for run in story.runs if run.ended_at is not None]
    early = sum(code not in (ExitCode.DONE, ExitCode.INCOMPLETE) for code in ends)
    told = [
        "The last run was broken off." if status.going is Going.BROKEN_OFF else "",
        f"Of {_many(len(story.runs), 'run')} {grouped(early)} ended early." if early else "",
        f"{_many(story.failed, 'request')} without proof, asked again." if story.failed else "",
        f"{_many(story.refused, 'request')} refused by the rate limit." if story.refused else "",
    ]
    why = " ".join(one for one in told if one)
    if persons:
        verdict, nothing = f"{_many(persons, 'row')} for a person", "They are listed below."
    elif status.counts.left:
        verdict, nothing = (
            f"{_many(status.counts.left, 'row')} to go on with",
            "Another run takes them up.",
        )
    elif why:
        verdict, nothing = "Nothing that lasts", ""
        why += " All of it was made good."
    else:
        verdict, nothing = "Nothing", "No request failed, and no run ended early."
    command = status.next.partition("\n")[0].partition(":")[2].strip() if status.counts.left else ""
    return Reply("What went wrong?", verdict, why or nothing, command)


def _trust(status: BatchStatus, drift: Look | None, named: str) -> Reply:
    question, verify = "Can I trust this?", f"batchcancel verify {named}"
    proof = "Each cancellation was proved by the appointment's own record, and the numbers add up."
    if is_rehearsal(status.batch.origin):
        return Reply(question, "It is a rehearsal", "No real appointment was touched.")
    if status.going is Going.RUNNING:
        return Reply(question, "Not yet", "A run is going on: these are its numbers so far.")
    if drift is None:
        return Reply(question, "Yes, as of the run", f"{proof} Nobody has looked since.", verify)
    still, at = drift.found["cancelled"], moment(drift.looked_at, zone_of(status.batch))
    if other := sum(drift.found.values()) - still:
        why = f"{grouped(other)} were not cancelled any more, or could not be read, on {at}."
        return Reply(question, "Not any more", why, verify)
    return Reply(question, "Yes", f"{proof} All {grouped(still)} were cancelled still on {at}.")
