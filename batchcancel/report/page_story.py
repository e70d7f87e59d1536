"""How the runs of a batch went, by their requests: what failed, and the pauses that it made."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from batchcancel.errors import ExitCode, wrong
from batchcancel.ledger.contract import Run, Traffic

SHORTEST_PAUSE_S = 5.0
_PROOF = re.compile(r"[24]\d\d|[A-Z][A-Z0-9_]*", re.ASCII)
_BUSY = ("429", "RATE_LIMIT_EXCEEDED")
_NO_PROOF = re.compile(r"408|425|INTERNAL|UNAVAILABLE|TIMEOUT|GATEWAY|SERVER", re.ASCII)
_OURS = ("withdrawn", "turned_away")


class Pause(NamedTuple):
    """A stretch in which nothing was proved, and why."""

    began: datetime
    ended: datetime
    why: str

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


@dataclass(slots=True)
class Story:
    """The runs that did something, what was asked and answered, and where they stood still.

    To be refused is to do nothing, like finding nothing to do: neither is a story.
    """

    runs: Sequence[Run] = ()
    requests: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    refused: int = 0
    pauses: list[Pause] = field(default_factory=list)
    last: dict[str, datetime] = field(default_factory=dict)
    """When each run sent its last request."""


def read_story(runs: Sequence[Run], traffic: Iterable[Traffic]) -> Story:
    """Count the requests, and find the stretches between the last proof and the next."""
    story = Story()
    began: datetime | None = None
    run_id, codes = "", Counter[str]()

    def end(at: datetime) -> None:
        nonlocal began
        if began is not None and (at - began).total_seconds() >= SHORTEST_PAUSE_S:
            story.pauses.append(Pause(began, at, _why(codes)))
        began = None
        codes.clear()

    for one in traffic:
        if one.run_id != run_id:
            if run_id in story.last:
                end(story.last[run_id])
            run_id = one.run_id
        story.requests += 1
        story.asked[one.kind] += 1
        story.last[run_id] = one.sent_at
        result = one.result
        if result is None or result in _OURS:
            continue
        is_busy = result in _BUSY
        is_failed = not is_busy and (not _PROOF.fullmatch(result) or bool(_NO_PROOF.search(result)))
        story.refused += is_busy
        story.failed += is_failed
        if is_busy or is_failed:
            began = began or one.sent_at
            codes[result] += 1
        else:
            end(one.sent_at)
    if run_id in story.last:
        end(story.last[run_id])
    idle = {ExitCode.REFUSED, ExitCode.DONE, ExitCode.INCOMPLETE}
    busy = {*story.last} - {run.run_id for run in runs if run.exit_code == ExitCode.REFUSED}
    story.runs = [run for run in runs if run.run_id in busy or run.exit_code not in idle]
    return story


def _why(codes: Counter[str]) -> str:
    code, _ = codes.most_common(1)[0]
    if code in _BUSY:
        return "the rate limit: the API asked for patience"
    return f"no proof from the API: {wrong(code)}"
