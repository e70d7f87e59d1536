"""What a manager asks of a closed day, and what a ledger can answer: four questions."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from batchcancel.appointments import NOBODY_TO_TELL, Fact, OutcomeName, SkipReason
from batchcancel.errors import ExitCode
from batchcancel.ledger.contract import Look, Run
from batchcancel.report.counts import Counts, key_of
from batchcancel.report.page_story import Story
from batchcancel.report.status import BatchStatus, Going, zone_of
from batchcancel.report.summary import UNTOLD, headline, sweep
from batchcancel.report.tables import duration, grouped, many, moment
from batchcancel.settings.quantities import is_rehearsal

_STILL_COMING = ("person", "left", "waiting")


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
            kind = "back" if name is OutcomeName.RESTORED else _kind(name.facts)
            yield key_of(name), counts[name], kind
    yield "open", counts.open, "person"
    yield "waiting", counts.waiting, "waiting"


def facts_of(word: str | None) -> Fact:
    """The facts of an outcome, or of a reason to skip, by its word; a later program's has none."""
    return _FACTS.get(word or "", Fact(0))


_FACTS: dict[str, Fact] = {one.value: one.facts for one in (*OutcomeName, *SkipReason)}


def _kind(facts: Fact) -> str:
    return "gone" if Fact.GONE in facts else "person" if Fact.PERSON in facts else "left"


def _were(number: int) -> str:
    return f"{grouped(number)} {'was' if number == 1 else 'were'}"


def _low(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def answers(
    status: BatchStatus, story: Story, *, looks: Mapping[str, Look], later: Sequence[Later],
    named: str,
) -> list[Reply]:  # fmt: skip
    """The four answers; `looks` are the last ones by their kind, `named` is what is typed."""
    if status.batch.kind == "restore":
        first = [_is_back(status), _whom_to_tell(status)]
    else:
        first = [_is_empty(status, looks, later), _whom(status, named)]
    if is_rehearsal(status.batch.origin):
        first = [one._replace(verdict=f"In the rehearsal: {_low(one.verdict)}") for one in first]
    return [*first, _what_went_wrong(status, story), _trust(status, looks.get("drift"), named)]


def _is_empty(status: BatchStatus, looks: Mapping[str, Look], later: Sequence[Later]) -> Reply:
    counts, ledger = status.counts, shlex.quote(status.ledger)
    selection, at = status.batch.selection, ""
    command = sweep(status.batch.name, selection, ledger) + status.reach if selection else ""
    found: Mapping[str, int] = {}
    if (look := looks.get("sweep")) and all(one.at < look.looked_at for one in later):
        found, at = look.found, moment(look.looked_at, zone_of(status.batch))

    def reply(verdict: str, why: str) -> Reply:
        return Reply("Is the day empty?", verdict, why, command)

    still = {name: rows for name, rows, kind in parts(counts) if rows and kind != "gone"}
    if still:
        which = ", ".join(f"{grouped(rows)} {name}" for name, rows in still.items())
        left = f"{grouped(sum(still.values()))} of {grouped(counts.rows)}"
        return reply(f"No: {left} are left", f"{which}. {_booked(looks)}")
    drift = looks["drift"].found if "drift" in looks else {}
    if back := max(drift.get("alive", 0) + drift.get("moved", 0), found.get("again", 0)):
        why = "Cancelled here, and booked or moved by somebody since."
        return reply(f"No: {grouped(back)} came back", why)
    done = headline(counts)
    if new := found.get("new", 0) + sum(one.left for one in later):
        where = f"found on {at}, and in no batch" if found.get("new") else "in a batch of their own"
        return reply(f"No: {_were(new)} booked meanwhile", f"{done}. What came since is {where}.")
    if later:
        done += f", and {_were(sum(one.rows for one in later))} booked meanwhile and cancelled too"
    if found.get("all"):
        told = f"{done}. A search on {at} found no other."
        return reply("Yes", f"{told} {_were_open(looks)}".strip())
    if not counts.rows:
        return reply("Nobody has looked", "Nothing was listed.")
    return reply("Yes, all that was listed", f"{done}. {'' if later else _booked(looks)}".strip())


def _booked(looks: Mapping[str, Look]) -> str:
    """What nobody has looked for yet."""
    return _were_open(looks) or "What was booked meanwhile is not among them."


def _were_open(looks: Mapping[str, Look]) -> str:
    windows = looks["windows"].found["open"] if "windows" in looks else 0
    were = "was" if windows == 1 else "were"
    told = f"{many(windows, 'window')} {were} open: what is freed can be booked again at once."
    return told if windows else ""


def _is_back(status: BatchStatus) -> Reply:
    counts = status.counts
    back = f"{grouped(counts[OutcomeName.RESTORED])} of {grouped(counts.rows)}"
    is_all = counts[OutcomeName.RESTORED] == counts.rows
    still = {name: rows for name, rows, kind in parts(counts) if rows and kind != "back"}
    why = ", ".join(f"{grouped(rows)} {name}" for name, rows in still.items())
    return Reply(
        "Is all of it back?", f"Yes: {back}" if is_all else f"No: {back} are back",
        why or "Each is confirmed again, as before.",
    )  # fmt: skip


def _whom_to_tell(status: BatchStatus) -> Reply:
    back = status.counts[OutcomeName.RESTORED]
    why = (
        "Patients may have been told, and may have booked elsewhere; restoring tells them nothing."
    )
    told = ("Nobody", "Nothing was put back.") if not back else (f"{grouped(back)} put back", why)
    own = f"{shlex.quote(status.ledger)} --batch {shlex.quote(status.batch.name)}"
    command = f"batchcancel export {own} -o tell.csv --contacts{status.reach}"
    return Reply("Whom must I call?", *told, command if back else "")


def _whom(status: BatchStatus, named: str) -> Reply:
    called = status.counts[OutcomeName.CANCELLED]
    still = sum(rows for name, rows, kind in parts(status.counts) if kind in _STILL_COMING)
    still -= sum(status.counts.skipped.get(reason, 0) for reason in NOBODY_TO_TELL)
    why = f"{UNTOLD} The list says who cannot be reached."
    if still:
        why += f" It also names what is not cancelled: {many(still, 'row')}."
    if not called:
        why = f"{many(still, 'row')} not cancelled: the list names them." if still else ""
    verdict = f"{grouped(called)} who {'was' if called == 1 else 'were'} cancelled"
    command = f"batchcancel export {named} -o call.csv --contacts{status.reach}"
    return Reply(
        "Whom must I call?", verdict if called else "Nobody was cancelled", why,
        command if called or still else "",
    )  # fmt: skip


def _what_went_wrong(status: BatchStatus, story: Story) -> Reply:
    counts, early = status.counts, sum(_is_early(run) for run in story.runs)
    # A row in doubt is for the next run; a person is asked where that cannot read it.
    persons, doubt = counts.with_fact(Fact.PERSON) + counts.open - counts.in_doubt, counts.in_doubt
    stood = sum(pause.seconds for pause in story.pauses)
    told = [
        "The last run was broken off." if status.going is Going.BROKEN_OFF else "",
        f"Of {many(len(story.runs), 'run')} {grouped(early)} ended early." if early else "",
        f"{many(story.failed, 'request')} went unanswered or failed."
        if story.failed else "",
        f"The rate limit refused {many(story.refused, 'request')}." if story.refused else "",
        f"In all it stood still for {duration(stood)}." if stood else "",
    ]  # fmt: skip
    why = " ".join(one for one in told if one)
    if persons or doubt:
        found = [f"{many(persons, 'row')} for a person"] * bool(persons)
        found += [f"{many(doubt, 'row')} that the next run reads back"] * bool(doubt)
        verdict, nothing = ", ".join(found), "They are listed below."
    elif counts.left:
        verdict, nothing = f"{many(counts.left, 'row')} to go on with", "Another run takes them up."
    elif counts.are_all_marked_done:
        verdict, nothing = "Nothing was done", "The manifest's column outcome says: all is done."
    elif why:
        verdict, nothing = "Nothing that lasts", ""
        why += " All of it was made good."
    else:
        verdict, nothing = "Nothing", "No request failed, and no run ended early."
    command = status.command if counts.left else ""
    return Reply("What went wrong?", verdict, why or nothing, command)


def _is_early(run: Run) -> bool:
    return run.ended_at is not None and run.exit_code not in (ExitCode.DONE, ExitCode.INCOMPLETE)


def _trust(status: BatchStatus, drift: Look | None, named: str) -> Reply:
    question, verify = "Can I trust this?", f"batchcancel verify {named}{status.reach}"
    proof = "Each was proved by the appointment's own record, and the numbers add up."
    if is_rehearsal(status.batch.origin):
        return Reply(question, "It is a rehearsal", "No real appointment was touched.")
    if status.going is Going.RUNNING:
        return Reply(question, "Not yet", "A run is going on: these are its numbers so far.")
    if not status.counts[OutcomeName.CANCELLED]:  # nor can what was restored be verified
        told = proof if status.counts[OutcomeName.RESTORED] else "The numbers add up."
        return Reply(question, "Yes, as of the run", told)
    # What was looked at when fewer were cancelled says nothing of the others.
    if drift is None or sum(drift.found.values()) < status.counts[OutcomeName.CANCELLED]:
        return Reply(question, "Yes, as of the run", f"{proof} Nobody has looked since.", verify)
    still, at = drift.found["cancelled"], moment(drift.looked_at, zone_of(status.batch))
    if other := sum(drift.found.values()) - still:
        why = f"{_were(other)} not cancelled any more, or could not be read, on {at}."
        return Reply(question, "Not any more", f"{why} To see which:", verify)
    return Reply(question, "Yes", f"{proof} All {grouped(still)} were cancelled still on {at}.")
