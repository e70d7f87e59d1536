"""Text tables of counts, for people. Imports little, so that `status` starts quickly."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from batchcancel.appointments import Fact, OutcomeName, SkipReason
from batchcancel.report.counts import Counts, key_of
from batchcancel.settings.quantities import is_rehearsal

Figure = tuple[str, int | str, str]
"""One line of a table: a name, a number, a remark."""

_LONGEST = 36
SHOWN_ROWS = 20
"""How many rejected rows are named, by line and reason; all of them are counted."""

READ_BACK = "the next run reads them back before it sends"

WHY_LEFT = {
    SkipReason.NOTICE_WINDOW: "less than {notice} of notice left",
    SkipReason.ALREADY_STARTED: "their time has come",
    SkipReason.COMPLETED: "the visit took place",
    SkipReason.MOVED: "elsewhere now than the manifest says",
    SkipReason.MARKED_DONE: "by the manifest's column outcome",
    SkipReason.UNKNOWN_STATUS: "neither documented nor named with --status",
}
"""Why rows are left alone, by the reason; what a restore leaves is told in its plan."""


def whose(origin: str) -> str:
    """Whose appointments they are: nobody's, in a rehearsal."""
    if is_rehearsal(origin):
        return f"Rehearsal at {origin}: no real appointment is touched."
    return f"At {origin}: these are real appointments."


def headed(origin: str, text: str) -> str:
    """The text, and before it that it is about a rehearsal, where it is."""
    return f"{whose(origin)}\n{text}" if is_rehearsal(origin) else text


def moment(when: datetime, zone: tzinfo | None) -> str:
    """A time in the clinic's timezone; in UTC when that is not known."""
    local = when.astimezone(zone) if zone else when
    return f"{local:%a %Y-%m-%d %H:%M} {zone or 'UTC'}"


def grouped(count: int) -> str:
    return f"{count:,}"


def many(count: int, noun: str) -> str:
    """So many of them, in the singular where it is one."""
    return f"{grouped(count)} {noun}{'' if count == 1 else 's'}"


def cut(lines: Sequence[str]) -> list[str]:
    """The first ones, and how many more there are."""
    more = len(lines) - SHOWN_ROWS
    return [*lines[:SHOWN_ROWS], *([f"  and {grouped(more)} more"] if more > 0 else [])]


def table(figures: Iterable[Figure]) -> list[str]:
    """Aligned columns: names, numbers flush right, remarks."""
    rows = _in_words(figures)
    label = max(len(name) for name, _, _ in rows)
    width = max(len(value) for _, value, _ in rows)
    return [
        f"  {name:<{label}}  {value:>{width}}  {remark}".rstrip() for name, value, remark in rows
    ]


def markdown_table(head: tuple[str, str, str], figures: Iterable[Figure]) -> list[str]:
    """The same as a table of Markdown; nothing in a cell is markup."""
    rows = [[_cell(one) for one in row] for row in [head, *_in_words(figures)]]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---|---:|---|", *lines[1:]]


def literal(text: str) -> str:
    """The text as Markdown that shows it as it is."""
    return re.sub(r"[\\`*_\[\]<>|~&]", r"\\\g<0>", text)


def _cell(text: str) -> str:
    return f"- {literal(text.strip())}" if text.startswith("  ") else literal(text)


def _in_words(figures: Iterable[Figure]) -> list[tuple[str, str, str]]:
    return [
        (name, value if isinstance(value, str) else grouped(value), remark)
        for name, value, remark in figures
    ]


def plain(word: str) -> str:
    """As a literal, cut to a length, so that it can neither steer a terminal nor fill it."""
    return repr(word)[1:-1][:_LONGEST]


def count_table(counts: Counts) -> list[str]:
    """Every state that has rows, and their sum."""
    return table(count_figures(counts))


def count_figures(counts: Counts) -> list[Figure]:
    """The lines of that table."""
    told: list[Figure] = []
    for name in OutcomeName:
        if name is OutcomeName.SKIPPED:
            told += [(f"{name}: {why}", n, _left_alone(why)) for why, n in counts.skipped.items()]
        elif counts[name] or (Fact.GONE in name.facts and not counts[OutcomeName.RESTORED]):
            told.append((key_of(name), counts[name], name.remark))
    if counts.open:
        told.append(("open", counts.open, "result unknown; the next run reads them back"))
    if counts.waiting:
        told.append(("waiting", counts.waiting, "not sent yet, or turned away"))
    told.append(("rows", counts.rows, "in all"))
    if counts.in_doubt > counts.open:  # else the line above tells
        how = {"open": counts.open, "gave up": counts.in_doubt - counts.open}
        which = ", ".join(f"{grouped(rows)} {name}" for name, rows in how.items() if rows)
        told.append(("in doubt", counts.in_doubt, f"{which}; {READ_BACK}"))
    return told


def _left_alone(reason: str) -> str:
    told = {str(one): why for one, why in WHY_LEFT.items()}
    told["notice_window"] = "too little notice left"  # how much is needed the ledger does not tell
    why = told.get(reason, OutcomeName.SKIPPED.remark)
    is_for_a_person = any(one == reason and Fact.PERSON in one.facts for one in SkipReason)
    return f"{why}; somebody must look" if is_for_a_person else why


def duration(seconds: float) -> str:
    """`42 s`, `9 min 3 s`, `2 h 46 min`."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
