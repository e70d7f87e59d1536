"""Columns of a manifest by their names as people write them: which are read as what."""

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import polars as pl

from batchcancel.appointments import RejectedRow
from batchcancel.errors import InputError
from batchcancel.settings.quantities import COLUMNS, ID

_SHOWN_NAMES, _SHOWN_LENGTH = 12, 40
_SHORT = 6
_FOUND = ("batch", "status", "updated_at")


@dataclass(frozen=True, slots=True)
class Columns:
    """`used` has our names and those of the file, in our order; `ignored` are the file's others."""

    used: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @property
    def used_in_words(self) -> str:
        return ", ".join(
            our if our == name else f"{our} from {shortened(name)}"
            for our, name in self.used.items()
        )

    @property
    def strange(self) -> Sequence[str]:
        """The others, without those that `find` writes beside what is read."""
        return [one for one in self.ignored if "selection" not in self.used or one not in _FOUND]

    @property
    def strange_in_words(self) -> str:
        return quoted(self.strange)


class Table(NamedTuple):
    """The used columns of a file as text, with the `line` of each row.

    `rejected` are rows that cannot even be parsed, `read_as` says how the bytes became a table.
    """

    frame: pl.DataFrame
    columns: Columns
    rejected: Sequence[RejectedRow] = ()
    read_as: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator says of the columns: names to ignore, others as `NAME=HEADER`.

    `date_format`, of `strptime`, is how days are written where they are not ISO 8601.
    """

    ignoring: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    date_format: str | None = None


NOTHING_ASKED: Final = Asked()


def columns_of(names: Sequence[str], asked: Asked = NOTHING_ASKED) -> Columns:
    """Find the columns in use among the names of a file; `InputError` where one is in doubt."""
    ignored = {
        name for one in asked.ignoring for name in _found(one, names, option="--ignore-column")
    }
    # A column that --column names may be ignored by our name for it too.
    unread = {plain(one) for one in asked.ignoring if one not in names}
    named = {our: header for our, header in _named(asked).items() if our not in unread}
    found = {our: _found(header, names, option="--column") for our, header in named.items()}
    taken = ignored.union(*found.values())
    for name in names:
        if name not in taken and plain(name) in COLUMNS and plain(name) not in named:
            found.setdefault(plain(name), []).append(name)
    _refuse_same(names, found)
    used = {our: found[our][0] for our in map(str, COLUMNS) if our in found}
    left = tuple(name for name in names if name not in used.values())
    _refuse_near_misses([name for name in left if name not in ignored], used)
    if ID not in used:
        likely = next((name for name in names if plain(name) == "id"), "NAME")
        raise InputError(
            f"the manifest has no column {ID}; its columns are {quoted(names)}",
            hint="Its first line names the columns. Say which has the ids: "
            + _typed("--column", f"{ID}={likely}"),
        )
    return Columns(used, left)


def has_id(names: Sequence[str], asked: Asked) -> bool:
    """Whether the column that is needed is among the names."""
    told = _named(asked).get(ID, ID)
    return told in names or plain(told) in map(plain, names)


def renamed(frame: pl.DataFrame, used: Mapping[str, str]) -> pl.DataFrame:
    """The columns in use, under our names: of others some, like `*`, are patterns to polars."""
    return pl.DataFrame([frame.get_column(name).alias(our) for our, name in used.items()])


def plain(name: str) -> str:
    """A name as people mean it: case, blanks, hyphens, underscores and unseen characters apart."""
    seen = "".join(one for one in name if unicodedata.category(one) != "Cf")
    return "_".join(filter(None, re.split(r"[\s_-]+", seen.casefold())))


def quoted(names: Sequence[str]) -> str:
    """Names as literals, cut to a length, so that they can neither steer a terminal nor fill it."""
    shown = [shortened(name) for name in names[:_SHOWN_NAMES]]
    more = len(names) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])


def shortened(text: str, literal: Callable[[str], str] = repr) -> str:
    return literal(text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "...")


def _named(asked: Asked) -> dict[str, str]:
    pairs = (one.partition("=") for one in asked.named)
    return {plain(our): header for our, _, header in pairs}


def _found(name: str, names: Sequence[str], *, option: str) -> list[str]:
    """The column of that very name, else those that mean it."""
    found = [name] if name in names else [one for one in names if plain(one) == plain(name)]
    if not found and not (option == "--ignore-column" and plain(name) in COLUMNS):
        raise InputError(
            f"the manifest has no column {shortened(name)} to be read or ignored; its columns are "
            f"{quoted(names)}",
            hint=f"Check the name given with {option}.",
        )
    return found


def _refuse_same(names: Sequence[str], found: Mapping[str, Sequence[str]]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise InputError(
            f"the manifest has more than one column named {quoted(twice)}",
            hint="Give every column a name of its own.",
        )
    for our, headers in found.items():
        if len(headers) > 1:
            raise InputError(
                f"the manifest has more than one column that means {our}: {quoted(headers)}",
                hint=f"Leave others than one out: {_typed('--ignore-column', headers[-1])}",
            )


def _refuse_near_misses(names: Sequence[str], found: Collection[str]) -> None:
    # These two are not missed by themselves: they stand beside others, in files of our own.
    absent = {*COLUMNS} - {*found, "reason", "selection"}
    # In a short word one letter may be another, else two.
    most = {our: 1 if len(our) < _SHORT else 2 for our in COLUMNS if our in absent}
    misspelt = {one: our for one in names for our in most if _is_close(plain(one), our, most[our])}
    if not misspelt:
        return
    meant = " ".join(_typed("--column", f"{our}={name}") for name, our in misspelt.items())
    other = " ".join(_typed("--ignore-column", name) for name in misspelt)
    raise InputError(
        f"the manifest has no column {', '.join(misspelt.values())}, but {quoted([*misspelt])}: "
        f"did you mean {', '.join(misspelt.values())}?",
        hint=f"If so, type {meant} or rename it. If it is something else, type {other}",
    )


def _typed(option: str, value: str) -> str:
    """An option as it is typed; its values have commas between them, so one inside is quoted."""
    if re.search('[",\n]', value):
        value = '"{}"'.format(value.replace('"', '""'))
    return f"{option} {shlex.quote(value)}"


def _is_close(one: str, other: str, most: int) -> bool:
    """At most so many letters added, missing, changed or swapped."""
    if one == other or not most:
        return one == other
    if one[:1] == other[:1]:
        return _is_close(one[1:], other[1:], most)
    ways = [(one[1:], other), (one, other[1:]), (one[1:], other[1:])]
    if one[:2] == other[1::-1]:
        ways.append((one[2:], other[2:]))
    return any(_is_close(*way, most - 1) for way in ways)
