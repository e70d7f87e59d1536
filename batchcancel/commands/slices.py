"""A run in slices: each sends what the rate limit's window has room for, and lets go of the batch.

The next goes on where that one stopped, and asks nothing twice; where others had the batch
meanwhile, or it is told something else, it plans anew. Both end as one run would.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import anyio

from batchcancel import wiring
from batchcancel.commands.plan import load_manifest
from batchcancel.commands.rest import Rest, rest_of
from batchcancel.commands.run import Finished, Slice, holding, new_run, require_slot, run, settled
from batchcancel.errors import ScopeMissing, StoppedEarly, TimeSpent
from batchcancel.events import Observer
from batchcancel.ledger.contract import Run
from batchcancel.policy.plan import Planned
from batchcancel.settings.load import Settings
from batchcancel.stop import Stop, background
from batchcancel.wiring import Surroundings, Tools


async def run_slice(
    settings: Settings, *, after: str | None, stop: Stop, observe: Observer,
    confirm: Callable[[Planned], Awaitable[None] | None], around: Surroundings | None = None,
) -> Finished:  # fmt: skip
    """Go on with what the slice `after` left, or begin.

    Where the window is full it ends with `WindowFull`; the summary at the end is of all slices.
    """
    around = around or Surroundings()
    if after is not None:
        async with wiring.tools(
            settings, wiring.for_run, ledger=settings.ledger, stop=stop, observe=observe,
            around=around,
        ) as tools:  # fmt: skip
            rest = rest_of(tools.ledger, settings, after)
            if rest is not None and rest.has_notes:
                manifest = await load_manifest(settings, stop=stop, observe=observe)
                rest = rest.with_notes(manifest)
            if rest is not None:
                return await _go_on(rest, settings, tools=tools, observe=observe, around=around)
    return await run(
        settings, stop=stop, observe=observe, confirm=confirm, around=around, in_slices=True
    )


async def _go_on(
    rest: Rest, settings: Settings, *, tools: Tools, observe: Observer, around: Surroundings
) -> Finished:
    now = around.now()
    lasted = max(0.0, (now - rest.began_at).total_seconds())
    most = settings.max_duration
    if most is None or lasted < most:
        require_slot(tools, settings, around=around, run_id=rest.run_id)
    if is_same_boot := bool(rest.boot) and rest.boot == around.boot.boot:
        tools.clock.take_over(rest.clock)
    run = new_run(settings.batch, settings.recorded(), run_id=None, now=tools.clock.now())
    async with holding(run, tools=tools):
        _require_as_left(rest, run, tools=tools)
        tools.ledger.keep_rest(run.batch, None)
        if not is_same_boot:
            await _ask_the_time(tools)
    tools.exchange.go_on(rest.spent, paused=max(0.0, (now - rest.paused_at).total_seconds()))
    of = Slice(rest.began_at, rest.digest, rest.has_notes, around)
    began = anyio.current_time() - lasted
    async with background(partial(_end, most, lasted, tools.stop)):
        return await settled(
            rest.work, run, settings, tools=tools, observe=observe, began=began, of=of
        )


def _require_as_left(rest: Rest, run: Run, *, tools: Tools) -> None:
    """Asked now that nobody else can have the batch, and the ledger has told what it lacks."""
    last = [one.run_id for one in tools.ledger.runs(run.batch)][-2:]
    if tools.ledger.went_back is not None or last != [rest.run_id, run.run_id]:
        raise StoppedEarly(
            "another run came in between two slices of this one, or the ledger lost what was "
            "written since",
            hint="Run the same command again: it plans anew.",
        )


async def _ask_the_time(tools: Tools) -> None:
    """On another machine, or after a boot, nobody knows how its clock is to the API's."""
    with tools.stop.raising_reason(), suppress(ScopeMissing):
        await tools.lookup.config()


async def _end(most: float | None, lasted: float, stop: Stop) -> None:
    """Stop when the time is over that all slices have together."""
    if most is not None:
        await anyio.sleep(max(0.0, most - lasted))
        stop.ask(TimeSpent(most))
