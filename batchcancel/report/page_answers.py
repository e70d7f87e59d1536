"""What a manager asks of a closed day, and what a ledger can answer: four questions."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

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


class Later(NamedTuple):
    """A batch of the same selection that came later: so many rows were booked meanwhile.

    `at` is the end of its last run, by the API's clock as a search is; its beginning may not be.
    """

    name: str
    rows: int
    left: int
    at: datetime


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
    status: BatchStatus, story: Story, *, looks: Mapping[str, Look], later: Sequence[Later],
    named: str,
) -> list[Reply]:  # fmt: skip
    """The four answers; `looks` are the last ones by their kind, `named` is what is typed."""
    drift = looks.get("drift")
    first = [_is_empty(status, looks, later), _whom(status, named)]
    if status.batch.kind == "restore":
        first = [_is_back(status)]
    return [
        *first,
        _what_went_wrong(status, story),
        _trust(status, drift, named),
    ]


def _is_empty(status: BatchStatus, looks: Mapping[str, Look], later: Sequence[Later]) -> Reply:
    counts, ledger = status.counts, shlex.quote(status.ledger)
    selection, at = status.batch.selection, ""
    sweep = f"batchcancel find -o sweep.csv {selection} --not-in {ledger}" if selection else ""
    found: Mapping[str, int] = {}
    if (look := looks.get("sweep")) and all(one.at < look.looked_at for one in later):
        found, at = look.found, moment(look.looked_at, zone_of(status.batch))

    def reply(verdict: str, why: str) -> Reply:
        return Reply("Is the day empty?", verdict, why, sweep)

    still = {name: rows for name, rows, kind in parts(counts) if rows and kind != "gone"}
    if still:
        which = ", ".join(f"{grouped(rows)} {name}" for name, rows in still.items())
        left = f"{grouped(sum(still.values()))} of {grouped(counts.rows)}"
        return reply(f"No: {left} are left", f"{which}. {_booked(looks)}")
    drift = looks["drift"].found if "drift" in looks else {}
    if back := max(drift.get("alive", 0) + drift.get("moved", 0), found.get("again", 0)):
        why = "They were cancelled, and somebody has booked or moved them since."
        return reply(f"No: {grouped(back)} are back", why)
    done = f"All {grouped(counts.rows)} are cancelled"
    if new := found.get("new", 0) + sum(one.left for one in later):
        where = f"found on {at}, and in no batch" if found.get("new") else "in a batch of their own"
        return reply(f"No: {grouped(new)} were booked meanwhile", f"{done}; those are {where}.")
    if later:
        done += f", and {grouped(sum(one.rows for one in later))} that were booked meanwhile"
    if found.get("all"):
        return reply("Yes", f"{done}. A search on {at} found no other.")
    return reply("Yes, all that was listed", f"{done}. {'' if later else _booked(looks)}".strip())


def _booked(looks: Mapping[str, Look]) -> str:
    """What nobody has looked for yet."""
    windows = looks["plan"].found.get("windows", {}) if "plan" in looks else {}
    if not windows.get("open"):
        return "What was booked meanwhile is not among them."
    return (
        f"{_many(windows['open'], 'window')} were open: {_many(windows['places'], 'place')} "
        "could be booked meanwhile."
    )


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
