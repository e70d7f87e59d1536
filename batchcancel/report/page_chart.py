"""The two pictures of the page, as numbers for SVG: what happened as one bar, and over time."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from batchcancel.api import Rate
from batchcancel.report.page_story import Pause, Story
from batchcancel.report.tables import duration, many
from batchcancel.settings import quantities

WIDTH, HEIGHT = 720.0, 220.0
_BAR, _POINTS = 1000.0, 240


class Part(NamedTuple):
    """A part of the bar, from `x` on; the whole is 1,000 wide."""

    name: str
    rows: int
    kind: str
    x: float
    width: float


def bar(parts: Iterable[tuple[str, int, str]]) -> list[Part]:
    """The parts that have rows, as wide as their share."""
    there = [one for one in parts if one[1]]
    whole, before = sum(rows for _, rows, _ in there), 0
    drawn = []
    for name, rows, kind in there:
        drawn.append(Part(name, rows, kind, _BAR * before / whole, _BAR * rows / whole))
        before += rows
    return drawn


@dataclass(slots=True)
class Chart:
    """Cancellations over time; runs stand side by side, without the time between them."""

    line: str = ""
    limits: list[str] = field(default_factory=list)
    pauses: list[tuple[float, float, str]] = field(default_factory=list)
    runs: list[tuple[float, datetime]] = field(default_factory=list)
    most: int = 0
    told: str = ""


class _Span(NamedTuple):
    began: float
    ended: float
    x: float
    rate: Rate | None


def chart(settled: Iterable[datetime], story: Story) -> Chart | None:
    """None where nothing was cancelled."""
    moments = sorted(one.timestamp() for one in settled)
    if not moments:
        return None
    spans = _spans(story, moments)
    seconds = spans[-1].x + spans[-1].ended - spans[-1].began
    drawn = Chart(most=len(moments))

    def point(x: float, count: float) -> str:
        return f"{WIDTH * x / seconds:.1f},{HEIGHT * (1 - count / drawn.most):.1f}"

    points = []
    for span in spans:
        before = bisect_right(moments, span.began)
        steps = max(1, round(_POINTS * (span.ended - span.began) / seconds))
        for step in range(steps + 1):
            at = span.began + (span.ended - span.began) * step / steps
            points.append(point(span.x + at - span.began, bisect_right(moments, at)))
        lasts = span.ended - span.began
        if span.rate is not None:
            # So many may be sent at once, and then no more than that in each window.
            first = min(before + span.rate.limit, drawn.most)
            pace = span.rate.per_minute / 60
            lasts = min(lasts, (drawn.most - first) / pace)
            ends = point(span.x + lasts, first + pace * lasts)
            drawn.limits.append(f"{point(span.x, first)} {ends}")
    drawn.line = " ".join(points)
    drawn.runs = [
        (WIDTH * span.x / seconds, datetime.fromtimestamp(span.began, tz=UTC)) for span in spans
    ]
    drawn.pauses = [*_drawn(story.pauses, spans, WIDTH / seconds)]
    ends = f"in {many(len(spans), 'run')} and {duration(seconds)}"
    drawn.told = f"{many(drawn.most, 'cancellation')} {ends}, {many(len(story.pauses), 'pause')}"
    return drawn


def _drawn(
    pauses: Iterable[Pause], spans: Iterable[_Span], scale: float
) -> Iterator[tuple[float, float, str]]:
    """Where each pause lies, and how wide it is."""
    for pause in pauses:
        begins, ends = pause.began.timestamp(), pause.ended.timestamp()
        for span in spans:
            if span.began <= begins <= span.ended:
                width = scale * (min(ends, span.ended) - begins)
                yield scale * (span.x + begins - span.began), max(width, 1.0), pause.why
                break


def _spans(story: Story, moments: list[float]) -> list[_Span]:
    """The runs that sent something, from their beginning to their last request or proof."""
    spans: list[_Span] = []
    x = 0.0
    for run in story.runs:
        last = story.last.get(run.run_id)
        if last is None:
            continue
        began = run.started_at.timestamp()
        ended = max((run.ended_at or last).timestamp(), last.timestamp(), began + 1.0)
        spans.append(_Span(began, ended, x, _rate(str((run.options or {}).get("rate", "")))))
        x += ended - began
    return spans or [_Span(moments[0] - 1.0, moments[-1] + 1.0, 0.0, None)]


def _rate(told: str) -> Rate | None:
    """None where there was no limit, or none is told."""
    try:
        rate = quantities.rate(told)
    except ValueError:
        return None
    return None if rate.is_unlimited else rate
