"""Approval tokens: exactly what a plan showed, short enough to be copied from a terminal.

    a1-600-0-0-r1rgaev43vp728g356ksknn4kswbe4jpz7

The numbers are the appointments to be cancelled, those of the batch that were settled before, and
the second since which no record may have changed (0 where any may). Then follow two characters for
each of `PARTS`, eight for all of them together, and two against typing errors; of the key and the
notes there is a part of a hash alone.

It promises that nobody is cancelled who was not among those that the plan showed: rows that came
too late stay so, those that a limit held back are told by `limited`, and those that were left alone
for what was seen of them are not sent where their records changed since. A calendar whose windows
were moved meanwhile is no part of it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

PARTS: Final[Mapping[str, str]] = {
    "content": "the manifest",
    "origin": "the API's address",
    "key": "the API key",
    "batch": "the batch's name",
    "notice": "the notice hours",
    "timezone": "the timezone",
    "sessions": "the sessions of the job file",
    "statuses": "the statuses that are sent",
    "notes": "--notes",
    "ignored": "the columns that are ignored",
    "again": "--retry-refused",
    "limited": "the appointments that the limit lets through",
}
"""What an approval covers besides the number, in plain words."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # none that is read as another
_FOR_EACH, _FOR_ALL, _FOR_TYPING = 2, 8, 2
_TOKEN = re.compile(
    rf"(a1-([0-9]{{1,9}})-([0-9]{{1,9}})-([0-9]{{1,10}})-"
    rf"([{_ALPHABET}]{{{_FOR_EACH * len(PARTS)}}})"
    rf"([{_ALPHABET}]{{{_FOR_ALL}}}))([{_ALPHABET}]{{{_FOR_TYPING}}})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a token says; two plans that show the same have equal ones.

    `left_at` is when appointments were left alone for what was seen of them, None where none was;
    `unknown` names parts that nobody asked for, because nothing is decided by them.
    """

    eligible: int
    settled: int
    parts: Mapping[str, str]
    whole: str
    left_at: datetime | None = None
    unknown: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, *, eligible: int, settled: int, left_at: datetime | None = None, **texts: str | None
    ) -> Self:
        """The approval for so many appointments and for a text on each of `PARTS`; None: unknown.

        Equal texts must mean the same to a run.
        """
        lines = [f"{name} {len(texts[name] or '')} {texts[name] or ''}" for name in PARTS]
        return cls(
            eligible=eligible,
            settled=settled,
            parts={name: _digest(line, _FOR_EACH) for name, line in zip(PARTS, lines, strict=True)},
            whole=_digest("\n".join(lines), _FOR_ALL),
            left_at=left_at and left_at.replace(microsecond=0),
            unknown=frozenset(name for name in PARTS if texts[name] is None),
        )

    def __str__(self) -> str:
        left_at = 0 if self.left_at is None else int(self.left_at.timestamp())
        told = f"a1-{self.eligible}-{self.settled}-{left_at}-"
        told += f"{''.join(self.parts.values())}{self.whole}"
        return told + _digest(told, _FOR_TYPING)

    @property
    def number(self) -> int:
        """How many appointments of the batch it is for."""
        return self.eligible + self.settled

    def differences(self, now: "Approval") -> Iterator[str]:
        """What is another now than was approved, in plain words; fewer appointments are none."""
        more = now.number - self.number
        # Where more are to be cancelled, who they are needs no words.
        unasked = {"limited"} if more > 0 or now.eligible > self.eligible else set()
        known = [name for name in PARTS if name not in now.unknown | self.unknown | unasked]
        different = [PARTS[name] for name in known if self.parts[name] != now.parts[name]]
        if not different and len(known) == len(PARTS) and self.whole != now.whole:
            different = ["the manifest, the rules or the notes"]
        yield from different
        if now.eligible > self.eligible:
            yield f"{now.eligible:,} appointments to be cancelled, and {self.eligible:,} approved"
        elif more > 0:
            yield f"{more:,} appointments more than approved, with those that were settled since"


def approval(text: str) -> Approval:
    """The approval that a token says; ValueError for a text that is none, or was mistyped."""
    found = _TOKEN.fullmatch(text.strip().lower())
    if not found or _digest(found[1], _FOR_TYPING) != found[7]:
        raise ValueError("this is no approval: copy the whole of the token that plan shows")
    pairs = re.findall(f".{{{_FOR_EACH}}}", found[5])
    return Approval(
        eligible=int(found[2]),
        settled=int(found[3]),
        parts=dict(zip(PARTS, pairs, strict=True)),
        whole=found[6],
        left_at=datetime.fromtimestamp(int(found[4]), UTC) if int(found[4]) else None,
    )


def _digest(text: str, length: int) -> str:
    import hashlib  # late: --help needs none

    number = int.from_bytes(hashlib.sha256(f"approval {text}".encode()).digest())
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(length))
